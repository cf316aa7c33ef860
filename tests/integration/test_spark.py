"""The same landing files make the same tables on DuckDB and on Spark, in one run and in many.

The scenarios of tests/scenarios run on Spark too: `DBT_TARGET=spark make scenarios`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import yaml
from incremental_worlds import account_names, account_settings, world, write_batch
from jinja2 import Template
from spark_plans import parse_plan
from warehouse_comparison import Comparison, fail_with

from orchestration.build import PROJECT_ROOT, run_dbt
from orchestration.mirror import make_mirror, show_table

SparkSession = pytest.importorskip(
    "pyspark.sql", reason="Spark is not installed: make setup-spark"
).SparkSession

PUBLIC_SCHEMAS = ("staging", "marts", "quality")
# Short runs: compiling less of them takes less time than it saves.
QUICK_JAVA = (
    "-XX:TieredStopAtLevel=1 -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN"
)

# Joins without an equality, each with a side of a few rows, which Spark broadcasts where it may.
SMALL_SIDES = {
    "dim_date": "digits",
    "dim_period": "period_presets",
    "export_user_level": "the measures of a fact",
    "fct_attribution_credit": "the attribution models",
    "int_message_events_enriched": "bot_user_agents",
    "mart_alerts": "dim_date, and the measures of an alert",
    "mart_campaign_funnel": "the steps of a funnel",
    "mart_channel_daily": "the sets that are rolled up",
    "mart_definition_differences": "definition_differences",
    "mart_delivery_issues": "the sets that are rolled up",
    "mart_journey_daily": "the sets that are rolled up",
    "mart_message_trend": "the sets and grains that are rolled up",
}
# These number the groups (and days) that their rows are about, which are few beside the messages in them.
NUMBERED_GROUPS = {
    "int_journey_period_measures",
    "mart_campaign_platform",
    "mart_campaign_stats",
    "mart_campaign_variant_stats",
    "mart_channel_daily",
    "mart_channel_stats",
    "mart_delivery_issues",
    "mart_engagement_stats",
    "mart_journey_daily",
    "mart_message_stats",
    "mart_message_trend",
    "mart_step_stats",
}
GLOBAL_WINDOW = re.compile(r"Window .*\n.*Sort .*\n.*Exchange SinglePartition")


# Enough to read every kind of file, to attribute, to count messages and users, and to audit.
FEW_MODELS = (
    "+fct_attribution_credit",
    "+fct_node_transitions",
    "+mart_channel_stats",
    "+mart_journey_overview",
    "+quality_load_audit",
)


@dataclass(frozen=True)
class Case:
    """Accounts with late rows, merges and corrections, delivered in batches with a run after some of them."""

    seed: int
    cases: int
    clock_cases: int
    batches: int
    # Batches that a run follows, the last one among them.
    runs: tuple[int, ...]
    # Models to build; all of them, and their tests, when empty.
    models: tuple[str, ...] = ()
    # Format of the tables: iceberg or parquet.
    tables: str = "iceberg"


CASES = [
    pytest.param(
        Case(seed=31, cases=6, clock_cases=2, batches=3, runs=(2,), models=FEW_MODELS), id="one run"
    ),
    pytest.param(
        Case(seed=31, cases=6, clock_cases=2, batches=3, runs=(0, 1, 2)),
        id="three runs",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Case(seed=32, cases=60, clock_cases=20, batches=4, runs=(0, 1, 2, 3)),
        id="four runs",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Case(seed=33, cases=6, clock_cases=2, batches=3, runs=(1, 2), models=FEW_MODELS, tables="parquet"),
        id="plain Parquet",
        marks=pytest.mark.slow,
    ),
]


@dataclass
class Engines:
    """The file that shows what Spark built, and the file that DuckDB built from the same landing files."""

    folder: Path
    case: Case
    # Of Spark, in this process, after the last run.
    session: SparkSession | None = None

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
            if batch in self.case.runs:
                self._dbt("spark", landing, self.spark, variables)
        make_mirror(landing, self.spark, variables, self.folder / "target_spark")
        self.session = self._start_session()
        self._show_views()
        self._dbt("duckdb", landing, self.duckdb, variables)

    def models(self) -> list[dict]:
        """The manifest's entries of the models built on Spark, with their compiled SQL as `query`."""
        target = self.folder / "target_spark"
        manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        compiled = target / "compiled" / manifest["metadata"]["project_name"]
        files = {key: compiled / node["original_file_path"] for key, node in manifest["nodes"].items()}
        return [
            {**node, "query": files[key].read_text(encoding="utf-8")}
            for key, node in manifest["nodes"].items()
            if node["resource_type"] == "model" and files[key].exists()
        ]

    def _start_session(self) -> SparkSession:
        profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
        values = {**os.environ, "JOURNEY_SPARK_WAREHOUSE": str(self.folder / "spark")}
        builder = SparkSession.builder.enableHiveSupport()
        for name, value in profile["journeys"]["outputs"]["spark"]["server_side_parameters"].items():
            builder = builder.config(name, Template(str(value)).render(env_var=values.get))
        return builder.getOrCreate()

    def _show_views(self) -> None:
        """Let the mirror show the views' rows as Spark computes them, where it has DuckDB compute them."""
        with duckdb.connect(str(self.spark)) as connection:
            for model in self.models():
                if model["config"]["materialized"] == "view":
                    table, folder = f"{model['schema']}.{model['alias']}", self.folder / model["name"]
                    rows = self.session.table(table)
                    rows.write.parquet(str(folder))
                    files = [str(path) for path in folder.glob("*.parquet")]
                    show_table(connection, {"table": table, "columns": rows.dtypes, "files": files})

    def _dbt(self, engine: str, landing: Path, warehouse: Path, variables: dict) -> None:
        chosen = ["--exclude-resource-type", "unit_test"]
        if self.case.models:
            chosen = ["--resource-type", "model", "--resource-type", "seed", "--select", *self.case.models]
        run_dbt(
            ["build", "--target", engine, *chosen],
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
        patch.setenv("JOURNEY_SPARK_TABLES", request.param.tables)
        built.build()
    yield built
    built.session.stop()
    shutil.rmtree(built.folder)


def test_runs_on_spark_make_the_tables_of_one_run_on_duckdb(engines: Engines) -> None:
    names = ("Spark", "DuckDB")
    with Comparison(engines.spark, engines.duckdb, names, engines.case.seed) as comparison:
        assert len(comparison.tables("left", PUBLIC_SCHEMAS)) > (30 if engines.case.models else 80)
        fail_with(comparison.differences(PUBLIC_SCHEMAS), engines.folder)


def test_every_run_but_the_first_is_incremental(engines: Engines) -> None:
    if engines.case.models:
        pytest.skip("a run of some models leaves no summary")
    with duckdb.connect(str(engines.spark), read_only=True) as connection:
        modes = connection.execute("select mode from ops.run_summary order by started_at").fetchall()
    assert modes == [("full",), *[("incremental",)] * (len(engines.case.runs) - 1)]


def test_facts_are_partitioned_by_the_month_of_their_day(engines: Engines) -> None:
    if engines.case.tables != "iceberg":
        pytest.skip("plain Parquet tables are not partitioned")
    facts = [model for model in engines.models() if model["name"].startswith("fct_")]
    tables = [model for model in facts if model["config"]["materialized"] != "view"]
    assert tables
    for table in tables:
        partitions = engines.session.table(f"{table['schema']}.{table['alias']}.partitions")
        fields = partitions.schema["partition"].dataType.names
        assert re.fullmatch(r"\w+_date_month", ",".join(fields)), table["name"]


@pytest.fixture(scope="module")
def plans(engines: Engines) -> dict[str, str]:
    """Model -> its physical plan when no table is small enough to be broadcast."""
    for prefix in ("spark.sql", "spark.sql.adaptive"):
        engines.session.conf.set(f"{prefix}.autoBroadcastJoinThreshold", "-1")
    engines.session.conf.set("spark.sql.debug.maxToStringFields", "1000")
    return {
        model["name"]: engines.session.sql(model["query"])._jdf.queryExecution().executedPlan().toString()
        for model in engines.models()
    }


def test_only_a_small_side_is_joined_without_an_equality(plans: dict[str, str]) -> None:
    assert len(plans) > 40
    found = {
        name
        for name, plan in plans.items()
        if "CartesianProduct" in plan or "BroadcastNestedLoopJoin" in plan
    }
    assert found == SMALL_SIDES.keys() & plans.keys()


def test_only_lists_of_groups_are_sorted_in_one_partition(plans: dict[str, str]) -> None:
    found = {name for name, plan in plans.items() if GLOBAL_WINDOW.search(plan)}
    assert found == NUMBERED_GROUPS & plans.keys()


def test_rows_are_joined_with_rows_by_a_key_that_few_of_them_share(plans: dict[str, str]) -> None:
    joins = {
        name: [join.text for join in parse_plan(plan).walk() if join.crowds_one_task]
        for name, plan in plans.items()
    }
    assert {name: found for name, found in joins.items() if found} == {}
