"""Runs the chunks, writes what belongs to no chunk, and puts the truth together."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator import company, contract
from simulator.chunks import Progress, write_chunk
from simulator.engine import FORMATS, Counts, Engine, Parameters, envelope_of, merge_counts, sql_text

WORKERS = 2  # processes; each needs about 1 GB
UNUSABLE_SHARE = 0.0002


def write_demo(root: Path, parameters: Parameters, progress: Progress) -> dict[str, Any]:
    """Write landing files and truth below `root` and return the truth; `progress` hears of each stage."""
    with closing(Engine(root, parameters, threads=2)) as engine:
        _write_reference_tables(engine)
        progress("reference tables")
        if parameters.chunks == 1:
            write_chunk(engine, 0, progress)
        else:
            _write_chunks(engine, progress)
        _write_unusable_rows(engine)
        _write_load_batches(engine)
        truth = _truth(engine)
        text = json.dumps(truth, indent=2, ensure_ascii=False)
        (engine.truth / "truth.json").write_text(text + "\n", encoding="utf-8")
        progress("load batches")
        return truth


def stages(parameters: Parameters) -> int:
    """Return how often `write_demo` reports progress."""
    return 2 + (4 if parameters.chunks == 1 else parameters.chunks)


def _write_chunks(engine: Engine, progress: Progress) -> None:
    """Write all chunks in processes: writing many partitions at once does not scale inside one database."""
    pool = ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))
    try:
        chunks = [
            pool.submit(_write_chunk_alone, engine.root, engine.parameters, chunk)
            for chunk in range(engine.parameters.chunks)
        ]
        for done, chunk in enumerate(as_completed(chunks), start=1):
            merge_counts(engine.counts, chunk.result())
            progress(f"chunk {done} of {len(chunks)}")
    finally:
        pool.shutdown(cancel_futures=True)


def _write_chunk_alone(root: Path, parameters: Parameters, chunk: int) -> Counts:
    with closing(Engine(root, parameters, threads=1)) as engine:
        write_chunk(engine, chunk, lambda stage: None)
        return engine.counts


def _write_reference_tables(engine: Engine) -> None:
    created = "moment(period_start() - days(30))"
    engine.write_file(
        "journeys",
        "journeys",
        {
            "journey_id": "journey_id",
            "journey_name": "journey_name",
            "journey_type": "journey_type",
            "category": "category",
            "status": "if(stop_us is null, 'active', 'stopped')",
            "reentry_policy": "reentry_policy",
            "reentry_cooldown_seconds": "if(reentry_policy = 'after_cooldown', 2592000, null)",
            "created_at": created,
            "launched_at": "moment(period_start())",
            "stopped_at": "moment(stop_us)",
            "timezone": "'Europe/Berlin'",
            "tags": """'["demo"]'""",
            "updated_at": "moment(period_start())",
        },
    )
    engine.write_file(
        "journey_versions",
        "versions",
        {
            "journey_id": "journey_id",
            "journey_version_id": "version_id",
            "version_number": "number",
            "version_name": "'Version ' || number",
            "published_at": "moment(greatest(from_us, period_start()))",
            "retired_at": "if(next_version_id is not null, moment(to_us), null)",
            "migrates_active_entries": "number > 1",
        },
    )
    _write_same_names(engine, "nodes", "nodes")
    _write_same_names(engine, "node_edges", "node_edges")
    _write_same_names(engine, "goals", "goals", valid_from=created)
    _write_same_names(
        engine,
        "campaigns",
        "campaigns",
        subject_or_title="campaign_name",
        created_at=created,
        conversion_event_name="'purchase'",
        campaign_conversion_seconds="86400",
    )
    _write_same_names(
        engine, "campaign_variants", "variants", variant_name="'Variant ' || variant_id", is_control="false"
    )
    engine.write_file(
        "costs",
        f"range({engine.parameters.period.days}) as calendar (day) "
        "cross join (values ('email', 12), ('sms', 35), ('push', 5)) as fees (channel, fee)",
        {
            "cost_date": "moment(period_start() + days(day))",
            "channel": "channel",
            "amount": "fee + (day % 7) * 0.25",
            "currency": "'EUR'",
        },
    )


def _write_same_names(engine: Engine, table: str, source: str, **more: str) -> None:
    """Write a reference table whose lookup already has the names of the contract."""
    described = engine.db.execute(f"describe {source}").fetchall()
    shared = {row[0] for row in described} & contract.columns(table).keys()
    engine.write_file(table, source, {**{name: name for name in shared}, **more})


def _write_unusable_rows(engine: Engine) -> None:
    """Write a few rows that no warehouse can use, as text beside the typed files."""
    period = engine.parameters.period
    day = (period.start + timedelta(days=period.days // 2)).isoformat()
    for table in contract.EVENT_TABLES:
        count = max(4, round(engine.counts["raw_rows"][table] * UNUSABLE_SHARE))
        values = {
            **envelope_of(f"'{table}-{day}-unusable'", f"'{day}T12:00:00Z'", f"'{day}T23:00:00Z'"),
            "event_id": "'bad-' || n",
            "user_id": "if(n % 2 = 0, 'u' || n, null)",
            "occurred_at": f"if(n % 2 = 0, 'yesterday at noon', '{day}T10:00:00Z')",
            "event_type": {"journey_events": "'node_entered'", "message_events": "'sent'"}.get(table, "null"),
            "journey_id": "'welcome'",
            "channel": "'email'",
            "event_name": "'app_open'",
        }
        select = ", ".join(f"{values.get(name, 'null')} as {name}" for name in contract.columns(table))
        file = engine.landing / table / f"load_date={day}" / "part-unusable.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        engine.db.execute(
            f"copy (select {select} from range({count}) as numbers (n)) "
            f"to {sql_text(file)} (format csv, header)"
        )
        rejected = {"invalid_occurred_at": count - count // 2, "missing_user_id": count // 2}
        merge_counts(engine.counts, {"raw_rows": {table: count}, "rejected": {table: rejected}})


def _write_load_batches(engine: Engine) -> None:
    """Describe every batch written so far, read back from the files."""
    described = []
    for table in contract.tables():
        happened = "occurred_at" if "occurred_at" in contract.columns(table) else "null"
        bounds = ", ".join(
            f"{which}(try_cast({happened} as timestamp)) as {which}_at" for which in ("min", "max")
        )
        for suffix in FORMATS:
            if any((engine.landing / table).glob(f"*/*.{suffix}")):
                described.append(
                    f"select '{table}' as object_name, batch_id as batch, min(filename) as file, "
                    f"count(*) as row_count, {bounds} from {_files(engine, table, suffix)} group by batch_id"
                )
    day = "cast(regexp_extract(file, 'load_date=([0-9-]+)', 1) as timestamp)"
    engine.write_file(
        "load_batches",
        f"({' union all '.join(described)}) as batches",
        {
            "batch_id": "batch",
            "object_name": "object_name",
            "file_name": f"substr(file, {len(str(engine.landing)) + 2})",
            "row_count": "row_count",
            "min_occurred_at": "min_at",
            "max_occurred_at": "max_at",
            "started_at": f"{day} + interval '24 hours'",
            "finished_at": f"{day} + interval '24 hours 30 minutes'",
            "loader_version": "'1.0'",
        },
    )


def _files(engine: Engine, table: str, suffix: str) -> str:
    """Return a FROM item over all files of a table with an ending."""
    files = sql_text(engine.landing / table / "*" / f"*.{suffix}")
    columns = dict.fromkeys(contract.columns(table), "varchar")
    if suffix == "csv":
        return f"read_csv({files}, filename = true, header = true, auto_detect = false, columns = {columns})"
    if suffix == "jsonl":
        return f"read_json({files}, filename = true, format = 'newline_delimited', columns = {columns})"
    return f"read_parquet({files}, filename = true)"


def _truth(engine: Engine) -> dict[str, Any]:
    """Return what was planted and counted, in the order a reader asks for it."""
    parameters, counts = engine.parameters, engine.counts
    period = parameters.period
    return {
        "parameters": {
            "users": parameters.users,
            "days": period.days,
            "seed": parameters.seed,
            "start": parameters.first_day,
            "format": parameters.format,
            "period_end": (period.start + timedelta(days=period.days)).isoformat(),
            "last_load_date": parameters.last_load_date.isoformat(),
        },
        "raw_events": sum(counts["raw_rows"][table] for table in contract.EVENT_TABLES),
        "tables": {
            table: {"raw_rows": rows, **counts.get(table, {}), **_rejected(counts, table)}
            for table, rows in sorted(counts["raw_rows"].items())
            if table != "users"
        },
        "users": counts["users"] | {"links": counts.get("identities", {}).get("links", {})},
        "journeys": {journey.id: _journey_truth(counts, journey) for journey in company.JOURNEYS},
        "messages": {
            channel: _message_truth(by_status, counts["message_events_by_type"].get(channel, {}))
            for channel, by_status in sorted(counts.get("messages", {}).items())
        },
        "planted_lift": _planted_lift(counts),
    }


def _rejected(counts: Counts, table: str) -> Counts:
    reasons = counts["rejected"].get(table)
    return {"rejected_rows": sum(reasons.values()), "rejected": reasons} if reasons else {}


def _journey_truth(counts: Counts, journey: company.Journey) -> dict[str, Any]:
    names = ("entries", "entry_users", "control_entries", "control_users")
    entries = counts.get("entries", {}).get(journey.id, {})
    return {
        **{name: entries.get(name, 0) for name in names},
        "exits": dict(sorted(counts.get("exits", {}).get(journey.id, {}).items())),
        "planted_conversions": [
            {"arm": rule.arm, "event_name": rule.event, "probability": rule.probability}
            for rule in journey.conversions
        ],
    }


def _message_truth(by_status: Counts, by_type: Counts) -> dict[str, Any]:
    accepted, failed, skipped = (by_status.get(status, 0) for status in ("accepted", "failed", "skipped"))
    return {
        "attempted": accepted + failed,
        "accepted": accepted,
        "failed": failed,
        "skipped": skipped,
        "events": dict(sorted(by_type.items())),
    }


def _planted_lift(counts: Counts) -> dict[str, Any]:
    journey = next(journey for journey in company.JOURNEYS if journey.id == company.CONTROL_JOURNEY)
    rates = {rule.arm: rule.probability for rule in journey.conversions}
    return {
        "journey_id": journey.id,
        "goal_id": f"{journey.code}-{journey.goals[0].id}",
        "control_share": journey.control_share,
        "target_rate": rates["target"],
        "control_rate": rates["control"],
        "lift_abs": round(rates["target"] - rates["control"], 9),
        "lift_rel": round(rates["target"] / rates["control"] - 1, 9),
        **counts["planted_lift"],
    }
