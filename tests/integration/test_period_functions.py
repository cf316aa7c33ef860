"""Any range of days, journeys, versions, categories and statuses is counted exactly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT

PERIODS = ("all_time", "today", "yesterday", "last_7_days", "last_30_days")
MODELS = (
    "mart_journey_overview",
    "mart_goal_stats",
    "mart_channel_stats",
    "mart_message_stats",
    "mart_delivery_issues",
    "mart_engagement_stats",
    "mart_journey_statistics",
    "mart_pw_communications",
    "export_pw_campaigns",
    "export_pw_goal",
    "export_pw_channel",
    "export_pw_point",
    "export_ct_engagement_stats",
    "export_user_level",
)


def days_of(connection: duckdb.DuckDBPyConnection, period: str) -> tuple:
    """First and last day of a preset."""
    return connection.execute(
        "select period_from, period_to from marts.dim_period where period_id = ?", [period]
    ).fetchone()


def rounded(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Columns but the period's name; fractions to 9 digits, as sums have no order."""
    columns = connection.execute(f"describe select * from {relation}").fetchall()
    return ", ".join(
        f'round("{name}", 9) as "{name}"' if kind == "DOUBLE" else f'"{name}"'
        for name, kind, *_ in columns
        if name != "period_id"
    )


@pytest.fixture(scope="module")
def days(demo) -> tuple[str, str]:
    """Two weeks in the middle of the demo data."""
    _, connection = demo
    return tuple(
        str(day)
        for day in connection.execute(
            "select cast(median(message_date) as date) - 7, cast(median(message_date) as date) + 6 "
            "from marts.fct_messages"
        ).fetchone()
    )


def test_every_mart_with_a_period_has_its_function_and_no_other_mart(demo):
    _, connection = demo
    functions = {
        name
        for (name,) in connection.execute(
            "select function_name from duckdb_functions() where schema_name = 'marts'"
        ).fetchall()
    }
    assert functions == {f"{model}_between" for model in MODELS}
    with_period = {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_columns() "
            "where schema_name = 'marts' and column_name = 'period_id'"
        ).fetchall()
    }
    assert with_period == {*MODELS, "dim_period"}


@pytest.mark.parametrize("model", MODELS)
def test_a_function_over_the_days_of_a_preset_gives_the_rows_of_the_preset(demo, model):
    _, connection = demo
    for period in PERIODS:
        first, last = days_of(connection, period)
        columns = rounded(connection, f"marts.{model}")
        preset = f"select {columns} from marts.{model} where period_id = '{period}'"
        function = f"select {columns} from marts.{model}_between('{first}', '{last}')"
        differences = connection.execute(
            f"({preset} except all {function}) union all ({function} except all {preset})"
        ).fetchall()
        assert differences == [], period


def test_open_ends_cover_all_time(demo):
    _, connection = demo
    sql = "select period_id, converted_users from {} where journey_version_id = 'ALL' order by all"
    unbounded = connection.execute(sql.format("marts.mart_journey_overview_between(null, null)")).fetchall()
    assert unbounded
    assert {period for period, _ in unbounded} == {"all_time"}
    everything = connection.execute(
        "select period_id, converted_users from marts.mart_journey_overview "
        "where journey_version_id = 'ALL' and period_id = 'all_time' order by all"
    ).fetchall()
    assert unbounded == everything


@pytest.mark.parametrize(
    ("argument", "condition"),
    [
        ("journey_ids := ['welcome', 'win-back']", "journey_id in ('welcome', 'win-back')"),
        ("journey_version_ids := ['V1']", "journey_version_id = 'V1'"),
        ("categories := ['{category}']", "category = '{category}'"),
        ("statuses := ['active']", "journey_status = 'active'"),
        (
            "statuses := ['active'], categories := ['{category}'], journey_version_ids := ['V1', 'unknown']",
            "journey_status = 'active' and category = '{category}' "
            "and journey_version_id in ('V1', 'unknown')",
        ),
    ],
)
def test_users_of_a_range_and_filter_are_distinct_users_of_the_facts(demo, days, argument, condition):
    _, connection = demo
    category = connection.execute(
        "select category from marts.dim_journey group by category order by count(*) desc, category limit 1"
    ).fetchone()[0]
    argument, condition = argument.format(category=category), condition.format(category=category)
    scope = "inner join marts.dim_journey using (account_key, journey_id)"
    for basis, date in (("event", "events.event_date"), ("send_cohort", "messages.message_date")):
        opened = connection.execute(
            f"""
            select count(distinct events.user_key), count(distinct events.message_id), count(*)
            from marts.fct_message_events as events
            inner join (select account_key, message_id, message_date from marts.fct_messages) as messages
                using (account_key, message_id)
            {scope}
            where not is_control and event_type = 'opened' and {condition}
                and {date} between '{days[0]}' and '{days[1]}'
            """
        ).fetchone()
        found = connection.execute(
            f"""
            select users_opened, messages_opened, opens_total
            from marts.mart_channel_stats_between('{days[0]}', '{days[1]}', {argument})
            where journey_id = 'ALL' and channel = 'ALL' and platform = 'ALL' and date_basis = '{basis}'
            """
        ).fetchone()
        assert found == opened
        assert opened[2] > 0
    converted = connection.execute(
        f"""
        select count(*) from marts.fct_conversions {scope}
        where not is_control and is_first_conversion and {condition}
            and conversion_date between '{days[0]}' and '{days[1]}'
        """
    ).fetchone()
    found = connection.execute(
        f"""
        select sum(converted_users)
        from marts.mart_goal_stats_between('{days[0]}', '{days[1]}', {argument})
        where journey_version_id = 'ALL' and date_basis = 'event'
        """
    ).fetchone()
    assert found == converted
    entered = connection.execute(
        f"""
        select count(distinct user_key) from marts.fct_journey_entries {scope}
        where not is_control and {condition} and entry_date between '{days[0]}' and '{days[1]}'
        """
    ).fetchone()
    found = connection.execute(
        f"""
        select unique_entry_users
        from intermediate.int_journey_period_measures_between('{days[0]}', '{days[1]}', {argument})
        where journey_id = 'ALL'
        """
    ).fetchone()
    assert found == entered


def test_users_of_two_days_are_fewer_than_the_days_added_up(demo, days):
    _, connection = demo

    def opened(first: str, last: str) -> int:
        return connection.execute(
            f"""
            select users_opened from marts.mart_channel_stats_between('{first}', '{last}')
            where journey_id = 'ALL' and channel = 'ALL' and platform = 'ALL' and date_basis = 'event'
            """
        ).fetchone()[0]

    first, last = days
    daily = [
        opened(str(day), str(day))
        for (day,) in connection.execute(
            f"select cast(d as date) from range(date '{first}', date '{last}' + 1, interval 1 day) as r(d)"
        ).fetchall()
    ]
    assert max(daily) < opened(first, last) < sum(daily)


def test_dbt_shows_a_range_through_the_macro(demo, days, tmp_path):
    _, connection = demo
    warehouse = connection.execute("select path from duckdb_databases() where not internal").fetchone()[0]
    # dbt needs the file for itself.
    copy = tmp_path / "warehouse.duckdb"
    shutil.copy(warehouse, copy)
    environment = {
        **os.environ,
        "LANDING": str(tmp_path),
        "JOURNEY_WAREHOUSE": str(copy),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }

    def show(inline: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(Path(sys.executable).with_name("dbt")),
            "--quiet",
            "show",
            "--output",
            "json",
            "--limit",
        ]
        return subprocess.run(
            [*command, "-1", "--inline", inline],
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    columns = "select goal_id, date_basis, converted_users from"
    call = f"{{{{ between('mart_goal_stats', '{days[0]}', '{days[1]}', journey_ids=['welcome']) }}}}"
    shown = show(f"{columns} {call} where journey_version_id = 'ALL'")
    rows = json.loads(shown.stdout[shown.stdout.index("{") :])["show"]
    expected = connection.execute(
        f"{columns} marts.mart_goal_stats_between('{days[0]}', '{days[1]}', journey_ids := ['welcome']) "
        "where journey_version_id = 'ALL'"
    ).fetchall()
    assert sorted(tuple(row.values()) for row in rows) == sorted(expected)
    assert expected

    refused = show("select * from {{ between('mart_frequency', '2026-01-01', '2026-01-02') }}")
    assert refused.returncode != 0
    assert "mart_frequency has no period filter. These have one:" in refused.stdout + refused.stderr


def test_views_and_functions_work_in_a_copy_with_another_name(demo, tmp_path):
    _, connection = demo
    warehouse = connection.execute("select path from duckdb_databases() where not internal").fetchone()[0]
    copy = tmp_path / "served.duckdb"
    shutil.copy(warehouse, copy)
    with duckdb.connect(str(copy), read_only=True) as served:
        views = served.execute(
            "select schema_name || '.' || view_name from duckdb_views() where not internal"
        ).fetchall()
        assert views
        for (view,) in views:
            assert served.execute(f"select count(*) from {view}").fetchone() > (0,), view
        for model in MODELS:
            assert served.execute(f"select count(*) from marts.{model}_between(null, null)").fetchone() > (0,)
