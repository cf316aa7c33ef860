"""The figures of the warehouse that a peer must reproduce, and the comparison with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class FigureTable:
    """Figures of one grain: where the warehouse has them and what they are called."""

    name: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    relation: str


ALL_TIME = "period_id = 'all_time'"
EVENT_BASIS = f"{ALL_TIME} and date_basis = 'event'"
FIGURE_TABLES = (
    FigureTable(
        "journeys",
        ("journey_id",),
        ("total_entries", "unique_entry_users"),
        f"marts.mart_journey_overview where journey_version_id = 'ALL' and {ALL_TIME}",
    ),
    FigureTable(
        "nodes",
        ("journey_id", "node_id"),
        ("entry_count", "entry_users"),
        "marts.mart_step_stats where journey_version_id = 'ALL' and platform = 'ALL'",
    ),
    FigureTable(
        "channels",
        ("channel",),
        (
            "messages_attempted",
            "messages_accepted",
            "messages_failed",
            "messages_delivered",
            "opens_total",
            "users_opened",
            "clicks_total",
        ),
        "marts.mart_channel_stats where journey_id = 'ALL' and journey_version_id = 'ALL' "
        f"and channel <> 'ALL' and platform = 'ALL' and {EVENT_BASIS}",
    ),
    FigureTable(
        "goals",
        ("journey_id", "goal_id"),
        ("converted_users",),
        f"marts.mart_goal_stats where journey_version_id = 'ALL' and {EVENT_BASIS}",
    ),
)


def warehouse_figures(warehouse: Path) -> dict[str, list[dict]]:
    """The figures of the built warehouse, in the form in which a peer writes its own."""
    result = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table in FIGURE_TABLES:
            columns = (*table.keys, *table.measures)
            rows = connection.execute(f"select {', '.join(columns)} from {table.relation}").fetchall()
            result[table.name] = [dict(zip(columns, row, strict=True)) for row in rows]
    return result


def differences(warehouse: dict[str, list[dict]], peer: dict[str, list[dict]]) -> list[str]:
    """One line per figure that differs; a row that one side lacks counts as zeros."""
    lines = []
    for table in FIGURE_TABLES:
        ours = _by_key(table, warehouse.get(table.name, []))
        theirs = _by_key(table, peer.get(table.name, []))
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            for measure in table.measures:
                expected = ours.get(key, {}).get(measure, 0)
                found = theirs.get(key, {}).get(measure, 0)
                if expected != found:
                    place = ", ".join(str(part) for part in key)
                    lines.append(f"{table.name} [{place}] {measure}: warehouse {expected}, peer {found}")
    return lines


def count_figures(figures: dict[str, list[dict]]) -> int:
    """Number of figures compared."""
    return sum(len(figures[table.name]) * len(table.measures) for table in FIGURE_TABLES)


def _by_key(table: FigureTable, rows: list[dict]) -> dict[tuple, dict]:
    keyed = {tuple(row[name] for name in table.keys): row for row in rows}
    if len(keyed) != len(rows):
        raise ValueError(f"The figures of {table.name} repeat a key ({', '.join(table.keys)}).")
    return keyed
