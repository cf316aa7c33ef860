"""The export models hold what the vendor pages describe; the exporter writes it as safe, whole files."""

from __future__ import annotations

import csv
import json
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from orchestration import exports
from orchestration.exports import Column, Export, Selection, main, write_export

needs_xlsxwriter = pytest.mark.skipif(
    find_spec("xlsxwriter") is None, reason="The package xlsxwriter is not installed."
)

# user -> (external id, deleted)
USERS = {
    "u1": ("=2+5", False),
    "u2": ('Zoë, "Z"\nSecond line', False),
    "u3": ("ext-3", False),
    "u4": ("ext-4", False),
    "u5": ("ext-5", False),
    "u6": ("ext-6", True),
    "u7": ("ext-7", False),
}
JOURNEYS = [
    {"journey_id": "J", "journey_name": "@Welcome", "category": "Promo", "status": "active"},
    {"journey_id": "K", "journey_name": "Quiet", "category": "Other", "status": "active"},
]
NODES = [
    {"journey_id": "J", "node_id": "N1", "node_name": "Hello", "channel": "push", "campaign_id": "C-N1"},
    {"journey_id": "J", "node_id": "N2", "node_name": "Letter", "channel": "email", "campaign_id": "C-N2"},
]
GOALS = [
    {"journey_id": journey, "goal_id": f"G{journey}", "goal_name": "Bought", "event_name": "purchase"}
    | {"window_seconds": 86400}
    for journey in ("J", "K")
]
# entry, user, its events as "event, day and time in July 2026, step or exit reason"
ENTRIES = [
    (
        "e1",
        "u1",
        ["journey_entered 01T10:00", "node_entered 01T10:01 N1", "journey_exited 01T12:00 completed"],
    ),
    (
        "e2",
        "u2",
        ["journey_entered 01T10:00", "node_entered 01T10:01 N1", "journey_exited 01T10:05 internal_error"],
    ),
    ("e3", "u3", ["journey_entered 02T10:00", "node_entered 02T10:01 N1", "node_entered 02T10:05 N2"]),
    ("e4", "u4", ["journey_entered 02T10:00", "node_entered 02T10:01 N2"]),
    ("control", "u5", ["journey_entered 01T10:00"]),
    ("e6", "u6", ["journey_entered 01T10:00", "journey_exited 01T10:05 sending_error"]),
    ("e7", "u7", ["journey_entered 01T10:00", "journey_exited 01T10:05 internal_error"]),
    ("e8", "u7", ["journey_entered 03T10:00", "journey_exited 03T11:00 completed"]),
]
# message, user, entry, step, channel, its events as "event, day and time, reason"
MESSAGES = [
    ("m1", "u1", "e1", "N1", "push", ["failed 01T10:01 invalid_token"]),
    ("m2", "u1", "e1", "N1", "push", ["sent 01T11:00"]),
    ("m3", "u2", "e2", "N1", "push", ["failed 01T10:01 -unknown"]),
    ("m4", "u2", "e2", "N2", "email", ["sent 01T10:04"]),
    ("m5", "u3", "e3", "N1", "push", ["sent 02T10:01", "opened 02T10:02", "opened 02T10:03"]),
    ("m6", "u4", "e4", "N2", "email", ["sent 02T10:01", "bounced 02T10:02"]),
    ("m7", "u6", "e6", "N1", "push", ["failed 01T10:01 invalid_token"]),
    ("m8", "u7", "e7", "N1", "push", ["sent 01T10:01"]),
    ("m9", "u7", "e8", "N1", "push", ["failed 03T10:01 invalid_token"]),
]
# event, name, user, day and time, value
USER_EVENTS = [
    ("x1", "purchase", "u1", "01T13:00", 19.5),
    ("x2", "purchase", "u1", "01T14:00", None),
    ("x3", "browse", "u4", "02T10:30", None),
    ("x4", "purchase", "u5", "01T13:00", 5),
]


def journey_rows() -> list[dict]:
    """Rows of journey_events."""
    rows = []
    for entry, user, events in ENTRIES:
        for number, event in enumerate(events):
            kind, time, *detail = event.split()
            row = {"event_id": f"{entry}-{number}", "event_type": kind, "journey_id": "J"}
            row |= {"journey_version_id": "V1", "journey_entry_id": entry, "user_id": user}
            row |= {"is_control": entry == "control", "occurred_at": f"2026-07-{time}:00Z"}
            if detail:
                row["node_id" if kind == "node_entered" else "reason_code"] = detail[0]
            rows.append(row)
    return rows


def message_rows() -> list[dict]:
    """Rows of message_events."""
    rows = []
    for message, user, entry, node, channel, events in MESSAGES:
        for number, event in enumerate(events):
            kind, time, *reason = event.split()
            row = {"event_id": f"{message}-{number}", "event_type": kind, "message_id": message}
            row |= {"journey_id": "J", "journey_version_id": "V1", "journey_entry_id": entry, "node_id": node}
            row |= {"campaign_id": f"C-{node}", "channel": channel, "user_id": user}
            row |= {"occurred_at": f"2026-07-{time}:00Z", "reason_code": reason[0] if reason else None}
            row |= {"bounce_type": "hard"} if kind == "bounced" else {}
            rows.append(row)
    return rows


@pytest.fixture(scope="session")
def warehouse(new_landing: Callable) -> Path:
    """A warehouse with a few journeys whose every row is known."""
    landing = new_landing()
    tables = {
        "users": [
            {"user_id": user, "external_user_id": name, "is_deleted": deleted}
            for user, (name, deleted) in USERS.items()
        ],
        "journeys": JOURNEYS,
        "nodes": NODES,
        "goals": GOALS,
        "journey_events": journey_rows(),
        "message_events": message_rows(),
        "user_events": [
            {
                "event_id": event,
                "event_name": name,
                "user_id": user,
                "value": value,
                "currency": value and "EUR",
            }
            | {"occurred_at": f"2026-07-{time}:00.250Z"}
            for event, name, user, time, value in USER_EVENTS
        ],
    }
    for table, rows in tables.items():
        landing.write(f"{table}/rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["build", "--select", "+path:models/marts/exports", "--exclude-resource-type", "unit_test"]
    # Cautious: tests that also read marts the exports do not need are left to the full build.
    landing.dbt([*arguments, "--indirect-selection", "cautious"], "exports").raise_for_error()
    return landing.warehouse("exports")


@pytest.fixture
def export(warehouse: Path, tmp_path: Path) -> Callable[..., list[list[str]] | None]:
    """Writes one export with the given options; returns the lines of its CSV file, None without a file."""

    def run(name: str, *options: str, code: int = 0) -> list[list[str]] | None:
        assert main([name, "--warehouse", str(warehouse), "--out", str(tmp_path), *options]) == code
        path = tmp_path / f"{name}.csv"
        if not path.exists():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    return run


def sheet_rows(path: Path, number: int = 1) -> list[list[str | float]]:
    """The cells of one sheet of an xlsx file."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    return [
        [
            "".join(cell.itertext()) if cell.get("t") == "inlineStr" else float("".join(cell.itertext()))
            for cell in row.iter(f"{space}c")
        ]
        for row in root.iter(f"{space}row")
    ]


@pytest.fixture
def numbers(tmp_path: Path) -> tuple[duckdb.DuckDBPyConnection, Export]:
    """A large export without a warehouse around it: 200,000 rows."""
    connection = duckdb.connect(str(tmp_path / "numbers.duckdb"))
    connection.execute(
        """
        create schema marts;
        create table marts.export_numbers as
        select n as number, 'user ' || md5(cast(n as varchar)) as name, repeat('text ', 10) || n as text
        from range(200000) as rows (n)
        """
    )
    columns = tuple(Column(name, name.title(), None) for name in ("number", "name", "text"))
    return connection, Export("export_numbers", "Numbers.", "number", columns)


# The words of the vendor pages, in their order, as far as the pages name columns.
PAGE_HEADERS = {
    "export_pw_campaigns": [
        "Title", "Status", "Created", "Category", "Type", "UUID", "Total Reach", "Unique Users",
        "Users Inside", "Drop-off", "Total Sends", "Avg CTR", "Goals", "Push Sends", "Push CTR",
        "Email Sends", "Email CTR", "Email Clicks", "Email Unsubscribes", "SMS Sends", "SMS Deliveries",
        "WhatsApp Sends", "WhatsApp Opens", "In-App Shows", "In-App Interaction", "In-App Skips",
    ],
    "export_ct_engagement_stats": [
        "Engagement Node Name", "Node ID", "Campaign ID", "Channel", "Impressions", "Clicks",
        "Engagement Rate",
    ],
    "export_pw_users": ["User ID / HWID", "Status", "Last step"],
    "export_pw_channel": [
        "Message", "Sent", "Opened (%)", "Opened", "Clicked (%)", "Clicked",
        "Goal conversion (%)", "Goal conversion",
    ],
    "export_pw_goal": ["Goal", "Conversion rate (%)", "Count"],
    "export_pw_point": ["Message", "Sent", "Recipients", "Delivered", "Delivery rate (%)"],
    "export_pw_point_users": ["User ID / HWID", "Message", "Opened", "Clicked", "Read", "Dismissed"],
    "export_nm_converted_users": ["External ID", "Event timestamp"],
    "export_nm_conversion_events": ["External ID", "Event timestamp"],
    "export_recovery_users": ["External ID", "Channel", "Status"],
    "export_dropped_users": ["External ID", "Status", "Last step"],
}  # fmt: skip


@pytest.mark.parametrize("name", PAGE_HEADERS)
def test_a_file_begins_with_the_words_of_the_page_in_its_order(export, name):
    headers = export(name)[0]
    assert headers[: len(PAGE_HEADERS[name])] == PAGE_HEADERS[name]
    assert len(set(headers)) == len(headers)


def test_every_export_model_is_listed_and_nothing_else(warehouse, capsys):
    assert main(["--list", "--warehouse", str(warehouse)]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("export_")}
    assert listed == set(PAGE_HEADERS)


def test_the_user_list_has_one_row_per_entry_without_control(export):
    rows = export("export_pw_users", "--columns", "journey_entry_id,pw_status,last_node_id")[1:]
    assert sorted(rows) == [
        ["e1", "Exited", "N1"],
        ["e2", "Dropped off", "N1"],
        ["e3", "In Progress", "N2"],
        ["e4", "In Progress", "N2"],
        ["e6", "Dropped off", ""],
        ["e7", "Dropped off", ""],
        ["e8", "Exited", ""],
    ]


def test_conversions_are_exported_once_per_user_and_once_per_event(export):
    columns = "user_key,first_converted_at,goal_id"
    assert export("export_nm_converted_users", "--columns", columns)[1:] == [
        ["u1", "2026-07-01T13:00:00.250000Z", "GJ"]
    ]
    columns = "event_id,is_first_conversion,value,currency"
    assert export("export_nm_conversion_events", "--columns", columns)[1:] == [
        ["x1", "true", "19.5", "EUR"],
        ["x2", "false", "", ""],
    ]


def test_goal_and_message_exports_show_the_figures_of_the_page(export):
    columns = "pw_goal_conversion_rate_pct,pw_goal_count,pw_entrances,window_seconds"
    rate, *others = export("export_pw_goal", "--journey", "J", "--columns", columns)[1]
    assert float(rate) == pytest.approx(100 / 7)
    assert others == ["1", "7", "86400"]

    columns = "node_name,pw_point_sent,messages_accepted,pw_point_opened_users,pw_point_opened_users_pct"
    letter, hello = (
        export("export_pw_channel", "--node", node, "--columns", columns)[1] for node in ("N2", "N1")
    )
    assert letter == ["Letter", "2", "2", "0", "0.0"]
    assert hello[:4] == ["Hello", "7", "3", "1"]
    assert float(hello[4]) == pytest.approx(100 / 3)


def test_the_users_of_a_message_are_those_who_interacted(export):
    columns = "user_key,node_id,opens_total,clicks_total,first_interaction_at"
    assert export("export_pw_point_users", "--columns", columns)[1:] == [
        ["u3", "N1", "2", "0", "2026-07-02T10:02:00Z"]
    ]


def test_recovery_lists_users_without_a_later_success_on_the_channel(export):
    columns = "user_key,channel,issue_kind,reason_code,last_success_at"
    assert sorted(export("export_recovery_users", "--columns", columns)[1:]) == [
        ["u2", "push", "failed", "'-unknown", ""],
        ["u4", "email", "bounced_hard", "", ""],
        ["u7", "push", "failed", "invalid_token", "2026-07-01T10:01:00Z"],
    ]


def test_dropped_users_leave_out_the_active_the_returned_and_the_deleted(export):
    columns = "user_key,pw_status,last_node_name,exit_reason_code"
    assert export("export_dropped_users", "--columns", columns)[1:] == [
        ["u2", "Dropped off", "Hello", "internal_error"],
        ["u3", "In Progress", "Letter", ""],
    ]


def test_texts_that_a_spreadsheet_would_execute_are_neutralised(export):
    (row,) = export("export_pw_users", "--search", "=2+5", "--columns", "external_user_id,journey_name")[1:]
    assert row == ["'=2+5", "'@Welcome"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra"])
def test_every_formula_start_gets_an_apostrophe_and_numbers_stay(text):
    assert exports._cell(text) == f"'{text}"
    assert exports._cell(f" {text}") == f" {text}"
    assert exports._cell(-1.5) == -1.5


def test_commas_quotes_and_line_breaks_survive_the_csv_file(export, tmp_path):
    rows = export(
        "export_pw_users", "--status", "dropped OFF", "--columns", "external_user_id,journey_entry_id"
    )
    assert [USERS["u2"][0], "e2"] in rows
    text = (tmp_path / "export_pw_users.csv").read_bytes().decode("utf-8")
    assert '"Zoë, ""Z""\nSecond line",e2\r\n' in text


@pytest.mark.parametrize(
    ("options", "entries"),
    [
        (["--status", "exited"], ["e1", "e8"]),
        (["--status", "Exited", "in progress"], ["e1", "e3", "e4", "e8"]),
        (["--node", "N2", "--account", "custom/main"], ["e3", "e4"]),
        (["--journey", "J", "--version", "V1", "--to", "2026-07-01"], ["e1", "e2", "e6", "e7"]),
        (["--from", "2026-07-02", "--to", "2026-07-02"], ["e3", "e4"]),
        (["--search", "ZOË"], ["e2"]),
    ],
)
def test_filters_select_rows(export, options, entries):
    assert export("export_pw_users", *options, "--columns", "journey_entry_id")[1:] == [[e] for e in entries]


def test_goal_channel_and_category_filters_select_rows(export):
    assert len(export("export_pw_channel", "--channel", "EMAIL", "--goal", "GJ")) == 2
    assert len(export("export_pw_goal", "--category", "promo")) == 2


def test_columns_are_written_in_the_order_asked_for(export):
    rows = export("export_pw_users", "--columns", "pw_status, journey_entry_id")
    assert rows[:2] == [["Status", "Entry ID"], ["Exited", "e1"]]


def test_an_export_without_rows_is_inactive_and_writes_no_file(export, capsys):
    assert export("export_nm_converted_users", "--journey", "K") is None
    out = capsys.readouterr().out
    assert out == "inactive: export_nm_converted_users has no rows for journey = K, so no file was written.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export_pw_goal", "--node", "N1"], "export_pw_goal cannot be filtered by --node. Its filters are:"),
        (["export_pw_goal", "--from", "2026-07-01"], "export_pw_goal cannot be filtered by --from."),
        (
            ["export_pw_goal", "--columns", "nothing"],
            "export_pw_goal has no column 'nothing'. Its columns are:",
        ),
        (["export_nothing"], "There is no export 'export_nothing'. The exports are:"),
    ],
)
def test_what_an_export_does_not_have_is_named_in_a_sentence(export, capsys, arguments, sentence):
    assert export(*arguments, code=2) is None
    assert capsys.readouterr().err.startswith(sentence)


def test_a_warehouse_that_does_not_exist_is_named_in_a_sentence(tmp_path, capsys):
    assert main(["--list", "--warehouse", str(tmp_path / "none.duckdb")]) == 2
    assert capsys.readouterr().err.startswith("There is no warehouse at")


def test_the_same_rows_make_the_same_file(export, tmp_path):
    export("export_pw_users")
    first = (tmp_path / "export_pw_users.csv").read_bytes()
    export("export_pw_users")
    assert (tmp_path / "export_pw_users.csv").read_bytes() == first


def test_a_failed_export_keeps_the_former_file_and_leaves_no_other(numbers, tmp_path):
    connection, export = numbers
    path = tmp_path / "out" / "export_numbers.csv"
    write_export(connection, export, Selection(columns=("number",)), path)
    former = path.read_bytes()

    def stop(_: int) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_export(connection, export, Selection(), path, on_rows=stop)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == former


def test_a_large_export_is_streamed(numbers, tmp_path):
    connection, export = numbers
    tracemalloc.start()
    try:
        assert write_export(connection, export, Selection(), tmp_path / "numbers.csv") == 200_000
        streamed = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All rows at once take more than 50 MB.
    assert streamed < 12_000_000
    with (tmp_path / "numbers.csv").open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in file) == 200_001


@needs_xlsxwriter
def test_an_xlsx_file_holds_the_cells_of_the_csv_file_and_numbers_as_numbers(export, tmp_path):
    columns = "external_user_id,first_converted_at,seconds_to_convert"
    text = export("export_nm_converted_users", "--columns", columns)
    export("export_nm_converted_users", "--columns", columns, "--format", "xlsx")
    path = tmp_path / "export_nm_converted_users.xlsx"
    headers, row = sheet_rows(path)
    assert headers == text[0]
    assert row == ["'=2+5", "2026-07-01T13:00:00.250000Z", 10_800.25]
    first = path.read_bytes()
    export("export_nm_converted_users", "--columns", columns, "--format", "xlsx")
    assert path.read_bytes() == first


@needs_xlsxwriter
def test_an_xlsx_file_goes_on_in_further_sheets_at_the_row_limit(numbers, tmp_path, monkeypatch):
    connection, export = numbers
    connection.execute("delete from marts.export_numbers where number >= 5")
    monkeypatch.setattr(exports, "SHEET_ROWS", 3)
    path = tmp_path / "numbers.xlsx"
    assert write_export(connection, export, Selection(columns=("number",)), path) == 5
    sheets = [sheet_rows(path, number) for number in (1, 2, 3)]
    assert sheets == [[["Number"], [0.0], [1.0]], [["Number"], [2.0], [3.0]], [["Number"], [4.0]]]


@needs_xlsxwriter
def test_a_text_too_long_for_xlsx_stops_the_export_without_a_file(numbers, tmp_path):
    connection, export = numbers
    connection.execute("update marts.export_numbers set text = repeat('x', 32768) where number = 7")
    with pytest.raises(exports.RunError, match="'Text' is longer than the 32,767 characters"):
        write_export(connection, export, Selection(), tmp_path / "out" / "numbers.xlsx")
    assert list((tmp_path / "out").iterdir()) == []


def test_xlsx_without_its_package_says_what_to_install(export, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    export("export_pw_users", "--format", "xlsx", code=2)
    assert "xlsxwriter" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
