"""The demo data, built with every dbt test and unit test, shows the numbers its simulator planted."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

EVENT_TABLES = ("journey_events", "message_events", "user_events")


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> dict:
    """Rows of a query as {first column: tuple of the others}."""
    return {row[0]: row[1:] for row in connection.execute(sql).fetchall()}


def test_every_raw_row_is_found_again_in_the_load_audit(demo):
    truth, connection = demo
    audit = rows(
        connection,
        "select table_name, raw_rows, duplicate_rows, rejected_rows, excluded_test_rows "
        "from quality.quality_load_audit",
    )
    for table, planted in truth["tables"].items():
        assert audit[table][0] == planted["raw_rows"], table
    for table in EVENT_TABLES:
        planted = truth["tables"][table]
        duplicates = planted["raw_rows"] - planted["rejected_rows"] - planted["events"]
        assert audit[table][1:] == (duplicates, planted["rejected_rows"], planted["test_user_events"]), table


def test_conflicting_ids_are_logged(demo):
    truth, connection = demo
    logged = rows(
        connection, "select table_name, count(*) from quality.quality_event_conflicts group by table_name"
    )
    planted = {table: (truth["tables"][table]["conflicting_ids"],) for table in EVENT_TABLES}
    assert logged == {table: count for table, count in planted.items() if count != (0,)}


def test_entries_and_users_of_every_journey_are_the_planted_ones(demo):
    truth, connection = demo
    overview = rows(
        connection,
        "select journey_id, total_entries, unique_entry_users, control_entries, control_users "
        "from marts.mart_journey_overview where journey_version_id = 'ALL' and period_id = 'all_time'",
    )
    planted = {
        journey: (item["entries"], item["entry_users"], item["control_entries"], item["control_users"])
        for journey, item in truth["journeys"].items()
    }
    assert {journey: overview[journey] for journey in planted} == planted


def test_messages_of_every_channel_are_the_planted_ones(demo):
    truth, connection = demo
    channels = rows(
        connection,
        "select channel, messages_attempted, messages_accepted, messages_failed, messages_skipped "
        "from marts.mart_channel_stats "
        "where journey_id = 'ALL' and journey_version_id = 'ALL' and platform = 'ALL' "
        "and period_id = 'all_time' and date_basis = 'event'",
    )
    known = {channel for channel in truth["messages"] if channel in channels}
    assert set(truth["messages"]) - known == {"kakaotalk"}, "the unknown channel is read as other"
    for channel in known:
        item = truth["messages"][channel]
        planted = (item["attempted"], item["accepted"], item["failed"], item["skipped"])
        assert channels[channel] == planted, channel
    assert channels["other"][0] == truth["messages"]["kakaotalk"]["attempted"]


def test_converted_users_of_the_control_group_journey_are_the_planted_ones(demo):
    truth, connection = demo
    planted = truth["planted_lift"]
    found = connection.execute(
        "select converted_users, control_converted_users from marts.mart_goal_stats "
        "where journey_id = ? and goal_id = ? and journey_version_id = 'ALL' "
        "and period_id = 'all_time' and date_basis = 'event'",
        [planted["journey_id"], planted["goal_id"]],
    ).fetchone()
    assert found == (planted["target_converted_users"], planted["control_converted_users"])


def test_a_converted_user_can_be_followed_to_the_raw_row(demo):
    _, connection = demo
    lost = connection.execute(
        """
        select count(*)
        from marts.fct_conversions
        left join staging.stg_user_events_history as raw using (account_key, event_id)
        where raw.source_file is null
        """
    ).fetchone()
    found = connection.execute("select count(*) from marts.fct_conversions").fetchone()
    assert lost == (0,)
    assert found > (0,)


def test_every_column_of_every_table_and_view_is_described(demo):
    _, connection = demo
    (warehouse,) = connection.execute(
        "select path from duckdb_databases() where database_name = current_database()"
    ).fetchone()
    manifest = json.loads(Path(warehouse).with_name("target").joinpath("manifest.json").read_text())
    described = {
        (node["schema"], node["alias"], column["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for column in node["columns"].values()
        if column["description"].strip()
    }
    built = set(
        connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            # What runs remember of themselves: docs/incremental.md describes it.
            " where table_schema <> 'ops'"
        ).fetchall()
    )
    assert {schema for schema, _, _ in built} >= {"staging", "intermediate", "marts", "quality", "seeds"}
    assert built ^ described == set()
