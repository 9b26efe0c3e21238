"""The bench at a few legs, so that it cannot rot. No test looks at its clocks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.__main__ import main
from bench.table import told

LEGS = 40


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a bench into a folder wrote and printed."""
    folder = tmp_path_factory.mktemp("bench")
    written = folder / "results.json"
    arguments = ["--legs", str(LEGS), "--pairs", "1", "--threads", "2", "--kinds", "folder+sqlite"]
    assert main([*arguments, "--folder", str(folder), "--results", str(written)]) == 0
    assert list(folder.iterdir()) == [written], "the bench left something behind"
    return json.loads(written.read_text())


def test_the_pipeline_and_the_loop_fetch_the_same_recordings(results: Any) -> None:
    (kind,) = results["kinds"]
    (night,), (loop,), (loop_with_fsync,) = kind["nights"], kind["loops"], kind["loops_with_fsync"]
    alone = results["simulator_alone"]
    assert LEGS * 0.7 < alone["legs"] < LEGS * 1.3
    assert [run["legs"] for run in (night, loop, loop_with_fsync)] == [alone["legs"]] * 3
    assert {run["bytes"] for run in (night, loop, loop_with_fsync)} == {200_000 * alone["legs"]}
    assert loop["requests"] == alone["legs"]
    assert night["requests"] > alone["legs"]  # it lists what there is


def test_the_night_is_measured_from_the_inside(results: Any) -> None:
    ((night,),) = (kind["nights"] for kind in results["kinds"])
    assert night["store_calls"]["create"] > night["legs"]  # a segment besides
    assert night["task_runs"] == 1
    spent = night["cpu_seconds_of_stages"]
    assert all(spent[stage] > 0 for stage in ("discovery", "fetching", "checking", "storing", "recording"))
    assert spent["leg"] + spent["recording"] <= night["cpu_seconds"]
    assert spent["leg"] >= spent["fetching"] + spent["checking"] + spent["storing"]
    assert night["peak_bytes"] > 50_000_000
    assert night["prefect_cpu_seconds"] > 0


def test_its_table_has_a_column_for_each_kind_of_place(results: Any) -> None:
    table = told(results).splitlines()
    assert table[2].split() == ["folder,", "SQLite"]
    assert all(line.strip() for line in table[3:-2])
