"""What lies in the landing folder: its state for the sensor, its freshness, its days for a backfill."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from orchestration.build import run_dbt
from orchestration.cli import RunError, fingerprint
from orchestration.settings import Settings

FRESHNESS_FILES = 20
EVENT_TIME = {"journey_events": "occurred_at", "message_events": "occurred_at", "user_events": "occurred_at"}
LOAD_DATE = re.compile(r"/load_date=(\d{4}-\d{2}-\d{2})/")


@dataclass(frozen=True)
class LandingFile:
    """One raw file: its path, its size in bytes and when it was last modified (ns since 1970, UTC)."""

    path: Path
    size: int
    modified: int

    @property
    def load_day(self) -> date:
        """Day of its load_date folder, else of its modification in UTC."""
        found = LOAD_DATE.search(self.path.as_posix())
        if found:
            return date.fromisoformat(found[1])
        return datetime.fromtimestamp(self.modified / 1e9, UTC).date()


def list_files(folder: Path) -> list[LandingFile]:
    """The files below a folder that a run would load, in a fixed order; none when it does not exist."""
    files = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts):
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:
            # Moved away while this looked: the next look sees what it became.
            continue
        if path.is_file():
            files.append(LandingFile(path, stat.st_size, stat.st_mtime_ns))
    return files


def read_landing(landing: Path) -> list[LandingFile]:
    """All files of the landing folder; raises RunError when it cannot be reached."""
    try:
        next(landing.iterdir(), None)
    except OSError as error:
        raise RunError(
            f"The landing folder {landing} cannot be reached ({error.strerror}). "
            "Mount it, or set LANDING to the folder with one folder of files per table."
        ) from error
    return list_files(landing)


def state_of(files: list[LandingFile]) -> str:
    """Hash of names, sizes and modification times: equal as long as nothing was delivered."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(json.dumps([str(file.path), file.size, file.modified]).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Watch:
    """What the sensor remembers between two looks: the state it saw last, since when (s since 1970), and the
    state it last started a run for."""

    seen: str = ""
    since: float = 0
    started: str = ""

    @classmethod
    def load(cls, cursor: str | None) -> Watch:
        """Read the cursor of the sensor."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def dump(self) -> str:
        """Text for the cursor."""
        return json.dumps(self.__dict__)


def look(watch: Watch, state: str, now: float, quiet_seconds: float) -> tuple[Watch, str | None]:
    """One look of the sensor: what to remember, and the key of the run to start, None without one.

    A run starts when a state other than the last one's has stood still for `quiet_seconds`, so that a
    delivery of many files makes one run and a file that is being written makes none.
    """
    if state == watch.started:
        return Watch(state, now, state), None
    if state != watch.seen:
        watch = Watch(state, now, watch.started)
    if now - watch.since < quiet_seconds:
        return watch, None
    return Watch(state, watch.since, state), f"{state}-{int(watch.since)}"


def is_served(settings: Settings) -> bool:
    """Whether the served version was made from the landing folder as it is now."""
    try:
        version = settings.published.current()
        return version is not None and version.fingerprint == fingerprint(
            settings.landing, settings.variables
        )
    except RunError:
        return False


def newest_event(table: str, files: list[LandingFile]) -> datetime | None:
    """Latest event time (UTC) in the FRESHNESS_FILES files delivered last; None when unknown."""
    column = EVENT_TIME.get(table)
    if column is None:
        return None
    newest = sorted(files, key=lambda file: (file.load_day, file.modified))[-FRESHNESS_FILES:]
    latest = []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for file in newest:
            try:
                (value,) = connection.execute(
                    f"select max(try_cast(cast({column} as varchar) as timestamptz)) from {_scan(file.path)}"
                ).fetchone()
            except duckdb.Error:
                # A damaged file is the build's to report; here it only tells no time.
                continue
            latest += [value] if value else []
    return max(latest, default=None)


def _scan(path: Path) -> str:
    """Relation of one landing file."""
    text = "'" + str(path).replace("'", "''") + "'"
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return f"read_parquet({text})"
    if name.endswith(".csv"):
        return f"read_csv({text}, all_varchar = true, ignore_errors = true)"
    return f"read_json({text}, format = 'newline_delimited', ignore_errors = true)"


def request_reload(settings: Settings, first: date, last: date) -> int:
    """Have the next build read the files of these load days again; return how many it knows.

    Raises DbtError when the warehouse cannot be changed.
    """
    arguments = {"first": first.isoformat(), "last": last.isoformat()}
    printed = run_dbt(
        ["run-operation", "reload_days", "--target", settings.engine, "--args", json.dumps(arguments)],
        landing=settings.landing,
        warehouse=settings.warehouse,
        variables=settings.variables,
        target_path=settings.target,
        log_path=settings.target,
    ).raise_for_error()
    (line,) = (line for line in printed.stdout.splitlines() if line.startswith('{"files"'))
    return json.loads(line)["files"]
