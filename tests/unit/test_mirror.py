"""The DuckDB file over the tables of a Spark build, without Spark."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.cli import RunError
from orchestration.mirror import make_mirror, show_tables

COLUMNS = [["name", "string"], ["number", "int"], ["sent_at", "timestamp"], ["day", "date"]]


def test_timestamps_are_utc_without_a_zone_whatever_zone_the_reader_is_in(tmp_path: Path) -> None:
    file = tmp_path / "a b's.parquet"
    path = str(file).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select 'n' as name, 1 as number, timestamptz '2026-03-01 12:00:00Z' as sent_at,"
            f" date '2026-03-01' as day) to '{path}' (format parquet)"
        )
        connection.execute("set TimeZone = 'America/New_York'")
        show_tables(connection, [{"table": "marts.sends", "columns": COLUMNS, "files": [f"file:{file}"]}])
        rows = connection.execute("select * from marts.sends").fetchall()
    assert rows == [("n", 1, datetime(2026, 3, 1, 12), date(2026, 3, 1))]


def test_a_table_without_files_keeps_its_types() -> None:
    with duckdb.connect() as connection:
        show_tables(connection, [{"table": "marts.sends", "columns": COLUMNS, "files": []}])
        shape = connection.execute("select column_name, column_type from (describe marts.sends)").fetchall()
        assert connection.execute("select count(*) from marts.sends").fetchone() == (0,)
    assert shape == [("name", "VARCHAR"), ("number", "INTEGER"), ("sent_at", "TIMESTAMP"), ("day", "DATE")]


def test_views_of_the_build_before_are_gone_and_results_stay() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema quality")
        connection.execute("create table quality.quality_results as select 1 as run_id")
        for name in ("marts.old", "marts.new"):
            show_tables(connection, [{"table": name, "columns": COLUMNS, "files": []}])
        names = connection.execute("select table_name from information_schema.tables order by 1").fetchall()
    assert names == [("new",), ("quality_results",)]


def test_a_warehouse_that_duckdb_built_is_not_replaced(tmp_path: Path) -> None:
    warehouse = tmp_path / "journeys.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.mart_overview as select 1 as total_entries")
    with pytest.raises(RunError, match=r"marts.mart_overview is a table in it.*Set JOURNEY_WAREHOUSE"):
        make_mirror(tmp_path, warehouse, {}, tmp_path / "target")
