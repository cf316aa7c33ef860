"""Impossible settings stop the run before any model, with one sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.build import run_dbt

IMPOSSIBLE = {
    "as_of": ("yesterday", "as_of must be null or an ISO 8601 instant"),
    "reporting_timezone": ("Mars/Olympus", "reporting_timezone must be an IANA time zone"),
    "conversion_boundary": ("open", "conversion_boundary must be inclusive or exclusive"),
    "bot_click_min_seconds": (-1, "bot_click_min_seconds must be a number of seconds"),
    "max_open_entry_seconds": ("a day", "max_open_entry_seconds must be a number of seconds"),
    "primary_goal_id": (7, "primary_goal_id must be null or the id of a goal"),
    "campaign_conversion_seconds": (None, "campaign_conversion_seconds must be a number of seconds"),
    "override_window_anchor": ("message_seen", "override_window_anchor must be null or one of journey_exit"),
    "restate_goals": ("maybe", "restate_goals must be true or false"),
    "memory_limit": ("a lot", "memory_limit must be null or a size such as 8GiB"),
    "engine_threads": (0, "engine_threads must be null or a whole number from 1"),
    "default_source_account": ("a/b", "default_source_account must be a non-empty text without '/'"),
    "custom_periods": (
        [{"from": "2026-02-30", "to": "2026-03-01"}],
        "custom_periods: each entry needs dates",
    ),
    "account_settings": (
        {"custom/one": {"as_off": None}, "two": {"reporting_timezone": "UTC"}},
        "account_settings['custom/one']: unknown setting 'as_off'",
    ),
}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest landing zone: one event file."""
    folder = tmp_path_factory.mktemp("landing")
    (folder / "journey_events").mkdir()
    (folder / "journey_events" / "events.csv").write_text(
        "event_type,journey_id,user_id,occurred_at\njourney_entered,welcome,u1,2026-06-01T10:00:00Z\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def report(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What dbt says to all the impossible values at once."""
    folder = tmp_path_factory.mktemp("impossible")
    result = run_dbt(
        ["run", "--select", "stg_settings"],
        landing=landing,
        warehouse=folder / "warehouse.duckdb",
        variables={name: value for name, (value, _) in IMPOSSIBLE.items()},
        target_path=folder / "target",
    )
    assert not result.success
    return " ".join(result.errors)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_value_is_named_with_the_allowed_ones(report: str, name: str):
    assert IMPOSSIBLE[name][1] in report


def test_an_account_without_a_slash_is_named(report: str):
    assert "account_settings['two']: the account must be written '<source_system>/<source_account>'" in report


def test_the_defaults_and_possible_values_pass(landing: Path, tmp_path: Path):
    run_dbt(
        ["run", "--select", "+stg_settings"],
        landing=landing,
        warehouse=tmp_path / "warehouse.duckdb",
        variables={
            "as_of": "2026-06-02T12:00:00+03:00",
            "reporting_timezone": "Europe/Istanbul",
            "account_settings": {"custom/default": {"max_open_entry_seconds": 0.5}},
        },
        target_path=tmp_path / "target",
    ).raise_for_error()


def test_memory_and_threads_reach_the_engine_before_the_first_model(landing: Path, tmp_path: Path):
    run_dbt(
        ["run", "--select", "+stg_settings"],
        landing=landing,
        warehouse=tmp_path / "warehouse.duckdb",
        variables={"memory_limit": "300MiB", "engine_threads": 1},
        target_path=tmp_path / "target",
        log_path=tmp_path / "logs",
    ).raise_for_error()
    log = (tmp_path / "logs" / "dbt.log").read_text(encoding="utf-8")
    first_model = log.index("START sql")
    assert 0 < log.index("set global memory_limit = '300MiB'") < first_model
    assert 0 < log.index("set global threads = 1") < first_model
