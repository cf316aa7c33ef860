"""The Dagster project loads as a whole, and decides right: sensor, schedule, alerts, settings."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest
from rich.console import Console

from orchestration.alerts import RunFailure, report_failure
from orchestration.assets import audited_fingerprint, lease_resource, mark_audited, newest_change, transient
from orchestration.automation import REPORTS_ITSELF, failure_sensor, landing_sensor
from orchestration.build import PROJECT_ROOT
from orchestration.cli import RunError, fingerprint, remember_success, run_lock
from orchestration.landing_state import (
    LandingFile,
    Watch,
    list_files,
    look,
    newest_event,
    read_landing,
    state_of,
)
from orchestration.pipeline import end_dead_runs, prepare_home
from orchestration.project import build_definitions
from orchestration.settings import Settings, read_settings
from tests.integration.test_publish import fill

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.SupersessionWarning")


def settings_in(folder: Path, **changes: str) -> Settings:
    """Settings with every place below a folder."""
    places = {"LANDING": "landing", "JOURNEY_WAREHOUSE": "warehouse/journeys.duckdb", "SERVING": "serving"}
    places |= {"EXPORTS": "exports", "DAGSTER_HOME": "home"}
    return read_settings({**{name: str(folder / path) for name, path in places.items()}, **changes})


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The definitions over an empty folder."""
    folder = tmp_path_factory.mktemp("definitions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        return build_definitions(settings_in(folder, PIPELINE_TIME="02:30", PIPELINE_ZONE="Europe/Berlin"))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> dg.AssetGraph:
    """All assets and checks with what they depend on."""
    return definitions.resolve_asset_graph()


def test_everything_loads(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
    assert {job.name for job in definitions.resolve_all_job_defs()} >= {"daily", "backfill"}


def test_every_model_and_landing_table_is_an_asset(graph: dg.AssetGraph) -> None:
    models = {path.stem for path in (PROJECT_ROOT / "models").rglob("*.sql")}
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert models <= {key.rpartition("/")[2] for key in keys}
    staged = {name.removeprefix("stg_contract__") for name in models if name.startswith("stg_contract__")}
    assert {f"landing/{table}" for table in staged} == {key for key in keys if key.startswith("landing/")}
    for table in staged:
        parents = graph.get(dg.AssetKey(["staging", f"stg_contract__{table}"])).parent_keys
        assert dg.AssetKey(["landing", table]) in parents


def test_every_asset_has_a_group_an_owner_a_description_and_kinds(graph: dg.AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.owners, key
        assert node.description, key
        assert node.kinds, key


def test_every_schedule_and_sensor_says_what_it_does(definitions: dg.Definitions) -> None:
    automations = [*definitions.schedules, *definitions.sensors]
    assert len(automations) == 3
    assert [one.name for one in automations if not one.description] == []


def test_every_data_test_is_a_check_and_errors_block(graph: dg.AssetGraph) -> None:
    singular = {path.stem for path in (PROJECT_ROOT / "tests" / "dbt" / "singular").glob("*.sql")}
    checks = {key.name: graph.get(key) for key in graph.asset_check_keys}
    assert singular <= {*checks}
    for name in ("assert_every_raw_row_is_accounted_for", "assert_rolled_up_rows_agree_with_the_facts"):
        assert checks[name].blocking


def test_publish_and_exports_come_after_every_blocking_check(
    definitions: dg.Definitions, graph: dg.AssetGraph
) -> None:
    published = graph.get(dg.AssetKey("publish")).parent_keys
    judged = {key.asset_key for key in graph.asset_check_keys if key.name == "expectations"}
    served = {key for key in judged if key.path[0] in ("marts", "quality")}
    assert served
    assert served <= published
    assert {key for key in graph.get_all_asset_keys() if key.path[0] in ("marts", "quality")} <= published
    assert graph.get(dg.AssetKey("exports")).parent_keys == {dg.AssetKey("publish")}
    steps = definitions.resolve_job_def("daily").graph.dependencies
    upstream = {
        output.node for node, inputs in steps.items() if node.name == "publish" for output in _outputs(inputs)
    }
    assert {"dbt_build", "audit"} <= upstream


def _outputs(inputs: dict) -> Iterator[object]:
    """Every output that the inputs of one step wait for."""
    for dependency in inputs.values():
        yield from dependency.get_node_dependencies()


def test_a_backfill_of_many_days_is_one_run(graph: dg.AssetGraph) -> None:
    load_days = graph.get(dg.AssetKey("load_days"))
    assert load_days.backfill_policy == dg.BackfillPolicy.single_run()
    assert load_days.partitions_def.has_partition_key("2026-03-01")


def test_a_removed_source_is_a_change_too(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "one.sql").write_text("select 1")
    for path in (folder / "one.sql", folder):
        os.utime(path, (1000, 1000))
    assert newest_change([folder, folder / "one.sql"]) == 1000
    (folder / "one.sql").unlink()
    assert newest_change([folder]) > 1000


def test_one_run_at_a_time_writes_the_warehouse(definitions: dg.Definitions) -> None:
    nodes = {node.name: node for node in definitions.resolve_job_def("backfill").graph.nodes}
    for name in ("dbt_build", "audit", "publish", "load_days"):
        assert nodes[name].definition.pool == "warehouse", name
    assert "default_limit: 1" in (PROJECT_ROOT / "orchestration" / "dagster.yaml").read_text()


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        # Clocks go forward: there is no 02:30, the run starts at 03:00. Back: 02:30 comes twice, one run.
        ("2026-03-29", ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"]),
        ("2026-10-25", ["2026-10-24 02:30", "2026-10-25 02:30", "2026-10-26 02:30"]),
    ],
)
def test_the_schedule_runs_once_a_day_when_the_clocks_change(
    night: str, expected: list[str], definitions: dg.Definitions
) -> None:
    from dagster._utils.schedules import schedule_execution_time_iterator

    schedule = definitions.resolve_schedule_def("daily")
    zone = ZoneInfo(schedule.execution_timezone)
    start = datetime.fromisoformat(night).replace(tzinfo=zone) - timedelta(days=1)
    times = schedule_execution_time_iterator(start.timestamp(), schedule.cron_schedule, str(zone), True)
    found = [next(times).astimezone(zone) for _ in expected]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in found] == expected


def test_a_run_starts_once_for_a_delivery_and_only_when_it_is_complete() -> None:
    events = [
        # (seconds, what lies in the folder, whether a run starts)
        (0, "empty", False),
        (60, "half", False),
        (119, "half", False),
        (130, "whole", False),
        (189, "whole", False),
        (190, "whole", True),
        (250, "whole", False),
        (900, "whole", False),
        (910, "more", False),
        (970, "more", True),
        # Going back to an older state is a change too, with a key of its own.
        (1000, "whole", False),
        (1060, "whole", True),
    ]
    watch = Watch(started="empty")
    keys = []
    for now, state, starts in events:
        watch, key = look(Watch.load(watch.dump()), state, now, 60)
        assert (key is not None) == starts, now
        keys += [key] if key else []
    assert len({*keys}) == 3


def test_the_sensor_asks_for_one_run_and_keeps_its_place(
    tmp_path: Path, definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path, LANDING_QUIET_SECONDS="60")
    sensor = landing_sensor(settings, definitions.resolve_job_def("daily"))
    now = 1_000_000.0
    monkeypatch.setattr("orchestration.automation.time.time", lambda: now)
    cursor = None

    def tick() -> list[str]:
        nonlocal cursor
        result = sensor.evaluate_tick(dg.build_sensor_context(cursor=cursor))
        cursor = result.cursor
        return [request.run_key for request in result.run_requests]

    with pytest.raises(Exception, match="cannot be reached") as caught:
        tick()
    assert "set LANDING" in str(caught.value)
    (settings.landing / "journey_events").mkdir(parents=True)
    (settings.landing / "journey_events" / "one.csv").write_text("a\n1\n")
    assert tick() == []
    now += 59
    assert tick() == []
    now += 2
    (first,) = tick()
    now += 600
    assert tick() == []
    (settings.landing / "journey_events" / "late.csv").write_text("a\n2\n")
    assert tick() == []
    now += 61
    (second,) = tick()
    assert first != second
    # Files that another run has served meanwhile need no run of their own.
    (settings.landing / "journey_events" / "third.csv").write_text("a\n3\n")
    assert tick() == []
    served = fingerprint(settings.landing, {})
    settings.published.publish(fill(tmp_path / "working.duckdb", 1), fingerprint=served, run_id="1")
    now += 61
    assert tick() == []
    now += 600
    assert tick() == []


def test_names_that_a_run_ignores_are_no_delivery(tmp_path: Path) -> None:
    folder = tmp_path / "journey_events"
    (folder / ".hidden").mkdir(parents=True)
    (folder / "one.csv").write_text("a\n1\n")
    before = state_of(read_landing(tmp_path))
    for name in ("_wait.csv", ".one.csv.part", ".hidden/two.csv"):
        (folder / name).write_text("a\n1\n")
    assert state_of(read_landing(tmp_path)) == before
    (folder / "one.csv").write_text("a\n12\n")
    assert state_of(read_landing(tmp_path)) != before


def test_the_day_of_a_file_is_that_of_its_folder(tmp_path: Path) -> None:
    modified = int(datetime(2026, 5, 3, 23, tzinfo=UTC).timestamp() * 1e9)
    assert LandingFile(Path("/l/users/load_date=2026-05-01/a.csv"), 1, modified).load_day == date(2026, 5, 1)
    assert LandingFile(Path("/l/users/a.csv"), 1, modified).load_day == date(2026, 5, 3)


def test_freshness_is_that_of_the_events_not_of_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "journey_events"
    folder.mkdir()
    assert newest_event("journey_events", []) is None
    (folder / "a.csv").write_text(
        "event_id,occurred_at\n1,2026-05-01T10:00:00Z\n2,2026-05-01T14:00:00+03:00\n"
    )
    (folder / "b.jsonl").write_text('{"occurred_at": "2026-05-01T10:30:00Z"}\n{"occurred_at": "never"}\n')
    (folder / "broken.parquet").write_bytes(b"PAR1 cut off")
    assert newest_event("journey_events", list_files(folder)) == datetime(2026, 5, 1, 11, tzinfo=UTC)
    duckdb.sql("select timestamp '2026-05-02 08:00:00' as occurred_at").write_parquet(
        str(folder / "c.parquet")
    )
    assert newest_event("journey_events", list_files(folder)) == datetime(2026, 5, 2, 8, tzinfo=UTC)
    assert newest_event("journeys", list_files(folder)) is None


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it receives."""

    received: list[dict] = []  # noqa: RUF012
    answer = 200

    def do_POST(self) -> None:
        """Keep the body and give the answer of the test."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(body))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """Address of a local webhook."""
    Hook.received, Hook.answer = [], 200
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alerts"
    server.shutdown()
    thread.join()
    server.server_close()


FAILURE = RunFailure("run-1", "daily", "2026-05-01T04:00:00+00:00", "audit: too few rows")


def test_a_failure_is_written_to_the_log_and_posted(tmp_path: Path, webhook: str) -> None:
    log = tmp_path / "home" / "failures.jsonl"
    assert report_failure(FAILURE, log, webhook) is None
    assert report_failure(FAILURE, log, None) is None
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["text"] for line in lines] == ["audit: too few rows"] * 2
    assert [message["text"] for message in Hook.received] == ["daily failed: audit: too few rows"]
    assert Hook.received[0]["run_id"] == "run-1"


def test_a_webhook_that_fails_is_written_to_the_log(tmp_path: Path, webhook: str) -> None:
    log = tmp_path / "failures.jsonl"
    Hook.answer = 500
    assert "did not take the message" in report_failure(FAILURE, log, webhook)
    assert "did not take the message" in report_failure(FAILURE, log, "http://127.0.0.1:1/none")
    assert all("webhook_error" in json.loads(line) for line in log.read_text().splitlines())


def test_the_failure_sensor_reports_a_failed_run(
    tmp_path: Path, webhook: str, definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path, ALERT_WEBHOOK=webhook)
    sensor = failure_sensor(settings)

    @dg.op
    def breaks() -> None:
        raise dg.Failure("the disk is full", allow_retries=False)

    @dg.job
    def daily() -> None:
        breaks()

    with dg.DagsterInstance.ephemeral() as instance:
        for tags in ({}, {REPORTS_ITSELF: "true"}):
            result = daily.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
            context = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            ).for_run_failure()
            sensor(context)
    assert [message["text"] for message in Hook.received] == ["daily failed: breaks: the disk is full"]
    assert len(settings.failure_log.read_text().splitlines()) == 1


def test_only_a_fault_that_passes_by_itself_is_tried_again() -> None:
    assert transient(
        "/w/journeys.duckdb is open in another program (process 7). Close it there, then run again."
    )
    assert transient("Another run (process 7) is writing /w/journeys.duckdb.")
    assert not transient("assert_every_raw_row_is_accounted_for: Got 1 result, configured to fail if != 0")
    assert not transient("There is no space left to publish")


def test_only_the_build_that_was_audited_is_published(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.warehouse.parent.mkdir()
    with pytest.raises(RunError, match="did not pass the audit since it was built"):
        audited_fingerprint(settings)
    remember_success(settings.warehouse, "files 1")
    with pytest.raises(RunError, match="did not pass the audit since it was built"):
        audited_fingerprint(settings)
    mark_audited(settings, "run-1")
    assert audited_fingerprint(settings) == "files 1"
    remember_success(settings.warehouse, "files 2")
    with pytest.raises(RunError, match="make pipeline"):
        audited_fingerprint(settings)


def test_a_run_holds_the_warehouse_from_its_first_step_to_its_last(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)

    @dg.asset(required_resource_keys={"lease"})
    def build(context) -> None:
        context.resources.lease.hold()

    @dg.asset(deps=[build])
    def between() -> None:
        with pytest.raises(RunError, match="Another run"), run_lock(settings.warehouse, 0, Console()):
            pass

    definitions = dg.Definitions(
        assets=[build, between],
        jobs=[dg.define_asset_job("both", executor_def=dg.in_process_executor)],
        resources={"lease": lease_resource(settings)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def("both").execute_in_process(instance=instance).success
    with run_lock(settings.warehouse, 0, Console()):
        pass


def test_the_home_of_dagster_holds_the_projects_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = settings_in(tmp_path)
    prepare_home(settings)
    prepare_home(settings)
    assert "enabled: false" in (settings.home / "dagster.yaml").read_text()
    assert os.environ["DAGSTER_HOME"] == str(settings.home)
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled


def test_a_killed_run_gives_its_place_back_when_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = settings_in(tmp_path)
    prepare_home(settings)

    @dg.job
    def daily() -> None:
        pass

    with dg.DagsterInstance.get() as instance:
        headless, scheduled = (
            instance.create_run_for_job(daily, tags=tags, status=dg.DagsterRunStatus.STARTED).run_id
            for tags in ({REPORTS_ITSELF: "true"}, {})
        )

        def statuses() -> list[dg.DagsterRunStatus]:
            return [instance.get_run_by_id(run_id).status for run_id in (headless, scheduled)]

        with run_lock(settings.warehouse, 0, Console()):
            assert end_dead_runs(settings, only_headless=False) == 0
        assert end_dead_runs(settings, only_headless=True) == 1
        assert statuses() == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]
        assert end_dead_runs(settings, only_headless=False) == 1
        assert statuses() == [dg.DagsterRunStatus.FAILURE] * 2


def test_each_engine_has_a_warehouse_file_of_its_own() -> None:
    names = {engine: read_settings({"DBT_TARGET": engine}).warehouse.name for engine in ("duckdb", "spark")}
    assert names == {"duckdb": "journeys.duckdb", "spark": "spark.duckdb"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"PIPELINE_TIME": "4 am"}, "Set it to a time of day"),
        ({"PIPELINE_TIME": "24:00"}, "Set it to a time of day"),
        ({"PIPELINE_ZONE": "Istanbul"}, "Set it to an IANA time zone"),
        ({"EXPORT_FORMATS": "pdf"}, "Set it to csv, xlsx or both"),
        ({"LANDING_QUIET_SECONDS": "soon"}, "Set it to a whole number"),
        ({"ALERT_WEBHOOK": "chat"}, "starts with https://"),
        ({"DBT_TARGET": "sparks"}, "Set it to duckdb or spark"),
        ({"VARS": "[]"}, "must be a JSON object"),
        ({"VARS": "{"}, "not valid JSON"),
    ],
)
def test_an_impossible_setting_says_what_to_change(
    changes: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=sentence):
        settings_in(tmp_path, **changes)
