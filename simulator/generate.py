"""Draws the demo events with set-based SQL, one chunk of users at a time, and counts what was planted.

Every random number is a hash of the seed and of the thing it belongs to, so the rows depend only on the seed and
the parameters, never on chunk size, thread count or the order of execution.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from simulator import company, contract
from simulator.plans import SECOND, Lookups, build_lookups
from simulator.streams import STREAMS

CHUNK_USERS = 200_000
LATE_DAYS = 5
DAY_US = company.DAY * SECOND
QUIET_TAIL_US = 600 * SECOND  # no message starts this close to the end: every sending result is inside the period

# Shares of 65536: 2 % late, 0.5 % redelivered unchanged, 0.05 % redelivered corrected.
LATE, DUPLICATE, CONFLICT = 1311, 328, 33
UNUSABLE_SHARE = 0.0002

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Parameters:
    """What a run is made of; the same parameters give the same rows."""

    users: int
    days: int
    seed: int
    start: date
    format: str = "parquet"

    @property
    def first_day(self) -> str:
        """Load date of the reference tables."""
        return self.start.isoformat()

    @property
    def start_us(self) -> int:
        """First instant of the period."""
        return (self.start - date(1970, 1, 1)).days * DAY_US

    @property
    def end_us(self) -> int:
        """First instant after the period."""
        return self.start_us + self.days * DAY_US

    @property
    def chunks(self) -> list[tuple[int, int]]:
        """Half-open ranges of user numbers that are generated together."""
        return [(low, min(low + CHUNK_USERS, self.users)) for low in range(0, self.users, CHUNK_USERS)]


class Generator:
    """Writes the landing files and the truth of one run below `root`."""

    def __init__(self, root: Path, parameters: Parameters) -> None:
        """Open a private in-memory engine and load the lookup tables."""
        self.landing, self.truth_folder = root / "landing", root / "truth"
        self.parameters = parameters
        self.start_us, self.end_us = parameters.start_us, parameters.end_us
        self.counts: dict[str, Any] = {}
        self.db = duckdb.connect()
        self.db.execute(
            "set threads = 2; set memory_limit = '3GB'; set preserve_insertion_order = false; set TimeZone = 'UTC'; set enable_progress_bar = false"
        )
        self.db.execute("set temp_directory = ?", [str(root / "spill")])
        self._create_macros()
        self._load_lookups(build_lookups(datetime.combine(parameters.start, datetime.min.time()), parameters.days))

    def run(self, progress: Progress) -> dict[str, Any]:
        """Generate everything and return the truth; `progress` is called with the name of each finished stage."""
        self._write_reference_tables()
        progress("reference tables")
        for chunk, (low, high) in enumerate(self.parameters.chunks):
            self._draw_users(low, high)
            self._write_users(chunk)
            self._draw_entries()
            progress("users")
            self._write_events("journey_events", chunk)
            progress("journeys")
            self._draw_messages()
            self._write_events("message_events", chunk)
            progress("messages")
            self._write_events("user_events", chunk)
            self._count_chunk(chunk)
            progress("user events")
        self._write_unusable_rows()
        self._write_load_batches()
        progress("load batches")
        truth = self._truth()
        (self.truth_folder / "truth.json").write_text(json.dumps(truth, indent=2, ensure_ascii=False) + "\n")
        return truth

    def close(self) -> None:
        """Close the engine."""
        self.db.close()

    # ---------------------------------------------------------------------------------------------- set up

    def _create_macros(self) -> None:
        self.db.execute(f"""
            create macro draw(r, salt) as
                (hash(xor(r, cast(salt as ubigint))) >> 11)::double * 1.1102230246251565e-16;
            create macro slot_of(r, salt) as (hash(xor(r, cast(salt as ubigint))) >> 52)::integer;
            create macro child(r, salt) as hash(xor(r, cast(salt as ubigint)));
            create macro tail(r, salt) as least(-ln(greatest(draw(r, salt), 1e-9)), 4.0);
            create macro moment(us) as make_timestamp(us);
            create macro is_late(e) as (e & 65535) < {LATE};
            create macro is_duplicate(e) as ((e >> 16) & 65535) < {DUPLICATE};
            create macro is_conflict(e) as
                ((e >> 16) & 65535) between {DUPLICATE} and {DUPLICATE + CONFLICT - 1};
            -- A local hour of the rhythm, moved to UTC and kept inside the period.
            create macro to_utc(us, offset_us) as
                us - offset_us
                + case
                    when us - offset_us < {self.start_us + 60 * SECOND} then {DAY_US}
                    when us - offset_us >= {self.end_us} then -{DAY_US}
                    else 0
                end;
            create table copies as select unnest([0, 1]) as copy;
        """)
        # Another period of the same seed is another world.
        self.db.execute("create table world as select hash(hash(?::bigint))::ubigint as seed", [self.parameters.seed])

    def _load_lookups(self, lookups: Lookups) -> None:
        for table, rows in lookups.rows.items():
            kinds = {}
            for name in rows[0]:
                values = [row[name] for row in rows if row[name] is not None]
                kinds[name] = _json_type(values)
            self.db.execute(
                f"create table {table} as select unnest(from_json($rows, $kinds), recursive := true)",
                {"rows": json.dumps(rows), "kinds": json.dumps([kinds])},
            )
        self.db.execute("""
            create table slots as
            select dist, slot::integer as slot, item
            from dist_items inner join range(4096) as slots (slot) on slot >= low and slot < high
            where high <= 4096 and dist <> $clock;
            """, {"clock": lookups.dists["clock"]})
        self.db.execute("""
            create table clock as
            select slot::integer as slot, (item * 3600000000)::bigint as cell_us
            from dist_items inner join range(65536) as slots (slot) on slot >= low and slot < high
            where dist = $clock
            """, {"clock": lookups.dists["clock"]})
        self.lookups = lookups

    def _dist(self, name: str) -> int:
        return self.lookups.dists[name]

    # ---------------------------------------------------------------------------------------------- writing

    def _options(self) -> str:
        if self.parameters.format == "parquet":
            return "format parquet, compression zstd"
        stamp = "timestampformat '%Y-%m-%dT%H:%M:%S.%fZ'"
        if self.parameters.format == "csv":
            return f"format csv, header, {stamp}"
        return f"format json, {stamp}, file_extension 'jsonl'"

    def _write_first_day(self, table: str, source: str, expressions: dict[str, str], part: int = 0) -> None:
        """Write one reference file into the folder of the first load date."""
        folder = self.landing / table / f"load_date={self.parameters.first_day}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"part-{part:05d}.{self.parameters.format}"
        start = f"moment({self.start_us})"
        envelope = _envelope(f"'{table}-{self.parameters.first_day}-{part:05d}'", start, start)
        select = contract.select_list(table, {**envelope, **expressions})
        rows = self.db.execute(f"copy (select {select} from {source}) to '{_text(file)}' ({self._options()})")
        self._add_raw(table, rows.fetchone()[0])

    def _write_partitions(self, table: str, select: str, part: int) -> None:
        rows = self.db.execute(
            f"copy ({select}) to '{_text(self.landing / table)}' ({self._options()}, partition_by (load_date), "
            f"filename_pattern 'part-{part:05d}-{{i}}', overwrite_or_ignore)"
        )
        self._add_raw(table, rows.fetchone()[0])

    def _add_raw(self, table: str, rows: int) -> None:
        raw = self.counts.setdefault("raw_rows", {})
        raw[table] = raw.get(table, 0) + rows

    def _write_events(self, table: str, part: int) -> None:
        """Write an event stream with its late, repeated and corrected rows, and count them."""
        stream, expressions = STREAMS[table]
        self.db.execute(f"create or replace temp view stream as {self._fill(stream)}")
        last_us = self.end_us + LATE_DAYS * DAY_US - SECOND
        received = f"""
            least(
                at_us
                + case
                    when is_late(e) then {DAY_US} + (((e >> 48) & 65535)::bigint * {int(3.9 * DAY_US / 65536)})
                    else 200000 + ({7200 * SECOND} * power(((e >> 32) & 65535)::double / 65536, 12))::bigint
                end
                + copy * ({DAY_US} + ((e >> 40) & 65535)::bigint * 1000000),
                {last_us}
            )"""
        select = contract.select_list(
            table,
            {
                **_envelope(
                    f"'{table}-' || load_date || '-{part:05d}'",
                    "moment(received_us)",
                    "load_date + interval '24 hours 30 minutes'",
                ),
                **expressions,
            },
        )
        self._write_partitions(
            table,
            f"""
            with copied as (
                select *, {received} as received_us, copy = 0 and is_conflict(e) as preliminary
                from stream cross join copies
                where copy = 0 or is_duplicate(e) or is_conflict(e)
            ),
            dated as (select *, moment(received_us)::date as load_date from copied)
            select {select}, load_date from dated
            """,
            part,
        )
        self._count(
            table,
            """
            select
                count(*) as events, count(*) filter (is_duplicate(e)) as redelivered_rows,
                count(*) filter (is_conflict(e)) as conflicting_ids, count(*) filter (is_late(e)) as late_events,
                count(*) filter (is_test) as test_user_events
            from stream
            """,
        )

    def _fill(self, sql: str) -> str:
        return (
            sql.replace("{start}", str(self.start_us))
            .replace("{end}", str(self.end_us))
            .replace("{base}", "10000000")
        )

    def _count(self, name: str, query: str) -> None:
        """Add the single row of a query to the running counts of `name`."""
        result = self.db.execute(query)
        names = [column[0] for column in result.description]
        totals = self.counts.setdefault(name, {})
        for key, value in zip(names, result.fetchone(), strict=True):
            totals[key] = totals.get(key, 0) + value

    def _count_groups(self, name: str, query: str) -> None:
        """Add the rows of a query (keys first, count last) to nested running counts of `name`."""
        for *keys, value in self.db.execute(query).fetchall():
            totals = self.counts.setdefault(name, {})
            for key in keys[:-1]:
                totals = totals.setdefault(key, {})
            totals[keys[-1]] = totals.get(keys[-1], 0) + value

    # ---------------------------------------------------------------------------------------------- reference

    def _write_reference_tables(self) -> None:
        start, created = f"moment({self.start_us})", f"moment({self.start_us} - 2592000000000)"
        self._write_first_day(
            "journeys",
            "journeys",
            {
                "journey_id": "journey_id", "journey_name": "name", "journey_type": "type",
                "category": "category", "status": "case when stop_us is null then 'active' else 'stopped' end",
                "reentry_policy": "reentry",
                "reentry_cooldown_seconds": "case when reentry = 'after_cooldown' then 2592000 end",
                "created_at": created, "launched_at": start, "stopped_at": "moment(stop_us)",
                "timezone": "'Europe/Berlin'", "tags": "json_array(category, 'demo')::varchar", "updated_at": start,
            },
        )  # fmt: skip
        self._write_first_day(
            "journey_versions",
            "versions",
            {
                "journey_id": "journey_id", "journey_version_id": "version_id", "version_number": "number",
                "version_name": "'Version ' || number",
                "published_at": f"moment(greatest(from_us, {self.start_us}))",
                "retired_at": "case when next_version_id is not null then moment(to_us) end",
                "migrates_active_entries": "number > 1",
            },
        )  # fmt: skip
        self._write_first_day(
            "nodes",
            "nodes",
            {
                "journey_id": "journey_id", "journey_version_id": "version_id", "node_id": "node_id",
                "node_name": "name", "node_type": "type", "channel": "channel", "campaign_id": "campaign_id",
                "is_terminal": "is_terminal", "position": "position", "stable_node_key": "key",
            },
        )  # fmt: skip
        self._write_first_day(
            "node_edges",
            "edges",
            {
                "journey_id": "journey_id", "journey_version_id": "version_id", "from_node_id": "from_node",
                "to_node_id": "to_node", "branch_label": "label", "expected_share": "share",
            },
        )  # fmt: skip
        self._write_first_day(
            "goals",
            "goals",
            {
                "journey_id": "journey_id", "goal_id": "goal_id", "goal_name": "name", "goal_index": "index",
                "event_name": "event", "filters": "filters", "window_seconds": '"window"',
                "window_anchor": "anchor", "ends_journey": "ends_journey", "is_primary": "is_primary",
                "value_property": "'total'", "currency_property": "'currency'", "valid_from": created,
            },
        )  # fmt: skip
        self._write_first_day(
            "campaigns",
            "campaigns",
            {
                "campaign_id": "campaign_id", "campaign_name": "name", "channel": "channel",
                "journey_id": "journey_id", "node_id": "node_id", "subject_or_title": "name",
                "provider": "provider", "created_at": created, "tags": "'[]'",
                "conversion_event_name": "'purchase'", "campaign_conversion_seconds": "86400",
            },
        )  # fmt: skip
        self._write_first_day(
            "campaign_variants",
            "variants",
            {
                "campaign_id": "campaign_id", "variant_id": "variant_id",
                "variant_name": "'Variant ' || variant_id", "planned_share": "share", "is_control": "false",
            },
        )  # fmt: skip
        self._write_first_day(
            "costs",
            f"range({self.parameters.days}) as days (day) "
            "cross join (values ('email', 12), ('sms', 35), ('push', 5)) as fees (channel, fee)",
            {
                "cost_date": f"moment({self.start_us} + day * {DAY_US})", "channel": "channel",
                "amount": "fee + (day % 7) * 0.25", "currency": "'EUR'",
            },
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------- users

    def _draw_users(self, low: int, high: int) -> None:
        self.db.execute(self._fill(f"""
            create or replace temp table people as
            with numbered as (
                select n as u, hash(xor(n::ubigint, world.seed)) as r
                from range({low}, {high}) as numbers (n) cross join world
            ),
            drawn as (
                select
                    u, r, draw(r, 1) < 0.35 as is_new, u % 331 = 7 as is_test,
                    0.5 + draw(r, 4) as activity,
                    case when draw(r, 5) < 0.7 then 1 when draw(r, 5) < 0.94 then 2 else 3 end as devices,
                    draw(r, 6) < 0.95 as has_email, draw(r, 7) < 0.6 as has_phone,
                    case
                        when draw(r, 8) >= 0.3 then null
                        when draw(r, 9) < 0.1 then 'chain'
                        when draw(r, 9) < 0.15 then 'late'
                        when draw(r, 9) < 0.16 and u % 331 <> 7 then 'unlinked'
                        else 'plain'
                    end as link_kind,
                    {{start}} + (draw(r, 10) * {self.parameters.days * DAY_US})::bigint as identified_us
                from numbered
            )
            select
                drawn.*, names.name, markets.country, markets.language, markets.timezone, markets.offset_us,
                markets.currency, 'u' || ({{base}} + u) as user_id,
                case when link_kind is not null then 'a' || ({{base}} + u) end as alias_id,
                case
                    when is_new
                        then to_utc({{start}} + clock.cell_us + (draw(r, 11) * 3600000000)::bigint, offset_us)
                    else {{start}} - {DAY_US} - (draw(r, 12) * 700 * {DAY_US})::bigint
                end as created_us
            from drawn
            inner join slots on slots.dist = {self._dist("market")} and slots.slot = slot_of(r, 2)
            inner join markets on markets.item = slots.item
            inner join names on names.item = (r % {len(company.NAMES)})::integer
            inner join clock on clock.slot = (child(r, 3) >> 48)::integer;

            create or replace temp table handsets as
            with owned as (
                select
                    u, user_id, device_no, created_us, child(r, 100 + device_no) as r,
                    case device_no when 1 then {self._dist("device:mobile")} when 2 then {self._dist("device:browser")}
                        else {self._dist("device:tablet")} end as dist
                from people inner join range(1, 4) as numbers (device_no) on device_no <= devices
            )
            select
                u, user_id, device_no, created_us, r, 'd' || ({{base}} + u) || '-' || device_no as device_id,
                models.platform, models.os_version, models.device_model
            from owned
            inner join slots on slots.dist = owned.dist and slots.slot = slot_of(r, 1)
            inner join device_models as models on models.item = slots.item;
        """))

    def _write_users(self, part: int) -> None:
        created = "moment(created_us)"
        self._write_first_day(
            "users",
            "people",
            {
                "user_id": "user_id", "external_user_id": "name || ' ' || u", "created_at": created,
                "country": "country", "language": "language", "timezone": "timezone", "is_test": "is_test",
                "is_deleted": "draw(r, 13) < 0.002",
                "deleted_at": f"case when draw(r, 13) < 0.002 then moment({self.end_us - DAY_US}) end",
                "random_bucket": "(r % 10000)::bigint",
                "attributes": """'{"tier":"' || case when draw(r, 14) < 0.1 then 'gold' else 'basic' end || '"}'""",
                "updated_at": f"moment({self.start_us})",
            },
            part,
        )  # fmt: skip
        self._write_first_day(
            "devices",
            "handsets",
            {
                "device_id": "device_id", "user_id": "user_id", "platform": "platform", "os_version": "os_version",
                "app_version": "'5.' || (r % 9)", "sdk_version": "'3.' || (r % 7)",
                "push_token_status":
                    "case when draw(r, 2) < 0.03 then 'invalid' when draw(r, 2) < 0.06 then 'unregistered' "
                    "else 'valid' end",
                "first_seen_at": created, "last_seen_at": f"moment({self.end_us})",
            },
            part,
        )  # fmt: skip
        self._write_first_day(
            "subscriptions",
            "people cross join (values ('email', 20), ('sms', 21)) as offers (channel, salt)",
            {
                "user_id": "user_id", "channel": "channel", "source": "'signup form'", "occurred_at": created,
                "status": "case when draw(r, salt) < 0.9 then 'subscribed' else 'unsubscribed' end",
            },
            part,
        )  # fmt: skip
        self._write_identity_links(part)

    def _write_identity_links(self, part: int) -> None:
        hour, late = 3600 * SECOND, 3 * DAY_US
        select = contract.select_list(
            "identity_links",
            {
                **_envelope(
                    f"'identity_links-' || load_date || '-{part:05d}'", "moment(received_us)",
                    "load_date + interval '24 hours 30 minutes'",
                ),
                "alias_id": "alias", "alias_type": "alias_type", "canonical_id": "canonical",
                "link_type": "link_type", "occurred_at": "moment(at_us)",
            },
        )  # fmt: skip
        self._write_partitions(
            "identity_links",
            self._fill(f"""
                with links as (
                    select
                        alias_id as alias, 'anonymous' as alias_type, user_id as canonical,
                        'identify' as link_type, identified_us as at_us,
                        identified_us + {SECOND} + case when link_kind = 'late' then {late} else 0 end as received_us
                    from people where link_kind in ('plain', 'late', 'unlinked')
                    union all
                    select alias_id, 'anonymous', 'b' || ({{base}} + u), 'alias', identified_us,
                        identified_us + {SECOND}
                    from people where link_kind = 'chain'
                    union all
                    select 'b' || ({{base}} + u), 'device', user_id, 'merge', identified_us + {hour},
                        identified_us + {hour + SECOND}
                    from people where link_kind = 'chain'
                    union all
                    select alias_id, 'anonymous', user_id, 'unlink', identified_us + {DAY_US},
                        identified_us + {DAY_US + SECOND}
                    from people where link_kind = 'unlinked'
                ),
                dated as (select *, moment(received_us)::date as load_date from links)
                select {select}, load_date from dated
            """),
            part,
        )
        self._count_groups(
            "users_by_link",
            "select link_kind, count(*) from people where link_kind is not null group by link_kind",
        )
        self._count("users", "select count(*) as all, count(*) filter (is_test) as test from people")

    # ---------------------------------------------------------------------------------------------- journeys

    def _draw_entries(self) -> None:
        self.db.execute(self._fill(f"""
            create or replace temp table entries as
            with chosen as (
                select
                    people.*, rules.number, rules.low, rules.high, rules.batch_us, journeys.* exclude (name),
                    child(people.r, rules.salt) as er
                from people
                cross join entry_rules as rules
                inner join journeys using (journey_id)
                where draw(people.r, rules.salt)
                    < rules.probability * case when journeys.reentry = 'once' then 1 else people.activity end
                    and (journeys.anchor <> 'signup' or people.is_new)
            ),
            timed as (
                select
                    chosen.*, draw(er, 1) < control_share as is_control, tail(er, 2) as f,
                    case anchor
                        when 'signup' then created_us + {5 * SECOND}
                        when 'batch' then {{start}} + batch_us + (draw(er, 3) * {60 * SECOND})::bigint
                        else to_utc({{start}} + clock.cell_us + (draw(er, 4) * 3600000000)::bigint, offset_us)
                    end as at_us
                from chosen
                inner join clock
                    on clock.slot = least((65536 * (low + (high - low) * draw(er, 5)))::integer, 65535)
            )
            select
                timed.u, timed.er as r, timed.f, timed.journey_id, timed.is_test, timed.is_control, timed.at_us,
                timed.cut_us, timed.currency, timed.trigger_event, timed.user_id as true_user_id,
                timed.devices, timed.has_email, timed.has_phone,
                'e' || ({{base}} + u) || '-' || code || '-' || timed.number as entry_id,
                case when has_entry_ids then 'e' || ({{base}} + u) || '-' || code || '-' || timed.number end
                    as journey_entry_id,
                anonymous, case when anonymous then alias_id else user_id end as user_id,
                case when is_control then 'journey' end as control_group_type,
                versions.version_id, versions.next_version_id,
                case when versions.next_version_id is not null then versions.to_us end as migrate_us,
                plans.plan, plans.variant_id, plans.enters, plans.exit_reason, plans.emits,
                timed.at_us + (plans.exit_min + plans.exit_scale * timed.f)::bigint as exit_us,
                case
                    when journey_id = 'welcome' then 'x' || ({{base}} + u) || '-signup'
                    when trigger_event is not null then 'x' || ({{base}} + u) || '-' || code || '-' || timed.number
                end as trigger_event_id
            from (
                select *, journey_id = 'price-drop' and link_kind in ('plain', 'chain') and at_us < identified_us
                    as anonymous
                from timed
            ) as timed
            inner join versions using (journey_id)
            inner join slots
                on slots.dist = case when is_control then versions.control_dist else versions.target_dist end
                and slots.slot = slot_of(er, 6)
            inner join plans on plans.plan = slots.item
            where at_us >= versions.from_us and at_us < versions.to_us and at_us < cut_us
            order by at_us;
        """))

    def _draw_messages(self) -> None:
        self.db.execute(self._fill(f"""
            create or replace temp table messages as
            with touches as (
                select
                    e.u, e.is_test, e.user_id, e.anonymous, e.journey_id, e.journey_entry_id, e.entry_id, e.devices,
                    e.has_email, e.has_phone, e.currency, e.variant_id, s.seq, s.node_id, s.campaign_id, s.dist,
                    e.at_us + (s.min_us + s.scale_us * e.f)::bigint as at_us, child(e.r, 2000 + s.seq) as r,
                    e.version_id, e.next_version_id, e.migrate_us, e.cut_us
                from entries as e inner join plan_steps as s using (plan)
                where s.campaign_id is not null
                union all
                select
                    u, is_test, user_id, false, null, null, '-' || ({{base}} + u) || '-' || campaign_id, devices,
                    has_email, has_phone, currency, null, 1, null, campaign_id, blasts.dist,
                    at_us + (draw(child(r, salt), 1) * {1800 * SECOND})::bigint, child(r, salt), null, null, null,
                    {{end}}
                from people cross join blasts
                where draw(r, salt) < share and created_us < at_us
            ),
            sent as (
                select touches.*, endpoints.* exclude (channel), c.channel, c.variant_dist, child(r, device_no) as mr
                from touches
                inner join campaigns as c using (campaign_id)
                inner join endpoints using (channel)
                where at_us < cut_us and at_us < {{end}} - {QUIET_TAIL_US} and device_no <= devices
                    and (needs <> 'email' or has_email) and (needs <> 'phone' or has_phone)
            )
            select
                sent.u, sent.is_test, sent.user_id, sent.anonymous, sent.journey_id, sent.journey_entry_id,
                sent.node_id, sent.campaign_id, sent.channel, sent.endpoint_type, sent.at_us, sent.mr as r,
                sent.currency, sent.cost, outcomes.outcome, outcomes.status, outcomes.click_min,
                outcomes.click_scale, handsets.platform, handsets.os_version, handsets.device_model,
                handsets.device_id, tail(sent.mr, 1) as f, coalesce(variants.variant_id, sent.variant_id) as variant_id,
                case when sent.at_us >= sent.migrate_us then sent.next_version_id else sent.version_id end
                    as version_id,
                'm' || substr(entry_id, 2) || '.' || sent.seq || '.' || sent.device_no as message_id,
                entry_id || '.' || sent.seq as dispatch_id,
                case endpoint_type
                    when 'email' then 'u' || ({{base}} + sent.u) || '@mail.example'
                    when 'phone' then '+999' || ({{base}} + sent.u)
                    when 'url' then 'https://hooks.example/in'
                    else handsets.device_id
                end as endpoint_id
            from sent
            inner join slots as drawn on drawn.dist = sent.dist and drawn.slot = slot_of(sent.mr, 2)
            inner join outcomes on outcomes.outcome = drawn.item
            left join handsets on handsets.u = sent.u and handsets.device_no = sent.device_no
            left join slots as arm on arm.dist = sent.variant_dist and arm.slot = slot_of(sent.r, 3)
            left join variants on variants.item = arm.item;
        """))

    # ---------------------------------------------------------------------------------------------- truth

    def _count_chunk(self, part: int) -> None:
        self._count_groups(
            "entries_by_journey",
            """
            select journey_id, unnest(['target', 'control', 'target_users', 'control_users']) as kind,
                unnest([
                    count(*) filter (not is_control), count(*) filter (is_control),
                    count(distinct u) filter (not is_control), count(distinct u) filter (is_control)
                ]) as total
            from entries where enters and not is_test group by journey_id
            """,
        )
        self._count_groups(
            "exits_by_reason",
            """
            select journey_id, exit_reason, count(*) from entries
            where enters and not is_test and not is_control and exit_us < cut_us
            group by journey_id, exit_reason
            """,
        )
        self._count_groups(
            "messages_by_channel",
            "select channel, status, count(*) from messages where not is_test group by channel, status",
        )
        self._count_groups(
            "message_events_by_channel",
            self._fill("""
                with counted as (
                    select channel, outcome, seq, count(*) as events
                    from messages inner join outcome_events using (outcome)
                    where not is_test and at_us + (min_us + scale_us * f)::bigint < {end}
                    group by channel, outcome, seq
                )
                select channel, event_type, sum(events)::bigint
                from counted inner join outcome_events using (outcome, seq)
                group by channel, event_type
            """),
        )
        self._count(
            "planted_lift",
            self._fill("""
                with converted as (
                    select e.u, e.is_control
                    from entries as e inner join conversions as c using (journey_id)
                    where e.journey_id = 'vip-upsell' and c.is_control = e.is_control and e.enters
                        and not e.is_test and draw(e.r, 300 + c.number) < c.probability
                )
                select
                    count(*) filter (not is_control) as target_converted_users,
                    count(*) filter (is_control) as control_converted_users
                from converted
            """),
        )
        for name, query in (
            (
                "entries",
                "select entry_id, journey_id, true_user_id as user_id, moment(at_us) as entered_at, is_control, "
                "is_test, case when exit_us < cut_us then exit_reason end as exit_reason, "
                "case when exit_us < cut_us then moment(exit_us) end as exited_at from entries where enters",
            ),
            (
                "identities",
                "select alias_id, user_id, link_kind, moment(identified_us) as identified_at, is_test "
                "from people where alias_id is not null",
            ),
        ):
            folder = self.truth_folder / name
            folder.mkdir(parents=True, exist_ok=True)
            file = _text(folder / f"part-{part:05d}.parquet")
            self.db.execute(f"copy ({query}) to '{file}' (format parquet, compression zstd)")

    def _write_unusable_rows(self) -> None:
        """Write a few rows that no warehouse can use, as text beside the typed files."""
        load_date = (self.parameters.start + timedelta(days=self.parameters.days // 2)).isoformat()
        for table in contract.EVENT_TABLES:
            count = max(4, round(self.counts["raw_rows"][table] * UNUSABLE_SHARE))
            values = {
                **_envelope(
                    f"'{table}-{load_date}-unusable'", f"'{load_date}T12:00:00Z'", f"'{load_date}T23:00:00Z'"
                ),
                "event_id": "'bad-' || n", "user_id": "case when n % 2 = 0 then 'u' || n end",
                "occurred_at":
                    f"case when n % 2 = 0 then 'yesterday at noon' else '{load_date}T10:00:00Z' end",
                "event_type": {"journey_events": "'node_entered'", "message_events": "'sent'"}.get(table, "null"),
                "journey_id": "'welcome'", "channel": "'email'", "event_name": "'app_open'",
            }  # fmt: skip
            select = ", ".join(f"{values.get(name, 'null')} as {name}" for name in contract.columns(table))
            file = self.landing / table / f"load_date={load_date}" / "part-unusable.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            self.db.execute(
                f"copy (select {select} from range({count}) as r (n)) to '{_text(file)}' (format csv, header)"
            )
            self._add_raw(table, count)
            self.counts.setdefault("rejected_rows", {})[table] = {
                "missing_user_id": count // 2,
                "invalid_occurred_at": count - count // 2,
            }

    def _write_load_batches(self) -> None:
        """Describe every batch written so far, read back from the files."""
        text = "{'batch_id': 'varchar', 'occurred_at': 'varchar'}"
        readers = {
            "parquet": "read_parquet('{}', filename = true)",
            "csv": "read_csv('{}', filename = true, header = true, all_varchar = true, union_by_name = true)",
            "jsonl": f"read_json('{{}}', filename = true, format = 'newline_delimited', columns = {text})",
        }
        described = []
        for table in contract.tables():
            bounds = "null, null"
            if "occurred_at" in contract.columns(table):
                bounds = "min(try_cast(occurred_at as timestamp)), max(try_cast(occurred_at as timestamp))"
            for suffix, reader in readers.items():
                if any((self.landing / table).rglob(f"*.{suffix}")):
                    source = reader.format(_text(self.landing / table / "*" / f"*.{suffix}"))
                    described.append(
                        f"select '{table}', batch_id, min(filename), count(*), {bounds} "
                        f"from {source} group by batch_id"
                    )
        batches = " union all ".join(described)
        folder = len(str(self.landing)) + 2
        day = r"regexp_extract(file, 'load_date=([0-9-]+)', 1)::timestamp"
        self._write_first_day(
            "load_batches",
            f"({batches}) as batches (object_name, batch, file, row_count, low, high)",
            {
                "batch_id": "batch", "object_name": "object_name", "file_name": f"substr(file, {folder})",
                "row_count": "row_count", "min_occurred_at": "low", "max_occurred_at": "high",
                "started_at": f"{day} + interval '24 hours'",
                "finished_at": f"{day} + interval '24 hours 30 minutes'", "loader_version": "'1.0'",
            },
        )  # fmt: skip

    def _truth(self) -> dict[str, Any]:
        """Return what was planted and counted, in the order a reader asks for it."""
        counts, journeys = self.counts, {}
        for journey in company.JOURNEYS:
            entries = counts["entries_by_journey"].get(journey.id, {})
            exits = counts["exits_by_reason"].get(journey.id, {})
            journeys[journey.id] = {
                "entries": entries.get("target", 0),
                "entry_users": entries.get("target_users", 0),
                "control_entries": entries.get("control", 0),
                "control_users": entries.get("control_users", 0),
                "exits": dict(sorted(exits.items())),
                "planted_conversions": [
                    {"arm": rule.arm, "event_name": rule.event, "probability": rule.probability}
                    for rule in journey.conversions
                ],
            }
        lift = {rule.arm: rule.probability for rule in _journey("vip-upsell").conversions}
        tables = {}
        for table, rows in sorted(counts["raw_rows"].items()):
            tables[table] = {"raw_rows": rows}
            if table in contract.EVENT_TABLES:
                rejected = counts["rejected_rows"][table]
                tables[table].update(counts[table], rejected_rows=sum(rejected.values()), rejected=rejected)
        messages = {}
        for channel, by_status in counts["messages_by_channel"].items():
            accepted, failed = by_status.get("accepted", 0), by_status.get("failed", 0)
            messages[channel] = {
                "attempted": accepted + failed,
                "accepted": accepted,
                "failed": failed,
                "skipped": by_status.get("skipped", 0),
                "events": dict(sorted(counts["message_events_by_channel"][channel].items())),
            }
        parameters = self.parameters
        return {
            "parameters": {
                "users": parameters.users, "days": parameters.days, "seed": parameters.seed,
                "start": parameters.first_day, "format": parameters.format,
                "period_end": (parameters.start + timedelta(days=parameters.days)).isoformat(),
                "last_load_date": (parameters.start + timedelta(days=parameters.days - 1 + LATE_DAYS)).isoformat(),
            },
            "raw_events": sum(counts["raw_rows"][table] for table in contract.EVENT_TABLES),
            "tables": tables,
            "users": {**counts["users"], "links": dict(sorted(counts.get("users_by_link", {}).items()))},
            "journeys": journeys,
            "messages": dict(sorted(messages.items())),
            "planted_lift": {
                "journey_id": "vip-upsell", "goal_id": "vip-vip", "control_share": _journey("vip-upsell").control_share,
                "target_rate": lift["target"], "control_rate": lift["control"],
                "lift_abs": round(lift["target"] - lift["control"], 9),
                "lift_rel": round(lift["target"] / lift["control"] - 1, 9),
                **counts["planted_lift"],
            },
        }  # fmt: skip


def _journey(journey_id: str) -> company.Journey:
    return next(journey for journey in company.JOURNEYS if journey.id == journey_id)


def _envelope(batch: str, received: str, loaded: str) -> dict[str, str]:
    return {
        "source_system": "'custom'", "source_account": "'default'", "batch_id": batch, "received_at": received,
        "loaded_at": loaded, "schema_version": "'1.0'",
    }  # fmt: skip


def _text(path: Path) -> str:
    """Return a path as the inside of an SQL text literal."""
    return str(path).replace("'", "''")


def _json_type(values: list[Any]) -> str:
    if not values or isinstance(values[0], str):
        return "VARCHAR"
    if isinstance(values[0], bool):
        return "BOOLEAN"
    return "BIGINT" if all(isinstance(value, int) for value in values) else "DOUBLE"
