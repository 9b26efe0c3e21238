"""A small archive of format version 1: every later version of the program must fold the same facts from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import KINDS, Accessed, DayStated, FixityChecked
from noojee_ingest.model import FindingKind, State
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.catalogue import dump

FOLDER = Path(dump.__file__).parent / "archive_v1"
TABLES: dict[str, list[list[Any]]] = json.loads((FOLDER / "facts.json").read_text())
FACTS = {name: [dict(zip(lines[0], line, strict=True)) for line in lines[1:]] for name, lines in TABLES.items()}
LATER = {Accessed, DayStated, FixityChecked}
"""Kinds that there were not when it was made."""


@pytest.fixture
def folded(address: dict[str, str], opened: Callable[..., Catalogue]) -> dict[str, list[dict[str, Any]]]:
    """What this version's catalogue holds of it, by table."""
    rebuild(open_folder_store(FOLDER, reading=True).archive, **address)
    found: dict[str, list[dict[str, Any]]] = json.loads(dump.dump(opened()))
    return found


def test_it_folds_to_the_facts_that_it_folded_to_when_it_was_made(folded: dict[str, list[dict[str, Any]]]) -> None:
    """Later versions may have more tables and columns; none of these may be missing or differ."""
    for name, rows in FACTS.items():
        kept = [{column: row[column] for column in rows[0]} for row in folded[name]]
        assert kept == rows, name


def test_it_holds_every_kind_of_event_state_and_finding_and_members_that_cannot_be_opened() -> None:
    root = open_folder_store(FOLDER, reading=True).archive
    events = [event for key in segment.keys(root) for event in segment.read(root, key).events]
    assert {type(event) for event in events} == set(KINDS) - LATER
    assert {row["state"] for row in FACTS["leg"]} == {"archived", "discovered", "excused", "failed", "missing"} | {
        "pending", "quarantined", "rejected",
    }  # fmt: skip
    assert {row["state"] for row in FACTS["leg"]} <= set(State)
    assert {row["kind"] for row in FACTS["finding"]} >= {"conflict", "double", "decision conflict", "orphan object"}
    assert {row["kind"] for row in FACTS["finding"]} <= set(FindingKind)
    assert any(row["raw"] is None for row in FACTS["leg_seen"])
    assert any("\\u0000" in (row["tag"] or "") for row in FACTS["leg"])


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 100_000
