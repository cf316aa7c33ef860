"""Every rule of the metric catalog is named by a scenario or a dbt unit test that pins it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIO_FOLDER = ROOT / "tests/scenarios/data"
RULES = [f"R{number}" for number in range(1, 26)]
FINE_PRINT = [f"F{number}" for number in range(1, 32)]


def scenario_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (id, title) of every scenario in the folder's files."""
    for path in sorted(folder.glob("*.yaml")):
        for scenario in yaml.load(path.read_text(encoding="utf-8"), _Loader)["scenarios"]:
            yield f"{path.name}::{scenario['id']}", str(scenario.get("title", ""))


def unit_test_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, name and description) of every dbt unit test below the folder."""
    for path in sorted(folder.rglob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}
        for test in content.get("unit_tests", []):
            yield test["name"], f"{test['name']} {test.get('description', '')}"


def naming(rule: str, texts: list[tuple[str, str]]) -> list[str]:
    """Ids of the texts that name the rule as a word of its own: R2 is not named by R21."""
    return [name for name, text in texts if re.search(rf"(?<!\w){rule}(?!\w)", text)]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The C loader where there is one: the random scenario files are large."""


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    return [*scenario_texts(SCENARIO_FOLDER), *unit_test_texts(ROOT / "models")]


@pytest.mark.parametrize("rule", RULES + FINE_PRINT)
def test_a_scenario_or_unit_test_names_the_rule(rule: str, texts: list[tuple[str, str]]) -> None:
    assert naming(rule, texts), f"no scenario title and no unit test names {rule}"


@pytest.mark.parametrize("rule", RULES)
def test_the_guard_page_has_a_row_for_the_rule(rule: str) -> None:
    page = (ROOT / "docs/rule_tests.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {rule} \|", page, re.MULTILINE), f"docs/rule_tests.md has no row for {rule}"


def test_scenario_and_unit_test_names_are_unique(texts: list[tuple[str, str]]) -> None:
    names = [name for name, _ in texts]
    assert sorted(names) == sorted(set(names))


def test_a_longer_number_does_not_count_as_the_rule() -> None:
    texts = [("a", "R21: maturity"), ("b", "AR2"), ("c", "R2, F1: dedup"), ("d", "see (R2)")]
    assert naming("R2", texts) == ["c", "d"]


def test_titles_and_descriptions_are_read_from_both_kinds_of_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("scenarios: [{id: S1, title: 'R7: latest entry'}]", encoding="utf-8")
    (tmp_path / "u.yml").write_text(
        "unit_tests: [{name: m__does_it, description: 'R9: per goal'}]", encoding="utf-8"
    )
    assert list(scenario_texts(tmp_path)) == [("s.yaml::S1", "R7: latest entry")]
    assert list(unit_test_texts(tmp_path)) == [("m__does_it", "m__does_it R9: per goal")]
