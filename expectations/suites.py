"""What is expected of the warehouse, as data.

Two kinds of suites:

- Declared: one YAML file each in `expectations/suites/`. A frame is a SQL query that the engine answers with
  a small table (an aggregate, or a bounded sample), and the expectations judge that table.
- Generated: one per staged landing table and per model of a served schema, read from the dbt YAML, so that no
  model can be without one. `expectations/models.yml` adds the rules that names and units cannot tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SUITES = PROJECT_ROOT / "expectations" / "suites"
MODEL_RULES = PROJECT_ROOT / "expectations" / "models.yml"
HISTORY_SQL = PROJECT_ROOT / "expectations" / "history.sql"
SERVED_SCHEMAS = ("marts", "quality")
LANDING_PREFIX = "stg_contract__"
SEVERITIES = ("blocking", "warning")
# Units of numbers that count something; a count below zero is impossible.
COUNTED_UNITS = {
    "messages", "users", "events", "entries", "devices", "visits", "variants", "count", "seconds"
}  # fmt: skip
# dbt's portable type names as the engine spells them.
ENGINE_TYPES = {"string": "VARCHAR"}
# A rate and its ratio are two divisions of the same numbers; only the last bits may differ.
RATE_TOLERANCE = 1e-9


class SuiteError(ValueError):
    """A suite is written wrongly; the text says where and what to change."""


@dataclass(frozen=True)
class Expectation:
    """One judgement of a frame: a Great Expectations type with its arguments, and how much it matters."""

    name: str
    description: str
    severity: str
    type: str
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """A small table that the engine computes, and what is expected of it; `key` identifies its rows."""

    name: str
    sql: str
    key: tuple[str, ...]
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True)
class Rule:
    """A SQL condition that no row of a table may break."""

    text: str
    condition: str


@dataclass(frozen=True)
class TableCheck:
    """Rules of one table that are judged together by one expectation: the share of rows that break one."""

    name: str
    description: str
    rules: tuple[Rule, ...]
    severity: str = "blocking"


@dataclass(frozen=True)
class TableSuite:
    """Expected columns (name to type, null for any), grain and rules of one table."""

    schema: str
    table: str
    columns: dict[str, str | None]
    grain: tuple[str, ...] = ()
    checks: tuple[TableCheck, ...] = ()

    @property
    def name(self) -> str:
        """Name of the suite: the table with its schema."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class DeclaredSuite:
    """Suite of one YAML file."""

    name: str
    description: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Model:
    """A dbt model as its YAML describes it."""

    name: str
    schema: str
    columns: dict[str, dict[str, Any]] = field(hash=False)
    grain: tuple[str, ...] = ()


@cache
def models() -> dict[str, Model]:
    """Every described model of the staging, marts and quality folders by name; the folder is the schema."""
    schemas = {path.stem: path.relative_to(PROJECT_ROOT / "models").parts[0] for path in _files("*.sql")}
    found = {}
    for path in _files("*.yml"):
        for entry in _load(path).get("models", []):
            meta = (entry.get("config") or {}).get("meta") or {}
            found[entry["name"]] = Model(
                name=entry["name"],
                schema=schemas[entry["name"]],
                columns={column["name"]: column for column in entry.get("columns", [])},
                grain=tuple(meta.get("grain", ())),
            )
    return found


def _load(path: Path) -> dict[str, Any]:
    """Content of a YAML file; the C parser reads the project's files in a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {}


def _files(pattern: str) -> list[Path]:
    """Files of the dbt models in a fixed order."""
    return sorted((PROJECT_ROOT / "models").rglob(pattern))


@cache
def declared_suites() -> tuple[DeclaredSuite, ...]:
    """The suites of the YAML files, in the order of their file names."""
    return tuple(_declared(path) for path in sorted(SUITES.glob("*.yml")))


def _declared(path: Path) -> DeclaredSuite:
    """Read one YAML suite; a missing or unknown key is named with its file."""
    content = _load(path)
    try:
        frames = tuple(_frame(**frame) for frame in content["frames"])
        suite = DeclaredSuite(content["suite"], content["description"], frames)
    except (KeyError, TypeError) as error:
        raise SuiteError(f"{path.name}: {error}. Compare with the other files of {SUITES.name}/.") from error
    names = [item.name for frame in frames for item in frame.expectations]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise SuiteError(f"{path.name} has two expectations of the name {min(repeated)}. Rename one.")
    if wrong := [item for frame in frames for item in frame.expectations if item.severity not in SEVERITIES]:
        raise SuiteError(f"{path.name}: {wrong[0].name} has no severity blocking or warning. Choose one.")
    return suite


def _frame(
    name: str, key: list[str], expectations: list[dict], sql: str | None = None, history_of: str | None = None
) -> Frame:
    """A frame of a YAML file: its own SQL, or a daily series that is compared with its history."""
    if (sql is None) == (history_of is None):
        raise TypeError(f"frame {name} needs either sql or history_of")
    if history_of is not None:
        sql = HISTORY_SQL.read_text(encoding="utf-8").replace("{{ daily }}", history_of)
    return Frame(name, sql, tuple(key), tuple(Expectation(**item) for item in expectations))


@cache
def table_suites() -> tuple[TableSuite, ...]:
    """A suite for every staged landing table and every model of a served schema."""
    rules = _load(MODEL_RULES)
    unknown = [name for part in ("rules", "exceptions") for name in rules[part] if name not in models()]
    if unknown:
        raise SuiteError(f"models.yml names {unknown[0]}, which is no model. Correct the name.")
    return tuple(
        _table_suite(model, rules)
        for model in models().values()
        if model.schema in SERVED_SCHEMAS or model.name.startswith(LANDING_PREFIX)
    )


def _table_suite(model: Model, rules: dict) -> TableSuite:
    """The suite that follows from a model's YAML and the rules of models.yml, without its exceptions."""
    columns = {
        name: _engine_type(column["data_type"]) if "data_type" in column else None
        for name, column in model.columns.items()
    }
    exceptions = rules["exceptions"].get(model.name, {})
    checks, seen = [], set()
    for name, description, found in (
        ("required_values_are_present", "A column described as never null has no null.", _required(model)),
        ("counts_are_not_negative", "A number that counts something is at least 0.", _counts(model)),
        ("rates_equal_their_ratio", "A rate is its numerator over its denominator.", _rates(model)),
        ("values_are_known", "A column with a closed vocabulary holds only its words.", _sets(model, rules)),
        ("columns_agree", "Columns of one row do not contradict each other.", _relations(model, rules)),
    ):
        seen |= {rule.text for rule in found}
        if kept := tuple(rule for rule in found if rule.text not in exceptions):
            checks.append(TableCheck(name, description, kept))
    if stale := exceptions.keys() - seen:
        raise SuiteError(f"models.yml excepts {min(stale)!r} of {model.name}: no such rule. Remove the line.")
    return TableSuite(model.schema, model.name, columns, model.grain, tuple(checks))


def _engine_type(data_type: str) -> str:
    """The engine's spelling of a contract's type."""
    return ENGINE_TYPES.get(data_type, re.sub(r"\s", "", data_type).upper())


def _meta(column: dict[str, Any]) -> dict[str, Any]:
    """What the YAML says about a column's meaning."""
    return (column.get("config") or {}).get("meta") or {}


def _required(model: Model) -> list[Rule]:
    """Columns that the YAML calls never null."""
    return [
        Rule(f"{name} is present", f"{name} is not null")
        for name, column in model.columns.items()
        if _meta(column).get("null_meaning") == "never null"
    ]


def _counts(model: Model) -> list[Rule]:
    """Whole numbers whose unit counts something. Estimated differences are doubles and may be negative."""
    return [
        Rule(f"{name} >= 0", f"coalesce({name} >= 0, true)")
        for name, column in model.columns.items()
        if _meta(column).get("unit") in COUNTED_UNITS and column["data_type"] == "bigint"
    ]


def _rates(model: Model) -> list[Rule]:
    """Rates whose numerator and denominator are columns of the same row, or arithmetic of them."""
    rules = []
    for name, column in model.columns.items():
        meta = _meta(column)
        over, under = str(meta.get("numerator") or ""), str(meta.get("denominator") or "")
        if not (_is_of_columns(over, model) and _is_of_columns(under, model)):
            continue
        factor = 100 if meta["unit"] == "percent" else 1
        ratio = f"{factor} * cast(({over}) as double) / nullif({under}, 0)"
        condition = (
            f"coalesce(abs({name} - {ratio}) <= {RATE_TOLERANCE} * greatest(1, abs({name})), {name} is null)"
        )
        if meta.get("null_meaning") == f"{under} is 0":
            condition += f" and ({name} is null) = (({under}) = 0)"
        rules.append(Rule(f"{name} = {f'{factor} * ' * (factor != 1)}{over} / {under}", condition))
    return rules


def _is_of_columns(expression: str, model: Model) -> bool:
    """Whether an expression is arithmetic of columns of the model and nothing else."""
    words = re.findall(r"[a-z_]\w*", expression)
    return bool(
        re.fullmatch(r"[a-z_]\w*( [-+] [a-z_]\w*)*", expression)
        and words
        and all(word in model.columns for word in words)
    )


def _sets(model: Model, rules: dict) -> list[Rule]:
    """Columns that share the name of a closed vocabulary; the landing zone may hold any word."""
    if model.name.startswith(LANDING_PREFIX):
        return []
    return [
        Rule(f"{name} is known", f"coalesce({name} in ({', '.join(map(repr, values))}), true)")
        for name, values in rules["vocabularies"].items()
        if name in model.columns
    ]


def _relations(model: Model, rules: dict) -> list[Rule]:
    """Shared rules whose columns the model has, then its own; a null on either side breaks nothing."""
    loose = _loose_rows(model)
    shared = {text: f"{loose} or {text}" if loose else text for text in rules["within_one_cohort"]}
    shared |= {text: text for text in rules["always"]}
    own = {text: text for text in rules["rules"].get(model.name, [])}
    if model.name.startswith(LANDING_PREFIX):
        own |= {text: text for text in rules["landing"]}
    found = {text: condition for text, condition in shared.items() if _has_columns(text, model)} | own
    return [Rule(text, f"coalesce({condition}, true)") for text, condition in found.items()]


def _has_columns(text: str, model: Model) -> bool:
    """Whether every name in a rule is a column of the model."""
    return all(word in model.columns for word in re.findall(r"[a-z_]\w*", text))


def _loose_rows(model: Model) -> str:
    """Condition of rows whose parts belong to different days: an engagement counts on its own day."""
    if "period_id" in model.columns:
        basis = "date_basis = 'event' and " if "date_basis" in model.columns else ""
        return f"({basis}period_id <> 'all_time')"
    return "(date_basis = 'event')" if "date_basis" in model.columns else ""
