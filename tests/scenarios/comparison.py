"""Compare expected values with results, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

from scenarios.vocabulary import ATTRIBUTION_MODELS, BLOCKS, EMPTY, PERIOD_BASES, Block

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Assertion:
    """One expected value: `path` names it for readers, `group` and `key` find it in the result."""

    path: str
    block: str
    group: tuple[str, ...]
    key: str
    kind: str
    expected: Any


@dataclass(frozen=True)
class Problem:
    """Something in a scenario that the vocabulary does not know, so nothing can be compared."""

    path: str
    message: str


@dataclass(frozen=True)
class Comparison:
    """One expected value beside the value of the result."""

    file: str
    scenario: str
    variant: str
    key: str
    expected: Any
    got: Any
    ok: bool


def assertions(expected: Any) -> Iterator[Assertion | Problem]:
    """Spread the expected blocks of one evaluation to single values; unknown names become problems."""
    if not isinstance(expected, dict):
        yield Problem("expected", f"must be a mapping of blocks, not {expected!r}")
        return
    for name, values in expected.items():
        block = BLOCKS.get(name)
        if block is None:
            yield Problem(str(name), "unknown block")
            continue
        for path, group, row in _groups(name, block, values):
            if group is None:
                yield Problem(path, row)
                continue
            for key, value in row.items():
                kind = block.kind(str(key))
                if kind is None:
                    yield Problem(f"{path}.{key}", "unknown key")
                else:
                    yield Assertion(f"{path}.{key}", name, group, str(key), kind, value)


def _groups(name: str, block: Block, values: Any) -> Iterator[tuple[str, tuple[str, ...] | None, Any]]:
    """Yield (path, group, row of expected values); the group None marks a problem told by the third item."""
    if name in ("periods", "user_list"):
        if not isinstance(values, list):
            yield name, None, "must be a list of rows"
            return
        for number, row in enumerate(values):
            missing = [key for key in block.group if not isinstance(row, dict) or key not in row]
            if missing:
                yield f"{name}[{number}]", None, f"must be a row with {', '.join(block.group)}"
                continue
            group = tuple(str(row[key]) for key in block.group)
            if name == "periods" and row["basis"] not in PERIOD_BASES:
                yield f"{name}[{'..'.join(group)}]", None, f"unknown basis {row['basis']!r}"
                continue
            yield (
                f"{name}[{' '.join(group)}]",
                group,
                {key: value for key, value in row.items() if key not in block.group},
            )
        return
    if not isinstance(values, dict):
        yield name, None, "must be a mapping"
        return
    if not block.group:
        yield name, (), values
        return
    for key, row in values.items():
        path = f"{name}.{key}"
        if not isinstance(row, dict):
            yield path, None, "must be a mapping"
        elif name != "attribution":
            yield path, (str(key),), row
        elif key not in ATTRIBUTION_MODELS:
            yield path, None, "unknown attribution model"
        else:
            for node, credit in row.items():
                yield f"{path}.{node}", (str(key), str(node)), {"credit": credit}


def value_of(assertion: Assertion, groups: dict[tuple[str, ...], list[dict]]) -> Any:
    """The value of the result for one assertion, or a text that says why there is none."""
    rows = groups.get(assertion.group, [])
    if not rows:
        return EMPTY[assertion.kind]
    if len(rows) > 1:
        return f"ambiguous: {len(rows)} rows"
    if assertion.key in rows[0]:
        return rows[0][assertion.key]
    if assertion.key in BLOCKS[assertion.block].kinds:
        return "no such column"
    return EMPTY[assertion.kind]


def matches(expected: Any, got: Any) -> bool:
    """Whether a value of the result equals an expected one: numbers within 1e-6, null only null."""
    if expected is None:
        return got is None
    if isinstance(expected, bool) or isinstance(got, bool):
        return isinstance(expected, bool) and isinstance(got, bool) and expected == got
    if isinstance(expected, Real):
        return isinstance(got, Real) and abs(expected - got) <= TOLERANCE
    if isinstance(expected, list):
        return isinstance(got, list) and sorted(map(str, expected)) == sorted(map(str, got))
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and expected.keys() == got.keys()
            and all(matches(value, got[key]) for key, value in expected.items())
        )
    return expected == got
