"""The daily job once, without a page or a daemon: `python -m orchestration.pipeline` (make pipeline).

The same job as the scheduled one, run in this process: build, audit, publish, exports. Exit code
0: published; 1: a check failed or a step broke, nothing was published; 2: the run could not start.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import redirect_stdout
from datetime import datetime

from rich.console import Console

from orchestration.build import PROJECT_ROOT, DbtError
from orchestration.cli import RunError, run_lock
from orchestration.landing_state import is_served
from orchestration.publish import Version
from orchestration.settings import Settings, read_settings

JUDGES = (".py", ".sql", ".yml")


def prepare_home(settings: Settings) -> None:
    """Make DAGSTER_HOME with the project's dagster.yaml in it; a file that is there already is left alone."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        link = settings.home / "dagster.yaml"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(PROJECT_ROOT / "orchestration" / "dagster.yaml")
    except OSError as error:
        raise RunError(
            f"The folder {settings.home} cannot be written ({error.strerror}). "
            "Choose another one with DAGSTER_HOME=folder."
        ) from error
    os.environ["DAGSTER_HOME"] = str(settings.home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


def end_dead_runs(settings: Settings, *, only_headless: bool) -> int:
    """Mark runs as failed whose process was killed, else they would hold the queue; return how many.

    Nothing is marked while somebody holds the lock on the warehouse. `only_headless` leaves the runs alone
    that another process may have just started from the page or by the schedule.
    """
    import dagster as dg

    from orchestration.automation import REPORTS_ITSELF

    status = dg.DagsterRunStatus
    lasting = [status.STARTING, status.STARTED, status.CANCELING]
    tags = {REPORTS_ITSELF: "true"} if only_headless else {}
    try:
        with (
            run_lock(settings.warehouse, 0, Console(stderr=True)),
            dg.DagsterInstance.get() as instance,
        ):
            dead = instance.get_runs(dg.RunsFilter(statuses=lasting, tags=tags))
            for run in dead:
                instance.report_run_failed(run, "Its process was killed. The next run does its work.")
            return len(dead)
    except RunError:
        return 0


def run_job(settings: Settings, *, job: str = "daily", days: tuple[str, str] | None = None) -> int:
    """Run a job in this process and say what it did; return the exit code.

    `days` are the first and the last load day of the job backfill, YYYY-MM-DD.
    """
    prepare_home(settings)
    # Dagster and dbt take seconds to import: not for a wrong setting.
    import dagster as dg

    from orchestration.automation import REPORTS_ITSELF
    from orchestration.project import build_definitions

    started = time.monotonic()
    end_dead_runs(settings, only_headless=True)
    definitions = build_definitions(settings)
    tags = {REPORTS_ITSELF: "true"}
    if days:
        tags |= {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[1]}
    before = _served(settings)
    log = settings.home / "pipeline.log"
    print(f"Building, auditing and publishing {settings.warehouse}; every step is in {log} ...", flush=True)
    with dg.DagsterInstance.get() as instance, log.open("w", 1, "utf-8") as file, redirect_stdout(file):
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    seconds = time.monotonic() - started
    evaluations = result.get_asset_check_evaluations()
    warnings = [one for one in evaluations if not one.passed and one.severity == dg.AssetCheckSeverity.WARN]
    for one in warnings:
        text = (one.description or "").splitlines()
        print(f"Check with a warning: {'/'.join(one.asset_key.path)}: {one.check_name}", *text, sep="\n  ")
    if result.success:
        version = settings.published.current()
        passed = sum(one.passed for one in evaluations)
        print(f"{passed} checks passed. Serving {version.version_id}: {settings.published.database}")
        print(f"Exports: {settings.exports / 'current'} ({seconds:.0f} s)")
        return 0
    return _report(result, settings, job, before)


def nothing_new(settings: Settings) -> Version | None:
    """The served version when a run would make it again, with its exports; else None."""
    exported = settings.exports / "current"
    if not is_served(settings) or not exported.is_dir():
        return None
    version = _served(settings)
    if exported.resolve().name != version.version_id:
        return None
    published = datetime.fromisoformat(version.published_at).timestamp()
    # The fingerprint is that of the build; another expectation judges the same build anew.
    judges = [path for path in (PROJECT_ROOT / "expectations").rglob("*") if path.suffix in JUDGES]
    return None if any(path.stat().st_mtime > published for path in judges) else version


def _report(result: object, settings: Settings, job: str, before: Version | None) -> int:
    """Say why a run failed and what is served; return the exit code."""
    from orchestration.alerts import RunFailure, report_failure
    from orchestration.assets import started_at
    from orchestration.automation import explain

    text = explain(result.all_events) or "The run ended without saying why; see the logs in DAGSTER_HOME."
    print(f"The run failed:\n{text}", file=sys.stderr)
    after = _served(settings)
    if after and (before is None or after.version_id != before.version_id):
        print(f"Serving the new version {after.version_id}; what follows it failed.", file=sys.stderr)
    elif after:
        print(
            f"Nothing was published. Still serving {after.version_id} of {after.published_at}.",
            file=sys.stderr,
        )
    else:
        print("Nothing was published, and nothing is served yet.", file=sys.stderr)
    failure = RunFailure(result.run_id, job, started_at(), text)
    if problem := report_failure(failure, settings.failure_log, settings.webhook):
        print(problem, file=sys.stderr)
    return 1


def _served(settings: Settings) -> Version | None:
    """The served version; None when there is none or its manifest is unreadable."""
    try:
        return settings.published.current()
    except RunError:
        return None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.pipeline", description=__doc__)
    parser.add_argument("--from", dest="first", metavar="DATE", help="first load day to read again")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last load day to read again")
    parser.add_argument("--force", action="store_true", help="run also when nothing new was delivered")
    parser.add_argument("--prepare", action="store_true", help="only make DAGSTER_HOME ready")
    options = parser.parse_args(arguments)
    if (options.first is None) != (options.last is None):
        parser.error("--from and --to belong together")
    try:
        settings = read_settings()
        if options.prepare:
            prepare_home(settings)
            end_dead_runs(settings, only_headless=False)
            return 0
        if options.first:
            return run_job(settings, job="backfill", days=(options.first, options.last))
        if not options.force and (version := nothing_new(settings)):
            print(
                f"Nothing new since {version.published_at}: {version.version_id} was made from these files. "
                "'make pipeline FORCE=1' runs all the same."
            )
            return 0
        return run_job(settings)
    except (RunError, DbtError) as stop:
        print(stop, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Readers keep the version they have; the next run starts again.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
