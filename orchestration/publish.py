"""Serve what passed the audit: `python -m orchestration.publish list` and `... rollback [VERSION]`.

    serving/
      versions/<version_id>/journeys.duckdb    marts and quality, readable by DuckDB 1.0 and later
                            parquet/<schema>/<table>.parquet
                            manifest.json
      current          -> versions/<version_id>        the only thing a publish changes, in one step
      journeys.duckdb  -> current/journeys.duckdb      what readers open

A version never changes once it has its name. Whoever has a file of it open keeps that file, even when the
version is pruned.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.cli import NO_SPACE, RunError

FILE_NAME = "journeys.duckdb"
DEFAULT_KEEP = 5
# Written so that every DuckDB since 1.0 and the tools that bundle one can open the file.
STORAGE_VERSION = "v1.0.0"
SERVED_SCHEMAS = ("marts", "quality")
UNFINISHED = ".unfinished-"
# A view on files elsewhere is copied like a table: what is served must not change.
READS_FILES = "contains(sql, 'read_parquet(')"
VERSION_ID = re.compile(r"(\d{6,})_\d{8}T\d{6}Z")
QUALIFIED_NAME = re.compile(r'\b"?(\w+)"?\."?(\w+)"?')


class PublishError(RunError):
    """Nothing was published or rolled back; the text says why and what to change."""


@dataclass(frozen=True)
class Version:
    """One published version, as its manifest tells it; times are UTC in ISO 8601, counts are rows."""

    version_id: str
    published_at: str
    fingerprint: str
    run_id: str
    tables: dict[str, int]


@dataclass(frozen=True)
class Contents:
    """What of the working warehouse is served: tables, and the views and table functions over them."""

    tables: list[str]
    views: dict[str, str]
    functions: dict[str, str]


class Serving:
    """The folder that readers see."""

    def __init__(self, root: Path, keep: int = DEFAULT_KEEP) -> None:
        if keep < 2:
            raise PublishError(
                f"SERVING_KEEP is {keep}, but one version is served and one is needed to go back. "
                "Set it to 2 or more."
            )
        self.root = root.absolute()
        self.keep = keep

    @property
    def versions_folder(self) -> Path:
        """Where the versions lie."""
        return self.root / "versions"

    @property
    def database(self) -> Path:
        """The file that readers open."""
        return self.root / FILE_NAME

    def current(self) -> Version | None:
        """The version that is served; None before the first publish."""
        pointer = self.root / "current"
        return self.read(pointer.readlink().name) if pointer.is_symlink() else None

    def versions(self) -> list[Version]:
        """Every kept version, the oldest first."""
        return [self.read(name) for name in self._names()]

    def _names(self) -> list[str]:
        if not self.versions_folder.is_dir():
            return []
        names = [
            folder.name for folder in self.versions_folder.iterdir() if VERSION_ID.fullmatch(folder.name)
        ]
        return sorted(names, key=_number)

    def read(self, version_id: str) -> Version:
        """The manifest of one version."""
        path = self.versions_folder / version_id / "manifest.json"
        try:
            return Version(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise PublishError(
                f"The version {version_id} cannot be read ({path}: {error}). "
                "Choose another one with 'make rollback VERSION=...'."
            ) from error

    def publish(self, warehouse: Path, *, fingerprint: str, run_id: str) -> Version:
        """Copy the audited working warehouse into a new version and serve it.

        `fingerprint` names the landing files and settings it was built from, `run_id` the run that audited
        it. Raises PublishError; whatever happens before the last step, readers keep the version they have.
        """
        with self._lock():
            self._remove_unfinished()
            published_at = datetime.now(UTC).replace(microsecond=0)
            number = max((_number(name) for name in self._names()), default=0) + 1
            version_id = f"{number:06d}_{published_at:%Y%m%dT%H%M%SZ}"
            folder = self.root / f"{UNFINISHED}{version_id}"
            try:
                (folder / "parquet").mkdir(parents=True)
                version = _build(
                    warehouse,
                    folder,
                    Version(version_id, published_at.isoformat(), fingerprint, run_id, {}),
                )
                _sync(folder)
                self.versions_folder.mkdir(exist_ok=True)
                folder.rename(self.versions_folder / version_id)
                _sync_path(self.versions_folder)
                self._point_to(version_id)
            except (OSError, duckdb.Error) as error:
                raise _explained(error, warehouse, self.root) from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            self._prune(version_id)
            return version

    def rollback(self, version_id: str | None = None) -> Version:
        """Serve an older version again: the one named, else the one before the current one."""
        with self._lock():
            names = self._names()
            pointer = self.root / "current"
            served = pointer.readlink().name if pointer.is_symlink() else ""
            kept = f"The kept versions are: {', '.join(names) or 'none'}."
            if version_id is None:
                older = [name for name in names if served and _number(name) < _number(served)]
                if not older:
                    raise PublishError(f"There is no version before {served or 'the first publish'}. {kept}")
                version_id = older[-1]
            elif version_id not in names:
                raise PublishError(f"There is no version {version_id}. {kept}")
            version = self.read(version_id)
            path = self.versions_folder / version_id / FILE_NAME
            try:
                with duckdb.connect(str(path), read_only=True) as connection:
                    found = connection.execute("select version_id from meta.published_version").fetchall()
                    if found != [(version_id,)]:
                        raise PublishError(f"{path} is not the version {version_id}. {kept}")
                self._point_to(version_id)
            except (OSError, duckdb.Error) as error:
                raise PublishError(
                    f"The version {version_id} cannot be served: {str(error).splitlines()[0]} "
                    "Choose another one with 'make rollback VERSION=...'."
                ) from error
            return version

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one publish or rollback at a time change the folder; the lock ends with its process."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = (self.root / ".lock").open("a")
        except OSError as error:
            raise PublishError(
                f"The folder {self.root} cannot be written ({error.strerror}). "
                "Give yourself the right to write it, or choose another one with SERVING=folder."
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remove_unfinished(self) -> None:
        """Remove what a killed publish left; nobody ever read it."""
        for path in self.root.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _point_to(self, version_id: str) -> None:
        """Serve a version: the one step that readers can notice."""
        if self.database.exists() and not self.database.is_symlink():
            raise PublishError(f"{self.database} is no file of this project. Move it away, then run again.")
        if not self.database.is_symlink():
            self._link(self.database, Path("current") / FILE_NAME)
        self._link(self.root / "current", Path("versions") / version_id)
        _sync_path(self.root)

    def _link(self, path: Path, target: Path) -> None:
        """Make `path` a link to `target`, replacing an older link without a moment in between."""
        fresh = self.root / f"{UNFINISHED}{path.name}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)

    def _prune(self, served: str) -> None:
        """Remove the oldest versions, first out of sight so that no half removed one is ever listed."""
        for name in self._names()[: -self.keep]:
            if name != served:
                doomed = self.root / f"{UNFINISHED}{name}"
                (self.versions_folder / name).rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)


def _number(version_id: str) -> int:
    """Versions count up whatever the clock does."""
    return int(VERSION_ID.fullmatch(version_id)[1])


def _explained(error: Exception, warehouse: Path, root: Path) -> PublishError:
    """The sentence for what can go wrong while a version is written."""
    reason = str(error).splitlines()[0]
    if any(text in str(error) for text in NO_SPACE):
        return PublishError(
            f"There is no space left to publish below {root}. Free space there, or keep fewer versions with "
            "SERVING_KEEP, then run again; readers keep the version they have."
        )
    if "Could not set lock" in reason:
        holder = re.search(r"\(PID (\d+)", str(error))
        program = f"another program (process {holder[1]})" if holder else "another program"
        return PublishError(f"{warehouse} is open in {program}. Close it there, then run again.")
    return PublishError(f"Nothing was published: {reason} Readers keep the version they have.")


def _build(warehouse: Path, folder: Path, version: Version) -> Version:
    """Write the files of a version and compare them with the warehouse; return it with its row counts."""
    if not warehouse.exists():
        raise PublishError(f"There is no warehouse at {warehouse}. Build it first with 'make pipeline'.")
    served = folder / FILE_NAME
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"set temp_directory = {_text(folder / 'scratch')}")
        connection.execute(f"attach {_text(warehouse)} as working (read_only)")
        connection.execute(f"attach {_text(served)} as served (storage_version '{STORAGE_VERSION}')")
        contents = _contents(connection)
        rows = {}
        for table in contents.tables:
            schema = table.split(".")[0]
            connection.execute(f"create schema if not exists served.{schema}")
            connection.execute(f"create table served.{table} as from working.{table}")
            (rows[table],) = connection.execute(f"select count(*) from working.{table}").fetchone()
            if schema in SERVED_SCHEMAS:
                (folder / "parquet" / schema).mkdir(exist_ok=True)
                path = folder / "parquet" / schema / f"{table.split('.')[1]}.parquet"
                connection.execute(f"copy served.{table} to {_text(path)} (format parquet, compression zstd)")
        connection.execute("use served")
        _create(connection, contents)
        version = Version(**{**asdict(version), "tables": rows})
        _describe(connection, version)
        connection.execute("use memory")
        connection.execute("detach served")
        connection.execute(f"attach {_text(served)} as served (read_only)")
        _check(connection, folder, rows)
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    (folder / "manifest.json").write_text(json.dumps(asdict(version), indent=2) + "\n", encoding="utf-8")
    return version


def _contents(connection: duckdb.DuckDBPyConnection) -> Contents:
    """The served schemas, and every table, view and function that their views and functions read."""
    views = dict(
        connection.execute(
            "select schema_name || '.' || view_name, sql from duckdb_views()"
            f" where database_name = 'working' and not internal and not {READS_FILES}"
        ).fetchall()
    )
    functions = {
        f"{schema}.{name}": _function(f"{schema}.{name}", parameters, text)
        for schema, name, parameters, text in connection.execute(
            "select schema_name, function_name, parameters, macro_definition from duckdb_functions()"
            " where database_name = 'working' and not internal and function_type = 'table_macro'"
        ).fetchall()
    }
    tables = [
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'working'"
            " union all select schema_name, view_name from duckdb_views()"
            f" where database_name = 'working' and {READS_FILES} order by all"
        ).fetchall()
    ]
    known = {*tables, *views, *functions}
    wanted = {name for name in known if name.split(".")[0] in SERVED_SCHEMAS}
    waiting = [*wanted]
    while waiting:
        name = waiting.pop()
        text = views.get(name) or functions.get(name) or ""
        found = {f"{schema}.{item}" for schema, item in QUALIFIED_NAME.findall(text)} & known - wanted
        wanted |= found
        waiting += found
    return Contents(
        [name for name in tables if name in wanted],
        {name: sql for name, sql in views.items() if name in wanted},
        {name: sql for name, sql in functions.items() if name in wanted},
    )


def _function(name: str, parameters: list[str], text: str) -> str:
    """Statement that creates a table function: two days by position, then filters that default to null."""
    declared = [*parameters[:2], *(f"{parameter} := null" for parameter in parameters[2:])]
    return f"create macro {name}({', '.join(declared)}) as table {text}"


def _create(connection: duckdb.DuckDBPyConnection, contents: Contents) -> None:
    """Create views and functions, each after those it reads."""
    waiting = {**contents.views, **contents.functions}
    while waiting:
        reasons = {}
        for name, sql in waiting.items():
            try:
                connection.execute(f"create schema if not exists {name.split('.')[0]}")
                connection.execute(sql)
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                reasons[name] = str(error).splitlines()[0]
        if len(reasons) == len(waiting):
            name = min(reasons)
            raise PublishError(
                f"{name} cannot be published: {reasons[name]} Correct its model, then run again; "
                "readers keep the version they have."
            )
        waiting = {name: waiting[name] for name in reasons}


def _describe(connection: duckdb.DuckDBPyConnection, version: Version) -> None:
    """Write the version into the file itself."""
    connection.execute("create schema meta")
    connection.execute(
        "create table meta.published_version ("
        "version_id varchar, published_at timestamp, fingerprint varchar, run_id varchar,"
        " number_of_tables bigint, number_of_rows bigint)"
    )
    values = [version.version_id, version.published_at.removesuffix("+00:00")]
    values += [version.fingerprint, version.run_id, len(version.tables), sum(version.tables.values())]
    connection.execute("insert into meta.published_version values (?, ?, ?, ?, ?, ?)", values)
    connection.execute("create table meta.published_tables (table_name varchar, number_of_rows bigint)")
    connection.executemany("insert into meta.published_tables values (?, ?)", [*version.tables.items()])


def _check(connection: duckdb.DuckDBPyConnection, folder: Path, rows: dict[str, int]) -> None:
    """Stop when a written file, read again, does not hold the rows of the warehouse."""
    for table, expected in rows.items():
        schema, name = table.split(".")
        found = {"the DuckDB file": f"served.{table}"}
        path = folder / "parquet" / schema / f"{name}.parquet"
        if schema in SERVED_SCHEMAS:
            found["the Parquet file"] = f"read_parquet({_text(path)})"
        for place, relation in found.items():
            (count,) = connection.execute(f"select count(*) from {relation}").fetchone()
            if count != expected:
                raise PublishError(
                    f"{table} has {expected:,} rows, its copy in {place} {count:,}. Nothing was published: "
                    "run again, and check the disk when it happens twice."
                )


def _text(path: Path) -> str:
    """A path as an SQL text."""
    return "'" + str(path).replace("'", "''") + "'"


def _sync(folder: Path) -> None:
    """Have the disk hold every file and name of a folder before anybody is pointed to it."""
    for path, _, names in os.walk(folder):
        for name in names:
            _sync_path(Path(path, name))
        _sync_path(Path(path))


def _sync_path(path: Path) -> None:
    """Flush one file, or the names in one folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def serving_from_environment() -> Serving:
    """The folder of SERVING (default: serving), which keeps SERVING_KEEP versions (default: 5)."""
    keep = os.environ.get("SERVING_KEEP") or str(DEFAULT_KEEP)
    if not keep.isdecimal():
        raise PublishError(f"SERVING_KEEP is {keep!r}. Set it to a whole number of versions, 2 or more.")
    return Serving(Path(os.environ.get("SERVING") or "serving"), int(keep))


def _line(version: Version, served: Version | None) -> str:
    """One line about a version."""
    mark = "*" if served and version.version_id == served.version_id else " "
    rows = sum(version.tables.values())
    return f"{mark} {version.version_id}  {version.published_at}  {len(version.tables)} tables, {rows:,} rows"


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.publish",
        description="Show the published versions, or serve an older one again.",
        epilog="The environment variable SERVING names the folder (default: serving).",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the kept versions; * is served")
    rollback = commands.add_parser("rollback", help="serve an older version again")
    rollback.add_argument("version", nargs="?", help="version to serve (default: the one before the current)")
    options = parser.parse_args(arguments)
    try:
        serving = serving_from_environment()
        if options.command == "rollback":
            version = serving.rollback(options.version)
            print(f"Serving {version.version_id} of {version.published_at} again: {serving.database}")
            print("The next successful run publishes a new version over it.")
            return 0
        served = serving.current()
        for version in serving.versions():
            print(_line(version, served))
        if served is None:
            print(f"Nothing is published below {serving.root}. Run 'make pipeline' first.")
        return 0
    except RunError as stop:
        print(stop, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
