"""`excuse --calls` and `retry --calls`: what is meant, what is asked, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]
WHY = ("--reason", "asked not to be recorded", "--by", "Kim Doe")
DAY = ("--day", "2026-03-10")


def words(said: Said) -> str:
    return " ".join(said.err.replace("│", " ").split())


@pytest.fixture
def meant(program: Program, folder: Path) -> list[dict[str, Any]]:
    """The calls that nothing explains."""
    said = program("excuse", "--calls", *DAY, "--dry-run", "--json")
    assert said.code == 0
    found: list[dict[str, Any]] = said.document["calls"]
    assert len(found) > 1
    assert {(one["was"], one["judged"], one["result"]) for one in found} == {("unexplained", None, None)}
    return found


def test_one_call_is_excused_shown_and_taken_back(program: Program, meant: list[dict[str, Any]]) -> None:
    one = meant[0]
    said = program("excuse", "--calls", "--id", one["unique_id"], *WHY)
    assert said.code == 0
    assert f"{one['call_id']}: unexplained -> excused" in said.out
    assert "excuse: 1 of 1 done" in said.out
    shown = program("show", one["unique_id"]).out
    assert "recording: explained excused by a person" in shown
    assert "reason asked not to be recorded, name Kim Doe" in shown
    assert "excused" in program("retry", "--calls", *DAY, "--dry-run").out
    assert program("retry", "--calls", *DAY, "--reason", "there was one", "--by", "Jo").code == 0
    assert "recording: unexplained" in program("show", one["unique_id"]).out


def test_more_than_one_has_to_be_confirmed(program: Program, meant: list[dict[str, Any]]) -> None:
    said = program("excuse", "--calls", *DAY, *WHY)
    assert said.code == 2
    assert f"{len(meant)} calls are meant: look with --dry-run, then say --yes" in words(said)
    before = program("status", "--json").document["sites"][0]["days"]
    said = program("excuse", "--calls", *DAY, *WHY, "--yes", "--json")
    assert {(one["judged"], one["result"]) for one in said.document["calls"]} == {("excused", "done")}
    after = program("status", "--json").document["sites"][0]["days"]
    assert sum(day["gaps"] for day in before) - sum(day["gaps"] for day in after) == len(meant)


@pytest.mark.parametrize("given", [("--state", "missing"), ("--tag", "x"), ("--min-duration", "0"), ("--text", "abc")])
def test_filters_about_legs_are_refused(program: Program, meant: list[dict[str, Any]], given: tuple[str, ...]) -> None:
    said = program("excuse", "--calls", *DAY, *given, *WHY, "--yes")
    assert said.code == 2
    assert "the other filters are about legs" in words(said)


@pytest.mark.parametrize("given", [(), ("--site", "here")])
def test_which_calls_has_to_be_said(program: Program, folder: Path, given: tuple[str, ...]) -> None:
    said = program("excuse", "--calls", *given, *WHY, "--yes")
    assert said.code == 2
    assert "say which calls: by --id or --day" in words(said)


@pytest.mark.parametrize("given", [(), ("--reason", "why"), ("--reason", " ", "--by", "who")])
def test_nobody_decides_without_reason_and_name(
    program: Program, meant: list[dict[str, Any]], given: tuple[str, ...]
) -> None:
    said = program("excuse", "--calls", "--id", meant[0]["unique_id"], *given)
    assert said.code == 2
    assert "a decision needs --reason and --by" in words(said)


def test_who_forgets_to_say_calls_is_told(program: Program, meant: list[dict[str, Any]]) -> None:
    said = program("excuse", "--id", meant[0]["unique_id"], *WHY)
    assert said.code == 1
    assert "`noojee-ingest excuse --calls` is about such calls" in said.err


def test_quarantine_and_release_know_no_calls(program: Program, folder: Path) -> None:
    for verb in ("quarantine", "release"):
        assert program(verb, "--calls", *DAY, *WHY).code == 2
