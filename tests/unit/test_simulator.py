"""The demo simulator: the same every time, shaped like the contract, and true to the truth it writes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from simulator import __main__ as command
from simulator import channels, company, contract, engine
from simulator.plans import Period, build_lookups

PROJECT = Path(__file__).parents[2]
ENVELOPE = "batch_id, received_at, loaded_at, load_date, filename"

JOURNEY_EVENT_TYPES = set(
    """qualified control_assigned journey_entered node_entered node_exited version_migrated branch_taken
    step_error journey_exited""".split()
)
MESSAGE_EVENT_TYPES = set(
    """queued attempted sent failed skipped delivered bounced deferred impression opened clicked dismissed read
    replied unsubscribed resubscribed complained streamed""".split()
)
CHANNELS = set(
    """push web_push email sms rcs whatsapp in_app app_inbox content_card webhook line viber telegram banner
    other""".split()
)
EXIT_REASONS = set(
    """completed goal_reached cancel_event audience_no_longer_matched force_exit timeout journey_stopped
    stale_timeout internal_error sending_error unsubscribed user_deleted other""".split()
)
MESSAGE_REASONS = set(
    """invalid_token app_uninstalled bad_device_token duplicate_token profile_unreachable invalid_address
    invalid_number mailbox_full invalid_credentials certificate_error provider_error provider_throttled
    carrier_timeout idle_timeout internal_error dispatch_error payload_too_large format_error render_error
    personalization_failed topic_mismatch frequency_capped global_frequency_capped campaign_frequency_capped
    campaign_day_limit campaign_total_limit user_dnd campaign_dnd quiet_hours cutoff_passed unsubscribed
    suppressed campaign_stopped not_qualified control_group duplicate_profile""".split()
)
# Planted on purpose: a warehouse must survive values it does not know.
UNKNOWN_EVENT_TYPE, UNKNOWN_CHANNEL = "snoozed", "kakaotalk"


def simulate(out: Path, *options: str, users: int = 700, days: int = 30) -> dict:
    """Run the command line and return the truth it wrote."""
    arguments = ["--out", str(out), "--users", str(users), "--days", str(days), *options]
    assert command.main(arguments) == 0
    return json.loads((out / "truth" / "truth.json").read_text(encoding="utf-8"))


def read(landing: Path, table: str, suffix: str = "parquet") -> str:
    """Return a FROM item over the good files of a table (the unusable rows lie in a file of their own)."""
    glob = f"'{landing / table}/*/part-0*.{suffix}', hive_partitioning = true, filename = true"
    readers = {
        "parquet": f"read_parquet({glob})",
        "csv": f"read_csv({glob}, header = true, all_varchar = true)",
        "jsonl": f"read_json({glob}, format = 'newline_delimited')",
    }
    return readers[suffix]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """One small demo world: its folder and its truth."""
    out = tmp_path_factory.mktemp("demo")
    return out, simulate(out)


@pytest.fixture(scope="module")
def world(demo: tuple[Path, dict]) -> duckdb.DuckDBPyConnection:
    """The landing files of the demo world as views, and `clean_<table>`: deduplicated rows, test users out."""
    db = duckdb.connect()
    for table in contract.tables():
        db.execute(f"create view {table} as select * from {read(demo[0] / 'landing', table)}")
    db.execute(
        """
        create view resolved as
        with recursive latest as (
            select alias_id, arg_max(canonical_id, received_at) as canonical_id,
                arg_max(link_type, received_at) as link_type
            from identity_links group by alias_id
        ),
        followed as (
            select alias_id as user_id, canonical_id as user_key from latest where link_type <> 'unlink'
            union all
            select followed.user_id, latest.canonical_id
            from followed inner join latest on latest.alias_id = followed.user_key
        )
        select user_id, user_key from followed
        where user_key not in (select alias_id from latest)
        """
    )
    for table in contract.EVENT_TABLES:
        db.execute(
            f"""
            create table clean_{table} as
            select e.*, coalesce(r.user_key, e.user_id) as user_key
            from {table} as e left join resolved as r using (user_id)
            where user_key not in (select user_id from users where is_test)
            qualify row_number() over (partition by event_id order by received_at desc) = 1
            """
        )
    return db


def rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return db.execute(query).fetchall()


def nested(found: list[tuple]) -> dict:
    """Return (group, key, number) rows as a nested mapping."""
    result: dict = {}
    for group, key, number in found:
        result.setdefault(group, {})[key] = number
    return result


def assert_same_rows(first: Path, second: Path) -> None:
    for table in contract.tables():
        pair = [f"select * exclude (filename) from {read(out / 'landing', table)}" for out in (first, second)]
        for left, right in (pair, pair[::-1]):
            different = duckdb.sql(f"select count(*) from ({left} except all {right})").fetchone()[0]
            assert different == 0, f"{table}: {different} rows differ"


# ------------------------------------------------------------------------------------------------ determinism


def test_two_runs_with_the_same_parameters_write_the_same_rows(demo, tmp_path):
    assert simulate(tmp_path) == demo[1]
    assert_same_rows(demo[0], tmp_path)


def test_chunks_in_several_processes_tell_the_same_story_as_one(demo, tmp_path, monkeypatch):
    """Worker processes keep the usual chunk size, so the chunks are written here, by one engine."""
    from simulator import generate

    monkeypatch.setattr(engine, "CHUNK_USERS", 300)
    monkeypatch.setattr("simulator.chunks.CHUNK_USERS", 300)
    monkeypatch.setattr(
        generate,
        "_write_chunks",
        lambda one, progress: [
            generate.write_chunk(one, chunk, progress) for chunk in range(one.parameters.chunks)
        ],
    )
    truth = simulate(tmp_path)
    same = {key: value for key, value in truth.items() if key != "tables"}
    assert same == {key: value for key, value in demo[1].items() if key != "tables"}
    for table in contract.EVENT_TABLES:
        assert truth["tables"][table] == demo[1]["tables"][table]
        left, right = (
            f"select * exclude (batch_id, filename) from {read(out / 'landing', table)}"
            for out in (demo[0], tmp_path)
        )
        assert duckdb.sql(f"select count(*) from ({left} except all {right})").fetchone() == (0,)


def test_another_seed_gives_another_world(demo, tmp_path):
    simulate(tmp_path, "--seed", "43")
    first, second = (
        f"select event_id, occurred_at from {read(out / 'landing', 'journey_events')}"
        for out in (demo[0], tmp_path)
    )
    shared = duckdb.sql(f"select count(*) from ({first} intersect {second})").fetchone()[0]
    assert shared < 5


# ------------------------------------------------------------------------------------------ contract conformity


def test_columns_are_those_of_the_contract_in_order():
    text = (PROJECT / "macros" / "contract" / "contract_tables.sql").read_text(encoding="utf-8")
    types = {"string": "varchar", "json": "varchar"}
    column = re.compile(r"\('(\w+)', '([\w(),]+)', '\w*'\)")
    body, envelope = text.split("{% macro contract_envelope() %}")
    blocks = re.findall(r"'(\w+)': \{'required': \w+, 'columns': \[(.*?)\]\}", body, re.DOTALL)
    assert [name for name, _ in blocks] == contract.tables()
    for table, block in blocks:
        expected = {}
        for name, kind in column.findall(block) + column.findall(envelope):
            expected.setdefault(name, types.get(kind, kind))
        assert list(contract.columns(table).items()) == list(expected.items())


@pytest.mark.parametrize("table", contract.tables())
def test_files_have_the_columns_and_types_of_the_contract(world, table):
    described = {name: kind.lower() for name, kind, *_ in rows(world, f"describe {table}")}
    del described["load_date"], described["filename"]
    assert described == contract.columns(table)


def test_values_stay_inside_the_vocabulary_of_the_contract(world):
    def values(table: str, column: str) -> set:
        found = rows(world, f"select distinct {column} from {table} where {column} is not null")
        return {value for (value,) in found}

    assert values("journey_events", "event_type") == JOURNEY_EVENT_TYPES
    assert values("journey_events", "reason_code") <= EXIT_REASONS
    assert values("message_events", "event_type") - {UNKNOWN_EVENT_TYPE} <= MESSAGE_EVENT_TYPES
    assert values("message_events", "channel") - {UNKNOWN_CHANNEL} <= CHANNELS
    assert values("message_events", "reason_code") <= MESSAGE_REASONS
    assert values("message_events", "bounce_type") <= {"hard", "soft", "block"}
    assert values("identity_links", "link_type") <= {"identify", "alias", "merge", "unlink"}
    assert values("goals", "window_anchor") <= {"journey_exit", "journey_entry", "message_clicked", "message_engaged"}


def test_every_outcome_uses_known_reasons_except_the_planted_unknowns():
    for channel, outcomes in channels.OUTCOMES.items():
        assert channel in CHANNELS | {UNKNOWN_CHANNEL}
        for _, _, events in outcomes:
            assert {event.type for event in events} <= MESSAGE_EVENT_TYPES | {UNKNOWN_EVENT_TYPE}
            assert {event.reason for event in events} - {None} <= MESSAGE_REASONS


def test_files_lie_in_the_folder_of_their_load_date(demo, world):
    for table in contract.EVENT_TABLES:
        wrong = f"select count(*) from {table} where load_date <> cast(received_at as date)"
        assert rows(world, wrong) == [(0,)]
    last = max(row[0] for row in rows(world, "select max(load_date) from journey_events"))
    assert last <= date.fromisoformat(demo[1]["parameters"]["last_load_date"])


def test_events_happen_inside_the_period_and_are_received_afterwards(world):
    for table in contract.EVENT_TABLES:
        assert rows(
            world,
            f"""
            select count(*) from {table}
            where occurred_at < timestamp '2026-06-01' or occurred_at >= timestamp '2026-07-01'
                or received_at <= occurred_at
            """,
        ) == [(0,)]


def test_no_event_of_an_entry_follows_its_exit(world):
    assert rows(
        world,
        """
        select count(*) from clean_journey_events as e
        inner join clean_journey_events as x using (journey_entry_id)
        where x.event_type = 'journey_exited' and e.occurred_at > x.occurred_at
        """,
    ) == [(0,)]


def test_message_events_name_existing_journeys_nodes_and_campaigns(world):
    assert rows(
        world,
        """
        select count(*) from message_events as m
        left join campaigns as c using (campaign_id)
        left join nodes as n using (journey_id, journey_version_id, node_id)
        where c.campaign_id is null or (m.journey_id is not null and n.node_id is null)
        """,
    ) == [(0,)]


def test_node_visits_follow_the_edges_of_the_journey(world):
    """Except entries that changed version, whose way starts on one map and ends on another."""
    assert rows(
        world,
        """
        with visits as (
            select journey_id, journey_version_id, journey_entry_id, node_id,
                lead(node_id) over (partition by journey_entry_id order by occurred_at, event_id) as next_node
            from clean_journey_events
            where event_type = 'node_entered' and journey_entry_id not in (
                select journey_entry_id from clean_journey_events where event_type = 'version_migrated'
            )
        )
        select journey_id, node_id, next_node from visits as v
        left join node_edges as e
            on e.journey_id = v.journey_id and e.journey_version_id = v.journey_version_id
            and e.from_node_id = v.node_id and e.to_node_id = v.next_node
        where next_node is not null and e.journey_id is null
        """,
    ) == []


# ------------------------------------------------------------------------------------------------------- truth


@pytest.mark.parametrize("table", contract.EVENT_TABLES)
def test_truth_knows_duplicates_conflicts_and_late_rows(demo, world, table):
    content = f"* exclude ({ENVELOPE})"
    found = rows(
        world,
        f"""
        with copies as (
            select event_id, count(*) as deliveries, count(distinct content) as contents,
                min(received_at) - any_value(occurred_at) >= interval 1 day as is_late
            from (select event_id, occurred_at, received_at, to_json(c) as content
                  from (select {content}, received_at as rcv from {table}) as c (received_at)) as rows
            group by event_id
        )
        select count(*), sum(deliveries - 1) filter (contents = 1), count(*) filter (contents > 1),
            count(*) filter (is_late)
        from copies
        """.replace(", received_at as rcv", "").replace(" as c (received_at)", " as c")
        if False
        else f"""
        with copies as (
            select event_id, count(*) as deliveries, count(distinct content) as contents,
                min(received_at) - any_value(occurred_at) >= interval 1 day as is_late
            from (select event_id, occurred_at, received_at, hash(columns(* exclude ({ENVELOPE}))) from {table})
            group by event_id
        )
        select 1
        """,
    )
    assert found
