"""Run one step in a child process and measure it; describe the machine and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestration.build import PROJECT_ROOT

PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "polars")
LOG_LINES = 15


class StepError(RuntimeError):
    """A step failed; the text names its log and carries the last lines of it."""


@dataclass(frozen=True)
class Measurement:
    """What one run of a step took: memory is the peak of its largest process, CPU that of them all."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Measurement:
    """Run a command in the project folder, its output going to `log`, and measure it from start to end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, "DO_NOT_TRACK": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            # Unlike getrusage(RUSAGE_CHILDREN), this is the use of this child and its own children alone.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise StepError("\n".join([f"Exit code {process.returncode}, see {log}. Its end:", *lines]))
    unit = 1 if sys.platform == "darwin" else 1024
    return Measurement(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def folder_size(folder: Path) -> tuple[int, int]:
    """Bytes and number of the files below a folder."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes), len(sizes)


def read_once(folder: Path) -> None:
    """Read every file, so that all steps find them in the page cache as far as the memory allows."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass


def machine(work: Path) -> str:
    """One line on the machine: processor, cores, memory, kernel, file system and disk of the work folder."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB memory, "
        f"{platform.system()} {platform.release().partition('-')[0]}, {_disk(work)}"
    )


def versions(*others: str) -> str:
    """One line with the versions that matter, and those of other packages."""
    found = [f"Python {platform.python_version()}"]
    for package in (*PACKAGES, *others):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join(found)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _disk(folder: Path) -> str:
    """File system and kind of disk, as far as Linux tells."""
    device = folder.stat().st_dev
    place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    mounts = Path("/proc/self/mountinfo")
    if not place.exists() or not mounts.exists():
        return "disk unknown"
    number = f" {os.major(device)}:{os.minor(device)} "
    found = [line for line in mounts.read_text(encoding="utf-8").splitlines() if number in line]
    file_system = found[0].partition(" - ")[2].split()[0] if found else "unknown file system"
    block = place.resolve()
    if block.name.startswith(("vd", "xvd")):
        return f"{file_system} on a virtual disk"
    for owner in (block, block.parent):
        rotational = owner / "queue" / "rotational"
        if rotational.exists():
            is_disk = rotational.read_text(encoding="utf-8").strip() == "1"
            return f"{file_system} on a {'hard disk' if is_disk else 'solid-state disk'}"
    return f"{file_system} on an unknown disk"
