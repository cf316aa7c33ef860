"""The assets of the daily job: landing tables, dbt models and tests, the served version, the export files."""

# No future annotations here: Dagster compares the annotated types themselves.

import json
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtCliRuntimeError, DagsterDbtTranslator, dbt_assets
from rich.console import Console

from orchestration import cli, exports
from orchestration.build import PROJECT_ROOT, DbtError, run_dbt
from orchestration.cli import RunError
from orchestration.landing_state import list_files, newest_event, read_landing, request_reload, state_of
from orchestration.mirror import make_mirror
from orchestration.settings import Settings

POOL = "warehouse"
STAGED = "stg_contract__"
EXAMPLE_ROWS = 3
# Faults that pass by themselves: somebody has the file open for a moment.
TRANSIENT = ("is open in another program", "Another run (process", "Could not set lock")
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
OWNERS = {"source_adapters": "team:source_adapters"}
SHAPES_SQL = """
select
    columns.schema_name,
    columns.table_name,
    views.view_name is not null,
    list([column_name, data_type] order by column_index)
from duckdb_columns() as columns
left join duckdb_views() as views
    on columns.schema_name = views.schema_name and columns.table_name = views.view_name
where not columns.internal
group by all
"""
KILLED = (
    "dbt was killed from outside ({}). If nobody did it, the machine ran out of memory: lower the settings "
    "memory_limit and engine_threads, or give it more. Then run again."
)
FIRST_LOAD_DAY = "2020-01-01"


def transient(reason: object) -> bool:
    """Whether a fault is worth another try."""
    return any(text in str(reason) for text in TRANSIENT)


@contextmanager
def explained() -> Iterator[None]:
    """Fail a step with its reason in words; only a fault that passes by itself is tried again."""
    try:
        yield
    except RunError as stop:
        raise dg.Failure(str(stop), allow_retries=transient(stop)) from stop
    except Exception as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=transient(error)) from error


@dataclass
class Lease:
    """The lock on the working warehouse: taken by the first step that needs it, held to the end of the run.

    Nothing else may change the warehouse between its build, its audit and its copy.
    """

    settings: Settings
    stack: ExitStack
    held: bool = False

    def hold(self) -> None:
        """Take the lock unless this run has it."""
        if not self.held:
            console = Console(stderr=True)
            wait = self.settings.wait_seconds
            self.stack.enter_context(cli.run_lock(self.settings.warehouse, wait, console))
            self.held = True


def lease_resource(settings: Settings) -> dg.ResourceDefinition:
    """The lease of one run; in one process, all steps of a run share it."""

    @dg.resource
    def lease() -> Iterator[Lease]:
        with ExitStack() as stack:
            yield Lease(settings, stack)

    return lease


# The manifest


def read_manifest(settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the project as it is now; parses it first when a source is newer."""
    path = settings.target / "manifest.json"
    newest = newest_change([PROJECT_ROOT / source for source in cli.PROJECT_SOURCES])
    if not path.exists() or path.stat().st_mtime <= newest:
        run_dbt(
            ["parse"],
            landing=settings.landing,
            warehouse=settings.warehouse,
            variables=settings.variables,
            target_path=settings.target,
            log_path=settings.target,
        ).raise_for_error()
        # dbt leaves a manifest alone that would not change.
        path.touch()
    return attach_tests(json.loads(path.read_text(encoding="utf-8")))


def newest_change(sources: list[Path]) -> float:
    """Time of the latest change (s since 1970) below some paths; a removed file shows in its folder."""
    return max(path.stat().st_mtime for source in sources for path in [source, *source.rglob("*")])


def attach_tests(manifest: dict[str, Any]) -> dict[str, Any]:
    """Name the model that each test with several parents judges: the first one that it reads.

    Without it Dagster shows such a test as an observation, not as a check.
    """
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test" or node.get("attached_node"):
            continue
        parents = node["depends_on"]["nodes"]
        models = [name for name in parents if name.startswith("model.")] or parents
        if len(parents) > 1:
            meta = node["config"].setdefault("meta", {})
            meta.setdefault("dagster", {"ref": {"name": manifest["nodes"][models[0]]["name"]}})
    return manifest


def landing_tables(manifest: Mapping[str, Any]) -> list[str]:
    """Tables of the event contract, from the models that stage them."""
    names = [node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return sorted(name.removeprefix(STAGED) for name in names if name.startswith(STAGED))


class Translator(DagsterDbtTranslator):
    """Groups are folders of models, owners their dbt groups; staged tables follow the landing tables."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        """Add what dbt does not know: the landing table behind a staged one, and how a model is kept."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["name"].startswith(STAGED):
            upstream = dg.AssetKey(["landing", node["name"].removeprefix(STAGED)])
            spec = spec.merge_attributes(deps=[upstream, dg.AssetKey("load_days")])
        return spec.merge_attributes(kinds={node["config"].get("materialized") or node["resource_type"]})

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The folder, such as marts_goals."""
        return "_".join(dbt_resource_props["fqn"][1:-1]) or dbt_resource_props["resource_type"] + "s"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The team of the dbt group, else analytics."""
        group = dbt_resource_props["config"].get("group")
        return [OWNERS.get(group, "team:analytics")]


# Landing


def landing_assets(settings: Settings, tables: list[str]) -> dg.AssetsDefinition:
    """The landing tables as observable sources: how much lies there, and the time of the latest event."""

    @dg.multi_observable_source_asset(
        name="landing",
        can_subset=True,
        specs=[
            dg.AssetSpec(
                ["landing", table],
                description=f"Raw files of the table {table}, only ever read (docs/landing.md).",
                group_name="landing",
                owners=["team:source_adapters"],
                kinds={"file"},
            )
            for table in tables
        ],
    )
    def landing(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        with explained():
            read_landing(settings.landing)
        for key in sorted(context.selected_asset_keys):
            table = key.path[-1]
            files = list_files(settings.landing / table)
            metadata: dict[str, Any] = {"files": len(files), "bytes": sum(file.size for file in files)}
            if files:
                metadata["newest_load_day"] = str(max(file.load_day for file in files))
            if latest := newest_event(table, files):
                metadata["dagster/last_updated_timestamp"] = dg.MetadataValue.timestamp(latest)
            yield dg.ObserveResult(
                asset_key=key, data_version=dg.DataVersion(state_of(files)), metadata=metadata
            )

    return landing


def load_days_asset(settings: Settings) -> dg.AssetsDefinition:
    """The days of the landing folder, to be read again."""

    @dg.asset(
        name="load_days",
        partitions_def=dg.DailyPartitionsDefinition(start_date=FIRST_LOAD_DAY, end_offset=1),
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="landing",
        owners=["team:source_adapters"],
        kinds={"file"},
        pool=POOL,
        retry_policy=RETRIES,
        required_resource_keys={"lease"},
        description="Load days whose files the next build reads again: a backfill of any range is one run of "
        "the job backfill. A daily run needs none of this: it takes in every new or changed file of any day.",
    )
    def load_days(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        days = context.partition_key_range
        first, last = date.fromisoformat(days.start), date.fromisoformat(days.end)
        with explained():
            files = [file for file in read_landing(settings.landing) if first <= file.load_day <= last]
            context.resources.lease.hold()
            known = request_reload(settings, first, last)
        return dg.MaterializeResult(
            metadata={
                "files": len(files),
                "bytes": sum(file.size for file in files),
                "files_read_before": known,
                "days_without_files": len(
                    {date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1)}
                    - {file.load_day for file in files}
                ),
            }
        )

    return load_days


# dbt


def dbt_build_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Every model and seed, built and tested by one `dbt build`."""

    @dbt_assets(
        manifest=manifest,
        name="dbt_build",
        dagster_dbt_translator=Translator(),
        pool=POOL,
        retry_policy=RETRIES,
        required_resource_keys={"dbt", "lease"},
    )
    def dbt_build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with explained():
            read_landing(settings.landing)
            context.resources.lease.hold()
            current = cli.fingerprint(settings.landing, settings.variables)
            cli.forget_success(settings.warehouse)
        settings.export_to_environment()
        os.environ["JOURNEY_PYTHON"] = sys.executable
        arguments = ["build", "--target", settings.engine, "--exclude-resource-type", "unit_test"]
        if settings.variables:
            arguments += ["--vars", json.dumps(settings.variables)]
        folder = settings.target / "build"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run_results.json").unlink(missing_ok=True)
        if (parsed := settings.target / "partial_parse.msgpack").exists():
            shutil.copy2(parsed, folder)
        settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
        build = context.resources.dbt.cli(arguments, context=context, target_path=folder)
        events, failure = [], None
        try:
            for event in build.stream():
                events.append(event)
        except DagsterDbtCliRuntimeError as error:
            failure = error
        if settings.engine == "spark":
            with suppress(DbtError) if failure else explained():
                make_mirror(settings.landing, settings.warehouse, settings.variables, settings.target)
        # Only now: while dbt writes, nobody can read row counts.
        shapes = table_shapes(settings.warehouse)
        for event in events:
            key = event.asset_key if isinstance(event, dg.AssetMaterialization) else None
            key = context.asset_key_for_output(event.output_name) if isinstance(event, dg.Output) else key
            shape = shapes.get(tuple(key.path[-2:])) if key else None
            yield event.with_metadata({**event.metadata, **shape}) if shape else event
        if failure:
            text = failed_nodes(folder, settings.warehouse) or str(failure)
            if build.process.returncode < 0:
                text = KILLED.format(signal.Signals(-build.process.returncode).name)
            raise dg.Failure(text, allow_retries=transient(text)) from failure
        with explained():
            cli.remember_success(settings.warehouse, current)

    return dbt_build


def table_shapes(warehouse: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Row count and columns of every table, as metadata, by schema and name; empty when it cannot be read.

    One connection for all: dagster-dbt opens two for each model, which takes longer.
    """
    shapes: dict[tuple[str, ...], dict[str, Any]] = {}
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            for schema, table, is_view, columns in connection.execute(SHAPES_SQL).fetchall():
                schema_of = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns])
                shapes[schema, table] = {"dagster/column_schema": schema_of}
                if not is_view:
                    (rows,) = connection.execute(f'select count(*) from "{schema}"."{table}"').fetchone()
                    shapes[schema, table]["dagster/row_count"] = rows
    except duckdb.Error:
        # The models are built all the same; the build says what is wrong with the file.
        return {}
    return shapes


def failed_nodes(folder: Path, warehouse: Path) -> str:
    """What failed in the last dbt command that wrote to `folder`, with example rows of failed tests."""
    path = folder / "run_results.json"
    if not path.exists():
        return ""
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    failed = [result for result in results if result["status"] in ("error", "fail", "runtime error")]
    lines = []
    for result in failed:
        name = result["unique_id"].split(".")[2]
        lines.append(f"{name}: {(result.get('message') or '').strip()}")
        if result["status"] == "fail" and result.get("compiled_code"):
            lines += [f"  for example {row}" for row in _examples(result["compiled_code"], warehouse)]
    return "\n".join(lines)


def _examples(query: str, warehouse: Path) -> list[str]:
    """The first rows that a test found."""
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute(f"from ({query}) limit {EXAMPLE_ROWS}")
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error:
        # The failure is told already; without the file there are only no examples.
        return []
    return [", ".join(f"{name} = {value}" for name, value in row.items()) for row in rows]


# Audit, publish, exports


def mark_audited(settings: Settings, run_id: str) -> None:
    """Note that the warehouse as it is now passed the audit; the next build makes the note void."""
    built = str(cli.last_success(settings.warehouse))
    with cli.open_warehouse(settings.warehouse, read_only=False) as connection:
        connection.execute("create schema if not exists ops")
        connection.execute("create or replace table ops.audited_build (built varchar, run_id varchar)")
        connection.execute("insert into ops.audited_build values (?, ?)", [built, run_id])


def audited_fingerprint(settings: Settings) -> str:
    """Fingerprint of the build that passed the audit; raises RunError when the warehouse is no such build."""
    success = cli.last_success(settings.warehouse)
    audited = None
    if success:
        with cli.open_warehouse(settings.warehouse, read_only=True) as connection:
            if connection.execute(
                "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = 'audited_build'"
            ).fetchall():
                audited = connection.execute("select built from ops.audited_build").fetchone()
    if not success or audited != (str(success),):
        raise RunError(
            f"{settings.warehouse} did not pass the audit since it was built, so nothing is published. "
            "Run the whole job with 'make pipeline'."
        )
    return success[0]


def publish_assets(settings: Settings, manifest: Mapping[str, Any]) -> list[dg.AssetsDefinition]:
    """What readers get, behind every blocking check: the version, then the export files."""
    translator = Translator()
    served = [
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in ("marts", "quality")
    ]

    @dg.asset(
        name="publish",
        deps=served,
        group_name="serving",
        owners=["team:analytics"],
        kinds={"duckdb", "parquet"},
        pool=POOL,
        retry_policy=RETRIES,
        required_resource_keys={"lease"},
        description="The audited marts and quality tables as one read-only DuckDB file and Parquet files, "
        "swapped in one step (docs/pipeline.md). `make rollback` serves the version before.",
    )
    def publish(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with explained():
            context.resources.lease.hold()
            version = settings.published.publish(
                settings.warehouse, fingerprint=audited_fingerprint(settings), run_id=context.run.run_id
            )
        return dg.MaterializeResult(
            metadata={
                "version": version.version_id,
                "file": dg.MetadataValue.path(str(settings.published.database)),
                "tables": len(version.tables),
                "dagster/row_count": sum(version.tables.values()),
            }
        )

    @dg.asset(
        name="exports",
        deps=[publish],
        group_name="serving",
        owners=["team:analytics"],
        kinds={"csv", "xlsx"},
        description="Every export of docs/exports.md as files, made from the served version; `current` names "
        "the folder.",
    )
    def export_files(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with explained():
            folder = write_exports(settings)
        return dg.MaterializeResult(
            metadata={"folder": dg.MetadataValue.path(str(folder)), "files": len([*folder.iterdir()])}
        )

    return [publish, export_files]


def write_exports(settings: Settings) -> Path:
    """Write every export of the served version into a folder of its own, then let `current` name it."""
    version = settings.published.current()
    if version is None:
        raise RunError("Nothing is published yet. Run 'make pipeline' first.")
    folder = settings.exports / version.version_id
    unfinished = settings.exports / f".unfinished-{uuid.uuid4().hex}"
    database = settings.serving / "versions" / version.version_id / "journeys.duckdb"
    try:
        unfinished.mkdir(parents=True)
        for file_format in settings.export_formats:
            options = ["--warehouse", str(database), "--out", str(unfinished), "--format", file_format]
            if exports.main(options) != 0:
                raise RunError(
                    "Not every export could be written; the reasons stand in the output. "
                    "Correct them, then run again."
                )
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
        link = settings.exports / f".unfinished-{uuid.uuid4().hex}"
        link.symlink_to(folder.name)
        link.replace(settings.exports / "current")
    except OSError as error:
        raise RunError(
            f"The exports cannot be written below {settings.exports} ({error.strerror}). "
            "Free space or choose another folder with EXPORTS=folder, then run again."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    kept = {version.version_id for version in settings.published.versions()}
    for old in settings.exports.iterdir():
        if not old.is_symlink() and old.is_dir() and old.name not in kept:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def started_at() -> str:
    """Now, UTC, ISO 8601 without fractions."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()
