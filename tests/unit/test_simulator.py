"""The demo simulator: the same every time, shaped like the contract, and true to the truth it writes."""

from __future__ import annotations

import fcntl
import json
import os
import re
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from simulator import __main__ as command
from simulator import channels, company, contract, generate
from simulator.engine import Parameters
from simulator.plans import Period

PROJECT = Path(__file__).parents[2]


def words(text: str) -> set[str]:
    return set(text.split())


JOURNEY_EVENT_TYPES = words(
    """qualified control_assigned journey_entered node_entered node_exited version_migrated branch_taken
    step_error journey_exited"""
)
MESSAGE_EVENT_TYPES = words(
    """queued attempted sent failed skipped delivered bounced deferred impression opened clicked dismissed
    read replied unsubscribed resubscribed complained streamed"""
)
CHANNELS = words(
    """push web_push email sms rcs whatsapp in_app app_inbox content_card webhook line viber telegram banner
    other"""
)
EXIT_REASONS = words(
    """completed goal_reached cancel_event audience_no_longer_matched force_exit timeout journey_stopped
    stale_timeout internal_error sending_error unsubscribed user_deleted other"""
)
MESSAGE_REASONS = words(
    """invalid_token app_uninstalled bad_device_token duplicate_token profile_unreachable invalid_address
    invalid_number mailbox_full invalid_credentials certificate_error provider_error provider_throttled
    carrier_timeout idle_timeout internal_error dispatch_error payload_too_large format_error render_error
    personalization_failed topic_mismatch frequency_capped global_frequency_capped campaign_frequency_capped
    campaign_day_limit campaign_total_limit user_dnd campaign_dnd quiet_hours cutoff_passed unsubscribed
    suppressed campaign_stopped not_qualified control_group duplicate_profile"""
)
# Planted on purpose: a warehouse must survive values it does not know.
UNKNOWN_EVENT_TYPE, UNKNOWN_CHANNEL = "snoozed", "kakaotalk"


def simulate(out: Path, *options: str, users: int = 700, days: int = 30) -> dict:
    """Run the command line and return the truth it wrote."""
    arguments = ["--out", str(out), "--users", str(users), "--days", str(days), *options]
    assert command.main(arguments) == 0
    return json.loads((out / "truth" / "truth.json").read_text(encoding="utf-8"))


def files(out: Path, table: str, suffix: str = "parquet", part: str = "0*") -> str:
    """Return a FROM item over the files of a table; the unusable rows lie in a part of their own."""
    glob = f"'{out}/landing/{table}/*/part-{part}.{suffix}', hive_partitioning = true"
    text = str(dict.fromkeys(contract.columns(table), "varchar"))
    return {
        "parquet": f"read_parquet({glob})",
        "csv": f"read_csv({glob}, header = true, auto_detect = false, columns = {text})",
        "jsonl": f"read_json({glob}, format = 'newline_delimited', columns = {text})",
    }[suffix]


def count(query: str) -> int:
    return duckdb.sql(f"select count(*) from ({query})").fetchone()[0]


def assert_same_rows(first: str, second: str) -> None:
    assert count(first) == count(second)
    assert count(f"{first} except all {second}") == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """One small demo world: its folder and its truth."""
    out = tmp_path_factory.mktemp("demo")
    return out, simulate(out)


@pytest.fixture(scope="module")
def world(demo: tuple[Path, dict]) -> duckdb.DuckDBPyConnection:
    """Every table of the demo world as a view; `clean_<event table>`: deduplicated, without test users."""
    db = duckdb.connect()
    for table in contract.tables():
        db.execute(f"create view {table} as select * from {files(demo[0], table)}")
    db.execute(
        """
        create table resolved as
        with links as (
            select alias_id, canonical_id from identity_links
            qualify row_number() over (partition by alias_id order by received_at desc) = 1
                and link_type <> 'unlink'
        )
        select one.alias_id as user_id, coalesce(two.canonical_id, one.canonical_id) as user_key
        from links as one left join links as two on two.alias_id = one.canonical_id
        """
    )
    for table in contract.EVENT_TABLES:
        db.execute(
            f"""
            create table clean_{table} as
            select e.*, coalesce(r.user_key, e.user_id) as user_key
            from {table} as e left join resolved as r using (user_id)
            where coalesce(r.user_key, e.user_id) not in (select user_id from users where is_test)
            qualify row_number() over (partition by event_id order by received_at desc) = 1
            """
        )
    return db


def rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return db.execute(query).fetchall()


def values(db: duckdb.DuckDBPyConnection, table: str, column: str) -> set[str]:
    return {value for (value,) in rows(db, f"select distinct {column} from {table}")} - {None}


# Determinism


def test_two_runs_with_the_same_parameters_write_the_same_rows(demo, tmp_path):
    assert simulate(tmp_path) == demo[1]
    for table in contract.tables():
        assert_same_rows(f"from {files(demo[0], table)}", f"from {files(tmp_path, table)}")


def test_another_seed_gives_another_world(demo, tmp_path):
    simulate(tmp_path, "--seed", "43")
    first, second = (
        f"select event_id, occurred_at from {files(out, 'message_events')}" for out in (demo[0], tmp_path)
    )
    assert count(f"{first} intersect {second}") == 0


def test_chunks_in_two_processes_write_the_same_rows_as_one_chunk(demo, tmp_path):
    parameters = Parameters(700, Period(date(2026, 6, 1), 30), 42, chunk_users=300)
    truth = command.generate(tmp_path, parameters, False, Console(quiet=True))
    assert len(list(tmp_path.glob("landing/users/*/part-*"))) == 3
    for table in contract.tables()[:-1]:
        assert truth["tables"].get(table) == demo[1]["tables"].get(table)
        assert_same_rows(
            *(f"select * exclude (batch_id) from {files(out, table)}" for out in (demo[0], tmp_path))
        )
    del truth["tables"]
    assert truth == {key: value for key, value in demo[1].items() if key != "tables"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_every_format_carries_the_same_rows(demo, tmp_path, suffix):
    truth = simulate(tmp_path, "--format", suffix)
    assert truth["tables"] == demo[1]["tables"]
    for table in contract.tables():
        kinds = contract.columns(table)
        kinds.pop("file_name", None)  # the files differ in their ending
        typed = ", ".join(
            f"cast(nullif(cast({name} as varchar), '') as {kind})" for name, kind in kinds.items()
        )
        assert_same_rows(
            f"select {typed} from {files(demo[0], table)}",
            f"select {typed} from {files(tmp_path, table, suffix)}",
        )


# Size


def test_rows_grow_with_the_number_of_users(demo, tmp_path):
    half = simulate(tmp_path, users=350)
    assert 0.4 < half["raw_events"] / demo[1]["raw_events"] < 0.6


@pytest.mark.parametrize("days", [20, 90])
def test_events_option_is_met_within_a_tenth(tmp_path, days):
    assert command.main(["--out", str(tmp_path), "--events", "50000", "--days", str(days)]) == 0
    truth = json.loads((tmp_path / "truth" / "truth.json").read_text(encoding="utf-8"))
    assert 45_000 < truth["raw_events"] < 55_000


def test_a_single_user_on_a_single_day_is_a_valid_world(tmp_path):
    truth = simulate(tmp_path, users=1, days=1)
    assert truth["users"]["all"] == 1


# Contract conformity


def test_columns_are_those_of_the_contract_in_order():
    text = (PROJECT / "macros" / "contract" / "contract_tables.sql").read_text(encoding="utf-8")
    column = re.compile(r"\('(\w+)', '([\w(),]+)', '\w*'\)")
    tables, envelope = text.split("{% macro contract_envelope() %}")
    blocks = re.findall(r"'(\w+)': \{'required': \w+, 'columns': \[(.*?)\]\}", tables, re.DOTALL)
    assert [name for name, _ in blocks] == contract.tables()
    for table, block in blocks:
        expected: dict[str, str] = {}
        for name, kind in column.findall(block) + column.findall(envelope):
            expected.setdefault(name, "varchar" if kind in ("string", "json") else kind)
        assert list(contract.columns(table).items()) == list(expected.items())


@pytest.mark.parametrize("table", contract.tables())
def test_parquet_files_have_the_columns_and_types_of_the_contract(world, table):
    described = {name: kind.lower() for name, kind, *_ in rows(world, f"describe {table}")}
    assert described.pop("load_date") == "date"
    assert list(described.items()) == list(contract.columns(table).items())


def test_values_stay_inside_the_vocabulary_of_the_contract(world):
    assert values(world, "journey_events", "event_type") == JOURNEY_EVENT_TYPES
    assert values(world, "journey_events", "reason_code") <= EXIT_REASONS
    assert values(world, "message_events", "event_type") - {UNKNOWN_EVENT_TYPE} <= MESSAGE_EVENT_TYPES
    assert values(world, "message_events", "channel") - {UNKNOWN_CHANNEL} <= CHANNELS
    assert values(world, "message_events", "reason_code") <= MESSAGE_REASONS
    assert values(world, "message_events", "bounce_type") <= {"hard", "soft", "block"}
    assert values(world, "identity_links", "link_type") <= {"identify", "alias", "merge", "unlink"}


def test_every_outcome_of_a_message_uses_the_vocabulary_of_the_contract():
    assert channels.OUTCOMES.keys() == channels.CHANNELS.keys()
    assert channels.OUTCOMES.keys() - CHANNELS == {UNKNOWN_CHANNEL}
    events = [event for outcomes in channels.OUTCOMES.values() for _, _, life in outcomes for event in life]
    assert {event.type for event in events} == MESSAGE_EVENT_TYPES | {UNKNOWN_EVENT_TYPE}
    assert {event.reason for event in events} - {None} <= MESSAGE_REASONS


def test_json_columns_hold_json(world):
    columns = {"goals": "filters", "journeys": "tags", "user_events": "properties", "users": "attributes"}
    for table, column in columns.items():
        broken = f"select 1 from {table} where {column} is not null and not json_valid({column})"
        assert rows(world, broken) == []


# A world that makes sense


def test_files_lie_in_the_folder_of_their_load_date(demo, world):
    for table in (*contract.EVENT_TABLES, "identity_links"):
        assert rows(world, f"select 1 from {table} where load_date <> cast(received_at as date)") == []
    (last,) = rows(world, "select max(load_date) from journey_events")[0]
    assert last <= date.fromisoformat(demo[1]["parameters"]["last_load_date"])


def test_events_happen_inside_the_period_and_are_received_afterwards(world):
    for table in contract.EVENT_TABLES:
        outside = "occurred_at not between timestamp '2026-06-01' and timestamp '2026-06-30 23:59:59.999999'"
        assert rows(world, f"select 1 from {table} where {outside} or received_at <= occurred_at") == []


def test_ids_of_events_are_unique_over_all_event_tables(world):
    ids = " union all ".join(
        f"select distinct event_id, '{table}' from {table}" for table in contract.EVENT_TABLES
    )
    assert rows(world, f"select event_id from ({ids}) group by event_id having count(*) > 1") == []


def test_no_event_of_an_entry_follows_its_exit(world):
    later = """
        select e.event_id from clean_journey_events as e
        inner join clean_journey_events as x using (journey_entry_id)
        where x.event_type = 'journey_exited' and e.occurred_at > x.occurred_at
    """
    assert rows(world, later) == []


def test_message_events_name_existing_campaigns_and_nodes(world):
    unknown = """
        select m.event_id from message_events as m
        left join campaigns as c using (campaign_id)
        left join nodes as n
            on n.journey_id = m.journey_id and n.journey_version_id = m.journey_version_id
            and n.node_id = m.node_id
        where c.campaign_id is null or (m.journey_id is not null and n.node_id is null)
    """
    assert rows(world, unknown) == []


def test_node_visits_follow_the_edges_of_their_version(world):
    """Entries that changed version are left out: they began on one map and end on another."""
    astray = """
        with visits as (
            select *, lead(node_id) over (partition by journey_entry_id order by occurred_at, event_id)
                as next_node
            from clean_journey_events
            where event_type = 'node_entered' and journey_entry_id is not null
                and journey_entry_id not in (
                    select journey_entry_id from clean_journey_events where event_type = 'version_migrated'
                )
        )
        select event_id from visits as v
        left join node_edges as e
            on e.journey_id = v.journey_id and e.journey_version_id = v.journey_version_id
            and e.from_node_id = v.node_id and e.to_node_id = v.next_node
        where v.next_node is not null and e.journey_id is null
    """
    assert rows(world, astray) == []


def test_only_the_win_back_journey_comes_without_entry_ids(world):
    without = "event_type <> 'qualified' and journey_entry_id is null"
    assert values(world, f"(from journey_events where {without})", "journey_id") == {"win-back"}


def test_trigger_events_exist_and_precede_their_entry(world):
    wrong = """
        select j.event_id from journey_events as j
        left join user_events as u on u.event_id = j.trigger_event_id
        where j.trigger_event_id is not null and (u.event_id is null or u.occurred_at >= j.occurred_at)
    """
    assert rows(world, wrong) == []
    assert rows(
        world, "select count(distinct journey_id) from journey_events where trigger_event_id <> ''"
    ) == [(3,)]


def test_scanners_click_within_two_seconds_of_delivery_and_nothing_is_seen_before_it_is_sent(world):
    gap = """
        select epoch(c.occurred_at - d.occurred_at) as gap
        from clean_message_events as c
        inner join clean_message_events as d using (message_id)
        where c.event_type = 'clicked' and d.event_type = 'delivered'
    """
    assert rows(world, f"select count(*) filter (gap < 2) > 0, min(gap) > 0 from ({gap})") == [(True, True)]


def test_the_loyalty_loop_visits_a_node_more_than_once(world):
    visits = """
        select count(*) as visits from clean_journey_events
        where journey_id = 'loyalty' and event_type = 'node_entered' group by journey_entry_id, node_id
    """
    assert rows(world, f"select max(visits) between 2 and 4 from ({visits})") == [(True,)]


def test_load_batches_count_the_rows_of_every_batch(world, demo):
    for table in contract.tables()[:-1]:
        described = f"select batch_id, row_count from load_batches where object_name = '{table}'"
        counted = f"select batch_id, count(*) from {table} group by batch_id"
        known = rows(world, f"{described} and batch_id not like '%unusable' order by all")
        assert known == rows(world, f"{counted} order by all")
    unusable = rows(world, "select object_name, row_count from load_batches where batch_id like '%unusable'")
    assert dict(unusable) == {
        table: demo[1]["tables"][table]["rejected_rows"] for table in contract.EVENT_TABLES
    }


# Truth


@pytest.mark.parametrize("table", contract.EVENT_TABLES)
def test_truth_knows_raw_duplicate_conflicting_late_and_test_rows(demo, world, table):
    found = rows(
        world,
        f"""
        with deliveries as (
            select event_id, count(*) as deliveries, min(received_at) - min(occurred_at) as waited
            from {table} group by event_id
        ),
        contents as (
            select event_id, count(*) as contents
            from (select distinct * exclude (batch_id, received_at, loaded_at, load_date) from {table})
            group by event_id
        )
        select
            count(*) as events,
            coalesce(sum(deliveries - 1) filter (contents = 1), 0) as redelivered_rows,
            count(*) filter (contents = 2) as conflicting_ids,
            count(*) filter (waited >= interval 1 day) as late_events,
            count(*) - (select count(*) from clean_{table}) as test_user_events,
            sum(deliveries) as usable_rows
        from deliveries inner join contents using (event_id)
        """,
    )[0]
    truth = demo[1]["tables"][table]
    names = ("events", "redelivered_rows", "conflicting_ids", "late_events", "test_user_events")
    assert found == (*(truth[name] for name in names), truth["raw_rows"] - truth["rejected_rows"])
    assert min(found) > 0


def test_corrections_arrive_later_and_win(world):
    early = """
        select event_id from journey_events as e
        inner join clean_journey_events as c using (event_id)
        where e.event_type = 'journey_exited' and e.reason_code = 'other' and e.received_at >= c.received_at
    """
    assert rows(world, early) == []
    assert "other" not in values(world, "clean_journey_events", "reason_code")


@pytest.mark.parametrize("table", contract.EVENT_TABLES)
def test_truth_knows_the_unusable_rows(demo, table):
    out, truth = demo
    found = duckdb.sql(
        f"""
        select count(*) filter (user_id is null) as missing_user_id,
            count(*) filter (user_id is not null and try_cast(occurred_at as timestamp) is null) as invalid
        from {files(out, table, "csv", "unusable")}
        """
    ).fetchone()
    rejected = truth["tables"][table]["rejected"]
    assert found == (rejected["missing_user_id"], rejected["invalid_occurred_at"])
    assert truth["tables"][table]["rejected_rows"] == sum(found) >= 4


def test_truth_knows_entries_and_their_users(demo, world):
    found = rows(
        world,
        """
        select journey_id,
            count(*) filter (not is_control), count(distinct user_key) filter (not is_control),
            count(*) filter (is_control), count(distinct user_key) filter (is_control)
        from clean_journey_events where event_type = 'journey_entered' group by journey_id
        """,
    )
    names = ("entries", "entry_users", "control_entries", "control_users")
    truth = {key: tuple(value[name] for name in names) for key, value in demo[1]["journeys"].items()}
    assert {key: tuple(numbers) for key, *numbers in found} == truth
    assert truth.keys() == {journey.id for journey in company.JOURNEYS}


def test_truth_knows_exits_by_reason(demo, world):
    found: dict[str, dict[str, int]] = {key: {} for key in demo[1]["journeys"]}
    query = """
        select journey_id, reason_code, count(*) from clean_journey_events
        where event_type = 'journey_exited' and not is_control group by all
    """
    for journey, reason, number in rows(world, query):
        found[journey][reason] = number
    assert found == {key: value["exits"] for key, value in demo[1]["journeys"].items()}


def test_truth_knows_what_became_of_the_messages(demo, world):
    found = rows(
        world,
        """
        with messages as (
            select channel, message_id,
                bool_and(event_type = 'skipped') as is_skipped,
                bool_or(event_type = 'failed') and bool_and(
                    event_type in ('failed', 'attempted', 'queued', 'deferred', 'resubscribed', 'streamed')
                ) as is_failed
            from clean_message_events group by channel, message_id
        )
        select channel, count(*) filter (not is_skipped), count(*) filter (not is_skipped and not is_failed),
            count(*) filter (is_failed), count(*) filter (is_skipped)
        from messages group by channel
        """,
    )
    names = ("attempted", "accepted", "failed", "skipped")
    truth = {key: tuple(value[name] for name in names) for key, value in demo[1]["messages"].items()}
    assert {channel: tuple(numbers) for channel, *numbers in found} == truth


def test_truth_knows_the_events_of_the_messages(demo, world):
    found = rows(world, "select channel, event_type, count(*) from clean_message_events group by all")
    truth = {
        (channel, event_type): number
        for channel, message in demo[1]["messages"].items()
        for event_type, number in message["events"].items()
    }
    assert {(channel, event_type): number for channel, event_type, number in found} == truth


def test_the_planted_lift_can_be_measured_again(demo, world):
    """Every conversion of the control-group journey is planted, so the counts agree exactly."""
    lift = demo[1]["planted_lift"]
    found = rows(
        world,
        f"""
        with entries as (
            select user_key, is_control, occurred_at as entered_at from clean_journey_events
            where journey_id = '{lift["journey_id"]}' and event_type = 'journey_entered'
        )
        select is_control, count(distinct u.user_key)
        from entries as e inner join clean_user_events as u using (user_key)
        where u.event_name = 'subscription_started' and (u.properties ->> '$.plan') = 'vip'
            and u.occurred_at between entered_at and entered_at + interval 14 day
        group by is_control
        """,
    )
    assert dict(found) == {False: lift["target_converted_users"], True: lift["control_converted_users"]}
    assert lift["lift_abs"] == pytest.approx(lift["target_rate"] - lift["control_rate"])


def test_control_users_get_no_messages_from_their_journey(world):
    sent = """
        select m.event_id from message_events as m inner join journey_events as j using (journey_entry_id)
        where j.is_control
    """
    assert rows(world, sent) == []


def test_truth_tables_name_every_entry_and_identity(demo, world):
    out, truth = demo
    entries = count(f"from '{out}/truth/entries/*.parquet' where not is_test")
    assert entries == sum(
        journey["entries"] + journey["control_entries"] for journey in truth["journeys"].values()
    )
    linked = f"select alias_id, user_id from '{out}/truth/identities/*.parquet' where link_kind <> 'unlinked'"
    assert sorted(duckdb.sql(linked).fetchall()) == rows(
        world, "select user_id, user_key from resolved where user_id like 'a%' order by all"
    )


# Command line


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit):
        command.parse_arguments(["--help"])
    text = capsys.readouterr().out
    for option in ("--out", "--users", "--events", "--days", "--seed", "--start", "--format", "--force"):
        assert re.search(rf"^  {option}\b", text, re.MULTILINE)


@pytest.mark.parametrize(
    "option", [["--users", "0"], ["--days", "2000"], ["--format", "xml"], ["--start", "June"]]
)
def test_an_impossible_option_is_refused(tmp_path, option, capsys):
    with pytest.raises(SystemExit):
        command.main(["--out", str(tmp_path / "demo"), *option])
    assert option[0] in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_a_landing_folder_with_files_is_refused_and_left_alone(tmp_path, capsys):
    kept = tmp_path / "landing" / "mine.csv"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert command.main(["--out", str(tmp_path), "--users", "20", "--days", "2"]) == 2
    assert "--force" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


def test_force_replaces_landing_and_truth(tmp_path):
    for name in ("landing", "truth"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_text("old")
    simulate(tmp_path, "--force", users=20, days=2)
    assert not list(tmp_path.rglob("old*"))
    assert not (tmp_path / ".partial").exists()


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "_write_load_batches", interrupt)
    assert command.main(["--out", str(tmp_path), "--users", "20", "--days", "2"]) == 130
    assert "Interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [(OSError("No space left on device"), "No space left"), (BrokenProcessPool(), "lack of memory")],
)
def test_a_failed_run_says_why_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys, trouble, sentence):
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(generate, "_write_load_batches", fail)
    assert command.main(["--out", str(tmp_path), "--users", "20", "--days", "2"]) == 1
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path):
    (tmp_path / ".partial" / "landing").mkdir(parents=True)
    simulate(tmp_path, users=20, days=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["landing", "truth"]


def test_a_second_run_into_the_same_folder_is_refused(tmp_path, capsys):
    lock = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert command.main(["--out", str(tmp_path), "--users", "20", "--days", "2"]) == 2
    finally:
        os.close(lock)
    assert "Another run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_folder_names_with_quotes_and_spaces_work(tmp_path):
    truth = simulate(tmp_path / 'it\'s a "demo" 🎁', users=20, days=2)
    assert truth["raw_events"] > 0
