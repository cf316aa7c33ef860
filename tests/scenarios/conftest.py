"""Fixtures of the scenario harness: one build for all selected scenarios, and the comparison report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.comparison import Comparison
from scenarios.evaluation import Results, evaluate
from scenarios.scenario_files import Scenario, read_scenarios

DATA = Path(__file__).parent / "data"
SCENARIOS = pytest.StashKey[list[Scenario]]()


def _scenarios(config: pytest.Config) -> list[Scenario]:
    """The scenarios of the given files, or of the built-in ones; read once per session."""
    if SCENARIOS not in config.stash:
        given = [config.invocation_params.dir / name for name in config.getoption("--scenario-file")]
        files = given or sorted(DATA.glob("*.yaml"))
        config.stash[SCENARIOS] = [scenario for file in files for scenario in read_scenarios(file)]
    return config.stash[SCENARIOS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every scenario, or (`block_scenario`) a few that assert every block between them."""
    if "scenario" in metafunc.fixturenames:
        chosen = _scenarios(metafunc.config)
        metafunc.parametrize("scenario", chosen, ids=[f"{s.file}::{s.id}" for s in chosen])
    if "block_scenario" in metafunc.fixturenames:
        chosen = _covering(_scenarios(metafunc.config))
        metafunc.parametrize("block_scenario", chosen, ids=[f"{s.file}::{s.id}" for s in chosen])


def _covering(scenarios: list[Scenario]) -> list[Scenario]:
    """Scenarios that assert every block any of them asserts, the one with most new blocks first."""

    def blocks(scenario: Scenario) -> set[str]:
        return {assertion.block for evaluation in scenario.evaluations for assertion in evaluation.assertions}

    chosen: list[Scenario] = []
    missing = set().union(*map(blocks, scenarios))
    while missing:
        best = max(scenarios, key=lambda scenario: len(blocks(scenario) & missing))
        chosen.append(best)
        missing -= blocks(best)
    return chosen


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Results of every scenario that a selected test needs, from as few builds as possible."""
    needed = {}
    for item in request.session.items:
        for value in getattr(getattr(item, "callspec", None), "params", {}).values():
            if isinstance(value, Scenario):
                needed[id(value)] = value
    return evaluate(list(needed.values()), tmp_path_factory.mktemp("scenarios"))


@pytest.fixture(scope="session")
def comparisons(request: pytest.FixtureRequest) -> Iterator[list[Comparison]]:
    """Comparisons of all scenarios that ran, written as the report when one is asked for."""
    collected: list[Comparison] = []
    yield collected
    report = request.config.getoption("--scenario-report")
    if report:
        rows = [dataclasses.asdict(comparison) for comparison in collected]
        Path(report).write_text(json.dumps(rows, indent=1, default=str), encoding="utf-8")
