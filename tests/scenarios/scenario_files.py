"""Read scenario files: expand aliases and defaults, and name everything the vocabulary does not know."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml

from scenarios import input_folders
from scenarios.comparison import Assertion, Problem, assertions
from scenarios.vocabulary import AGGREGATE_INPUTS, ALIASES, ALWAYS_VISIBLE, CONFIG_DEFAULTS, EVENT_TABLES

CONTRACT_MACRO = Path(__file__).resolve().parents[2] / "macros/contract/contract_tables.sql"
# The harness assigns the account of every row, so no row may name one.
ACCOUNT_COLUMNS = {"source_system", "source_account"}
SCENARIO_PARTS = {
    "id", "title", "covers", "config", "input", "input_folder", "aggregate_input",
    "expected", "expected_as_of", "expected_variants",
}  # fmt: skip


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML loader that leaves instants and dates the text they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


@dataclass
class Evaluation:
    """One input under one configuration, with what it must give. It becomes an account of its own."""

    variant: str
    config: dict[str, Any]
    assertions: list[Assertion]
    account: str = ""


@dataclass
class Scenario:
    """One scenario of a file; `problems` are failures found without evaluating anything."""

    file: str
    id: str
    rows: dict[str, list[dict]] = field(default_factory=dict)
    folder: input_folders.InputFolder | None = None
    aggregate: dict[str, Any] | None = None
    evaluations: list[Evaluation] = field(default_factory=list)
    problems: list[tuple[str, Problem]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """Rows of its input."""
        return sum(map(len, self.rows.values())) + (self.folder.row_count if self.folder else 0)


@functools.cache
def contract_columns() -> dict[str, tuple[str, ...]]:
    """Columns that a row of each contract table may carry, from the macro that defines the contract."""
    returned: list[Any] = []
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals["return"] = returned.append
    module = environment.from_string(CONTRACT_MACRO.read_text(encoding="utf-8")).module
    module.contract_tables()
    module.contract_envelope()
    tables, envelope = returned
    return {
        table: tuple(name for name, _, _ in [*spec["columns"], *envelope] if name not in ACCOUNT_COLUMNS)
        for table, spec in tables.items()
    }


def read_scenarios(path: Path) -> list[Scenario]:
    """Read one file. A file that cannot be read becomes one scenario with that problem."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        if not isinstance(content, dict) or not isinstance(content.get("scenarios"), list):
            raise ValueError("the file must be a mapping with a list `scenarios`")
    except (OSError, ValueError, yaml.YAMLError) as error:
        return [
            Scenario(
                path.stem, "(file)", problems=[("", Problem("(file)", f"{path} cannot be read: {error}"))]
            )
        ]
    meta = content.get("meta") or {}
    scenarios = []
    for number, raw in enumerate(content["scenarios"], start=1):
        try:
            scenarios.append(_read_scenario(path, meta, raw))
        except (AttributeError, TypeError) as error:
            malformed = Problem("(file)", f"scenario {number} is malformed: {error}")
            scenarios.append(Scenario(path.stem, f"({number})", problems=[("", malformed)]))
    return scenarios


def _read_scenario(path: Path, meta: dict, raw: dict) -> Scenario:
    """Read one scenario of a file."""
    scenario = Scenario(path.stem, str(raw.get("id", "(without id)")))

    def problem(where: str, message: str, variant: str = "") -> None:
        scenario.problems.append((variant, Problem(where, message)))

    for part in raw.keys() - SCENARIO_PARTS:
        problem(str(part), "unknown part of a scenario")
    inputs = [part for part in ("input", "input_folder", "aggregate_input") if part in raw]
    if len(inputs) != 1:
        problem("input", "a scenario needs exactly one of input, input_folder, aggregate_input")
    aliases = {**ALIASES, **(meta.get("aliases") or {})}
    defaults = meta.get("defaults") or {}
    for table in defaults.keys() - contract_columns().keys() - {"config"}:
        problem(f"meta.defaults.{table}", "unknown table")

    for table, rows in (raw.get("input") or {}).items():
        if table not in contract_columns():
            problem(f"input.{table}", "unknown table")
            continue
        expanded = [_expand(row, aliases, defaults.get(table) or {}, table) for row in rows or []]
        for column in sorted({column for row in expanded for column in row} - set(contract_columns()[table])):
            problem(f"input.{table}.{column}", "unknown column")
        scenario.rows[table] = expanded
    if "input_folder" in raw:
        folder = input_folders.InputFolder(path.parent / str(raw["input_folder"]), aliases, defaults)
        for where, message in folder.read(contract_columns()):
            problem(where, message)
        scenario.folder = folder
    if "aggregate_input" in raw:
        scenario.aggregate = raw["aggregate_input"] or {}
        for key in scenario.aggregate.keys() - set().union(*AGGREGATE_INPUTS.values()):
            problem(f"aggregate_input.{key}", "unknown key")

    base = {**CONFIG_DEFAULTS, **(defaults.get("config") or {}), **(raw.get("config") or {})}
    for variant, config, expected in _evaluations(raw):
        evaluation = Evaluation(variant, {**base, **config}, [])
        for key in evaluation.config.keys() - CONFIG_DEFAULTS.keys():
            problem(f"config.{key}", "unknown configuration key", variant)
        for found in assertions(expected):
            if isinstance(found, Problem):
                problem(found.path, found.message, variant)
            else:
                evaluation.assertions.append(found)
        scenario.evaluations.append(evaluation)
    if not scenario.problems and not any(evaluation.assertions for evaluation in scenario.evaluations):
        problem("expected", "the scenario asserts nothing")
    return scenario


def _evaluations(raw: dict) -> Iterator[tuple[str, dict, dict]]:
    """Yield (label, configuration changes, expected blocks) of every evaluation a scenario asks for."""
    if "expected" in raw:
        yield "", {}, raw["expected"]
    for instant, expected in (raw.get("expected_as_of") or {}).items():
        yield f"as_of {instant}", {"as_of": str(instant)}, expected
    for number, variant in enumerate(raw.get("expected_variants") or [], start=1):
        yield f"variant {number}", variant.get("config") or {}, variant.get("expected")


def _expand(row: dict, aliases: dict, defaults: dict, table: str) -> dict:
    """One input row under its column names, with defaults and the visibility of its table."""
    expanded = {**defaults, **{aliases.get(key, key): value for key, value in row.items()}}
    if expanded.get("received_at") is None:
        received = expanded.get("occurred_at") if table in EVENT_TABLES else ALWAYS_VISIBLE
        if received is not None:
            expanded["received_at"] = received
    return expanded
