"""Write one export to a file: `python -m orchestration.exports export_pw_users --format xlsx`."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration.cli import PLAIN_WIDTH, RunError, open_warehouse

BATCH_ROWS = 10_000
# Limits of the xlsx format.
SHEET_ROWS = 1_048_576
CELL_CHARACTERS = 32_767
# A spreadsheet takes a text that starts like this for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
VALUE_FILTERS = ("account", "journey", "version", "node", "channel", "goal", "status", "category")
# Words rather than ids: typed by hand, so their case does not matter.
WORD_FILTERS = ("channel", "status", "category")
HEADERS_SQL = """
select export_name, export_description, grain, column_name, header, filter_name
from marts.export_headers
order by export_name, column_position
"""


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


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of an export go into the file."""

    values: dict[str, list[str]] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None
    search: str | None = None
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The row filters, for a message; empty without one."""
        parts = [f"{name} = {' or '.join(values)}" for name, values in self.values.items()]
        parts += [f"from {self.first_day}"] if self.first_day else []
        parts += [f"to {self.last_day}"] if self.last_day else []
        parts += [f"text {self.search!r}"] if self.search else []
        return ", ".join(parts)


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
    condition, parameters = _condition(export, selection)
    names = ", ".join(f'"{column.name}"' for column in columns)
    result = connection.execute(
        f"select {names} from marts.{export.name} where {condition} order by {export.grain}", parameters
    )
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
        write(unfinished, [column.header for column in columns], rows())
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
            raise RunError(f"{export.name} has no column {name!r}. Its columns are: {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(selection.columns or known)]


def _condition(export: Export, selection: Selection) -> tuple[str, list]:
    """The where clause of the selection and its parameters."""
    conditions, parameters = ["true"], []
    for name, values in selection.values.items():
        column = _filter_column(export, name, f"--{name}")
        ignore_case = name in WORD_FILTERS
        conditions.append(
            f"{f'lower({column})' if ignore_case else column} in ({', '.join('?' * len(values))})"
        )
        parameters += [value.lower() if ignore_case else value for value in values]
    for day, option, operator in ((selection.first_day, "--from", ">="), (selection.last_day, "--to", "<=")):
        if day:
            conditions.append(f"{_filter_column(export, 'period', option)} {operator} ?")
            parameters.append(day)
    if selection.search:
        texts = [f'contains(lower(cast("{column.name}" as varchar)), lower(?))' for column in export.columns]
        conditions.append(f"({' or '.join(texts)})")
        parameters += [selection.search] * len(texts)
    return " and ".join(conditions), parameters


def _filter_column(export: Export, name: str, option: str) -> str:
    """The quoted column behind a filter."""
    if name not in export.filters:
        raise RunError(f"{export.name} cannot be filtered by {option}. Its filters are: {_options(export)}.")
    return f'"{export.filters[name]}"'


def _options(export: Export) -> str:
    """The filter options an export knows."""
    return ", ".join("--from, --to" if name == "period" else f"--{name}" for name in export.filters)


def _cell(value: object) -> str | int | float | Decimal:
    """The value as the file shows it: a number, or a text no spreadsheet executes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


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
        table.add_row(export.name, _options(export), export.description.partition(". ")[0])
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


def export_to_file(
    warehouse: Path, name: str | None, selection: Selection, out: Path, file_format: str, *, listing: bool
) -> None:
    """Write the named export below `out`, or list what there is, and say what was done."""
    if not warehouse.exists():
        raise RunError(
            f"There is no warehouse at {warehouse}. Run 'make run' first, or name one with --warehouse."
        )
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    with open_warehouse(warehouse, read_only=True) as connection:
        exports = read_exports(connection)
        if name is not None and name not in exports:
            raise RunError(f"There is no export {name!r}. The exports are: {', '.join(exports)}.")
        if name is None:
            print_exports(exports.values(), console)
            return
        if listing:
            print_columns(exports[name], console)
            return
        path = out / f"{name}.{file_format}"
        display = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed:,} rows"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with display:
            task = display.add_task("", total=None)
            written = write_export(
                connection, exports[name], selection, path, lambda rows: display.update(task, completed=rows)
            )
    if written:
        text = f"Wrote {path}: {written:,} rows."
    else:
        filters = f" for {selection}" if str(selection) else ""
        text = f"inactive: {name} has no rows{filters}, so no file was written."
    console.print(text, markup=False, soft_wrap=True)


def _day(text: str) -> date:
    """Parse --from and --to."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD") from error


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.exports", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="export to write; see --list")
    parser.add_argument("--list", action="store_true", help="list the exports, or the columns of NAME")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("exports"),
        metavar="DIR",
        help="folder of the file (default: exports)",
    )
    parser.add_argument("--format", choices=("csv", "xlsx"), default="csv", help="default: csv")
    for name in VALUE_FILTERS:
        parser.add_argument(
            f"--{name}",
            action="extend",
            nargs="+",
            metavar=name.upper(),
            help=f"only rows of this {name}, or of one of several",
        )
    parser.add_argument(
        "--from", type=_day, dest="first_day", metavar="DATE", help="first day, in the reporting time zone"
    )
    parser.add_argument("--to", type=_day, dest="last_day", metavar="DATE", help="last day, included")
    parser.add_argument(
        "--search", metavar="TEXT", help="only rows with this text in any column; case is ignored"
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
    options = parser.parse_args(arguments)
    if not options.name and not options.list:
        parser.error("name an export, or list them with --list")
    if options.first_day and options.last_day and options.first_day > options.last_day:
        parser.error(f"--from {options.first_day} is after --to {options.last_day}")

    selection = Selection(
        values={name: getattr(options, name) for name in VALUE_FILTERS if getattr(options, name)},
        first_day=options.first_day,
        last_day=options.last_day,
        search=options.search,
        columns=options.columns,
    )
    try:
        export_to_file(
            options.warehouse, options.name, selection, options.out, options.format, listing=options.list
        )
    except RunError as stop:
        print(stop, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. No file was written.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
