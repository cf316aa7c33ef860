"""The law of incremental builds: any sequence of runs makes what one run makes from the same landing folder.

Many random accounts share one landing folder, as accounts never depend on each other. A failure names the
accounts that differ; build one of them alone with its seed, and the warehouses stay where the failure says:

    INCREMENTAL_CASES=1:case_017 pytest tests/integration/test_incremental.py -m "slow or not slow"
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from incremental_worlds import (
    FEATURES,
    REMOVABLE,
    SOURCE_SYSTEM,
    World,
    account_names,
    account_settings,
    world,
    write_batch,
)
from warehouse_comparison import SCHEMAS, Comparison, fail_with

from orchestration.build import PROJECT_ROOT

# Too few messages a day for an alarm.
MAY_BE_EMPTY = ("marts.mart_alerts",)


@dataclass(frozen=True)
class Plan:
    """A set of cases: `cases` accounts in any order and `clock_cases` in the order of receipt."""

    seed: int
    cases: int
    clock_cases: int
    batches: int
    compared: tuple[int, ...]
    # Before the run of this batch files of an earlier one are removed.
    removed: int | None = None
    # The run of this batch has other settings than all others.
    detour: int | None = None
    # The run of a batch looks back to an as_of.
    as_of: tuple[tuple[int, str], ...] = ()
    # After the run of this batch there is one more, with a file that is no landing file and nothing else new.
    idle: int | None = None

    @property
    def accounts(self) -> list[str]:
        """Names of the accounts: all, or those that INCREMENTAL_CASES=seed:account,account names."""
        seed, _, names = os.environ.get("INCREMENTAL_CASES", "").partition(":")
        if not names:
            return account_names(self.cases, self.clock_cases)
        return names.split(",") if int(seed) == self.seed else []


PLANS = [
    pytest.param(Plan(seed=1, cases=20, clock_cases=10, batches=5, compared=(4,)), id="20 cases"),
    pytest.param(
        Plan(seed=2, cases=200, clock_cases=60, batches=6, compared=(1, 3, 5)),
        id="200 cases",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Plan(seed=3, cases=40, clock_cases=90, batches=8, compared=(7,), removed=6, detour=3, idle=5),
        id="other settings",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Plan(
            seed=4,
            cases=120,
            clock_cases=30,
            batches=7,
            compared=(4, 6),
            as_of=((2, "2025-03-09T12:00:00Z"), (4, "2025-03-05T12:00:00Z")),
        ),
        id="moving as_of",
        marks=pytest.mark.slow,
    ),
]


@dataclass
class Warehouse:
    """A warehouse file in a folder of its own, built by the command line."""

    folder: Path

    @property
    def path(self) -> Path:
        """The DuckDB file."""
        return self.folder / "journeys.duckdb"

    def run(self, landing: Path, settings: dict) -> None:
        """Build from the landing folder; a run that fails ends the test with what it printed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        places = {"DBT_TARGET_PATH": str(self.folder / "target"), "DBT_LOG_PATH": str(self.folder / "logs")}
        command = [sys.executable, "-m", "orchestration.cli", "run", "--landing", landing]
        command += ["--warehouse", self.path, "--vars", json.dumps({"account_settings": settings})]
        done = subprocess.run(
            command, cwd=PROJECT_ROOT, env={**os.environ, **places}, text=True, capture_output=True
        )
        if done.returncode != 0:
            text = f"The run into {self.path} failed.\n{done.stdout}\n{done.stderr}"
            pytest.fail(text, pytrace=False)


@dataclass
class History:
    """What a sequence of runs left: the warehouse after each batch, and fresh ones to compare it with."""

    plan: Plan
    folder: Path
    worlds: list[World]

    @property
    def settings(self) -> dict[str, dict]:
        """The var account_settings of most runs."""
        return account_settings(self.worlds)

    def settings_of(self, batch: int) -> dict[str, dict]:
        """The var account_settings of the run of one batch; accounts in the order of receipt keep theirs."""
        settings = self.settings
        names = [account for account, one in zip(settings, self.worlds, strict=True) if not one.by_clock]
        if batch == self.plan.detour:
            others = zip(names, names[1:] + names[:1], strict=True)
            settings |= {name: self.settings[other] for name, other in others}
        if as_of := dict(self.plan.as_of).get(batch):
            settings |= {name: {**settings[name], "as_of": as_of} for name in names}
        return settings

    @property
    def landing(self) -> Path:
        """The landing folder."""
        return self.folder / "landing"

    def after(self, batch: int) -> Path:
        """Copy of the incremental warehouse after the run that followed a batch."""
        return self.folder / f"after_{batch}.duckdb"

    def fresh(self, batch: int) -> Path:
        """The warehouse that one run makes from all batches up to one."""
        return self.folder / f"fresh_{batch}" / "journeys.duckdb"

    def deliver_and_run(self) -> None:
        """Deliver one batch after the other with a run after each, and build the fresh warehouses."""
        (self.landing / "journey_events").mkdir(parents=True)
        incremental = Warehouse(self.folder / "incremental")
        for batch in range(self.plan.batches):
            write_batch(self.worlds, batch, self.landing)
            if batch == self.plan.removed:
                for file in self.landing.glob(f"*/{REMOVABLE.format(n=1)}"):
                    file.unlink()
            incremental.run(self.landing, self.settings_of(batch))
            if batch == self.plan.idle:
                (self.landing / "journey_events" / "_SUCCESS").touch()
                incremental.run(self.landing, self.settings_of(batch))
            shutil.copy(incremental.path, self.after(batch))
            if batch in self.plan.compared:
                Warehouse(self.fresh(batch).parent).run(self.landing, self.settings_of(batch))


@pytest.fixture(scope="module", params=PLANS)
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """The runs of one plan; its files are removed after the last test that reads them."""
    plan = request.param
    if not plan.accounts:
        pytest.skip(f"INCREMENTAL_CASES names no account of seed {plan.seed}")
    folder = tmp_path_factory.mktemp("incremental")
    made = History(plan, folder, [world(plan.seed, account, plan.batches) for account in plan.accounts])
    made.deliver_and_run()
    yield made
    if "INCREMENTAL_CASES" not in os.environ:
        shutil.rmtree(folder)


@pytest.mark.parametrize("plan", PLANS)
def test_every_kind_of_late_row_occurs_in_the_cases(plan: Plan) -> None:
    if "INCREMENTAL_CASES" in os.environ:
        pytest.skip("INCREMENTAL_CASES names a few accounts, which need not show everything")
    worlds = [world(plan.seed, account, plan.batches) for account in plan.accounts]
    assert set().union(*(one.features for one in worlds)) == FEATURES


def test_a_case_is_the_same_alone_and_among_others(tmp_path: Path) -> None:
    for batch in range(3):
        write_batch([World(1, account, 3) for account in account_names(4, 1)], batch, tmp_path / "all")
        write_batch([World(1, "case_002", 3)], batch, tmp_path / "alone")
    files = [path.relative_to(tmp_path / "alone") for path in (tmp_path / "alone").rglob("*.jsonl")]
    assert files
    for file in files:
        among, alone = ((tmp_path / name / file).read_text().splitlines() for name in ("all", "alone"))
        assert [line for line in among if "case_002" in line] == alone


def test_any_sequence_of_runs_equals_one_fresh_run(history: History) -> None:
    differences = []
    for batch in history.plan.compared:
        names = (f"the runs up to batch {batch}", "the fresh run")
        with Comparison(history.after(batch), history.fresh(batch), names, history.plan.seed) as comparison:
            differences += comparison.differences(SCHEMAS)
    fail_with(differences, history.folder)


def test_every_run_but_the_first_is_incremental(history: History) -> None:
    expected = dict.fromkeys(range(history.plan.batches), "incremental") | {0: "full"}
    if history.plan.detour is not None:
        # Other settings rebuild everything, and so does the way back.
        expected |= {history.plan.detour: "full", history.plan.detour + 1: "full"}
    if history.plan.idle is not None:
        expected[history.plan.idle] = "unchanged"
    modes = {}
    for batch in range(history.plan.batches):
        with duckdb.connect(str(history.after(batch)), read_only=True) as connection:
            (modes[batch],) = connection.execute(
                "select mode from ops.run_summary order by started_at desc limit 1"
            ).fetchone()
    assert modes == expected


def test_no_compared_table_is_empty(history: History) -> None:
    if "INCREMENTAL_CASES" in os.environ:
        pytest.skip("INCREMENTAL_CASES names a few accounts, which need not fill every table")
    last = history.after(history.plan.batches - 1)
    with Comparison(last, last, ("", ""), history.plan.seed) as comparison:
        comparison.connection.execute('use "left"')
        empty = {
            table
            for table in comparison.tables("left", SCHEMAS)
            if not comparison.connection.execute(f"select 1 from {table} limit 1").fetchall()
        }
    assert empty == set(MAY_BE_EMPTY)


def test_as_of_brings_back_what_each_run_said(history: History) -> None:
    # Each account goes back to another run, so that one fresh warehouse answers for all of them.
    returns: dict[int, list[str]] = {}
    settings = history.settings
    clocked = [f"{SOURCE_SYSTEM}/{one.account}" for one in history.worlds if one.by_clock]
    if not clocked:
        pytest.skip("no account whose rows come in the order of their receipt")
    for account in clocked:
        batch = int(account.rpartition("_")[2]) % (history.plan.batches - 1)
        with duckdb.connect(str(history.after(batch)), read_only=True) as connection:
            (as_of,) = connection.execute(
                "select as_of from staging.stg_settings where account_key = ?", [account]
            ).fetchone()
        assert isinstance(as_of, datetime)
        settings[account]["as_of"] = f"{as_of.isoformat()}Z"
        returns.setdefault(batch, []).append(account)
    back = Warehouse(history.folder / "back")
    back.run(history.landing, settings)
    differences = []
    for batch, accounts in sorted(returns.items()):
        names = (f"the run after batch {batch}", "a fresh run as of it")
        with Comparison(
            history.after(batch), back.path, names, history.plan.seed, accounts=tuple(accounts)
        ) as comparison:
            differences += comparison.differences(("intermediate", "marts"), has_account=True)
    fail_with(differences, history.folder)
