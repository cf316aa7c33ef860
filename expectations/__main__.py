"""Command line: `python -m expectations` judges a warehouse and exits 1 when it must not be served."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from expectations.runner import blocking_failures, run_expectations
from expectations.suites import SuiteError
from orchestration.cli import RunError, run_lock

WAIT_SECONDS = 30


def main() -> int:
    """Judge one warehouse, print what failed, and return the exit code: 0, 1 blocked, 2 not judged."""
    parser = argparse.ArgumentParser(prog="python -m expectations", description=__doc__.split(":")[0])
    parser.add_argument(
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("JOURNEY_WAREHOUSE", "warehouse/journeys.duckdb")),
        help="DuckDB file to judge (default: JOURNEY_WAREHOUSE)",
    )
    parser.add_argument("--report", type=Path, help="HTML file to write (default: quality.html beside it)")
    parser.add_argument("--run-id", help="name of the run in quality.quality_results (default: the UTC time)")
    arguments = parser.parse_args()
    warehouse = arguments.warehouse.resolve()
    report = (arguments.report or warehouse.with_name("quality.html")).resolve()
    run_id = arguments.run_id or f"manual {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    console = Console(highlight=False, soft_wrap=True)
    if not warehouse.exists():
        console.print(f"There is no warehouse at {warehouse}. Run 'make run' first.", markup=False)
        return 2
    try:
        with run_lock(warehouse, WAIT_SECONDS, console):
            results = run_expectations(warehouse, run_id, report)
    except (RunError, SuiteError, ValueError) as error:
        console.print(str(error), markup=False)
        return 2
    for result in results:
        if result.passed:
            continue
        label = "Failed" if result.severity == "blocking" else "Warning"
        lines = [
            f"{label}: {result.suite} {result.expectation}: {result.observed} (allowed: {result.threshold})"
        ]
        console.print("\n    ".join([*lines, *result.examples]), markup=False)
    blocking = blocking_failures(results)
    warnings = sum(not result.passed for result in results) - len(blocking)
    console.print(
        f"{len(results)} expectations: {len(blocking)} blocking failures, {warnings} warnings.", markup=False
    )
    console.print(f"Report: {report}", markup=False)
    return 1 if blocking else 0


if __name__ == "__main__":
    sys.exit(main())
