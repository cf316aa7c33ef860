"""Command line options of the test suite."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The project is no installed package: its modules are imported from its root.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


# Begun first, so that no processor waits for them at the end.
LONGEST_FILES = ("test_spark.py", "test_incremental.py", "test_crash_safety.py", "test_pipeline.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    order = {name: number for number, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options of the scenario harness."""
    group = parser.getgroup("scenarios")
    group.addoption(
        "--scenario-file",
        action="append",
        default=[],
        metavar="PATH",
        help="Scenario file to evaluate; repeatable. The given files replace the built-in ones.",
    )
    group.addoption(
        "--scenario-report",
        metavar="FILE",
        help="Write every comparison of the scenarios that ran to this JSON file.",
    )
