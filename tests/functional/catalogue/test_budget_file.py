"""The site budget's file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from noojee_ingest.catalogue.budget import BudgetFile
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable

SITE, HOUR = "acme", "by-hour"


@pytest.fixture
def budget(tmp_path: Path) -> BudgetFile:
    return BudgetFile(tmp_path / "deep" / "budget.sqlite")


def test_a_lost_file_costs_no_more_than_one_early_request(budget: BudgetFile) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    budget.path.unlink()
    again = BudgetFile(budget.path)
    assert again.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert again.take_turn(SITE, HOUR, 1_000.0) > 60.0


def test_a_file_that_is_no_database_is_told_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at")
    with pytest.raises(CatalogueUnavailable, match=r"opening in the site budget .*budget\.sqlite.*may be deleted"):
        BudgetFile(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(CatalogueUnavailable, match="site budget"):
        BudgetFile(tmp_path / "data" / "budget.sqlite")


def test_a_file_that_another_program_holds_is_told_as_locked(
    monkeypatch: pytest.MonkeyPatch, budget: BudgetFile
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **kept: connect(path, **kept | {"timeout": 0.1}))
    with closing(connect(budget.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogueLocked, match="taking a turn in the site budget"):
            budget.take_turn(SITE, HOUR, 1.0)
    assert budget.take_turn(SITE, HOUR, 1.0) == 0.0
