"""Input of a scenario as a folder of files: thousands of rows, read and written as sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from scenarios.vocabulary import ALWAYS_VISIBLE, EVENT_TABLES

FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "json",
    ".jsonl.gz": "json",
    ".ndjson": "json",
    ".ndjson.gz": "json",
}


@dataclass
class InputFolder:
    """The files of one scenario; `selects` holds (table, format, SQL of its rows in contract columns)."""

    path: Path
    aliases: dict[str, str]
    defaults: dict[str, dict[str, Any]]
    selects: list[tuple[str, str, str]] = field(default_factory=list)
    row_count: int = 0

    def read(self, contract: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
        """Prepare the selects; yield (place, message) for everything the contract does not know."""
        if not self.path.is_dir():
            yield "input_folder", f"no folder {self.path}"
            return
        files: dict[tuple[str, str], list[str]] = {}
        for file in sorted(self.path.rglob("*")):
            if not file.is_file() or file.name.startswith((".", "_")):
                continue
            place = file.relative_to(self.path)
            suffix = next((suffix for suffix in FORMATS if file.name.endswith(suffix)), None)
            name = place.parts[0] if len(place.parts) > 1 else place.name.removesuffix(suffix or "")
            table = name.removeprefix("raw_")
            if suffix is None:
                yield f"input_folder/{place}", "unknown file type"
            elif table not in contract:
                yield f"input_folder/{place}", "unknown table"
            else:
                files.setdefault((table, FORMATS[suffix]), []).append(str(file))
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for (table, form), paths in files.items():
                found = _columns(connection, form, paths)
                for column in sorted({self.aliases.get(name, name) for name in found} - set(contract[table])):
                    yield f"input_folder.{table}.{column}", "unknown column"
                counted = connection.execute(f"select count(*) from {_relation(form, paths)}").fetchone()
                self.row_count += counted[0]
                columns = self._columns(table, form, found, contract[table])
                self.selects.append((table, form, f"select {columns} from {_relation(form, paths)}"))

    def _columns(self, table: str, form: str, found: dict[str, str], contract: tuple[str, ...]) -> str:
        """Select list of one table and format, aliases and defaults applied, every column as text."""
        defaults = self.defaults.get(table) or {}
        values = {}
        for column in contract:
            sources = [name for name in found if self.aliases.get(name, name) == column]
            default = _literal(defaults.get(column))
            if sources:
                values[column] = _value(form, sources, found, default)
            elif default != "null":
                values[column] = default
        received = values.get("occurred_at", "null") if table in EVENT_TABLES else _literal(ALWAYS_VISIBLE)
        values["received_at"] = f"coalesce({values.get('received_at', 'null')}, {received})"
        return ", ".join(f"{value} as {column}" for column, value in values.items())

    def write(self, accounts: list[str], landing: Path, name: str) -> None:
        """Write the rows once for each account, one Parquet file for each table and format."""
        listed = ", ".join(f"({_literal(account)})" for account in accounts)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for table, form, select in self.selects:
                target = landing / table / f"{name}_{form}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                rows = f"({select}) as input cross join (values {listed}) as accounts (source_account)"
                connection.execute(
                    f"copy (select 'custom' as source_system, source_account, input.* from {rows})"
                    f" to {_literal(str(target))} (format parquet)"
                )


def _relation(form: str, paths: list[str]) -> str:
    """Table function over all files of one table and format."""
    listed = "[" + ", ".join(map(_literal, paths)) + "]"
    if form == "parquet":
        return f"read_parquet({listed}, union_by_name = true, hive_partitioning = false)"
    if form == "csv":
        return (
            f"read_csv({listed}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"',"
            " union_by_name = true, hive_partitioning = false)"
        )
    return f"read_ndjson_objects({listed}, hive_partitioning = false)"


def _columns(connection: duckdb.DuckDBPyConnection, form: str, paths: list[str]) -> dict[str, str]:
    """Column names of the files with their types; of JSON lines every key that occurs."""
    relation = _relation(form, paths)
    if form == "json":
        rows = connection.execute(f"select distinct unnest(json_keys(json)) from {relation}").fetchall()
        return {name: "JSON" for (name,) in sorted(rows)}
    return {
        name: kind for name, kind, *_ in connection.execute(f"describe select * from {relation}").fetchall()
    }


def _value(form: str, sources: list[str], found: dict[str, str], default: str) -> str:
    """Text of a column; a JSON line without the key, not one with an explicit null, takes the default."""
    if form == "json":
        cases = " ".join(
            f"when json_exists(json, {_literal(path)}) then json ->> {_literal(path)}"
            for path in (f'$."{source}"' for source in sources)
        )
        return f"case {cases} else {default} end"
    source = '"' + sources[0].replace('"', '""') + '"'
    kind = found[sources[0]]
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"cast(timezone('UTC', {source}) as varchar)"
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return f"cast(to_json({source}) as varchar)"
    return f"cast({source} as varchar)"


def _literal(value: Any) -> str:
    """SQL text literal of a default, a path or a name; null stays null."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("'", "''") + "'"
