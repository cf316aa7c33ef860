"""Publishing: readers always see one whole version, whatever happens to the writer of the next one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT
from orchestration.publish import UNFINISHED, PublishError, Serving, _check, main

FACT_ROWS = 1000
# Storage version 64: what DuckDB 1.0 wrote, so what every client since then reads.
OLDEST_READABLE_STORAGE = 64
# Prints one JSON line for each reading: what every place of the version said, and whether it was one version.
READER = """
import json, sys, time
from pathlib import Path
import duckdb
serving, stop = Path(sys.argv[1]), Path(sys.argv[2])
tables = ["marts.fct_messages", "marts.mart_overview", "quality.quality_load_audit"]
def markers(connection):
    ask = "select min(marker), max(marker) from "
    found = [connection.execute(ask + table).fetchone() for table in tables]
    (run,) = connection.execute("select cast(run_id as integer) from meta.published_version").fetchone()
    return sorted({run, *(marker for pair in found for marker in pair)})
held, held_markers = duckdb.connect(str(serving / "journeys.duckdb"), read_only=True), None
while not stop.exists():
    line = {}
    try:
        with duckdb.connect(str(serving / "journeys.duckdb"), read_only=True) as connection:
            line["new"] = markers(connection)
        folder = (serving / "current").resolve()
        paths = [str(folder / "parquet" / f"{table.replace('.', '/')}.parquet") for table in tables]
        sql = "select distinct marker from read_parquet(?) order by 1"
        line["parquet"] = [marker for (marker,) in duckdb.sql(sql, params=[paths]).fetchall()]
        line["held"] = markers(held)
        held_markers = held_markers or line["held"]
        line["held_changed"] = line["held"] != held_markers
    except Exception as error:
        line["error"] = repr(error)
    print(json.dumps(line), flush=True)
"""


def fill(warehouse: Path, marker: int, rows: int = FACT_ROWS) -> Path:
    """Write a working warehouse whose every row carries the marker."""
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("staging", "intermediate", "marts", "quality", "ops"):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute(
            f"create or replace table marts.fct_messages as select {marker} as marker, i as message_id,"
            f" 'user ' || hash(i) as user_key from range({rows}) as r (i)"
        )
        for table in ("marts.mart_overview", "quality.quality_load_audit", "staging.stg_nodes", "ops.secret"):
            connection.execute(f"create or replace table {table} as select {marker} as marker, 1 as number")
        connection.execute(
            "create or replace view intermediate.int_names as select marker from staging.stg_nodes"
        )
        connection.execute(
            "create or replace view marts.export_users as select distinct marker from marts.fct_messages"
            " inner join intermediate.int_names using (marker)"
        )
        connection.execute(
            "create or replace macro marts.mart_overview_between(from_day, to_day, journey_ids := null)"
            " as table (select marker, from_day, to_day, journey_ids from marts.mart_overview)"
        )
    return warehouse


def publish(serving: Serving, warehouse: Path, marker: int) -> str:
    """Fill the warehouse and publish it as the run of that number; return the version id."""
    return serving.publish(
        fill(warehouse, marker), fingerprint=f"files {marker}", run_id=str(marker)
    ).version_id


def served_marker(serving: Serving) -> int:
    """The marker of the version that a new reader gets; fails unless all tables are whole and agree."""
    with duckdb.connect(str(serving.database), read_only=True) as connection:
        ((marker, rows),) = connection.execute(
            "select marker, count(*) from marts.fct_messages group by all"
        ).fetchall()
        (expected,) = connection.execute(
            "select number_of_rows from meta.published_tables where table_name = 'marts.fct_messages'"
        ).fetchone()
        assert rows == expected
        assert connection.execute("select marker from marts.mart_overview").fetchall() == [(marker,)]
    return marker


def leftovers(serving: Serving) -> list[str]:
    """Names below the serving folder that no reader should ever find there."""
    known = {".lock", "current", "journeys.duckdb", "versions"}
    return sorted(path.name for path in serving.root.iterdir() if path.name not in known)


def run_publish(serving: Serving, warehouse: Path, run_id: int) -> subprocess.Popen:
    """Publish in another process."""
    code = (
        "import sys; from pathlib import Path; from orchestration.publish import Serving;"
        " Serving(Path(sys.argv[1])).publish(Path(sys.argv[2]), fingerprint='files', run_id=sys.argv[3])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(serving.root), str(warehouse), str(run_id)],
        cwd=PROJECT_ROOT,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A serving folder that keeps three versions."""
    return Serving(tmp_path / "serving", keep=3)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Path of a working warehouse."""
    return tmp_path / "working.duckdb"


def test_a_version_holds_the_served_schemas_and_what_their_views_and_functions_read(
    serving: Serving, warehouse: Path
) -> None:
    version_id = publish(serving, warehouse, 7)
    with duckdb.connect(str(serving.database), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where schema_name <> 'meta' order by 1"
        ).fetchall()
        assert [name for (name,) in tables] == [
            "marts.fct_messages",
            "marts.mart_overview",
            "quality.quality_load_audit",
            "staging.stg_nodes",
        ]
        assert connection.execute("from marts.export_users").fetchall() == [(7,)]
        assert connection.execute(
            "from marts.mart_overview_between('2026-01-01', '2026-01-31', journey_ids := ['welcome'])"
        ).fetchall() == [(7, "2026-01-01", "2026-01-31", ["welcome"])]
        assert connection.execute(
            "select version_id, fingerprint, run_id, number_of_tables, number_of_rows"
            " from meta.published_version"
        ).fetchall() == [(version_id, "files 7", "7", 4, FACT_ROWS + 3)]
    version = serving.current()
    assert version.version_id == version_id
    assert version.tables["marts.fct_messages"] == FACT_ROWS
    files = sorted(str(path.relative_to(serving.root)) for path in serving.root.glob("current/parquet/*/*"))
    assert files == [
        "current/parquet/marts/fct_messages.parquet",
        "current/parquet/marts/mart_overview.parquet",
        "current/parquet/quality/quality_load_audit.parquet",
    ]


def test_a_view_on_files_elsewhere_is_served_as_a_copy(
    serving: Serving, warehouse: Path, tmp_path: Path
) -> None:
    fill(warehouse, 1)
    file = tmp_path / "costs.parquet"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"copy (select 7 as cost) to '{file}'")
        connection.execute(f"create view marts.mart_costs as from read_parquet(['{file}'])")
        connection.execute("create view marts.export_costs as select cost from marts.mart_costs")
    serving.publish(warehouse, fingerprint="files", run_id="1")
    file.unlink()
    with duckdb.connect(str(serving.database), read_only=True) as connection:
        assert connection.execute("select cost from marts.export_costs").fetchall() == [(7,)]


def test_older_clients_can_read_the_served_file(serving: Serving, warehouse: Path) -> None:
    publish(serving, warehouse, 1)
    header = serving.database.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == OLDEST_READABLE_STORAGE


def test_a_view_that_cannot_be_served_stops_the_publish(serving: Serving, warehouse: Path) -> None:
    publish(serving, warehouse, 1)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table ops.gone as select 1 as x")
        connection.execute("create view marts.export_broken as select x from ops.gone")
        connection.execute("drop table ops.gone")
    with pytest.raises(PublishError, match=r"marts\.export_broken cannot be published: .*gone"):
        serving.publish(warehouse, fingerprint="files", run_id="2")
    assert served_marker(serving) == 1
    assert leftovers(serving) == []


def test_the_last_versions_are_kept_and_an_older_one_can_be_served_again(
    serving: Serving, warehouse: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [publish(serving, warehouse, marker) for marker in range(1, 6)]
    assert [version.version_id for version in serving.versions()] == ids[2:]
    assert served_marker(serving) == 5

    monkeypatch.setenv("SERVING", str(serving.root))
    monkeypatch.setenv("SERVING_KEEP", "3")
    assert main(["rollback"]) == 0
    assert served_marker(serving) == 4
    assert main(["rollback", ids[2]]) == 0
    assert served_marker(serving) == 3
    assert main(["list"]) == 0
    assert f"* {ids[2]}" in capsys.readouterr().out

    assert main(["rollback"]) == 2
    assert f"There is no version before {ids[2]}" in capsys.readouterr().err
    assert main(["rollback", ids[0]]) == 2
    assert f"There is no version {ids[0]}" in capsys.readouterr().err
    assert served_marker(serving) == 3

    publish(serving, warehouse, 6)
    assert served_marker(serving) == 6
    assert leftovers(serving) == []


def test_a_damaged_version_is_not_served_again(serving: Serving, warehouse: Path) -> None:
    old, _ = publish(serving, warehouse, 1), publish(serving, warehouse, 2)
    (serving.versions_folder / old / "journeys.duckdb").write_bytes(b"damaged" * 5000)
    with pytest.raises(PublishError, match=rf"The version {old} cannot be served: .*make rollback VERSION"):
        serving.rollback()
    assert served_marker(serving) == 2


def test_versions_count_up_when_the_clock_goes_back(
    serving: Serving, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [publish(serving, warehouse, 1)]

    class EarlierClock:
        """Clock of a machine that was set back by a year."""

        @staticmethod
        def now(zone: object) -> object:
            return datetime(2025, 10, 26, 0, 30, tzinfo=zone)

    monkeypatch.setattr("orchestration.publish.datetime", EarlierClock)
    ids += [publish(serving, warehouse, marker) for marker in (2, 3, 4)]
    assert [version.version_id for version in serving.versions()] == ids[1:]
    assert served_marker(serving) == 4
    serving.rollback()
    assert served_marker(serving) == 3


@pytest.mark.parametrize(("keep", "sentence"), [("1", "Set it to 2 or more"), ("many", "a whole number")])
def test_an_impossible_number_of_versions_is_refused(
    keep: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("SERVING_KEEP", keep)
    assert main(["list"]) == 2
    assert sentence in capsys.readouterr().err


def test_a_missing_warehouse_publishes_nothing(serving: Serving, warehouse: Path) -> None:
    with pytest.raises(PublishError, match="There is no warehouse"):
        serving.publish(warehouse, fingerprint="files", run_id="1")
    assert not serving.database.exists()
    assert leftovers(serving) == []


def test_a_file_that_is_not_ours_is_never_replaced(serving: Serving, warehouse: Path) -> None:
    serving.root.mkdir()
    serving.database.write_bytes(b"somebody's own file")
    with pytest.raises(PublishError, match="Move it away"):
        publish(serving, warehouse, 1)
    assert serving.database.read_bytes() == b"somebody's own file"


@pytest.mark.parametrize("lost_in", ["the DuckDB file", "the Parquet file"])
def test_a_copy_that_lost_rows_is_not_served(lost_in: str, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as served; create schema served.marts")
        (tmp_path / "parquet" / "marts").mkdir(parents=True)
        rows = {"the DuckDB file": 10, "the Parquet file": 10, lost_in: 9}
        connection.execute(f"create table served.marts.fct as from range({rows['the DuckDB file']})")
        path = tmp_path / "parquet" / "marts" / "fct.parquet"
        connection.execute(f"copy (from range({rows['the Parquet file']})) to '{path}'")
        with pytest.raises(PublishError, match=rf"has 10 rows, its copy in {lost_in} 9"):
            _check(connection, tmp_path, {"marts.fct": 10})


@contextmanager
def readers(serving: Serving, number: int, folder: Path) -> Iterator[list[Path]]:
    """Read in other processes until the block ends; yields the files with what they saw."""
    stop = folder / "stop"
    outputs = [folder / f"reader_{reader}.jsonl" for reader in range(number)]
    processes = []
    try:
        for output in outputs:
            with output.open("w") as file:
                command = [sys.executable, "-c", READER, str(serving.root), str(stop)]
                processes.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))
        deadline = time.monotonic() + 60
        while not all(output.stat().st_size for output in outputs):
            assert time.monotonic() < deadline, "the readers did not start"
            time.sleep(0.05)
        yield outputs
    finally:
        stop.touch()
        for process in processes:
            process.wait(timeout=60)


def test_readers_in_other_processes_always_see_one_whole_version(
    serving: Serving, warehouse: Path, tmp_path: Path
) -> None:
    publish(serving, warehouse, 1)
    chance = random.Random(11)
    published = {1}
    with readers(serving, 3, tmp_path) as outputs:
        for marker in range(2, 12):
            fill(warehouse, marker, rows=50_000)
            event = marker % 4
            if event == 0:
                # An audit fails: the warehouse changed, and nobody publishes it.
                continue
            if event == 1:
                process = run_publish(serving, warehouse, marker)
                time.sleep(0.3 + chance.random() * 0.5)
                process.send_signal(signal.SIGKILL)
                process.wait()
                # It may have been killed after it had published.
                published.add(marker)
                continue
            serving.publish(warehouse, fingerprint="files", run_id=str(marker))
            published.add(marker)
            if event == 3:
                serving.rollback()

    seen: set[int] = set()
    for output in outputs:
        lines = [json.loads(line) for line in output.read_text().splitlines()]
        assert len(lines) > 10
        assert [line for line in lines if "error" in line] == []
        for line in lines:
            assert len(line["new"]) == 1, f"a mixture of versions: {line}"
            assert len(line["parquet"]) == 1, f"a mixture of versions: {line}"
            assert not line["held_changed"], f"an open connection changed its version: {line}"
            seen |= {*line["new"], *line["parquet"]}
    assert seen <= published
    assert len(seen) >= 4


@pytest.mark.parametrize("moment", [0.25, 0.4, 0.55, 0.7, 0.85])
def test_a_publish_killed_at_any_moment_leaves_one_whole_version(
    moment: float, serving: Serving, warehouse: Path
) -> None:
    publish(serving, warehouse, 1)
    fill(warehouse, 2, rows=1_000_000)
    # The whole takes about a second; the moment counts from the first trace that it leaves.
    process = run_publish(serving, warehouse, 2)
    while process.poll() is None and not leftovers(serving):
        time.sleep(0.005)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    killed = process.wait() == -signal.SIGKILL
    print("killed with", leftovers(serving), "served", served_marker(serving))
    assert served_marker(serving) in ((1, 2) if killed else (2,))
    assert {version.version_id for version in serving.versions()} >= {serving.current().version_id}
    publish(serving, warehouse, 3)
    assert served_marker(serving) == 3
    assert leftovers(serving) == []


def test_a_pruned_version_stays_readable_for_whoever_has_it_open(serving: Serving, warehouse: Path) -> None:
    first = publish(serving, warehouse, 1)
    with duckdb.connect(str(serving.database), read_only=True) as reader:
        for marker in range(2, 7):
            publish(serving, warehouse, marker)
        assert not (serving.versions_folder / first).exists()
        assert reader.execute("select count(*), max(marker) from marts.fct_messages").fetchone() == (
            FACT_ROWS,
            1,
        )
        # A new connection of the same process reads the new version.
        assert served_marker(serving) == 6


def test_a_warehouse_that_another_program_writes_is_named(serving: Serving, warehouse: Path) -> None:
    publish(serving, warehouse, 1)
    code = (
        "import duckdb, time; "
        f"connection = duckdb.connect({str(warehouse)!r}); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        try:
            with pytest.raises(PublishError, match=rf"is open in another program \(process {writer.pid}\)"):
                serving.publish(warehouse, fingerprint="files", run_id="2")
        finally:
            writer.kill()
    assert served_marker(serving) == 1
    assert leftovers(serving) == []


# A disk of a fixed size, seen by this script alone: the second publish does not fit until the disk has grown.
SMALL_DISK = """
set -e
mount -t tmpfs -o size=6m tmpfs "$1"
"$2" -m tests.integration.test_publish "$1/serving" "$3" 1
set +e
"$2" -m tests.integration.test_publish "$1/serving" "$4" 2 2> "$3.error"
echo $? > "$3.code"
ls -A "$1/serving" > "$3.list"
cp "$1/serving/journeys.duckdb" "$3.served"
set -e
mount -o remount,size=1g "$1"
"$2" -m tests.integration.test_publish "$1/serving" "$4" 3
cp "$1/serving/journeys.duckdb" "$3.later"
"""


def can_mount() -> bool:
    """Whether this user may mount a file system of its own."""
    if not shutil.which("unshare"):
        return False
    trial = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount a small file system (unshare --mount)")
def test_a_full_disk_publishes_nothing_and_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small, large = fill(tmp_path / "small.duckdb", 1), fill(tmp_path / "large.duckdb", 2, rows=1_000_000)
    subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "small-disk"),
            *(str(disk), sys.executable, str(small), str(large)),
        ],
        cwd=PROJECT_ROOT,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
    )
    error = Path(f"{small}.error").read_text()
    assert Path(f"{small}.code").read_text().strip() == "2", error
    assert "There is no space left to publish" in error
    assert "SERVING_KEEP" in error
    assert "Traceback" not in error
    assert UNFINISHED not in Path(f"{small}.list").read_text()
    for name, marker in (("served", 1), ("later", 2)):
        with duckdb.connect(f"{small}.{name}", read_only=True) as connection:
            found = connection.execute("select distinct marker from marts.fct_messages").fetchall()
            assert found == [(marker,)]


if __name__ == "__main__":
    try:
        Serving(Path(sys.argv[1])).publish(Path(sys.argv[2]), fingerprint="files", run_id=sys.argv[3])
    except PublishError as reason:
        print(reason, file=sys.stderr)
        sys.exit(2)
