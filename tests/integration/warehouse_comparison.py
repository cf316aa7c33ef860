"""Compare two warehouse files table by table, and say in words what differs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import duckdb
import pytest
from incremental_worlds import SOURCE_SYSTEM

SCHEMAS = ("staging", "intermediate", "marts", "quality")
# These hold the rows that the last run read, and what they touched.
NOT_COMPARED = ("staging.stg_contract__*", "intermediate.int_touched_keys")
LOAD_COLUMNS = ("loaded_at",)
EXAMPLES = 2
ACCOUNTS = 8


@dataclass
class Comparison:
    """Two warehouse files, table by table; `accounts` limits tables to the rows of these accounts."""

    left: Path
    right: Path
    names: tuple[str, str]
    seed: int
    accounts: tuple[str, ...] = ()

    def __enter__(self) -> Comparison:
        self.connection = duckdb.connect(config={"threads": 2})
        self.connection.execute("set TimeZone = 'UTC'")
        for name, path in (("left", self.left), ("right", self.right)):
            self.connection.execute(f"attach '{path}' as \"{name}\" (read_only)")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def tables(self, side: str, schemas: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
        """Compared tables of one side with their columns as (name, type)."""
        rows = self.connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()"
            " where database_name = ? and list_contains(?, schema_name) order by 1, column_index",
            [side, list(schemas)],
        ).fetchall()
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, data_type in rows:
            if not any(fnmatch(table, pattern) for pattern in NOT_COMPARED) and column not in LOAD_COLUMNS:
                tables.setdefault(table, []).append((column, data_type))
        return tables

    def differences(self, schemas: tuple[str, ...], has_account: bool | None = None) -> list[str]:
        """A paragraph for each table that differs; `has_account=True` passes over tables without accounts."""
        left, right = self.tables("left", schemas), self.tables("right", schemas)
        found = [f"{table}: only in one of the warehouses" for table in sorted(left.keys() ^ right.keys())]
        for table in sorted(left.keys() & right.keys()):
            if left[table] != right[table]:
                found.append(f"{table}: other columns {sorted(set(left[table]) ^ set(right[table]))}")
            elif has_account is None or has_account == ("account_key" in dict(left[table])):
                found += self._compare(table, left[table])
        return found

    def _compare(self, table: str, columns: list[tuple[str, str]]) -> list[str]:
        """Compare one table as a multiset of rows."""
        shown = ", ".join(_comparable(name, data_type) for name, data_type in columns)
        where = " where list_contains(?, account_key)" if self.accounts else ""
        for side in ("left", "right"):
            # A view names the tables it reads without a database, so it must be read in its own.
            self.connection.execute(f'use "{side}"')
            self.connection.execute(
                f"create or replace temp table {side}_rows as select {shown} from {table}{where}",
                [list(self.accounts)] if self.accounts else [],
            )
        self.connection.execute("use memory")
        only = {}
        for side, other in (("left", "right"), ("right", "left")):
            cursor = self.connection.execute(
                f"select * from temp.main.{side}_rows except all"
                f" select * from temp.main.{other}_rows order by all"
            )
            only[side] = [
                dict(zip([name for name, _ in columns], row, strict=True)) for row in cursor.fetchall()
            ]
        if not only["left"] and not only["right"]:
            return []
        return [self._explain(table, only["left"], only["right"])]

    def _explain(self, table: str, left: list[dict], right: list[dict]) -> str:
        """Say which accounts differ, how many rows, and show the first rows of either side."""
        accounts = sorted({row["account_key"] for row in left + right if row.get("account_key")})
        lines = [f"{table}: {len(left)} rows only in {self.names[0]}, {len(right)} only in {self.names[1]}"]
        if accounts:
            short = [account.removeprefix(f"{SOURCE_SYSTEM}/") for account in accounts]
            more = f" and {len(short) - ACCOUNTS} more" if len(short) > ACCOUNTS else ""
            alone = f"INCREMENTAL_CASES={self.seed}:{short[0]}"
            lines.append(f"  accounts: {', '.join(short[:ACCOUNTS])}{more}; one alone: {alone}")
        if left and right:
            pairs = zip(left, right, strict=False)
            columns = {name for one, other in pairs for name in one if one[name] != other[name]}
            if len(columns) <= 6:
                lines.append(f"  paired in order they differ in: {', '.join(sorted(columns))}")
        for name, rows in zip(self.names, (left, right), strict=True):
            lines += [f"  only in {name}: {_short(row)}" for row in rows[:EXAMPLES]]
        return "\n".join(lines)


def _comparable(name: str, data_type: str) -> str:
    """SQL of a column as it is compared: the last digits of a float depend on the order of its summands."""
    if data_type in ("DOUBLE", "FLOAT"):
        return f'format(\'{{:.8e}}\', "{name}" + 0.0) as "{name}"'
    return f'"{name}"'


def _short(row: dict) -> str:
    """The row without empty columns."""
    return json.dumps({name: value for name, value in row.items() if value is not None}, default=str)


def fail_with(differences: list[str], folder: Path) -> None:
    """Fail with all differing tables, the lowest layer first: the others often follow from it."""
    order = {schema: number for number, schema in enumerate(SCHEMAS)}
    ordered = sorted(differences, key=lambda text: order[text.partition(".")[0]])
    if ordered:
        title = f"{len(ordered)} tables differ between the warehouses below {folder}."
        pytest.fail("\n\n".join([title, *ordered]), pytrace=False)
