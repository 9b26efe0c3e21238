"""The index of texts on SQLite, which is a table of its own that nothing but our code keeps in step."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.journal.segment import Segment
from tests.unit.journal.story import everything, leg, leg_seen


def compare_with_texts(catalogue: Catalogue) -> None:
    """SQLite itself compares the index with the texts of ``leg_search``."""
    with catalogue.write("comparing the index of texts") as connection:
        connection.exec_driver_sql("INSERT INTO leg_text (leg_text, rank) VALUES ('integrity-check', 1)")


def test_the_index_of_texts_holds_exactly_what_the_legs_are_found_by(catalogue: Catalogue) -> None:
    told = random.Random(5).sample(everything(), len(everything()))
    for number in range(0, len(told), 9):
        apply(catalogue, Segment(f"journal/{number}", tuple(told[number : number + 9])))
        compare_with_texts(catalogue)


def test_the_comparison_would_notice(catalogue: Catalogue) -> None:
    apply(catalogue, Segment("journal/one", (leg_seen(2, "before"),)))
    with catalogue.write("changing a text behind the index's back") as connection:
        connection.exec_driver_sql("UPDATE leg_search SET text = 'after'")
    with pytest.raises(CatalogueUnavailable):
        compare_with_texts(catalogue)


def test_vacuum_does_no_harm(opened: Callable[..., Catalogue]) -> None:
    catalogue = opened()
    apply(catalogue, Segment("journal/one", tuple(leg_seen(number, f"order {number:03}") for number in range(50))))
    with catalogue.write("taking legs away") as connection:
        connection.exec_driver_sql("DELETE FROM leg_text WHERE rowid IN (SELECT number FROM leg_search LIMIT 20)")
        connection.exec_driver_sql("DELETE FROM leg_search WHERE number NOT IN (SELECT rowid FROM leg_text_docsize)")
    with catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.connection.driver_connection.execute("VACUUM")
    compare_with_texts(catalogue)
    kept = [number for number in range(50) if search(catalogue, Search(texts=[f"order {number:03}"]), most=2)]
    assert len(kept) == 30
    for number in kept:
        found = search(catalogue, Search(texts=[f"order {number:03}"]), most=2)
        assert [row["leg_id"] for row in found] == [leg(number)]
