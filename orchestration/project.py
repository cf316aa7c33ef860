"""Assets, checks, jobs, schedule and sensors, put together over the places that the settings name."""

from __future__ import annotations

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration import assets, automation, checks
from orchestration.build import PROJECT_ROOT
from orchestration.landing_state import EVENT_TIME
from orchestration.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything that Dagster shows and runs."""
    manifest = assets.read_manifest(settings)
    tables = assets.landing_tables(manifest)
    load_days = assets.load_days_asset(settings)
    everything = dg.AssetSelection.all(include_sources=True)
    daily = dg.define_asset_job(
        "daily",
        everything - dg.AssetSelection.assets(load_days),
        executor_def=dg.in_process_executor,
        description="Observe the landing tables, build, audit, publish, export.",
    )
    backfill = dg.define_asset_job(
        "backfill",
        everything,
        executor_def=dg.in_process_executor,
        description="Read the files of a range of load days again, then do what the daily job does: one run.",
    )
    return dg.Definitions(
        assets=[
            assets.landing_assets(settings, tables),
            load_days,
            assets.dbt_build_assets(settings, manifest),
            *assets.publish_assets(settings, manifest),
        ],
        asset_checks=[
            checks.expectation_checks(settings),
            *automation.freshness_checks(settings, [table for table in tables if table in EVENT_TIME]),
        ],
        jobs=[daily, backfill],
        schedules=[automation.daily_schedule(settings, daily)],
        sensors=[automation.landing_sensor(settings, daily), automation.failure_sensor(settings)],
        resources={
            "dbt": DbtCliResource(
                project_dir=str(PROJECT_ROOT),
                profiles_dir=str(PROJECT_ROOT),
                dbt_executable=str(PROJECT_ROOT / "orchestration" / "dbt"),
            ),
            "lease": assets.lease_resource(settings),
        },
        executor=dg.in_process_executor,
    )
