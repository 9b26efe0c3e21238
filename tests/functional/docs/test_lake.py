"""The code and SQL of docs/lake.md on a real lake."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

LAKE = (Path(__file__).parents[3] / "docs" / "lake.md").read_text()
(SQL,) = re.findall(r"^```sql\n(.*?)^```$", LAKE, re.DOTALL | re.MULTILINE)
EXAMPLES = dict(re.findall(r"^-- (.+)\n(.+);$", SQL, re.MULTILINE))


def code(name: str) -> dict[str, Any]:
    """What a block of Python on the page defines."""
    found = re.search(rf"^```python\n(# {re.escape(name)}\n.*?)^```$", LAKE, re.DOTALL | re.MULTILINE)
    assert found, name
    scope: dict[str, Any] = {}
    exec(found[1], scope)
    return scope


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == SQL.count(";") == 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_statement_of_the_page_finds_something(night: Any, example: str) -> None:
    rows = night.json("sql", EXAMPLES[example])["rows"]
    assert any(all(value is not None for value in row.values()) for row in rows)


def test_the_python_of_the_page_reads_the_same_legs_three_times(night: Any) -> None:
    with contextlib.chdir(night.folder):
        read = code("read_lake.py")
        by_duckdb = sorted(read["by_duckdb"].project("leg_id, site, day").fetchall())
    frame = read["by_pandas"]
    frame = frame[frame["state"] == "archived"]
    by_pandas = sorted(zip(frame["leg_id"], frame["site"], frame["day"], strict=True))
    table = read["by_pyarrow"]
    by_pyarrow = sorted(zip(*(table[name].to_pylist() for name in ("leg_id", "site", "day")), strict=True))
    assert by_duckdb == by_pandas == by_pyarrow
    assert len(by_duckdb) > 50


def test_the_content_digest_of_the_page_is_that_of_every_file(night: Any) -> None:
    check = code("content_digest.py")["content_digest"]
    files = sorted(night.store.glob("lake/*/*/*/*.parquet"))
    assert len(files) >= 3
    for file in files:
        check(str(file))
