"""Command line of the benchmark: `python -m benchmarks --events 1m,10m`."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.figures import count_figures, differences, warehouse_figures
from benchmarks.floor import EVENT_TABLES
from benchmarks.measure import Measurement, StepError, folder_size, machine, measure, read_once, versions
from benchmarks.report import (
    STEPS,
    Repetition,
    SizeResult,
    number,
    read_result,
    size,
    size_section,
    write_result,
    write_results,
)
from benchmarks.spark import read_stages
from orchestration.build import PROJECT_ROOT
from orchestration.cli import project_fingerprint
from orchestration.mirror import make_mirror

UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
DIFFERENCES_SHOWN = 20
SPARK_PACKAGES = ("dbt-spark", "pyspark")
PEER = "benchmarks.peers.polars_journeys"


class BenchmarkError(Exception):
    """The benchmark cannot go on or found a wrong figure; the text says which and what to do."""


def parse_sizes(text: str) -> list[tuple[int, int | None]]:
    """Read `1m,100m:1` as (events, repetitions or None) pairs."""
    sizes = []
    for part in text.lower().split(","):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)(?::(\d+))?", part.strip())
        if not found or not float(found[1]) or found[3] == "0":
            raise argparse.ArgumentTypeError(f"{part!r} is no size; write 500k, 1m or 100m:1 (once)")
        sizes.append((round(float(found[1]) * UNITS[found[2]]), int(found[3]) if found[3] else None))
    return sizes


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the warehouse: time, memory and size of a full build and of a run without "
        "changes, against a plain load of the same files (the floor) and against a Polars script that must "
        "give equal figures.",
        epilog="Method: benchmarks/README.md. Landing files of a size are generated once and used again.",
    )
    parser.add_argument(
        "--events",
        type=parse_sizes,
        default="1m,10m",
        metavar="SIZES",
        help="sizes in raw events, such as 500k,1m,100m:1; a number after : is the repetitions of that size "
        "(default: 1m,10m)",
    )
    parser.add_argument(
        "--repeat",
        type=_positive,
        default=3,
        metavar="N",
        help="repetitions of every other size (default: 3)",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=PROJECT_ROOT / "target" / "benchmark",
        metavar="DIR",
        help="folder for landing files, warehouses and logs (default: target/benchmark)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=PROJECT_ROOT / "benchmarks" / "results.md",
        metavar="FILE",
        help="Markdown page to write; sections of other sizes stay (default: benchmarks/results.md)",
    )
    parser.add_argument(
        "--memory-limit",
        metavar="SIZE",
        help="memory DuckDB may use in the floor and in the build, such as 8GiB (default: its own, 80 %% of "
        "the machine); it does not bind Polars",
    )
    parser.add_argument(
        "--floor-memory-limit",
        metavar="SIZE",
        help="memory for the floor where it needs more than the build: it stops when its limit is too small "
        "(default: that of --memory-limit)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the repetitions that an earlier run finished with the same files, project, machine, "
        "versions and options, and measure only those that are missing",
    )
    parser.add_argument(
        "--skip-short",
        action="store_true",
        help="leave out the full build of the last tenth of the days and the day on top of it",
    )
    parser.add_argument(
        "--spark",
        action="store_true",
        help="build on Apache Spark too (make setup-spark), and the day on top of it; minutes more for each",
    )
    parser.add_argument(
        "--skip-peer",
        action="store_true",
        help="leave out the Polars script and the comparison of its figures",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def check_figures(warehouse: Path, peer: dict[str, list[dict]], name: str = "The Polars script") -> int:
    """Stop when a figure of the peer is not the warehouse's; return how many were compared."""
    figures = warehouse_figures(warehouse)
    lines = differences(figures, peer)
    if lines:
        if len(lines) > DIFFERENCES_SHOWN:
            lines[DIFFERENCES_SHOWN:] = [f"... and {len(lines) - DIFFERENCES_SHOWN} more"]
        raise BenchmarkError("\n".join([f"{name} differs from the warehouse:", *lines]))
    return count_figures(figures)


def count_events(folder: Path) -> int:
    """Rows of the event tables in the Parquet files below a folder; a table may have none there."""
    files = [str(path) for table in EVENT_TABLES for path in (folder / table).rglob("*.parquet")]
    query = "select sum(num_rows) from parquet_file_metadata(?)"
    with duckdb.connect() as connection:
        return connection.execute(query, [files]).fetchone()[0]


def link_files(source: Path, target: Path) -> None:
    """Hard-link every file below `source` (or `source` itself) to the same place below `target`."""
    for file in [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file()):
        link = target / file.relative_to(source) if file != source else target
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(file)


def node_seconds(dbt_folder: Path) -> dict[str, float]:
    """Seconds of every node of the last dbt command, by its unique id."""
    nodes = json.loads((dbt_folder / "run_results.json").read_bytes())["results"]
    return {node["unique_id"]: node["execution_time"] for node in nodes}


class Benchmark:
    """The steps of one size, in a folder of their own."""

    def __init__(
        self, options: argparse.Namespace, events: int, repeat: int, load: float, progress: Progress
    ) -> None:
        """Prepare a size; `load` is that of the machine without us, `progress` shows where the run is."""
        self.options, self.events, self.repeat, self.load = options, events, repeat, load
        self.folder = options.work.resolve() / str(events)
        self.landing = self.folder / "data" / "landing"
        self.day = self.folder / "data" / "day"
        self.short = self.folder / "data" / "short"
        self.warehouse = self.folder / "warehouse.duckdb"
        self.floor = self.folder / "floor.duckdb"
        self.dbt = self.folder / "dbt"
        self.spark = self.folder / "spark"
        self.floor_memory_limit = options.floor_memory_limit or options.memory_limit
        self.progress = progress
        self.measured = self.folder / "measured.json"
        self.result: SizeResult | None = None
        left_out = {
            *(["peer"] if options.skip_peer else []),
            *(["short_build", "short_day"] if options.skip_short else []),
            *([] if options.spark else ["spark_build", "spark_day"]),
        }
        self.steps = set(STEPS) - left_out
        self.task = progress.add_task(f"{events:,} events", total=1 + repeat * len(self.steps), current="")

    def run(self) -> SizeResult:
        """Measure everything and return it; what a stopped run has measured goes to `incomplete.md`."""
        incomplete = self.folder / "incomplete.md"
        incomplete.unlink(missing_ok=True)
        try:
            self.measure_all()
        except BaseException:
            if self.result and self.result.repetitions:
                incomplete.write_text(size_section(self.result) + "\n", encoding="utf-8")
                self.progress.console.print(f"Measured until then: {incomplete}", markup=False)
            raise
        return self.result

    def measure_all(self) -> None:
        """Run all steps of all repetitions, and remove their databases."""
        self.folder.mkdir(parents=True, exist_ok=True)
        generation, _ = self.generate()
        self.hold_back_day()
        landing_bytes, landing_files = folder_size(self.landing)
        self.result = SizeResult(
            events=self.events,
            raw_events=count_events(self.landing),
            day_events=count_events(self.day),
            landing_bytes=landing_bytes,
            landing_files=landing_files,
            generation=generation,
            days=[datetime.now(UTC).date().isoformat()],
            machine=machine(self.folder),
            versions=versions(*(SPARK_PACKAGES if self.options.spark else ())),
            project=project_fingerprint(),
            memory_limit=self.options.memory_limit,
            floor_memory_limit=self.floor_memory_limit,
            load_before=self.load,
        )
        self.take_up(self.result)
        for repetition in range(len(self.result.repetitions) + 1, self.repeat + 1):
            read_once(self.landing)
            self.repetition(repetition, self.result)
            write_result(self.measured, self.result)
        for path in (self.warehouse, self.floor):
            path.unlink(missing_ok=True)

    def take_up(self, result: SizeResult) -> None:
        """Take the repetitions that an earlier run kept, or forget them when a new series begins."""
        if not self.options.resume:
            self.measured.unlink(missing_ok=True)
        if not self.measured.exists():
            return
        kept = read_result(self.measured)
        now, then = result.conditions(), kept.conditions()
        others = [name for name, value in then.items() if value != now[name]]
        if any(set(repetition.steps) != self.steps for repetition in kept.repetitions):
            others.append("steps")
        if others:
            raise BenchmarkError(
                f"The repetitions kept in {self.measured} cannot be gone on with, since they had other "
                f"{', '.join(others)}. Run as they were run, or leave out --resume to begin anew."
            )
        result.repetitions += kept.repetitions
        is_complete = len(kept.repetitions) >= self.repeat
        result.days = kept.days if is_complete else list(dict.fromkeys(kept.days + result.days))
        result.load_before = max(kept.load_before, result.load_before)
        result.figures, result.spark_figures = kept.figures, kept.spark_figures
        self.progress.update(self.task, advance=len(kept.repetitions) * len(self.steps))
        self.progress.console.print(
            f"{self.events:,} events, repetitions of earlier runs: {len(kept.repetitions)}", markup=False
        )

    def generate(self) -> tuple[Measurement, int]:
        """Generate the landing files, or take those of an earlier run of the same simulator."""
        record, data = self.folder / "generation.json", self.folder / "data"
        digest = hashlib.sha256()
        for path in sorted((PROJECT_ROOT / "simulator").glob("*.py")):
            digest.update(path.read_bytes())
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        if known.get("simulator") == digest.hexdigest() and self.landing.is_dir():
            self._done(f"landing files of an earlier run: {known['raw_events']:,} raw events")
            return Measurement(**known["measurement"]), known["raw_events"]
        record.unlink(missing_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        command = [sys.executable, "-m", "simulator", "--out", str(data), "--events", str(self.events)]
        measured = self._measure("generate", command)
        raw_events = json.loads((data / "truth" / "truth.json").read_text(encoding="utf-8"))["raw_events"]
        known = {"simulator": digest.hexdigest(), "raw_events": raw_events, "measurement": asdict(measured)}
        record.write_text(json.dumps(known), encoding="utf-8")
        return measured, raw_events

    def hold_back_day(self) -> None:
        """Move the files of the last whole day to `day`, and out of the way what was loaded after it.

        A repetition that was killed may have left the day beside the others: it is taken away again.

        `short` gets the last tenth of the days before it, and what was delivered once (such as goals):
        the same day is measured on top of both.
        """
        if not self.day.exists():
            dates = sorted(path.name for path in (self.landing / EVENT_TABLES[0]).iterdir())
            sizes = [folder_size(self.landing / EVENT_TABLES[0] / date)[0] for date in dates]
            whole = max(n for n, size_ in enumerate(sizes) if size_ > median(sizes) / 2)
            for date in dates[whole:]:
                for folder in self.landing.glob(f"*/{date}"):
                    place = self.day if date == dates[whole] else self.folder / "data" / "after"
                    target = place / folder.relative_to(self.landing)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    folder.rename(target)
        for path in [path for path in self.day.rglob("*") if path.is_file()]:
            link = self.landing / path.relative_to(self.day)
            link.unlink(missing_ok=True)
            if link.parent.exists() and not any(link.parent.iterdir()):
                link.parent.rmdir()
        shutil.rmtree(self.short, ignore_errors=True)
        dates = sorted(path.name for path in (self.landing / EVENT_TABLES[0]).iterdir())
        early = set(dates[: -max(1, len(dates) // 10)])
        for table in self.landing.iterdir():
            folders = list(table.iterdir())
            for path in folders:
                if path.name not in early or len(folders) == 1:
                    link_files(path, self.short / path.relative_to(self.landing))

    def repetition(self, repetition: int, result: SizeResult) -> None:
        """Run every step once, each on fresh files."""
        for path in (self.warehouse, self.floor):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.dbt, ignore_errors=True)
        steps = {}
        limit = [self.floor_memory_limit] if self.floor_memory_limit else []
        command = [sys.executable, "-m", "benchmarks.floor", str(self.landing), str(self.floor), *limit]
        steps["floor"] = self._measure("floor", command, repetition)

        command = [sys.executable, "-m", "orchestration.cli", "run"]
        if self.options.memory_limit:
            command += ["--vars", json.dumps({"memory_limit": self.options.memory_limit})]
        steps["build"] = self._measure("build", command, repetition)
        measured = Repetition(
            steps=steps,
            warehouse_bytes=self.warehouse.stat().st_size,
            floor_bytes=self.floor.stat().st_size,
            node_seconds=node_seconds(self.dbt),
        )
        result.repetitions.append(measured)
        if self.options.spark:
            self.build_on_spark(repetition, measured)
        link_files(self.day, self.landing)
        try:
            steps["day"] = self._measure("day", command, repetition)
            measured.day_node_seconds = node_seconds(self.dbt)
            if self.options.spark:
                steps["spark_day"] = self._measure_spark("spark_day", repetition)
                figures = warehouse_figures(self.show_spark())
                result.spark_figures = check_figures(self.warehouse, figures, "The build on Spark")
            self.finish_repetition(repetition, result, command, steps)
        finally:
            self.hold_back_day()

    def build_on_spark(self, repetition: int, measured: Repetition) -> None:
        """Build everything on Spark."""
        shutil.rmtree(self.spark, ignore_errors=True)
        measured.steps["spark_build"] = self._measure_spark("spark_build", repetition)
        measured.spark_bytes, _ = folder_size(self.spark / "warehouse")
        measured.spark_node_seconds = node_seconds(self.spark / "dbt")
        measured.spark_stages = read_stages(self.spark / "log_spark_build")

    def _measure_spark(self, step: str, repetition: int) -> Measurement:
        command = [sys.executable, "-m", "benchmarks.spark", str(self.spark / f"log_{step}"), "build"]
        command += ["--exclude-resource-type", "unit_test"]
        places = {"DBT_TARGET_PATH": self.spark / "dbt", "JOURNEY_SPARK_WAREHOUSE": self.spark / "warehouse"}
        return self._measure(step, command, repetition, **places)

    def show_spark(self) -> Path:
        """A DuckDB file that shows the tables of Spark."""
        mirror = self.spark / "mirror.duckdb"
        os.environ["JOURNEY_SPARK_WAREHOUSE"] = str(self.spark / "warehouse")
        make_mirror(self.landing, mirror, {}, self.spark / "dbt")
        return mirror

    def finish_repetition(
        self, repetition: int, result: SizeResult, command: list[str], steps: dict[str, Measurement]
    ) -> None:
        """Run the steps that follow the build and the day."""
        results = (self.dbt / "run_results.json").read_bytes()
        steps["unchanged"] = self._measure("unchanged", command, repetition)
        if (self.dbt / "run_results.json").read_bytes() != results:
            raise BenchmarkError("The second run built again: did the project change during the benchmark?")

        if not self.options.skip_peer:
            found = self.folder / "peer_figures.json"
            peer = [sys.executable, "-m", PEER, str(self.landing), str(found)]
            steps["peer"] = self._measure("peer", peer, repetition)
            result.figures = check_figures(self.warehouse, json.loads(found.read_text(encoding="utf-8")))

        if not self.options.skip_short:
            shutil.rmtree(self.dbt)
            self.warehouse.unlink()
            steps["short_build"] = self._measure("short_build", command, repetition, landing=self.short)
            link_files(self.day, self.short)
            steps["short_day"] = self._measure("short_day", command, repetition, landing=self.short)
        shutil.rmtree(self.dbt)
        parse = [str(Path(sys.executable).with_name("dbt")), "--quiet", "parse"]
        steps["parse_full"] = self._measure("parse_full", parse, repetition)
        steps["parse_partial"] = self._measure("parse_partial", parse, repetition)

    def _measure(
        self,
        step: str,
        command: list[str],
        repetition: int = 0,
        landing: Path | None = None,
        **environment: object,
    ) -> Measurement:
        name = f"{step} {repetition}" if repetition else step
        self.progress.update(self.task, current=name)
        places = {
            "LANDING": str(landing or self.landing),
            "JOURNEY_WAREHOUSE": str(self.warehouse),
            "DBT_TARGET_PATH": str(self.dbt),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_PROFILES_DIR": str(PROJECT_ROOT),
            **{key: str(value) for key, value in environment.items()},
        }
        log = self.folder / "logs" / f"{name.replace(' ', '_')}.txt"
        try:
            measured = measure(command, log, places)
        except StepError as error:
            raise BenchmarkError(f"The step {name} at {self.events:,} events failed. {error}") from error
        self._done(f"{name}: {number(measured.seconds)} s, {size(measured.peak_bytes)}")
        return measured

    def _done(self, text: str) -> None:
        self.progress.console.print(f"{self.events:,} events, {text}", markup=False)
        self.progress.advance(self.task)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parse_arguments(arguments)
    if not options.skip_peer and importlib.util.find_spec("polars") is None:
        print(
            "Polars is not installed. Install it (.venv/bin/pip install polars), or add --skip-peer.",
            file=sys.stderr,
        )
        return 2
    if options.spark and importlib.util.find_spec("pyspark") is None:
        print("Spark is not installed. Install it (make setup-spark), or leave out --spark.", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description:>20}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[current]}", markup=False),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            for events, repeat in options.events:
                result = Benchmark(options, events, repeat or options.repeat, load, progress).run()
                write_results(options.results, result)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Landing files that were complete are used again by the next run.", file=sys.stderr)
        return 130
    print(f"Results: {options.results}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
