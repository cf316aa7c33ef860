"""Run dbt on the target spark with its Java process inside the measurement, and read Spark's event log.

python -m benchmarks.spark LOG_FOLDER build --exclude-resource-type unit_test
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# A stage is uneven when its longest task takes so many times the median of its tasks, and so many seconds.
UNEVEN_TIMES, UNEVEN_SECONDS = 3, 5
NODE = re.compile(r'"node_id": "\w+\.\w+\.(\w+)')


@dataclass(frozen=True)
class Stage:
    """One stage of Spark: the dbt node it worked for, its tasks and their seconds, the bytes it wrote to disk
    for lack of memory, and those it wrote for the tasks of the next stage."""

    node: str
    tasks: int
    longest_seconds: float
    median_seconds: float
    spilled_bytes: int
    shuffled_bytes: int

    @property
    def is_uneven(self) -> bool:
        """Whether one task held up the others."""
        longest = self.longest_seconds
        return longest > UNEVEN_SECONDS and longest > UNEVEN_TIMES * self.median_seconds


def read_stages(folder: Path) -> list[Stage]:
    """The stages of the runs that wrote their event logs to a folder."""
    return [stage for log in sorted(folder.glob("*")) for stage in _stages(log)]


def _stages(log: Path) -> list[Stage]:
    nodes: dict[int, str] = {}
    seconds, spilled, shuffled = defaultdict(list), defaultdict(int), defaultdict(int)
    with log.open(encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            if event["Event"] == "SparkListenerJobStart":
                node = event.get("Properties", {}).get("spark.job.description", "")
                nodes.update(dict.fromkeys(event["Stage IDs"], node))
            elif event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
                task, stage = event["Task Info"], event["Stage ID"]
                seconds[stage].append((task["Finish Time"] - task["Launch Time"]) / 1000)
                spilled[stage] += event["Task Metrics"]["Disk Bytes Spilled"]
                shuffled[stage] += event["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"]
    return [
        Stage(nodes.get(stage, ""), len(tasks), max(tasks), median(tasks), spilled[stage], shuffled[stage])
        for stage, tasks in seconds.items()
    ]


def main(arguments: list[str]) -> int:
    """Run one dbt command on Spark with an event log, and end only after Spark's Java process has."""
    logs = Path(arguments[0])
    logs.mkdir(parents=True, exist_ok=True)
    options = {"eventLog.enabled": "true", "eventLog.dir": logs.as_uri()}
    options |= {"eventLog.compress": "false", "eventLog.rolling.enabled": "false"}
    given = " ".join(f"--conf spark.{name}={value}" for name, value in options.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{given} pyspark-shell"
    from dbt.cli.main import dbtRunner
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    run_sql = SparkSession.sql

    def described_sql(session: SparkSession, query: str, *rest: object, **named: object) -> object:
        found = NODE.search(query)
        session.sparkContext.setJobDescription(found[1] if found else "")
        return run_sql(session, query, *rest, **named)

    SparkSession.sql = described_sql
    result = dbtRunner().invoke(["--quiet", *arguments[1:], "--target", "spark"])
    if context := SparkContext._active_spark_context:
        gateway = SparkContext._gateway
        context.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
