"""Fixtures of the integration tests: landing folders and the staged tables built from them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from orchestration.build import DbtResult, run_dbt


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
