"""Every item of the vendor pages has a column and a test, and docs/coverage.md shows which."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestration import coverage
from orchestration.coverage import Coverage, Item, Place, Test, named_items

ROOT = Path(__file__).resolve().parents[2]
CATALOG = Path(os.environ.get("METRIC_CATALOG") or ROOT.parent / "shared" / "spec" / "metric_catalog.md")
PAGES = {
    "CTE": "CleverTap engagement stats",
    "CTP": "CleverTap push campaign stats",
    "PW": "Pushwoosh journey statistics",
    "NM": "Netmera journey analytics",
}


@pytest.fixture(scope="module")
def covered(parsed: tuple[dict, list[str]]) -> Coverage:
    """The coverage of the project as it is now."""
    manifest = parsed[0]
    return coverage.cover(
        coverage.read_items(), coverage.read_claims(manifest), coverage.read_tests(manifest)
    )


def test_every_item_is_claimed_by_a_column(covered: Coverage) -> None:
    unclaimed = covered.unclaimed
    assert not unclaimed, "named in no column's config.meta.items"


def test_every_claimed_id_is_an_item(covered: Coverage) -> None:
    unknown = [f"{item}: {', '.join(places)}" for item, places in covered.unknown.items()]
    assert not unknown, "claimed, but not in seeds/catalog_items.csv"


def test_every_item_has_a_test(covered: Coverage) -> None:
    untested = [
        " of ".join([item, *[place.name for place in covered.places[item][:1]]]) for item in covered.untested
    ]
    assert not untested, "no test judges these columns or names the item; orchestration/coverage.py says how"


def test_the_coverage_page_shows_what_is_covered_now(covered: Coverage) -> None:
    shown = coverage.PAGE.read_text(encoding="utf-8") if coverage.PAGE.exists() else ""
    lines = set(coverage.page(covered).splitlines()) ^ set(shown.splitlines())
    stale = sorted(named_items(" ".join(re.findall(r"</a>(\S+)", "\n".join(lines)))))
    assert coverage.page(covered).splitlines() == shown.splitlines(), (
        f"docs/coverage.md is stale, run `make coverage` (it differs for {', '.join(stale) or 'no item'})"
    )


def catalog_rows(text: str) -> dict[str, str]:
    """The rows of the catalog's item tables: id -> what the page calls it."""
    tables = text[text.index("### 3 Item tables") : text.index("### 4 ")]
    return dict(re.findall(r"^\| ((?:CTE|CTP|PW|NM)-[\w.]+) \| ([^|]*) \|", tables, re.MULTILINE))


def test_the_seed_lists_the_catalog_in_its_order() -> None:
    if not CATALOG.exists():
        pytest.skip(f"There is no metric catalog at {CATALOG}; METRIC_CATALOG names another place.")
    rows = catalog_rows(CATALOG.read_text(encoding="utf-8"))
    assert len(rows) == 186
    items = coverage.read_items()
    assert list(dict.fromkeys(item.row for item in items)) == list(rows)
    assert [item.id for item in items] == [each for row in rows for each in sorted(named_items(row))]
    for item in items:
        assert item.page == PAGES[item.id.split("-")[0]]
        if item.row == item.id:
            assert item.name == re.sub(r'["*]', "", rows[item.row]).strip()


ITEMS = [
    Item("PW-20", "PW-20", "Page", "Opened"),
    Item("PW-21", "PW-21..22", "Page", "Issues"),
    Item("PW-22", "PW-21..22", "Page", "Impressions"),
]
OWN = Place("mart_a", "pw_opened", "models/mart_a.sql")
NEUTRAL = Place("mart_a", "messages_opened", "models/mart_a.sql")


def test_an_item_without_a_column_is_a_gap_of_its_row() -> None:
    found = coverage.cover(ITEMS, {"PW-20": [OWN], "PW-22": [NEUTRAL]}, [])
    assert found.unclaimed == ["PW-21"]
    assert found.rows() == ["PW-20", "PW-21..22"]
    assert found.rows_without(found.unclaimed) == {"PW-21..22"}
    assert found.rows_without(found.untested) == {"PW-20", "PW-21..22"}
    assert "**0 of 2 rows**" in coverage.page(found)


def test_a_claim_of_an_unknown_id_is_named_with_its_column() -> None:
    assert coverage.cover(ITEMS, {"PW-99": [OWN]}, []).unknown == {"PW-99": ["mart_a.pw_opened"]}


def test_a_test_of_the_neutral_measure_does_not_cover_the_vendors_own_column() -> None:
    neutral = Test("scenario", "S1", "s.yaml", frozenset({("mart_a", "messages_opened")}))
    own = Test("scenario", "S2", "s.yaml", frozenset({("mart_a", "pw_opened")}))
    claims = {"PW-20": [NEUTRAL, OWN], "PW-22": [NEUTRAL]}
    assert coverage.cover(ITEMS, claims, [neutral]).tests == {"PW-20": [], "PW-21": [], "PW-22": [neutral]}
    assert coverage.cover(ITEMS, claims, [neutral, own]).tests["PW-20"] == [own]


def test_the_vendors_own_page_and_one_column_of_each_name_come_first() -> None:
    names = [
        "export_pw_a.pw_opened",
        "mart_a.messages_opened",
        "mart_b.messages_opened",
        "mart_b.pw_opened",
        "mart_pw_a.pw_opened",
    ]
    claims = {"PW-20": [Place(*name.split("."), path="m.sql") for name in names]}
    found = coverage.cover(ITEMS, claims, []).places["PW-20"]
    assert [place.name for place in found] == [
        "mart_pw_a.pw_opened",
        "mart_b.messages_opened",
        "mart_b.pw_opened",
        "export_pw_a.pw_opened",
        "mart_a.messages_opened",
    ]


def test_a_test_that_names_the_item_comes_first() -> None:
    named = Test("pytest", "test_a", "test_a.py", items=frozenset({"PW-20"}))
    own = Test("unit test", "mart_a__b", "a.yml", frozenset({("mart_a", "pw_opened")}))
    assert coverage.cover(ITEMS, {"PW-20": [OWN]}, [own, named]).tests["PW-20"] == [named, own]


def test_a_range_names_each_of_its_items_and_a_longer_id_is_another_one() -> None:
    assert named_items("NM-32..34, NM-44a") == {"NM-32", "NM-33", "NM-34", "NM-44a"}
    assert named_items("XPW-21, PW-21b, PW-217") == {"PW-21b", "PW-217"}


@pytest.mark.parametrize(
    ("kind", "judged", "not_judged"),
    [
        # A scenario reads its keys from marts, under names of its own and beside the keys of its group.
        ("S01", {("mart_goal_stats", "converted_users"), ("mart_goal_stats", "goal_id")}, set()),
        # 0 and null are what a forgotten column shows too.
        (
            "mart_engagement_stats__engagement_follows_the_rule_of_the_channel",
            {("mart_engagement_stats", "ct_engagement_count")},
            {("mart_engagement_stats", "ct_goal_1_users")},
        ),
        # Keys of a join are no measures.
        (
            "assert_step_flow_partitions_the_entries",
            {("mart_step_flow", "entries_continued"), ("mart_step_stats", "dropoff_entries")},
            {("mart_step_stats", "platform"), ("mart_step_flow", "node_id")},
        ),
        # Constants that pick rows are no figures.
        (
            "test_entries_and_users_of_every_journey_are_the_planted_ones",
            {("mart_journey_overview", "control_users")},
            {("mart_journey_overview", "period_id")},
        ),
    ],
)
def test_the_columns_a_test_judges_are_read_from_its_code(
    parsed: tuple[dict, list[str]], kind: str, judged: set, not_judged: set
) -> None:
    (found,) = [test for test in coverage.read_tests(parsed[0]) if test.name == kind]
    assert judged <= found.columns
    assert not found.columns & not_judged
