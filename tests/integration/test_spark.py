"""The same landing files make the same tables on DuckDB and on Spark, in one run and in many.

The scenarios of tests/scenarios run on Spark too: `DBT_TARGET=spark make scenarios`.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from incremental_worlds import account_names, account_settings, world, write_batch
from warehouse_comparison import Comparison, fail_with

from orchestration.build import run_dbt
from orchestration.mirror import make_mirror

if not importlib.util.find_spec("pyspark"):
    pytest.skip("Spark is not installed: make setup-spark", allow_module_level=True)

PUBLIC_SCHEMAS = ("staging", "marts", "quality")
# Short runs: compiling less of them takes less time than it saves.
QUICK_JAVA = "-XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class Case:
    """Accounts with late rows, merges and corrections, delivered in batches with a run after each."""

    seed: int
    cases: int
    clock_cases: int
    batches: int
    command: str


CASES = [
    pytest.param(Case(seed=31, cases=6, clock_cases=2, batches=2, command="run"), id="two runs"),
    pytest.param(
        Case(seed=32, cases=60, clock_cases=20, batches=4, command="build"),
        id="four builds",
        marks=pytest.mark.slow,
    ),
]


@dataclass
class Engines:
    """The file that shows what Spark built, and the file that DuckDB built from the same landing files."""

    folder: Path
    case: Case

    @property
    def spark(self) -> Path:
        """The mirror of the Spark tables."""
        return self.folder / "spark.duckdb"

    @property
    def duckdb(self) -> Path:
        """The warehouse of one fresh run."""
        return self.folder / "fresh" / "journeys.duckdb"

    def build(self) -> None:
        """Deliver and build batch by batch on Spark, then all of it at once on DuckDB."""
        worlds = [
            world(self.case.seed, account, self.case.batches)
            for account in account_names(self.case.cases, self.case.clock_cases)
        ]
        landing = self.folder / "landing"
        (landing / "journey_events").mkdir(parents=True)
        variables = {"account_settings": account_settings(worlds)}
        for batch in range(self.case.batches):
            write_batch(worlds, batch, landing)
            self._dbt("spark", landing, self.spark, variables)
        make_mirror(landing, self.spark, variables, self.folder / "target_spark")
        self._dbt("duckdb", landing, self.duckdb, variables)

    def _dbt(self, engine: str, landing: Path, warehouse: Path, variables: dict) -> None:
        run_dbt(
            [self.case.command, "--target", engine, "--exclude-resource-type", "unit_test"]
            if self.case.command == "build"
            else ["build", "--target", engine, "--resource-type", "model", "--resource-type", "seed"],
            landing=landing,
            warehouse=warehouse,
            variables=variables,
            target_path=self.folder / f"target_{engine}",
            log_path=self.folder / f"logs_{engine}",
        ).raise_for_error()


@pytest.fixture(scope="module", params=CASES)
def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Both engines' tables of one case."""
    built = Engines(tmp_path_factory.mktemp("spark"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_SPARK_JAVA_OPTIONS", QUICK_JAVA)
        built.build()
    yield built
    shutil.rmtree(built.folder)


def test_runs_on_spark_make_the_tables_of_one_run_on_duckdb(engines: Engines) -> None:
    names = ("Spark", "DuckDB")
    with Comparison(engines.spark, engines.duckdb, names, engines.case.seed) as comparison:
        assert len(comparison.tables("left", PUBLIC_SCHEMAS)) > 80
        fail_with(comparison.differences(PUBLIC_SCHEMAS), engines.folder)


def test_every_run_but_the_first_is_incremental(engines: Engines) -> None:
    with duckdb.connect(str(engines.spark), read_only=True) as connection:
        modes = connection.execute("select mode from ops.run_summary order by started_at").fetchall()
    assert modes == [("full",), *[("incremental",)] * (engines.case.batches - 1)]
