"""Every export opens in a spreadsheet program: LibreOffice shows the cells of its rows, nothing else."""

from __future__ import annotations

import csv
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from test_exports import build_warehouse

from orchestration.exports import Column, Export, Selection, _cell, main, read_exports, write_export

SOFFICE = shutil.which("soffice")
pytestmark = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed.")

# Comma, double quote, UTF-8, from the first line on.
CSV_DIALECT = "44,34,76,1"
# Every column as text, so that nothing is read as a date; the next one leaves the kinds to the program.
CSV_AS_TEXT = f"CSV:{CSV_DIALECT},{'/'.join(f'{column}/2' for column in range(1, 101))},1033,false,false"
CSV_AS_OPENED = f"CSV:{CSV_DIALECT},,1033,false,false"
# Values as they are instead of as shown, formulas as formulas, every sheet into a file of its own.
TO_CSV = f"csv:Text - txt - csv (StarCalc):{CSV_DIALECT},,0,false,false,true,false,false,-1"
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# Texts that spreadsheets like to change.
TEXTS = [
    "plain", "=2+5", "+49 170 1234", "-", "@name", "\ttab", "\rreturn", "\nline", "  =1+1", "\uff1d1+1",
    '=HYPERLINK("http://a";"b")', "'quoted", "''twice", 'Zoë, "Z"\nSecond line', "a;b\tc", " padded ",
    "山田 太郎", "محمد علي", "👋 Welcome", "0012", "2026-07-01", "2026-07-01T13:00:00Z", "1e5", "TRUE", "12%",
    "3/4", "1,5", "_x0041_", "<b>&amp;", "x" * 5000,
]  # fmt: skip


@pytest.fixture(scope="session")
def warehouse(new_landing: Callable) -> Path:
    """The warehouse of the export tests."""
    return build_warehouse(new_landing)


@pytest.fixture(scope="module")
def texts() -> tuple[duckdb.DuckDBPyConnection, Export]:
    """An export with every kind of cell."""
    connection = duckdb.connect()
    connection.execute(
        "create schema marts; create table marts.export_texts (position bigint, text varchar, share double, "
        "amount decimal(18, 3), is_set boolean, seen_at timestamp, day date)"
    )
    connection.executemany(
        "insert into marts.export_texts values (?, ?, ?, ?, ?, '2026-07-01 10:00:00.25', '2026-07-01')",
        [(n, text, n / -7 if n % 3 else None, n / 8, n % 2 == 0) for n, text in enumerate(TEXTS)],
    )
    names = [row[0] for row in connection.execute("describe marts.export_texts").fetchall()]
    columns = tuple(Column(name, f"={name}", None) for name in names)
    return connection, Export("export_texts", "Texts.", "position", columns)


@pytest.fixture(scope="module")
def folders(
    warehouse: Path, texts: tuple[duckdb.DuckDBPyConnection, Export], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Folders with a file of every export, by format."""
    paths = {}
    for file_format in ("csv", "xlsx"):
        paths[file_format] = path = tmp_path_factory.mktemp(file_format)
        options = ["--warehouse", str(warehouse), "--out", str(path), "--format", file_format]
        assert main([*options, "--metric", "users_accepted"]) == 0
        write_export(*texts, Selection(), path / f"export_texts.{file_format}")
        assert len(list(path.iterdir())) == 13
    return paths


@pytest.fixture(scope="module")
def expected(
    warehouse: Path, texts: tuple[duckdb.DuckDBPyConnection, Export]
) -> dict[str, list[list[str | float]]]:
    """The cells every file must show: header and rows, straight from the tables."""
    connection, export = texts
    rows = connection.execute("select * from marts.export_texts order by position").fetchall()
    cells = {export.name: [[_cell(column.header) for column in export.columns], *as_cells(rows)]}
    with duckdb.connect(str(warehouse), read_only=True) as marts:
        for export in read_exports(marts).values():
            stem, conditions = export.name, ["true"]
            if export.has_periods:
                conditions += ["period_id = 'all_time'", "date_basis = 'event'"]
            if "metric" in export.filters:
                stem += "_users_accepted"
                conditions += ["metric_name = 'users_accepted'"]
            rows = marts.execute(
                f"select * from marts.{export.name} where {' and '.join(conditions)} order by {export.grain}"
            ).fetchall()
            cells[stem] = [[column.header for column in export.columns], *as_cells(rows)]
    return cells


def as_cells(rows: list[tuple]) -> list[list]:
    """The rows as an export shows them."""
    return [[_cell(value) for value in row] for row in rows]


def convert(files: list[Path], out: Path, target: str, *options: str) -> None:
    """Let LibreOffice open the files and save them in another format; it starts with an empty profile."""
    profile = f"-env:UserInstallation={(out / 'profile').as_uri()}"
    command = [SOFFICE, profile, "--headless", "--norestore", *options, "--convert-to", target]
    command += ["--outdir", str(out), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def assert_same_cells(shown: list[list[str]], expected: list[list[str | float]]) -> None:
    """Texts are equal to the character (a line break is a line break), numbers to the 15 digits of a cell."""
    assert len(shown) == len(expected)
    for shown_row, row in zip(shown, expected, strict=True):
        for cell, value in zip(shown_row, row, strict=True):
            if isinstance(value, str):
                assert cell.splitlines() == value.splitlines()
            else:
                assert float(cell) == pytest.approx(float(value), rel=1e-14)


def read_csv(path: Path) -> list[list[str]]:
    """The cells of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_libreoffice_shows_the_cells_of_every_xlsx_file(folders, expected, tmp_path):
    convert(sorted(folders["xlsx"].iterdir()), tmp_path, TO_CSV)
    for stem, cells in expected.items():
        assert_same_cells(read_csv(tmp_path / f"{stem}-Sheet1.csv"), cells)


def test_libreoffice_shows_the_cells_of_every_csv_file(folders, expected, tmp_path):
    convert(sorted(folders["csv"].iterdir()), tmp_path, TO_CSV, f"--infilter={CSV_AS_TEXT}")
    for stem, cells in expected.items():
        assert_same_cells(read_csv(tmp_path / f"{stem}-{stem}.csv"), cells)


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_libreoffice_finds_numbers_where_numbers_are_and_no_formula(folders, expected, tmp_path, file_format):
    """Opened as it is and saved as a workbook: nothing is executed, and figures can be added up."""
    options = [f"--infilter={CSV_AS_OPENED}"] if file_format == "csv" else []
    convert(sorted(folders[file_format].iterdir()), tmp_path, "xlsx", *options)
    for stem, cells in expected.items():
        with zipfile.ZipFile(tmp_path / f"{stem}.xlsx") as book:
            sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert not list(sheet.iter(f"{SPACE}f"))
        kinds = {cell.get("r"): cell.get("t", "n") for cell in sheet.iter(f"{SPACE}c")}
        for line, row in enumerate(cells, start=1):
            numbers = [position for position, value in enumerate(row) if not isinstance(value, str)]
            assert all(kinds[f"{column_letters(position)}{line}"] == "n" for position in numbers)


def column_letters(position: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    return ("" if position < 26 else column_letters(position // 26 - 1)) + chr(ord("A") + position % 26)
