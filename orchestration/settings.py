"""Settings of the pipeline, read once from the environment; docs/pipeline.md lists them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.build import PROJECT_ROOT
from orchestration.cli import RunError
from orchestration.publish import DEFAULT_KEEP, Serving

# The targets of profiles.yml, with the DuckDB file that audit and publish read.
ENGINES = {"duckdb": "journeys.duckdb", "spark": "spark.duckdb"}


@dataclass(frozen=True)
class Settings:
    """Absolute paths, and what the schedule, the sensors and the alerts need."""

    landing: Path
    warehouse: Path
    spark_warehouse: Path
    engine: str
    serving: Path
    serving_keep: int
    exports: Path
    export_formats: tuple[str, ...]
    variables: dict
    hour: int
    minute: int
    zone: str
    quiet_seconds: int
    fresh_hours: int
    wait_seconds: int
    webhook: str | None
    home: Path

    @property
    def target(self) -> Path:
        """Where dbt keeps what it compiles for the pipeline, apart from `make run`."""
        return Path(os.environ.get("DBT_TARGET_PATH") or PROJECT_ROOT / "target").absolute() / "pipeline"

    @property
    def failure_log(self) -> Path:
        """One JSON line for each failed run."""
        return self.home / "failures.jsonl"

    @property
    def quality_report(self) -> Path:
        """The report of the last audit."""
        return self.warehouse.with_name("quality.html")

    @property
    def published(self) -> Serving:
        """The folder that readers see."""
        return Serving(self.serving, self.serving_keep)

    def export_to_environment(self) -> None:
        """Tell dbt, which runs in the project's folder, the absolute paths."""
        os.environ["LANDING"] = str(self.landing)
        os.environ["JOURNEY_WAREHOUSE"] = str(self.warehouse)
        os.environ["JOURNEY_SPARK_WAREHOUSE"] = str(self.spark_warehouse)
        os.environ["DO_NOT_TRACK"] = "1"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of the environment; raises RunError with what to change."""

    def path(name: str, default: str) -> Path:
        return Path(environment.get(name) or default).absolute()

    def number(name: str, default: int) -> int:
        text = environment.get(name) or str(default)
        if not text.isdecimal():
            raise RunError(f"{name} is {text!r}. Set it to a whole number, such as {default}.")
        return int(text)

    time = environment.get("PIPELINE_TIME") or "04:00"
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", time):
        raise RunError(f"PIPELINE_TIME is {time!r}. Set it to a time of day, such as 04:00.")
    zone = environment.get("PIPELINE_ZONE") or "UTC"
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"PIPELINE_ZONE is {zone!r}. Set it to an IANA time zone, such as Europe/Istanbul."
        ) from error
    engine = environment.get("DBT_TARGET") or "duckdb"
    if engine not in ENGINES:
        raise RunError(f"DBT_TARGET is {engine!r}. Set it to {' or '.join(ENGINES)}.")
    formats = tuple((environment.get("EXPORT_FORMATS") or "csv").replace(",", " ").split())
    if not {*formats} <= {"csv", "xlsx"}:
        raise RunError(f"EXPORT_FORMATS is {' '.join(formats)!r}. Set it to csv, xlsx or both.")
    try:
        variables = json.loads(environment.get("VARS") or "{}")
    except json.JSONDecodeError as error:
        raise RunError(f"VARS is not valid JSON ({error}). Set it to an object such as {{}}.") from error
    if not isinstance(variables, dict):
        raise RunError('VARS must be a JSON object, such as {"reporting_timezone": "Europe/Istanbul"}.')
    webhook = environment.get("ALERT_WEBHOOK") or None
    if webhook and not webhook.startswith(("http://", "https://")):
        raise RunError(f"ALERT_WEBHOOK is {webhook!r}. Set it to an address that starts with https://.")
    warehouse = path("JOURNEY_WAREHOUSE", f"warehouse/{ENGINES[engine]}")
    hour, minute = time.split(":")
    return Settings(
        landing=path("LANDING", "landing"),
        warehouse=warehouse,
        spark_warehouse=path("JOURNEY_SPARK_WAREHOUSE", str(warehouse.with_name("spark"))),
        engine=engine,
        serving=path("SERVING", "serving"),
        serving_keep=number("SERVING_KEEP", DEFAULT_KEEP),
        exports=path("EXPORTS", "exports/daily"),
        export_formats=formats,
        variables=variables,
        hour=int(hour),
        minute=int(minute),
        zone=zone,
        quiet_seconds=number("LANDING_QUIET_SECONDS", 120),
        fresh_hours=number("LANDING_FRESH_HOURS", 36),
        wait_seconds=number("PIPELINE_WAIT_SECONDS", 30),
        webhook=webhook,
        home=path("DAGSTER_HOME", ".dagster"),
    )
