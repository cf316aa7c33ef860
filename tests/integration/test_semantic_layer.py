"""Every metric of the semantic layer equals its mart, in every account, and all of it is described."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT

needs_metricflow = pytest.mark.skipif(
    find_spec("dbt_metricflow") is None, reason="The package dbt-metricflow is not installed."
)

ACCOUNT = "custom/default"
TWIN = "custom/twin"
# Ids that make a copied row of a fact a message, event or person of its own.
CONTROL_ROWS = {
    "fct_messages": ("message_id", "user_key", "endpoint_id"),
    "fct_message_events": ("event_id", "message_id", "user_key", "endpoint_id"),
    "fct_node_visits": ("event_id", "user_key"),
}

JOURNEY_METRICS = """
    total_entries unique_entry_users control_entries control_users status_in_progress status_exited
    status_dropped_off total_exits_any nm_total_exits dropoffs_internal dropoffs_sending messages_attempted
    messages_accepted messages_failed messages_skipped messages_delivered converted_users
    conversion_events_total converted_entries goals_users_any goals_users_sum user_conversion_rate
    nm_conversion_rate pw_conversion_rate entry_conversion_rate
"""
MESSAGE_METRICS = """
    messages_attempted messages_failed messages_accepted messages_skipped messages_delivered
    messages_bounced_hard messages_bounced_soft users_accepted users_delivered devices_accepted
    delivery_issue_messages delivery_issue_users impressions_total messages_impressed opens_total
    messages_opened users_opened opens_total_human messages_opened_human clicks_total messages_clicked
    users_clicked clicks_total_human messages_clicked_human messages_read replies_total users_unsubscribed
    users_complained delivered_over_accepted_rate user_delivery_rate pw_open_rate pw_unique_open_rate
    user_open_rate pw_click_rate pw_click_rate_link_clicks user_click_rate pw_unsubscribe_rate
    pw_complaint_rate pw_hard_bounce_rate pw_soft_bounce_rate pw_read_rate pw_interaction_rate
    ct_impressions_pct ct_clicks_pct ct_ctr_pct
"""
ADDITIVE_METRICS = "total_entries total_exits_any messages_accepted conversion_events_total goals_users_sum"
ISSUE_METRICS = "users_entered_channel_steps pw_delivery_issue_rate delivery_issue_user_rate"

# The journey and channel marts hold periods and date bases: the semantic layer counts all time.
OVERVIEW = "marts.mart_journey_overview where period_id = 'all_time'"
CHANNELS = "marts.mart_channel_stats where period_id = 'all_time' and date_basis = 'event'"
GOALS = "marts.mart_goal_stats where period_id = 'all_time' and date_basis = 'event'"
ISSUES = "marts.mart_delivery_issues where period_id = 'all_time' and date_basis = 'event'"

IN_JOURNEY = "{{ Dimension('journey__journey_id') }} is not null"


@dataclass(frozen=True)
class Comparison:
    """A query of the semantic layer and the mart rows it must give.

    `group_by` follows the account; `mart` selects account, groups and metrics in the same order, where
    {metrics} stands for their names. `none` is the mart's word for a missing group.
    """

    metrics: str
    group_by: str
    mart: str
    where: str = ""
    none: str = ""


COMPARISONS = {
    "by account, entries and conversions": Comparison(
        JOURNEY_METRICS, "", "select account_key, {metrics} from marts.mart_workspace"
    ),
    "by account, messages": Comparison(
        MESSAGE_METRICS,
        "",
        f"select account_key, {{metrics}} from {CHANNELS} and journey_id = 'ALL' "
        "and journey_version_id = 'ALL' and channel = 'ALL' and platform = 'ALL'",
    ),
    "by journey": Comparison(
        JOURNEY_METRICS,
        "journey__journey_id",
        f"select account_key, journey_id, {{metrics}} from {OVERVIEW} and journey_version_id = 'ALL'",
        where=IN_JOURNEY,
    ),
    "by version": Comparison(
        JOURNEY_METRICS,
        "journey__journey_id journey_version__journey_version_id",
        f"select account_key, journey_id, journey_version_id, {{metrics}} from {OVERVIEW} "
        "and journey_version_id <> 'ALL'",
        where=IN_JOURNEY,
    ),
    "by category and status of the journey": Comparison(
        ADDITIVE_METRICS,
        "journey__category journey__journey_status",
        "select account_key, category, journey_status, "
        + ", ".join(f"sum({name}) as {name}" for name in ADDITIVE_METRICS.split())
        + f" from {OVERVIEW} and journey_version_id = 'ALL' group by account_key, category, journey_status",
        where=IN_JOURNEY,
    ),
    "by status of the entry": Comparison(
        "total_entries",
        "journey_entry__entry_status journey__journey_id",
        "select account_key, replace(status, 'status_', ''), journey_id, total_entries from "
        f"(unpivot (select account_key, journey_id, columns('^status_') from {OVERVIEW} "
        "and journey_version_id = 'ALL') on columns('^status_') into name status value total_entries)",
    ),
    "by channel": Comparison(
        MESSAGE_METRICS,
        "message__channel",
        f"select account_key, channel, {{metrics}} from {CHANNELS} and journey_id = 'ALL' "
        "and journey_version_id = 'ALL' and channel <> 'ALL' and platform = 'ALL'",
    ),
    "by journey, channel and platform": Comparison(
        MESSAGE_METRICS,
        "journey__journey_id message__channel message__platform",
        f"select account_key, journey_id, channel, platform, {{metrics}} from {CHANNELS} "
        "and journey_id <> 'ALL' and journey_version_id = 'ALL' and channel <> 'ALL' and platform <> 'ALL'",
        none="none",
    ),
    "by journey, delivery issue rates": Comparison(
        ISSUE_METRICS,
        "journey__journey_id",
        f"select account_key, journey_id, {{metrics}} from {CHANNELS} and journey_id not in ('ALL', 'none') "
        "and journey_version_id = 'ALL' and channel = 'ALL' and platform = 'ALL'",
        where=IN_JOURNEY,
    ),
    "by reason of the delivery issue": Comparison(
        "delivery_issue_messages delivery_issue_users",
        "message__reason_code message__issue_class",
        f"select account_key, reason_code, issue_class, {{metrics}} from {ISSUES} "
        "and journey_id = 'ALL' and channel = 'ALL' and node_id = 'ALL'",
    ),
    "by node": Comparison(
        "entry_count entry_users " + MESSAGE_METRICS,
        "journey__journey_id journey_version__journey_version_id node__node_id",
        "select account_key, journey_id, journey_version_id, node_id, {metrics} from marts.mart_step_stats "
        "where journey_version_id <> 'ALL' and platform = 'ALL'",
        where="{{ Dimension('node__node_id') }} is not null",
    ),
    "by node, over the versions": Comparison(
        "entry_count entry_users messages_accepted users_accepted users_opened user_open_rate",
        "journey__journey_id node__node_id",
        "select account_key, journey_id, node_id, {metrics} from marts.mart_step_stats "
        "where journey_version_id = 'ALL' and platform = 'ALL'",
        where="{{ Dimension('node__node_id') }} is not null",
    ),
    "by campaign": Comparison(
        MESSAGE_METRICS,
        "campaign__campaign_id",
        "select account_key, campaign_id, {metrics} from marts.mart_campaign_stats",
        where="{{ Dimension('campaign__campaign_id') }} is not null",
    ),
    "by variant": Comparison(
        MESSAGE_METRICS,
        "campaign__campaign_id variant__variant_id",
        "select account_key, campaign_id, variant_id, {metrics} from marts.mart_campaign_variant_stats "
        "where campaign_id not in ('ALL', 'none')",
        where="{{ Dimension('variant__variant_id') }} is not null",
    ),
    "by goal": Comparison(
        "goals_users_any goals_conversion_events_total",
        "journey__journey_id conversion__goal_id",
        "select account_key, journey_id, goal_id, converted_users, conversion_events_total "
        f"from {GOALS} and journey_version_id = 'ALL'",
    ),
    "by currency": Comparison(
        "revenue_first revenue_all",
        "journey__journey_id conversion__goal_id conversion__currency",
        "select account_key, journey_id, goal_id, currency, {metrics} from marts.mart_goal_revenue "
        "where journey_id <> 'ALL'",
        where="{{ Dimension('conversion__currency') }} is not null",
    ),
    "by day and journey": Comparison(
        "total_entries unique_entry_users total_exits_any dropoffs_internal dropoffs_sending converted_users "
        "conversion_events_total messages_attempted messages_accepted opens_total users_opened clicks_total "
        "users_clicked",
        "metric_time__day journey__journey_id",
        "select account_key, date_day, journey_id, entries, entry_users, exits, dropoffs_internal, "
        "dropoffs_sending, first_conversions, conversion_events, messages_attempted, messages_accepted, "
        "opens_total, users_opened, clicks_total, users_clicked "
        "from marts.mart_journey_daily where journey_id <> 'ALL' and journey_version_id = 'ALL'",
        none="none",
    ),
    "by day and channel": Comparison(
        "messages_attempted messages_accepted messages_failed messages_skipped messages_delivered "
        "delivery_issue_messages impressions_total opens_total clicks_total users_accepted users_opened "
        "users_clicked",
        "metric_time__day message__channel",
        "select account_key, date_day, channel, {metrics} from marts.mart_channel_daily "
        "where journey_id = 'ALL' and channel <> 'ALL'",
    ),
}
POOLED = "unique_entry_users converted_users users_accepted users_opened messages_opened devices_accepted"

# `mf query` for many queries in one process: starting MetricFlow takes longer than a query.
MANY_QUERIES = """
import json, sys
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from dbt_metricflow.cli.main import cli
shared = CLIConfiguration()
for arguments in json.load(sys.stdin):
    print(*arguments, flush=True)
    cli.main(["query", *arguments], obj=shared, standalone_mode=False)
"""


def group_columns(comparison: Comparison) -> list[str]:
    return ["account", *comparison.group_by.split()]


def query_arguments(metrics: str, group_by: list[str], where: str, answer: Path) -> list[str]:
    """Options of one `mf query` that writes its answer as CSV."""
    arguments = ["--quiet", "--csv", str(answer), "--metrics", ",".join(metrics.split())]
    if group_by:
        arguments += ["--group-by", ",".join(group_by)]
    return [*arguments, "--where", where] if where else arguments


@dataclass
class SemanticLayer:
    """A built demo warehouse with control rows and a second account added, and MetricFlow over it."""

    folder: Path
    manifest: dict

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def run(self, command: list[str], text: str = "") -> subprocess.CompletedProcess:
        """Run a command where MetricFlow finds the project and the manifest of this build."""
        environment = {
            **os.environ,
            "JOURNEY_WAREHOUSE": str(self.warehouse),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_PROFILES_DIR": str(PROJECT_ROOT),
            "DO_NOT_TRACK": "1",
        }
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=text, capture_output=True, encoding="utf-8"
        )

    def answers(self, queries: list[list[str]]) -> None:
        """Run many `mf query` commands; each writes the file it names."""
        result = self.run([sys.executable, "-c", MANY_QUERIES], json.dumps(queries))
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def add_control_and_twin(warehouse: Path) -> None:
    """Add control rows, which no figure may show, and every row again in a second account, with its ids."""
    with duckdb.connect(str(warehouse)) as connection:
        # The demo sends control users no messages, so a measure that forgets them would go unseen.
        for table, columns in CONTROL_ROWS.items():
            changes = ["true as is_control", *(f"'control/' || {column} as {column}" for column in columns)]
            connection.execute(
                f"insert into marts.{table} select * replace ({', '.join(changes)}) from marts.{table}"
            )
        tables = connection.execute(
            "select table_name from information_schema.columns join information_schema.tables "
            "using (table_schema, table_name) where table_schema = 'marts' and table_type = 'BASE TABLE' "
            "and column_name = 'account_key' and regexp_matches(table_name, '^(fct|dim)_')"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                f"insert into marts.{table} select * replace ('{TWIN}' as account_key) from marts.{table}"
            )


@pytest.fixture(scope="module")
def layer(demo, tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """The semantic layer over the demo data in two accounts."""
    _, connection = demo
    (built,) = connection.execute("select path from duckdb_databases() where path is not null").fetchone()
    folder = tmp_path_factory.mktemp("semantic")
    shutil.copy(built, folder / "warehouse.duckdb")
    # MetricFlow reads target/ of the folder it runs in, whatever DBT_TARGET_PATH says.
    shutil.copytree(Path(built).parent / "target", folder / "target")
    shutil.copy(PROJECT_ROOT / "dbt_project.yml", folder)
    for name in ("models", "macros", "seeds", "tests"):
        (folder / name).symlink_to(PROJECT_ROOT / name)
    add_control_and_twin(folder / "warehouse.duckdb")
    return SemanticLayer(
        folder, json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    )


@pytest.fixture(scope="module")
def answers(layer: SemanticLayer) -> dict[str, list[dict]]:
    """Rows that `mf query` gives for every comparison, and for the metrics pooled over the accounts."""
    files = {
        name: layer.folder / f"answer_{number}.csv" for number, name in enumerate([*COMPARISONS, "pooled"])
    }
    queries = [
        query_arguments(item.metrics, group_columns(item), item.where, files[name])
        for name, item in COMPARISONS.items()
    ]
    layer.answers([*queries, query_arguments(POOLED, [], "", files["pooled"])])
    return {
        name: list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        for name, file in files.items()
    }


def answered(rows: list[dict], comparison: Comparison, account: str) -> dict[tuple, list[str]]:
    """Answer of one account as {groups: texts of the metrics}, rows without any figure left out."""
    names = comparison.metrics.split()
    return {
        tuple(
            row[column].removesuffix(" 00:00:00") or comparison.none
            for column in group_columns(comparison)[1:]
        ): [row[name] for name in names]
        for row in rows
        if row["account"] == account and any(row[name] and Decimal(row[name]) for name in names)
    }


def expected(connection: duckdb.DuckDBPyConnection, comparison: Comparison) -> dict[tuple, list]:
    """Mart rows as {groups: metrics}, rows without any figure left out."""
    names = comparison.metrics.split()
    sql = comparison.mart.replace("{metrics}", ", ".join(names))
    groups = len(group_columns(comparison))
    return {
        tuple(str(value) if value is not None else comparison.none for value in row[1:groups]): list(
            row[groups:]
        )
        for row in connection.execute(sql).fetchall()
        if any(row[groups:])
    }


def is_equal(found: str, wanted: object) -> bool:
    """Whether the text `mf query` wrote is the mart's value: exact, rates to 1e-9."""
    if wanted is None or found == "":
        return wanted is None and found == ""
    if isinstance(wanted, float):
        return math.isclose(float(found), wanted, rel_tol=1e-9, abs_tol=1e-9)
    return Decimal(found) == wanted


@needs_metricflow
def test_metricflow_finds_no_fault_with_the_semantic_layer(layer):
    result = layer.run([str(Path(sys.executable).with_name("mf")), "validate-configs", "--show-all"])
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "Successfully validated metrics against data warehouse" in result.stdout + result.stderr


@needs_metricflow
@pytest.mark.parametrize("name", COMPARISONS)
def test_the_answer_of_the_semantic_layer_equals_the_mart(layer, answers, name):
    comparison = COMPARISONS[name]
    found = answered(answers[name], comparison, ACCOUNT)
    with duckdb.connect(str(layer.warehouse), read_only=True) as connection:
        wanted = expected(connection, comparison)
    assert wanted, "the mart has no row to compare"
    assert found.keys() == wanted.keys()
    wrong = [
        f"{metric} of {groups}: {text!r}, mart {value!r}"
        for groups, values in wanted.items()
        for metric, text, value in zip(comparison.metrics.split(), found[groups], values, strict=True)
        if not is_equal(text, value)
    ]
    assert not wrong, "\n".join(wrong[:20])
    assert answered(answers[name], comparison, TWIN) == found, "the second account differs"


@needs_metricflow
def test_people_messages_and_devices_of_two_accounts_are_never_pooled(answers):
    (pooled,) = answers["pooled"]
    apart = {
        metric: row[metric]
        for name in ("by account, entries and conversions", "by account, messages")
        for row in answers[name]
        if row["account"] == ACCOUNT
        for metric in POOLED.split()
        if metric in row
    }
    assert apart.keys() == set(POOLED.split())
    assert {metric: int(pooled[metric]) for metric in apart} == {
        metric: 2 * int(value) for metric, value in apart.items()
    }


@needs_metricflow
def test_every_metric_is_compared_with_a_mart_on_rows_that_are_not_all_zero(layer, answers):
    compared = {
        metric
        for name, comparison in COMPARISONS.items()
        for metric in comparison.metrics.split()
        if any(row[metric] and Decimal(row[metric]) for row in answers[name])
    }
    assert {metric["name"] for metric in layer.manifest["metrics"].values()} - compared == set()


def test_every_metric_has_the_name_and_the_unit_of_the_mart_column_it_equals(layer):
    models = {
        node["name"]: node for node in layer.manifest["nodes"].values() if node["resource_type"] == "model"
    }
    wrong = []
    for metric in layer.manifest["metrics"].values():
        meta = metric["config"]["meta"]
        column = models[meta["mart"]]["columns"].get(meta.get("mart_column", metric["name"]))
        if column is None or column["config"]["meta"]["unit"] != meta["unit"]:
            wrong.append(metric["name"])
    assert not wrong


def test_every_distinct_count_and_every_key_carries_the_account(layer):
    unqualified = [
        f"{model['name']}.{part['name']}"
        for model in layer.manifest["semantic_models"].values()
        for part in [
            *model["entities"],
            *(item for item in model["measures"] if item["agg"] == "count_distinct"),
        ]
        if "account_key" not in (part["expr"] or "")
    ]
    assert not unqualified


def test_every_part_of_the_semantic_layer_and_every_exposure_is_described(layer):
    silent = []
    for kind in ("semantic_models", "metrics", "exposures"):
        for item in layer.manifest[kind].values():
            parts = [*item.get("entities", []), *item.get("dimensions", []), *item.get("measures", [])]
            silent += [item["name"] for part in [item, *parts] if not (part["description"] or "").strip()]
    assert not silent


def test_every_export_is_a_file_of_an_exposure(layer):
    exports = {
        node["unique_id"]
        for node in layer.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"].startswith("export_")
    }
    shown = {
        parent for item in layer.manifest["exposures"].values() for parent in item["depends_on"]["nodes"]
    }
    assert exports, "no export was found"
    assert exports - shown == set()
