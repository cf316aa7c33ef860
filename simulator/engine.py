"""The embedded database behind a run: lookup tables, random draws, and writing of landing files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from simulator import contract
from simulator.plans import CLOCK_SLOTS, DAY_US, SECOND, Period, build_lookups

LATE_DAYS = 5

# Shares of 65536: 2 % late, 0.5 % redelivered unchanged, 0.05 % redelivered corrected.
LATE, DUPLICATE, CONFLICT = 1311, 328, 33

ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
FORMATS = {
    "parquet": "format parquet, compression zstd, row_group_size 16384",  # small groups bound the memory
    "csv": f"format csv, header, timestampformat '{ISO}'",
    # JSON objects written as the only column of a CSV file, because JSON cannot be written by partition.
    "jsonl": "format csv, header false, quote '', escape '', delimiter '\t', file_extension 'jsonl'",
}

Counts = dict[str, Any]


@dataclass(frozen=True)
class Parameters:
    """What a run is made of; the same parameters give the same rows."""

    users: int
    period: Period
    seed: int
    format: str = "parquet"
    chunk_users: int = 50_000  # decides how much memory a chunk needs, never what is in it

    @property
    def first_day(self) -> str:
        """Load date of the reference tables."""
        return self.period.start.isoformat()

    @property
    def last_load_date(self) -> date:
        """Load date of the last late rows."""
        return self.period.start + timedelta(days=self.period.days - 1 + LATE_DAYS)

    @property
    def chunks(self) -> int:
        """Number of chunks of users."""
        return -(-self.users // self.chunk_users)

    def users_of(self, chunk: int) -> dict[str, int]:
        """Return the half-open range of user numbers of a chunk."""
        low = chunk * self.chunk_users
        return {"low": low, "high": min(low + self.chunk_users, self.users)}


class Engine:
    """An in-memory database with the lookup tables; writes landing files below `root` and counts their rows.

    Every random number is a hash of the seed and of the thing it belongs to, so rows depend only on the
    parameters, never on chunk size, number of processes or order of execution.
    """

    def __init__(self, root: Path, parameters: Parameters, threads: int) -> None:
        """Open the database and load the lookup tables."""
        self.root, self.parameters = root, parameters
        self.landing, self.truth = root / "landing", root / "truth"
        self.counts: Counts = {}
        self.db = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": "1500MB",
                "temp_directory": str(root / f"spill-{id(self)}"),
                "preserve_insertion_order": False,
            }
        )
        self.db.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        self.db.execute("set partitioned_write_flush_threshold = 131072")
        self._create_macros()
        self._load_lookups()

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def _create_macros(self) -> None:
        period = self.parameters.period
        self.db.execute(f"""
            create macro child(r, salt) as hash(xor(r, cast(salt as ubigint)));
            create macro draw(r, salt) as cast(child(r, salt) >> 11 as double) * 1.1102230246251565e-16;
            create macro slot_of(r, salt) as cast(child(r, salt) >> 52 as integer);
            create macro clock_slot(r, salt, low, high) as
                least({CLOCK_SLOTS} * (low + (high - low) * draw(r, salt)), {CLOCK_SLOTS - 1})::integer;
            -- Exponential, at most 4: one such factor stretches all delays of an entry or message alike.
            create macro tail(r, salt) as least(-ln(greatest(draw(r, salt), 1e-9)), 4.0);
            create macro after(us, min_us, scale_us, factor) as
                us + cast(min_us + scale_us * factor as bigint);
            create macro moment(us) as make_timestamp(us);
            create macro seconds(n) as cast({SECOND}::bigint * n as bigint);
            create macro days(n) as cast({DAY_US} * n as bigint);
            create macro period_start() as {period.start_us};
            create macro period_end() as {period.end_us};
            create macro numbered(prefix, u) as prefix || (10000000 + u);
            -- A local hour of the rhythm moved to UTC, kept inside the period.
            create macro to_utc(us, offset_us) as
                us - offset_us
                + case
                    when us - offset_us < period_start() + seconds(60) then days(1)
                    when us - offset_us >= period_end() then -days(1)
                    else 0
                end;
            create macro is_late(e) as (e & 65535) < {LATE};
            create macro is_duplicate(e) as ((e >> 16) & 65535) < {DUPLICATE};
            create macro is_conflict(e) as
                ((e >> 16) & 65535) between {DUPLICATE} and {DUPLICATE + CONFLICT - 1};
            -- Mostly within seconds, sometimes hours; late rows take 1 to 4.9 days; copies come a day later.
            create macro received(at_us, e, copy) as least(
                at_us
                + case
                    when is_late(e) then days(1 + 3.9 * cast((e >> 48) & 65535 as double) / 65536)
                    else seconds(0.2 + 7200 * power(cast((e >> 32) & 65535 as double) / 65536, 12))
                end
                + copy * (days(1) + cast((e >> 40) & 65535 as bigint) * {SECOND}),
                period_end() + days({LATE_DAYS}) - {SECOND}
            );
            create table copies as select unnest([0, 1]) as copy;
            create table world as select hash(hash({self.parameters.seed}::bigint)) as seed;
        """)

    def _load_lookups(self) -> None:
        lookups = build_lookups(self.parameters.period)
        for table, rows in lookups.rows.items():
            kinds = {name: _json_type([row[name] for row in rows]) for name in rows[0]}
            self.db.execute(
                f"create table {table} as select unnest(from_json($rows, $kinds), recursive := true)",
                {"rows": json.dumps(rows), "kinds": json.dumps([kinds])},
            )
        for name in ("market", "mobile", "browser", "tablet"):
            self.db.execute(f"create macro {name}_dist() as {lookups.dists[name]}")
        clock = lookups.dists["clock"]
        self.db.execute(f"""
            create table slots as
            select dist, cast(unnest(range(low, high)) as integer) as slot, item
            from dist_items where dist <> {clock};

            create table clock as
            select cast(unnest(range(low, high)) as integer) as slot, seconds(3600 * item) as cell_us
            from dist_items where dist = {clock};
        """)

    def write_file(self, table: str, source: str, expressions: dict[str, str], part: int = 0) -> None:
        """Write one landing file of a table into the folder of the first load date."""
        day = self.parameters.first_day
        folder = self.landing / table / f"load_date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"part-{part:05d}.{self.parameters.format}"
        envelope = envelope_of(f"'{table}-{day}-{part:05d}'", "moment(period_start())", f"timestamp '{day}'")
        select = contract.select_list(table, {**envelope, **expressions})
        self._copy(table, f"select {select} from {source}", "", file, "")

    def write_partitions(self, table: str, source: str, expressions: dict[str, str], part: int) -> None:
        """Write landing files of a table by load date; the source has `received_us`."""
        envelope = envelope_of(
            f"'{table}-' || load_date || '-{part:05d}'",
            "moment(received_us)",
            "load_date + interval '24 hours 30 minutes'",  # the nightly load
        )
        select = contract.select_list(table, {**envelope, **expressions})
        dated = f"select *, cast(moment(received_us) as date) as load_date from ({source}) as undated"
        self._copy(
            table,
            f"with dated as ({dated}) select {select}, load_date from dated",
            ", load_date",
            self.landing / table,
            f", partition_by (load_date), filename_pattern 'part-{part:05d}-{{i}}', overwrite_or_ignore",
        )

    def _copy(self, table: str, query: str, partition: str, target: Path, options: str) -> None:
        form = FORMATS[self.parameters.format]
        if self.parameters.format == "jsonl":
            fields = ", ".join(
                f"'{name}': " + (f"strftime({name}, '{ISO}')" if kind == "timestamp" else name)
                for name, kind in contract.columns(table).items()
            )
            query = f"select to_json({{{fields}}}) as line{partition} from ({query}) as typed"
        written = self.db.execute(f"copy ({query}) to {sql_text(target)} ({form}{options})").fetchone()[0]
        merge_counts(self.counts, {"raw_rows": {table: written}})

    def write_truth(self, name: str, query: str, part: int) -> None:
        """Write one Parquet file of a truth table."""
        folder = self.truth / name
        folder.mkdir(parents=True, exist_ok=True)
        file = sql_text(folder / f"part-{part:05d}.parquet")
        self.db.execute(f"copy ({query}) to {file} (format parquet, compression zstd)")

    def count_row(self, name: str, query: str) -> None:
        """Add the single row of a query, by column name, to the counts of `name`."""
        result = self.db.execute(query)
        names = [column[0] for column in result.description]
        merge_counts(self.counts, {name: dict(zip(names, result.fetchone(), strict=True))})

    def count_groups(self, name: str, query: str) -> None:
        """Add the rows of a query (two keys, then the number) to the nested counts of `name`."""
        for group, key, value in self.db.execute(query).fetchall():
            merge_counts(self.counts, {name: {group: {key: value}}})


def merge_counts(total: Counts, more: Counts) -> None:
    """Add nested counts into others, key by key."""
    for key, value in more.items():
        if isinstance(value, dict):
            merge_counts(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value


def envelope_of(batch: str, received: str, loaded: str) -> dict[str, str]:
    """Return the envelope expressions of a row."""
    return {
        "source_system": "'custom'",
        "source_account": "'default'",
        "batch_id": batch,
        "received_at": received,
        "loaded_at": loaded,
        "schema_version": "'1.0'",
    }


def sql_text(value: Path | str) -> str:
    """Return a value as an SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _json_type(values: list[Any]) -> str:
    known = [value for value in values if value is not None]
    if not known or isinstance(known[0], str):
        return "VARCHAR"
    if isinstance(known[0], bool):
        return "BOOLEAN"
    return "BIGINT" if all(isinstance(value, int) for value in known) else "DOUBLE"
