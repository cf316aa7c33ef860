"""Evaluate scenarios of already aggregated numbers with the statistics macros of the project."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.build import run_dbt
from scenarios.scenario_files import Scenario
from scenarios.vocabulary import AGGREGATE_INPUTS

SEPARATOR = "-- next statistic"
CALLS = {
    "stats": "{{ two_proportion_test('stats', ['account']) }}",
    "srm": "{{ sample_ratio_mismatch('srm', ['account']) }}",
    "export": "{{ average_click_rate('export', ['account']) }}",
}


def compiled_macros(folder: Path, calls: dict[str, str]) -> dict[str, str]:
    """SQL of macro calls, compiled by dbt in one go."""
    compiled: list[str] = []

    def keep(event: dict) -> None:
        if event["info"]["name"] == "CompiledNode":
            compiled.append(event["data"]["compiled"])

    landing = folder / "landing"
    landing.mkdir(parents=True)
    run_dbt(
        ["compile", "--target", "duckdb", "--inline", f"\n{SEPARATOR}\n".join(calls.values())],
        landing=landing,
        warehouse=folder / "warehouse.duckdb",
        target_path=folder / "target",
        log_path=folder / "logs",
        on_event=keep,
    ).raise_for_error()
    return dict(zip(calls, compiled[0].split(SEPARATOR), strict=True))


def evaluate(
    scenarios: list[Scenario], folder: Path
) -> dict[tuple[str, str], dict[tuple[str, ...], list[dict]]]:
    """The statistics of every aggregated input by (account, block) and group."""
    groups: dict[tuple[str, str], dict[tuple[str, ...], list[dict]]] = {}
    if not scenarios:
        return groups
    inputs = [
        (evaluation.account, scenario.aggregate)
        for scenario in scenarios
        for evaluation in scenario.evaluations
    ]
    with duckdb.connect() as connection:
        connection.execute(
            "create table stats (account varchar, target_users double, target_converted double,"
            " control_users double, control_converted double)"
        )
        connection.execute("create table srm (account varchar, arm_users double, planned_share double)")
        connection.execute(
            "create table export (account varchar, channel varchar, accepted double, clicked double)"
        )
        for account, aggregate in inputs:
            if aggregate.keys() >= AGGREGATE_INPUTS["stats"]:
                names = ("target_users", "target_converted", "control_users", "control_converted")
                connection.execute(
                    "insert into stats values (?, ?, ?, ?, ?)",
                    [account, *(aggregate[name] for name in names)],
                )
            arms, planned = aggregate.get("arms", {}), aggregate.get("planned", {})
            for arm in arms.keys() | planned.keys():
                connection.execute(
                    "insert into srm values (?, ?, ?)", [account, arms.get(arm, 0), planned.get(arm, 0)]
                )
            for channel, counts in aggregate.get("channels", {}).items():
                connection.execute(
                    "insert into export values (?, ?, ?, ?)",
                    [account, channel, counts.get("accepted"), counts.get("clicked")],
                )
        for block, sql in compiled_macros(folder, CALLS).items():
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description]
            for values in cursor.fetchall():
                row = dict(zip(names, values, strict=True))
                found = groups.setdefault((row["account"], block), {}).setdefault((), [])
                if block != "export":
                    found.append(row)
                    continue
                if not found:
                    found.append({key: row[key] for key in ("avg_ctr_unweighted", "avg_ctr_pooled")})
                found[0][f"{row['channel']}_ctr"] = row["ctr"]
    return groups
