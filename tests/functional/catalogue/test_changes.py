"""Legs that changed once they were archived: which are due to be fetched again, and that the question reads no more."""

from __future__ import annotations

from typing import Any

import pytest

from noojee_ingest.catalogue.changes import legs_that_changed, lengths_told
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal.events import Event, Outcome, Verdict
from noojee_ingest.model import Finding, FindingKind, View
from tests.functional.catalogue.conftest import Holding
from tests.functional.catalogue.plans import read_whole, statements
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    SITE,
    at,
    everything,
    leg,
    leg_appraised,
    leg_changed,
    leg_seen,
    not_stored,
    noted,
    stored,
)

TOLD = (Finding(FindingKind.CHANGED_LATER, "its length"),)


def changed(minutes: float, said: str = "B", **other: Any) -> Event:
    return leg_changed(50, said, time=at(minutes), findings=TOLD, **other)


def due(catalogue: Catalogue, minutes: float = 1000) -> list[tuple[str, int]]:
    found = legs_that_changed(catalogue, SITE, at(minutes))
    assert all(one.again for one in found)
    return [(one.leg_id, one.tries) for one in found]


ARCHIVED = (leg_seen(50, time=at(1)), stored(50, time=at(2)))
CASES: dict[str, tuple[tuple[Event, ...], list[tuple[str, int]]]] = {
    "archived": (ARCHIVED, []),
    "changed": ((*ARCHIVED, changed(10)), [(leg(50), 0)]),
    "changed, never archived": ((ARCHIVED[0], changed(10)), []),
    "changed otherwise": ((*ARCHIVED, leg_changed(50, "B", time=at(10))), []),
    "the same bytes came again": ((*ARCHIVED, changed(10), stored(50, time=at(11))), []),
    "other bytes came": ((*ARCHIVED, changed(10), stored(50, "two", time=at(11))), []),
    "changed once more": ((*ARCHIVED, changed(10), stored(50, time=at(11)), changed(12, "C")), [(leg(50), 0)]),
    "given up": ((*ARCHIVED, changed(10), not_stored(50, Outcome.GAVE_UP, time=at(11))), []),
    "gone at the source": ((*ARCHIVED, changed(10), not_stored(50, Outcome.GONE, time=at(11))), []),
    "not yet, and due": ((*ARCHIVED, changed(10), not_stored(50, time=at(11), due=at(900))), [(leg(50), 1)]),
    "not yet, and not due": ((*ARCHIVED, changed(10), not_stored(50, time=at(11), due=at(1100))), []),
    "its object is gone": ((*ARCHIVED, changed(10), noted(ARCHIVED[1].key, FindingKind.GONE_OBJECT, time=at(9))), []),
    "quarantined": ((*ARCHIVED, changed(10), leg_appraised(50, Verdict.QUARANTINE, time=at(11))), [(leg(50), 0)]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_leg_is_due_again_until_a_run_concluded_something(holding: Holding, name: str) -> None:
    events, expected = CASES[name]
    assert due(holding(*events)) == expected
    assert due(holding(*reversed(events))) == expected


def test_of_other_days_and_sites_nothing_is_told(holding: Holding) -> None:
    catalogue = holding(*ARCHIVED, changed(10))
    assert legs_that_changed(catalogue, "another", at(1000)) == []
    assert legs_that_changed(catalogue, SITE, at(1000), NEXT_DAY) == []
    assert legs_that_changed(catalogue, SITE, at(1000), DAY) != []


def test_a_length_is_that_which_the_view_told_last(holding: Holding) -> None:
    catalogue = holding(
        leg_seen(50, time=at(1), duration=3.0, end=at(0)),
        leg_changed(50, "B", time=at(3), duration=5.0, end=at(0)),
        leg_changed(50, "C", time=at(4), duration=9.0, end=at(0), view=View.BY_UNIQUE_ID),
    )
    assert lengths_told(catalogue, View.BY_HOUR, [leg(50), leg(51)]) == {leg(50): (5.0, at(0))}
    assert lengths_told(catalogue, View.BY_UNIQUE_ID, [leg(50)]) == {leg(50): (9.0, at(0))}


def test_neither_question_reads_a_table_from_end_to_end(holding: Holding) -> None:
    catalogue = holding(*everything(), *ARCHIVED, changed(10))
    with statements(catalogue) as sent:
        assert due(catalogue)
        lengths_told(catalogue, View.BY_HOUR, [leg(50)])
    assert len(sent) >= 6
    assert read_whole(catalogue, sent) == []
