"""The help: two panels, and every verb says in its first line which of the two it talks to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.test_docs import VERBS, tables

if TYPE_CHECKING:
    from .conftest import Said

CLI = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
PANELS = {
    "Archive": [
        "nightly",
        "poll",
        "status",
        "show",
        "get",
        "search",
        "sql",
        "reconcile",
        "verify",
        "repair",
        "retry",
        "excuse",
        "quarantine",
        "release",
        "catalogue",
        "lake",
    ],
    "Phone system": ["doctor", "simulate", "call", "recording", "campaign", "callrecord", "site"],
}
TALKS = (*PANELS, "Archive and phone system", "Phone system, and with --store the archive")


def test_the_help_shows_the_verbs_in_two_panels(program: Callable[..., Said]) -> None:
    panel, found = "", {}
    for line in program("--help").out.splitlines():
        if heading := re.match(r"╭─ (.+?) ─", line):
            panel = heading[1]
        elif verb := re.match(r"│ ([a-z]+) ", line):
            found.setdefault(panel, []).append(verb[1])
    assert found == PANELS


def first_line(command: Any) -> str:
    return str(command.help).splitlines()[0]


@pytest.mark.parametrize("verb", VERBS)
def test_the_first_line_says_which_of_the_two_it_talks_to_as_the_page_does(verb: str) -> None:
    talks, colon, _ = first_line(VERBS[verb]).partition(": ")
    assert (talks in TALKS, colon) == (True, ": ")
    (told,) = [row[2] for row in tables(CLI)[0][1:] if row[0].startswith(f"[`{verb}`]")]
    assert told.lower().replace("`", "") == talks.lower()


CHANGES = [
    "call dial", "call hangup", "call answer", "recording start", "recording stop", "recording tag",
    "callrecord save", "callrecord update",
]  # fmt: skip


@pytest.mark.parametrize("verb", CHANGES)
def test_what_changes_something_says_that_it_is_sent_once(verb: str) -> None:
    assert "is sent once" in " ".join(str(VERBS[verb].help).split())
