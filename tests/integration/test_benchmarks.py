"""The benchmark: it finds a wrong figure, writes the results page, and runs from end to end."""

from __future__ import annotations

import argparse
import json
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from rich.progress import Progress

from benchmarks.__main__ import (
    Benchmark,
    BenchmarkError,
    check_figures,
    link_files,
    main,
    parse_arguments,
    parse_sizes,
)
from benchmarks.figures import FIGURE_TABLES, count_figures, differences, warehouse_figures
from benchmarks.floor import EVENT_TABLES
from benchmarks.measure import Measurement, StepError, machine, measure
from benchmarks.report import Repetition, SizeResult, size_section, slowest_models, table, with_section
from benchmarks.spark import Stage, read_stages

FIGURES = {
    "journeys": [{"journey_id": "welcome", "total_entries": 5, "unique_entry_users": 4}],
    "nodes": [{"journey_id": "welcome", "node_id": "mail", "entry_count": 3, "entry_users": 3}],
    "channels": [{"channel": "email", **dict.fromkeys(FIGURE_TABLES[2].measures, 7)}],
    "goals": [{"journey_id": "welcome", "goal_id": "bought", "converted_users": 2}],
}
MEASURED = Measurement(seconds=2.0, cpu_seconds=3.0, peak_bytes=300_000_000)
RESULT = SizeResult(
    events=20_000,
    raw_events=20_400,
    landing_bytes=2_000_000,
    landing_files=12,
    generation=MEASURED,
    days=["2026-06-01", "2026-06-02"],
    machine="a machine",
    versions="Python 3",
    project="a hash",
    memory_limit=None,
    floor_memory_limit=None,
    load_before=0.1,
    figures=42,
    repetitions=[
        Repetition(
            steps={
                "floor": replace(MEASURED, seconds=floor),
                "build": replace(MEASURED, seconds=build),
                "peer": MEASURED,
            },
            warehouse_bytes=6_000_000,
            floor_bytes=1_000_000,
            node_seconds={
                "model.journeys.slow": build,
                "model.journeys.quick": 1.0,
                "test.journeys.check.1": 9.0,
            },
        )
        for floor, build in ((1.0, 30.0), (2.0, 20.0), (4.0, 10.0))
    ],
)


@pytest.mark.parametrize("figures", FIGURE_TABLES, ids=lambda figures: figures.name)
def test_a_planted_difference_is_named(figures):
    planted = deepcopy(FIGURES)
    planted[figures.name][0][figures.measures[-1]] += 1

    lines = differences(FIGURES, planted)

    assert len(lines) == 1
    assert lines[0].startswith(f"{figures.name} [")
    assert figures.measures[-1] in lines[0]
    assert differences(FIGURES, deepcopy(FIGURES)) == []


def test_a_row_that_one_side_lacks_counts_as_zeros():
    peer = deepcopy(FIGURES)
    peer["goals"] = [{"journey_id": "welcome", "goal_id": "unknown", "converted_users": 1}]

    assert differences(FIGURES, peer) == [
        "goals [welcome, bought] converted_users: warehouse 2, peer 0",
        "goals [welcome, unknown] converted_users: warehouse 0, peer 1",
    ]
    empty = {**FIGURES, "goals": [{"journey_id": "welcome", "goal_id": "bought", "converted_users": 0}]}
    assert differences(empty, {**FIGURES, "goals": []}) == []


def test_the_polars_script_gives_the_figures_of_the_warehouse(demo):
    pytest.importorskip("polars", reason="the group benchmark is not installed")
    from benchmarks.peers.polars_journeys import figures

    warehouse = Path(
        demo[1].execute("select path from duckdb_databases() where path is not null").fetchone()[0]
    )
    ours = warehouse_figures(warehouse)

    assert differences(ours, figures(warehouse.parent / "landing")) == []
    assert count_figures(ours) > 200
    assert all(sum(row[name] for row in ours[t.name]) > 0 for t in FIGURE_TABLES for name in t.measures)


def test_a_wrong_figure_of_the_warehouse_stops_the_benchmark(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.__main__.warehouse_figures", lambda warehouse: FIGURES)
    assert check_figures(tmp_path, deepcopy(FIGURES)) == 12

    with pytest.raises(BenchmarkError, match=r"nodes \[welcome, mail\] entry_count: warehouse 3, peer 0"):
        check_figures(tmp_path, {**FIGURES, "nodes": []})
    unknown = [
        {"journey_id": "welcome", "node_id": f"n{n}", "entry_count": 1, "entry_users": 0} for n in range(30)
    ]
    with pytest.raises(BenchmarkError, match=r"\.\.\. and 12 more$"):
        check_figures(tmp_path, {**FIGURES, "nodes": unknown})


def test_sizes_are_read_with_their_repetitions():
    assert parse_sizes("20000,500k,1.5M,100m:1") == [
        (20_000, None),
        (500_000, None),
        (1_500_000, None),
        (100_000_000, 1),
    ]
    for wrong in ("", "0", "1g", "1m:0", "-5", "1m,"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no size"):
            parse_sizes(wrong)


def test_a_section_shows_medians_and_the_ratios_within_a_repetition():
    section = size_section(RESULT)

    # 20 s is the median of 30, 20 and 10 s; 10 is the median of 30 / 1, 20 / 2 and 10 / 4.
    assert "| 20.0 | 10.0 to 30.0 | 3.00 | 1,020 | 300 MB | 10.0 x |" in section
    assert "Full build over Polars script: 10.0 x. All 42 figures" in section
    assert "- Measured 2026-06-01, 2026-06-02: a machine.\n" in section
    assert "6.00 MB, 3.00 x the landing files" in section
    assert "2 models 21.0 s, 1 data tests 9.00 s" in section
    assert "Load of the machine before the run: 0.1.\n" in section
    assert "Memory limit of DuckDB: its default. Load" in section
    limits = replace(RESULT, memory_limit="4GiB", floor_memory_limit="7GiB")
    assert "Memory limit of DuckDB: 4GiB, in the floor 7GiB. Load" in size_section(limits)
    assert "before the run: 2.0: it was busy" in size_section(replace(RESULT, load_before=2.0))
    assert slowest_models([r.node_seconds for r in RESULT.repetitions]) == [
        ("`slow`", "20.0", "95.2 %"),
        ("`quick`", "1.00", "4.8 %"),
    ]
    assert "| Marts, dimensions and exports | 21.0 | - |\n| Data tests | 9.00 | - |" in section
    assert table(("a", "b"), [("x", 1)]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_spilling_shuffling_and_uneven_stages_of_spark_are_named_with_their_models(tmp_path):
    log = [
        {
            "Event": "SparkListenerJobStart",
            "Stage IDs": [stage],
            "Properties": {"spark.job.description": node},
        }
        for stage, node in enumerate(("mart_a", "mart_b"))
    ]
    for stage, seconds, spilled in ((0, 1, 0), (0, 1, 0), (0, 9, 0), (1, 8, 70_000_000), (1, 9, 30_000_000)):
        log.append(
            {
                "Event": "SparkListenerTaskEnd",
                "Stage ID": stage,
                "Task Info": {"Launch Time": 500, "Finish Time": 500 + 1000 * seconds},
                "Task Metrics": {
                    "Disk Bytes Spilled": spilled,
                    "Shuffle Write Metrics": {"Shuffle Bytes Written": 2 * spilled},
                },
            }
        )
    (tmp_path / "log").write_text("\n".join(map(json.dumps, log)), encoding="utf-8")
    steps = {**RESULT.repetitions[0].steps, "spark_build": replace(MEASURED, seconds=90.0)}
    repetition = replace(RESULT.repetitions[0], steps=steps, spark_stages=read_stages(tmp_path))

    section = size_section(replace(RESULT, repetitions=[repetition]))

    assert "Full build on Apache Spark: 3.00 x the seconds of DuckDB's" in section
    assert "2 stages with 5 tasks. Shuffled: 200 MB, of which the most, 200 MB, by `mart_b`." in section
    assert (
        "for lack of memory: `mart_b` 100 MB. Stages with a task far longer than the others: `mart_a`."
        in section
    )


def test_a_new_section_replaces_the_one_of_its_size_alone():
    page = with_section("", 1_000_000, "## 1,000,000 events\n\nolder")
    page = with_section(page, 20_000, "## 20,000 events\n\nsmall")
    page = with_section(page, 1_000_000, "## 1,000,000 events\n\nnewer")

    assert page.startswith("# Benchmark results")
    assert page.count("# Benchmark results") == 1
    assert page.index("## 20,000 events") < page.index("## 1,000,000 events")
    assert "older" not in page
    assert "small" in page
    assert page.endswith("newer\n")


def test_a_step_is_measured_and_a_failing_one_shows_the_end_of_its_log(tmp_path):
    code = "data = bytearray(200_000_000); print(len(data))"
    measured = measure([sys.executable, "-c", code], tmp_path / "log.txt")

    assert measured.seconds > 0
    assert measured.peak_bytes > 200_000_000
    assert (tmp_path / "log.txt").read_text() == "200000000\n"
    with pytest.raises(StepError, match=r"Exit code 3.*\nthe reason"):
        measure([sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], tmp_path / "log.txt")
    assert "cores" in machine(tmp_path)


def test_a_wrong_option_ends_with_a_sentence(capsys):
    with pytest.raises(SystemExit):
        main(["--events", "many"])
    assert "'many' is no size; write 500k, 1m or 100m:1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_benchmark_keeps_what_it_has_measured_beside_older_results(monkeypatch, tmp_path, capsys):
    def stop_in_the_day(benchmark):
        benchmark.folder.mkdir(parents=True)
        benchmark.result = RESULT
        raise BenchmarkError("The step day 1 failed.")

    monkeypatch.setattr("benchmarks.__main__.Benchmark.measure_all", stop_in_the_day)
    results = tmp_path / "results.md"
    results.write_text("older", encoding="utf-8")
    work = tmp_path / "work"

    assert main(["--events", "20k:1", "--work", str(work), "--results", str(results), "--skip-peer"]) == 1
    kept = work / "20000" / "incomplete.md"
    assert kept.read_text(encoding="utf-8") == size_section(RESULT) + "\n"
    assert results.read_text(encoding="utf-8") == "older"
    printed = capsys.readouterr().err
    assert f"Measured until then: {kept}" in printed
    assert "The step day 1 failed." in printed


def test_a_resumed_benchmark_measures_the_missing_repetitions_alone(monkeypatch, tmp_path, capsys):
    ran = []

    def stop_in_the_second(benchmark, repetition, result):
        ran.append(repetition)
        if ran == [1, 2]:
            raise BenchmarkError("The step day 2 failed.")
        measured = RESULT.repetitions[repetition - 1]
        steps = {**dict.fromkeys(benchmark.steps, MEASURED), "build": measured.steps["build"]}
        result.repetitions.append(replace(measured, steps=steps, spark_stages=[Stage("a", 1, 1, 1, 1, 1)]))

    monkeypatch.setattr("benchmarks.__main__.Benchmark.generate", lambda benchmark: (MEASURED, 20_400))
    monkeypatch.setattr("benchmarks.__main__.Benchmark.hold_back_day", lambda benchmark: None)
    monkeypatch.setattr("benchmarks.__main__.Benchmark.repetition", stop_in_the_second)
    monkeypatch.setattr("benchmarks.__main__.count_events", lambda folder: 20_400)
    results = tmp_path / "results.md"
    landing = tmp_path / "20000" / "data" / "landing"
    landing.mkdir(parents=True)
    (landing / "part-0.parquet").write_text("rows")
    options = ["--work", str(tmp_path), "--results", str(results), "--skip-peer", "--events", "20k:3"]

    assert main(options) == 1
    assert main([*options, "--resume"]) == 0, capsys.readouterr().err
    assert ran == [1, 2, 2, 3]
    page = results.read_text(encoding="utf-8")
    assert "- Repetitions: 3." in page
    assert "| 20.0 | 10.0 to 30.0 |" in page

    assert main([*options, "--resume"]) == 0, capsys.readouterr().err
    assert ran == [1, 2, 2, 3]
    assert results.read_text(encoding="utf-8") == page

    capsys.readouterr()
    assert main([*options, "--resume", "--memory-limit", "4GiB", "--skip-short"]) == 1
    assert "since they had other memory limit, steps. Run as they were run, or" in capsys.readouterr().err
    assert main(options) == 0, capsys.readouterr().err
    assert ran == [1, 2, 2, 3, 1, 2, 3]


def test_a_day_that_a_killed_repetition_left_is_taken_away_from_the_history(tmp_path):
    options = parse_arguments(["--work", str(tmp_path), "--skip-peer"])
    landing = tmp_path / "20000" / "data" / "landing" / EVENT_TABLES[0]
    for day in ("01", "02", "03"):
        file = landing / f"load_date=2026-06-{day}" / "part-0.parquet"
        file.parent.mkdir(parents=True)
        file.write_text("rows")
    with Progress(disable=True) as progress:
        benchmark = Benchmark(options, 20_000, 1, 0, progress)
        benchmark.hold_back_day()
        before = sorted(benchmark.landing.rglob("*"))
        link_files(benchmark.day, benchmark.landing)
        assert sorted(benchmark.landing.rglob("*")) != before

        benchmark.hold_back_day()

    assert sorted(benchmark.landing.rglob("*")) == before
    assert [path.name for path in benchmark.day.glob("*/*")] == ["load_date=2026-06-03"]


def test_the_benchmark_runs_from_end_to_end(tmp_path, capsys):
    pytest.importorskip("polars", reason="the group benchmark is not installed")
    results, work = tmp_path / "results.md", tmp_path / "work"
    arguments = ["--events", "20k", "--repeat", "1", "--work", str(work), "--results", str(results)]

    assert main([*arguments, "--memory-limit", "4GiB"]) == 0, capsys.readouterr().err

    page = results.read_text(encoding="utf-8")
    assert "## 20,000 events" in page
    assert "Memory limit of DuckDB: 4GiB" in page
    assert "figures of the script were equal to the warehouse's in every repetition" in page
    assert page.count("| `") >= 10
    assert not list(work.rglob("*.duckdb"))


def test_the_floor_keeps_one_row_per_account_and_event_id(tmp_path):
    from benchmarks.floor import write_floor

    for name in EVENT_TABLES:
        folder = tmp_path / "landing" / name / "load_date=2026-06-01"
        folder.mkdir(parents=True)
        duckdb.sql(
            "select * from (values "
            "('s', 'a', 'e1', 1), ('s', 'a', 'e1', 2), ('s', 'b', 'e1', 3), ('s', 'a', 'e2', 4)) "
            "as events (source_system, source_account, event_id, n)"
        ).write_parquet(str(folder / "part-0.parquet"))

    write_floor(tmp_path / "landing", tmp_path / "floor.duckdb", "1GiB")

    with duckdb.connect(str(tmp_path / "floor.duckdb"), read_only=True) as connection:
        for name in EVENT_TABLES:
            assert connection.execute(f"select count(*) from {name}").fetchone() == (3,)
