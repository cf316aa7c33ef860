"""Write docs/coverage.md, item by item of the vendor pages: `python -m orchestration.coverage`.

Nothing of the page is typed by hand. Columns claim items in `config.meta.items` of the models' YAML. A test
covers an item when it names the item's id (in its title, description, docstring or comment), or when it
judges a column that claims it:

- a scenario asserts a value other than 0 and null for a key that the harness reads from that column;
- a dbt unit test expects such a value in that column of that model;
- a singular dbt test reads that model and names the measure (dimensions are mere keys there);
- a pytest function names both the model and the column, not only to filter by it.

Where columns with the vendor's prefix claim an item, a test must judge one of them: that they are right does
not follow from a test of the measure they are said to equal.
"""

from __future__ import annotations

import argparse
import ast
import csv
import inspect
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from orchestration.build import PROJECT_ROOT, DbtError, run_dbt

PAGE = PROJECT_ROOT / "docs" / "coverage.md"
SEED = PROJECT_ROOT / "seeds" / "catalog_items.csv"
SCENARIOS = PROJECT_ROOT / "tests" / "scenarios" / "data"
PYTEST_FOLDERS = ("tests/integration", "tests/unit")
# Nobody worked out the numbers of scenarios drawn at random, so they are no evidence for a definition.
RANDOM_SCENARIOS = "random_*.yaml"
SHOWN_PLACES = 3
SHOWN_TESTS = 3
ENOUGH_TESTS = 2
ITEM_ID = re.compile(r"\b(CTE|CTP|PW|NM)-(\d+)([a-z]?)(?:\.\.(\d+))?(?!\w)")
# A column compared with a constant only picks the rows of a query.
FILTER = re.compile(r"\w+ (?:=|<>|like) (?:'[^']*'|\?)")
VENDOR_PREFIXES = {"CTE": "ct_", "CTP": "ct_", "PW": "pw_", "NM": "nm_"}
# Where a reader looks first: the figures, then the facts and dimensions, then copies of the figures in files.
MODEL_KINDS = ("mart", "fct", "dim", "export")
TEST_KINDS = ("unit test", "scenario", "dbt test", "pytest")

Column = tuple[str, str]


@dataclass(frozen=True)
class Item:
    """One item of a vendor page."""

    id: str
    row: str
    page: str
    name: str


@dataclass(frozen=True)
class Place:
    """A column, or a whole resource, that claims an item."""

    resource: str
    column: str | None
    path: str

    @property
    def name(self) -> str:
        """The place as it is written in SQL."""
        return f"{self.resource}.{self.column}" if self.column else self.resource


@dataclass(frozen=True)
class Test:
    """One test: the columns it judges and the items it names."""

    __test__ = False  # no test class of pytest

    kind: str
    name: str
    path: str
    columns: frozenset[Column] = frozenset()
    items: frozenset[str] = frozenset()


@dataclass
class Coverage:
    """The items in catalog order, with their places and tests, the most telling ones first."""

    items: list[Item]
    places: dict[str, list[Place]]
    tests: dict[str, list[Test]]
    unknown: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unclaimed(self) -> list[str]:
        """Items that no column and no resource claims."""
        return [item.id for item in self.items if not self.places[item.id]]

    @property
    def untested(self) -> list[str]:
        """Items without a test."""
        return [item.id for item in self.items if not self.tests[item.id]]

    def rows(self, page: str | None = None) -> list[str]:
        """Rows of the catalog, of one page or of all."""
        return list(dict.fromkeys(item.row for item in self.items if page in (None, item.page)))

    def rows_without(self, gaps: Iterable[str]) -> set[str]:
        """Rows of which at least one item is among the gaps."""
        gaps = set(gaps)
        return {item.row for item in self.items if item.id in gaps}


def named_items(text: str) -> frozenset[str]:
    """Ids of the catalog that a text names; NM-32..34 are three."""
    found = set()
    for prefix, number, letter, last in ITEM_ID.findall(text):
        numbers = range(int(number), int(last or number) + 1)
        found |= {f"{prefix}-{each:02d}{letter}" for each in numbers}
    return frozenset(found)


def read_items(path: Path = SEED) -> list[Item]:
    """The seed's items in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Item(row["catalog_item_id"], row["catalog_row_id"], row["page"], row["item_name"])
            for row in csv.DictReader(file)
        ]


def parse_project() -> dict:
    """The manifest of the project as it is now, parsed in a temporary folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run_dbt(
            ["parse", "--no-partial-parse"],
            landing=folder,
            warehouse=folder / "unused.duckdb",
            target_path=folder / "target",
            log_path=folder / "logs",
        ).raise_for_error()
        return json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))


def public_models(manifest: dict) -> dict[str, dict]:
    """The models of the metric dictionary by name."""
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"].get("access") == "public"
    }


def read_claims(manifest: dict) -> dict[str, list[Place]]:
    """Claimed id -> the places that claim it."""
    claims: dict[str, list[Place]] = defaultdict(list)
    resources = [
        *public_models(manifest).values(),
        *(node for node in manifest["nodes"].values() if node["resource_type"] == "seed"),
        *manifest["exposures"].values(),
    ]
    for resource in sorted(resources, key=lambda each: each["name"]):
        for item in resource["config"].get("meta", {}).get("items", []):
            claims[item].append(Place(resource["name"], None, resource["original_file_path"]))
        for column in resource.get("columns", {}).values():
            for item in column["config"].get("meta", {}).get("items", []):
                place = Place(resource["name"], column["name"], resource["original_file_path"])
                claims[item].append(place)
    return claims


def read_tests(manifest: dict) -> list[Test]:
    """Every test that can speak for a public column or names an item."""
    columns = {name: set(model["columns"]) for name, model in public_models(manifest).items()}
    return [
        *_unit_tests(manifest, columns),
        *_scenarios(manifest, columns),
        *_singular_tests(manifest),
        *_pytests(columns),
    ]


def _tells(value: object) -> bool:
    """Whether an expected value distinguishes a column from one that is always 0, false or null."""
    return value is not None and value != 0 and value not in ("", [], {})


def _unit_tests(manifest: dict, columns: dict[str, set[str]]) -> Iterator[Test]:
    """dbt unit tests: the columns of their expected rows."""
    for test in manifest["unit_tests"].values():
        rows = [row for row in test["expect"]["rows"] if isinstance(row, dict)]
        expected = {name for row in rows for name, value in row.items() if _tells(value)}
        yield Test(
            "unit test",
            test["name"],
            test["original_file_path"],
            frozenset((test["model"], name) for name in expected & columns.get(test["model"], set())),
            named_items(test["description"] or ""),
        )


def _singular_tests(manifest: dict) -> Iterator[Test]:
    """dbt tests in SQL files that fail a build: the measures they name of the models they read."""
    measures = {
        name: {
            column["name"]
            for column in model["columns"].values()
            if column["config"].get("meta", {}).get("additivity") != "dimension"
        }
        for name, model in public_models(manifest).items()
    }
    for test in manifest["nodes"].values():
        if test["resource_type"] != "test" or test.get("test_metadata"):
            continue
        if test["config"]["severity"].lower() != "error":
            continue
        words = set(re.findall(r"\w+", re.sub(r"--[^\n]*", "", test["raw_code"])))
        models = [manifest["nodes"].get(name, {}).get("name") for name in test["depends_on"]["nodes"]]
        yield Test(
            "dbt test",
            test["name"],
            test["original_file_path"],
            frozenset((model, name) for model in models for name in measures.get(model, set()) & words),
            named_items(test["raw_code"]),
        )


def _pytests(columns: dict[str, set[str]]) -> Iterator[Test]:
    """pytest functions of the default run: the columns they name of the models they name."""
    files = [path for folder in PYTEST_FOLDERS for path in sorted((PROJECT_ROOT / folder).glob("test_*.py"))]
    for path in files:
        source = path.read_text(encoding="utf-8")
        for function in ast.parse(source).body:
            if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
                continue
            if any("mark.slow" in ast.unparse(decorator) for decorator in function.decorator_list):
                continue
            text = ast.get_source_segment(source, function) or ""
            words = set(re.findall(r"\w+", FILTER.sub("", text)))
            models = columns.keys() & words
            yield Test(
                "pytest",
                function.name,
                str(path.relative_to(PROJECT_ROOT)),
                frozenset((model, name) for model in models for name in columns[model] & words),
                named_items(ast.get_docstring(function) or ""),
            )


def _scenarios(manifest: dict, columns: dict[str, set[str]]) -> Iterator[Test]:
    """Scenarios: the columns from which the harness reads the keys they assert."""
    harness = _harness()
    columns_of = _KeyColumns(manifest, columns, harness)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(set(SCENARIOS.glob("*.yaml")) - set(SCENARIOS.glob(RANDOM_SCENARIOS))):
        for scenario in yaml.load(path.read_text(encoding="utf-8"), loader)["scenarios"]:
            expected = [
                scenario.get("expected"),
                *(scenario.get("expected_as_of") or {}).values(),
                *(variant.get("expected") for variant in scenario.get("expected_variants") or []),
            ]
            judged: set[Column] = set()
            for block in filter(None, expected):
                for assertion in harness.comparison.assertions(block):
                    if isinstance(assertion, harness.comparison.Assertion) and _tells(assertion.expected):
                        judged |= columns_of(assertion.block, assertion.key)
            text = f"{scenario.get('title', '')} {scenario.get('covers', '')}"
            yield Test(
                "scenario",
                str(scenario["id"]),
                str(path.relative_to(PROJECT_ROOT)),
                frozenset(judged),
                named_items(text),
            )


@dataclass(frozen=True)
class _Harness:
    """The modules of the scenario harness."""

    aggregates: object
    comparison: object
    evaluation: object
    vocabulary: object


def _harness() -> _Harness:
    """Import the scenario harness; it lives beside the tests, which are no package of the project."""
    tests = str(PROJECT_ROOT / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    from scenarios import aggregates, comparison, evaluation, vocabulary

    return _Harness(aggregates, comparison, evaluation, vocabulary)


class _KeyColumns:
    """Maps a key of a scenario to the columns the harness reads it from, by the harness's own SQL."""

    def __init__(self, manifest: dict, columns: dict[str, set[str]], harness: _Harness) -> None:
        self.columns = columns
        self.models = public_models(manifest)
        self.harness = harness
        # The harness adds some keys of a block from marts of their own.
        self.added = self._models_in(inspect.getsource(harness.evaluation.read_marts)) | self._models_in(
            harness.evaluation.SOURCES["goals"][0]
        )
        self.known: dict[tuple[str, str], set[Column]] = {}

    def __call__(self, block: str, key: str) -> set[Column]:
        """The columns behind one key, those that name its group included."""
        if (block, key) not in self.known:
            self.known[block, key] = set(self._find(block, key))
        return self.known[block, key]

    def _find(self, block: str, key: str) -> Iterator[Column]:
        if block in self.harness.aggregates.CALLS:
            yield from self._columns_of_macro(self.harness.aggregates.CALLS[block], key)
            return
        sql, group = self.harness.evaluation.SOURCES[block]
        shape = self.harness.vocabulary.BLOCKS[block]
        aliases = re.findall(r'(\w+)(?: as \w+\))? as "?(\w+)"?', sql)
        for name in (*group, key):
            sources = {name} | {source for source, alias in aliases if alias == name}
            yield from self._existing(self._models_in(sql), sources)
        if key not in shape.kinds:
            key = next(part for part in shape.named if key.startswith(part)).rstrip("_")
            yield from self._existing(self.added, {key})
        elif shape.kinds[key] == "money":
            # The workspace calls its own row of the same column deduplicated.
            yield from self._existing(self.added, {key, key.replace("_deduplicated", "_all")})

    def _existing(self, models: Iterable[str], names: set[str]) -> Iterator[Column]:
        for model in models:
            for name in names & self.columns[model]:
                yield model, name

    def _models_in(self, sql: str) -> set[str]:
        return set(re.findall(r"\b(?:marts|quality)\.(\w+)", sql)) & self.columns.keys()

    def _columns_of_macro(self, call: str, key: str) -> Iterator[Column]:
        """Columns of the models that use the macro of `call`, selected as or from its column `key`."""
        macro = "macro.journeys." + re.search(r"(\w+)\(", call)[1]
        for model, node in self.models.items():
            if macro not in node["depends_on"]["macros"]:
                continue
            for name in self.columns[model]:
                selected = rf"\b{key}\b[^,\n]* as {name}\b"
                if name == key or re.search(selected, node["raw_code"]):
                    yield model, name


def cover(items: list[Item], claims: dict[str, list[Place]], tests: list[Test]) -> Coverage:
    """Bring items, claims and tests together."""
    weight = Counter(place for places in claims.values() for place in places)
    devotion = Counter(
        (place.resource, claimed.split("-")[0]) for claimed, places in claims.items() for place in set(places)
    )

    def nearness(item: Item, place: Place) -> tuple:
        prefix = item.id.split("-")[0]
        kind = place.resource.split("_")[0]
        return (
            not _is_vendors(item, place),
            f"{kind}_{VENDOR_PREFIXES[prefix]}" not in place.resource or kind == "export",
            MODEL_KINDS.index(kind) if kind in MODEL_KINDS else len(MODEL_KINDS),
            weight[place],
            -devotion[place.resource, prefix],
            place.name,
        )

    places = {
        item.id: _one_of_each_name_first(
            sorted(set(claims.get(item.id, [])), key=lambda place, item=item: nearness(item, place))
        )
        for item in items
    }
    known = {item.id for item in items}
    return Coverage(
        items=items,
        places=places,
        tests={item.id: _tests_of(item, places[item.id], tests) for item in items},
        unknown={
            claimed: sorted({place.name for place in claiming})
            for claimed, claiming in sorted(claims.items())
            if claimed not in known
        },
    )


def _one_of_each_name_first(places: list[Place]) -> list[Place]:
    """The places in their order, with columns of a name that came before moved to the end."""
    first = {place.column or place.resource: place for place in reversed(places)}
    return sorted(places, key=lambda place: first[place.column or place.resource] != place)


def _is_vendors(item: Item, place: Place) -> bool:
    """Whether a place is a column with the prefix of the item's vendor."""
    return (place.column or "").startswith(VENDOR_PREFIXES[item.id.split("-")[0]])


def _tests_of(item: Item, places: list[Place], tests: list[Test]) -> list[Test]:
    """A few tests of an item: those that name it, then of each kind the one closest to its nearest column."""

    def focus(test: Test) -> tuple:
        # A test of few columns says more about each of them.
        return TEST_KINDS.index(test.kind), len(test.columns), test.path, test.name

    chosen = sorted((test for test in tests if item.id in test.items), key=focus)[:SHOWN_TESTS]
    for place in [place for place in places if _is_vendors(item, place)] or places:
        # Two tests of the nearest columns are enough; tests of further columns say less.
        if len(chosen) >= ENOUGH_TESTS:
            break
        judging = [test for test in tests if (place.resource, place.column) in test.columns]
        for test in sorted(judging, key=focus):
            if len(chosen) < SHOWN_TESTS and test.kind not in {each.kind for each in chosen}:
                chosen.append(test)
    return chosen


def page(coverage: Coverage) -> str:
    """The text of docs/coverage.md."""
    gaps = coverage.rows_without([*coverage.unclaimed, *coverage.untested])
    rows = coverage.rows()
    lines = [
        "# Coverage of the vendor pages",
        "",
        f"**{len(rows) - len(gaps)} of {len(rows)} rows** of the metric catalog have a column and a test"
        f" ({len(coverage.items)} items: some rows list several).",
        "",
        "| Page | Rows | With a column | With a test |",
        "|---|---|---|---|",
    ]
    pages = list(dict.fromkeys(item.page for item in coverage.items))
    for name in pages:
        rows = coverage.rows(name)
        claimed = len(set(rows) - coverage.rows_without(coverage.unclaimed))
        tested = len(set(rows) - coverage.rows_without(coverage.untested))
        link = f"[{name}](#{name.lower().replace(' ', '-')})"
        lines.append(f"| {link} | {len(rows)} | {claimed} | {tested} |")
    lines += [
        "",
        "Written by `make coverage` from the models' YAML and the tests. A line names the columns closest to",
        "the item, linked to their SQL, and its tests: those that name the item, then those that judge its",
        "closest columns, at most one of each kind. What a column means, and all columns of an item:",
        "",
        "```sql",
        "select model_name, column_name, definition, formula, null_meaning",
        "from marts.meta_metric_dictionary",
        "where ' ' || catalog_items || ' ' like '% PW-21 %';",
        "```",
    ]
    for name in pages:
        lines += ["", f"## {name}", "", "| Id | Item | Column | Tests |", "|---|---|---|---|"]
        lines += [_line(item, coverage) for item in coverage.items if item.page == name]
    return "\n".join(lines) + "\n"


def _line(item: Item, coverage: Coverage) -> str:
    """One item of the page."""
    places, tests = coverage.places[item.id], coverage.tests[item.id]
    columns = [f"[`{place.name}`](../{place.path})" for place in places[:SHOWN_PLACES]]
    more = len(places) - SHOWN_PLACES
    cells = [
        f'<a id="{item.id.lower()}"></a>{item.id}',
        item.name.replace("|", "\\|"),
        "<br>".join([*columns, *([f"and {more} more"] if more > 0 else [])]) or "**none**",
        "<br>".join(f"{test.kind} [`{test.name}`](../{test.path})" for test in tests) or "**none**",
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    summary = __doc__.partition(":")[0]
    parser = argparse.ArgumentParser(prog="python -m orchestration.coverage", description=summary)
    parser.add_argument("--out", type=Path, default=PAGE, metavar="FILE", help="default: docs/coverage.md")
    options = parser.parse_args(arguments)
    try:
        manifest = parse_project()
    except DbtError as error:
        print(f"The project cannot be parsed: {error}", file=sys.stderr)
        return 2
    coverage = cover(read_items(), read_claims(manifest), read_tests(manifest))
    options.out.write_text(page(coverage), encoding="utf-8")
    rows = coverage.rows()
    gaps = coverage.rows_without([*coverage.unclaimed, *coverage.untested])
    print(f"Wrote {options.out}: {len(rows) - len(gaps)} of {len(rows)} rows have a column and a test.")
    unknown = [f"{item} by {' and '.join(places)}" for item, places in coverage.unknown.items()]
    for text, ids in (
        ("No column claims", coverage.unclaimed),
        ("No test covers", coverage.untested),
        ("Claimed, but on no page:", unknown),
    ):
        if ids:
            print(f"{text} {', '.join(ids)}")
    return 1 if gaps or coverage.unknown else 0


if __name__ == "__main__":
    sys.exit(main())
