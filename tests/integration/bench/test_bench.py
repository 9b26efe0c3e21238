"""The bench at a few legs into the real S3 server, with the catalogue on a real PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

from bench.__main__ import main


def test_the_bench_runs_into_s3_and_postgresql(tmp_path: Path) -> None:
    written = tmp_path / "results.json"
    arguments = ["--legs", "30", "--pairs", "1", "--threads", "2", "--kinds", "s3+postgresql"]
    assert main([*arguments, "--folder", str(tmp_path), "--results", str(written)]) == 0
    (kind,) = json.loads(written.read_text())["kinds"]
    (night,), (loop,) = kind["nights"], kind["loops"]
    assert night["legs"] == loop["legs"]
    assert night["store_calls"]["create"] > night["legs"]
    assert night["cpu_seconds_of_others"].keys() == {"simulator", "weed", "postgres"}
    assert kind["loops_with_fsync"] == []
    assert list(tmp_path.iterdir()) == [written], "the bench left something behind"
