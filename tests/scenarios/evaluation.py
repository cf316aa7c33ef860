"""Evaluate scenarios: land their rows as accounts, build the warehouse, read the marts."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build import run_dbt
from orchestration.mirror import make_mirror
from scenarios import aggregates
from scenarios.comparison import Comparison, matches, value_of
from scenarios.scenario_files import Evaluation, Scenario

SOURCE_SYSTEM = "custom"
BUILD_ROWS = 400_000
BUILD_ACCOUNTS = 2_000

_LIFETIME = "select * from marts.mart_journey_overview where period_id = 'all_time'"
_ALL_TIME = "period_id = 'all_time' and date_basis = 'event'"
_GOALS = f"select * from marts.mart_goal_stats where {_ALL_TIME}"
_MESSAGES = (
    "select * from marts.mart_channel_stats"
    f" where {_ALL_TIME} and journey_id = 'ALL' and journey_version_id = 'ALL'"
)
_PERIOD = """
    select
        account_key, cast(period_from as varchar) as "from", cast(period_to as varchar) as "to",
        '{basis}' as basis, total_entries as entries, unique_entry_users as entry_users,
        {users} as converted_users, {rate} as conversion_rate
    from marts.mart_journey_overview
    where journey_version_id = 'ALL' and period_id like '%..%'
"""
# Block -> the rows that carry it and the columns that name its groups.
SOURCES = {
    "overview": ("select * from marts.mart_workspace", ()),
    "workspace": ("select * from marts.mart_workspace", ()),
    "journeys": (f"{_LIFETIME} and journey_version_id = 'ALL'", ("journey_id",)),
    "versions": (f"{_LIFETIME} and journey_version_id <> 'ALL'", ("journey_version_id",)),
    "goals": (f"{_GOALS} and journey_version_id = 'ALL'", ("goal_id",)),
    "nodes": (
        "select * from marts.mart_step_stats where journey_version_id = 'ALL' and platform = 'ALL'",
        ("node_id",),
    ),
    "edges": (
        "select *, from_node_id || '>' || to_node_id as edge from marts.mart_journey_edges"
        " where journey_version_id = 'ALL'",
        ("edge",),
    ),
    "channels": (f"{_MESSAGES} and channel <> 'ALL' and platform = 'ALL'", ("channel",)),
    "platforms": (f"{_MESSAGES} and channel = 'ALL' and platform <> 'ALL'", ("platform",)),
    "variants": (
        "select * from marts.mart_campaign_variant_stats where campaign_id = 'ALL'",
        ("variant_id",),
    ),
    "campaigns": ("select * from marts.mart_campaign_stats", ("campaign_id",)),
    "attribution": (
        "select account_key, attribution_model, node_id, sum(credit) as credit from marts.mart_attribution"
        " where is_headline_goal group by account_key, attribution_model, node_id",
        ("attribution_model", "node_id"),
    ),
    "daily": (
        "select * from marts.mart_journey_daily where journey_id = 'ALL' and journey_version_id = 'ALL'",
        ("date_day",),
    ),
    "send_cohort": (
        "select * from marts.mart_send_cohort where journey_id = 'ALL' and channel = 'ALL'",
        ("date_day",),
    ),
    "periods": (
        _PERIOD.format(basis="event", users="converted_users", rate="user_conversion_rate")
        + "union all"
        + _PERIOD.format(basis="cohort", users="cohort_converted_users", rate="cohort_conversion_rate"),
        ("from", "to", "basis"),
    ),
    "user_list": (
        "select account_key, journey_entry_id as e, pw_status as status, pw_last_step as last_step"
        " from marts.mart_user_journeys",
        ("e",),
    ),
    "dq": ("select * from quality.quality_summary", ()),
}

Groups = dict[tuple[str, ...], list[dict]]


@dataclass
class Results:
    """Values by (account, block) and group; `error` is why there are none."""

    groups: dict[tuple[str, str], Groups] = field(default_factory=dict)
    error: str | None = None


def evaluate(scenarios: list[Scenario], folder: Path) -> Results:
    """Evaluate every scenario without problems in its input, in as few builds as fit."""
    results = Results()
    sound = [scenario for scenario in scenarios if _is_sound(scenario)]
    evaluations = [evaluation for scenario in sound for evaluation in scenario.evaluations]
    for number, evaluation in enumerate(evaluations, start=1):
        evaluation.account = f"s{number:04d}"
    try:
        for number, batch in enumerate(_batches([s for s in sound if s.aggregate is None]), start=1):
            _build(batch, folder / f"build_{number}", results)
        aggregated = [scenario for scenario in sound if scenario.aggregate is not None]
        results.groups.update(aggregates.evaluate(aggregated, folder / "aggregates"))
    except (RuntimeError, duckdb.Error) as error:
        results.error = str(error)
    return results


def compare(scenario: Scenario, results: Results) -> list[Comparison]:
    """Every comparison of one scenario; a problem counts as a failed one."""

    def comparison(variant: str, path: str, expected: Any, got: Any, ok: bool) -> Comparison:
        return Comparison(scenario.file, scenario.id, variant, path, expected, got, ok)

    compared = [
        comparison(variant, problem.path, "a known name", problem.message, False)
        for variant, problem in scenario.problems
    ]
    if results.error is not None:
        return [*compared, comparison("", "(build)", "a successful build", results.error, False)]
    for evaluation in scenario.evaluations if _is_sound(scenario) else []:
        for assertion in evaluation.assertions:
            got = value_of(assertion, results.groups.get((evaluation.account, assertion.block), {}))
            ok = matches(assertion.expected, got)
            compared.append(comparison(evaluation.variant, assertion.path, assertion.expected, got, ok))
    return compared


def _is_sound(scenario: Scenario) -> bool:
    """Whether the input can be evaluated: names unknown in expected blocks only do not prevent it."""
    return not any(
        problem.path.startswith(("input", "config", "meta", "aggregate_input", "(file)"))
        for _, problem in scenario.problems
    )


def _batches(scenarios: list[Scenario]) -> list[list[Scenario]]:
    """Split the scenarios so that no build grows beyond its limits of rows and accounts."""
    batches: list[list[Scenario]] = []
    rows = accounts = 0
    for scenario in scenarios:
        more_rows = scenario.row_count * len(scenario.evaluations)
        more_accounts = len(scenario.evaluations)
        if not batches or rows + more_rows > BUILD_ROWS or accounts + more_accounts > BUILD_ACCOUNTS:
            batches.append([])
            rows = accounts = 0
        batches[-1].append(scenario)
        rows += more_rows
        accounts += more_accounts
    return batches


def _build(scenarios: list[Scenario], folder: Path, results: Results) -> None:
    """Land the rows of the scenarios, build the models, and add what the marts say to the results."""
    landing, warehouse = folder / "landing", folder / "warehouse.duckdb"
    write_landing(scenarios, landing)
    evaluations = [evaluation for scenario in scenarios for evaluation in scenario.evaluations]
    variables = {
        "account_settings": {account_key(evaluation): evaluation.config for evaluation in evaluations},
        "custom_periods": custom_periods(evaluations),
    }
    run_dbt(
        ["build", "--resource-type", "model", "--resource-type", "seed"],
        landing=landing,
        warehouse=warehouse,
        variables=variables,
        target_path=folder / "target",
        log_path=folder / "logs",
    ).raise_for_error()
    if os.environ.get("DBT_TARGET") == "spark":
        make_mirror(landing, warehouse, variables, folder / "target")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        results.groups.update(read_marts(connection))


def account_key(evaluation: Evaluation) -> str:
    """Account of an evaluation as the models name it."""
    return f"{SOURCE_SYSTEM}/{evaluation.account}"


def custom_periods(evaluations: list[Evaluation]) -> list[dict[str, str]]:
    """The periods asserted by each evaluation, as the dbt variable of that name."""
    asserted = {
        (account_key(evaluation), *assertion.group[:2]): None
        for evaluation in evaluations
        for assertion in evaluation.assertions
        if assertion.block == "periods"
    }
    return [{"account_key": account, "from": start, "to": end} for account, start, end in asserted]


def write_landing(scenarios: list[Scenario], landing: Path) -> None:
    """Write the input of the scenarios, once for each evaluation, as landing files."""
    (landing / "journey_events").mkdir(parents=True)
    lines: dict[str, list[str]] = {}
    for scenario in scenarios:
        accounts = [evaluation.account for evaluation in scenario.evaluations]
        if scenario.folder is not None:
            scenario.folder.write(accounts, landing, accounts[0])
        for table, rows in scenario.rows.items():
            texts = [json.dumps(row, ensure_ascii=False) for row in rows]
            for account in accounts:
                start = f'{{"source_system": "{SOURCE_SYSTEM}", "source_account": "{account}", '
                lines.setdefault(table, []).extend(start + text[1:] for text in texts)
    for table, table_lines in lines.items():
        (landing / table).mkdir(exist_ok=True)
        (landing / table / "scenarios.jsonl").write_text("\n".join(table_lines) + "\n", encoding="utf-8")
    if not any((landing / "journey_events").iterdir()):
        header = "event_type,journey_id,user_id,occurred_at\n"
        (landing / "journey_events" / "none.csv").write_text(header, encoding="utf-8")


def read_marts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Groups]:
    """The rows of every block by (account, block) and group."""
    groups: dict[tuple[str, str], Groups] = defaultdict(lambda: defaultdict(list))

    def rows(sql: str) -> list[dict]:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [
            {name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()
        ]

    for block, (sql, group) in SOURCES.items():
        for row in rows(sql):
            account = row["account_key"].removeprefix(f"{SOURCE_SYSTEM}/")
            groups[account, block][tuple(str(row[name]) for name in group)].append(row)

    for (_, block), block_groups in groups.items():
        if block == "goals":
            for goal in (row for found in block_groups.values() for row in found):
                goal |= {
                    "revenue_first": {},
                    "revenue_all": {},
                    "first_conversion_event_ids": [],
                    "converted_entry_ids": [],
                }
        elif block == "workspace":
            for workspace in block_groups[()]:
                workspace["revenue_deduplicated"] = {}

    def owners(row: dict, block: str, group: tuple[str, ...]) -> list[dict]:
        account = row["account_key"].removeprefix(f"{SOURCE_SYSTEM}/")
        found = groups[account, block][group]
        if not found:
            found.append({})
        return [owner for owner in found if owner.get("journey_id", row["journey_id"]) == row["journey_id"]]

    for row in rows("select * from marts.mart_goal_revenue where journey_id <> 'ALL' and goal_id <> 'ALL'"):
        for goal in owners(row, "goals", (row["goal_id"],)):
            for measure in ("revenue_first", "revenue_all"):
                if row[measure] is not None:
                    goal.setdefault(measure, {})[row["currency"]] = row[measure]
    for row in rows("select * from marts.mart_goal_revenue where journey_id = 'ALL' and goal_id = 'ALL'"):
        for workspace in owners(row, "workspace", ()):
            workspace.setdefault("revenue_deduplicated", {})[row["currency"]] = row["revenue_all"]
    conversions = rows(
        "select account_key, journey_id, goal_id,"
        " list(event_id) filter (where is_first_conversion) as first_conversion_event_ids,"
        " list(distinct journey_entry_id) as converted_entry_ids"
        " from marts.fct_conversions where not is_control group by account_key, journey_id, goal_id"
    )
    for row in conversions:
        for goal in owners(row, "goals", (row["goal_id"],)):
            goal["first_conversion_event_ids"] = row["first_conversion_event_ids"] or []
            goal["converted_entry_ids"] = row["converted_entry_ids"]
    for row in rows(f"{_GOALS} and journey_version_id <> 'ALL'"):
        for version in owners(row, "versions", (row["journey_version_id"],)):
            version[f"converted_users_{row['goal_id']}"] = row["converted_users"]
            version[f"nm_conversion_rate_{row['goal_id']}"] = row["nm_conversion_rate"]
    return groups


def _plain(value: Any) -> Any:
    """A value of the warehouse in the types the scenario files use."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
