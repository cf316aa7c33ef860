"""The harness itself: it reports wrong values and unknown names, and lands every kind of input alike."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scenarios import evaluation
from scenarios.comparison import Assertion, matches, value_of
from scenarios.evaluation import Results, compare, write_landing
from scenarios.scenario_files import Scenario, read_scenarios
from scenarios.vocabulary import BLOCKS

DATA = Path(__file__).parent / "data"
MINIMAL = """
meta:
  aliases: {{u: user_id, at: occurred_at}}
  defaults: {{journey_events: {{journey_id: J1}}{defaults}}}
scenarios:
- id: X1
  input: {{journey_events: [{{event_type: journey_entered, u: u1, at: "2025-01-01"{column}}}]{table}}}
  config: {{reporting_timezone: UTC{config}}}
  expected: {{overview: {{total_entries: 1{key}}}{block}}}
  {part}
"""
PLACES = ("defaults", "column", "table", "config", "key", "block", "part")


def changed(value: Any) -> Any:
    """A value that is not the given one."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [*value, "x"]
    if isinstance(value, dict):
        return {**value, "XXX": 1}
    return f"{value}x" if isinstance(value, str) else value + 0.001


def scenario_of(folder: Path, **parts: str) -> Scenario:
    """The minimal scenario with something put into the named places."""
    file = folder / "minimal.yaml"
    file.write_text(MINIMAL.format(**{place: parts.get(place, "") for place in PLACES}), encoding="utf-8")
    return read_scenarios(file)[0]


def test_every_changed_value_is_reported_and_no_other(block_scenario: Scenario, results: Results) -> None:
    before = {(each.variant, each.key): each.ok for each in compare(block_scenario, results)}
    assert any(before.values()), "no value of this scenario is right, so no change can be seen"
    for number, original in enumerate(block_scenario.evaluations):
        altered = copy.deepcopy(block_scenario)
        altered.evaluations[number].assertions = [
            dataclasses.replace(each, expected=changed(each.expected)) for each in original.assertions
        ]
        after = {(each.variant, each.key): each.ok for each in compare(altered, results)}
        right = [place for place in before if place[0] == original.variant and before[place]]
        assert [place for place in right if after[place]] == []
        others = [place for place in before if place[0] != original.variant]
        assert [place for place in others if before[place] != after[place]] == []


@pytest.fixture(scope="module")
def built_in() -> list[Scenario]:
    """The scenarios of the built-in files."""
    return [scenario for file in DATA.glob("*.yaml") for scenario in read_scenarios(file)]


def test_built_in_scenarios_assert_every_block_between_them(built_in: list[Scenario]) -> None:
    evaluations = [each for scenario in built_in for each in scenario.evaluations]
    asserted = {assertion.block for each in evaluations for assertion in each.assertions}
    assert set(BLOCKS) == asserted


def test_built_in_scenarios_use_known_names_only(built_in: list[Scenario]) -> None:
    assert [(scenario.id, scenario.problems) for scenario in built_in if scenario.problems] == []


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"part": "expected_asof: {}"}, "expected_asof"),
        ({"part": "aggregate_input: {}"}, "input"),
        ({"table": ", visits: [{user_id: u1}]"}, "input.visits"),
        ({"column": ", colour: red"}, "input.journey_events.colour"),
        ({"column": ", source_account: other"}, "input.journey_events.source_account"),
        ({"defaults": ", visits: {}"}, "meta.defaults.visits"),
        ({"config": ", time_zone: UTC"}, "config.time_zone"),
        ({"block": ", funnel: {a: 1}"}, "funnel"),
        ({"key": ", entries_total: 1"}, "overview.entries_total"),
        ({"block": ", goals: {G1: {conversions: 1}}"}, "goals.G1.conversions"),
        ({"block": ", goals: {G1: 1}"}, "goals.G1"),
        ({"block": ", nodes: [N1]"}, "nodes"),
        ({"block": ", channels: {push: {ctr: 1}}"}, "channels.push.ctr"),
        ({"block": ", attribution: {best: {N1: 1}}"}, "attribution.best"),
        ({"block": ", periods: [{from: 2025-01-01, to: 2025-01-02, entries: 1}]"}, "periods[0]"),
        (
            {"block": ", periods: [{from: 2025-01-01, to: 2025-01-02, basis: send, entries: 1}]"},
            "periods[2025-01-01..2025-01-02..send]",
        ),
        ({"block": ", user_list: [{e: e1, state: open}]"}, "user_list[e1].state"),
    ],
)
def test_an_unknown_name_is_a_failure_that_names_it(part: dict[str, str], path: str, tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, **part)
    assert [each.key for each in compare(scenario, Results()) if each.got != 0 and not each.ok] == [path]


def test_a_scenario_without_anything_unknown_has_no_problem(tmp_path: Path) -> None:
    assert scenario_of(tmp_path).problems == []


@pytest.mark.parametrize(
    "text", ["scenarios: 1", "a: [", "scenarios: [3]", "scenarios: [{id: A, input: {}, expected: {}}]"]
)
def test_a_file_that_says_nothing_usable_is_a_failure(text: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text, encoding="utf-8")
    compared = [each for scenario in read_scenarios(file) for each in compare(scenario, Results())]
    assert [each.ok for each in compared] == [False]


def test_a_file_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    (scenario,) = read_scenarios(tmp_path / "none.yaml")
    assert [each.ok for each in compare(scenario, Results())] == [False]


def test_a_failed_build_fails_every_scenario_with_its_error(tmp_path: Path) -> None:
    (compared,) = compare(scenario_of(tmp_path), Results(error="Parser Error: no such thing"))
    assert not compared.ok
    assert compared.got == "Parser Error: no such thing"


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (3, 3, True),
        (3, 3.0, True),
        (3, 4, False),
        (0.333333, 1 / 3, True),
        (0.333333, 0.33334, False),
        (0, None, False),
        (None, 0, False),
        (None, None, True),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (1, float("nan"), False),
        ("Exited", "Exited", True),
        ("Exited", "exited", False),
        (["b", "a"], ["a", "b"], True),
        (["a"], ["a", "a"], False),
        ([], None, False),
        ({"USD": 1}, {"USD": 1.0}, True),
        ({"USD": 1}, {"USD": 1, "EUR": 0}, False),
        ({}, {}, True),
        ({}, {"EUR": 0}, False),
    ],
)
def test_values_are_equal_as_the_vocabulary_says(expected: Any, got: Any, same: bool) -> None:
    assert matches(expected, got) is same


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("nodes", "entry_count", 0),
        ("nodes", "pw_open_rate", None),
        ("goals", "ttc_p50_seconds", None),
        ("goals", "has_export", False),
        ("goals", "converted_entry_ids", []),
        ("goals", "revenue_all", {}),
        ("versions", "converted_users_G1", 0),
        ("versions", "nm_conversion_rate_G1", None),
        ("attribution", "credit", 0),
        ("user_list", "status", None),
    ],
)
def test_a_missing_group_has_zero_counts_and_null_rates(block: str, key: str, value: Any) -> None:
    assertion = Assertion("", block, ("A",), key, BLOCKS[block].kind(key), value)
    assert matches(value, value_of(assertion, {}))


def test_a_group_with_two_rows_or_without_the_column_matches_nothing() -> None:
    assertion = Assertion("", "nodes", ("N1",), "entry_count", "count", 0)
    row = {"entry_count": 0}
    assert matches(0, value_of(assertion, {("N1",): [row]}))
    assert not matches(0, value_of(assertion, {("N1",): [row, row]}))
    assert not matches(0, value_of(assertion, {("N1",): [{}]}))


def test_builds_stay_within_their_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scenarios = [copy.deepcopy(scenario_of(tmp_path)) for _ in range(7)]
    monkeypatch.setattr(evaluation, "BUILD_ROWS", 3)
    assert [len(batch) for batch in evaluation._batches(scenarios)] == [3, 3, 1]
    monkeypatch.setattr(evaluation, "BUILD_ACCOUNTS", 2)
    assert [len(batch) for batch in evaluation._batches(scenarios)] == [2, 2, 2, 1]


def landed(scenario: Scenario, folder: Path) -> list[tuple[str, ...]]:
    """The landed events of a scenario as text, in a fixed order."""
    for number, each in enumerate(scenario.evaluations):
        each.account = f"s{number}"
    write_landing([scenario], folder)
    rows = [
        json.loads(line)
        for file in folder.rglob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for file in folder.rglob("*.parquet"):
        cursor = duckdb.execute("from read_parquet(?)", [str(file)])
        names = [column[0] for column in cursor.description]
        rows += [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    columns = (
        "source_account",
        "event_id",
        "user_id",
        "occurred_at",
        "received_at",
        "is_control",
        "properties",
    )
    return sorted(tuple(as_text(row.get(column)) for column in columns) for row in rows)


def as_text(value: Any) -> str:
    """A landed value as the text that a file without types holds."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


INPUT_ROWS = {
    "user_events": [
        {"id": "a", "u": "u1", "at": "2025-01-01T10:00:00.5Z", "rcv": None, "properties": {"k": "v"}},
        {"id": "b", "u": "u2", "at": "2025-01-01T10:00:00Z", "rcv": "2025-01-02T00:00:00Z", "properties": {}},
    ],
    "journey_events": [{"id": "c", "t": "qualified", "u": "'; -- \U0001f600", "at": "2025-01-01T10:00:00Z"}],
}
FOLDER_FILE = """
meta:
  aliases: {id: event_id, t: event_type, u: user_id, at: occurred_at, rcv: received_at, reason: reason_code}
  defaults:
    journey_events: {journey_id: J1, is_control: false}
    user_events: {event_name: purchase, properties: {}}
scenarios:
- id: X1
  expected: {overview: {total_entries: 0}}
  expected_as_of: {"2025-01-03T00:00:00Z": {overview: {total_entries: 0}}}
"""


def write_input(form: str, folder: Path) -> None:
    """Write the input rows as one file per table in the given format."""
    folder.mkdir()
    for table, rows in INPUT_ROWS.items():
        file = folder / f"{table}.{form}"
        if form == "jsonl":
            file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            continue
        cells = [{k: as_text(v) if isinstance(v, dict) else v for k, v in row.items()} for row in rows]
        with file.with_suffix(".csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(cells[0]))
            writer.writeheader()
            writer.writerows(cells)
        if form == "parquet":
            source = f"read_csv('{file.with_suffix('.csv')}', all_varchar = true)"
            duckdb.execute(f"copy (from {source}) to '{file}' (format parquet)")
            file.with_suffix(".csv").unlink()


def test_an_input_folder_lands_the_same_rows_as_an_inline_input(tmp_path: Path) -> None:
    results = {}
    for form in ("inline", "jsonl", "csv", "parquet"):
        if form == "inline":
            given = f"  input: {json.dumps(INPUT_ROWS, ensure_ascii=False)}\n"
        else:
            write_input(form, tmp_path / form)
            given = f"  input_folder: {form}\n"
        file = tmp_path / f"{form}.yaml"
        file.write_text(FOLDER_FILE + given, encoding="utf-8")
        (scenario,) = read_scenarios(file)
        assert scenario.problems == []
        assert scenario.row_count == 3
        results[form] = landed(scenario, tmp_path / f"landing_{form}")
    assert len(results["inline"]) == 6
    assert results["jsonl"] == results["csv"] == results["parquet"] == results["inline"]


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("visits.csv", "a,b\n1,2\n", "input_folder/visits.csv"),
        ("users.xlsx", "", "input_folder/users.xlsx"),
        ("users.csv", "user_id,colour\nu1,red\n", "input_folder.users.colour"),
        ("users.jsonl", '{"user_id": "u1"}\n{"colour": "red"}\n', "input_folder.users.colour"),
    ],
)
def test_an_unknown_name_in_an_input_folder_is_a_failure(
    name: str, text: str, path: str, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / name).write_text(text, encoding="utf-8")
    file = tmp_path / "folder.yaml"
    file.write_text(FOLDER_FILE + "  input_folder: files\n", encoding="utf-8")
    (scenario,) = read_scenarios(file)
    assert [problem.path for _, problem in scenario.problems] == [path]
