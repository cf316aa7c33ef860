"""The command line: what a user sees, when dbt runs, and what stops a run."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from orchestration import cli
from orchestration.build import PROJECT_ROOT, DbtResult

JOURNEY_EVENTS = """event_id,event_type,journey_id,journey_entry_id,user_id,node_id,occurred_at,reason_code
e1,journey_entered,welcome,welcome-1,ada,,2026-06-01T09:00:00Z,
e2,node_entered,welcome,welcome-1,ada,hello,2026-06-01T09:00:01Z,
e3,journey_exited,welcome,welcome-1,ada,,2026-06-02T09:00:00Z,completed
e4,journey_entered,welcome,welcome-2,bob,,2026-06-01T10:00:00Z,
e4,journey_entered,welcome,welcome-2,bob,,2026-06-01T10:00:00Z,
e5,journey_entered,cart,cart-1,ada,,2026-06-03T10:00:00Z,
e6,journey_entered,welcome,welcome-3,,,2026-06-03T10:00:00Z,
"""
MESSAGE_EVENTS = """event_id,event_type,message_id,journey_id,journey_entry_id,user_id,channel,occurred_at
m1,sent,msg-1,welcome,welcome-1,ada,email,2026-06-01T09:00:02Z
"""
USER_EVENTS = """event_id,event_name,user_id,occurred_at
p1,purchase,ada,2026-06-01T12:00:00Z
"""
JOURNEYS = """journey_id,journey_name,status
welcome,"Welcome, ""friend"" \x1b[31m[bold]",active
cart,Cart recovery,paused
"""
GOALS = """journey_id,goal_id,event_name,window_seconds,is_primary
welcome,bought,purchase,86400,true
"""


@dataclass
class Workspace:
    """A landing folder and a warehouse built from it by the command line."""

    landing: Path
    warehouse: Path
    output: str = ""

    def run(self, *options: str, environment: dict | None = None) -> subprocess.CompletedProcess:
        """Call the command line the way `make run` does, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "run", *options],
            cwd=PROJECT_ROOT,
            env={
                **os.environ,
                "LANDING": str(self.landing),
                "JOURNEY_WAREHOUSE": str(self.warehouse),
                "DBT_TARGET_PATH": str(self.warehouse.parent / "target"),
                "DBT_LOG_PATH": str(self.warehouse.parent / "logs"),
                **(environment or {}),
            },
            capture_output=True,
            text=True,
            check=False,
        )


def write_landing(landing: Path) -> None:
    """Two journeys, one message, one conversion, one duplicate and one row without a user."""
    for table, text in {
        "journey_events": JOURNEY_EVENTS,
        "message_events": MESSAGE_EVENTS,
        "user_events": USER_EVENTS,
        "journeys": JOURNEYS,
        "goals": GOALS,
    }.items():
        (landing / table).mkdir(parents=True)
        (landing / table / f"{table}.csv").write_text(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace after one real run."""
    folder = tmp_path_factory.mktemp("command_line")
    write_landing(folder / "landing")
    workspace = Workspace(folder / "landing", folder / "warehouse" / "journeys.duckdb")
    result = workspace.run()
    assert result.returncode == 0, result.stdout + result.stderr
    workspace.output = result.stdout
    return workspace


@pytest.fixture
def workspace(built: Workspace, tmp_path: Path) -> Workspace:
    """The built workspace with a warehouse of its own, so that a test may change it."""
    warehouse = tmp_path / "journeys.duckdb"
    shutil.copy(built.warehouse, warehouse)
    return Workspace(built.landing, warehouse, built.output)


def overview(output: str) -> str:
    """The part of the output that a build and a repeated run have in common."""
    return output[output.index("Journeys, all time") : output.index("Warehouse:")]


def test_run_shows_each_journey_with_its_numbers(built: Workspace) -> None:
    lines = [line.split() for line in overview(built.output).splitlines()]
    welcome = next(line for line in lines if "Welcome," in line)
    cart = next(line for line in lines if "Cart" in line)
    assert welcome[-8:] == ["active", "2", "2", "1", "1", "1", "1", "50.00"]
    assert cart == ["Cart", "recovery", "paused", "1", "1", "1", "0", "0", "0", "0.00"]
    assert lines.index(welcome) < lines.index(cart)


def test_run_accounts_for_every_raw_row_and_warns_about_rejected_ones(built: Workspace) -> None:
    assert (
        "Rows: 12 raw = 10 accepted + 1 duplicates + 1 rejected + 0 of test users + 0 received after as_of"
        in built.output
    )
    assert "Warning: 1 of 12 raw rows could not be used." in built.output
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        hint = "select reject_reason, count(*) from staging.stg_rejects group by 1"
        assert hint in built.output
        assert connection.execute(hint).fetchall() == [("missing_user_id", 1)]


def test_run_ends_with_the_way_to_the_warehouse(built: Workspace) -> None:
    assert f"Warehouse: {built.warehouse}" in built.output
    query = next(line for line in built.output.splitlines() if line.startswith("Query it:"))
    program = query.split('-c "')[1].removesuffix('"')
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "converted_users" in shown.stdout


def test_output_without_a_terminal_is_plain_lines(built: Workspace) -> None:
    assert "\x1b" not in built.output
    assert "\r" not in built.output
    assert "models built" in built.output
    assert 'Welcome, "friend" ?[31m[bold]' in built.output


def test_second_run_on_unchanged_files_says_so_and_shows_the_same_overview(workspace: Workspace) -> None:
    result = workspace.run()
    assert result.returncode == 0, result.stderr
    assert "Nothing new since" in result.stdout
    assert "models built" not in result.stdout
    assert overview(result.stdout) == overview(workspace.output)


def test_failed_build_names_the_problem_and_is_not_taken_for_a_success(workspace: Workspace) -> None:
    result = workspace.run("--vars", '{"conversion_boundary": "sometimes"}')
    assert result.returncode == 1
    assert "The build failed:" in result.stdout
    assert "conversion_boundary must be inclusive or exclusive, got 'sometimes'" in result.stdout
    assert cli.last_success(workspace.warehouse) is None


def test_unreadable_file_is_named(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copytree(workspace.landing, tmp_path / "landing")
    (tmp_path / "landing" / "user_events" / "half.parquet").write_bytes(b"PAR1 cut off")
    result = Workspace(tmp_path / "landing", workspace.warehouse).run()
    assert result.returncode == 1
    assert "half.parquet" in result.stdout


@pytest.mark.parametrize("closed", [".", "user_events"], ids=["landing root", "table folder"])
def test_a_folder_that_cannot_be_read_is_named(closed: str) -> None:
    # Not below tmp_path, whose parents only their owner may enter; root may read anything, so it steps down.
    with tempfile.TemporaryDirectory() as name:
        landing, user = Path(name), os.geteuid()
        landing.chmod(0o755)
        write_landing(landing)
        (landing / closed).chmod(0)
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(cli.RunError, match="cannot be read") as stopped:
                cli.fingerprint(landing, {})
        finally:
            os.seteuid(user)
            (landing / closed).chmod(0o755)
    assert str(landing / closed) in str(stopped.value)


class FakeBuild:
    """Stands in for dbt where a test asks only whether it would run."""

    def __init__(self) -> None:
        self.calls = 0
        self.success = True

    def __call__(self, *_: object, **__: object) -> DbtResult:
        self.calls += 1
        return DbtResult(success=self.success, stdout="", errors=[] if self.success else ["Binder Error"])


@pytest.fixture
def fake_build(monkeypatch: pytest.MonkeyPatch) -> FakeBuild:
    """Replaces the dbt build of this process."""
    build = FakeBuild()
    monkeypatch.setattr(cli, "build", build)
    return build


def run_here(workspace: Workspace, *options: str) -> int:
    """Call the command line in this process."""
    return cli.main(
        [
            "run",
            "--landing",
            str(workspace.landing),
            "--warehouse",
            str(workspace.warehouse),
            "--wait",
            "0",
            *options,
        ]
    )


def touch(path: Path) -> None:
    """Give a file another modification time."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is new": lambda landing: (landing / "journey_events" / "late.csv").write_text("event_id\n"),
    "a file is gone": lambda landing: (landing / "goals" / "goals.csv").unlink(),
    "a file is longer": lambda landing: (landing / "goals" / "goals.csv").write_text(GOALS + "\n"),
    "a file was replaced": lambda landing: touch(landing / "goals" / "goals.csv"),
    "a file moved": lambda landing: (landing / "goals" / "goals.csv").rename(landing / "goals" / "moved.csv"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_dbt_runs_again_when(
    change: str, workspace: Workspace, fake_build: FakeBuild, tmp_path: Path
) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(workspace.landing, landing)
    mine = Workspace(landing, workspace.warehouse)
    assert run_here(mine) == 0
    assert run_here(mine) == 0
    assert fake_build.calls == 1
    CHANGES[change](landing)
    assert run_here(mine) == 0
    assert fake_build.calls == 2


def test_dbt_runs_again_with_force_or_other_variables(workspace: Workspace, fake_build: FakeBuild) -> None:
    assert run_here(workspace) == 0
    assert fake_build.calls == 0
    assert run_here(workspace, "--force") == 0
    assert fake_build.calls == 1
    assert run_here(workspace, "--vars", '{"reporting_timezone": "Asia/Tokyo"}') == 0
    assert fake_build.calls == 2
    assert run_here(workspace, "--vars", '{"reporting_timezone": "Asia/Tokyo"}') == 0
    assert fake_build.calls == 2


def test_dbt_runs_again_after_a_failure_even_if_the_files_are_as_before(
    workspace: Workspace, fake_build: FakeBuild
) -> None:
    fake_build.success = False
    assert run_here(workspace, "--force") == 1
    fake_build.success = True
    assert run_here(workspace) == 0
    assert fake_build.calls == 2


def test_dbt_runs_again_when_the_project_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in cli.PROJECT_SOURCES:
        path = tmp_path / "project" / source
        if (PROJECT_ROOT / source).is_dir():
            path.mkdir(parents=True)
            (path / "file.sql").write_text("select 1")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("text")
    (tmp_path / "landing").mkdir()
    monkeypatch.setattr(cli, "PROJECT_ROOT", tmp_path / "project")
    seen = {cli.fingerprint(tmp_path / "landing", {})}
    assert cli.fingerprint(tmp_path / "landing", {}) in seen
    for file in sorted((tmp_path / "project").rglob("*.*")):
        file.write_text(file.read_text() + "\n")
        seen.add(cli.fingerprint(tmp_path / "landing", {}))
    assert len(seen) == 1 + len(cli.PROJECT_SOURCES)


def test_missing_landing_folder_is_a_sentence_and_creates_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    nowhere = Workspace(tmp_path / "nowhere", tmp_path / "new" / "journeys.duckdb")
    assert run_here(nowhere) == 2
    message = capsys.readouterr().err
    assert f"The landing folder {tmp_path / 'nowhere'} does not exist. Set LANDING" in message
    assert "Traceback" not in message
    assert not (tmp_path / "new").exists()


def test_a_run_for_another_engine_says_which_commands_there_are(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DBT_TARGET", "spark")
    assert run_here(workspace) == 2
    assert "Build on Spark with 'make spark'" in capsys.readouterr().err


def test_second_run_at_the_same_time_stops_with_the_process_number(
    workspace: Workspace, capsys: pytest.CaptureFixture
) -> None:
    with workspace.warehouse.with_name("journeys.duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        assert run_here(workspace) == 2
    assert "Another run (process 4711) is writing" in capsys.readouterr().err


def test_second_run_waits_for_the_first(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    with workspace.warehouse.with_name("journeys.duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(lock, fcntl.LOCK_UN))
        with cli.run_lock(workspace.warehouse, 60, Console(file=output)):
            assert workspace.warehouse.with_name("journeys.duckdb.lock").read_text() == str(os.getpid())
    assert "Waiting for another run" in output.getvalue()


def test_warehouse_open_in_another_program_is_a_sentence(workspace: Workspace) -> None:
    with duckdb.connect(str(workspace.warehouse)):
        result = workspace.run()
    assert result.returncode == 2
    assert f"is open in another program (process {os.getpid()}). Close it there" in result.stderr
    assert "Traceback" not in result.stderr


def test_file_that_is_no_warehouse_is_left_alone(workspace: Workspace, capsys: pytest.CaptureFixture) -> None:
    workspace.warehouse.write_text("my notes, longer than a file header of sixteen bytes" * 100)
    before = workspace.warehouse.read_bytes()
    assert run_here(workspace) == 2
    assert "cannot be opened as a DuckDB file" in capsys.readouterr().err
    assert workspace.warehouse.read_bytes() == before


def test_warehouse_that_cannot_be_written_is_a_sentence(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert run_here(Workspace(workspace.landing, tmp_path / "file" / "journeys.duckdb")) == 2
    assert f"The folder {tmp_path / 'file'} cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{as_of}", "[1]", '"text"'])
def test_variables_must_be_a_json_object(text: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--vars", text])
    assert stop.value.code == 2
    assert "JSON" in capsys.readouterr().err


def dbt_event(event: str, node: str, status: str, **data: object) -> dict:
    """A dbt log event as the child process reports it."""
    return {
        "info": {"name": event, "level": "info", "msg": ""},
        "data": {"node_info": {"node_name": node, "node_status": status}, **data},
    }


def test_terminal_shows_models_done_of_total_and_the_current_one() -> None:
    output = io.StringIO()
    with cli.BuildProgress(Console(file=output, force_terminal=True, width=120)) as progress:
        progress.on_event({"info": {"name": "FoundStats"}, "data": {"stat_line": "2 models, 3 data tests"}})
        progress.on_event(dbt_event("LogStartLine", "stg_journeys", "started"))
        progress.on_event(dbt_event("LogModelResult", "stg_journeys", "success"))
        progress.on_event(dbt_event("LogStartLine", "mart_journey_overview", "started"))
    assert "1/2" in output.getvalue()
    assert "mart_journey_overview" in output.getvalue()


def test_checks_that_warn_are_counted_apart_and_named() -> None:
    progress = cli.BuildProgress(Console(file=io.StringIO()))
    progress.on_event(dbt_event("LogTestResult", "t1", "pass", name="t1", num_failures=0))
    progress.on_event(dbt_event("LogTestResult", "t2", "warn", name="t2", num_failures=3))
    assert progress.checks_passed == 1
    assert progress.warnings == ["t2: 3 rows"]


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run make with the project's Makefile in another folder."""
    shutil.copy(PROJECT_ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    # The tests may run under make themselves; its options must not reach this call.
    variables = os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0"} | environment
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


@needs_make
def test_make_alone_lists_every_command(tmp_path: Path) -> None:
    result = make(tmp_path)
    targets = next(
        line for line in (PROJECT_ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY")
    )
    assert result.returncode == 0
    for target in targets.split()[1:]:
        assert f"\n  {target} " in result.stdout


def tools_without_python(folder: Path) -> Path:
    """A folder for PATH with everything the Makefile calls except Python."""
    folder.mkdir()
    for tool in ("make", "sh", "sed", "touch", "rm"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


@needs_make
def test_setup_without_python_is_a_sentence(tmp_path: Path) -> None:
    tools = tools_without_python(tmp_path / "tools")
    result = make(tmp_path, "setup", PATH=str(tools))
    assert result.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 was found" in result.stderr


@needs_make
def test_setup_without_the_venv_module_is_a_sentence(tmp_path: Path) -> None:
    tools = tools_without_python(tmp_path / "tools")
    # Answers the version question with yes and every other program with no.
    (tools / "python3").write_text('#!/bin/sh\ncase "$2" in *version_info*) exit 0;; *) exit 1;; esac\n')
    (tools / "python3").chmod(0o755)
    result = make(tmp_path, "setup", PATH=str(tools))
    assert result.returncode != 0
    assert "python3 cannot create virtual environments" in result.stderr


@needs_make
def test_setup_runs_only_when_the_lock_changed(tmp_path: Path) -> None:
    assert make(tmp_path, "-q", "setup").returncode == 1
    stamp = tmp_path / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    touch(stamp)
    assert make(tmp_path, "-q", "setup").returncode == 0


@needs_make
def test_run_generates_demo_data_only_when_no_landing_folder_is_given(tmp_path: Path) -> None:
    environment = dict.fromkeys(("LANDING", "WAREHOUSE", "VARS", "FORCE"), "")
    assert "simulator" in make(tmp_path, "-n", "run", **environment).stdout
    assert "simulator" not in make(tmp_path, "-n", "run", **{**environment, "LANDING": "mine"}).stdout


@needs_make
def test_docs_without_a_warehouse_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    touch(tmp_path / ".venv" / ".installed")
    result = make(tmp_path, "docs", WAREHOUSE="nowhere.duckdb")
    assert result.returncode != 0
    assert "There is no warehouse at nowhere.duckdb. Run 'make run' first." in result.stderr


@needs_make
def test_clean_removes_what_was_built_and_keeps_landing_files(tmp_path: Path) -> None:
    for folder in ("warehouse", "demo", "target", "logs", "landing"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    assert make(tmp_path, "clean").returncode == 0
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"Makefile", "requirements.lock", "landing"}
    assert (tmp_path / "landing" / "file").exists()
