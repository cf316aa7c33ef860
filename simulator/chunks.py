"""One chunk of users: draws them and all that happens to them, writes their files, counts the truth."""

from __future__ import annotations

from collections.abc import Callable

from simulator import draws
from simulator.company import CONTROL_JOURNEY
from simulator.engine import Engine

Progress = Callable[[str], None]


def write_chunk(engine: Engine, chunk: int, progress: Progress) -> None:
    """Write everything that belongs to the users of a chunk; `progress` hears of each stage."""
    engine.db.execute(draws.PEOPLE, engine.parameters.users_of(chunk))
    engine.db.execute(draws.HANDSETS)
    _write_people(engine, chunk)
    progress("users")
    engine.db.execute(draws.ENTRIES)
    _write_events(engine, "journey_events", chunk)
    progress("journeys")
    engine.db.execute(draws.MESSAGES)
    _write_events(engine, "message_events", chunk)
    progress("messages")
    _write_events(engine, "user_events", chunk)
    _count_truth(engine)
    _write_truth(engine, chunk)
    progress("user events")


def _write_events(engine: Engine, table: str, part: int) -> None:
    """Write an event stream with its late, repeated and corrected rows, and count them."""
    stream, expressions = draws.STREAMS[table]
    engine.db.execute(f"create or replace temp view stream as {stream}")
    delivered = """
        select *, received(at_us, e, copy) as received_us, copy = 0 and is_conflict(e) as preliminary
        from stream
        cross join copies
        where copy = 0 or is_duplicate(e) or is_conflict(e)
    """
    engine.write_partitions(table, delivered, expressions, part)
    engine.count_row(
        table,
        """
        select
            count(*) as events,
            count(*) filter (is_duplicate(e)) as redelivered_rows,
            count(*) filter (is_conflict(e)) as conflicting_ids,
            count(*) filter (is_late(e)) as late_events,
            count(*) filter (is_test) as test_user_events
        from stream
        """,
    )


def _write_people(engine: Engine, part: int) -> None:
    engine.write_file(
        "users",
        "people",
        {
            "user_id": "user_id",
            "external_user_id": "name || ' ' || u",
            "created_at": "moment(created_us)",
            "country": "country",
            "language": "language",
            "timezone": "timezone",
            "is_test": "is_test",
            "is_deleted": "draw(r, 13) < 0.002",
            "deleted_at": "if(draw(r, 13) < 0.002, moment(period_end() - days(1)), null)",
            "random_bucket": "r % 10000",
            "attributes": """if(draw(r, 14) < 0.1, '{"tier":"gold"}', '{"tier":"basic"}')""",
            "updated_at": "moment(period_start())",
        },
        part,
    )
    engine.write_file(
        "devices",
        "handsets",
        {
            "device_id": "device_id",
            "user_id": "user_id",
            "platform": "platform",
            "os_version": "os_version",
            "app_version": "'5.' || (r % 9)",
            "sdk_version": "'3.' || (r % 7)",
            "push_token_status": """
                case when draw(r, 2) < 0.03 then 'invalid' when draw(r, 2) < 0.06 then 'unregistered'
                else 'valid' end""",
            "first_seen_at": "moment(created_us)",
            "last_seen_at": "moment(period_end())",
        },
        part,
    )
    engine.write_file(
        "subscriptions",
        "people cross join (values ('email', 20), ('sms', 21)) as offers (channel, salt)",
        {
            "user_id": "user_id",
            "channel": "channel",
            "status": "if(draw(r, salt) < 0.9, 'subscribed', 'unsubscribed')",
            "source": "'signup form'",
            "occurred_at": "moment(created_us)",
        },
        part,
    )
    engine.write_partitions(
        "identity_links",
        """
        select
            alias_id as alias, 'anonymous' as alias_type, user_id as canonical, 'identify' as link_type,
            identified_us as at_us,
            identified_us + seconds(1) + if(link_kind = 'late', days(3), 0) as received_us
        from people
        where link_kind in ('plain', 'late', 'unlinked')
        union all
        select
            alias_id, 'anonymous', numbered('b', u), 'alias', identified_us, identified_us + seconds(1)
        from people
        where link_kind = 'chain'
        union all
        select
            numbered('b', u), 'device', user_id, 'merge', identified_us + seconds(3600),
            identified_us + seconds(3601)
        from people
        where link_kind = 'chain'
        union all
        select
            alias_id, 'anonymous', user_id, 'unlink', identified_us + days(1),
            identified_us + days(1) + seconds(1)
        from people
        where link_kind = 'unlinked'
        """,
        {
            "alias_id": "alias",
            "alias_type": "alias_type",
            "canonical_id": "canonical",
            "link_type": "link_type",
            "occurred_at": "moment(at_us)",
        },
        part,
    )


def _count_truth(engine: Engine) -> None:
    engine.count_row("users", "select count(*) as all, count(*) filter (is_test) as test from people")
    engine.count_groups(
        "identities",
        "select 'links', link_kind, count(*) from people where link_kind is not null group by all",
    )
    engine.count_groups(
        "entries",
        """
        with counted as (
            select
                journey_id,
                if(is_control, 'control_', '') as arm,
                count(*) as entries,
                count(distinct u) as users
            from entries
            where enters and not is_test
            group by all
        )
        select journey_id, arm || 'entries', entries from counted
        union all
        select journey_id, if(arm = '', 'entry_users', 'control_users'), users from counted
        """,
    )
    engine.count_groups(
        "exits",
        """
        select journey_id, exit_reason, count(*)
        from entries
        where enters and not is_test and not is_control and exit_us < cut_us
        group by all
        """,
    )
    engine.count_groups(
        "messages",
        "select channel, status, count(*) from messages where not is_test group by all",
    )
    engine.count_groups(
        "message_events_by_type",
        """
        with counted as (
            select channel, outcome, seq, count(*) as events
            from messages
            inner join outcome_events using (outcome)
            where not is_test and after(at_us, min_us, scale_us, f) < period_end()
            group by all
        )
        select channel, event_type, cast(sum(events) as bigint)
        from counted
        inner join outcome_events using (outcome, seq)
        group by all
        """,
    )
    engine.count_row(
        "planted_lift",
        f"""
        select
            count(*) filter (not e.is_control) as target_converted_users,
            count(*) filter (e.is_control) as control_converted_users
        from entries as e
        inner join conversions as c using (journey_id)
        where
            e.journey_id = '{CONTROL_JOURNEY}' and c.is_control = e.is_control and e.enters and not e.is_test
            and draw(e.r, 300 + c.number) < c.probability
        """,
    )


def _write_truth(engine: Engine, part: int) -> None:
    engine.write_truth(
        "entries",
        """
        select
            entry_id, journey_id, true_user_id as user_id, is_test, is_control,
            moment(at_us) as entered_at,
            if(exit_us < cut_us, moment(exit_us), null) as exited_at,
            if(exit_us < cut_us, exit_reason, null) as exit_reason
        from entries
        where enters
        """,
        part,
    )
    engine.write_truth(
        "identities",
        """
        select alias_id, user_id, link_kind, moment(identified_us) as identified_at, is_test
        from people
        where alias_id is not null
        """,
        part,
    )
