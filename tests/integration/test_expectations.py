"""The demo warehouse meets its expectations, a bad figure is caught, and a bad sending day alarms."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations import runner
from expectations.suites import PROJECT_ROOT, declared_suites, table_suites
from tests.integration.conftest import Landing

DAYS = 12
MESSAGES = 150


@pytest.fixture(scope="module")
def demo_file(demo: tuple[dict, duckdb.DuckDBPyConnection], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo warehouse that may be written."""
    (path,) = demo[1].execute("select path from duckdb_databases() where path like '%.duckdb'").fetchone()
    copy = tmp_path_factory.mktemp("expectations") / "warehouse.duckdb"
    shutil.copyfile(path, copy)
    return copy


@pytest.fixture(scope="module")
def results(demo_file: Path) -> list[runner.Result]:
    return runner.run_expectations(demo_file, "demo", demo_file.with_name("quality.html"))


def test_the_demo_data_meets_every_blocking_expectation(results: list[runner.Result]) -> None:
    assert runner.blocking_failures(results) == []


def test_every_suite_judged_the_demo_warehouse(demo_file: Path, results: list[runner.Result]) -> None:
    suites = {suite.name for suite in (*declared_suites(), *table_suites())}
    assert {item.suite for item in results} == suites
    with duckdb.connect(str(demo_file), read_only=True) as connection:
        kept = connection.execute(
            "select count(*), count(distinct suite) from quality.quality_results where run_id = 'demo'"
        ).fetchone()
    assert kept == (len(results), len(suites))


def test_no_expectation_failed_to_be_computed(results: list[runner.Result]) -> None:
    assert [item for item in results if "could not be" in item.observed] == []


def test_the_report_shows_the_channels_and_every_table(demo_file: Path, results: list[runner.Result]) -> None:
    page = demo_file.with_name("quality.html").read_text(encoding="utf-8")
    assert "Good to publish" in page
    assert "<polyline" in page
    for suite in table_suites():
        assert f"<code>{suite.table}</code>" in page


def test_the_query_of_the_quality_page_lists_what_failed(
    demo_file: Path, results: list[runner.Result]
) -> None:
    page = (PROJECT_ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```\n(select .*?from quality\.quality_results.*?;)\n```", page, re.DOTALL)
    with duckdb.connect(str(demo_file), read_only=True) as connection:
        found = {(suite, expectation) for _, suite, expectation, *_ in connection.execute(query).fetchall()}
    failed = {(item.suite, item.expectation) for item in results if not item.passed}
    assert found == failed != set()


@pytest.mark.parametrize(
    ("change", "expectation"),
    [
        ("update marts.mart_channel_stats set messages_opened = messages_accepted + 1", "columns_agree"),
        ("update marts.mart_channel_stats set pw_open_rate = 0.5", "rates_equal_their_ratio"),
        ("update marts.mart_channel_stats set users_clicked = -1", "counts_are_not_negative"),
        ("update marts.mart_channel_stats set channel = 'pigeon'", "values_are_known"),
        ("update marts.mart_channel_stats set period_id = null", "required_values_are_present"),
        ("insert into marts.mart_channel_stats from marts.mart_channel_stats limit 1", "grain_is_unique"),
        ("alter table marts.mart_channel_stats rename users_clicked to clicks", "columns_are_as_described"),
    ],
)
def test_a_wrong_figure_in_a_mart_is_caught_with_an_example(
    change: str, expectation: str, demo_file: Path
) -> None:
    (suite,) = [suite for suite in table_suites() if suite.name == "marts.mart_channel_stats"]
    with duckdb.connect(str(demo_file)) as connection:
        connection.execute("begin")
        connection.execute(change)
        found = {
            item.expectation: item
            for item in runner.judge_tables(connection, runner.Validator(), [suite])
            if not item.passed
        }
        connection.execute("rollback")
    assert expectation in found
    assert found[expectation].severity == "blocking"
    assert found[expectation].examples


def message_events() -> str:
    """Messages of twelve days as CSV: each day 3 of 150 bounce hard, on the last day but one 30."""
    lines = ["event_id,event_type,message_id,journey_id,user_id,channel,occurred_at,bounce_type"]
    for day in range(1, DAYS + 1):
        bounced = 30 if day == DAYS - 1 else 3
        for number in range(MESSAGES):
            message, sent = f"m{day}-{number}", f"2026-05-{day:02d}T08:00:00Z"
            lines.append(f"{message}-sent,sent,{message},welcome,u{number},email,{sent},")
            if number < bounced:
                lines.append(f"{message}-bounced,bounced,{message},welcome,u{number},email,{sent},hard")
    return "\n".join(lines) + "\n"


def test_a_day_of_bounces_becomes_an_alarm_and_a_warning(new_landing: Callable[[], Landing]) -> None:
    landing = new_landing()
    landing.write(
        "journey_events/entries.csv",
        "event_type,journey_id,user_id,occurred_at,received_at\n"
        "journey_entered,welcome,u1,2026-05-01T07:00:00Z,2026-05-13T00:00:00Z\n",
    )
    landing.write("message_events/load_date=2026-05-12/part.csv", message_events())
    landing.write(
        "journeys/part.csv",
        "journey_id,journey_name,status,updated_at\nwelcome,Welcome,active,2026-05-01\n",
    )
    tables_only = ["--resource-type", "model", "--resource-type", "seed"]
    landing.dbt(["build", *tables_only, "--select", "+mart_alerts"], "alerts").raise_for_error()
    (suite,) = [suite for suite in declared_suites() if suite.name == "alerts"]
    with duckdb.connect(str(landing.warehouse("alerts")), read_only=True) as connection:
        alerts = connection.execute(
            "select journey_id, cast(date_day as varchar), alert_type, affected_messages, base_messages,"
            " reason"
            " from marts.mart_alerts order by journey_id"
        ).fetchall()
        found = list(runner.judge_frame(connection, runner.Validator(), suite.name, suite.frames[0]))
    assert [alert[:5] for alert in alerts] == [
        ("ALL", "2026-05-11", "hard_bounces", 30, 150),
        ("welcome", "2026-05-11", "hard_bounces", 30, 150),
    ]
    assert alerts[1][5] == (
        "Hard bounces of email in journey Welcome: 20.00 % of 150 accepted messages on 2026-05-11,"
        " usual 2.00 % (median of 10 days with at least 100 messages in the 28 days before)"
    )
    outcome = {item.expectation: (item.passed, item.severity) for item in found}
    assert outcome == {"no_deliverability_alarm": (False, "warning"), "no_volume_alarm": (True, "warning")}
