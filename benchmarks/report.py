"""Turn measurements into the Markdown of the results page."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.measure import Measurement
from benchmarks.spark import Stage

SLOWEST_MODELS = 10
# From here on the clock also counts waiting for a processor that something else was using.
BUSY_LOAD = 0.5
BUSY = ": it was busy with other work, so that CPU seconds say more than seconds."
READS_ALL = ("floor", "build", "peer", "spark_build")
STEPS = {
    "floor": "Floor: read, remove duplicates, write three tables",
    "build": "Full build: `make run` into a fresh warehouse",
    "day": "`make run` with one more day of files",
    "unchanged": "`make run` again, nothing changed",
    "peer": "Polars script: {figures} of the figures",
    "spark_build": "Full build on Apache Spark",
    "spark_day": "On Spark, with one more day of files",
    "short_build": "Full build of the last tenth of the days",
    "short_day": "`make run` with the same day on top of these",
    "parse_full": "`dbt parse`, from nothing",
    "parse_partial": "`dbt parse`, nothing changed",
}
# Layers by the first letters of their models; what has none of these is a mart or an export.
LAYERS = {
    "Landing files, typed and checked": "stg_contract__",
    "Staging: history, identities, definitions": "stg_",
    "Intermediate": "int_",
    "Facts": "fct_",
    "Data quality": "quality_",
    "Marts, dimensions and exports": "",
}
HEADER = """# Benchmark results

What each row measures, and what it does not: [README.md](README.md). Written by `make benchmark`; every
section is one run, or several that `--resume` joined. Seconds, CPU seconds and memory are medians over the
repetitions; a ratio is the median of the ratios within a repetition.
"""


@dataclass
class Repetition:
    """The steps of one repetition, the size of their files, and the seconds of dbt's nodes."""

    steps: dict[str, Measurement]
    warehouse_bytes: int
    floor_bytes: int
    node_seconds: dict[str, float]
    day_node_seconds: dict[str, float] = field(default_factory=dict)
    spark_bytes: int = 0
    spark_node_seconds: dict[str, float] = field(default_factory=dict)
    spark_stages: list[Stage] = field(default_factory=list)


@dataclass
class SizeResult:
    """Everything measured at one size."""

    events: int
    raw_events: int
    landing_bytes: int
    landing_files: int
    generation: Measurement
    days: list[str]
    machine: str
    versions: str
    project: str
    memory_limit: str | None
    floor_memory_limit: str | None
    load_before: float
    day_events: int = 0
    figures: int = 0
    spark_figures: int = 0
    repetitions: list[Repetition] = field(default_factory=list)

    def conditions(self) -> dict[str, object]:
        """What must be equal for repetitions to be of the same thing."""
        return {
            "landing files": [self.raw_events, self.landing_bytes, self.landing_files, self.day_events],
            "machine": self.machine,
            "versions": self.versions,
            "project": self.project,
            "memory limit": [self.memory_limit, self.floor_memory_limit],
        }


def write_result(path: Path, result: SizeResult) -> None:
    """Keep what was measured at one size."""
    path.write_text(json.dumps(asdict(result)), encoding="utf-8")


def read_result(path: Path) -> SizeResult:
    """What `write_result` kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["generation"] = Measurement(**kept["generation"])
    for repetition in kept["repetitions"]:
        repetition["steps"] = {step: Measurement(**found) for step, found in repetition["steps"].items()}
        repetition["spark_stages"] = [Stage(**stage) for stage in repetition["spark_stages"]]
    kept["repetitions"] = [Repetition(**repetition) for repetition in kept["repetitions"]]
    return SizeResult(**kept)


def table(headers: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    headers = list(headers)
    lines = [headers, ["---", *["---:"] * (len(headers) - 1)], *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """A number with about three digits, grouped."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size(value: int) -> str:
    """Bytes in MB or GB."""
    return f"{number(value / 1e9)} GB" if value >= 1e9 else f"{number(value / 1e6)} MB"


def ratio(result: SizeResult, step: str, base: str, *, percent: bool = False) -> str:
    """Median over the repetitions of the seconds of `step` over those of `base`."""
    pairs = [r.steps for r in result.repetitions if step in r.steps and base in r.steps]
    if not pairs:
        return "-"
    middle = median(steps[step].seconds / steps[base].seconds for steps in pairs)
    return f"{100 * middle:.1f} %" if percent else number(middle) + " x"


def node_kind(unique_id: str) -> str:
    """Kind of a dbt node: model, seed, test, operation."""
    return unique_id.partition(".")[0]


def size_section(result: SizeResult) -> str:
    """The section of one size: where it was measured, the steps, the sizes, the slowest models."""
    repetitions = result.repetitions
    rows = [_step_row(result, "Generate the landing files", [result.generation], over_floor="-")]
    for step, name in STEPS.items():
        runs = [r.steps[step] for r in repetitions if step in r.steps]
        if runs:
            text = name.format(figures=result.figures)
            over_floor = "-" if step.startswith("parse") else ratio(result, step, "floor")
            rows.append(_step_row(result, text, runs, over_floor, step in READS_ALL))
    warehouse = median(r.warehouse_bytes for r in repetitions)
    floor = median(r.floor_bytes for r in repetitions)
    has_peer = any("peer" in r.steps for r in repetitions)
    same_limit = result.floor_memory_limit == result.memory_limit
    floor_limit = "" if same_limit else f", in the floor {result.floor_memory_limit}"
    memory_limit = (result.memory_limit or "its default") + floor_limit
    facts = [
        f"Measured {', '.join(result.days)}: {result.machine}.",
        f"Versions: {result.versions}.",
        f"Repetitions: {len(repetitions)}. Memory limit of DuckDB: {memory_limit}. "
        f"Load of the machine before the run: {result.load_before:.1f}"
        + (BUSY if result.load_before > BUSY_LOAD else "."),
        f"Landing: {result.raw_events:,} raw events, {size(result.landing_bytes)} "
        f"in {result.landing_files:,} files.",
        f"Warehouse: {size(warehouse)}, {number(warehouse / result.landing_bytes)} x the landing files; "
        f"the floor's file: {size(floor)}, {number(floor / result.landing_bytes)} x.",
    ]
    if any("day" in r.steps for r in repetitions):
        facts.append(
            f"One more day: {result.day_events:,} events in {ratio(result, 'day', 'build', percent=True)} "
            "of the full build's time, and in "
            f"{ratio(result, 'day', 'short_day')} the time it takes on top of the last tenth of the days."
        )
    if has_peer:
        facts.append(
            f"Full build over Polars script: {ratio(result, 'build', 'peer')}. All {result.figures} figures "
            "of the script were equal to the warehouse's in every repetition."
        )
    return "\n\n".join(
        [
            _heading(result.events),
            "\n".join(f"- {fact}" for fact in facts),
            table(
                ("Step", "Seconds", "Min to max", "CPU seconds", "Raw events/s", "Peak memory", "Over floor"),
                rows,
            ),
            _node_sums(result),
            table(("Layer", "Full build, seconds", "One more day, seconds"), layers(repetitions)),
            table(
                (f"The {SLOWEST_MODELS} slowest models", "Seconds", "Share of all models"),
                slowest_models([r.node_seconds for r in repetitions]),
            ),
            *_profile("of one more day", [r.day_node_seconds for r in repetitions]),
            *_spark_stages(result),
            *_profile("on Spark", [r.spark_node_seconds for r in repetitions]),
        ]
    )


def _profile(what: str, runs: list[dict[str, float]]) -> list[str]:
    """The slowest models of another build, when it was measured."""
    if not any(runs):
        return []
    headers = (f"The {SLOWEST_MODELS} slowest models {what}", "Seconds", "Share of all models")
    return [table(headers, slowest_models(runs))]


def _spark_stages(result: SizeResult) -> list[str]:
    """What Spark's stages did in the full build of the last repetition, when it was measured."""
    last = result.repetitions[-1]
    if not last.spark_stages:
        return []
    spilled, shuffled = Counter(), Counter()
    for stage in last.spark_stages:
        spilled[stage.node] += stage.spilled_bytes
        shuffled[stage.node] += stage.shuffled_bytes
    most = [f"`{node}` {size(count)}" for node, count in spilled.most_common(SLOWEST_MODELS) if count]
    node, count = shuffled.most_common(1)[0]
    uneven = sorted({f"`{stage.node}`" for stage in last.spark_stages if stage.is_uneven})
    tasks = sum(stage.tasks for stage in last.spark_stages)
    return [
        f"Full build on Apache Spark: {ratio(result, 'spark_build', 'build')} the seconds of DuckDB's; "
        f"{size(last.spark_bytes)} of tables; {len(last.spark_stages):,} stages with {tasks:,} tasks. "
        f"Shuffled: {size(shuffled.total())}, of which the most, {size(count)}, by `{node}`. "
        f"Written to disk for lack of memory: {', '.join(most) or 'nothing'}. Stages with a task far longer "
        f"than the others: {', '.join(uneven) or 'none'}. After the day on top all {result.spark_figures} "
        "figures of the Polars script were equal to DuckDB's."
    ]


def layers(repetitions: list[Repetition]) -> list[tuple[str, str, str]]:
    """Seconds of the models of each layer, and of the data tests, in the full build and in the day on top."""
    columns = []
    for runs in ([r.node_seconds for r in repetitions], [r.day_node_seconds for r in repetitions]):
        sums = dict.fromkeys([*LAYERS, "Data tests"], 0.0)
        for name, seconds in _medians(runs, "model").items():
            sums[next(layer for layer, start in LAYERS.items() if name.startswith(start))] += seconds
        sums["Data tests"] = sum(_medians(runs, "test").values())
        columns.append([number(seconds) if any(runs) else "-" for seconds in sums.values()])
    return list(zip([*LAYERS, "Data tests"], *columns, strict=True))


def slowest_models(runs: list[dict[str, float]]) -> list[tuple[str, str, str]]:
    """Name, median seconds and share of the models that took longest."""
    models = _medians(runs, "model")
    total = sum(models.values()) or 1
    ordered = sorted(models.items(), key=lambda item: (-item[1], item[0]))[:SLOWEST_MODELS]
    return [(f"`{name}`", number(seconds), f"{100 * seconds / total:.1f} %") for name, seconds in ordered]


def write_results(path: Path, result: SizeResult) -> None:
    """Put the section of one size into the results page, replacing an older section of the same size."""
    text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(with_section(text, result.events, size_section(result)), encoding="utf-8")


def with_section(text: str, events: int, section: str) -> str:
    """The page with the section of this size in its place: sizes ascend, the header is the current one."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    sections = {int(re.match(r"## ([\d,]+)", part)[1].replace(",", "")): part.strip() for part in parts}
    sections[events] = section.strip()
    return "\n\n".join([HEADER.strip(), *(sections[key] for key in sorted(sections))]) + "\n"


def _heading(events: int) -> str:
    return f"## {events:,} events"


def _step_row(
    result: SizeResult, name: str, runs: list[Measurement], over_floor: str, per_second: bool = True
) -> list[str]:
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    return [
        name,
        number(middle),
        f"{number(min(seconds))} to {number(max(seconds))}" if len(runs) > 1 else "once",
        number(median(run.cpu_seconds for run in runs)),
        f"{result.raw_events / middle:,.0f}" if per_second else "-",
        size(median(run.peak_bytes for run in runs)),
        over_floor,
    ]


def _medians(runs: list[dict[str, float]], kind: str) -> dict[str, float]:
    """Median seconds of every node of a kind, by its name."""
    names = {unique_id for run in runs for unique_id in run if node_kind(unique_id) == kind}
    return {
        unique_id.split(".")[2]: median(run[unique_id] for run in runs if unique_id in run)
        for unique_id in names
    }


def _node_sums(result: SizeResult) -> str:
    runs = [r.node_seconds for r in result.repetitions]
    parts = []
    for kind, name in (("model", "models"), ("test", "data tests"), ("seed", "seeds")):
        nodes = _medians(runs, kind)
        parts.append(f"{len(nodes)} {name} {number(sum(nodes.values()))} s")
    return (
        "Within the full build, the seconds of dbt's nodes added up (dbt runs two at a time, so the sum can "
        f"exceed the clock): {', '.join(parts)}."
    )
