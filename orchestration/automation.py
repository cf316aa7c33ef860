"""When the jobs run, and who hears of a failure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from orchestration.alerts import RunFailure, report_failure
from orchestration.assets import started_at
from orchestration.landing_state import Watch, is_served, look, read_landing, state_of
from orchestration.settings import Settings

# A run of `make pipeline` reports its own failure: nobody may be there to watch it.
REPORTS_ITSELF = "journeys/reports_itself"


def daily_schedule(settings: Settings, job: object) -> dg.ScheduleDefinition:
    """The daily run, at a time of day in a zone: once a day also when the clocks change."""
    return dg.ScheduleDefinition(
        name="daily",
        job=job,
        cron_schedule=f"{settings.minute} {settings.hour} * * *",
        execution_timezone=settings.zone,
        description="Builds, audits, publishes and exports once a day, at PIPELINE_TIME in PIPELINE_ZONE.",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def landing_sensor(settings: Settings, job: object) -> dg.SensorDefinition:
    """Starts the daily job when files were delivered and nothing changed for a while."""

    @dg.sensor(
        name="new_landing_files",
        job=job,
        description="Starts the daily job when files were delivered and then nothing changed for a while.",
        minimum_interval_seconds=min(60, max(5, settings.quiet_seconds // 2)),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def new_landing_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        files = read_landing(settings.landing)
        watch = Watch.load(context.cursor)
        watch, run_key = look(watch, state_of(files), time.time(), settings.quiet_seconds)
        if run_key and is_served(settings):
            return dg.SensorResult(skip_reason="Another run served these files.", cursor=watch.dump())
        if run_key:
            return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)], cursor=watch.dump())
        reason = (
            "Nothing was delivered since the last run."
            if watch.seen == watch.started
            else f"Waiting until nothing changes for {settings.quiet_seconds} s."
        )
        return dg.SensorResult(skip_reason=reason, cursor=watch.dump())

    return new_landing_files


def failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """Writes every failed run to the log, and posts it when there is a webhook."""

    @dg.run_failure_sensor(
        name="failed_runs",
        description="Writes every failed run to failures.jsonl, and posts it when ALERT_WEBHOOK is set.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if REPORTS_ITSELF in run.tags:
            return dg.SkipReason("make pipeline reported it.")
        events = [entry.dagster_event for entry in context.instance.all_logs(run.run_id)]
        failure = RunFailure(
            run.run_id,
            run.job_name,
            started_at(),
            explain([event for event in events if event]) or context.failure_event.message or "",
        )
        problem = report_failure(failure, settings.failure_log, settings.webhook)
        if problem:
            context.log.error(problem)
        return None

    return failed_runs


def explain(events: Sequence[dg.DagsterEvent]) -> str:
    """Why a run failed: the checks that stopped it, with example rows, and the errors of its steps."""
    lines = []
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR and check.description:
                lines.append(f"{'/'.join(check.asset_key.path)}, {check.check_name}: {check.description}")
        elif event.is_step_failure:
            lines.append(step_error(event))
    return "\n".join(lines)


def step_error(event: dg.DagsterEvent) -> str:
    """Why a step failed: the sentence of its failure, else the innermost error."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return f"{event.step_key}: {data.user_failure_data.description}"
    error = data.error
    while error and error.cause:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else event.message}"


def freshness_checks(settings: Settings, tables: list[str]) -> list[dg.AssetChecksDefinition]:
    """Warn when the latest event of a landing table is older than LANDING_FRESH_HOURS."""
    return [
        *dg.build_last_update_freshness_checks(
            assets=[dg.AssetKey(["landing", table]) for table in tables],
            lower_bound_delta=timedelta(hours=settings.fresh_hours),
            severity=dg.AssetCheckSeverity.WARN,
        )
    ]
