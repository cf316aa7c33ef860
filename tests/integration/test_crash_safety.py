"""Crash safety: what a run that is killed, starved of disk space or fed a broken file leaves behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT

SEED = 20260821
SERVED_SCHEMAS = ("marts", "intermediate", "quality")
# What an unfinished run has still to rebuild: empty in every complete build.
NOTES = {"intermediate.int_touched_keys"}
EVENT_HEADER = "event_id,event_type,journey_id,journey_entry_id,user_id,node_id,occurred_at,received_at\n"
OLD_FILES = {
    "journey_events/load_date=2026-06-03/events.csv": EVENT_HEADER
    + "e1,journey_entered,welcome,w-1,ada,,2026-06-01T09:00:00Z,2026-06-01T09:05:00Z\n"
    + "e2,node_entered,welcome,w-1,ada,hello,2026-06-01T09:00:01Z,2026-06-01T09:05:00Z\n"
    + "e3,journey_exited,welcome,w-1,ada,,2026-06-02T09:00:00Z,2026-06-02T09:05:00Z\n"
    + "e4,journey_entered,welcome,w-2,bob,,2026-06-01T10:00:00Z,2026-06-01T10:05:00Z\n"
    + "e4,journey_entered,welcome,w-2,bob,,2026-06-01T10:00:00Z,2026-06-01T10:05:00Z\n"
    + "e5,journey_entered,cart,c-1,ada,,2026-06-03T10:00:00Z,2026-06-03T10:05:00Z\n"
    + "e6,journey_entered,welcome,w-3,,,2026-06-03T10:00:00Z,2026-06-03T10:05:00Z\n",
    "message_events/load_date=2026-06-03/events.csv": (
        "event_id,event_type,message_id,journey_id,journey_entry_id,user_id,channel,occurred_at,received_at\n"
        "m1,sent,msg-1,welcome,w-1,ada,email,2026-06-01T09:00:02Z,2026-06-01T09:05:00Z\n"
    ),
    "user_events/load_date=2026-06-03/events.csv": (
        "event_id,event_name,user_id,occurred_at,received_at\n"
        "p1,purchase,ada,2026-06-01T12:00:00Z,2026-06-01T12:05:00Z\n"
    ),
    "goals/goals.csv": (
        "journey_id,goal_id,event_name,window_seconds,is_primary\nwelcome,bought,purchase,86400,true\n"
    ),
}
# Rows that change facts, attribution and every mart: a late exit, a new entry and a second conversion.
NEW_FILES = {
    "journey_events/load_date=2026-06-05/events.csv": EVENT_HEADER
    + "e7,journey_exited,cart,c-1,ada,,2026-06-03T11:00:00Z,2026-06-05T11:05:00Z\n"
    + "e8,journey_entered,welcome,w-4,cem,,2026-06-04T10:00:00Z,2026-06-05T10:05:00Z\n"
    + "e9,node_entered,welcome,w-4,cem,hello,2026-06-04T10:00:01Z,2026-06-05T10:05:00Z\n",
    "user_events/load_date=2026-06-05/events.csv": (
        "event_id,event_name,user_id,occurred_at,received_at\n"
        "p2,purchase,bob,2026-06-01T13:00:00Z,2026-06-05T13:05:00Z\n"
        "p3,purchase,cem,2026-06-04T13:00:00Z,2026-06-05T13:05:00Z\n"
    ),
}


@dataclass
class Run:
    """One warehouse of a test, and the runs of the command line into it."""

    landing: Path
    folder: Path

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "journeys.duckdb"

    @property
    def output(self) -> str:
        """What the last run printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def start(self, *options: str) -> subprocess.Popen:
        """Start `python -m orchestration.cli run` in a process group of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.txt").open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", "run", *options],
                cwd=PROJECT_ROOT,
                env={
                    **os.environ,
                    "LANDING": str(self.landing),
                    "JOURNEY_WAREHOUSE": str(self.warehouse),
                    "DBT_TARGET_PATH": str(self.folder / "target"),
                    "DBT_LOG_PATH": str(self.folder / "logs"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # What this process ignores, as a job in the background does, its children would ignore too.
                preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
            )

    def finish(self, *options: str) -> int:
        """Run to the end and return the exit code."""
        return self.start(*options).wait()

    def kill_after(self, seconds: float) -> None:
        """Start a run and kill all its processes with SIGKILL after some seconds."""
        process = self.start()
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wait_for(self.is_free, "a killed process still holds the warehouse")

    def is_free(self) -> bool:
        """Whether no process has the warehouse open; a killed one lets go only when it has been torn down."""
        if not self.warehouse.exists():
            return True
        try:
            duckdb.connect(str(self.warehouse), read_only=True).close()
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            return False
        return True

    def tables(self) -> set[str]:
        """Tables a reader finds now; opening proves that the file is sound. None before the file exists."""
        if not self.warehouse.exists():
            return set()
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return tables_of(connection, "journeys")


def tables_of(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """The served tables of one attached database, as schema.name; views follow from their tables."""
    rows = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where database_name = ? and list_contains(?, schema_name)",
        [database, list(SERVED_SCHEMAS)],
    ).fetchall()
    return {name for (name,) in rows}


def content(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> str:
    """Query of a table's rows with floats rounded to nine digits."""
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns()"
        " where database_name = ? and schema_name || '.' || table_name = ? order by column_name",
        [database, table],
    ).fetchall()
    shown = [f'round("{name}", 9)' if kind in ("DOUBLE", "FLOAT") else f'"{name}"' for name, kind in columns]
    return f"select {', '.join(shown)} from {database}.{table}"


def same(connection: duckdb.DuckDBPyConnection, left: str, right: str, table: str) -> bool:
    """Whether a table holds the same rows in two attached databases."""
    one, other = content(connection, left, table), content(connection, right, table)
    return not connection.execute(
        f"(({one}) except all ({other})) union all (({other}) except all ({one})) limit 1"
    ).fetchall()


def differences(actual: Path, expected: Path) -> list[str]:
    """Served tables that two warehouses do not share row by row."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{actual}' as journeys (read_only)")
        connection.execute(f"attach '{expected}' as expected (read_only)")
        found, wanted = tables_of(connection, "journeys"), tables_of(connection, "expected")
        assert len(wanted) > 50
        return sorted(found ^ wanted) + [
            table for table in sorted(found & wanted) if not same(connection, "journeys", "expected", table)
        ]


def neither_old_nor_new(actual: Path, old: Path, new: Path) -> list[str]:
    """Served tables that are missing, or equal neither of two builds as a whole."""
    with duckdb.connect() as connection:
        for name, path in (("journeys", actual), ("old", old), ("new", new)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        found = tables_of(connection, "journeys")
        return [
            table
            for table in sorted(tables_of(connection, "old") - NOTES)
            if table not in found
            or not (same(connection, "journeys", "old", table) or same(connection, "journeys", "new", table))
        ]


@dataclass
class References:
    """Undisturbed builds of the old and the new files, and how long one took."""

    old: Run
    new: Run
    seconds: float


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> References:
    """Builds both references side by side, which also measures a run."""
    folder = tmp_path_factory.mktemp("crash_safety")
    for landing, files in (("old_files", OLD_FILES), ("new_files", OLD_FILES | NEW_FILES)):
        for name, text in files.items():
            path = folder / landing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            # Rows without a time of receipt take that of the file.
            os.utime(path, (1_780_000_000, 1_780_000_000))
    old = Run(folder / "old_files", folder / "old")
    new = Run(folder / "new_files", folder / "new")
    started = time.monotonic()
    processes = [(run, run.start()) for run in (old, new)]
    for run, process in processes:
        assert process.wait() == 0, run.output
    return References(old, new, time.monotonic() - started)


def spread(kills: int, seconds: float, seed: int) -> list[float]:
    """Random moments of a run, one in each of `kills` equal parts of its length."""
    chance = random.Random(seed)
    return [(part + chance.random()) * seconds / kills for part in range(kills)]


def test_the_next_run_finishes_what_three_killed_runs_began(references: References, tmp_path: Path) -> None:
    run = Run(references.new.landing, tmp_path)
    for seconds in spread(3, references.seconds, SEED):
        run.kill_after(seconds)
        run.tables()
    assert run.finish() == 0, run.output
    assert differences(run.warehouse, references.new.warehouse) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_a_run_killed_at_any_moment_leaves_a_sound_file_and_the_next_run_the_same_result(
    part: int, references: References, tmp_path: Path
) -> None:
    run = Run(references.new.landing, tmp_path)
    moment = spread(20, references.seconds, SEED)[part]
    run.kill_after(moment)
    print(f"killed after {moment:.1f} s with {len(run.tables())} tables")
    assert run.finish() == 0, run.output
    assert differences(run.warehouse, references.new.warehouse) == []


def kill_over_existing(references: References, folder: Path, moments: list[float]) -> None:
    """Kill an incremental run over a warehouse of the old files at each moment, then let one finish."""
    run = Run(references.new.landing, folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(references.old.warehouse, run.warehouse)
    for seconds in moments:
        run.kill_after(seconds)
        assert neither_old_nor_new(run.warehouse, references.old.warehouse, references.new.warehouse) == []
    assert run.finish() == 0, run.output
    assert differences(run.warehouse, references.new.warehouse) == []


def test_three_killed_runs_over_an_existing_warehouse_leave_every_table_old_or_new(
    references: References, tmp_path: Path
) -> None:
    assert differences(references.old.warehouse, references.new.warehouse) != []
    kill_over_existing(references, tmp_path, spread(3, references.seconds, SEED + 2))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_every_table_is_old_or_new_whenever_a_run_over_an_existing_warehouse_is_killed(
    part: int, references: References, tmp_path: Path
) -> None:
    kill_over_existing(references, tmp_path, [spread(20, references.seconds, SEED + 1)[part]])


def alive(process_id: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(process_id: int) -> list[int]:
    """Process numbers of the children of a process."""
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(number) for number in text.split()]


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; give up after five minutes."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


needs_proc = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="needs the process list in /proc",
)


@needs_proc
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "kill"])
def test_dbt_ends_with_the_command_line_that_started_it(
    sent: signal.Signals, references: References, tmp_path: Path
) -> None:
    run = Run(references.new.landing, tmp_path)
    process = run.start()
    try:
        wait_for(lambda: children(process.pid), "dbt did not start")
        (dbt,) = children(process.pid)
        wait_for((run.folder / "logs" / "dbt.log").exists, "dbt wrote no log")
        os.kill(process.pid, sent)
        process.wait()
        wait_for(lambda: not alive(dbt), "dbt runs on without the command line")
        assert not (run.folder / "target" / "run_results.json").exists(), "dbt ran to its end"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@needs_proc
def test_a_run_whose_dbt_was_killed_says_so(references: References, tmp_path: Path) -> None:
    run = Run(references.new.landing, tmp_path)
    process = run.start()
    wait_for(lambda: children(process.pid), "dbt did not start")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    assert process.wait() == 1
    assert "dbt was killed from outside (SIGKILL)" in run.output
    assert "memory_limit" in run.output
    assert "Traceback" not in run.output


# A file system of a fixed size, seen by this script alone: the first run meets its end, the second has room.
SMALL_DISK = """
set -e
mount -t tmpfs -o size="$1" tmpfs "$2"
shift
folder="$1"
shift
cp "$1" "$folder/journeys.duckdb"
shift
set +e
"$@" > "$folder/../first.txt" 2>&1
echo $? > "$folder/../first.code"
set -e
cp "$folder"/journeys.duckdb* "$folder/../after_first/"
mount -o remount,size=1g "$folder"
set +e
"$@" > "$folder/../second.txt" 2>&1
echo $? > "$folder/../second.code"
cp "$folder"/journeys.duckdb* "$folder/../after_second/"
"""


def can_mount() -> bool:
    """Whether this user may mount a file system of its own."""
    if not shutil.which("unshare"):
        return False
    trial = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount a small file system (unshare --mount)")
@pytest.mark.parametrize(
    "free",
    [pytest.param(0, marks=pytest.mark.slow, id="no byte left"), pytest.param(300_000, id="a little left")],
)
def test_a_full_disk_stops_the_run_with_a_sentence_and_loses_nothing(
    free: int, references: References, tmp_path: Path
) -> None:
    for name in ("disk", "after_first", "after_second"):
        (tmp_path / name).mkdir()
    size = references.old.warehouse.stat().st_size + free
    subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "small-disk"),
            *(str(size), str(tmp_path / "disk"), str(references.old.warehouse)),
            *(sys.executable, "-m", "orchestration.cli", "run"),
        ],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "LANDING": str(references.new.landing),
            "JOURNEY_WAREHOUSE": str(tmp_path / "disk" / "journeys.duckdb"),
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
        },
        check=True,
    )
    first = (tmp_path / "first.txt").read_text()
    assert (tmp_path / "first.code").read_text().strip() in ("1", "2"), first
    assert "There is no space left to write" in first
    assert "Free space in" in first
    assert "Traceback" not in first
    stopped = tmp_path / "after_first" / "journeys.duckdb"
    assert neither_old_nor_new(stopped, references.old.warehouse, references.new.warehouse) == []
    assert (tmp_path / "second.code").read_text().strip() == "0", (tmp_path / "second.txt").read_text()
    finished = tmp_path / "after_second" / "journeys.duckdb"
    assert differences(finished, references.new.warehouse) == []


def test_a_broken_file_among_good_ones_stops_the_run_and_leaves_every_table_as_it_was(
    references: References, tmp_path: Path
) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(references.new.landing, landing)
    broken = landing / "user_events" / "load_date=2026-06-06" / "cut.parquet"
    broken.parent.mkdir()
    broken.write_bytes(b"PAR1 cut off")
    run = Run(landing, tmp_path / "run")
    run.folder.mkdir()
    shutil.copy(references.old.warehouse, run.warehouse)
    assert run.finish() == 1
    assert "cut.parquet" in run.output
    assert "deliver it again" in run.output
    assert "Traceback" not in run.output
    assert differences(run.warehouse, references.old.warehouse) == []
