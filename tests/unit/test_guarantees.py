"""docs/guarantees.md against the tests: each that it names exists, and no fault is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from noojee_ingest.simulator import Answer, Drip, Edit
from tests.crash.kill_points import POINTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text()

MANNERS = {
    "Answer.status": {"500", "503", "429", "purged at the source", "audio never there"},
    "Answer.headers": {"429", "wrong content type"},
    "Answer.text": {"200 with JSON, HTML or nothing"},
    "Answer.base64": {"200 with JSON, HTML or nothing"},
    "Answer.audio_bytes": {"other bytes each time", "too large"},
    "Answer.content_length": {"short body", "wrong length"},
    "Answer.cut_after": {"connection cut in mid-body"},
    "Answer.delay": {"delay"},
    "Answer.drip": {"slow drip"},
    "Answer.hang": {"hang"},
    "Answer.other_audio": {"other bytes each time"},
    "Answer.retry_after": {"429", "503"},
    "Answer.revoke_key": {"key revoked in mid-run"},
    "Answer.before_change": set(),  # of what changes something on the phone system: docs/api.md
    "Drip.size": {"slow drip"},
    "Drip.every": {"slow drip"},
    "Edit.where": set(),  # which entries
    "Edit.set": {"field null", "field mistyped", "impossible date"},
    "Edit.unset": {"field missing"},
    "Edit.replace": {"entry that is no entry"},
    "Edit.append": {"entry that is no entry"},
    "Edit.drop": {"entry dropped"},
    "Edit.double": {"entry doubled"},
    "Edit.reverse": {"list reordered"},
}
"""The faults that each manner of the simulator's fault plan makes."""


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"there is no section {heading!r}"
    return found[1]


def listed() -> set[str]:
    """The faults of the list: a paragraph of each kind, after its name in bold letters."""
    paragraphs = re.findall(r"^\*\*[^*]+\*\*: (.*?)\.$", section("The faults"), re.DOTALL | re.MULTILINE)
    return {" ".join(fault.split()) for paragraph in paragraphs for fault in paragraph.split(";")}


def promises() -> set[str]:
    return {word.lower() for word in re.findall(r"^\d\. \*\*([^*.]+)\.\*\*", section("The promises"), re.MULTILINE)}


ROWS = [
    tuple(cell.strip() for cell in line.split("|")[1:-1])
    for line in section("The tests").splitlines()
    if line.startswith("| ") and not line.startswith("| Promise ")
]


@cache
def names_of_tests(path: Path) -> set[str]:
    """The names of the tests of a file, those among them that it takes over from another one."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests."):
            names = {alias.name for alias in node.names}
            there = names_of_tests(ROOT.joinpath(*node.module.split(".")).with_suffix(".py")) if "*" in names else names
            found |= {name for name in there if name.startswith("test_")}
    return found


def test_each_row_has_a_promise_a_fault_and_a_test() -> None:
    assert len(ROWS) > 50
    assert {len(row) for row in ROWS} == {3}
    assert {promise for promise, _, _ in ROWS} == promises()


@pytest.mark.parametrize("told", [row[2] for row in ROWS])
def test_a_test_that_is_named_exists(told: str) -> None:
    path, _, name = told.strip("`").partition("::")
    assert (ROOT / path).is_file(), path
    assert name in names_of_tests(ROOT / path), name


def test_no_fault_is_without_a_test_and_no_row_has_another_fault() -> None:
    assert len(listed()) > 50
    assert {fault for _, fault, _ in ROWS} == listed()


def test_every_manner_of_the_simulators_fault_plan_is_a_fault_of_the_list() -> None:
    manners = {f"{kind.__name__}.{name}" for kind in (Answer, Drip, Edit) for name in kind.model_fields}
    assert manners == MANNERS.keys()
    assert set().union(*MANNERS.values()) <= listed()


def test_the_steps_at_which_the_crash_test_kills_are_those_of_the_page() -> None:
    told = re.findall(r"^\| `([^`]+)` \|", section("Killed anywhere"), re.MULTILINE)
    assert told == [point.name for point in POINTS]
