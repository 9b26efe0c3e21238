"""The verbs by which people decide: what is meant, what is asked, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.storage.errors import StoreReadOnly
from noojee_ingest.storage.folder import FolderRoot

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]
WHY = ("--reason", "card number", "--by", "Kim Doe")
VERBS = ("retry", "excuse", "quarantine", "release")


def segments(folder: Path) -> set[Path]:
    return set(folder.glob("data/store/archive/journal/**/*.gz"))


def legs(program: Program, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program("search", "--state", state, "--json").document["legs"]
    return found


def words(said: Said) -> str:
    """Standard error without the frame and line breaks of usage errors."""
    return " ".join(said.err.replace("│", " ").split())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody sits there and answers."""

    def answers(text: str) -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr("noojee_ingest.cli.deciding.typer.confirm", confirm(text))

    def confirm(text: str) -> Callable[..., None]:
        def asked(question: str, *, abort: bool) -> None:
            assert "rejected" not in question
            assert abort
            if text != "y":
                sys.exit(1)

        return asked

    return answers


def test_more_than_one_leg_has_to_be_confirmed(program: Program, folder: Path) -> None:
    number, before = len(legs(program, "rejected")), segments(folder)
    assert number > 1
    said = program("retry", "--state", "rejected", *WHY)
    assert said.code == 2
    assert f"{number} legs are meant: look with --dry-run, then say --yes" in words(said)
    assert segments(folder) == before
    said = program("retry", "--state", "rejected", *WHY, "--yes")
    assert said.code == 0
    assert f"retry: {number} of {number} done" in said.out
    assert legs(program, "rejected") == []
    assert len(legs(program, "discovered")) >= number


@pytest.mark.parametrize(("answer", "left"), [("y", False), ("n", True)])
def test_at_a_terminal_it_asks(
    program: Program, folder: Path, terminal: Callable[[str], None], answer: str, left: bool
) -> None:
    terminal(answer)
    said = program("retry", "--state", "rejected", *WHY)
    assert said.code == int(left)
    assert bool(legs(program, "rejected")) is left


def test_a_dry_run_shows_the_legs_and_changes_nothing(program: Program, folder: Path) -> None:
    before, meant = segments(folder), legs(program, "rejected")
    said = program("retry", "--state", "rejected", "--dry-run")
    assert said.code == 0
    assert f"{len(meant)} legs are meant" in said.out
    assert all(leg["leg_id"] in said.out for leg in meant)
    document = program("retry", "--state", "rejected", "--dry-run", "--json").document
    assert {leg["leg_id"] for leg in document["legs"]} == {leg["leg_id"] for leg in meant}
    assert {(leg["was"], leg["state"], leg["result"]) for leg in document["legs"]} == {("rejected", None, None)}
    assert (document["dry_run"], document["exit_code"]) == (True, 0)
    assert segments(folder) == before


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("given", [(), ("--reason", "why"), ("--by", "who"), ("--reason", " ", "--by", "who")])
def test_nobody_decides_without_reason_and_name(
    program: Program, folder: Path, verb: str, given: tuple[str, ...]
) -> None:
    before, state = segments(folder), {"quarantine": "archived"}.get(verb, "rejected")
    leg = legs(program, state)[0]["leg_id"]
    said = program(verb, "--id", leg, *given)
    assert said.code == 2
    assert "a decision needs --reason and --by" in words(said)
    assert segments(folder) == before


@pytest.mark.parametrize("verb", VERBS)
def test_which_legs_has_to_be_said(program: Program, folder: Path, verb: str) -> None:
    for given in ((), ("--site", "here")):
        said = program(verb, *given, *WHY, "--yes")
        assert said.code == 2
        assert "say which legs: by --id, --state, --day or another filter" in words(said)


def test_a_state_that_a_verb_does_not_change_is_refused(program: Program, folder: Path) -> None:
    said = program("excuse", "--state", "archived", *WHY, "--yes")
    assert said.code == 2
    assert "excuse is for legs that are missing, rejected, failed; not archived" in words(said)


def test_ids_without_a_leg_that_can_be_changed_are_an_error(program: Program, folder: Path) -> None:
    leg = legs(program, "archived")[0]["leg_id"]
    said = program("release", "--id", leg, *WHY)
    assert said.code == 1
    assert "its legs are 1 archived" in said.err
    assert program("retry", "--id", "nobody", *WHY).code == 1


def test_filters_that_find_nothing_are_none(program: Program, folder: Path) -> None:
    said = program("retry", "--state", "failed", *WHY)
    assert said.code == 0
    assert "0 legs are meant" in said.out


def test_quarantined_audio_is_refused_and_shown_with_who_and_why(program: Program, folder: Path) -> None:
    leg = legs(program, "archived")[0]
    said = program("quarantine", "--id", leg["leg_id"], *WHY)
    assert said.code == 0
    assert f"{leg['leg_id']}: archived -> quarantined" in said.out
    refused = program("get", leg["leg_id"], *WHY, "--output", "out")
    assert refused.code == 1
    assert "its state is quarantined" in refused.err
    assert not (folder / "out").exists()
    shown = program("show", leg["leg_id"]).out
    assert "appraisal by quarantine" in shown
    assert "reason card number, name Kim Doe" in shown
    assert "withdrawn object" in shown
    assert program("release", "--id", leg["leg_id"], "--reason", "a mistake", "--by", "Jo").code == 0
    assert program("get", leg["leg_id"], *WHY, "--output", "out").code == 0
    assert "reason a mistake, name Jo" in program("show", leg["leg_id"]).out


def test_a_day_whose_gaps_are_excused_is_red_no_more(program: Program, folder: Path) -> None:
    def gaps() -> list[int]:
        return [day["gaps"] for day in program("status", "--json").document["sites"][0]["days"]]

    before = gaps()
    number = len(legs(program, "rejected")) + len(legs(program, "missing")) + len(legs(program, "failed"))
    assert sum(before) >= number > 1
    assert program("excuse", "--min-duration", "0", *WHY, "--yes").code == 0
    assert sum(gaps()) == sum(before) - number


def test_other_legs_of_the_call_are_named_and_left(program: Program, folder: Path) -> None:
    archived = {leg["call_record_id"] for leg in legs(program, "archived")}
    leg = next(leg for leg in legs(program, "rejected") if leg["call_record_id"] in archived)
    said = program("excuse", "--id", leg["call_record_id"], *WHY, "--yes")
    assert said.code == 0
    assert "Left as they are, for excuse is not for them:" in said.err
    assert "archived" in said.err
    assert {one["leg_id"] for one in legs(program, "archived")} >= {leg["leg_id"] for leg in legs(program, "archived")}


def test_damage_is_exit_code_4(program: Program, folder: Path) -> None:
    leg = legs(program, "archived")[0]
    (audio,) = folder.glob(f"data/store/archive/audio/*/*/{leg['leg_id']}-*.wav")
    audio.chmod(0o640)
    audio.write_bytes(b"\0" * audio.stat().st_size)
    said = program("quarantine", "--id", leg["leg_id"], *WHY, "--json")
    assert said.code == said.document["exit_code"] == 4
    (one,) = said.document["legs"]
    assert (one["result"], one["state"]) == ("damaged", "quarantined")
    assert "not those that were archived" in one["problem"]
    assert audio.exists()


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_decided_is_told_though_the_store_fails(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    real, calls = FolderRoot.withdraw, []

    def withdraw(self: FolderRoot, key: str, **given: Any) -> None:
        calls.append(key)
        if len(calls) > 1:
            raise StoreReadOnly("withdrawing", key, "no right to delete")
        real(self, key, **given)

    monkeypatch.setattr(FolderRoot, "withdraw", withdraw)
    number = len(legs(program, "archived"))
    said = program("quarantine", "--state", "archived", *WHY, "--yes", *(["--json"] if as_json else []))
    assert said.code == 1
    assert "no right to delete" in said.err
    if not as_json:
        assert f"quarantine: 1 of {number} done, {number - 1} decided and not finished" in said.out
        return
    told = said.document["legs"]
    assert said.document["exit_code"] == 1
    assert [one["result"] for one in told].count("done") == 1
    rest = [one for one in told if one["result"] == "decided"]
    assert len(rest) == number - 1
    assert {one["state"] for one in told} == {"quarantined"}
    assert all(one["event_id"] and "no right to delete" in one["problem"] for one in rest)
