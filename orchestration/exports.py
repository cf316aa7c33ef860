"""Write the exports to files, all or one: `python -m orchestration.exports export_pw_users --format xlsx`."""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration.cli import PLAIN_WIDTH, RunError, open_warehouse

BATCH_ROWS = 10_000
# What the engine may hold while it sorts the rows of a table; what does not fit goes to a scratch folder.
SORT_MEMORY = "512MB"
SORT_THREADS = 4
# Limits of the xlsx format.
SHEET_ROWS = 1_048_576
CELL_CHARACTERS = 32_767
# A spreadsheet takes a text that starts like this for a formula; the last four are the full-width signs.
FORMULA_START = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n\0]")
VALUE_FILTERS = ("account", "journey", "version", "node", "channel", "goal", "status", "category")
# Words rather than ids: typed by hand, so their case does not matter.
WORD_FILTERS = ("channel", "status", "category")
# Filters that every export with a journey knows, column or not: filter -> column of dim_journey.
JOURNEY_FILTERS = {"status": "journey_status", "category": "category"}
BASES = ("event", "send_cohort", "entry_cohort")
ALL = "ALL"
NO_JOURNEY = "none"
ALL_TIME = "all_time"
HEADERS_SQL = """
select export_name, export_description, grain, column_name, header, filter_name
from marts.export_headers
order by export_name, column_position
"""


class UnknownOptionError(RunError):
    """An option that this export does not have; other exports may."""


@dataclass(frozen=True)
class Column:
    """One column of an export: its name in the model, its header in the file and the filter it serves."""

    name: str
    header: str
    filter: str | None


@dataclass(frozen=True)
class Export:
    """One export model, as its YAML describes it."""

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]

    @property
    def filters(self) -> dict[str, str]:
        """Filter name -> column name."""
        return {column.filter: column.name for column in self.columns if column.filter}

    @property
    def has_periods(self) -> bool:
        """Whether the rows are figures per period, with a twin that counts any range of days."""
        return "period" in self.filters

    @property
    def lists_users(self) -> bool:
        """Whether the rows are users or events, millions perhaps, rather than figures."""
        return not self.has_periods or "metric" in self.filters

    @property
    def options(self) -> list[str]:
        """The filter options this export knows, in the order of the help text."""
        known = {*self.filters}
        if "journey" in known:
            known |= {*JOURNEY_FILTERS}
        if self.has_periods:
            known |= {"version", "day"}
        if "day" in known:
            known |= {"period", "from", "to"}
        names = (*VALUE_FILTERS, "metric", "period", "basis", "from", "to")
        return [f"--{name}" for name in names if name in known]


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of an export go into the file."""

    values: dict[str, list[str]] = field(default_factory=dict)
    period: str | None = None
    basis: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    search: str | None = None
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The row filters, for a message; empty without one."""
        parts = [f"{name} = {' or '.join(values)}" for name, values in self.values.items()]
        parts += [f"period {self.period}"] if self.period else []
        parts += [f"basis {self.basis}"] if self.basis else []
        parts += [f"from {self.first_day}"] if self.first_day else []
        parts += [f"to {self.last_day}"] if self.last_day else []
        parts += [f"text {self.search!r}"] if self.search else []
        return ", ".join(parts)


@dataclass
class Query:
    """SQL text and its parameters, put together piece by piece."""

    source: str
    source_parameters: list = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    parameters: list = field(default_factory=list)

    def require(self, condition: str, *parameters: object) -> None:
        """Add one condition on the rows."""
        self.conditions.append(condition)
        self.parameters += parameters


def read_exports(connection: duckdb.DuckDBPyConnection) -> dict[str, Export]:
    """Every export of the warehouse by name."""
    try:
        rows = connection.execute(HEADERS_SQL).fetchall()
    except duckdb.CatalogException as error:
        raise RunError("The warehouse holds no exports. Run 'make run' to build them.") from error
    exports: dict[str, Export] = {}
    for name, description, grain, column, header, filter_name in rows:
        known = exports.get(name, Export(name, description, grain, ()))
        columns = (*known.columns, Column(column, header, filter_name))
        exports[name] = Export(name, description, grain, columns)
    return exports


def check_period(connection: duckdb.DuckDBPyConnection, period: str | None) -> None:
    """Stop at a period the warehouse does not know."""
    if period is None:
        return
    rows = connection.execute("select distinct period_id from marts.dim_period order by 1").fetchall()
    known = [row[0] for row in rows]
    if period not in known:
        raise RunError(
            f"There is no period {period!r}. The periods are: {', '.join(known)}. "
            "Name any other days with --from and --to."
        )


def write_export(
    connection: duckdb.DuckDBPyConnection,
    export: Export,
    selection: Selection,
    path: Path,
    on_rows: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the selected rows to `path` (.csv or .xlsx, whole or not at all) and return their number.

    Without rows no file is written. `on_rows` receives the number of rows written so far.
    """
    columns = _chosen_columns(export, selection)
    query = _query(connection, export, selection)
    names = ", ".join(f'"{column.name}"' for column in columns)
    sql = f"select {names} from {query.source} where {' and '.join(['true', *query.conditions])}"
    if export.lists_users:
        connection.execute(f"set memory_limit = '{SORT_MEMORY}'")
        connection.execute(f"set threads = {min(SORT_THREADS, os.cpu_count() or 1)}")
    try:
        result = connection.execute(
            f"{sql} order by {export.grain}", [*query.source_parameters, *query.parameters]
        )
        return _write_file(path, [column.header for column in columns], result, on_rows)
    except duckdb.CatalogException as error:
        raise RunError(
            f"{export.name} cannot be read from this warehouse. Run 'make run' to build it anew."
        ) from error
    finally:
        connection.execute("reset memory_limit")
        connection.execute("reset threads")


def _write_file(
    path: Path, headers: list[str], result: duckdb.DuckDBPyConnection, on_rows: Callable[[int], None]
) -> int:
    """Write the rows of a running query; return their number."""
    first_batch = result.fetchmany(BATCH_ROWS)
    if not first_batch:
        return 0

    written = 0

    def rows() -> Iterator[tuple]:
        nonlocal written
        batch = first_batch
        while batch:
            yield from batch
            written += len(batch)
            on_rows(written)
            batch = result.fetchmany(BATCH_ROWS)

    write = _write_xlsx if path.suffix == ".xlsx" else _write_csv
    # The process number keeps two exports of the same name apart.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished, [_cell(header) for header in headers], rows())
        unfinished.replace(path)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror}). Choose another folder with --out."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _chosen_columns(export: Export, selection: Selection) -> list[Column]:
    """The columns of the file in its order: the chosen ones, else all."""
    known = {column.name: column for column in export.columns}
    for name in selection.columns:
        if name not in known:
            raise UnknownOptionError(
                f"{export.name} has no column {name!r}. Its columns are: {', '.join(known)}."
            )
    return [known[name] for name in dict.fromkeys(selection.columns or known)]


def _query(connection: duckdb.DuckDBPyConnection, export: Export, selection: Selection) -> Query:
    """Where the rows of the selection come from and which of them it takes."""
    options = [*selection.values]
    options += ["period"] if selection.period not in (None, ALL_TIME) else []
    options += ["basis"] if selection.basis else []
    options += ["from"] if selection.first_day else []
    options += ["to"] if selection.last_day else []
    for name in options:
        if f"--{name}" not in export.options:
            raise UnknownOptionError(
                f"{export.name} cannot be filtered by --{name}. Its filters are: {', '.join(export.options)}."
            )

    query = _recounted(connection, export, selection) or Query(f"marts.{export.name}")
    for name, values in selection.values.items():
        _require_values(query, export, name, values)
    if export.has_periods:
        _require_period(connection, query, export, selection)
    else:
        _require_days(query, export, selection)
    if selection.search:
        _require_text(query, export, selection.search)
    return query


def _recounted(connection: duckdb.DuckDBPyConnection, export: Export, selection: Selection) -> Query | None:
    """The figures counted anew for this selection; None when rows of the table already show them.

    A stored row counts one journey, so the filters on journeys select rows. Another range of days, and
    versions that the rows do not tell apart, need the facts: uniques never come from sums.
    """
    versions = [value for value in selection.values.get("version", []) if value != ALL]
    mixes_versions = "version" not in export.filters or ALL in selection.values.get("version", [])
    is_ranged = selection.first_day or selection.last_day
    if not (export.has_periods and (is_ranged or (versions and mixes_versions))):
        return None

    label = selection.period or ALL_TIME
    if is_ranged:
        label = f"{selection.first_day or ''}..{selection.last_day or ''}"
    if is_ranged or label == ALL_TIME:
        ranges = [(selection.first_day, selection.last_day, selection.values.get("account"))]
    else:
        # The days of a period are each account's own: where it is already tomorrow, today is another day.
        ranges = connection.execute(
            "select period_from, period_to, list(account_key) from marts.dim_period where period_id = ? "
            "group by all order by all",
            [label],
        ).fetchall()
    # The twin counts only these journeys and versions; the row filters then keep the accounts apart.
    scope = [_journeys(connection, selection), versions or None]
    call = (
        f"select * replace (cast(? as varchar) as period_id) from marts.{export.name}_between("
        "?, ?, journey_ids := ?, journey_version_ids := ?, account_keys := ?)"
    )
    query = Query(f"({' union all '.join([call] * len(ranges))})")
    for first_day, last_day, keys in ranges:
        query.source_parameters += [label, first_day, last_day, *scope, keys]
    if versions:
        query.require(
            "(account_key, journey_id) in (select (account_key, journey_id) from marts.dim_journey_version "
            f"where journey_version_id in ({_marks(versions)}))",
            *versions,
        )
    return query


def _journeys(connection: duckdb.DuckDBPyConnection, selection: Selection) -> list[str] | None:
    """Ids of the journeys that the filters on journeys leave; None without such a filter."""
    if NO_JOURNEY in selection.values.get("journey", []):
        # Messages outside journeys have no id that the facts could be narrowed to.
        return None
    query = Query("marts.dim_journey")
    for name, values in selection.values.items():
        if name == "journey":
            query.require(f"journey_id in ({_marks(values)})", *values)
        elif name in JOURNEY_FILTERS:
            query.require(*_matches(JOURNEY_FILTERS[name], name, values))
    if not query.conditions:
        return None
    sql = f"select distinct journey_id from {query.source} where {' and '.join(query.conditions)} order by 1"
    return [row[0] for row in connection.execute(sql, query.parameters).fetchall()]


def _require_values(query: Query, export: Export, name: str, values: list[str]) -> None:
    """Keep the rows with one of the values of a filter, or of the journeys with one of them."""
    if name in export.filters:
        query.require(*_matches(f'"{export.filters[name]}"', name, values))
    elif name in JOURNEY_FILTERS:
        condition, *parameters = _matches(JOURNEY_FILTERS[name], name, values)
        query.require(
            "(account_key, journey_id) in "
            f"(select (account_key, journey_id) from marts.dim_journey where {condition})",
            *parameters,
        )


def _require_period(
    connection: duckdb.DuckDBPyConnection, query: Query, export: Export, selection: Selection
) -> None:
    """Keep the figures of one period and one date basis."""
    basis = selection.basis or BASES[0]
    known = _values(connection, export, "basis") if selection.basis else []
    if known and basis not in known:
        raise UnknownOptionError(
            f"{export.name} is not counted on the basis {basis}. Its bases are: {', '.join(known)}."
        )
    query.require(f'"{export.filters["basis"]}" = ?', basis)
    if not query.source_parameters:
        query.require(f'"{export.filters["period"]}" = ?', selection.period or ALL_TIME)


def _values(connection: duckdb.DuckDBPyConnection, export: Export, name: str) -> list[str]:
    """The values of a filter's column."""
    sql = f'select distinct "{export.filters[name]}" from marts.{export.name} order by 1'
    return [row[0] for row in connection.execute(sql).fetchall()]


def _require_days(query: Query, export: Export, selection: Selection) -> None:
    """Keep the rows of a period or a range of days."""
    day = f'"{export.filters.get("day")}"'
    if selection.period not in (None, ALL_TIME):
        query.require(
            f"exists (select 1 from marts.dim_period as periods where periods.period_id = ? "
            f"and periods.account_key = {export.name}.account_key "
            f"and {day} between periods.period_from and periods.period_to)",
            selection.period,
        )
    if selection.first_day:
        query.require(f"{day} >= ?", selection.first_day)
    if selection.last_day:
        query.require(f"{day} <= ?", selection.last_day)


def _require_text(query: Query, export: Export, text: str) -> None:
    """Keep the rows of nodes with this text in their name or as their id; without nodes, with it anywhere."""
    node = export.filters.get("node")
    if node and "journey" in export.filters:
        query.require(
            f'("{node}" = ? or (account_key, journey_id, "{node}") in ('
            "select (account_key, journey_id, node_id) from marts.dim_node "
            "where contains(lower(node_name), lower(?))))",
            text,
            text,
        )
    else:
        texts = [f'contains(lower(cast("{column.name}" as varchar)), lower(?))' for column in export.columns]
        query.require(f"({' or '.join(texts)})", *[text] * len(texts))


def _matches(column: str, name: str, values: list[str]) -> tuple[str, ...]:
    """Condition that a column has one of the values of a filter, and its parameters."""
    if name in WORD_FILTERS:
        return f"lower({column}) in ({_marks(values)})", *(value.lower() for value in values)
    return f"{column} in ({_marks(values)})", *values


def _marks(values: list[str]) -> str:
    """A question mark for each value."""
    return ", ".join("?" * len(values))


def _cell(value: object) -> str | int | float | Decimal:
    """The value as the file shows it: a number, or a text no spreadsheet executes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"'{value}" if FORMULA_START.match(value) else value


def _write_csv(path: Path, headers: list[str], rows: Iterable[tuple]) -> None:
    """RFC 4180 in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headers)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _write_xlsx(path: Path, headers: list[str], rows: Iterable[tuple]) -> None:
    """One sheet, and another one with the same headers whenever a sheet is full."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise RunError(
            "Writing xlsx needs the package xlsxwriter. Install it (.venv/bin/pip install xlsxwriter), "
            "or use --format csv."
        ) from error

    # Finished rows wait in files; in their own folder they are removed even when the export stops half-way.
    with tempfile.TemporaryDirectory() as scratch:
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": scratch})
        # Without a fixed date the same rows would make a different file each time.
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
        book.use_zip64()
        line = SHEET_ROWS
        for row in rows:
            if line == SHEET_ROWS:
                sheet = book.add_worksheet()
                for position, header in enumerate(headers):
                    sheet.write_string(0, position, header)
                line = 1
            for position, value in enumerate(row):
                cell = _cell(value)
                if not isinstance(cell, str):
                    sheet.write_number(line, position, cell)
                elif len(cell) > CELL_CHARACTERS:
                    raise RunError(
                        f"A text in the column {headers[position]!r} is longer than the "
                        f"{CELL_CHARACTERS:,} characters of an xlsx cell. Use --format csv, or leave the "
                        "column out with --columns."
                    )
                elif cell:
                    sheet.write_string(line, position, cell)
            line += 1
        try:
            book.close()
        except xlsxwriter.exceptions.FileCreateError as error:
            raise error.args[0] from error


def print_exports(exports: Iterable[Export], console: Console) -> None:
    """Print what can be exported and how it can be filtered."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in ("Export", "Filters", "Rows"):
        table.add_column(header, no_wrap=header == "Export", overflow="fold")
    for export in exports:
        table.add_row(export.name, ", ".join(export.options), export.description.partition(". ")[0])
    console.print(table, markup=False)


def print_columns(export: Export, console: Console) -> None:
    """Print the columns of one export: name, header of the file, filter."""
    console.print(export.description, markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in ("Column", "Header", "Filter"):
        table.add_column(header, overflow="fold")
    for column in export.columns:
        table.add_row(column.name, column.header, column.filter or "")
    console.print(table, markup=False)


def _count(number: int, what: str) -> str:
    """A number and the word for it: 1 row, 2 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@dataclass
class Files:
    """Writes exports below one folder and says of each what became of it."""

    connection: duckdb.DuckDBPyConnection
    out: Path
    file_format: str
    console: Console
    rows: list[int] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=lambda: {"inactive": 0, "skipped": 0, "failed": 0})

    def write(self, export: Export, selection: Selection, metrics: list[str]) -> None:
        """Write the file of one export, or one file for each metric."""
        if "metric" not in export.filters:
            self._write(export, selection, export.name)
            return
        found = _values(self.connection, export, "metric")
        names = ", ".join(found) or "none"
        if not metrics:
            raise UnknownOptionError(
                f"{export.name} is one file per metric: name some with --metric. Metrics with rows: {names}."
            )
        hint = f"Metrics with rows: {names}."
        for metric in dict.fromkeys(metrics):
            values = {**selection.values, "metric": [metric]}
            stem = f"{export.name}_{re.sub(r'[^0-9A-Za-z_-]+', '_', metric)}"
            self._write(export, replace(selection, values=values), stem, hint if metric not in found else "")

    def _write(self, export: Export, selection: Selection, stem: str, hint: str = "") -> None:
        path = self.out / f"{stem}.{self.file_format}"
        display = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}  {task.completed:,} rows", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with display:
            task = display.add_task(stem, total=None)
            written = write_export(
                self.connection,
                export,
                selection,
                path,
                lambda rows: display.update(task, completed=rows),
            )
        if written:
            self.rows.append(written)
            self.say(f"Wrote {path}: {_count(written, 'row')}.")
            return
        self.others["inactive"] += 1
        filters = f" for {selection}" if str(selection) else ""
        sentences = [f"inactive: {export.name} has no rows{filters}, so no file was written.", hint]
        sentences += [f"{path} is from an earlier export."] if path.exists() else []
        self.say(" ".join(sentence for sentence in sentences if sentence))

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False, soft_wrap=True)


def write_all(files: Files, exports: Iterable[Export], selection: Selection, metrics: list[str]) -> bool:
    """Write every export that knows the options; return whether all of them could be written."""
    started = time.monotonic()
    for export in exports:
        try:
            files.write(export, selection, metrics)
        except UnknownOptionError as reason:
            files.others["skipped"] += 1
            files.say(f"skipped: {reason}")
        except RunError as reason:
            files.others["failed"] += 1
            files.say(f"failed: {reason}")
    counts = [f"{_count(len(files.rows), 'file')} with {_count(sum(files.rows), 'row')} below {files.out}"]
    counts += [f"{number} {what}" for what, number in files.others.items() if number]
    files.say(f"Wrote {', '.join(counts)} ({time.monotonic() - started:.0f} s).")
    return not files.others["failed"] and bool(files.rows or files.others["inactive"])


def run(options: argparse.Namespace, selection: Selection, console: Console) -> int:
    """List or write what the options ask for; return the exit code."""
    if not options.warehouse.exists():
        raise RunError(
            f"There is no warehouse at {options.warehouse}. "
            "Run 'make run' first, or name one with --warehouse."
        )
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_warehouse(options.warehouse, read_only=True) as connection,
    ):
        # Some ways to start Python make the engine draw a progress bar of its own.
        connection.execute("set enable_progress_bar = false")
        # A large sort goes on in files there, not beside a warehouse that may be in a read-only folder.
        connection.execute("set temp_directory = '{}'".format(scratch.replace("'", "''")))
        exports = read_exports(connection)
        if options.name is not None and options.name not in exports:
            raise RunError(f"There is no export {options.name!r}. The exports are: {', '.join(exports)}.")
        if options.list:
            if options.name:
                print_columns(exports[options.name], console)
            else:
                print_exports(exports.values(), console)
            return 0
        check_period(connection, selection.period)
        files = Files(connection, options.out, options.format, console)
        if options.name is None:
            return 0 if write_all(files, exports.values(), selection, options.metric) else 2
        export = exports[options.name]
        if options.metric and "metric" not in export.filters:
            raise UnknownOptionError(f"{export.name} has no metrics to choose from with --metric.")
        files.write(export, selection, options.metric)
    return 0


def _day(text: str) -> date:
    """Parse --from and --to."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD") from error


def _parser() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.exports",
        description=__doc__,
        epilog="Filters are combined with and, several values of one filter with or. "
        "Figures are counted anew over the chosen days and versions, never added up. "
        "docs/exports.md explains all.",
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="export to write; without it every export is written"
    )
    parser.add_argument("--list", action="store_true", help="list the exports, or the columns of NAME")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("exports"),
        metavar="DIR",
        help="folder of the files (default: exports)",
    )
    parser.add_argument("--format", choices=("csv", "xlsx"), default="csv", help="default: csv")
    explanations = {
        "node": "only rows of this node id, or of one of several",
        "status": "only rows of this status: the export's own status column, else the journey's status",
        "category": "only journeys of this category, or of one of several",
    }
    for name in VALUE_FILTERS:
        parser.add_argument(
            f"--{name}",
            action="extend",
            nargs="+",
            metavar=name.upper(),
            help=explanations.get(name, f"only rows of this {name}, or of one of several"),
        )
    parser.add_argument(
        "--metric",
        action="extend",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="metric of an export with one file per metric, or several",
    )
    parser.add_argument(
        "--period",
        metavar="PERIOD",
        help="all_time (default), today, yesterday, last_7_days, last_30_days or a period of the settings",
    )
    parser.add_argument(
        "--basis", choices=BASES, help="date that places figures in a period (default: event)"
    )
    parser.add_argument(
        "--from", type=_day, dest="first_day", metavar="DATE", help="first day, in the reporting time zone"
    )
    parser.add_argument("--to", type=_day, dest="last_day", metavar="DATE", help="last day, included")
    parser.add_argument(
        "--search",
        metavar="TEXT",
        help="only rows of nodes with this text in their name (case is ignored) or as their id; "
        "in exports without nodes: with this text in any column",
    )
    parser.add_argument(
        "--columns",
        type=lambda text: tuple(name.strip() for name in text.split(",")),
        default=(),
        metavar="A,B,C",
        help="columns of the file in this order (default: all)",
    )
    parser.add_argument(
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("JOURNEY_WAREHOUSE") or "warehouse/journeys.duckdb"),
        help="DuckDB file to read (default: $JOURNEY_WAREHOUSE, else warehouse/journeys.duckdb)",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.period and (options.first_day or options.last_day):
        parser.error("--period names the days already; leave it out, or leave --from and --to out")
    if options.first_day and options.last_day and options.first_day > options.last_day:
        parser.error(f"--from {options.first_day} is after --to {options.last_day}")

    selection = Selection(
        values={name: getattr(options, name) for name in VALUE_FILTERS if getattr(options, name)},
        period=options.period,
        basis=options.basis,
        first_day=options.first_day,
        last_day=options.last_day,
        search=options.search,
        columns=options.columns,
    )
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    try:
        return run(options, selection, console)
    except RunError as stop:
        print(stop, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. The files named above are whole; no other file was written.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
