"""The export models hold what the vendor pages describe; the exporter writes it as safe, whole files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from orchestration import exports
from orchestration.build import PROJECT_ROOT
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
    ("m10", "u7", "e8", "N1", "push", ["sent 03T10:00"]),
]
# event, name, user, day and time, value
USER_EVENTS = [
    ("x1", "purchase", "u1", "01T13:00", 19.5),
    ("x2", "purchase", "u1", "01T14:00", None),
    ("x3", "browse", "u4", "02T10:30", None),
    ("x4", "purchase", "u5", "01T13:00", 5),
]


def at(instant: str) -> dict:
    """When a row happened and arrived: the last one makes 3 July today."""
    return {"occurred_at": instant, "received_at": instant}


def version(entry: str) -> str:
    """Version of the journey that an entry and its messages belong to."""
    return "V2" if entry == "e8" else "V1"


def journey_rows() -> list[dict]:
    """Rows of journey_events."""
    rows = []
    for entry, user, events in ENTRIES:
        for number, event in enumerate(events):
            kind, time, *detail = event.split()
            row = {"event_id": f"{entry}-{number}", "event_type": kind, "journey_id": "J"}
            row |= {"journey_version_id": version(entry), "journey_entry_id": entry, "user_id": user}
            row |= {"is_control": entry == "control", **at(f"2026-07-{time}:00Z")}
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
            row |= {"journey_id": "J", "journey_version_id": version(entry), "journey_entry_id": entry}
            row |= {"node_id": node}
            row |= {"campaign_id": f"C-{node}", "channel": channel, "user_id": user}
            row |= {"reason_code": reason[0] if reason else None, **at(f"2026-07-{time}:00Z")}
            row |= {"bounce_type": "hard"} if kind == "bounced" else {}
            rows.append(row)
    return rows


@cache
def build_warehouse(new_landing: Callable) -> Path:
    """A warehouse with a few journeys whose every row is known; built once for all who ask."""
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
            | at(f"2026-07-{time}:00.250Z")
            for event, name, user, time, value in USER_EVENTS
        ],
    }
    for table, rows in tables.items():
        landing.write(f"{table}/rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["build", "--select", "+path:models/marts/exports", "--exclude-resource-type", "unit_test"]
    # Cautious: tests that also read marts the exports do not need are left to the full build.
    landing.dbt([*arguments, "--indirect-selection", "cautious"], "exports").raise_for_error()
    return landing.warehouse("exports")


@pytest.fixture(scope="session")
def warehouse(new_landing: Callable) -> Path:
    """The warehouse of these tests."""
    return build_warehouse(new_landing)


@pytest.fixture
def export(warehouse: Path, tmp_path: Path) -> Callable[..., list[list[str]] | None]:
    """Writes one export with the given options; returns the lines of its CSV file, None without a file."""

    def run(name: str, *options: str, code: int = 0) -> list[list[str]] | None:
        assert main([name, "--warehouse", str(warehouse), "--out", str(tmp_path), *options]) == code
        metric = f"_{options[options.index('--metric') + 1]}" if "--metric" in options else ""
        path = tmp_path / f"{name}{metric}.csv"
        if not path.exists():
            return None
        return csv_rows(path)

    return run


@pytest.fixture
def query(warehouse: Path) -> Iterator[Callable[..., list[tuple]]]:
    """Rows of a query on the warehouse."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield lambda sql, parameters=None: connection.execute(sql, parameters).fetchall()


def csv_rows(path: Path) -> list[list[str]]:
    """The cells of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


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
    "export_user_level": ["Metric", "External ID"],
}  # fmt: skip
FIGURES = (
    "export_ct_engagement_stats",
    "export_pw_campaigns",
    "export_pw_channel",
    "export_pw_goal",
    "export_pw_point",
)
# What an export needs to be written at all.
NEEDED = {"export_user_level": ["--metric", "users_accepted"]}


@pytest.mark.parametrize("name", PAGE_HEADERS)
def test_a_file_begins_with_the_words_of_the_page_in_its_order(export, name):
    """CTE-29, PW-08, PW-49, PW-50, PW-51, PW-61: the files that the pages offer for download."""
    headers = export(name, *NEEDED.get(name, []))[0]
    assert headers[: len(PAGE_HEADERS[name])] == PAGE_HEADERS[name]
    assert len(set(headers)) == len(headers)


def test_every_export_model_is_listed_and_nothing_else(warehouse, capsys):
    assert main(["--list", "--warehouse", str(warehouse)]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("export_")}
    assert listed == set(PAGE_HEADERS)


def test_the_user_list_has_one_row_per_entry_without_control(export):
    """PW-17: the user list as a file."""
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
    """NM-06, NM-07: the users behind the rate and every conversion event."""
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
    assert hello[:4] == ["Hello", "8", "4", "1"]
    assert float(hello[4]) == pytest.approx(100 / 4)


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
        ["u7", "push", "failed", "invalid_token", "2026-07-03T10:00:00Z"],
    ]


def test_dropped_users_leave_out_the_active_the_returned_and_the_deleted(export):
    columns = "user_key,pw_status,last_node_name,exit_reason_code"
    assert export("export_dropped_users", "--columns", columns)[1:] == [
        ["u2", "Dropped off", "Hello", "internal_error"],
        ["u3", "In Progress", "Letter", ""],
    ]


def test_texts_that_a_spreadsheet_would_execute_are_neutralised(export):
    row = export("export_pw_users", "--columns", "external_user_id,journey_name")[1]
    assert row == ["'=2+5", "'@Welcome"]


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "\0a", "  =1", "\n=1", "\uff1d1"]
)
def test_every_formula_start_gets_an_apostrophe(text):
    assert exports._cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, -1, "'=1", " a", "a=1", "(-1)"])
def test_numbers_and_harmless_texts_stay_as_they_are(value):
    assert exports._cell(value) == value


def test_headers_are_neutralised_like_cells(numbers, tmp_path):
    connection, export = numbers
    column = replace(export.columns[0], header="=Number")
    path = tmp_path / "numbers.csv"
    write_export(connection, replace(export, columns=(column,)), Selection(), path)
    assert csv_rows(path)[0] == ["'=Number"]


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
        (["--period", "yesterday"], ["e3", "e4"]),
        (["--period", "all_time", "--version", "V2"], ["e8"]),
        (["--category", "PROMO", "--to", "2026-07-01"], ["e1", "e2", "e6", "e7"]),
        (["--search", "hELL"], ["e1", "e2"]),
        (["--search", "N2"], ["e3", "e4"]),
    ],
)
def test_filters_select_rows(export, options, entries):
    """CTE-27: a step by its exact id, a name by any part of it in any case."""
    assert export("export_pw_users", *options, "--columns", "journey_entry_id")[1:] == [[e] for e in entries]


def test_goal_channel_and_category_filters_select_rows(export):
    """CTE-25, PW-48: one channel and one goal."""
    assert len(export("export_pw_channel", "--channel", "EMAIL", "--goal", "GJ")) == 2
    assert len(export("export_pw_goal", "--category", "promo")) == 2


def test_part_of_a_node_id_finds_nothing(export):
    assert export("export_pw_users", "--search", "N") is None
    assert len(export("export_pw_users", "--search", "N1")) == 3


def test_search_without_nodes_looks_into_every_column(export):
    assert export("export_nm_converted_users", "--search", "Hello") is None
    assert len(export("export_nm_converted_users", "--search", "welCOME")) == 2


@pytest.mark.parametrize("name", PAGE_HEADERS)
def test_every_filter_works_or_is_refused_with_a_sentence(warehouse, tmp_path, capsys, name):
    options = {
        "--account": "custom/main", "--journey": "J", "--version": "V1", "--node": "N1", "--channel": "push",
        "--goal": "GJ", "--status": "active", "--category": "promo", "--period": "last_7_days",
        "--basis": "event", "--from": "2026-07-01", "--to": "2026-07-02", "--search": "hello",
    }  # fmt: skip
    base = [name, "--warehouse", str(warehouse), "--out", str(tmp_path), *NEEDED.get(name, [])]
    always = {"--account", "--journey", "--status", "--category", "--search"}
    refused = set()
    for option, value in options.items():
        if main([*base, option, value]) == 2:
            error = capsys.readouterr().err
            assert error.startswith(f"{name} cannot be filtered by {option}. Its filters are: --")
            refused.add(option)
        else:
            assert capsys.readouterr().out.startswith(("Wrote", "inactive"))
    assert not refused & always
    if name in FIGURES:
        assert not refused & {"--version", "--period", "--basis", "--from", "--to"}


# The figure behind an export's column, counted by hand: export, its key and figure, table, key, figure, date.
HAND_COUNTS = {
    "pw_unique_users": (
        "export_pw_campaigns", "journey_id", "fct_messages", "journey_id",
        "count(distinct user_key) filter (is_accepted)", "message_date",
    ),
    "pw_point_opened_users": (
        "export_pw_channel", "node_id", "fct_message_events", "node_id",
        "count(distinct user_key) filter (event_type = 'opened')", "event_date",
    ),
    "users_accepted": (
        "export_pw_point", "node_id", "fct_messages", "node_id",
        "count(distinct user_key) filter (is_accepted)", "message_date",
    ),
    "pw_goal_count": (
        "export_pw_goal", "journey_id", "fct_conversions", "journey_id",
        "count(distinct user_key) filter (is_first_conversion)", "conversion_date",
    ),
    "ct_sent": (
        "export_ct_engagement_stats", "node_id || journey_version_id", "fct_messages",
        "node_id || journey_version_id", "count(*) filter (is_accepted)", "message_date",
    ),
}  # fmt: skip
SCOPES = [
    ([], "true"),
    (["--from", "2026-07-02"], "{day} >= '2026-07-02'"),
    (["--to", "2026-07-01"], "{day} <= '2026-07-01'"),
    (["--from", "2026-07-01", "--to", "2026-07-03"], "{day} between '2026-07-01' and '2026-07-03'"),
    (["--period", "yesterday"], "{day} = '2026-07-02'"),
    (["--period", "last_7_days", "--version", "V1"], "journey_version_id = 'V1'"),
    (["--version", "V1", "--from", "2026-07-02"], "journey_version_id = 'V1' and {day} >= '2026-07-02'"),
    (["--version", "V2"], "journey_version_id = 'V2'"),
    (["--version", "V1", "V2", "--to", "2026-07-03"], "true"),
    (["--category", "promo", "--status", "ACTIVE", "--from", "2026-07-01"], "journey_id = 'J'"),
    (["--journey", "K", "--from", "2026-07-01"], "false"),
    (["--category", "none of them", "--version", "V1"], "false"),
    (["--account", "custom/other", "--from", "2026-07-01"], "false"),
]


@pytest.mark.parametrize(("options", "scope"), SCOPES)
@pytest.mark.parametrize("figure", HAND_COUNTS)
def test_figures_are_counted_over_exactly_the_chosen_days_and_journeys(export, query, figure, options, scope):
    name, key, table, fact_key, count, day = HAND_COUNTS[figure]
    expected = dict(
        query(
            f"select {fact_key}, {count} as figure from marts.{table} "
            f"where not is_control and journey_id is not null and {scope.format(day=day)} "
            "group by all having figure > 0"
        )
    )
    columns = [part.strip() for part in key.split("||")]
    rows = export(name, *options, "--columns", ",".join([*columns, figure])) or [[]]
    shown = {"".join(keys): int(value) for *keys, value in rows[1:] if "ALL" not in keys and value != "0"}
    assert shown == expected


def test_users_of_two_days_are_counted_once_not_added_up(export):
    days = [f"2026-07-0{day}" for day in (1, 2, 3)]

    def unique_users(first: str, last: str) -> int:
        options = ["--from", first, "--to", last, "--journey", "J", "--columns", "pw_unique_users"]
        return int(export("export_pw_campaigns", *options)[1][0])

    assert [unique_users(day, day) for day in days] == [3, 2, 1]
    assert unique_users(days[0], days[-1]) == 5


@pytest.mark.parametrize("name", FIGURES)
def test_a_file_without_options_holds_all_time_on_the_event_basis(export, query, name):
    header, *rows = export(name)
    stored = query(
        f"select * from marts.{name} where period_id = 'all_time' and date_basis = 'event' order by all"
    )
    counted = query(f"select * from marts.{name}_between(null, null) where date_basis = 'event' order by all")
    assert stored == counted
    cells = [[str(exports._cell(value)) for value in row] for row in stored]
    assert sorted(rows) == sorted(cells)
    assert len(header) == len(rows[0])


@pytest.mark.parametrize("name", FIGURES)
def test_a_filter_on_journeys_shows_the_figures_of_a_count_over_these_journeys(export, query, name):
    columns = [row[0] for row in query(f"describe marts.{name}")]
    rows = export(name, "--journey", "J", "--period", "last_30_days", "--columns", ",".join(columns))[1:]
    counted = query(
        f"select * replace ('last_30_days' as period_id) from marts.{name}_between("
        "(select period_from from marts.dim_period where period_id = 'last_30_days'), "
        "(select period_to from marts.dim_period where period_id = 'last_30_days'), journey_ids := ['J']) "
        "where date_basis = 'event'"
    )
    assert sorted(rows) == sorted([str(exports._cell(value)) for value in row] for row in counted)


def test_a_version_leaves_only_the_journeys_that_have_it(export):
    options = ["--version", "V2", "--columns", "journey_id,pw_total_reach"]
    assert export("export_pw_campaigns", *options)[1:] == [["J", "1"]]
    assert export("export_pw_goal", "--version", "V2", "--columns", "journey_id")[1:] == [["J"]]


def test_one_row_of_several_versions_is_asked_for_with_all(export):
    columns = "journey_version_id,ct_sent"
    options = ["--node", "N1", "--version", "ALL", "V1", "--columns", columns]
    assert export("export_ct_engagement_stats", *options)[1:] == [["ALL", "3"], ["V1", "3"]]
    options = ["--node", "N1", "--version", "ALL", "--columns", columns]
    assert export("export_ct_engagement_stats", *options)[1:] == [["ALL", "4"]]


def test_a_cohort_basis_is_read_from_its_own_rows(export, query):
    options = ["--basis", "send_cohort", "--columns", "node_id,date_basis"]
    assert {row[1] for row in export("export_pw_channel", *options)[1:]} == {"send_cohort"}
    options = ["--basis", "entry_cohort", "--from", "2026-07-01", "--columns", "date_basis,period_id"]
    assert export("export_pw_goal", *options)[1] == ["entry_cohort", "2026-07-01.."]


def test_a_period_keeps_its_name_when_it_is_counted_anew(export):
    rows = export("export_pw_campaigns", "--period", "yesterday", "--version", "V1", "--columns", "period_id")
    assert rows[1:] == [["yesterday"]]


def test_a_period_is_each_accounts_own_days_and_all_time_has_no_ends(tmp_path):
    connection = duckdb.connect()
    connection.execute(
        """
        create schema marts;
        create table marts.dim_period as
        from (values ('a', 'today', date '2026-07-01', date '2026-07-01'),
                     ('b', 'today', date '2026-07-02', date '2026-07-02'))
            as days (account_key, period_id, period_from, period_to);
        create table marts.fct as
        from (values ('a', date '2026-07-01'), ('a', date '2026-07-02'), ('b', date '2026-07-02'))
            as facts (account_key, day);
        create table marts.dim_journey_version as
        from (values ('a', 'J', 'V1'), ('b', 'J', 'V1'), ('c', 'J', 'V2'))
            as versions (account_key, journey_id, journey_version_id);
        create table marts.export_f as
        select account_key, 'J' as journey_id, 'all_time' as period_id, 'event' as date_basis, 0 as times
        from marts.fct;
        create macro marts.export_f_between(
            from_day, to_day, journey_ids := null, journey_version_ids := null, account_keys := null
        ) as table
        select account_key, 'J' as journey_id, 'range' as period_id, 'event' as date_basis, count(*) as times
        from marts.fct
        where day between from_day and to_day
            and (account_keys is null or list_contains(account_keys, account_key))
        group by all
        """
    )
    filters = {
        "account_key": "account",
        "journey_id": "journey",
        "period_id": "period",
        "date_basis": "basis",
    }
    columns = [Column(name, name, role) for name, role in (filters | {"times": None}).items()]
    figures = Export("export_f", "Figures.", "account_key", tuple(columns))
    path = tmp_path / "f.csv"
    selection = Selection({"version": ["V1"]}, period="today", columns=("account_key", "period_id", "times"))
    write_export(connection, figures, selection, path)
    assert csv_rows(path)[1:] == [["a", "today", "1"], ["b", "today", "1"]]

    connection.execute(
        "create or replace macro marts.export_f_between("
        "from_day, to_day, journey_ids := null, journey_version_ids := null, account_keys := null) as table "
        "select 'a' as account_key, 'J' as journey_id, '' as period_id, 'event' as date_basis, "
        "coalesce(from_day, to_day) is null and journey_ids is null as times"
    )
    selection = Selection({"version": ["V1"]}, columns=("period_id", "times"))
    write_export(connection, figures, selection, path)
    assert csv_rows(path)[1:] == [["all_time", "true"]]

    connection.execute("create table marts.export_u as select *, account_key as journey_id from marts.fct")
    columns = [Column(name, name, role) for name, role in (("account_key", "account"), ("day", "day"))]
    users = Export("export_u", "Users.", "account_key, day", tuple(columns))
    write_export(connection, users, Selection(period="today"), path)
    assert csv_rows(path)[1:] == [["a", "2026-07-01"], ["b", "2026-07-02"]]


@pytest.mark.parametrize("name", PAGE_HEADERS)
def test_the_order_of_the_rows_leaves_no_ties(query, name):
    ((grain,),) = query("select distinct grain from marts.export_headers where export_name = ?", [name])
    ((rows, keys),) = query(f"select count(*), count(distinct ({grain})) from marts.{name}")
    assert rows == keys > 0


def test_user_level_data_is_one_file_per_metric(export, query, tmp_path):
    options = ["--metric", "users_opened", "users_accepted", "--journey", "J"]
    rows = export("export_user_level", *options, "--columns", "metric_name,user_key")
    assert rows[1:] == [["users_opened", "u3"]]
    assert {path.name for path in tmp_path.iterdir()} == {
        "export_user_level_users_opened.csv",
        "export_user_level_users_accepted.csv",
    }
    accepted = csv_rows(tmp_path / "export_user_level_users_accepted.csv")[1:]
    ((users,),) = query(
        "select count(distinct user_key) from marts.fct_messages where is_accepted and not is_control"
    )
    assert len({user for _, user in accepted}) == users == 5


def test_a_metric_without_rows_is_inactive_and_the_others_are_named(export, capsys):
    assert export("export_user_level", "--metric", "users_yawned") is None
    out = capsys.readouterr().out
    assert out.startswith("inactive: export_user_level has no rows for metric = users_yawned, so no file was")
    assert "Metrics with rows: " in out
    assert "users_accepted" in out


def test_without_a_name_every_export_is_written(warehouse, tmp_path, capsys):
    options = ["--warehouse", str(warehouse), "--out", str(tmp_path), "--metric", "users_opened"]
    assert main(options) == 0
    names = {f"{name}.csv" for name in PAGE_HEADERS if name not in NEEDED} | {
        "export_user_level_users_opened.csv"
    }
    assert {path.name for path in tmp_path.iterdir()} == names
    *lines, summary = capsys.readouterr().out.splitlines()
    rows = {path: len(csv_rows(path)) - 1 for path in sorted(tmp_path.iterdir())}
    assert lines == [f"Wrote {path}: {exports._count(count, 'row')}." for path, count in rows.items()]
    assert summary.startswith(f"Wrote 12 files with {sum(rows.values())} rows below {tmp_path} (")


def test_exports_that_do_not_know_an_option_are_skipped_with_a_sentence(warehouse, tmp_path, capsys):
    base = ["--warehouse", str(warehouse), "--out", str(tmp_path)]
    assert main([*base, "--from", "2026-07-02", "--journey", "K"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("skipped: export_pw_point_users cannot be filtered by --from.") for line in lines
    )
    assert any(line.startswith("skipped: export_user_level is one file per metric") for line in lines)
    assert any(line.startswith("inactive: export_pw_users has no rows for journey = K") for line in lines)
    assert ", 8 inactive, 2 skipped (" in lines[-1]
    assert main([*base, "--columns", "nothing"]) == 2
    assert "Wrote 0 files with 0 rows" in capsys.readouterr().out


def test_one_export_that_fails_does_not_keep_the_others_from_being_written(
    warehouse, tmp_path, capsys, monkeypatch
):
    def write(connection, export, *others):
        if export.name == "export_pw_goal":
            raise exports.RunError("It broke.")
        return 1

    monkeypatch.setattr(exports, "write_export", write)
    assert main(["--warehouse", str(warehouse), "--out", str(tmp_path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "failed: It broke." in lines
    assert lines[-1].startswith(f"Wrote 10 files with 10 rows below {tmp_path}, 1 skipped, 1 failed (")


def test_a_file_left_by_an_earlier_export_is_pointed_out(export, capsys, tmp_path):
    export("export_pw_users")
    export("export_pw_users", "--journey", "K")
    path = tmp_path / "export_pw_users.csv"
    assert capsys.readouterr().out.endswith(f"so no file was written. {path} is from an earlier export.\n")


def test_a_period_and_a_range_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["export_pw_users", "--period", "today", "--from", "2026-07-01"])
    assert "--period names the days already" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ([], ""),
        (["NAME=export_pw_users", "FORMAT=xlsx"], " export_pw_users --format xlsx"),
        (["LIST=1"], " --list"),
        (["OPTIONS=--journey a b"], " --journey a b"),
    ],
)
def test_make_export_passes_its_variables_on(variables, arguments):
    command = ["make", "--dry-run", "export", *variables]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert (
        result.stdout.splitlines()[-1].split()
        == f".venv/bin/python -m orchestration.exports{arguments}".split()
    )


def test_columns_are_written_in_the_order_asked_for(export):
    """CTE-28: the columns that are shown, in the order that was chosen."""
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
        (
            ["export_pw_point_users", "--to", "2026-07-01"],
            "export_pw_point_users cannot be filtered by --to.",
        ),
        (
            ["export_pw_point_users", "--period", "today"],
            "export_pw_point_users cannot be filtered by --period. Its filters are:",
        ),
        (
            ["export_pw_goal", "--period", "last_week"],
            "There is no period 'last_week'. The periods are: all_time, last_30_days, last_7_days, today, ",
        ),
        (
            ["export_pw_goal", "--basis", "send_cohort"],
            "export_pw_goal is not counted on the basis send_cohort. Its bases are: entry_cohort, event.",
        ),
        (["export_pw_goal", "--metric", "a"], "export_pw_goal has no metrics to choose from with --metric."),
        (
            ["export_user_level"],
            "export_user_level is one file per metric: name some with --metric. Metrics with rows: ",
        ),
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


@pytest.mark.parametrize(
    ("rows", "file_format", "limit"),
    [
        pytest.param(200_000, "csv", 500, id="csv"),
        pytest.param(1_000_000, "csv", 1024, id="million-csv", marks=pytest.mark.slow),
        pytest.param(1_000_000, "xlsx", 1024, id="million-xlsx", marks=[pytest.mark.slow, needs_xlsxwriter]),
    ],
)
def test_memory_stays_bounded_however_many_rows_are_written(tmp_path, rows, file_format, limit):
    warehouse = tmp_path / "many.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts;
            create table marts.export_many as
            select
                'user ' || md5(cast(n as varchar)) as user_id, 'In Progress' as status, n / 7 as share,
                'Price drop, in the "browser"' as step,
                timestamp '2026-07-01' + interval (n) second as entered_at,
                repeat('text ', 8) || n as note, md5(cast(-n as varchar)) as journey_entry_id, n as number
            from range({rows}) as rows (n);
            create table marts.export_headers as
            select
                table_name as export_name, 'Many rows.' as export_description, 'journey_entry_id' as grain,
                column_name, column_index as column_position, column_name as header,
                cast(null as varchar) as filter_name
            from duckdb_columns() where table_name = 'export_many'
            """
        )
    # The child's own peak: Linux counts the parent's memory into the child's ru_maxrss, not into VmHWM.
    code = (
        "import resource, sys; from pathlib import Path; from orchestration.exports import main; "
        "code = main(sys.argv[1:]); status = Path('/proc/self/status'); "
        "print(status.read_text().split('VmHWM:')[1].split()[0] if status.exists() "
        "else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    options = ["export_many", "--warehouse", str(warehouse), "--out", str(tmp_path), "--format", file_format]
    command = [sys.executable, "-c", code, *options]
    result = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    said, peak = result.stdout.splitlines()
    assert said.endswith(f": {rows:,} rows.")
    kibibytes = int(peak) / (1024 if sys.platform == "darwin" else 1)
    assert kibibytes / 1024 < limit


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
