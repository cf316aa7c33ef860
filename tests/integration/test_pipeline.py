"""Failure drills of the daily job: after each of them readers have a whole version, and the next run goes on.

docs/operations.md has the runbook of these drills. They share one folder, because dbt parses anew for another
one; each starts from the state after the first, good run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from rich.console import Console

from orchestration import assets, checks, cli
from orchestration.build import PROJECT_ROOT
from orchestration.settings import Settings, read_settings
from tests.integration.test_crash_safety import EVENT_HEADER, NEW_FILES, OLD_FILES, children, needs_proc
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


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that a drill may change: one for all drills, because dbt parses it anew."""
    project = tmp_path_factory.mktemp("project") / "copy"
    for part in PROJECT_PARTS:
        source, copy = PROJECT_ROOT / part, project / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy)
    return project


@contextmanager
def planted(pipeline: Pipeline, project: Path, name: str, text: str) -> Iterator[Pipeline]:
    """The same folder, run by a copy of the project with one file more."""
    (project / name).write_text(text)
    try:
        yield Pipeline(pipeline.folder, project)
    finally:
        (project / name).unlink()


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


def test_a_second_run_over_the_same_files_says_so_and_publishes_nothing(pipeline: Pipeline) -> None:
    served = pipeline.served()
    assert pipeline.finish() == 0, pipeline.output
    assert "Nothing new since 20" in pipeline.output
    assert f"{served} was made from these files" in pipeline.output
    assert pipeline.served() == served


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
    before = pipeline.figures()
    late = "journey_events/load_date=2026-06-05/events.csv"
    pipeline.write({late: NEW_FILES[late].replace("2026-06-04T10:00:00Z", "1780567200")})
    assert pipeline.finish() == 0, pipeline.output
    assert "landing.few_rows_are_rejected" in pipeline.output
    assert pipeline.served().startswith("000002_")
    with duckdb.connect(str(pipeline.folder / "warehouse" / "journeys.duckdb"), read_only=True) as connection:
        reasons = connection.execute("select distinct reject_reason from staging.stg_rejects").fetchall()
    assert ("invalid_occurred_at",) in reasons
    # The entry of that row is not counted; everything else is.
    assert pipeline.figures() == before


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
    next_day = {
        "journey_events/load_date=2026-06-07/events.csv": EVENT_HEADER
        + "e10,journey_entered,welcome,w-5,dan,,2026-06-06T10:00:00Z,2026-06-07T10:05:00Z\n",
        "user_events/load_date=2026-06-07/events.csv": (
            "event_id,event_name,user_id,occurred_at,received_at\n"
            "p9,purchase,dan,2026-06-06T13:00:00Z,2026-06-07T13:05:00Z\n"
        ),
    }
    pipeline.write(next_day)
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.figures() == [("cart", 1, 0), ("welcome", 3, 2)]
    pipeline.write(day)
    assert pipeline.finish() == 0, pipeline.output
    # Cem came on the missing day and bought; Bob's purchase of the first day was delivered with it.
    assert pipeline.figures() == [("cart", 1, 0), ("welcome", 4, 4)]


@pytest.mark.slow
def test_days_can_be_read_again_in_one_run(pipeline: Pipeline) -> None:
    before = pipeline.figures()
    assert pipeline.finish("--from", "2026-06-01", "--to", "2026-06-05") == 0, pipeline.output
    assert pipeline.figures() == before
    assert pipeline.served().startswith("000002_")


@pytest.mark.slow
def test_the_daily_job_on_spark_serves_what_it_serves_on_duckdb(pipeline: Pipeline, tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="Spark is not installed: make setup-spark")
    spark = Pipeline(tmp_path)
    engine = {"DBT_TARGET": "spark", "JOURNEY_WAREHOUSE": str(tmp_path / "warehouse" / "spark.duckdb")}
    spark.write(OLD_FILES)
    assert spark.finish(**engine) == 0, spark.output
    assert spark.figures() == pipeline.figures()
    spark.write(NEW_FILES)
    pipeline.write(NEW_FILES)
    # A new day, and old ones read again.
    assert spark.finish("--from", "2026-06-01", "--to", "2026-06-05", **engine) == 0, spark.output
    assert pipeline.finish() == 0, pipeline.output
    assert spark.figures() == pipeline.figures()
    assert spark.served().startswith("000002_")
    exported = [one.folder / "exports" / "current" / "export_pw_users.csv" for one in (spark, pipeline)]
    assert exported[0].read_text() == exported[1].read_text()


@pytest.mark.slow
def test_a_failing_mart_test_publishes_nothing_and_shows_rows(pipeline: Pipeline, project_copy: Path) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    name = "tests/dbt/singular/assert_no_journey_is_called_welcome.sql"
    text = "select journey_id from {{ ref('dim_journey') }} where journey_id = 'welcome'\n"
    with planted(pipeline, project_copy, name, text) as broken:
        assert broken.finish() == 1
    assert "assert_no_journey_is_called_welcome" in broken.output
    assert "for example journey_id = welcome" in broken.output
    assert pipeline.served() == served
    # Corrected: the next run publishes.
    assert broken.finish() == 0, broken.output
    assert pipeline.served() > served


PLANTED_SUITE = """
suite: planted
description: Planted by a drill.
frames:
  - name: journeys
    key: [journey_id]
    sql: select journey_id from marts.dim_journey
    expectations:
      - name: nobody_is_welcome
        description: No journey is called welcome.
        severity: blocking
        type: expect_column_values_to_not_be_in_set
        kwargs: {column: journey_id, value_set: [welcome]}
"""


@pytest.mark.slow
def test_a_failing_expectation_publishes_nothing_and_shows_rows(
    pipeline: Pipeline, project_copy: Path
) -> None:
    served = pipeline.served()
    with planted(pipeline, project_copy, "expectations/suites/planted.yml", PLANTED_SUITE) as broken:
        assert broken.finish() == 1
    (failed,) = [line for line in broken.output.splitlines() if "planted.nobody_is_welcome" in line]
    assert "welcome" in failed.split("for example")[1]
    assert pipeline.served() == served


@pytest.fixture(scope="module")
def demo_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing files of a small demo data set: enough days to know what is usual."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "simulator", "--out", str(folder), "--events", "20000", "--seed", "7"]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True)
    return folder / "landing"


def rewrite_last_day(landing: Path, tables: str, query: str) -> str:
    """Replace the files of some tables by a query over their `rows`, which may name {is_day}; return the day.

    The last day with an event is complete: later files bring only late rows.
    """
    files = landing / "*_events" / "*" / "*.parquet"
    ((day,),) = duckdb.sql(f"select max(cast(occurred_at as date)) from '{files}'").fetchall()
    is_day = f"cast(occurred_at as date) = date '{day}'"
    for path in landing.glob(f"{tables}/*/*.parquet"):
        rows = duckdb.read_parquet(str(path))
        if rows.filter(is_day).fetchone():
            rows.query("rows", query.format(is_day=is_day)).write_parquet(f"{path}.new")
            Path(f"{path}.new").replace(path)
    return str(day)


@pytest.mark.slow
def test_a_volume_that_drops_to_zero_publishes_nothing_until_the_rest_comes(
    pipeline: Pipeline, demo_landing: Path
) -> None:
    served = pipeline.served()
    shutil.rmtree(pipeline.landing)
    shutil.copytree(demo_landing, pipeline.landing)
    # One table stops while the others go on.
    day = rewrite_last_day(pipeline.landing, "message_events", "select * from rows where not {is_day}")
    assert pipeline.finish() == 1, pipeline.output
    (failed,) = [line for line in pipeline.output.splitlines() if "volume.rows_did_not_collapse" in line]
    assert "message_events" in failed
    assert f"date_day = {day}" in failed
    assert "share_of_usual = 0" in failed
    assert pipeline.served() == served
    # The rest is delivered: the next run publishes.
    shutil.rmtree(pipeline.landing)
    shutil.copytree(demo_landing, pipeline.landing)
    assert pipeline.finish() == 0, pipeline.output
    assert pipeline.served() > served
    assert "rows_did_not_collapse" not in pipeline.output


@pytest.mark.slow
def test_a_volume_times_ten_is_published_with_a_warning(pipeline: Pipeline, demo_landing: Path) -> None:
    served = pipeline.served()
    shutil.rmtree(pipeline.landing)
    shutil.copytree(demo_landing, pipeline.landing)
    # The rows of the day come again and again, under new ids.
    repeat = "select * replace (event_id || '-' || copy as event_id) from rows, range(10) as copies (copy)"
    day = rewrite_last_day(
        pipeline.landing,
        "*_events",
        f"select * exclude (copy) from ({repeat} where {{is_day}})"
        " union all by name select * from rows where not {is_day}",
    )
    assert pipeline.finish() == 0, pipeline.output
    (warned,) = [line for line in pipeline.output.splitlines() if "volume.rows_did_not_multiply" in line]
    assert f"date_day = {day}" in warned
    assert pipeline.served() > served


def audit_has_started(pipeline: Pipeline) -> bool:
    """Whether Dagster noted the start of the audit in the log of the newest run."""
    logs = (pipeline.folder / "home" / "history" / "runs").glob("*-*.db")
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    query = "select 1 from event_logs where step_key = 'audit' and dagster_event_type = 'STEP_START'"
    # A log that was just made has no table yet.
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{newest}?mode=ro", uri=True)) as log,
    ):
        return log.execute(query).fetchone() is not None
    return False


# How to recognise the steps of a run from outside.
MOMENTS: dict[str, Callable[[Pipeline], object]] = {
    "dbt": lambda pipeline: "OK created sql" in pipeline.log,
    "audit": audit_has_started,
    "publish": lambda pipeline: [*(pipeline.folder / "serving").glob(".unfinished-*")],
}


@pytest.mark.slow
def test_a_run_killed_in_any_step_serves_the_old_version_and_the_next_run_goes_on(pipeline: Pipeline) -> None:
    served = pipeline.served()
    pipeline.write(NEW_FILES)
    # Each run comes further than the one before, over what that one left.
    for step, has_come in MOMENTS.items():
        process = pipeline.start()
        try:
            wait_for(lambda has_come=has_come: has_come(pipeline), f"the run did not come to {step}")
            # The process alone, not its group: dbt must end by itself.
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            assert pipeline.served() == served, step
            wait_for(pipeline.is_free, "a process of the killed run still holds the warehouse")
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
