"""A DuckDB file over the tables of a Spark build: what audit, publish, exports and reports read.

Every table becomes a view on the Parquet files of its newest snapshot, every view of the project a view on
those. Nothing is copied. Files of a snapshot never change, so the mirror shows one build until the next.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from orchestration.build import run_dbt
from orchestration.cli import RunError, open_warehouse

# What the mirror itself holds as tables: the history of results, and the notes of the pipeline.
KEPT = ("quality.quality_results", "ops.")
SPARK_TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp"}
STORES = {"file:": "", "s3a://": "s3://", "abfss://": "abfss://", "gs://": "gs://"}


def make_mirror(landing: Path, warehouse: Path, variables: dict, target_path: Path) -> None:
    """Let the DuckDB file `warehouse` show the tables of the Spark target as they are now.

    Raises DbtError when the tables cannot be listed, RunError when the file holds a warehouse of its own.
    """
    places = {"landing": landing, "warehouse": warehouse, "variables": variables}
    _refuse_other_warehouse(warehouse)
    listed = run_dbt(
        ["run-operation", "spark_table_files", "--target", "spark"],
        target_path=target_path / "mirror_files",
        log_path=target_path,
        **places,
    ).raise_for_error()
    tables = [json.loads(line) for line in listed.stdout.splitlines() if line.startswith('{"')]
    with open_warehouse(warehouse, read_only=False) as connection:
        show_tables(connection, tables)
    folder = target_path / "mirror_views"
    run_dbt(
        ["compile", "--target", "duckdb", "--select", "config.materialized:view"],
        target_path=folder,
        log_path=target_path,
        **places,
    ).raise_for_error()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with open_warehouse(warehouse, read_only=False) as connection:
        known = {table["table"] for table in tables}
        for name, parents, query in _in_order(manifest, folder):
            if parents <= known:
                _create_view(connection, name, query)
                known.add(name)


def show_tables(connection: duckdb.DuckDBPyConnection, tables: list[dict]) -> None:
    """Replace every view by one for each table: its name (`table`), `columns` (name, Spark type), `files`."""
    connection.execute("begin")
    _remove_views(connection)
    for table in tables:
        show_table(connection, table)
    connection.execute("commit")


def show_table(connection: duckdb.DuckDBPyConnection, table: dict) -> None:
    """Create or replace the view of one table."""
    _create_view(connection, table["table"], _select(table["columns"], table["files"]))


def _in_order(manifest: dict, folder: Path) -> list[tuple[str, set[str], str]]:
    """Name, names of what it reads, and query of every view of the project, each after those it reads."""
    views = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }
    ordered: list[str] = []

    def add(key: str) -> None:
        if key in views and key not in ordered:
            for parent in views[key]["depends_on"]["nodes"]:
                add(parent)
            ordered.append(key)

    for key in views:
        add(key)
    names = {key: f"{node['schema']}.{node['alias']}" for key, node in manifest["nodes"].items()}
    compiled = folder / "compiled" / manifest["metadata"]["project_name"]
    return [
        (
            names[key],
            {names[parent] for parent in views[key]["depends_on"]["nodes"]},
            (compiled / views[key]["original_file_path"]).read_text(encoding="utf-8"),
        )
        for key in ordered
    ]


def _refuse_other_warehouse(warehouse: Path) -> None:
    """Stop when the file holds the tables of a build by DuckDB."""
    if not warehouse.exists():
        return
    with open_warehouse(warehouse, read_only=True) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() order by all"
            ).fetchall()
            if not name.startswith(KEPT)
        ]
    if tables:
        raise RunError(
            f"{warehouse} was built by DuckDB ({tables[0]} is a table in it), so it is not replaced by the "
            "tables of Spark. Set JOURNEY_WAREHOUSE to another file, such as warehouse/spark.duckdb."
        )


def _remove_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove the views of the mirror before."""
    for name in connection.execute(
        "select '\"' || schema_name || '\".\"' || view_name || '\"' from duckdb_views() where not internal"
    ).fetchall():
        connection.execute(f"drop view {name[0]}")


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """Create or replace one view, and its schema."""
    connection.execute(f"create schema if not exists {name.split('.')[0]}")
    connection.execute(f"create or replace view {name} as {query}")


def _select(columns: list[list[str]], files: list[str]) -> str:
    """The query over the files of one table, in the types that DuckDB has for those of Spark."""
    values = []
    for name, kind in columns:
        value = f'"{name}"' if files else "null"
        # Parquet tells an instant; the warehouse's timestamps are UTC without a zone.
        value = f"make_timestamp(epoch_us({value}))" if files and kind == "timestamp" else value
        values.append(f'cast({value} as {SPARK_TYPES.get(kind, kind)}) as "{name}"')
    source = f"from read_parquet([{', '.join(map(_text, files))}])" if files else "where false"
    return f"select {', '.join(values)} {source}"


def _text(path: str) -> str:
    """The place of a file as DuckDB names it, as an SQL text."""
    for store, known in STORES.items():
        if path.startswith(store):
            path = known + path.removeprefix(store)
            break
    return "'" + path.replace("'", "''") + "'"
