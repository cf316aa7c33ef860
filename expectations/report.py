"""The quality report: one HTML file with everything in it, without scripts and without any request."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from expectations.suites import declared_suites

HERE = Path(__file__).resolve().parent
SHOWN_RUNS = 30
SHOWN_ALERTS = 30
SHOWN_DAYS = 56
# Size of one channel's curve, in pixels.
CURVE_WIDTH, CURVE_HEIGHT = 240, 44


def write_report(connection: duckdb.DuckDBPyConnection, run_id: str, report: Path) -> None:
    """Write the report of a run from quality.quality_results and the marts; folders are made as needed."""
    results = _rows(
        connection,
        "select * exclude (run_id) from quality.quality_results where run_id = ? order by suite, expectation",
        [run_id],
    )
    tables = [result for result in results if "." in result["suite"]]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html").render(
        run_id=run_id,
        judged_at=results[0]["judged_at"],
        accounts=_known(connection, "select account_key, as_of from staging.stg_settings order by 1"),
        blocking=[item for item in results if not item["passed"] and item["severity"] == "blocking"],
        warnings=[item for item in results if not item["passed"] and item["severity"] == "warning"],
        passed=sum(item["passed"] for item in results),
        total=len(results),
        declared=_by_suite([item for item in results if "." not in item["suite"]]),
        descriptions={suite.name: suite.description for suite in declared_suites()},
        table_count=len(_by_suite(tables)),
        schemas=_by_schema(tables),
        checks=sorted({result["expectation"] for result in tables}),
        runs=_runs(connection),
        alerts=_alerts(connection),
        curves=_curves(connection),
        curve_size=(CURVE_WIDTH, CURVE_HEIGHT),
        shown_days=SHOWN_DAYS,
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(page, encoding="utf-8")


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list | None = None) -> list[dict]:
    """Rows of a query as mappings."""
    cursor = connection.execute(sql, parameters or [])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _known(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    """Rows of a query, none when a table or column it reads is missing: its suite says so."""
    try:
        return _rows(connection, sql)
    except (duckdb.CatalogException, duckdb.BinderException):
        return []


def _by_suite(results: list[dict]) -> list[tuple[str, list[dict]]]:
    """Results by suite; they come in the order of their suites."""
    return [(suite, list(items)) for suite, items in groupby(results, key=lambda item: item["suite"])]


def _by_schema(results: list[dict]) -> list[tuple[str, list[dict]]]:
    """The tables of every schema, each with its results by expectation and the number that failed."""
    tables = []
    for suite, items in _by_suite(results):
        schema, table = suite.split(".")
        tables.append(
            {
                "schema": schema,
                "table": table,
                "results": {item["expectation"]: item for item in items},
                "broken": sum(not item["passed"] for item in items),
            }
        )
    return [(schema, list(own)) for schema, own in groupby(tables, key=lambda table: table["schema"])]


def _runs(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """Counts of the newest runs, oldest first."""
    newest = _rows(
        connection,
        """
        select
            run_id,
            max(judged_at) as judged_at,
            count(*) filter (where passed) as passed,
            count(*) filter (where not passed and severity = 'warning') as warnings,
            count(*) filter (where not passed and severity = 'blocking') as blocking
        from quality.quality_results
        group by run_id
        order by judged_at desc, run_id desc
        limit ?
        """,
        [SHOWN_RUNS],
    )
    return newest[::-1]


def _alerts(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """The newest alarms."""
    return _known(
        connection,
        f"""
        select date_day, severity, reason, robust_z
        from marts.mart_alerts
        order by date_day desc, abs(robust_z) desc
        limit {SHOWN_ALERTS}
        """,
    )


def _curves(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """Daily sends of every account and channel with their failure rate, as points of a curve."""
    days = _known(
        connection,
        f"""
        with sends as (
            select account_key, channel, date_day, messages_attempted, messages_failed
            from marts.mart_channel_daily
            where journey_id = 'ALL' and channel <> 'ALL'
        ),
        last_days as (
            select account_key, max(date_day) as last_day
            from sends
            where messages_attempted > 0
            group by account_key
        )
        select
            series.account_key,
            series.channel,
            last_days.last_day - days.back as date_day,
            coalesce(sends.messages_attempted, 0) as attempted,
            coalesce(sends.messages_failed, 0) as failed
        from (select distinct account_key, channel from sends) as series
        inner join last_days using (account_key)
        cross join (select cast(range as integer) as back from range({SHOWN_DAYS})) as days
        left join sends
            on series.account_key = sends.account_key and series.channel = sends.channel
            and sends.date_day = last_days.last_day - days.back
        order by series.account_key, series.channel, date_day
        """,
    )
    curves = []
    for (account, channel), items in groupby(days, key=lambda day: (day["account_key"], day["channel"])):
        series = list(items)
        values = [day["attempted"] for day in series]
        attempted = sum(values)
        if attempted:
            curves.append(
                {
                    "account": account,
                    "channel": channel,
                    "points": _points(values),
                    "last_day": series[-1]["date_day"],
                    "last": values[-1],
                    "peak": max(values),
                    "attempted": attempted,
                    "failure_rate": sum(day["failed"] for day in series) / attempted,
                }
            )
    return sorted(curves, key=lambda curve: (curve["account"], -curve["attempted"]))


def _points(values: list[int]) -> str:
    """Points of an SVG polyline over equal days, from 0 to the greatest value."""
    peak = max(values)
    step = CURVE_WIDTH / (len(values) - 1)
    return " ".join(
        f"{day * step:.1f},{CURVE_HEIGHT - 2 - value / peak * (CURVE_HEIGHT - 4):.1f}"
        for day, value in enumerate(values)
    )
