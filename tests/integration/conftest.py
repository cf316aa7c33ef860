"""Fixtures of the integration tests: landing folders, staged tables and the warehouse of the demo data."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT, DbtResult, run_dbt


@dataclass
class Landing:
    """A landing folder, and the folder where dbt works on it."""

    root: Path
    work: Path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write one file below the landing root, compressed when its name ends with .gz."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def warehouse(self, name: str = "scratch") -> Path:
        """A DuckDB file of this test run."""
        return self.work / f"{name}.duckdb"

    def dbt(self, arguments: list[str], warehouse: str = "scratch") -> DbtResult:
        """Run one dbt command over this landing folder."""
        return run_dbt(
            arguments,
            landing=self.root,
            warehouse=self.warehouse(warehouse),
            # The same for every test, as is the scratch warehouse: a change would make dbt parse all anew.
            variables={"default_source_account": "main"},
            target_path=self.work / "target",
            log_path=self.work / "logs",
        )

    def stage(self, warehouse: str = "scratch") -> DbtResult:
        """Build the staged contract tables."""
        return self.dbt(["run", "--select", "path:models/staging/contract"], warehouse)


@pytest.fixture(scope="session")
def new_landing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Landing]:
    """Makes landing folders that do not exist yet; dbt works on all of them in one place."""
    work = tmp_path_factory.mktemp("dbt")
    numbers = count()
    return lambda: Landing(work / f"landing_{next(numbers)}", work)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, duckdb.DuckDBPyConnection]:
    """Truth of a small demo data set and a read-only connection to the warehouse built from it."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "simulator", "--out", str(folder), "--events", "20000", "--seed", "7"]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True)
    warehouse = folder / "warehouse.duckdb"
    run_dbt(
        ["build"], landing=folder / "landing", warehouse=warehouse, target_path=folder / "target"
    ).raise_for_error()
    truth = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
    return truth, duckdb.connect(str(warehouse), read_only=True)
