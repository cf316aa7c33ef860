"""Failure drills of the daily job: after each of them readers have a whole version, and the next run goes on.

docs/pipeline.md is the runbook of these drills. They share one folder, because dbt parses anew for another
one; each starts from the state after the first, good run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from rich.console import Console

from orchestration import assets, checks, cli
from orchestration.build import PROJECT_ROOT
from orchestration.settings import Settings, read_settings
from tests.integration.test_crash_safety import NEW_FILES, OLD_FILES, children, needs_proc
from tests.integration.test_publish import fill

PATIENCE_SECONDS = 1800
STATE = ("landing", "warehouse", "serving", "exports")
# What a copy of the project needs, to plant a failing check in it.
PROJECT_PARTS = (
    *("macros", "models", "seeds", "tests/dbt", "orchestration", "expectations", "dbt_project.yml"),
    *("profiles.yml", "requirements.lock"),
)
JOURNEY_EVENTS = "journey_events/load_date=2026-06-03/events.csv"


@dataclass
class Pipeline:
    """Runs of `make pipeline` in one folder."""

    folder: Path
    project: Path = PROJECT_ROOT

    @property
    def landing(self) -> Path:
        """The landing folder."""
        return self.folder / "landing"

    @property
    def output(self) -> str:
        """What the last run printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    @property
    def log(self) -> str:
        """What the steps of the last run printed."""
        path = self.folder / "home" / "pipeline.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *options: str, **environment: str) -> subprocess.Popen:
        """Start a run in a process group of its own."""
        (self.folder / "home").mkdir(exist_ok=True)
        (self.folder / "home" / "pipeline.log").unlink(missing_ok=True)
        with (self.folder / "output.txt").open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "orchestration.pipeline", *options],
                cwd=self.project,
                env={
                    **os.environ,
                    "LANDING": str(self.landing),
                    "JOURNEY_WAREHOUSE": str(self.folder / "warehouse" / "journeys.duckdb"),
                    "SERVING": str(self.folder / "serving"),
                    "EXPORTS": str(self.folder / "exports"),
                    "DAGSTER_HOME": str(self.folder / "home"),
                    "DBT_TARGET_PATH": str(self.folder / f"target_{self.project.name}"),
                    **environment,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, *options: str, **environment: str) -> int:
        """Run to the end and return the exit code."""
        return self.start(*options, **environment).wait(timeout=PATIENCE_SECONDS)

    def write(self, files: dict[str, str]) -> None:
        """Deliver landing files."""
        for name, text in files.items():
            path = self.landing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def served(self) -> str:
        """Version id that a new reader finds in the file; the file must open and hold the journeys."""
        with duckdb.connect(str(self.folder / "serving" / "journeys.duckdb"), read_only=True) as connection:
            ((version_id, tables),) = connection.execute(
                "select version_id, number_of_tables from meta.published_version"
            ).fetchall()
            (found,) = connection.execute(
                "select count(*) from duckdb_tables() where schema_name <> 'meta'"
            ).fetchone()
            assert found == tables
            assert connection.execute("select count(*) from marts.dim_journey").fetchone()[0] > 0
        return version_id

    def figures(self) -> list[tuple]:
        """Entries and converted users of every journey as served."""
        with duckdb.connect(str(self.folder / "serving" / "journeys.duckdb"), read_only=True) as connection:
            return connection.execute(
                "select journey_id, total_entries, converted_users from marts.mart_journey_overview"
                " where journey_version_id = 'ALL' and period_id = 'all_time' order by 1"
            ).fetchall()

    def alerts(self) -> list[str]:
        """Texts of the failure log."""
        path = self.folder / "home" / "failures.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["text"] for line in lines]

    def is_free(self) -> bool:
        """Whether no process has the warehouse open."""
        try:
            duckdb.connect(str(self.folder / "warehouse" / "journeys.duckdb"), read_only=True).close()
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            return False
        return True


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The folder after a first, good run, with a copy of its state."""
    pipeline = Pipeline(tmp_path_factory.mktemp("pipeline"))
    pipeline.write(OLD_FILES)
    assert pipeline.finish() == 0, pipeline.output
    for name in STATE:
        shutil.copytree(pipeline.folder / name, pipeline.folder / "first" / name, symlinks=True)
    return pipeline


@pytest.fixture
def pipeline(first_run: Pipeline) -> Pipeline:
    """The folder as the first run left it."""
    for name in STATE:
        shutil.rmtree(first_run.folder / name, ignore_errors=True)
        shutil.copytree(first_run.folder / "first" / name, first_run.folder / name, symlinks=True)
    (first_run.folder / "home" / "failures.jsonl").unlink(missing_ok=True)
    return first_run


@pytest.fixture
def planted(pipeline: Pipeline, tmp_path: Path) -> Pipeline:
    """The same folder, run by a copy of the project that a drill may change."""
    project = tmp_path / "planted"
    for part in PROJECT_PARTS:
        source, copy = PROJECT_ROOT / part, project / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy)
    return Pipeline(pipeline.folder, project)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


# Fast: one whole run, and runs that stop before the build.


def test_the_daily_job_builds_audits_publishes_and_exports(pipeline: Pipeline) -> None:
    version_id = pipeline.served()
    assert version_id.startswith("000001_")
    # The warehouse was made by the same steps as `make run`, so that has nothing to do.
    warehouse = pipeline.folder / "warehouse" / "journeys.duckdb"
    assert cli.last_success(warehouse)[0] == cli.fingerprint(pipeline.landing, {})
    exported = pipeline.folder / "exports" / "current" / "export_pw_users.csv"
    assert len(exported.read_text().splitlines()) > 1
    assert (pipeline.folder / "exports" / "current").readlink().name == version_id
    with duckdb.connect(str(pipeline.folder / "serving" / "journeys.duckdb"), read_only=True) as connection:
        results = connection.execute("select count(*) from quality.quality_results").fetchone()
    assert results[0] > 50
    assert pipeline.alerts() == []


def test_an_unreachable_landing_folder_stops_the_run(pipeline: Pipeline) -> None:
    served = pipeline.served()
    shutil.rmtree(pipeline.landing)
    assert pipeline.finish() == 1
    assert "cannot be reached" in pipeline.output
    assert "set LANDING" in pipeline.output
    assert f"Still serving {served}" in pipeline.output
    assert "Traceback" not in pipeline.output
    assert pipeline.served() == served
    assert len(pipeline.alerts()) == 1


def test_a_corrupt_file_among_good_ones_publishes_nothing_and_is_named(pipeline: Pipeline) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    broken = pipeline.landing / "user_events" / "load_date=2026-06-06" / "cut.parquet"
    broken.parent.mkdir()
    broken.write_bytes(b"PAR1 cut off")
    assert pipeline.finish() == 1
    assert "cut.parquet" in pipeline.output
    assert f"Still serving {served}" in pipeline.output
    assert pipeline.served() == served


class Audit:
    """An audit on a warehouse made by hand, without dbt."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        places = {"LANDING": "landing", "JOURNEY_WAREHOUSE": "journeys.duckdb", "SERVING": "serving"}
        self.settings: Settings = read_settings({name: str(folder / path) for name, path in places.items()})
        self.results: list[object] = []
        monkeypatch.setattr("expectations.runner.run_expectations", lambda *_: self.results)
        # The suites of single tables add a hundred outputs to every step, and nothing to these tests.
        monkeypatch.setattr(checks, "table_suites", lambda: ())
        short = dg.RetryPolicy(max_retries=8, delay=1)
        monkeypatch.setattr(assets, "RETRIES", short)
        monkeypatch.setattr(checks, "RETRIES", short)

    def run(self, marker: int) -> dg.ExecuteInProcessResult:
        """Build, audit and publish the warehouse with this marker."""
        cli.remember_success(fill(self.settings.warehouse, marker), f"files {marker}")
        return self.judge()

    def judge(self) -> dg.ExecuteInProcessResult:
        """Audit and publish the warehouse as it is."""
        keys = sorted({spec.asset_key for spec in checks.check_specs().values()})

        @dg.multi_asset(specs=[dg.AssetSpec(key) for key in keys])
        def built() -> Iterator[dg.MaterializeResult]:
            for key in keys:
                yield dg.MaterializeResult(key)

        models = {
            key: {
                "resource_type": "model",
                "schema": key.path[0],
                "name": key.path[1],
                "config": {"schema": key.path[0]},
            }
            for key in keys
        }
        publish, _ = assets.publish_assets(self.settings, {"nodes": models})
        definitions = dg.Definitions(
            assets=[built, publish],
            asset_checks=[checks.expectation_checks(self.settings)],
            jobs=[dg.define_asset_job("audit_job", executor_def=dg.in_process_executor)],
            resources={"lease": assets.lease_resource(self.settings)},
        )
        job = definitions.resolve_job_def("audit_job")
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

    def served(self) -> str:
        """Fingerprint of the served version."""
        return self.settings.published.current().fingerprint


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """An audit whose expectations a test decides."""
    return Audit(tmp_path, monkeypatch)


def expectation(severity: str, passed: bool) -> object:
    """Result of one planted expectation."""
    from expectations.runner import Result

    return Result(
        "facts", "few_ghosts", "Ghosts are few.", "9 ghosts", "3", severity, passed, ("user_key = ghost 1",)
    )


def test_a_failed_audit_publishes_nothing_and_says_which_checks_failed(audit: Audit) -> None:
    from orchestration.automation import explain

    audit.results = [expectation("blocking", True)]
    assert audit.run(1).success
    assert audit.served() == "files 1"

    audit.results = [expectation("blocking", False)]
    result = audit.run(2)
    assert not result.success
    assert "facts.few_ghosts: found 9 ghosts, allowed 3; for example user_key = ghost 1" in explain(
        result.all_events
    )
    assert audit.served() == "files 1"

    # A failed expectation that only warns is shown, and published over.
    audit.results = [expectation("warning", False)]
    result = audit.run(3)
    assert result.success
    (warned,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (warned.check_name, warned.severity) == ("facts", dg.AssetCheckSeverity.WARN)
    assert audit.served() == "files 3"


def test_a_fault_of_the_data_is_not_tried_again(audit: Audit) -> None:
    audit.results = [expectation("blocking", False)]
    started = time.monotonic()
    result = audit.run(1)
    assert not result.success
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    print(f"{time.monotonic() - started:.1f} s")


def test_a_file_that_is_open_for_a_moment_is_tried_again(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.results = [expectation("blocking", True)]
    cli.remember_success(fill(audit.settings.warehouse, 1), "files 1")
    code = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(audit.settings.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        judged = assets.transient

        def close_after(reason: object) -> bool:
            other.kill()
            other.wait()
            return judged(reason)

        monkeypatch.setattr(assets, "transient", close_after)
        result = audit.judge()
    assert result.success
    assert [event for event in result.all_events if event.is_step_up_for_retry]
    assert audit.served() == "files 1"


def test_a_run_waits_for_nobody_forever(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.results = [expectation("blocking", True)]
    object.__setattr__(audit.settings, "wait_seconds", 0)
    cli.remember_success(fill(audit.settings.warehouse, 1), "files 1")
    with cli.run_lock(audit.settings.warehouse, 0, Console(stderr=True)):
        result = audit.judge()
    assert not result.success
    errors = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "Another run" in str(errors)


# Slow: every drill is at least one whole build.


@pytest.mark.slow
def test_a_new_column_is_served_without_it_and_named(pipeline: Pipeline) -> None:
    before = pipeline.figures()
    lines = OLD_FILES[JOURNEY_EVENTS].splitlines()
    rows = [lines[0] + ",mood", *(line + ",fine" for line in lines[1:])]
    pipeline.write({JOURNEY_EVENTS: "\n".join(rows) + "\n"})
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.figures() == before
    assert "mood" in pipeline.log


@pytest.mark.slow
def test_a_missing_required_column_never_reaches_readers_as_numbers(pipeline: Pipeline) -> None:
    served, before = pipeline.served(), pipeline.figures()
    pipeline.write({JOURNEY_EVENTS: OLD_FILES[JOURNEY_EVENTS].replace("occurred_at", "happened")})
    assert pipeline.finish() == 1
    assert pipeline.served() == served
    assert pipeline.figures() == before
    assert "occurred_at" in pipeline.output


@pytest.mark.slow
def test_rows_of_a_changed_type_are_rejected_with_a_reason(pipeline: Pipeline) -> None:
    late = "journey_events/load_date=2026-06-05/events.csv"
    pipeline.write({late: NEW_FILES[late].replace("2026-06-04T10:00:00Z", "1780567200")})
    code = pipeline.finish()
    # Few such rows are rejected and served beside; many are a failed expectation: both leave whole versions.
    assert code in (0, 1), pipeline.output
    with duckdb.connect(str(pipeline.folder / "warehouse" / "journeys.duckdb"), read_only=True) as connection:
        reasons = connection.execute("select distinct reject_reason from staging.stg_rejects").fetchall()
    assert ("invalid_occurred_at",) in reasons
    assert pipeline.served()


@pytest.mark.slow
def test_a_duplicated_day_changes_no_figure(pipeline: Pipeline) -> None:
    before = pipeline.figures()
    for name, text in OLD_FILES.items():
        if "load_date" in name:
            pipeline.write({name.replace("events.csv", "again.csv"): text})
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.figures() == before
    assert pipeline.served().startswith("000002_")


@pytest.mark.slow
def test_a_missing_day_that_comes_later_is_as_if_it_had_come_in_time(pipeline: Pipeline) -> None:
    day = {name: text for name, text in NEW_FILES.items() if "load_date=2026-06-05" in name}
    later = {
        "user_events/load_date=2026-06-07/events.csv": (
            "event_id,event_name,user_id,occurred_at,received_at\n"
            "p9,purchase,dan,2026-06-06T13:00:00Z,2026-06-07T13:05:00Z\n"
        )
    }
    pipeline.write(later)
    assert pipeline.finish() == 0, pipeline.output
    pipeline.write(day)
    assert pipeline.finish() == 0, pipeline.output
    arrived_late = pipeline.figures()
    for name in ("warehouse", "serving", "exports"):
        shutil.rmtree(pipeline.folder / name)
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.figures() == arrived_late


@pytest.mark.slow
def test_days_can_be_read_again_in_one_run(pipeline: Pipeline) -> None:
    before = pipeline.figures()
    assert pipeline.finish("--from", "2026-06-01", "--to", "2026-06-05") == 0, pipeline.output
    assert pipeline.figures() == before
    assert pipeline.served().startswith("000002_")


@pytest.mark.slow
def test_a_failing_mart_test_publishes_nothing_and_shows_rows(planted: Pipeline) -> None:
    served = planted.served()
    test = planted.project / "tests" / "dbt" / "singular" / "assert_no_journey_is_called_welcome.sql"
    test.write_text("select journey_id from {{ ref('dim_journey') }} where journey_id = 'welcome'\n")
    assert planted.finish() == 1
    assert "assert_no_journey_is_called_welcome" in planted.output
    assert "for example journey_id = welcome" in planted.output
    assert planted.served() == served
    # Corrected: the next run publishes.
    test.unlink()
    assert planted.finish() == 0, planted.output
    assert planted.served() > served


@pytest.mark.slow
def test_a_failing_expectation_publishes_nothing_and_shows_rows(planted: Pipeline) -> None:
    served = planted.served()
    (planted.project / "expectations" / "suites" / "planted.yml").write_text(
        "suite: planted\ndescription: Planted by a drill.\n"
        "frames:\n  - name: journeys\n    key: [journey_id]\n"
        "    sql: select journey_id from marts.dim_journey\n"
        "    expectations:\n      - name: nobody_is_welcome\n"
        "        description: No journey is called welcome.\n        severity: blocking\n"
        "        type: expect_column_values_to_not_be_in_set\n"
        "        kwargs: {column: journey_id, value_set: [welcome]}\n"
    )
    assert planted.finish() == 1
    (failed,) = [line for line in planted.output.splitlines() if "planted.nobody_is_welcome" in line]
    assert "welcome" in failed.split("for example")[1]
    assert planted.served() == served


def published_or_free(pipeline: Pipeline, served: str) -> None:
    """After a kill: readers have the old version, and no process of the run is left with the warehouse."""
    assert pipeline.served() == served
    wait_for(pipeline.is_free, "a process of the killed run still holds the warehouse")


@pytest.fixture
def moments(pipeline: Pipeline) -> dict[str, Callable[[], object]]:
    """How to recognise the steps of a run from outside."""
    return {
        "dbt": lambda: "OK created sql" in pipeline.log,
        "audit": lambda: "Completed successfully" in pipeline.log,
        "publish": lambda: [*(pipeline.folder / "serving").glob(".unfinished-*")],
    }


@pytest.mark.slow
@pytest.mark.parametrize("step", ["dbt", "audit", "publish"])
def test_a_run_killed_in_any_step_serves_the_old_version_and_the_next_run_finishes(
    step: str, pipeline: Pipeline, moments: dict[str, Callable[[], object]]
) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    process = pipeline.start()
    try:
        wait_for(moments[step], f"the run did not come to {step}")
        # The process alone, not its group: dbt must end by itself.
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        published_or_free(pipeline, served)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.served() > served
    assert not [*(pipeline.folder / "serving").glob(".unfinished-*")]


@pytest.mark.slow
@needs_proc
def test_a_run_whose_dbt_was_killed_says_so_and_serves_the_old_version(pipeline: Pipeline) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    process = pipeline.start()
    wait_for(lambda: "OK created sql" in pipeline.log, "the run did not come to dbt")
    for child in children(process.pid):
        os.kill(child, signal.SIGKILL)
    assert process.wait(timeout=PATIENCE_SECONDS) == 1
    assert "dbt was killed from outside (SIGKILL)" in pipeline.output
    assert "memory_limit" in pipeline.output
    assert pipeline.served() == served


@pytest.mark.slow
def test_two_runs_at_once_publish_one_after_the_other(pipeline: Pipeline) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    first = pipeline.start()
    wait_for(lambda: "OK created sql" in pipeline.log, "the first run did not start")
    second = pipeline.start(PIPELINE_WAIT_SECONDS=str(PATIENCE_SECONDS))
    codes = [process.wait(timeout=PATIENCE_SECONDS) for process in (first, second)]
    assert codes == [0, 0], pipeline.output
    assert pipeline.served().startswith("000003_")
    assert pipeline.served() > served
