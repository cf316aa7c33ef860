"""Command line of the simulator: `python -m simulator --out demo`."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulator.generate import Generator, Parameters

DEFAULT_EVENTS = 200_000
EVENTS_PER_USER_DAY = 1.01  # measured; only turns --events into a number of users
STAGES_PER_CHUNK = 4


class CommandError(Exception):
    """A sentence for the user that says what is wrong and what to do."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Write demo landing files of a shop with nine journeys, and the planted truth beside them.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder that receives landing/ and truth/")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--users", type=_positive, help="number of users; rows grow in proportion")
    size.add_argument(
        "--events", type=_positive,
        help=f"raw event rows to aim for, met within a few percent (default: {DEFAULT_EVENTS:,})",
    )  # fmt: skip
    parser.add_argument("--days", type=_positive, default=90, help="length of the period in days (default: 90)")
    parser.add_argument("--seed", type=int, default=42, help="another seed gives other rows (default: 42)")
    parser.add_argument(
        "--start", type=date.fromisoformat, default=date(2026, 6, 1),
        help="first day of the period, UTC (default: 2026-06-01)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("parquet", "csv", "jsonl"), default="parquet", help="file format (default: parquet)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the landing and truth folders when they exist"
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def generate(out: Path, parameters: Parameters, force: bool, console: Console) -> dict:
    """Write landing and truth below `out`, all or nothing, and return the truth."""
    out.mkdir(parents=True, exist_ok=True)
    landing, truth = out / "landing", out / "truth"
    lock = os.open(out, os.O_RDONLY)
    try:
        _lock(lock, out)
        if not force and landing.exists() and any(landing.iterdir()):
            raise CommandError(f"{landing} is not empty. Choose another --out, or add --force to replace it.")
        partial = out / ".partial"
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
        partial.mkdir()
        try:
            result = _run(partial, parameters, console)
            for fresh, final in ((partial / "truth", truth), (partial / "landing", landing)):
                if final.exists():
                    final.rename(partial / f"old-{final.name}")
                fresh.rename(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(lock)
    return result


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(f"Another run is writing into {out}. Wait for it, or choose another --out.") from None


def _run(root: Path, parameters: Parameters, console: Console) -> dict:
    steps = len(parameters.chunks) * STAGES_PER_CHUNK + 2
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=steps)
        generator = Generator(root, parameters)
        try:
            return generator.run(lambda stage: progress.update(task, advance=1, description=stage))
        finally:
            generator.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parse_arguments(arguments)
    console = Console(stderr=True)
    users = options.users or max(
        1, round((options.events or DEFAULT_EVENTS) / options.days / EVENTS_PER_USER_DAY)
    )
    parameters = Parameters(users, options.days, options.seed, options.start, options.format)
    started = time.monotonic()
    try:
        truth = generate(options.out, parameters, options.force, console)
    except CommandError as error:
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted: nothing was written.", style="red")
        return 130
    seconds = time.monotonic() - started
    events = truth["raw_events"]
    print(
        f"{events:,} raw events of {users:,} users in {seconds:.1f} s ({events / seconds:,.0f} events/s)\n"
        f"landing: {options.out / 'landing'}\ntruth:   {options.out / 'truth' / 'truth.json'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
