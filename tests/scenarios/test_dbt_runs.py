"""Running dbt in a child process."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.build import DbtError, DbtResult, run_dbt


def compile_inline(sql: str, folder: Path, variables: dict | None = None) -> DbtResult:
    """Compile one statement with its own warehouse and target folder."""
    (folder / "landing").mkdir()
    return run_dbt(
        ["compile", "--inline", sql],
        landing=folder / "landing",
        warehouse=folder / "warehouse.duckdb",
        variables=variables,
        target_path=folder / "target",
        log_path=folder / "logs",
    )


def test_variables_may_be_larger_than_one_command_line_argument(tmp_path: Path) -> None:
    variables = {"account_settings": {f"custom/a{n}": {"primary_goal_id": "G1"} for n in range(5000)}}
    result = compile_inline("select {{ var('account_settings') | length }} as accounts", tmp_path, variables)
    assert "select 5000 as accounts" in result.raise_for_error().stdout


def test_a_failing_command_raises_only_when_asked_and_says_why(tmp_path: Path) -> None:
    result = compile_inline("select {{ no_such_macro() }}", tmp_path)
    assert not result.success
    with pytest.raises(DbtError, match="'no_such_macro' is undefined"):
        result.raise_for_error()
