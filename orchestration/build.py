"""Run dbt in a child process, for the command line and the tests.

dbt takes its variables as one command line argument, and Linux limits one argument to 128 KiB. So the
arguments travel as one JSON line through standard input to this module run as a program, which hands them
to dbt. Standard input then stays open as a lifeline: the child ends when its caller does, however that ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
# dbt reports each failing node twice: once while it runs and once, with its message, in the closing summary.
PROGRESS_EVENTS = {"LogModelResult", "LogSeedResult", "LogTestResult", "LogSnapshotResult"}


class DbtError(RuntimeError):
    """A dbt run failed; the text carries the error lines dbt printed."""


@dataclass
class DbtResult:
    """Outcome of one dbt command."""

    success: bool
    stdout: str
    errors: list[str] = field(default_factory=list)

    def raise_for_error(self) -> DbtResult:
        """Return the result itself; raise DbtError with the readable error lines when the command failed."""
        if not self.success:
            raise DbtError("\n".join(self.errors) or self.stdout or "dbt failed without a message.")
        return self


def run_dbt(
    arguments: list[str],
    *,
    landing: Path,
    warehouse: Path,
    variables: dict | None = None,
    target_path: Path | None = None,
    log_path: Path | None = None,
    quiet: bool = True,
    on_event: Callable[[dict], None] | None = None,
) -> DbtResult:
    """Run one dbt command, such as `["build", "--resource-type", "model"]`, in the project.

    `landing` is the landing folder, `warehouse` the DuckDB file, `variables` the dbt vars of this run. The
    tables of the target spark lie in JOURNEY_SPARK_WAREHOUSE, else in the folder spark beside that file.
    `on_event` receives every dbt log event (a mapping with `info` and `data`) as it happens; `quiet=False`
    prints the messages too. A failing command does not raise: see `DbtResult.raise_for_error`.
    """
    warehouse = warehouse.resolve()
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "LANDING": str(landing.resolve()),
        "JOURNEY_WAREHOUSE": str(warehouse),
        "DBT_PROFILES_DIR": str(PROJECT_ROOT),
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("JOURNEY_SPARK_WAREHOUSE", str(warehouse.with_name("spark")))
    if target_path is not None:
        environment["DBT_TARGET_PATH"] = str(target_path.resolve())
    if log_path is not None:
        environment["DBT_LOG_PATH"] = str(log_path.resolve())
    command = ["--log-format", "json", "--log-format-file", "debug", "--no-use-colors", *arguments]
    if variables:
        command += ["--vars", json.dumps(variables)]

    messages: list[str] = []
    errors: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.build"],
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            event = _parse_event(line)
            info = event["info"]
            messages.append(info["msg"])
            if info["level"] == "error" and info["name"] not in PROGRESS_EVENTS and info["msg"].strip():
                errors.append(info["msg"].rstrip())
            if not quiet:
                print(info["msg"])
            if on_event is not None:
                on_event(event)
    success = process.returncode == 0
    if process.returncode < 0:
        errors.append(
            f"dbt was killed from outside ({signal.Signals(-process.returncode).name}). If nobody did it, the"
            " machine ran out of memory: lower the settings memory_limit and engine_threads, or give it more."
        )
    if not success and not errors:
        errors = [message for message in messages if message.strip()][-20:]
    return DbtResult(success=success, stdout="\n".join(messages), errors=errors)


def _parse_event(line: str) -> dict:
    """Read one output line; a line that is no dbt event (a plain print) becomes an event without a name."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        event = None
    if isinstance(event, dict) and {"name", "level", "msg"} <= set(event.get("info", {})):
        return event
    return {"info": {"name": "", "level": "info", "msg": line.rstrip("\n")}, "data": {}}


def _end_with_caller() -> None:
    """End this process when standard input closes: a build without its caller must not go on writing."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _main() -> int:
    """Read the dbt arguments as a JSON list from one line of standard input and run them in this process."""
    arguments = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_caller, daemon=True).start()
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(arguments)
    if result.exception is not None:
        print(result.exception)
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(_main())
