"""Every table has a suite, every expectation can fail, and a run says and keeps what it found.

The warehouse of these tests is written by hand: 40 even days of one account in the tables that the declared
suites read, every other described table empty. Each declared expectation has one change that breaks it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from expectations import runner, suites
from expectations.suites import (
    PROJECT_ROOT,
    DeclaredSuite,
    SuiteError,
    TableSuite,
    declared_suites,
    table_suites,
)

# Types of columns that the YAML of the staging models does not name.
UNTYPED = {
    "cost_amount": "DECIMAL(38,9)",
    "value": "DECIMAL(38,9)",
    "is_bot": "BOOLEAN",
    "is_test": "BOOLEAN",
}
LAST_DAY = "2026-07-10"
DAYS = (
    f"select cast(range as date) as day from range(date '2026-06-01', date '{LAST_DAY}' + 1, interval 1 day)"
)

HEALTHY = f"""
insert into staging.stg_settings by name
    select 'a/b' as account_key, timestamp '2026-07-11 02:00:00' as as_of, 'UTC' as reporting_timezone;
insert into marts.dim_date by name select day as date_day from ({DAYS});
insert into staging.stg_journey_events by name
    select 'a/b' as account_key, 'e' || day || n as event_id, day + interval 8 hours as occurred_at,
        day + interval 9 hours as received_at
    from ({DAYS}) cross join (select range as n from range(100));
insert into staging.stg_message_events by name
    select account_key, event_id, occurred_at, received_at from staging.stg_journey_events;
insert into staging.stg_user_events by name
    select account_key, event_id, occurred_at, received_at from staging.stg_journey_events;
insert into quality.quality_load_audit by name
    select 'a/b' as account_key, name as table_name, 1000 as raw_rows, 1000 as accepted_rows,
        0 as duplicate_rows, 0 as rejected_rows, 0 as excluded_test_rows, 0 as hidden_rows
    from (values ('journey_events'), ('message_events'), ('user_events')) as names (name);
insert into marts.fct_journey_entries by name
    select 'a/b' as account_key, 'entry' as journey_entry_id, date '{LAST_DAY}' as entry_date,
        false as is_exit_clamped, 'in_progress' as entry_status;
insert into marts.fct_messages by name
    select 'a/b' as account_key, 'm' || day || n as message_id, 'j' as journey_id,
        'entry' as journey_entry_id, 'email' as channel, day as message_date,
        day + interval 8 hours as sent_at, day + interval 9 hours as first_opened_at, 2 as events_total,
        true as is_accepted, true as is_attempted, false as is_failed, false as is_skipped,
        false as is_control
    from ({DAYS}) cross join (select range as n from range(100));
insert into marts.fct_message_events by name
    select account_key, message_id, channel, event_type, message_id || event_type as event_id,
        first_opened_at as occurred_at, message_date as event_date, false as is_bot
    from marts.fct_messages cross join (values ('sent'), ('opened')) as types (event_type);
insert into marts.mart_channel_daily by name
    select 'a/b' as account_key, 'ALL' as journey_id, 'email' as channel, day as date_day,
        100 as messages_attempted, 95 as messages_accepted, 5 as messages_failed
    from ({DAYS});
insert into marts.mart_send_cohort by name
    select 'a/b' as account_key, 'ALL' as journey_id, 'email' as channel, day as date_day,
        400 as messages_accepted, 80 as messages_opened, 20 as messages_clicked,
        0.2 as open_rate, 0.05 as click_rate
    from ({DAYS});
insert into marts.mart_journey_daily by name select 'a/b' as account_key, date '{LAST_DAY}' as date_day;
"""

# Last day on which open and click rates are judged: three days before the last complete one.
RATE_DAY = "2026-07-07"
ALERT = (
    "insert into marts.mart_alerts by name select 'a/b' as account_key, date '2026-07-09' as date_day,"
    " 'warning' as severity, 9 as robust_z, 'Much more than usual' as reason, '{}' as alert_type"
)
# One change per declared expectation that breaks it.
VIOLATIONS = {
    "alerts no_deliverability_alarm": ALERT.format("complaints"),
    "alerts no_volume_alarm": ALERT.format("volume_drop"),
    "bots most_engagements_are_human": "update marts.fct_message_events set is_bot = true",
    "bots bot_share_is_as_usual": (
        "update marts.fct_message_events set is_bot = true where event_date = date '2026-07-10'"
    ),
    "coverage every_served_table_has_a_suite": "create table marts.mart_new as select 1 as number",
    "coverage there_are_served_tables": "drop schema marts cascade; drop schema quality cascade",
    "drift send_volume_is_as_usual": (
        "update marts.mart_channel_daily set messages_attempted = 250 where date_day = date '2026-07-10'"
    ),
    "drift failure_rate_is_as_usual": (
        "update marts.mart_channel_daily set messages_failed = 60 where date_day = date '2026-07-10'"
    ),
    "drift open_rate_is_as_usual": (
        f"update marts.mart_send_cohort set open_rate = 0 where date_day = date '{RATE_DAY}'"
    ),
    "drift click_rate_is_as_usual": (
        f"update marts.mart_send_cohort set click_rate = 0.5 where date_day = date '{RATE_DAY}'"
    ),
    "facts every_message_event_belongs_to_a_message": (
        "delete from marts.fct_message_events where event_date = date '2026-07-01'"
    ),
    "facts there_are_entries": "delete from marts.fct_journey_entries",
    "facts messages_are_engaged_after_they_are_sent": (
        "update marts.fct_messages set first_clicked_at = sent_at - interval 1 hour"
    ),
    "facts messages_of_journeys_have_an_entry": "update marts.fct_messages set journey_entry_id = null",
    "facts few_exits_lie_before_their_entry": ("update marts.fct_journey_entries set is_exit_clamped = true"),
    "facts amounts_have_a_currency": (
        "insert into quality.quality_summary by name "
        "select 'a/b' as account_key, 1 as unpaired_revenue_events"
    ),
    "freshness events_are_recent": (
        "delete from staging.stg_user_events where occurred_at >= timestamp '2026-07-08'"
    ),
    "freshness daily_marts_reach_the_last_day_of_their_facts": (
        "delete from marts.mart_channel_daily where date_day = date '2026-07-10'"
    ),
    "freshness daily_marts_have_days_where_their_facts_have": "delete from marts.mart_journey_daily",
    "landing every_raw_row_is_accounted_for": (
        "update quality.quality_load_audit set accepted_rows = 999 where table_name = 'user_events'"
    ),
    "landing the_load_audit_is_filled": "delete from quality.quality_load_audit",
    "landing most_rows_are_usable": (
        "update quality.quality_load_audit set accepted_rows = 700, rejected_rows = 300"
    ),
    "landing few_rows_are_rejected": (
        "update quality.quality_load_audit set accepted_rows = 980, rejected_rows = 20"
    ),
    "landing few_rows_are_duplicates": (
        "update quality.quality_load_audit set accepted_rows = 600, duplicate_rows = 400"
    ),
    "landing events_happen_before_they_are_received": (
        "update staging.stg_user_events set received_at = occurred_at - interval 2 days"
    ),
    "landing events_are_of_this_century": (
        "update staging.stg_user_events set occurred_at = timestamp '1970-01-01' where event_id like '%7'"
    ),
    "vocabulary few_words_are_unknown": (
        "insert into quality.quality_unknown_values by name select 'a/b' as account_key, "
        "'message_events' as table_name, 'channel' as column_name, 60 as rows_total"
    ),
    "vocabulary most_words_are_known": (
        "insert into quality.quality_unknown_values by name select 'a/b' as account_key, "
        "'message_events' as table_name, 'channel' as column_name, 600 as rows_total"
    ),
    "volume rows_did_not_collapse": (
        "delete from staging.stg_message_events where occurred_at >= timestamp '2026-07-10' and "
        "event_id not like '%99'"
    ),
    "volume rows_did_not_multiply": (
        "insert into staging.stg_user_events select u.* from staging.stg_user_events as u, range(10) "
        "where occurred_at >= timestamp '2026-07-10'"
    ),
    "volume rows_are_as_usual": (
        "delete from staging.stg_journey_events where occurred_at >= timestamp '2026-07-10' and "
        "event_id not like '%5'"
    ),
}


def column_type(name: str, kind: str | None) -> str:
    """Type of a column for a table written by hand."""
    return kind or UNTYPED.get(name) or ("TIMESTAMP" if name.endswith(("_at", "as_of")) else "VARCHAR")


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every described model of the project as an empty table."""
    for schema in {model.schema for model in suites.models().values()}:
        connection.execute(f"create schema if not exists {schema}")
    for model in suites.models().values():
        columns = ", ".join(
            f"{name} {column_type(name, column.get('data_type'))}" for name, column in model.columns.items()
        )
        connection.execute(f"create table {model.schema}.{model.name} ({columns})")


@pytest.fixture(scope="module")
def healthy() -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse written by hand, in memory. Tests change it inside a transaction that they take back."""
    with duckdb.connect() as connection:
        create_tables(connection)
        connection.execute(HEALTHY)
        yield connection


@pytest.fixture
def changed(healthy: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same warehouse for one test to break."""
    healthy.execute("begin")
    yield healthy
    healthy.execute("rollback")


@pytest.fixture(scope="module")
def validator() -> runner.Validator:
    return runner.Validator()


def failures(results: list[runner.Result]) -> dict[str, runner.Result]:
    """What failed, by suite and expectation."""
    return {f"{item.suite} {item.expectation}": item for item in results if not item.passed}


def declared_names() -> list[str]:
    return [
        f"{suite.name} {item.name}"
        for suite in declared_suites()
        for frame in suite.frames
        for item in frame.expectations
    ]


def test_every_public_model_and_every_landing_table_has_a_suite(parsed: tuple[dict, list[str]]) -> None:
    models = [node for node in parsed[0]["nodes"].values() if node["resource_type"] == "model"]
    public = {f"{node['schema']}.{node['name']}" for node in models if node["access"] == "public"}
    landing = {f"{node['schema']}.{node['name']}" for node in models if "staging/contract/" in node["path"]}
    assert public
    assert landing
    assert {suite.name for suite in table_suites()} == public | landing


def test_a_healthy_warehouse_meets_every_expectation(healthy: duckdb.DuckDBPyConnection) -> None:
    declared = {name.split()[0] for name in declared_names()}
    results = [item for item in runner.judge(healthy) if item.suite in declared]
    assert len(results) == len(declared_names())
    assert failures(results) == {}


def test_every_declared_expectation_has_a_violation_that_breaks_it() -> None:
    assert sorted(VIOLATIONS) == sorted(declared_names())


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_planted_violation_is_caught_by(
    name: str, changed: duckdb.DuckDBPyConnection, validator: runner.Validator
) -> None:
    suite_name, expectation = name.split()
    (suite,) = [suite for suite in declared_suites() if suite.name == suite_name]
    (frame,) = [frame for frame in suite.frames if expectation in [item.name for item in frame.expectations]]
    register_suites(changed)
    changed.execute(VIOLATIONS[name])
    found = failures(list(runner.judge_frame(changed, validator, suite.name, frame)))
    assert name in found
    assert found[name].observed


def register_suites(connection: duckdb.DuckDBPyConnection) -> None:
    """The runner's list of suites, which the coverage suite reads."""
    connection.register("suites", runner.suite_names())


def test_a_frame_that_cannot_be_computed_fails_and_says_why(
    changed: duckdb.DuckDBPyConnection, validator: runner.Validator
) -> None:
    changed.execute("drop table marts.fct_messages")
    (suite,) = [suite for suite in declared_suites() if suite.name == "facts"]
    results = list(runner.judge_frame(changed, validator, suite.name, suite.frames[0]))
    assert not any(item.passed for item in results)
    assert "fct_messages does not exist" in results[0].observed


def test_a_quiet_weekday_is_compared_with_its_own_kind(
    changed: duckdb.DuckDBPyConnection, validator: runner.Validator
) -> None:
    # 2026-07-10 is a Friday: 10 messages on every Friday are usual, although other days have 100.
    changed.execute(
        "update marts.mart_channel_daily set messages_attempted = 10, messages_failed = 0"
        " where dayofweek(date_day) = 5"
    )
    (suite,) = [suite for suite in declared_suites() if suite.name == "drift"]
    assert failures(list(runner.judge_frame(changed, validator, suite.name, suite.frames[0]))) == {}


def test_null_rows_break_the_grain_and_the_required_values_of_every_table(
    validator: runner.Validator,
) -> None:
    with duckdb.connect() as connection:
        create_tables(connection)
        assert failures(runner.judge_tables(connection, validator, table_suites())) == {}
        for suite in table_suites():
            connection.execute(
                f"insert into {suite.name} select unnest(null::{row_type(suite)}) from range(2)"
            )
        found = failures(runner.judge_tables(connection, validator, table_suites()))
    for suite in table_suites():
        assert not suite.grain or f"{suite.name} grain_is_unique" in found
        if "required_values_are_present" in [check.name for check in suite.checks]:
            assert f"{suite.name} required_values_are_present" in found


def row_type(suite: TableSuite) -> str:
    """Type of a whole row of a suite's table."""
    return f"struct({', '.join(f'{name} {column_type(name, kind)}' for name, kind in suite.columns.items())})"


@pytest.mark.parametrize(
    ("change", "example"),
    [
        ("alter table {table} add column surprise integer", "surprise is not described"),
        ("alter table {table} drop column {column}", "{column} is missing"),
        ("drop table {table}", "the table is missing: build it again"),
    ],
)
def test_a_changed_column_is_caught_in_every_table(
    change: str, example: str, validator: runner.Validator
) -> None:
    with duckdb.connect() as connection:
        create_tables(connection)
        for suite in table_suites():
            connection.execute(change.format(table=suite.name, column=next(iter(suite.columns))))
        found = failures(runner.judge_tables(connection, validator, table_suites()))
    for suite in table_suites():
        result = found[f"{suite.name} columns_are_as_described"]
        assert example.format(column=next(iter(suite.columns))) in result.examples


def test_another_type_is_caught(validator: runner.Validator) -> None:
    with duckdb.connect() as connection:
        create_tables(connection)
        connection.execute("alter table marts.mart_alerts alter column observed type varchar")
        found = failures(runner.judge_tables(connection, validator, table_suites()))
    assert found["marts.mart_alerts columns_are_as_described"].examples == (
        "observed is VARCHAR, described as DOUBLE",
    )


WORDS = [
    f"'{word}'"
    for word in (
        "ALL",
        "all_time",
        "event",
        "send_cohort",
        "email",
        "in_progress",
        "node_entered",
        "warning",
        "a/b",
    )
]


def one_of(values: list[str]) -> str:
    """SQL that draws one of the values."""
    return f"[{', '.join(values)}][1 + floor(random() * {len(values)})::int]"


@pytest.mark.parametrize("suite", table_suites(), ids=lambda suite: suite.name)
def test_every_rule_can_be_kept_and_broken_in(suite: TableSuite) -> None:
    """Random rows of small values: a rule that no row breaks, or every row, judges nothing."""
    values = {
        "VARCHAR": one_of([*WORDS, "null"]),
        "BOOLEAN": one_of(["true", "false", "null"]),
        "DATE": one_of([*(f"date '2026-07-0{day}'" for day in (1, 2, 3)), "null"]),
        "TIMESTAMP": one_of([*(f"timestamp '2026-07-01 00:00:0{second}'" for second in (1, 2, 3)), "null"]),
    }
    numbers = one_of(["-1", "0", "1", "2", "3", "4", "100", "200", "null"])
    with duckdb.connect() as connection:
        connection.execute(f"create schema {suite.schema}; select setseed(0.5)")
        columns = ", ".join(
            f"cast({values.get(kind, numbers)} as {kind}) as {name}"
            for name, kind in ((name, column_type(name, kind)) for name, kind in suite.columns.items())
        )
        connection.execute(f"create table {suite.name} as select {columns} from range(5000)")
        rows, broken = runner._broken_rules(connection, suite)
    idle = [text for rules in broken.values() for text, number in rules.items() if number in (0, rows)]
    assert idle == []


def test_examples_name_the_rule_and_the_row(
    changed: duckdb.DuckDBPyConnection, validator: runner.Validator
) -> None:
    changed.execute("delete from marts.mart_send_cohort")
    changed.execute(
        "insert into marts.mart_send_cohort by name"
        " select 'a/b' as account_key, 'j' as journey_id, 'email' as channel,"
        " date '2026-07-01' as date_day, 'UTC' as reporting_timezone, 'send_cohort' as date_basis,"
        " 10 as messages_accepted, 11 as messages_opened, 1 as messages_clicked,"
        " 1.1 as open_rate, 0.1 as click_rate"
    )
    (suite,) = [suite for suite in table_suites() if suite.name == "marts.mart_send_cohort"]
    found = failures(runner.judge_tables(changed, validator, [suite]))
    assert list(found) == ["marts.mart_send_cohort columns_agree"]
    (example,) = found["marts.mart_send_cohort columns_agree"].examples
    assert example.startswith("messages_opened <= messages_accepted: 1 row, such as account_key = a/b")
    assert "messages_opened = 11" in example


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The warehouse written by hand as a file, judged by two suites only: one declared, one generated."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        create_tables(connection)
        connection.execute(HEALTHY)
    landing = [suite for suite in declared_suites() if suite.name == "landing"]
    summary = [suite for suite in table_suites() if suite.name == "quality.quality_summary"]
    monkeypatch.setattr(runner, "declared_suites", lambda: landing)
    monkeypatch.setattr(runner, "table_suites", lambda: summary)
    return path


def stored(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_results_are_kept_per_run_and_a_second_attempt_replaces_the_first(
    warehouse: Path, tmp_path: Path
) -> None:
    report = tmp_path / "reports" / "quality.html"
    results = runner.run_expectations(warehouse, "monday", report)
    runner.run_expectations(warehouse, "tuesday", report)
    runner.run_expectations(warehouse, "tuesday", report)
    runs = stored(warehouse, "select run_id, count(*) from quality.quality_results group by 1 order by 1")
    assert runs == [("monday", len(results)), ("tuesday", len(results))]
    columns = stored(
        warehouse, "select column_name from duckdb_columns() where table_name = 'quality_results' order by 1"
    )
    assert {name for (name,) in columns} == set(runner.RESULT_COLUMNS)


def test_an_accepted_failure_becomes_a_warning_and_an_unknown_name_is_refused(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update quality.quality_load_audit set accepted_rows = 700, rejected_rows = 300")
    report = tmp_path / "quality.html"
    blocked = runner.blocking_failures(runner.run_expectations(warehouse, "first", report))
    assert [item.expectation for item in blocked] == ["most_rows_are_usable"]
    monkeypatch.setenv("EXPECTATIONS_ACCEPT", "landing.most_rows_are_usable")
    results = runner.run_expectations(warehouse, "second", report)
    assert runner.blocking_failures(results) == []
    accepted = failures(results)["landing most_rows_are_usable"]
    assert accepted.severity == "warning"
    assert accepted.observed.endswith("(accepted for this run)")
    monkeypatch.setenv("EXPECTATIONS_ACCEPT", "landing.most_rows")
    with pytest.raises(ValueError, match=r"names landing\.most_rows, which is no expectation"):
        runner.run_expectations(warehouse, "third", report)


def test_the_report_asks_nothing_of_the_network_and_shows_hostile_names_as_text(
    warehouse: Path, tmp_path: Path
) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "update quality.quality_load_audit set raw_rows = 9, account_key = '<script>alert(1)</script>'"
        )
    report = tmp_path / "quality.html"
    runner.run_expectations(warehouse, "run", report)
    page = report.read_text(encoding="utf-8")
    assert "Do not publish." in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"<(script|link|img|iframe|object)\b|https?:|url\(|@import|\bsrc=|\bhref=", page)


def test_the_command_exits_with_1_when_a_blocking_expectation_fails(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update quality.quality_load_audit set accepted_rows = 999")
    outcome = command(warehouse)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "Failed: landing every_raw_row_is_accounted_for: 3 of 3 rows: 1 (" in outcome.stdout
    assert "lost_rows = 1, account_key = a/b, table_name = journey_events" in outcome.stdout
    assert f"Report: {warehouse.with_name('quality.html')}" in outcome.stdout


def command(warehouse: Path) -> subprocess.CompletedProcess:
    """Run the command line on a warehouse file."""
    return subprocess.run(
        [sys.executable, "-m", "expectations", "--warehouse", str(warehouse)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_that_there_is_no_warehouse(tmp_path: Path) -> None:
    outcome = command(tmp_path / "none.duckdb")
    assert outcome.returncode == 2
    assert "Run 'make run' first." in outcome.stdout


FRAME = "frames: [{name: f, key: [a], sql: select 1 as a, expectations: [%s]}]"
ITEM = "{name: n, description: d, severity: %s, type: expect_column_to_exist, kwargs: {column: a}}"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (FRAME % (ITEM % "fatal"), "n has no severity blocking or warning"),
        (FRAME % ", ".join([ITEM % "warning"] * 2), "two expectations of the name n"),
        ("frames: [{name: f, key: [a], expectations: []}]", "frame f needs either sql or history_of"),
        (FRAME % "{name: n, sevrity: warning}", "sevrity"),
        ("", "frames"),
    ],
)
def test_a_suite_written_wrongly_is_named(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(f"suite: wrong\ndescription: d\n{content}\n")
    with pytest.raises(SuiteError, match=re.escape(complaint)):
        suites._declared(path)


def test_a_declared_suite_says_which_small_table_it_judges() -> None:
    silent = [suite.name for suite in declared_suites() if not says_its_size(suite)]
    assert silent == []


def says_its_size(suite: DeclaredSuite) -> bool:
    return any(word in suite.description for word in ("Aggregates:", "Bounded sample:"))
