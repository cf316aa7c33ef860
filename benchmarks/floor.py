"""The floor: read the Parquet files, keep one row per event id, write three event tables, nothing else.

python -m benchmarks.floor LANDING OUT.duckdb [MEMORY_LIMIT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

EVENT_TABLES = ("journey_events", "message_events", "user_events")


def write_floor(landing: Path, out: Path, memory_limit: str | None) -> None:
    """Load the event files into a new DuckDB file with one row per account and event id."""
    with duckdb.connect(str(out)) as connection:
        connection.execute("set preserve_insertion_order = false")
        if memory_limit:
            connection.execute(f"set memory_limit = '{memory_limit}'")
        for table in EVENT_TABLES:
            files = str(landing / table / "**" / "*.parquet").replace("'", "''")
            connection.execute(
                f"create table {table} as select distinct on (source_system, source_account, event_id) * "
                f"from read_parquet('{files}', hive_partitioning = false)"
            )


if __name__ == "__main__":
    write_floor(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
