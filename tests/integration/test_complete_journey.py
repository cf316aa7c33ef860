"""The warehouse gives the known figures of the public Complete Journey 2.0 data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from examples.complete_journey.convert import ConversionError, convert
from orchestration.build import PROJECT_ROOT, run_dbt

DATA = Path(
    os.environ.get("COMPLETE_JOURNEY_DATA") or PROJECT_ROOT.parent / "shared" / "data" / "completejourney"
)

needs_data = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="The Complete Journey files are not here: set COMPLETE_JOURNEY_DATA to their folder "
    "(examples/complete_journey/README.md says how to get them).",
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse built from the converted files; the source files are readable as views."""
    folder = tmp_path_factory.mktemp("complete_journey")
    convert(DATA, folder / "landing")
    run_dbt(
        ["build", "--resource-type", "model", "--resource-type", "seed"],
        landing=folder / "landing",
        warehouse=folder / "warehouse.duckdb",
        target_path=folder / "target",
        log_path=folder / "logs",
    ).raise_for_error()
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def source_file(name: str) -> str:
    """A source file, CSV or Parquet, as something to select from."""
    endings = [ending for ending in ("parquet", "csv") if (DATA / f"{name}.{ending}").is_file()]
    return f"'{DATA / name}.{endings[0]}'"


@needs_data
def test_every_campaign_is_a_journey_and_every_recipient_an_entry(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    journeys, entries, users = warehouse.execute(
        """
        select count(*), sum(total_entries), sum(unique_entry_users)
        from marts.mart_journey_overview
        where journey_version_id = 'ALL' and period_id = 'all_time'
        """
    ).fetchone()
    assert (journeys, entries, users) == (27, 6589, 6589)


@needs_data
def test_every_redemption_is_a_conversion_and_each_household_converts_once(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    totals = warehouse.execute(
        """
        select sum(conversion_events_total), sum(converted_users), count(*) filter (where converted_users = 0)
        from marts.mart_goal_stats
        where journey_version_id = 'ALL' and period_id = 'all_time' and date_basis = 'event'
        """
    ).fetchone()
    assert totals == (2102, 792, 1)


@needs_data
def test_no_conversion_lies_outside_its_campaign(warehouse: duckdb.DuckDBPyConnection) -> None:
    conversions, outside = warehouse.execute(
        f"""
        select
            count(*),
            count(*) filter (where not cast(occurred_at as date) between start_date and end_date)
        from marts.fct_conversions
        inner join {source_file("campaign_descriptions")} as campaigns
            on fct_conversions.journey_id = cast(campaigns.campaign_id as varchar)
        """
    ).fetchone()
    assert (conversions, outside) == (2102, 0)


def figures_by_campaign(warehouse: duckdb.DuckDBPyConnection) -> list[tuple]:
    """(campaign, entries, conversion events, converted users, conversion rate in percent) as built."""
    return warehouse.execute(
        """
        select
            goals.journey_id,
            overview.total_entries,
            goals.conversion_events_total,
            goals.converted_users,
            round(100 * goals.nm_conversion_rate, 4)
        from marts.mart_goal_stats as goals
        inner join marts.mart_journey_overview as overview
            using (account_key, journey_id, journey_version_id, period_id)
        where journey_version_id = 'ALL' and period_id = 'all_time' and date_basis = 'event'
        order by 1
        """
    ).fetchall()


@needs_data
def test_every_campaign_agrees_with_a_count_over_the_source_files(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    expected = warehouse.execute(
        f"""
        with redemptions as (
            select campaign_id, count(*) as redemptions, count(distinct household_id) as redeemers
            from {source_file("coupon_redemptions")}
            group by campaign_id
        )

        select
            cast(campaign_id as varchar),
            count(distinct household_id),
            coalesce(any_value(redemptions), 0),
            coalesce(any_value(redeemers), 0),
            round(100 * coalesce(any_value(redeemers), 0) / count(distinct household_id), 4)
        from {source_file("campaigns")}
        left join redemptions using (campaign_id)
        group by campaign_id
        order by 1
        """
    ).fetchall()
    assert figures_by_campaign(warehouse) == expected


@needs_data
@pytest.mark.skipif(
    not (DATA / "crosscheck_by_campaign_pandas.csv").is_file(),
    reason="crosscheck_by_campaign_pandas.csv, counted once with another tool, is not among the files.",
)
def test_every_campaign_agrees_with_a_count_by_another_tool(warehouse: duckdb.DuckDBPyConnection) -> None:
    expected = warehouse.execute(
        f"""
        select
            cast(campaign_id as varchar),
            recipients,
            total_redemptions,
            unique_redeemers,
            conversion_rate_pct
        from {source_file("crosscheck_by_campaign_pandas")}
        order by 1
        """
    ).fetchall()
    assert figures_by_campaign(warehouse) == expected


def write_source(folder: Path) -> None:
    """The smallest Complete Journey data: one campaign of two days, one recipient, one redemption."""
    folder.mkdir()
    (folder / "campaign_descriptions.csv").write_text(
        '"campaign_id","campaign_type","start_date","end_date"\n"7","Type A",2017-03-01,2017-03-02\n'
    )
    (folder / "campaigns.csv").write_text('"campaign_id","household_id"\n"7","1"\n')
    (folder / "coupon_redemptions.csv").write_text(
        '"household_id","coupon_upc","campaign_id","redemption_date"\n"1","100","7",2017-03-02\n'
    )


def test_window_ends_with_the_last_second_of_the_end_date(tmp_path: Path) -> None:
    write_source(tmp_path / "data")
    rows = convert(tmp_path / "data", tmp_path / "landing")
    assert rows["journey_events"] == 2
    goal = duckdb.read_parquet(str(tmp_path / "landing/goals/*.parquet")).project("window_seconds, filters")
    assert goal.fetchall() == [(2 * 86400 - 1, '[{"property":"campaign_id","op":"eq","value":"7"}]')]


def test_parquet_files_are_read_like_csv_files(tmp_path: Path) -> None:
    write_source(tmp_path / "data")
    convert(tmp_path / "data", tmp_path / "from_csv")
    for path in list((tmp_path / "data").iterdir()):
        duckdb.read_csv(str(path)).write_parquet(str(path.with_suffix(".parquet")))
        path.unlink()
    convert(tmp_path / "data", tmp_path / "from_parquet")
    for path in (tmp_path / "from_csv").glob("*/*.parquet"):
        twin = tmp_path / "from_parquet" / path.relative_to(tmp_path / "from_csv")
        assert duckdb.read_parquet(str(twin)).fetchall() == duckdb.read_parquet(str(path)).fetchall()


def test_a_missing_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    write_source(tmp_path / "data")
    (tmp_path / "data" / "campaigns.csv").unlink()
    with pytest.raises(ConversionError, match=r"Neither campaigns\.csv nor campaigns\.parquet"):
        convert(tmp_path / "data", tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write_source(tmp_path / "data")
    (tmp_path / "data" / "campaigns.csv").write_text("campaign_id,household\n7,1\n")
    with pytest.raises(ConversionError, match="campaigns lacks the column household_id"):
        convert(tmp_path / "data", tmp_path / "landing")


def test_a_folder_with_files_is_never_written_to(tmp_path: Path) -> None:
    write_source(tmp_path / "data")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "mine.csv").write_text("a\n1\n")
    with pytest.raises(ConversionError, match="is not empty"):
        convert(tmp_path / "data", tmp_path / "landing")
