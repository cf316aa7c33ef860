"""The landing adapter: every good row is staged as it is meant, every bad one is kept with its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

import duckdb
import pytest

from tests.integration.conftest import Landing

ENTRY_HEADER = "event_id,event_type,journey_id,user_id,occurred_at\n"
ROW = "{},journey_entered,welcome,ada,2026-05-01T10:00:00Z\n"
AT_TEN = datetime(2026, 5, 1, 10)
MIB = 1024 * 1024

# One row that uses every type of the contract, as the three formats spell it.
FORMATS_CSV = """event_id,event_name,user_id,occurred_at,value,properties,is_test,received_at
f1,buy,"O'Hara, ""Zoé"" 😀",2026-05-01T12:00:00+02:00,12.5,"{""sku"":""a"",""n"":[1,2]}",false,2026-05-02
f2,buy,7,2026-05-01 10:00:00.123456,,,TRUE,2026-05-02
"""
FORMATS_JSON = (
    '{"event_id":"f1","event_name":"buy","user_id":"O\'Hara, \\"Zoé\\" 😀",'
    '"occurred_at":"2026-05-01T10:00:00Z","value":12.5,"properties":{"sku":"a","n":[1,2]},"is_test":false,"received_at":"2026-05-02T00:00:00Z"}\n'
    "\n"
    '{"event_id":"f2","event_name":"buy","user_id":7,"occurred_at":"2026-05-01T13:00:00.123456+03:00",'
    '"value":null,"properties":"","is_test":true,"received_at":"2026-05-02T00:00Z"}'
)
FORMATS_PARQUET = """
    select
        event_id, 'buy' as event_name, user_id, occurred_at at time zone 'UTC' as occurred_at,
        cast(value as double) as value, properties, is_test, timestamp_ns '2026-05-02 00:00:00' as received_at
    from (
        values
        (
            'f1', 'O''Hara, "Zoé" 😀', timestamp '2026-05-01 10:00:00', 12.5,
            {'sku': 'a', 'n': [1, 2]}, false
        ),
        ('f2', '7', timestamp '2026-05-01 10:00:00.123456', null, null, true)
    ) as events (event_id, user_id, occurred_at, value, properties, is_test)
"""
FORMAT_FILES = [
    "formats.csv", "formats.csv.gz", "FORMATS.CSV.GZ", "formats.json", "formats.jsonl.gz", "formats.ndjson",
    "formats.parquet",
]  # fmt: skip

TIMESTAMPS = {
    "2026-05-01T10:00:00Z": AT_TEN,
    "2026-05-01 10:00:00": AT_TEN,
    "2026-05-01T10:00Z": AT_TEN,
    "2026-05-01T13:00:00+03:00": AT_TEN,
    "2026-05-01T13:00+03": AT_TEN,
    "2026-05-01T04:30:00.0-0530": AT_TEN,
    "2026-05-01T10:00:00.123456789Z": datetime(2026, 5, 1, 10, 0, 0, 123456),
    '"2026-05-01T10:00:00,5Z"': datetime(2026, 5, 1, 10, 0, 0, 500000),
    "2026-05-01": datetime(2026, 5, 1),
    "2000-01-01": datetime(2000, 1, 1),
    "2099-12-31T23:59:59.999999Z": datetime(2099, 12, 31, 23, 59, 59, 999999),
    "1999-12-31T23:59:59.999999Z": "out_of_range_occurred_at",
    "2100-01-01": "out_of_range_occurred_at",
    "2100-01-01T01:00:00+02:00": datetime(2099, 12, 31, 23),
    "0001-01-01": "out_of_range_occurred_at",
    "infinity": "invalid_occurred_at",
    "epoch": "invalid_occurred_at",
    "now": "invalid_occurred_at",
    "yesterday": "invalid_occurred_at",
    "1777629600": "invalid_occurred_at",
    "01/05/2026": "invalid_occurred_at",
    "2026-02-30": "invalid_occurred_at",
    "2026-13-01T00:00:00Z": "invalid_occurred_at",
    "2026-05-01T25:00:00Z": "invalid_occurred_at",
    "2026-05-01T10:00:00+99:00": "invalid_occurred_at",
    "2026-05-01T10:00:00 Europe/Istanbul": "invalid_occurred_at",
    "": "missing_occurred_at",
    '" "': "missing_occurred_at",
}
WHOLE_NUMBERS = {
    "3600": 3600,
    "3600.0": 3600,
    "1e3": 1000,
    " 7 ": 7,
    "": None,
    "100000000000": 100000000000,
    "100000000001": "out_of_range_window_seconds",
    "9223372036854775808": "invalid_window_seconds",
    "-1": "negative_window_seconds",
    "1.5": "invalid_window_seconds",
    "0x10": "invalid_window_seconds",
    "1_000": "invalid_window_seconds",
    "one": "invalid_window_seconds",
}
DECIMALS = {
    "12.5": Decimal("12.5"),
    "-3": Decimal("-3"),
    ".5": Decimal("0.5"),
    "1.5e3": Decimal("1500"),
    "0.1234567894": Decimal("0.123456789"),
    "0.1234567895": Decimal("0.12345679"),
    "99999999999999999999999999999": Decimal("99999999999999999999999999999"),
    "100000000000000000000000000000": "invalid_value",
    "1e400": "invalid_value",
    "nan": "invalid_value",
    "inf": "invalid_value",
    '"1,5"': "invalid_value",
    "12 EUR": "invalid_value",
}
ANCHORS = {
    "journey_entry": "journey_entry",
    "Message_Clicked": "Message_Clicked",
    "": None,
    "message_seen": "invalid_window_anchor",
}
FAR_TIMES = {
    "9999-12-31": datetime(9999, 12, 31),
    "1995-04-01": datetime(1995, 4, 1),
    "soon": "invalid_valid_to",
}
BOOLEANS = {
    "true": True, "FALSE": False, "1": True, "0": False, "t": True, "f": False, "yes": True, "No": False,
    "": None, "2": "invalid_is_control", "maybe": "invalid_is_control",
}  # fmt: skip
SHARES = {
    "0.25": 0.25, "1": 1.0, "-0.1": "negative_expected_share", "nan": "invalid_expected_share",
    "1e999": "invalid_expected_share", "half": "invalid_expected_share",
}  # fmt: skip
FILTERS = {
    '[{"property":"sku","op":"eq","value":1}]': None,
    "[]": None,
    "": None,
    "{}": "invalid_filters",
    "[1]": "invalid_filters",
    "[{}]": "invalid_filters",
    '[{"property":1,"op":"eq"}]': "invalid_filters",
    '[{"property":"sku","op":"like"}]': "invalid_filters",
    '[{"property":"sku","op":"eq"},{"property":"sku"}]': "invalid_filters",
    "[{": "invalid_filters",
    "null": None,
}
NASTY_TEXTS = [
    'say "hi"', "two\nlines", "crlf\r\nlines", "a,b", "'); drop table x; --", "😀 Zoé \u202e", "\\",
    "{{ 1 }}", "NULL", "null", " padded ", "#no comment", "C:\\temp", "100%", "a\tb", "x" * 3 * MIB,
]  # fmt: skip
ODD_NAMES = [
    "odd 'na\"me [1] ü😀 {a,b}.csv",
    "odd 'na\"me 1 ü😀 {a,b}.csv",
    "deep/er/still/x.csv",
    "star*.csv",
    "wh?t.csv",
]
HIDDEN_NAMES = ["_tmp.csv", ".hidden.csv", "_delta_log/x.csv", ".staging/deep/x.csv", "_SUCCESS"]


def quoted(value: str) -> str:
    """A value as a CSV field."""
    return '"' + value.replace('"', '""') + '"'


def write_good_and_bad_files(landing: Landing) -> None:
    """Every input of the tests below, each case in a file of its own."""
    events = "journey_events/"
    landing.write(events + "empty.csv", "")
    landing.write(events + "empty.parquet", "")
    landing.write(events + "empty.csv.gz", "")
    landing.write(events + "header_only.csv", ENTRY_HEADER)
    landing.write(events + "header_without_line_end.csv", ENTRY_HEADER.strip())
    landing.write(events + "blank.csv", "\r\n \n")
    landing.write(events + "blank.json", "\n\n")
    landing.write(
        events + "timestamps.csv",
        ENTRY_HEADER + "".join(f"t{i},x,j,u,{text}\n" for i, text in enumerate(TIMESTAMPS)),
    )
    landing.write(
        events + "required.csv",
        ENTRY_HEADER
        + "r1,,j,u,2026-05-01\nr2,x, ,u,2026-05-01\nr3,x,j,,2026-05-01\n"
        + "r4,,,,\nr5,x,j,u,2026-05-01\nr6,,j,u,soon\n"
        + "r7,Node_Entered,j,u,2026-05-01\n",
    )
    landing.write(
        events + "booleans.csv",
        ENTRY_HEADER.replace("\n", ",is_control\n")
        + "".join(f"b{i},x,j,u,2026-05-01,{text}\n" for i, text in enumerate(BOOLEANS)),
    )
    landing.write(
        events + "unknown_types.csv", ENTRY_HEADER + "k1,rocket_launched,welcome,ada,2026-05-01T10:00:00Z\n"
    )
    malformed = [
        ROW.format("good-1").encode(),
        b"long,x,j,u,2026-05-01,surplus\n",
        b"short,x,j\n",
        b'quote,"bro"ken,j,u,2026-05-01\n',
        b"utf8,x,j,\xff\xfe,2026-05-01\n",
        b"twin,x\n",
        b"twin,x\n",
        ROW.format("good-2").encode(),
        b"huge,x,j," + b"u" * 17 * MIB + b",2026-05-01\n",
        ROW.format("good-3").encode(),
    ]
    landing.write(events + "malformed.csv", ENTRY_HEADER.encode() + b"".join(malformed))
    for name, last in {
        "open_quote.csv": "",
        "open_quotes.csv": 'o5,x,j,"u,2026-05-01\n',
        "open_quote.csv.gz": "",
    }.items():
        landing.write(
            events + name,
            ENTRY_HEADER
            + ROW.format("o1")
            + 'o2,x,j,"u,2026-05-01\no3,x,"j ""1"", a",u 5",2026-05-01\no4,x,j,"",soon\n'
            + last,
        )
    landing.write(
        events + "malformed.jsonl",
        b'{"event_id":"good","event_type":"x","journey_id":"j","user_id":"u","occurred_at":"2026-05-01"}\r\n'
        b'not json\n\n[1]\n"text"\n{"event_id":\n{"event_id":"\xff"}\n',
    )
    landing.write(
        events + "mixed_line_ends.csv",
        ENTRY_HEADER
        + ROW.format("m1").replace("\n", "\r\n")
        + ROW.format("m2")
        + 'm3,x,j,"a ""b"", c",2026-05-01\r\nm4,x,j\r\n'
        + ROW.format("m5"),
    )
    landing.write(
        events + "crlf.csv",
        "\ufeff" + (ENTRY_HEADER + ROW.format("c1") + ROW.format("c2")).replace("\n", "\r\n"),
    )
    landing.write(
        events + "bom.jsonl",
        "\ufeff"
        + '{"event_id":"j1","event_type":"x","journey_id":"j","user_id":"u","occurred_at":"2026-05-01"}',
    )
    landing.write(
        events + "upper_case_header.csv",
        '"EVENT_ID","Event_Type",journey_id,user_id,occurred_at,,"extra, ""col""",extra\n'
        + "u1,x,j,u,2026-05-01,,1,2\nu2,x,j,u,never,,1,2\n",
    )
    for name in ODD_NAMES + HIDDEN_NAMES:
        landing.write(events + name, ENTRY_HEADER + ROW.format(quoted(f"id of {name}")))
    elsewhere = landing.write("../elsewhere/linked.csv", ENTRY_HEADER + ROW.format("linked"))
    (landing.root / events / "linked.csv").symlink_to(elsewhere)
    (landing.root / events / "linked_folder").symlink_to(elsewhere.parent)
    for name in ("twice.csv", "load_date=2026-05-03/twice_again.csv"):
        landing.write(events + name, ENTRY_HEADER + ROW.format("same-1") + ROW.format("same-2"))
    landing.write(
        events + "ids.csv",
        "event_id,source_record_id,event_type,journey_id,user_id,node_id,occurred_at\n"
        " e 1 ,rec-1,x,j,\tada ,,2026-05-01\n,rec-2,x,j,ada,,2026-05-01\n,,x,j,ada,,2026-05-01\n"
        ",,x,j,ada,n,2026-05-01\n,,x,j,ada,,2026-05-01T00:00:00Z\n",
    )

    landing.write("user_events/formats.csv", FORMATS_CSV)
    landing.write("user_events/formats.csv.gz", FORMATS_CSV)
    (landing.root / "user_events/formats.csv.gz").rename(landing.root / "user_events/FORMATS.CSV.GZ")
    landing.write("user_events/formats.csv.gz", FORMATS_CSV)
    for name in ("formats.json", "formats.jsonl.gz", "formats.ndjson"):
        landing.write("user_events/" + name, FORMATS_JSON)
    duckdb.sql(f"copy ({FORMATS_PARQUET}) to '{landing.root}/user_events/formats.parquet'")
    landing.write(
        "user_events/decimals.csv",
        "event_id,event_name,user_id,occurred_at,value\n"
        + "".join(f"d{i},buy,ada,2026-05-01,{text}\n" for i, text in enumerate(DECIMALS)),
    )
    landing.write(
        "user_events/properties.csv",
        "event_id,event_name,user_id,occurred_at,properties\n"
        'p1,buy,ada,2026-05-01,"{""a"": 1}"\np2,buy,ada,2026-05-01,{a: 1}\np3,buy,ada,2026-05-01,\n',
    )
    landing.write(
        "user_events/malformed_beside_parquet.csv",
        "event_id,event_name,user_id,occurred_at\nm1,buy,ada,2026-05-01\nshort,buy\nm2,buy,ada,2026-05-01\n",
    )
    duckdb.sql(f"""
        copy (
            select 'w' || i as event_id, 'buy' as event_name, i as user_id, [i] as order_id, i as occurred_at,
                map {{'a': i}} as properties, 'x' as value, 1 as is_test
            from range(2) as numbers (i)
        ) to '{landing.root}/user_events/wrong_types.parquet'
    """)
    for name, columns in {
        "drift_1": "'ada' as user_id, timestamp '2026-05-01 10:00:00' as occurred_at, 1 as value",
        "drift_2": "9007199254740993 as user_id, '2026-05-01T12:00:00+02:00' as occurred_at, 2.5 as order_id",
        "drift_3": "0.5 as user_id, date '2026-05-01' as occurred_at, {'a': 1} as properties",
    }.items():
        duckdb.sql(
            f"copy (select {columns}, 'buy' as event_name) to '{landing.root}/user_events/{name}.parquet'"
        )

    landing.write(
        "goals/goals.csv",
        "journey_id,goal_id,event_name,window_seconds\n"
        + "".join(f"j,w{i},buy,{text}\n" for i, text in enumerate(WHOLE_NUMBERS)),
    )
    landing.write(
        "goals/anchors.csv",
        "journey_id,goal_id,event_name,window_anchor\n"
        + "".join(f"j,a{i},buy,{text}\n" for i, text in enumerate(ANCHORS)),
    )
    landing.write(
        "goals/far_times.csv",
        "journey_id,goal_id,event_name,valid_to\n"
        + "".join(f"j,v{i},buy,{text}\n" for i, text in enumerate(FAR_TIMES)),
    )
    landing.write(
        "goals/filters.csv",
        "journey_id,goal_id,event_name,filters\n"
        + "".join(f"j,f{i},buy,{quoted(text)}\n" for i, text in enumerate(FILTERS)),
    )
    landing.write(
        "raw_node_edges/shares.csv",
        "journey_id,from_node_id,to_node_id,expected_share\n"
        + "".join(f"j,a,b{i},{text}\n" for i, text in enumerate(SHARES)),
    )
    landing.write(
        "journeys/names.csv",
        "journey_id,journey_name\n" + "".join(f"j{i},{quoted(text)}\n" for i, text in enumerate(NASTY_TEXTS)),
    )
    landing.write(
        "journeys/names.jsonl",
        "".join(
            json.dumps({"journey_id": f"j{i}", "journey_name": text}) + "\n"
            for i, text in enumerate(NASTY_TEXTS)
        ),
    )

    defaults = landing.write("users/defaults.csv", "user_id\nada\n")
    os.utime(defaults, (1777777777, 1777777777))
    os.utime(landing.write("users/load_date=2026-05-09/part.csv", "user_id\nbob\n"), (1777777777, 1777777777))
    os.utime(landing.write("users/load_date=2026-02-30/part.csv", "user_id\nbob\n"), (1777777777, 1777777777))
    os.utime(landing.write("users/old.csv", "user_id\nbob\n"), (0, 0))
    landing.write(
        "users/given.csv",
        "user_id,source_system,source_account,source_record_id,batch_id,received_at,loaded_at,schema_version,raw_payload\n"
        "ada,braze,shop,r1,b7,1970-01-01T00:00:00Z,2026-05-02,2.0,raw text\n"
        "bob,,,,,1969-12-31,,,\ncid,,,,,soon,,,\n",
    )
    landing.write("load_batches/batches.csv", "batch_id,row_count\nb7,3\n,3\n")


@pytest.fixture(scope="session")
def landing(new_landing: Callable[[], Landing]) -> Landing:
    """A landing folder with every good and bad input, staged once."""
    landing = new_landing()
    write_good_and_bad_files(landing)
    landing.stage("staged").raise_for_error()
    return landing


@pytest.fixture(scope="session")
def staged(landing: Landing) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse with the staged tables."""
    with duckdb.connect(str(landing.warehouse("staged")), read_only=True) as connection:
        connection.execute("set schema = 'staging'")
        yield connection


def rows(
    staged: duckdb.DuckDBPyConnection, table: str, columns: str, file: str, order: str = "1"
) -> list[tuple]:
    """Rows staged from one file of a table, without its extension when that says enough."""
    return staged.execute(
        f"select {columns} from stg_contract__{table} where source_file like '%/' || ? order by {order}",
        [file],
    ).fetchall()


def outcomes(staged: duckdb.DuckDBPyConnection, table: str, key: str, column: str, file: str) -> dict:
    """Per key of a file: the reject reason, else the staged value."""
    return {
        name: reason or value
        for name, value, reason in rows(staged, table, f"{key}, {column}, reject_reason", file)
    }


def expected(prefix: str, cases: dict) -> dict:
    """The values of `cases` by the key the n-th case was written with."""
    return {f"{prefix}{number}": value for number, value in enumerate(cases.values())}


@pytest.mark.parametrize(
    ("table", "key", "column", "prefix", "file", "cases"),
    [
        ("journey_events", "event_id", "occurred_at", "t", "timestamps.csv", TIMESTAMPS),
        ("journey_events", "event_id", "is_control", "b", "booleans.csv", BOOLEANS),
        ("goals", "goal_id", "window_seconds", "w", "goals.csv", WHOLE_NUMBERS),
        ("user_events", "event_id", "value", "d", "decimals.csv", DECIMALS),
        ("node_edges", "to_node_id", "expected_share", "b", "shares.csv", SHARES),
        ("goals", "goal_id", "null", "f", "filters.csv", FILTERS),
        ("goals", "goal_id", "window_anchor", "a", "anchors.csv", ANCHORS),
        ("goals", "goal_id", "valid_to", "v", "far_times.csv", FAR_TIMES),
    ],
    ids=["timestamps", "booleans", "whole numbers", "decimals", "shares", "filters", "anchors", "far times"],
)
def test_a_value_is_converted_or_rejects_its_row(
    staged: duckdb.DuckDBPyConnection, table: str, key: str, column: str, prefix: str, file: str, cases: dict
) -> None:
    assert outcomes(staged, table, key, column, file) == expected(prefix, cases)


def test_the_same_rows_are_staged_alike_from_every_format(staged: duckdb.DuckDBPyConnection) -> None:
    columns = "event_id, user_id, occurred_at, value, properties, is_test, received_at, reject_reason"
    received = datetime(2026, 5, 2)
    wanted = [
        ("f1", 'O\'Hara, "Zoé" 😀', AT_TEN, Decimal("12.5"), '{"sku":"a","n":[1,2]}', False, received, None),
        ("f2", "7", datetime(2026, 5, 1, 10, 0, 0, 123456), None, None, True, received, None),
    ]  # fmt: skip
    assert {file: rows(staged, "user_events", columns, file) for file in FORMAT_FILES} == dict.fromkeys(
        FORMAT_FILES, wanted
    )


def test_columns_of_another_type_are_converted_or_reject_their_rows(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    columns = "event_id, user_id, order_id, properties, is_test, reject_reason, rejected_row"
    first = rows(staged, "user_events", columns, "wrong_types.parquet")[0]
    assert first[:6] == ("w0", "0", "[0]", '{"a":0}', True, "invalid_occurred_at")
    assert json.loads(first[6])["occurred_at"] == 0


def test_columns_that_change_type_between_files_are_converted(staged: duckdb.DuckDBPyConnection) -> None:
    columns = "user_id, occurred_at, value, order_id, properties, reject_reason"
    assert rows(staged, "user_events", columns, "drift_%.parquet", order="source_file") == [
        ("ada", AT_TEN, Decimal(1), None, None, None),
        ("9007199254740993", AT_TEN, None, "2.5", None, None),
        ("0.5", datetime(2026, 5, 1), None, None, '{"a":1}', None),
    ]


def test_a_row_without_a_required_value_is_rejected_with_the_first_reason(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    assert rows(staged, "journey_events", "event_id, reject_reason", "required.csv") == [
        ("r1", "missing_event_type"),
        ("r2", "missing_journey_id"),
        ("r3", "missing_user_id"),
        ("r4", "missing_event_type"),
        ("r5", None),
        ("r6", "missing_event_type"),
        ("r7", "missing_node_id"),
    ]


def test_a_rejected_row_keeps_every_original_column_and_a_good_row_none(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    good, bad = rows(staged, "journey_events", "event_id, rejected_row", "upper_case_header.csv")
    assert good == ("u1", None)
    assert json.loads(bad[1]) == {
        "EVENT_ID": "u2", "Event_Type": "x", "journey_id": "j", "user_id": "u", "occurred_at": "never",
        "_6": None, 'extra, "col"': "1", "extra": "2",
    }  # fmt: skip


def test_json_that_does_not_parse_is_an_invalid_value(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "user_events", "event_id, properties, reject_reason", "properties.csv") == [
        ("p1", '{"a": 1}', None),
        ("p2", None, "invalid_properties"),
        ("p3", None, None),
    ]


def test_an_unknown_event_type_is_kept(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "journey_events", "event_type, reject_reason", "unknown_types.csv") == [
        ("rocket_launched", None)
    ]


@pytest.mark.parametrize(
    "file",
    [
        "empty.csv",
        "empty.parquet",
        "empty.csv.gz",
        "header_only.csv",
        "header_without_line_end.csv",
        "blank.csv",
        "blank.json",
    ],
)
def test_a_file_without_rows_stages_nothing(staged: duckdb.DuckDBPyConnection, file: str) -> None:
    assert rows(staged, "journey_events", "event_id", file) == []


def test_malformed_csv_lines_are_kept_and_stop_nothing(staged: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        staged,
        "journey_events",
        "event_id, reject_reason, left(rejected_row, 9), account_key",
        "malformed.csv",
    )
    assert sorted(found, key=str) == sorted(
        [(f"good-{number}", None, None, "custom/main") for number in (1, 2, 3)]
        + [
            (None, "malformed_row", line, "custom/main")
            for line in (
                '"long,x,j',
                '"short,x,',
                '"quote,\\"',
                '"utf8,x,j',
                '"twin,x"',
                '"twin,x"',
                '"huge,x,j',
            )
        ],
        key=str,
    )


def test_malformed_lines_of_a_text_file_beside_parquet_files_are_kept(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    found = rows(staged, "user_events", "event_id, reject_reason", "malformed_beside_parquet.csv")
    assert sorted(found, key=str) == [("m1", None), ("m2", None), (None, "malformed_row")]


@pytest.mark.parametrize("file", ["open_quote.csv", "open_quotes.csv", "open_quote.csv.gz"])
def test_an_open_quote_costs_no_line_but_its_own(staged: duckdb.DuckDBPyConnection, file: str) -> None:
    found = rows(staged, "journey_events", "event_id, journey_id, user_id, reject_reason, rejected_row", file)
    good, odd, late, *malformed = sorted(found, key=lambda row: row[0] or "z")
    assert good == ("o1", "welcome", "ada", None, None)
    assert odd == ("o3", 'j "1", a', 'u 5"', None, None)
    assert late[:4] == ("o4", "j", None, "missing_user_id")
    kept = {name: value for name, value in json.loads(late[4]).items() if name in ("user_id", "occurred_at")}
    assert kept == {"user_id": None, "occurred_at": "soon"}
    lines = [f'"{name},x,j,\\"u,2026-05-01"' for name in ("o2", "o5")]
    assert malformed == [(None, None, None, "malformed_row", line) for line in lines[: len(malformed)]]
    assert len(malformed) == (2 if file == "open_quotes.csv" else 1)


def test_malformed_json_lines_are_kept_and_stop_nothing(staged: duckdb.DuckDBPyConnection) -> None:
    found = rows(staged, "journey_events", "rejected_row, event_type, reject_reason", "malformed.jsonl")
    assert found == [
        ('"[1]"', None, "malformed_row"),
        ('"\\"text\\""', None, "malformed_row"),
        ('"not json"', None, "malformed_row"),
        ('"{\\"event_id\\":"', None, "malformed_row"),
        ('"{\\"event_id\\":\\"?\\"}"', None, "malformed_row"),
        (None, "x", None),
    ]


def test_line_ends_and_byte_order_marks_do_not_matter(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "journey_events", "event_id, reject_reason", "crlf.csv") == [
        ("c1", None),
        ("c2", None),
    ]
    assert rows(staged, "journey_events", "event_id, reject_reason", "bom.jsonl") == [("j1", None)]
    assert rows(
        staged, "journey_events", "event_id, user_id, reject_reason", "mixed_line_ends.csv", "1 nulls last"
    ) == [
        ("m1", "ada", None),
        ("m2", "ada", None),
        ("m3", 'a "b", c', None),
        ("m5", "ada", None),
        (None, None, "malformed_row"),
    ]


@pytest.mark.parametrize("file", ["names.csv", "names.jsonl"])
def test_any_text_is_staged_unchanged(staged: duckdb.DuckDBPyConnection, file: str) -> None:
    found = dict(rows(staged, "journeys", "journey_id, journey_name", file))
    assert found == {f"j{number}": text for number, text in enumerate(NASTY_TEXTS)}


def test_files_of_any_name_and_depth_are_read_once_and_hidden_ones_not(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    found = staged.execute(
        "select source_file, event_id from stg_contract__journey_events "
        "where event_id like 'id of %' order by source_file"
    ).fetchall()
    assert found == sorted((f"journey_events/{name}", f"id of {name}") for name in ODD_NAMES)


def test_links_to_files_and_folders_are_followed(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "journey_events", "source_file, event_id", "%linked.csv") == [
        ("journey_events/linked.csv", "linked"),
        ("journey_events/linked_folder/linked.csv", "linked"),
    ]


def test_a_file_delivered_twice_is_staged_twice_with_the_same_ids(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "journey_events", "source_file, event_id", "twice%", order="1, 2") == [
        ("journey_events/load_date=2026-05-03/twice_again.csv", "same-1"),
        ("journey_events/load_date=2026-05-03/twice_again.csv", "same-2"),
        ("journey_events/twice.csv", "same-1"),
        ("journey_events/twice.csv", "same-2"),
    ]


def test_an_event_without_id_gets_that_of_its_record_or_its_content(
    staged: duckdb.DuckDBPyConnection,
) -> None:
    found = rows(
        staged,
        "journey_events",
        "event_id, user_id, node_id",
        "ids.csv",
        order="source_record_id nulls last, node_id, 1",
    )
    assert [event_id for event_id, _, _ in found[:2]] == ["e 1", "rec-2"]
    assert {user_id for _, user_id, _ in found} == {"ada"}
    with_node, without_node, same_without_node = (event_id for event_id, _, _ in found[2:])
    assert without_node == same_without_node != with_node
    assert with_node.startswith("hash:")


def test_the_envelope_is_filled_in_where_a_file_lacks_it(staged: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "account_key, source_system, source_account, source_record_id, batch_id, received_at, loaded_at, "
        "schema_version, raw_payload, reject_reason"
    )
    modified = datetime(2026, 5, 3, 3, 9, 37)
    day_end = datetime(2026, 5, 9, 23, 59, 59, 999999)
    ours = ("custom/main", "custom", "main", None)
    part = "users/load_date=2026-05-09/part.csv"
    no_day = "users/load_date=2026-02-30/part.csv"
    assert rows(staged, "users", columns, "defaults.csv") == [
        (*ours, "users/defaults.csv", modified, modified, "1.0", None, None)
    ]
    assert rows(staged, "users", columns, "load_date=2026-05-09/part.csv") == [
        (*ours, part, day_end, modified, "1.0", None, None)
    ]
    assert rows(staged, "users", columns, "load_date=2026-02-30/part.csv") == [
        (*ours, no_day, modified, modified, "1.0", None, None)
    ]
    epoch = datetime(1970, 1, 1)
    assert rows(staged, "users", columns, "old.csv") == [
        (*ours, "users/old.csv", epoch, epoch, "1.0", None, None)
    ]
    given = ("braze/shop", "braze", "shop", "r1", "b7", epoch, datetime(2026, 5, 2), "2.0", "raw text", None)
    assert rows(staged, "users", f"user_id, {columns}", "given.csv")[0][1:] == given
    assert outcomes(staged, "users", "user_id", "null", "given.csv") == {
        "ada": None,
        "bob": "out_of_range_received_at",
        "cid": "invalid_received_at",
    }


def test_a_load_batch_needs_its_own_id(staged: duckdb.DuckDBPyConnection) -> None:
    assert rows(staged, "load_batches", "batch_id, row_count, reject_reason", "batches.csv") == [
        ("b7", 3, None),
        (None, 3, "missing_batch_id"),
    ]


def test_a_table_without_files_is_empty_and_typed(staged: duckdb.DuckDBPyConnection) -> None:
    types = dict(
        staged.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_name = 'stg_contract__message_events'"
        ).fetchall()
    )
    assert staged.execute("select count(*) from stg_contract__message_events").fetchone() == (0,)
    assert [types[name] for name in ("event_id", "occurred_at", "is_bot", "sms_segments", "cost_amount")] == [
        "VARCHAR", "TIMESTAMP", "BOOLEAN", "BIGINT", "DECIMAL(38,9)",
    ]  # fmt: skip


def test_every_staged_row_has_its_account_and_file(staged: duckdb.DuckDBPyConnection) -> None:
    tables = [
        name
        for (name,) in staged.execute(
            "select table_name from information_schema.tables where table_schema = 'staging'"
        ).fetchall()
    ]
    assert len(tables) == 16
    for table in tables:
        lost = f"select count(*) from {table} where account_key || source_file || received_at is null"
        assert staged.execute(lost).fetchone() == (0,), table
        unexplained = f"select count(*) from {table} where (reject_reason is null) <> (rejected_row is null)"
        assert staged.execute(unexplained).fetchone() == (0,), table


def test_the_files_hold_as_many_rows_as_were_staged(
    landing: Landing, staged: duckdb.DuckDBPyConnection
) -> None:
    tables = ["journey_events", "user_events", "goals", "journeys", "users", "message_events"]
    query = " union all ".join(
        f"select '{table}' as name, {{{{ landing_row_count('{table}') }}}} as row_count" for table in tables
    )
    shown = landing.dbt(["show", "--inline", query, "--output", "json", "--limit", "-1"]).raise_for_error()
    counted = json.loads(shown.stdout[shown.stdout.index("{") : shown.stdout.rindex("}") + 1])["show"]
    assert {row["name"]: row["row_count"] for row in counted} == {
        table: staged.execute(f"select count(*) from stg_contract__{table}").fetchone()[0] for table in tables
    }


def test_a_landing_root_that_does_not_exist_stops_the_run_before_any_model(
    new_landing: Callable[[], Landing],
) -> None:
    landing = new_landing()
    result = landing.stage()
    assert not result.success
    assert f"The landing root '{landing.root}' does not exist, cannot be read or holds no file" in "\n".join(
        result.errors
    )
    built = "select * from duckdb_tables() where schema_name <> 'ops'"
    assert duckdb.connect(str(landing.warehouse())).sql(built).fetchall() == []


def test_every_problem_of_the_files_is_reported_at_once(new_landing: Callable[[], Landing]) -> None:
    landing = new_landing()
    landing.write("message_events/a.csv", "event_id;event_type\n1;sent\n")
    landing.write(
        "message_events/b.jsonl", '{"user_id":"ada","channel":"email","occurred_at":"2026-05-01"}\n'
    )
    landing.write("users/users.xlsx", "x")
    landing.write("users/_ignored.xlsx", "x")
    landing.write("users/plain.csv.gz", "user_id\nada\n").write_text("user_id\nada\n")
    half = landing.write("users/half.csv.gz", "user_id\n" + "".join(f"u{n * 7919}\n" for n in range(50000)))
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    landing.write("users/two_members.csv.gz", "").write_bytes(
        landing.write("users/a.csv.gz", "user_id\nada\n").read_bytes()
        + landing.write("users/b.csv.gz", "bob\n").read_bytes()
    )
    landing.write("users/utf16.csv", "user_id\nada\n".encode("utf-16"))
    landing.write("goals/cut.parquet", b"PAR1 and no more")
    landing.write("journeys/late_key.jsonl", "{}\n" * 1500 + '{"journey_id":"late"}\n')
    landing.write("nodes/a.jsonl", '{"journey_id":"welcome"}\n')
    landing.write("journy_events/a.csv", ENTRY_HEADER)
    landing.write("stray.csv", ENTRY_HEADER)
    result = landing.stage()
    assert not result.success
    message = "\n".join(result.errors)
    for sentence in (
        f"Table journey_events is required, but the folder '{landing.root}/journey_events' does not exist",
        "Table message_events: the required column event_type is in none of its files "
        "(found: channel, event_id;event_type, occurred_at, user_id)",
        "Table nodes: the required column node_id is in none of its files (found: journey_id)",
        "'users/users.xlsx' has an unknown extension",
        "'users/plain.csv.gz' is no gzip file",
        "'users/half.csv.gz' is a damaged or incomplete gzip file",
        "'users/utf16.csv' does not start with a header line in UTF-8",
        "'goals/cut.parquet' is no complete Parquet file",
    ):
        assert sentence in message
    for unmentioned in ("_ignored", "two_members", "Table journeys"):
        assert unmentioned not in message
    assert (
        "'journy_events' is no contract table and is not loaded; nearest names: journey_events"
        in result.stdout
    )
    assert "holds files outside any table folder, such as 'stray.csv'" in result.stdout


def test_a_damaged_parquet_file_stops_the_run_with_its_name(new_landing: Callable[[], Landing]) -> None:
    landing = new_landing()
    folder = landing.write("journey_events/_first", "").parent
    duckdb.sql(f"copy (select hash(i) as event_id from range(300000) as n (i)) to '{folder}/large.parquet'")
    whole = (folder / "large.parquet").read_bytes()
    (folder / "large.parquet").write_bytes(whole[: len(whole) - 5000])
    result = landing.stage()
    assert not result.success
    assert "large.parquet" in "\n".join(result.errors)
