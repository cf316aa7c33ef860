"""The command line: `python -m orchestration.cli run` builds the warehouse and shows the journey overview."""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from orchestration.build import PROJECT_ROOT, DbtResult, run_dbt

PLAIN_WIDTH = 150
OVERVIEW_ROWS = 20
WARNING_ROWS = 10
# Everything that decides what a build of the same files contains.
PROJECT_SOURCES = (
    "dbt_project.yml",
    "profiles.yml",
    "requirements.lock",
    "macros",
    "models",
    "seeds",
    "tests/dbt",
)
# What the tables of an earlier run were built with: when it differs, they cannot be built upon.
BUILT_WITH = {"models": {".sql"}, "macros": {".sql"}, "seeds": {".csv"}}
SLOWEST_MODELS = 5
RESULT_EVENTS = {"LogModelResult", "LogSeedResult", "LogTestResult"}
# What the operating system says when a write finds no room: disk, quota, or limit of a file's size.
NO_SPACE = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class RunError(Exception):
    """The run cannot go on; the text is one sentence with the reason and one with the fix."""


def fingerprint(landing: Path, variables: dict) -> str:
    """Hash of the landing files (path, size, modification time), the project's sources and the variables."""
    digest = hashlib.sha256()
    digest.update(json.dumps([str(landing), variables], sort_keys=True).encode())
    for path in _files(landing):
        stat = path.stat()
        digest.update(json.dumps([str(path), stat.st_size, stat.st_mtime_ns]).encode())
    for source in PROJECT_SOURCES:
        path = PROJECT_ROOT / source
        for file in _files(path) if path.is_dir() else [path]:
            digest.update(json.dumps(str(file.relative_to(PROJECT_ROOT))).encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def project_fingerprint() -> str:
    """Hash of the SQL and the seeds: what decides how a table is built from its inputs."""
    digest = hashlib.sha256()
    for folder, suffixes in BUILT_WITH.items():
        for file in _files(PROJECT_ROOT / folder):
            if file.suffix in suffixes:
                digest.update(json.dumps(str(file.relative_to(PROJECT_ROOT))).encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _refuse(error: OSError) -> None:
    """Stop at a folder that cannot be listed: passed over, its rows would be missing without a word."""
    raise RunError(
        f"The folder {error.filename} cannot be read ({error.strerror}). Give yourself the right to read it."
    )


def _files(root: Path) -> list[Path]:
    """Every file below `root` in a fixed order; linked folders are followed once."""
    files, seen = [], set()
    for folder, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        files += [Path(folder, name) for name in names if Path(folder, name).is_file()]
    return sorted(files)


def _no_space(reason: object, warehouse: Path) -> str | None:
    """What to do when the reason of a failure is that there is no room to write; else None."""
    if not any(text in str(reason) for text in NO_SPACE):
        return None
    return (
        f"There is no space left to write {warehouse}. Free space in {warehouse.parent}, then run again; "
        "until then the warehouse holds every table as it was last finished."
    )


@contextmanager
def open_warehouse(warehouse: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse file; a file that cannot be opened stops the run with a sentence."""
    try:
        connection = duckdb.connect(str(warehouse), read_only=read_only)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            holder = re.search(r"\(PID (\d+)", str(error))
            program = f"another program (process {holder[1]})" if holder else "another program"
            raise RunError(f"{warehouse} is open in {program}. Close it there, then run again.") from error
        if full := _no_space(error, warehouse):
            raise RunError(full) from error
        reason = str(error).splitlines()[0]
        raise RunError(
            f"{warehouse} cannot be opened as a DuckDB file: {reason} "
            "Move it away, or choose another file with WAREHOUSE=path."
        ) from error
    try:
        with connection:
            yield connection
    except duckdb.Error as error:
        if full := _no_space(error, warehouse):
            raise RunError(full) from error
        raise


def last_success(warehouse: Path) -> tuple[str, datetime] | None:
    """Fingerprint and end time (UTC) of the last successful run into this warehouse; None without one."""
    if not warehouse.exists():
        return None
    with open_warehouse(warehouse, read_only=True) as connection:
        if not _has_table(connection, "run_state"):
            return None
        rows = connection.execute("select fingerprint, finished_at from ops.run_state").fetchall()
    return rows[0]


def forget_success(warehouse: Path) -> None:
    """Remove the mark of the last success: from here on the warehouse may be half rebuilt."""
    # dbt creates a new file itself, with the storage version of the profile.
    if warehouse.exists():
        with open_warehouse(warehouse, read_only=False) as connection:
            connection.execute("drop table if exists ops.run_state")


def remember_success(warehouse: Path, current: str) -> None:
    """Mark the warehouse as built from the state that `current` is the fingerprint of."""
    finished_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with open_warehouse(warehouse, read_only=False) as connection:
        connection.execute("create schema if not exists ops")
        connection.execute(
            "create or replace table ops.run_state (fingerprint varchar, finished_at timestamp)"
        )
        connection.execute("insert into ops.run_state values (?, ?)", [current, finished_at])
        connection.execute("create or replace table ops.project_state (fingerprint varchar)")
        connection.execute("insert into ops.project_state values (?)", [project_fingerprint()])


def built_with_other_project(warehouse: Path) -> bool:
    """Whether the last complete run had other SQL or seeds, so that all must be built anew."""
    if not warehouse.exists():
        return False
    with open_warehouse(warehouse, read_only=True) as connection:
        if not _has_table(connection, "project_state"):
            return False
        return connection.execute("select fingerprint from ops.project_state").fetchall() != [
            (project_fingerprint(),)
        ]


def _has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the schema ops has a table."""
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = ?", [name]
        ).fetchall()
    )


@contextmanager
def run_lock(warehouse: Path, wait_seconds: float, console: Console) -> Iterator[None]:
    """Hold the lock file beside the warehouse; wait for another run, then stop with its process number."""
    path = warehouse.with_name(warehouse.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = path.open("a+")
    except OSError as error:
        raise RunError(
            f"The folder {path.parent} cannot be written ({error.strerror}). "
            "Choose another file for the warehouse with WAREHOUSE=path."
        ) from error
    with lock_file as file:
        deadline = time.monotonic() + wait_seconds
        announced = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
            if time.monotonic() >= deadline:
                raise RunError(
                    f"Another run (process {holder}) is writing {warehouse}. "
                    "Wait until it ends, or choose another file with WAREHOUSE=path."
                )
            if not announced:
                console.print(f"Waiting for another run (process {holder}) to end ...", markup=False)
                announced = True
            time.sleep(0.5)
        file.truncate(0)
        # The number is only there for the sentence above; the lock holds without it, also on a full disk.
        with suppress(OSError):
            os.write(file.fileno(), str(os.getpid()).encode())
        yield


@dataclass
class BuildProgress:
    """Turns dbt's events into a progress bar, or into plain lines when the output is no terminal."""

    console: Console
    models_total: int = 0
    models_done: int = 0
    checks_passed: int = 0
    warnings: list[str] = field(default_factory=list)
    _bar: Progress | None = None
    _task: int = 0

    def __enter__(self) -> BuildProgress:
        self.console.print("Reading the project and the landing files ...")
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("models"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[current]}", markup=False),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, current="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def on_event(self, event: dict) -> None:
        """Take one dbt event."""
        name, data = event["info"]["name"], event["data"]
        if name == "FoundStats":
            found = re.search(r"(\d+) models?\b", data["stat_line"])
            self.models_total = int(found[1]) if found else 0
        elif name == "LogStartLine":
            self._show(data["node_info"]["node_name"])
        elif name in RESULT_EVENTS:
            self._count(name, data)
            self._show(data["node_info"]["node_name"])

    def _count(self, name: str, data: dict) -> None:
        status = data["node_info"]["node_status"]
        if name == "LogModelResult":
            self.models_done += 1
            if not self._bar and (self.models_done % 10 == 0 or self.models_done == self.models_total):
                self.console.print(f"{self.models_done} of {self.models_total} models built", markup=False)
        elif status == "pass":
            self.checks_passed += 1
        elif status == "warn":
            self.warnings.append(f"{data['name']}: {data['num_failures']} rows")

    def _show(self, current: str) -> None:
        if self._bar:
            self._bar.update(
                self._task, completed=self.models_done, total=self.models_total or None, current=current
            )


def build(
    landing: Path, warehouse: Path, variables: dict, console: Console, *, full_refresh: bool = False
) -> DbtResult:
    """Run `dbt build` (models, seeds, data tests) with a progress display and report what it did."""
    started = time.monotonic()
    with BuildProgress(console) as progress:
        result = run_dbt(
            [
                "--no-use-colors",
                "build",
                "--exclude-resource-type",
                "unit_test",
                *(["--full-refresh"] if full_refresh else []),
            ],
            landing=landing,
            warehouse=warehouse,
            variables=variables,
            on_event=progress.on_event,
        )
    seconds = time.monotonic() - started
    if result.success:
        console.print(
            f"Built {progress.models_done} models, {progress.checks_passed} checks passed ({seconds:.0f} s).",
            markup=False,
        )
        for warning in progress.warnings[:WARNING_ROWS]:
            console.print(f"Check with a warning: {warning}", style="yellow", markup=False)
        if len(progress.warnings) > WARNING_ROWS:
            console.print(f"... and {len(progress.warnings) - WARNING_ROWS} more warnings in logs/dbt.log")
    return result


RUN_SQL = """
select
    mode,
    reason,
    files_new,
    files_changed,
    files_removed,
    touched_pairs,
    touched_entries,
    touched_messages,
    rows_written,
    run_id
from ops.run_summary
order by finished_at desc
limit 1
"""
RUN_TABLES_SQL = """
select coalesce(sum(raw_rows), 0), coalesce(sum(rejected_rows), 0)
from ops.run_summary_tables
where run_id = ?
"""
RUN_MODELS_SQL = """
select model_name, seconds
from ops.run_summary_models
where run_id = ?
order by seconds desc, model_name
limit ?
"""


def print_run(warehouse: Path, console: Console) -> None:
    """Print what the run just completed has read, touched and rewritten."""
    with open_warehouse(warehouse, read_only=True) as connection:
        mode, reason, new, changed, removed, pairs, entries, messages, written, run_id = connection.execute(
            RUN_SQL
        ).fetchone()
        raw, rejected = connection.execute(RUN_TABLES_SQL, [run_id]).fetchone()
        slowest = connection.execute(RUN_MODELS_SQL, [run_id, SLOWEST_MODELS]).fetchall()
    console.print(
        f"Run: {mode} ({reason}); files: {new:,} new, {changed:,} changed, {removed:,} removed"
        f" with {raw:,} rows, {rejected:,} rejected.",
        markup=False,
        soft_wrap=True,
    )
    if mode == "incremental":
        console.print(
            f"Touched: {pairs:,} pairs of user and journey, {entries:,} entries, {messages:,} messages;"
            f" {written:,} rows written.",
            markup=False,
        )
    names = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest)
    console.print(f"Slowest models: {names}", markup=False, soft_wrap=True)


OVERVIEW_SQL = """
select
    account_key,
    journey_name,
    journey_status,
    total_entries,
    unique_entry_users,
    entries_open_now,
    total_exits_any,
    messages_accepted,
    converted_users,
    100 * user_conversion_rate as user_conversion_rate_pct
from marts.mart_journey_overview
where journey_version_id = 'ALL' and period_id = 'all_time'
order by total_entries desc, account_key, journey_id
"""
OVERVIEW_HEADERS = (
    "Account",
    "Journey",
    "Status",
    "Entries",
    "Users",
    "Open\nnow",
    "Exits",
    "Messages\naccepted",
    "Converted\nusers",
    "Conv.\n%",
)
TEXT_COLUMNS = ("Account", "Journey", "Status")
EXAMPLE_SQL = (
    "select journey_id, journey_version_id, period_id, converted_users, nm_conversion_rate "
    "from marts.mart_journey_overview"
)
AUDIT_SQL = """
select
    coalesce(sum(raw_rows), 0),
    coalesce(sum(accepted_rows), 0),
    coalesce(sum(duplicate_rows), 0),
    coalesce(sum(rejected_rows), 0),
    coalesce(sum(excluded_test_rows), 0),
    coalesce(sum(hidden_rows), 0)
from quality.quality_load_audit
"""


def print_overview(warehouse: Path, console: Console) -> None:
    """Print the journeys, the row counts of the load, and what to do next."""
    with open_warehouse(warehouse, read_only=True) as connection:
        journeys = connection.execute(OVERVIEW_SQL).fetchall()
        raw, accepted, duplicates, rejected, tests, hidden = connection.execute(AUDIT_SQL).fetchone()

    first_column = 1 if len({row[0] for row in journeys}) <= 1 else 0
    # Narrow enough for 80 characters: only texts may wrap, numbers never.
    table = Table(box=None, padding=(0, 1, 0, 0), title="Journeys, all time", title_justify="left")
    for header in OVERVIEW_HEADERS[first_column:]:
        is_text = header in TEXT_COLUMNS
        table.add_column(
            header,
            justify="left" if is_text else "right",
            vertical="top",
            overflow="fold",
            no_wrap=not is_text,
        )
    for row in journeys[:OVERVIEW_ROWS]:
        table.add_row(*(Text(_cell(value)) for value in row[first_column:]))
    console.print()
    console.print(table)
    if len(journeys) > OVERVIEW_ROWS:
        console.print(f"... and {len(journeys) - OVERVIEW_ROWS} more journeys in marts.mart_journey_overview")
    if not journeys:
        console.print("The landing files name no journey.")

    console.print()
    console.print(
        f"Rows: {raw:,} raw = {accepted:,} accepted + {duplicates:,} duplicates + {rejected:,} rejected"
        f" + {tests:,} of test users + {hidden:,} received after as_of",
        markup=False,
    )
    if rejected:
        console.print(
            f"Warning: {rejected:,} of {raw:,} raw rows could not be used. See why: "
            "select reject_reason, count(*) from staging.stg_rejects group by 1",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    console.print()
    console.print(f"Warehouse: {warehouse}", markup=False)
    read = f"duckdb.connect('{_relative(warehouse)}', read_only=True)"
    for line in (
        f"Query it:  .venv/bin/python -c \"import duckdb; {read}.sql('{EXAMPLE_SQL}').show()\"",
        "Read what every column means:  make docs",
        "Build from your own files:  LANDING=path/to/folder make run",
    ):
        console.print(line, markup=False, soft_wrap=True)


def _cell(value: object) -> str:
    """Text of a table cell without control characters; a missing number stays blank."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def _relative(path: Path) -> Path:
    """The path as seen from the current folder when it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def run(
    landing: Path, warehouse: Path, variables: dict, *, force: bool, wait_seconds: float, console: Console
) -> int:
    """Build the warehouse if anything changed and show the overview; return the exit code."""
    landing, warehouse = landing.resolve(), warehouse.resolve()
    if os.environ.get("DBT_TARGET", "duckdb") != "duckdb":
        raise RunError(
            "This command builds with DuckDB, but DBT_TARGET names another engine. Build on Spark with "
            "'make spark' or 'make pipeline', or unset DBT_TARGET."
        )
    if not landing.is_dir():
        raise RunError(
            f"The landing folder {landing} does not exist. Set LANDING to the folder that holds one folder "
            "per table (LANDING=path make run), or leave it out to build from demo data."
        )
    with run_lock(warehouse, wait_seconds, console):
        current = fingerprint(landing, variables)
        success = last_success(warehouse)
        if success and success[0] == current and not force:
            console.print(
                f"Nothing new since {success[1]:%Y-%m-%d %H:%M} UTC: the warehouse is current "
                "(--full-refresh builds it anew; FORCE=1 with make).",
                markup=False,
            )
        else:
            full_refresh = force or built_with_other_project(warehouse)
            forget_success(warehouse)
            result = build(landing, warehouse, variables, console, full_refresh=full_refresh)
            if not result.success:
                console.print("The build failed:", style="bold red")
                for error in result.errors:
                    console.print(error, markup=False, soft_wrap=True)
                if full := _no_space("\n".join(result.errors), warehouse):
                    console.print(full, style="bold red", markup=False, soft_wrap=True)
                console.print("Every step is in logs/dbt.log. Nothing was marked as done: fix and run again.")
                return 1
            remember_success(warehouse, current)
            print_run(warehouse, console)
        print_overview(warehouse, console)
    return 0


def _variables(text: str) -> dict:
    """Parse --vars: a JSON object."""
    try:
        variables = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(
            f"not valid JSON ({error}); write {{'name': value}} in JSON"
        ) from error
    if not isinstance(variables, dict):
        raise argparse.ArgumentTypeError('a JSON object is needed, such as {"as_of": "2026-08-01T00:00:00Z"}')
    return variables


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.cli", description=__doc__)
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "run", help="build the warehouse from the landing files and show the journey overview"
    )
    command.add_argument(
        "--landing",
        type=Path,
        default=Path(os.environ.get("LANDING") or "landing"),
        help="folder with one folder of raw files per table (default: $LANDING, else landing)",
    )
    command.add_argument(
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("JOURNEY_WAREHOUSE") or "warehouse/journeys.duckdb"),
        help="DuckDB file to build (default: $JOURNEY_WAREHOUSE, else warehouse/journeys.duckdb)",
    )
    command.add_argument(
        "--vars",
        type=_variables,
        default={},
        metavar="JSON",
        help="dbt variables as a JSON object",
    )
    command.add_argument(
        "--full-refresh",
        "--force",
        dest="force",
        action="store_true",
        help="build every table anew, also when nothing changed; with the setting production only with"
        " allow_full_refresh",
    )
    command.add_argument(
        "--wait",
        type=float,
        default=30,
        metavar="SECONDS",
        help="how long to wait for another run on the same warehouse (default: 30)",
    )
    options = parser.parse_args(arguments)

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    try:
        return run(
            options.landing,
            options.warehouse,
            options.vars,
            force=options.force,
            wait_seconds=options.wait,
            console=console,
        )
    except RunError as stop:
        print(stop, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. The next run goes on from the last complete one.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
