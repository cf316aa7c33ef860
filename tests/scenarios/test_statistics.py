"""The statistics macros against independent values."""

from __future__ import annotations

import math

import duckdb
import pytest

from scenarios.aggregates import CALLS, compiled_macros

# Upper 0.1 % points of the chi-square distribution, from printed tables.
CRITICAL_VALUES = {1: 10.828, 2: 13.816, 3: 16.266, 4: 18.467, 7: 24.322, 10: 29.588, 15: 37.697, 30: 59.703}


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Compiled SQL of every statistics macro."""
    calls = {
        **CALLS,
        "erfc": "{{ complementary_error_function('x') }}",
        "chi2": "{{ chi_square_upper_tail('chi2', 'df', 'root_half_chi2') }}",
    }
    return compiled_macros(tmp_path_factory.mktemp("statistics"), calls)


def rows(sql: str, table: str, values: str) -> list[dict]:
    """Rows of a compiled macro over a relation of literal values."""
    cursor = duckdb.execute(f"with {table} as (select * from (values {values}) {sql}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_error_function_agrees_with_the_standard_library_over_all_z(macros: dict[str, str]) -> None:
    found = duckdb.execute(
        f"select x, {macros['erfc']} from (select i / 1e3 as x from range(0, 26000) as steps (i))"
    ).fetchall()
    assert max(abs(value / math.erfc(x) - 1) for x, value in found) < 1e-10


def test_chi_square_tail_agrees_with_printed_tables(macros: dict[str, str]) -> None:
    listed = ", ".join(f"({df}, {chi2})" for df, chi2 in CRITICAL_VALUES.items())
    found = duckdb.execute(
        f"select df, {macros['chi2']} from (select df, cast(chi2 as double) as chi2,"
        f" sqrt(chi2 / 2e0) as root_half_chi2 from (values {listed}) as critical (df, chi2))"
    ).fetchall()
    assert {df: round(p, 6) for df, p in found} == {
        df: pytest.approx(0.001, rel=5e-4) for df in CRITICAL_VALUES
    }


def test_chi_square_tail_is_null_outside_one_to_thirty_degrees(macros: dict[str, str]) -> None:
    found = duckdb.execute(
        f"select {macros['chi2']} from (select 1e0 as chi2, sqrt(0.5e0) as root_half_chi2, df"
        " from (values (0), (31)) as outside (df))"
    ).fetchall()
    assert found == [(None,), (None,)]


@pytest.mark.parametrize(
    ("counts", "nulls"),
    [
        ("0, 0, 10, 1", {"p_target", "uplift_abs", "z", "p_value_two_sided", "wald_low", "newcombe_high"}),
        ("10, 1, 10, 0", {"uplift_rel"}),
        ("10, 10, 10, 10", {"z", "p_value_two_sided"}),
        ("10, 11, 10, 5", {"p_target", "uplift_abs", "z", "wald_low", "newcombe_low"}),
    ],
)
def test_two_proportions_without_a_denominator_are_null(
    counts: str, nulls: set[str], macros: dict[str, str]
) -> None:
    columns = "account, target_users, target_converted, control_users, control_converted"
    (row,) = rows(f"as input ({columns})) {macros['stats']}", "stats", f"('a', {counts})")
    assert {name for name in nulls if row[name] is not None} == set()


def test_sample_ratio_alarm_needs_a_real_mismatch(macros: dict[str, str]) -> None:
    arms = (
        "('even', 50, 1), ('even', 51, 1), ('off', 5200, 1), ('off', 4800, 1), ('none', 0, 1), ('none', 0, 1)"
    )
    found = rows(f"as input (account, arm_users, planned_share)) {macros['srm']}", "srm", arms)
    assert {row["account"]: row["alarm"] for row in found} == {"even": False, "off": True, "none": None}


def test_average_click_rates_leave_out_channels_without_tracking_or_sends(macros: dict[str, str]) -> None:
    channels = "('a', 'push', 100, 10), ('a', 'email', 1000, null), ('a', 'sms', 0, 0), ('a', 'rcs', 50, 1)"
    found = rows(f"as input (account, channel, accepted, clicked)) {macros['export']}", "export", channels)
    assert {row["channel"]: row["ctr"] for row in found} == {
        "push": 0.1,
        "email": None,
        "sms": None,
        "rcs": 0.02,
    }
    assert [row["avg_ctr_unweighted"] for row in found] == [pytest.approx(0.06)] * 4
    assert [row["avg_ctr_pooled"] for row in found] == [pytest.approx(11 / 150)] * 4
