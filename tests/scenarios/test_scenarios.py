"""Every scenario gives the values it states."""

from __future__ import annotations

import pytest

from scenarios.comparison import Comparison
from scenarios.evaluation import Results, compare
from scenarios.scenario_files import Scenario


def test_scenario_gives_its_expected_values(
    scenario: Scenario, results: Results, comparisons: list[Comparison]
) -> None:
    compared = compare(scenario, results)
    comparisons.extend(compared)
    wrong = [comparison for comparison in compared if not comparison.ok]
    if wrong:
        lines = [f"{len(wrong)} of {len(compared)} values are wrong:"]
        for each in wrong:
            place = " ".join(filter(None, (each.variant, each.key)))
            lines.append(f"  {place}: expected {each.expected!r}, got {each.got!r}")
        pytest.fail("\n".join(lines), pytrace=False)
