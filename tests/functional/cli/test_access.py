"""Who gets audio out of the archive, and why: asked for, journalled first, and shown."""

from __future__ import annotations

import gzip
import json
import os
import pwd
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest import model
from noojee_ingest.catalogue.errors import CatalogueUnavailable

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]
WHY = ("--reason", "a dispute", "--by", "Kim Doe")


def accesses(folder: Path) -> list[list[dict[str, Any]]]:
    """Those of each segment that holds any, as they are on disk."""
    found = [
        [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        for path in folder.glob("data/store/archive/journal/**/*.gz")
    ]
    those = [[line for line in lines if line["kind"] == "dissemination"] for lines in found]
    return [lines for lines in those if lines]


@pytest.fixture
def legs(program: Program, folder: Path) -> list[dict[str, Any]]:
    """The archived legs of a call that has several."""
    calls: dict[str, list[dict[str, Any]]] = {}
    for leg in program("search", "--state", "archived", "--json").document["legs"]:
        calls.setdefault(leg["call_record_id"], []).append(leg)
    return max(calls.values(), key=len)


def test_who_had_it_when_and_why_is_journalled_and_shown(
    program: Program, folder: Path, legs: list[dict[str, Any]]
) -> None:
    said = program("get", legs[0]["leg_id"], *WHY, "-o", "out", "--json")
    assert said.code == 0
    (file,) = said.document["files"]
    ((line,),) = accesses(folder)
    assert line["object"] == {"type": "leg", "id": legs[0]["leg_id"]}
    assert (line["sha256"], line["actor"]) == (file["sha256"], "get")
    assert (line["personal"]["reason"], line["personal"]["name"]) == ("a dispute", "Kim Doe")
    shown = program("show", legs[0]["leg_id"])
    assert "dissemination by get" in shown.out
    assert f"sha256 {file['sha256']}, reason a dispute, name Kim Doe" in shown.out
    assert "dissemination" not in program("show", "--json", legs[0]["leg_id"]).document["legs"][0].values()


def test_several_legs_are_one_segment_of_the_day_on_which_they_were_given_out(
    program: Program, folder: Path, legs: list[dict[str, Any]]
) -> None:
    assert len(legs) > 1
    assert program("get", legs[0]["call_record_id"], "--all-legs", *WHY, "-o", "out").code in {0, 3}
    (lines,) = accesses(folder)
    assert {line["object"]["id"] for line in lines} == {leg["leg_id"] for leg in legs}
    assert {line["day"] for line in lines} == {"2026-03-11"} != {leg["day"] for leg in legs}


def test_nobody_gets_it_without_a_reason(program: Program, folder: Path, legs: list[dict[str, Any]]) -> None:
    for given, told in (
        (("--by", "Kim"), "Missing option '--reason'"),
        (("--reason", " "), "giving audio out needs a reason"),
        (("--reason", "why", "--by", " "), "giving audio out needs a name"),
    ):
        said = program("get", legs[0]["leg_id"], *given, "-o", "out")
        assert (said.code, told in " ".join(said.err.replace("│", " ").split())) == (2, True)
    assert accesses(folder) == []
    assert not (folder / "out").exists()


def test_without_a_name_it_is_the_login_name(
    program: Program, folder: Path, legs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody else")  # whoever sets it
    assert program("get", legs[0]["leg_id"], "--reason", "a dispute", "-o", "out").code == 0
    ((line,),) = accesses(folder)
    assert line["personal"]["name"] == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_a_name_has_to_say_who_it_is(
    program: Program, folder: Path, legs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(number: int) -> Any:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    said = program("get", legs[0]["leg_id"], "--reason", "a dispute", "-o", "out")
    assert said.code == 2
    assert "say who gets the audio with --by" in " ".join(said.err.replace("│", " ").split())
    assert accesses(folder) == []
    assert not (folder / "out").exists()
    assert program("get", legs[0]["leg_id"], *WHY, "-o", "out").code == 0


def test_where_the_journal_cannot_be_written_nothing_is_given_out(
    program: Program, folder: Path, legs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "now_utc", lambda: datetime(2026, 3, 20, tzinfo=UTC))
    today = folder / "data/store/archive/journal/site=here/day=2026-03-20"
    today.write_text("a file where a folder belongs")
    said = program("get", legs[0]["leg_id"], *WHY, "-o", "out")
    assert said.code == 1
    assert "journal/site=here/day=2026-03-20" in said.err
    assert not (folder / "out").exists()
    today.unlink()
    assert program("get", legs[0]["leg_id"], *WHY, "-o", "out").code == 0


def test_where_the_catalogue_cannot_be_written_nothing_is_given_out(
    program: Program, folder: Path, legs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(*_: object) -> bool:
        raise CatalogueUnavailable("applying", "it is full", "Make room.")

    with monkeypatch.context() as patch:
        patch.setattr("noojee_ingest.pipeline.record.apply", apply)
        assert program("get", legs[0]["leg_id"], *WHY, "-o", "out").code == 1
    assert not (folder / "out").exists()
    assert len(accesses(folder)) == 1  # it may tell of somebody who did not come to take it


def test_a_damaged_copy_was_asked_for_all_the_same(program: Program, folder: Path, legs: list[dict[str, Any]]) -> None:
    (audio,) = folder.glob(f"data/store/archive/audio/*/*/{legs[0]['leg_id']}-*.wav")
    audio.unlink()
    assert program("get", legs[0]["leg_id"], *WHY, "-o", "out").code == 4
    assert len(accesses(folder)) == 1


def test_what_is_not_archived_is_asked_for_by_nobody(program: Program, folder: Path) -> None:
    leg = program("search", "--state", "rejected", "--json").document["legs"][0]
    assert program("get", leg["leg_id"], *WHY, "-o", "out").code == 1
    assert accesses(folder) == []


def test_an_access_changes_nothing_else_and_survives_a_rebuild(
    program: Program, folder: Path, legs: list[dict[str, Any]]
) -> None:
    status, found = program("status", "--json").document, program("search", "--json").document
    assert program("get", legs[0]["leg_id"], *WHY, "-o", "out").code == 0
    assert program("status", "--json").document["sites"][0]["days"] == status["sites"][0]["days"]
    assert program("search", "--json").document == found
    shown = program("show", legs[0]["leg_id"], "--json").document
    assert [event["kind"] for event in shown["history"]].count("dissemination") == 1
    assert program("catalogue", "rebuild").code == 0
    assert program("show", legs[0]["leg_id"], "--json").document == shown
