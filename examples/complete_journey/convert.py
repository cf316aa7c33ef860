"""Turns the Complete Journey 2.0 files into landing files of the event contract."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb

INPUTS = {
    "campaign_descriptions": ("campaign_id", "campaign_type", "start_date", "end_date"),
    "campaigns": ("campaign_id", "household_id"),
    "coupon_redemptions": ("household_id", "coupon_upc", "campaign_id", "redemption_date"),
}

# Both days of a campaign count fully, so its window ends with the last second of the end day.
CAMPAIGN_TIMES = """
create temp view campaign_times as
select
    campaign_id,
    campaign_type,
    cast(start_date as timestamp) as starts_at,
    cast(end_date as timestamp) + interval 1 day - interval 1 second as ends_at,
    (select max(redemption_date) from coupon_redemptions) as last_day
from campaign_descriptions
"""

# One select per landing table: a campaign is a journey, a household is a user.
LANDING_TABLES = {
    "journeys": """
        select
            campaign_id as journey_id,
            'Campaign ' || campaign_id as journey_name,
            'audience_based' as journey_type,
            campaign_type as category,
            case when ends_at < last_day + interval 1 day then 'finished' else 'active' end as status,
            'once' as reentry_policy,
            starts_at as launched_at,
            ends_at as stopped_at
        from campaign_times
    """,
    "journey_versions": """
        select
            campaign_id as journey_id,
            '1' as journey_version_id,
            1 as version_number,
            starts_at as published_at
        from campaign_times
    """,
    "nodes": """
        select
            campaign_id as journey_id,
            '1' as journey_version_id,
            'mailing' as node_id,
            'Direct mail with coupons' as node_name,
            'message' as node_type,
            'other' as channel,
            campaign_id,
            true as is_terminal,
            1 as position
        from campaign_times
    """,
    "campaigns": """
        select
            campaign_id,
            'Campaign ' || campaign_id as campaign_name,
            'other' as channel,
            campaign_id as journey_id,
            'mailing' as node_id,
            starts_at as created_at
        from campaign_times
    """,
    "goals": """
        select
            campaign_id as journey_id,
            'redemption' as goal_id,
            'Coupon of the campaign redeemed' as goal_name,
            1 as goal_index,
            'coupon_redemption' as event_name,
            '[' || json_object('property', 'campaign_id', 'op', 'eq', 'value', campaign_id) || ']' as filters,
            date_diff('second', starts_at, ends_at) as window_seconds,
            'journey_entry' as window_anchor,
            false as ends_journey,
            true as is_primary
        from campaign_times
    """,
    "journey_events": """
        select
            event_type || '-' || campaign_id || '-' || household_id as event_id,
            event_type,
            campaign_id as journey_id,
            '1' as journey_version_id,
            campaign_id || '-' || household_id as journey_entry_id,
            household_id as user_id,
            'external' as user_id_type,
            case when event_type = 'node_entered' then 'mailing' end as node_id,
            starts_at as occurred_at,
            false as is_control,
            starts_at as received_at
        from campaigns
        inner join campaign_times using (campaign_id)
        cross join (values ('journey_entered'), ('node_entered')) as event_types (event_type)
    """,
    "message_events": """
        select
            'sent-' || campaign_id || '-' || household_id as event_id,
            'sent' as event_type,
            campaign_id || '-' || household_id as message_id,
            campaign_id as journey_id,
            '1' as journey_version_id,
            campaign_id || '-' || household_id as journey_entry_id,
            'mailing' as node_id,
            campaign_id,
            household_id as user_id,
            'external' as user_id_type,
            'other' as channel,
            starts_at as occurred_at,
            starts_at as received_at
        from campaigns
        inner join campaign_times using (campaign_id)
    """,
    "user_events": """
        select
            concat_ws('-', 'redemption', campaign_id, household_id, coupon_upc, redemption_date) as event_id,
            'coupon_redemption' as event_name,
            household_id as user_id,
            'external' as user_id_type,
            cast(redemption_date as timestamp) as occurred_at,
            cast(json_object('campaign_id', campaign_id, 'coupon_upc', coupon_upc) as varchar) as properties,
            cast(redemption_date as timestamp) as received_at
        from coupon_redemptions
    """,
}


class ConversionError(Exception):
    """The conversion cannot go on; the text is a sentence with the reason and the fix."""


def convert(data: Path, out: Path) -> dict[str, int]:
    """Write one Parquet file per landing table below `out`; return the row count of each table."""
    if out.exists() and any(out.iterdir()):
        raise ConversionError(f"{out} is not empty. Choose a new folder with --out, or empty it first.")
    with duckdb.connect() as connection:
        for name, columns in INPUTS.items():
            _load(connection, data, name, columns)
        connection.execute(CAMPAIGN_TIMES)
        rows = {}
        for table, select in LANDING_TABLES.items():
            folder = out / table
            folder.mkdir(parents=True)
            connection.sql(select).write_parquet(str(folder / f"{table}.parquet"), compression="zstd")
            rows[table] = connection.execute(f"select count(*) from ({select})").fetchone()[0]
    return rows


def _load(connection: duckdb.DuckDBPyConnection, data: Path, name: str, columns: tuple[str, ...]) -> None:
    """Read one input file, Parquet or CSV, into a table with ids as text and dates as dates."""
    parquet, csv = data / f"{name}.parquet", data / f"{name}.csv"
    if parquet.is_file():
        relation = connection.read_parquet(str(parquet))
    elif csv.is_file():
        relation = connection.read_csv(str(csv), header=True, all_varchar=True)
    else:
        raise ConversionError(
            f"Neither {csv.name} nor {parquet.name} is in {data}. "
            "examples/complete_journey/README.md says how to get the files."
        )
    missing = [column for column in columns if column not in relation.columns]
    if missing:
        raise ConversionError(
            f"{name} lacks the column {', '.join(missing)}; it has {', '.join(relation.columns)}."
        )
    casts = [
        f"cast({column} as {'date' if column.endswith('_date') else 'varchar'}) as {column}"
        for column in columns
    ]
    relation.project(", ".join(casts)).create(name)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.complete_journey", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the three Complete Journey files"
    )
    parser.add_argument("--out", type=Path, required=True, help="new landing folder to write")
    options = parser.parse_args(arguments)
    try:
        rows = convert(options.data, options.out)
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 2
    for table, count in rows.items():
        print(f"{table:<17} {count:>6,} rows")
    print(f"Build them:  LANDING={options.out} WAREHOUSE=warehouse/complete_journey.duckdb make run")
    return 0
