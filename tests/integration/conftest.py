"""Fixtures of the integration tests: landing folders and the staged tables built from them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.build import DbtResult, run_dbt

STAGING = ["run", "--select", "path:models/staging/contract"]


@dataclass
class Landing:
    """A landing folder and the place of the warehouse that dbt builds from it."""

    folder: Path
    target_path: Path

    @property
    def root(self) -> Path:
        """The folder dbt reads as landing root."""
        return self.folder / "landing"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file dbt writes."""
        return self.folder / "warehouse.duckdb"

    def write(self, name: str, content: str | bytes) -> Path:
        """Write one file below the landing root, compressed when its name ends with .gz."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def dbt(self, arguments: list[str], variables: dict | None = None, warehouse: str = "warehouse") -> DbtResult:
        """Run one dbt command over this landing folder."""
        return run_dbt(
            arguments,
            landing=self.root,
            warehouse=self.folder / f"{warehouse}.duckdb",
            variables=variables,
            target_path=self.target_path,
            log_path=self.folder / "logs",
        )

    def stage(self, variables: dict | None = None) -> DbtResult:
        """Build the staged contract tables."""
        return self.dbt(STAGING, variables)


@pytest.fixture(scope="session")
def new_landing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Landing]:
    """Makes empty landing folders; all share one dbt target folder, so that dbt reads the project once."""
    target_path = tmp_path_factory.mktemp("dbt_target")
    return lambda: Landing(tmp_path_factory.mktemp("landing"), target_path)
