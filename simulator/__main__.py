"""Command line of the simulator: `python -m simulator --out demo`."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulator.engine import FORMATS, Parameters
from simulator.generate import stages, write_demo
from simulator.plans import Period

DEFAULT_EVENTS = 200_000
EVENTS_PER_USER, EVENTS_PER_USER_DAY = 15.9, 0.85  # measured; turn --events into a number of users


class CommandError(Exception):
    """A sentence for the user that says what is wrong and what to do."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Write demo landing files of a shop with nine journeys, and the truth planted in them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, default=argparse.SUPPRESS, help="folder for landing/ and truth/"
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--users", type=_positive, default=argparse.SUPPRESS, help="number of users")
    size.add_argument(
        "--events",
        type=_positive,
        default=DEFAULT_EVENTS,
        help="raw event rows to aim for; periods of some weeks meet it within a few percent",
    )
    parser.add_argument("--days", type=_days, default=90, help="length of the period, 1 to 1000 days")
    parser.add_argument("--seed", type=int, default=42, help="another seed gives other rows")
    parser.add_argument(
        "--start", type=date.fromisoformat, default="2026-06-01", help="first day of the period, UTC"
    )
    parser.add_argument("--format", choices=list(FORMATS), default="parquet", help="format of the files")
    parser.add_argument(
        "--force",
        action="store_true",
        default=argparse.SUPPRESS,
        help="replace existing landing and truth folders",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _days(text: str) -> int:
    number = _positive(text)
    if number > 1000:
        raise argparse.ArgumentTypeError("must be at most 1000")
    return number


def generate(out: Path, parameters: Parameters, force: bool, console: Console) -> dict[str, Any]:
    """Write landing and truth below `out`, all or nothing, and return the truth."""
    out.mkdir(parents=True, exist_ok=True)
    lock = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"Another run is writing into {out}. Wait, or choose another --out.") from None
        landing = out / "landing"
        if not force and landing.exists() and any(landing.iterdir()):
            raise CommandError(f"{landing} is not empty. Choose another --out, or add --force to replace it.")
        partial = out / ".partial"
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
        partial.mkdir()
        try:
            truth = _show_progress(partial, parameters, console)
            for name in ("truth", "landing"):  # landing last: where it is, the run was complete
                if (out / name).exists():
                    (out / name).rename(partial / f"old-{name}")
                (partial / name).rename(out / name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return truth
    finally:
        os.close(lock)


def _show_progress(root: Path, parameters: Parameters, console: Console) -> dict[str, Any]:
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=stages(parameters))
        return write_demo(root, parameters, lambda stage: progress.update(task, advance=1, description=stage))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parse_arguments(arguments)
    each = EVENTS_PER_USER + EVENTS_PER_USER_DAY * options.days
    users = getattr(options, "users", max(1, round(options.events / each)))
    parameters = Parameters(users, Period(options.start, options.days), options.seed, options.format)
    console = Console(stderr=True)
    started = time.monotonic()
    try:
        truth = generate(options.out, parameters, getattr(options, "force", False), console)
    except CommandError as error:
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        return 2
    except (OSError, duckdb.IOException) as error:
        console.print(f"Nothing was written into {options.out}: {error}", style="red", highlight=False)
        return 1
    except BrokenProcessPool:
        console.print("A worker process died, perhaps for lack of memory: nothing was written.", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted: nothing was written.", style="red")
        return 130
    seconds = time.monotonic() - started
    events = truth["raw_events"]
    print(
        f"{events:,} raw events of {users:,} users in {seconds:.1f} s ({events / seconds:,.0f} events/s)\n"
        f"landing: {options.out / 'landing'}\n"
        f"truth:   {options.out / 'truth' / 'truth.json'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
