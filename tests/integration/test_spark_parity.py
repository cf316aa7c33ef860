"""The same landing files give the same public tables on DuckDB and on Spark, row for row."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT, run_dbt

pytest.importorskip("pyspark", reason="the extra `spark` is not installed")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Spark needs a Java runtime", allow_module_level=True)

pytestmark = pytest.mark.slow

PUBLIC_SCHEMAS = ("seeds", "staging", "marts", "quality")
TYPES = {
    "VARCHAR": "string",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
# Read from the clock of the file system, which Spark tells in milliseconds.
LEFT_OUT = {"loaded_at"}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, object]]:
    """A connection and a session on the warehouses built from one small landing folder."""
    folder = tmp_path_factory.mktemp("parity")
    command = [sys.executable, "-m", "simulator", "--out", str(folder), "--events", "2000", "--seed", "7"]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True)
    landing = folder / "landing"
    spark_warehouse = folder / "spark"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_SPARK_WAREHOUSE", str(spark_warehouse))
        for target in ("duckdb", "spark"):
            run_dbt(
                ["build", "--target", target, "--full-refresh", "--exclude-resource-type", "unit_test"],
                landing=landing,
                warehouse=folder / "warehouse.duckdb",
                target_path=folder / f"target_{target}",
                log_path=folder / "logs",
            ).raise_for_error()
        session = spark_session()
        yield duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True), session
        session.stop()


def spark_session() -> object:
    """A session with the settings of the profile."""
    import yaml
    from pyspark.sql import SparkSession

    profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
    settings = profile["journeys"]["outputs"]["spark"]["server_side_parameters"]
    builder = SparkSession.builder.enableHiveSupport()
    for name, value in settings.items():
        template = "{{ env_var('JOURNEY_SPARK_WAREHOUSE', 'warehouse/spark') }}"
        builder = builder.config(name, value.replace(template, os.environ["JOURNEY_SPARK_WAREHOUSE"]))
    return builder.getOrCreate()


def plain(value: object) -> object:
    """The value with decimals of equal amount made equal."""
    return value.normalize() if isinstance(value, Decimal) and value else value


def sort_key(row: tuple) -> tuple:
    return tuple((v is None, f"{v:.6g}" if isinstance(v, float) else str(v)) for v in row)


def equal(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right


def differences(connection: duckdb.DuckDBPyConnection, session: object, table: str) -> list[str]:
    """What is not the same in a table of both engines."""
    described = [row[:2] for row in connection.execute(f"describe {table}").fetchall()]
    on_spark = {field.name: field.dataType.simpleString() for field in session.table(table).schema}
    expected = {name: TYPES.get(kind, kind.lower().replace(" ", "")) for name, kind in described}
    if on_spark != expected:
        wrong = sorted(set(on_spark.items()) ^ set(expected.items()))
        return [f"{table}: columns differ: {wrong}"]
    names = [name for name in expected if name not in LEFT_OUT]
    columns = ", ".join(f'"{name}"' for name in names)
    rows = connection.execute(f"select {columns} from {table}").fetchall()
    spark_rows = session.table(table).select(*[f"`{name}`" for name in names]).collect()
    left = sorted((tuple(map(plain, row)) for row in rows), key=sort_key)
    right = sorted((tuple(map(plain, row)) for row in spark_rows), key=sort_key)
    if len(left) != len(right):
        return [f"{table}: {len(left)} rows on DuckDB, {len(right)} on Spark"]
    return [
        f"{table}.{name}: {a!r} on DuckDB, {b!r} on Spark"
        for one, other in zip(left, right, strict=True)
        for name, a, b in zip(names, one, other, strict=True)
        if not equal(a, b)
    ]


def test_every_table_is_the_same_on_both_engines(engines: tuple) -> None:
    connection, session = engines
    tables = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where list_contains(?, table_schema) order by 1",
        [list(PUBLIC_SCHEMAS)],
    ).fetchall()
    assert len(tables) > 80
    found = [line for (table,) in tables for line in differences(connection, session, table)]
    assert not found, "\n".join(found[:50])
