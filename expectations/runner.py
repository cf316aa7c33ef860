"""Judge a warehouse by every suite, keep the results in it, and write the report.

The engine computes every frame: aggregates, or bounded samples. Great Expectations sees only those small
tables, so a run costs a few scans of the facts however many rows they hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import duckdb
import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from expectations.report import write_report
from expectations.suites import Expectation, Frame, TableCheck, TableSuite, declared_suites, table_suites
from orchestration.cli import open_warehouse
from orchestration.publish import READS_FILES

EXAMPLES = 5
EXAMPLE_COLUMNS = 12
# Rows of a view are computed when read, so only its first ones are judged.
VIEW_ROWS = 100_000
# Keys compared for uniqueness; of a larger table a slice by hash, which keeps equal keys together.
UNIQUE_KEYS = 2_000_000
ACCEPT_VARIABLE = "EXPECTATIONS_ACCEPT"
RESULTS_TABLE = "quality.quality_results"
RESULT_COLUMNS = {
    "run_id": "varchar",
    "judged_at": "timestamp",
    "suite": "varchar",
    "expectation": "varchar",
    "description": "varchar",
    "observed": "varchar",
    "threshold": "varchar",
    "severity": "varchar",
    "passed": "boolean",
    "examples": "varchar[]",
}


@dataclass(frozen=True)
class Result:
    """Outcome of one expectation; `examples` are rows, or rules with their rows, that broke it."""

    suite: str
    expectation: str
    description: str
    observed: str
    threshold: str
    severity: str
    passed: bool
    examples: tuple[str, ...] = ()


def run_expectations(warehouse: Path, run_id: str, report: Path) -> list[Result]:
    """Judge the warehouse, append the results to quality.quality_results and write the HTML report.

    A second run of the same `run_id` replaces its results. The environment variable EXPECTATIONS_ACCEPT lists
    expectations (suite.expectation, separated by commas) whose failure is known and accepted: they count as
    warnings in this run; an unknown name there raises ValueError. Raises RunError for a file it cannot open.
    """
    judged_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with open_warehouse(warehouse, read_only=True) as connection:
        results = _accept(judge(connection))
    with open_warehouse(warehouse, read_only=False) as connection:
        _store(connection, run_id, judged_at, results)
        write_report(connection, run_id, report)
    return results


def blocking_failures(results: list[Result]) -> list[Result]:
    """The failed expectations that forbid publishing."""
    return [result for result in results if not result.passed and result.severity == "blocking"]


def judge(connection: duckdb.DuckDBPyConnection) -> list[Result]:
    """Judge the connected warehouse by every suite; nothing is written into it."""
    connection.register("suites", suite_names())
    validator = Validator()
    return [
        *(
            result
            for suite in declared_suites()
            for frame in suite.frames
            for result in judge_frame(connection, validator, suite.name, frame)
        ),
        *judge_tables(connection, validator, table_suites()),
    ]


def suite_names() -> pd.DataFrame:
    """Names of the generated suites, for the frame that looks for tables without one."""
    return pd.DataFrame({"name": [suite.name for suite in table_suites()]})


class Validator:
    """Great Expectations over data frames, without a project folder, progress bars or analytics."""

    def __init__(self) -> None:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("frame")
        self._frames = asset.add_batch_definition_whole_dataframe("all")

    def validate(
        self, frame: pd.DataFrame, expectations: list[Expectation], key: list[str]
    ) -> dict[str, ExpectationValidationResult]:
        """Result of each expectation by its name."""
        batch = self._frames.get_batch({"dataframe": frame})
        suite = gx.ExpectationSuite(
            name="suite",
            expectations=[
                ExpectationConfiguration(
                    type=item.type, kwargs=item.kwargs, meta={"name": item.name}
                ).to_domain_obj()
                for item in expectations
            ],
        )
        outcome = batch.validate(
            suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": key}
        )
        return {result.expectation_config.meta["name"]: result for result in outcome.results}


def judge_frame(
    connection: duckdb.DuckDBPyConnection, validator: Validator, suite: str, frame: Frame
) -> Iterator[Result]:
    """Results of a declared frame. A frame that cannot be computed fails every expectation of it."""
    try:
        table = connection.execute(frame.sql).df()
    except duckdb.Error as error:
        reason = f"could not be computed: {str(error).splitlines()[0]}"
        outcomes = {}
    else:
        outcomes = validator.validate(table, list(frame.expectations), list(frame.key))
    for item in frame.expectations:
        outcome = outcomes.get(item.name)
        yield Result(
            suite=suite,
            expectation=item.name,
            description=item.description,
            observed=_observed(item, table, outcome) if outcome else reason,
            threshold=_threshold(item),
            severity=item.severity,
            passed=bool(outcome and outcome.success),
            examples=_frame_examples(outcome) if outcome and not outcome.success else (),
        )


def _observed(item: Expectation, table: pd.DataFrame, outcome: ExpectationValidationResult) -> str:
    """What was seen, in words."""
    failure = _raised(outcome)
    if failure:
        return f"could not be judged: {failure}"
    found = outcome.result
    if "observed_value" in found:
        return _text(found["observed_value"])
    if table.empty:
        return "no rows"
    broken, total = found["unexpected_count"], _plural(found["element_count"], "row")
    rows = f"{broken:,} of {total}" if broken else total
    values = table[item.kwargs["column"]] if "column" in item.kwargs else table.iloc[:0, 0]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values) or values.empty:
        return rows
    if values.isna().all():
        return "nothing to judge yet"
    low, high = _text(values.min()), _text(values.max())
    span = low if low == high else f"{low} to {high}"
    return f"{rows}: {span}" if broken else f"{span} in {rows}"


def _plural(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _raised(outcome: ExpectationValidationResult) -> str:
    """Message of an error inside Great Expectations, else ''."""
    info = outcome.exception_info or {}
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            return str(part.get("exception_message"))
    return ""


def _threshold(item: Expectation) -> str:
    """What is allowed, in words."""
    kwargs = item.kwargs
    if "value_set" in kwargs:
        kind = "none of" if item.type.endswith("not_be_in_set") else "only"
        return f"{kwargs['column']}: {kind} {', '.join(map(str, kwargs['value_set']))}"
    if "column_A" in kwargs:
        return f"{kwargs['column_A']} >= {kwargs['column_B']}"
    if item.type.endswith("not_be_null"):
        return f"{kwargs['column']} present"
    what = kwargs.get("column", "rows")
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low == high:
        return f"{what} = {low}"
    if low is None:
        return f"{what} <= {high}"
    return f"{what} >= {low}" if high is None else f"{low} <= {what} <= {high}"


def _frame_examples(outcome: ExpectationValidationResult) -> tuple[str, ...]:
    """The first rows that broke an expectation: their key and the judged value."""
    rows = outcome.result.get("unexpected_index_list") or []
    return tuple(_row(row) for row in rows[:EXAMPLES])


def judge_tables(
    connection: duckdb.DuckDBPyConnection, validator: Validator, suites: Iterable[TableSuite]
) -> list[Result]:
    """Results of generated suites: the engine counts what breaks a rule, expectations judge the numbers."""
    columns: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
    ).fetchall():
        columns.setdefault(f"{schema}.{table}", {})[column] = kind
    counted = [
        pair for suite in suites for pair in _table_counts(connection, suite, columns.get(suite.name, {}))
    ]
    table = pd.DataFrame(
        [{"suite": result.suite, "check": result.expectation, "broken": broken} for broken, result in counted]
    ).pivot(index="suite", columns="check", values="broken")
    expectations = [
        Expectation(name, "", "", "expect_column_values_to_be_between", {"column": name, "max_value": 0})
        for name in table.columns
    ]
    outcomes = validator.validate(table.reset_index(), expectations, ["suite"])
    failed = set()
    for name, outcome in outcomes.items():
        if failure := _raised(outcome):
            raise RuntimeError(f"{name} could not be judged: {failure}")
        failed |= {(row["suite"], name) for row in outcome.result["unexpected_index_list"]}
    return [replace(result, passed=(result.suite, result.expectation) not in failed) for _, result in counted]


def _table_counts(
    connection: duckdb.DuckDBPyConnection, suite: TableSuite, columns: dict[str, str]
) -> Iterator[tuple[int, Result]]:
    """What breaks the columns, rules and grain of a table; a check that cannot be counted is broken.

    `columns` are the types of the columns that the table has, by their names.
    """
    differences = _differences(suite.columns, columns)
    schema = TableCheck(
        "columns_are_as_described", "The table has exactly the columns and types described.", ()
    )
    yield (
        len(differences),
        _counted(suite, schema, _plural(len(differences), "difference"), differences[:EXAMPLES]),
    )

    grain = TableCheck("grain_is_unique", f"One row per {', '.join(suite.grain)}.", ())
    checks = [*suite.checks, *([grain] if suite.grain else [])]
    try:
        rows, broken_rules = _broken_rules(connection, suite)
        for check in checks:
            if check is grain:
                broken, examples = _repeated_keys(connection, suite, rows)
                what = _plural(broken, "repeated key")
            else:
                broken = sum(broken_rules[check.name].values())
                examples = _rule_examples(connection, suite, check, broken_rules[check.name])
                what = _plural(broken, "wrong value")
            yield broken, _counted(suite, check, f"{what} in {_plural(rows, 'row')}", examples)
    except duckdb.Error as error:
        for check in checks:
            yield 1, _counted(suite, check, f"could not be computed: {str(error).splitlines()[0]}", [])


def _counted(suite: TableSuite, check: TableCheck, observed: str, examples: list[str]) -> Result:
    """A result that is not judged yet."""
    return Result(
        suite=suite.name,
        expectation=check.name,
        description=check.description,
        observed=observed,
        threshold="0",
        severity=check.severity,
        passed=False,
        examples=tuple(examples),
    )


def _differences(expected: dict[str, str | None], found: dict[str, str]) -> list[str]:
    """One line per column that is missing, unknown or of another type."""
    if not found:
        return ["the table is missing: build it again"]
    return [
        *(f"{name} is missing" for name in expected if name not in found),
        *(f"{name} is not described" for name in found if name not in expected),
        *(
            f"{name} is {found[name]}, described as {kind}"
            for name, kind in expected.items()
            if kind and name in found and found[name] != kind
        ),
    ]


def _source(connection: duckdb.DuckDBPyConnection, suite: TableSuite) -> str:
    """What to read a suite's rows from: the table, or the first rows of a view that computes them."""
    views = connection.execute(
        f"select 1 from duckdb_views() where schema_name = ? and view_name = ? and not {READS_FILES}",
        [suite.schema, suite.table],
    ).fetchall()
    return f"(select * from {suite.name} limit {VIEW_ROWS})" if views else suite.name


def _broken_rules(
    connection: duckdb.DuckDBPyConnection, suite: TableSuite
) -> tuple[int, dict[str, dict[str, int]]]:
    """Rows of the table, and per check and rule the rows that break it.

    One scan judges all rules of a check together; only where some row breaks one, a second counts each rule.
    """
    checks = {check: " and ".join(f"({rule.condition})" for rule in check.rules) for check in suite.checks}
    rows, *broken = _count_broken(connection, suite, list(checks.values()))
    counted = {check.name: {rule.text: 0 for rule in check.rules} for check in checks}
    rules = [
        (check.name, rule)
        for check, number in zip(checks, broken, strict=True)
        for rule in check.rules
        if number
    ]
    if rules:
        _, *broken = _count_broken(connection, suite, [rule.condition for _, rule in rules])
        for (name, rule), number in zip(rules, broken, strict=True):
            counted[name][rule.text] = number
    return rows, counted


def _count_broken(
    connection: duckdb.DuckDBPyConnection, suite: TableSuite, conditions: list[str]
) -> tuple[int, ...]:
    """Rows of the table, then for each condition the rows that do not meet it."""
    counts = "".join(f", count(*) filter (where not coalesce({text}, false))" for text in conditions)
    return connection.execute(f"select count(*){counts} from {_source(connection, suite)}").fetchone()


def _rule_examples(
    connection: duckdb.DuckDBPyConnection, suite: TableSuite, check: TableCheck, counted: dict[str, int]
) -> list[str]:
    """For the rules that are broken most: the rule, its number of rows, and one of them."""
    rules = {rule.text: rule.condition for rule in check.rules}
    worst = sorted((text for text in counted if counted[text]), key=lambda text: -counted[text])[:EXAMPLES]
    examples = []
    for text in worst:
        condition = rules[text]
        shown_names = {*suite.grain, *re.findall(r"\w+", condition)}
        columns = [column for column in suite.columns if column in shown_names]
        shown = ", ".join((columns or list(suite.columns))[:EXAMPLE_COLUMNS])
        row = connection.execute(
            f"select {shown} from {_source(connection, suite)} where not coalesce({condition}, false) limit 1"
        ).df()
        examples.append(f"{text}: {_plural(counted[text], 'row')}, such as {_row(row.iloc[0].to_dict())}")
    return examples


def _repeated_keys(
    connection: duckdb.DuckDBPyConnection, suite: TableSuite, rows: int
) -> tuple[int, list[str]]:
    """Number and examples of keys that more than one row has."""
    key = ", ".join(suite.grain)
    slices = rows // UNIQUE_KEYS + 1
    where = f"where hash({key}) % {slices} = 0" if slices > 1 else ""
    repeated = f"from {_source(connection, suite)} {where} group by {key} having count(*) > 1"
    (number,) = connection.execute(f"select count(*) from (select 1 {repeated})").fetchone()
    if not number:
        return 0, []
    examples = connection.execute(f"select {key}, count(*) as rows {repeated} limit {EXAMPLES}").df()
    return number, [_row(row) for row in examples.to_dict("records")]


def _row(row: dict) -> str:
    """A row as `column = value` pairs."""
    return ", ".join(f"{name} = {_text(value)}" for name, value in row.items())


def _text(value: object) -> str:
    """A value for people: numbers with at most four digits behind the point."""
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    if not isinstance(value, str) and pd.api.types.is_number(value):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if value % 1 else f"{int(value):,}"
    return str(value)


def _accept(results: list[Result]) -> list[Result]:
    """The results, with failures that the operator accepted for this run turned into warnings."""
    accepted = {name.strip() for name in os.environ.get(ACCEPT_VARIABLE, "").split(",") if name.strip()}
    unknown = accepted - {f"{result.suite}.{result.expectation}" for result in results}
    if unknown:
        raise ValueError(
            f"{ACCEPT_VARIABLE} names {min(unknown)}, which is no expectation. Correct or remove it."
        )
    return [
        replace(result, severity="warning", observed=f"{result.observed} (accepted for this run)")
        if f"{result.suite}.{result.expectation}" in accepted and not result.passed
        else result
        for result in results
    ]


def _store(
    connection: duckdb.DuckDBPyConnection, run_id: str, judged_at: datetime, results: list[Result]
) -> None:
    """Append the results of a run; those of an earlier attempt of the same run are replaced."""
    columns = ", ".join(f"{name} {kind}" for name, kind in RESULT_COLUMNS.items())
    names = [name for name in RESULT_COLUMNS if name not in ("run_id", "judged_at")]
    rows = [[run_id, judged_at, *(_stored(getattr(result, name)) for name in names)] for result in results]
    connection.execute("begin")
    connection.execute("create schema if not exists quality")
    connection.execute(f"create table if not exists {RESULTS_TABLE} ({columns})")
    connection.execute(f"delete from {RESULTS_TABLE} where run_id = ?", [run_id])
    connection.executemany(
        f"insert into {RESULTS_TABLE} values ({', '.join('?' * len(RESULT_COLUMNS))})", rows
    )
    connection.execute("commit")


def _stored(value: object) -> object:
    """A value as the engine takes it."""
    return list(value) if isinstance(value, tuple) else value
