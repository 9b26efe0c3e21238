"""docs/cli.md against what the verbs really print as JSON."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

CLI = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def documented(verb: str) -> dict[str, str]:
    """Each member of a verb's JSON and its type, as its section has them."""
    found = re.search(rf"^## {re.escape(verb)}\n(.*?)(?=^## |\Z)", CLI, re.DOTALL | re.MULTILINE)
    assert found, verb
    table = re.search(r"^\| JSON member \|.*\n\|[-|]+\n((?:\|.*\n?)+)", found[1], re.MULTILINE)
    assert table, verb
    return dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", table[1], re.MULTILINE))


def members(value: Any, told: dict[str, str], at: str = "") -> Iterator[tuple[str, Any]]:
    """The members of a document as ``a.b[].c`` with their values; where the page has ``.*``, any name is ``*``."""
    if isinstance(value, dict) and told.get(at) != "object":
        free = f"{at}.*" in told
        for name, inner in value.items():
            yield from members(inner, told, f"{at}.*" if free else f"{at}.{name}".removeprefix("."))
    elif isinstance(value, list) and told.get(at) != "texts":
        for inner in value:
            yield from members(inner, told, f"{at}[]")
    else:
        yield at, value


Compare = Callable[..., None]


@pytest.fixture
def compare(is_of: Callable[[Any, str], bool]) -> Compare:
    """Compares documents with a verb's section: the same members, all of them in at least one, of the types told."""

    def compared(verb: str, *documents: Any, unseen: frozenset[str] = frozenset()) -> None:
        """``unseen``: members that these documents have no reason to hold."""
        told = documented(verb)
        seen: set[str] = set()
        for document in documents:
            for name, value in members(document, told):
                assert name in told, f"{name} is not documented"
                assert is_of(value, told[name]), f"{name} is not {told[name]}: {value!r}"
                seen.add(name)
        assert set(told) - seen == unseen, "documented, but not there"

    return compared


DISPUTE = ("--reason", "a dispute")


def legs_in(night: Any, state: str) -> list[Any]:
    return night.json("search", "--state", state)["legs"]


def test_the_json_of_nightly_is_as_documented(compare: Compare, night: Any) -> None:
    compare("nightly", night.said, unseen=frozenset({"problems[]", "published.problems[]", "days[].quarantined.*"}))


def test_the_json_of_poll_is_as_documented(compare: Compare, night: Any) -> None:
    compare("poll", night.flow("poll", code=0), unseen=frozenset({"problems[]", "published.problems[]"}))


def test_the_json_of_status_is_as_documented(compare: Compare, night: Any) -> None:
    compare("status", night.json("status", code=3))


def test_the_json_of_search_is_as_documented(compare: Compare, night: Any) -> None:
    compare("search", night.json("search", "--limit", "1"), night.json("search"), night.json("search", "--id", "none"))


def test_the_json_of_show_is_as_documented(compare: Compare, night: Any) -> None:
    unsound = [leg for leg in legs_in(night, "archived") if leg["seconds"] != leg["duration"]]
    missing = legs_in(night, "missing")
    compare("show", *(night.json("show", leg["leg_id"]) for leg in (*unsound, *missing)))


def test_the_history_that_show_prints_is_made_of_lines_of_the_journal(night: Any) -> None:
    lines = [
        json.loads(line)
        for path in night.store.glob("archive/journal/*/*/*.gz")
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    history = night.json("show", legs_in(night, "missing")[0]["leg_id"])["history"]
    assert len(history) > 2
    assert all(event in lines for event in history)


def test_the_json_of_reconcile_is_as_documented(compare: Compare, decided: Any, tmp_path: Path) -> None:
    """One day has no problem, and no sum that is not that of its rows."""
    copy = replace(decided, folder=shutil.copytree(decided.folder, tmp_path / "copy"))
    said = copy.json("reconcile", "--day", "2026-03-10", code=3)
    compare("reconcile", said, unseen=frozenset({"contradictions[]", "problems[]"}))


def test_the_json_of_decisions_is_as_documented(compare: Compare, decided: Any) -> None:
    compare("retry", *decided.said.values(), unseen=frozenset({"left.*"} - _left(decided)))


def _left(decided: Any) -> set[str]:
    return {"left.*"} if any(said["left"] for said in decided.said.values()) else set()


def test_the_json_of_get_is_as_documented(compare: Compare, night: Any, tmp_path: Path) -> None:
    leg = legs_in(night, "archived")[0]
    said = night.json("get", leg["leg_id"], *DISPUTE, "--output", str(tmp_path))
    archived = {leg["call_record_id"] for leg in legs_in(night, "archived")}
    parted = next(leg["call_record_id"] for leg in legs_in(night, "missing") if leg["call_record_id"] in archived)
    compare(
        "get", said, night.json("get", parted, *DISPUTE, "--all-legs", "--output", str(tmp_path / "parted"), code=3)
    )
    assert [Path(file["path"]).stat().st_size for file in said["files"]] == [leg["content_size"]]


def test_the_json_of_verify_and_of_repair_is_as_documented(compare: Compare, night: Any, tmp_path: Path) -> None:
    copy = replace(night, folder=shutil.copytree(night.folder, tmp_path / "copy"))
    sound = copy.json("verify", "--read")
    next(iter(sorted(copy.store.glob("archive/audio/*/*/*.wav")))).unlink()
    compare("verify", sound, copy.json("verify", "--exists", "--subset", "1/1", code=4))
    compare("repair", copy.json("repair", "--dry-run", code=4), copy.json("repair"))


def test_the_json_of_catalogue_rebuild_is_as_documented(compare: Compare, night: Any) -> None:
    compare("catalogue rebuild", night.json("catalogue", "rebuild"))


def test_the_json_of_sql_is_as_documented(compare: Compare, night: Any) -> None:
    compare("sql", night.json("sql", "SELECT leg_id, fields FROM legs JOIN call_records USING (unique_id)"))


def test_the_json_of_lake_publish_is_as_documented(compare: Compare, night: Any) -> None:
    compare("lake publish", night.json("lake", "publish"), unseen=frozenset({"sites[].problems[]"}))


@pytest.mark.parametrize(
    "verb",
    [
        "nightly",
        "poll",
        "status",
        "show",
        "get",
        "search",
        "sql",
        "reconcile",
        "retry",
        "catalogue rebuild",
        "lake publish",
    ],
)
def test_no_member_is_documented_twice(verb: str) -> None:
    text = CLI[CLI.index(f"\n## {verb}\n") + 1 :].partition("\n## ")[0]
    names = re.findall(r"^\| `([^`]+)` \| (?!-)", text.partition("| JSON member |")[2], re.MULTILINE)
    assert len(names) == len(set(names))
