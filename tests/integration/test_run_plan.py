"""What a run decides to do: everything, what is new, or nothing; and what it says about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.build import PROJECT_ROOT, run_dbt
from orchestration.landing_state import request_reload
from orchestration.settings import read_settings

HEADER = "event_id,event_type,journey_id,journey_entry_id,user_id,node_id,occurred_at,received_at\n"
FIRST_DAY = (
    HEADER
    + "e1,journey_entered,welcome,w-1,ada,,2026-06-01T09:00:00Z,2026-06-01T09:05:00Z\n"
    + "e2,node_entered,welcome,w-1,ada,hello,2026-06-01T09:00:01Z,2026-06-01T09:05:00Z\n"
    + "e3,journey_entered,welcome,w-2,bob,,2026-06-01T10:00:00Z,2026-06-01T10:05:00Z\n"
)
# One late exit, one copy of a row that is known, one row that cannot be used.
SECOND_DAY = (
    HEADER
    + "e4,journey_exited,welcome,w-1,ada,,2026-06-01T11:00:00Z,2026-06-02T10:05:00Z\n"
    + "e3,journey_entered,welcome,w-2,bob,,2026-06-01T10:00:00Z,2026-06-01T10:05:00Z\n"
    + "e5,journey_entered,welcome,w-3,,,2026-06-02T10:00:00Z,2026-06-02T10:05:00Z\n"
)


class Warehouse:
    """A landing folder, the warehouse built from it, and the runs of the command line."""

    def __init__(self, folder: Path) -> None:
        """Start with the files of one day."""
        self.landing, self.file, self.folder = folder / "landing", folder / "journeys.duckdb", folder
        self.deliver("load_date=2026-06-01/events.csv", FIRST_DAY)

    def deliver(self, name: str, text: str) -> None:
        """Write one file of journey events."""
        path = self.landing / "journey_events" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *options: str, **variables: object) -> subprocess.CompletedProcess:
        """`python -m orchestration.cli run` with dbt variables; the output is in stdout."""
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "run", "--vars", json.dumps(variables), *options],
            cwd=PROJECT_ROOT,
            env={
                **os.environ,
                "LANDING": str(self.landing),
                "JOURNEY_WAREHOUSE": str(self.file),
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"),
            },
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def last_run(self, columns: str) -> tuple:
        """Columns of the newest row of ops.run_summary."""
        return self.query(f"select {columns} from ops.run_summary order by finished_at desc limit 1")[0]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse after its first run; the tests below add to it in their order."""
    built = Warehouse(tmp_path_factory.mktemp("run_plan"))
    result = built.run()
    assert result.returncode == 0, result.stdout
    assert "Run: full (no complete run yet); files: 1 new, 0 changed, 0 removed with 3 rows" in result.stdout
    return built


def test_a_build_without_anything_new_does_no_model_work_and_says_so(warehouse: Warehouse) -> None:
    result = run_dbt(
        ["build", "--exclude-resource-type", "unit_test"],
        landing=warehouse.landing,
        warehouse=warehouse.file,
        target_path=warehouse.folder / "target",
        log_path=warehouse.folder / "logs",
    ).raise_for_error()
    assert "Run plan: unchanged (no new file since the last complete run)." in result.stdout
    assert warehouse.last_run("mode, files_new, rows_written") == ("unchanged", 0, 0)


def test_a_model_that_is_asked_for_is_built_even_when_nothing_is_new(warehouse: Warehouse) -> None:
    result = run_dbt(
        ["run", "--select", "mart_workspace"],
        landing=warehouse.landing,
        warehouse=warehouse.file,
        target_path=warehouse.folder / "target",
        log_path=warehouse.folder / "logs",
    ).raise_for_error()
    assert "created sql table model marts.mart_workspace" in result.stdout
    assert "NOTHING NEW" not in result.stdout


def test_a_run_with_one_new_file_rebuilds_only_the_pairs_it_touches(warehouse: Warehouse) -> None:
    untouched = "select * from marts.fct_journey_entries where journey_entry_id = 'w-2'"
    before = warehouse.query(untouched)
    warehouse.deliver("load_date=2026-06-02/events.csv", SECOND_DAY)

    result = warehouse.run()

    assert result.returncode == 0, result.stdout
    assert "files: 1 new, 0 changed, 0 removed with 3 rows, 1 rejected." in result.stdout
    assert "Touched: 1 pairs of user and journey, 1 entries, 0 messages" in result.stdout
    columns = "mode, files_new, touched_pairs, touched_entries, touched_messages"
    assert warehouse.last_run(columns) == ("incremental", 1, 1, 1, 0)
    assert warehouse.query(
        "select model_name, models.rows_written from ops.run_summary_models as models"
        " join ops.run_summary using (run_id)"
        " where mode = 'incremental' and model_name in ('fct_journey_entries', 'fct_node_visits') order by 1"
    ) == [("fct_journey_entries", 1), ("fct_node_visits", 1)]
    assert warehouse.query(
        "select raw_rows, accepted_rows, duplicate_rows, rejected_rows from quality.quality_load_audit"
        " where table_name = 'journey_events'"
    ) == [(6, 4, 1, 1)]
    assert warehouse.query(untouched) == before


def test_days_that_are_asked_for_are_read_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANDING", str(warehouse.landing))
    monkeypatch.setenv("DBT_TARGET_PATH", str(warehouse.folder / "target"))
    monkeypatch.setenv("JOURNEY_WAREHOUSE", str(tmp_path / "never_built.duckdb"))
    assert request_reload(read_settings(), date(2026, 6, 1), date(2026, 6, 2)) == 0

    monkeypatch.setenv("JOURNEY_WAREHOUSE", str(warehouse.file))
    rows = "select * from marts.fct_journey_entries order by journey_entry_id"
    before = warehouse.query(rows)
    assert request_reload(read_settings(), date(2026, 6, 2), date(2026, 6, 3)) == 1
    result = warehouse.run()
    assert result.returncode == 0, result.stdout
    assert "files: 0 new, 1 changed, 0 removed with 3 rows" in result.stdout
    assert warehouse.query(rows) == before


def test_in_production_a_changed_setting_does_not_rebuild_everything_unasked(warehouse: Warehouse) -> None:
    result = warehouse.run(production=True, reporting_timezone="Europe/Istanbul")
    assert result.returncode == 1
    assert "This run would build everything anew (the settings changed)" in result.stdout
    assert "allow_full_refresh: true" in result.stdout
