"""By which index legs are searched: no filter reads a table or an index from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Search
from noojee_ingest.catalogue.terms import ANY, term_id
from noojee_ingest.journal.events import Event, Verdict
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import Finding, FindingKind, State
from tests.functional.catalogue.plans import asked, plans, read_whole, values
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    SITE,
    at,
    call_seen,
    leg,
    leg_appraised,
    leg_seen,
    stored,
)

MANY = 1_200


@pytest.fixture(scope="module")
def crowd(emptied: Callable[[], AbstractContextManager[Catalogue]]) -> Iterator[Catalogue]:
    """So many legs that an index is worth its while; of each filter's values one is rare. Leave it as it is."""
    with emptied() as catalogue:
        events: list[Event] = []
        for number in range(MANY):
            rare = number == 700
            fields: dict[str, Any] = {"username": "rare" if rare else f"user{number % 7}", "start": at(number)}
            fields |= {"direction": "Rare" if rare else "Inbound", "duration": 9999.0 if rare else 60.0}
            fields |= {"source": "0355551234"} if rare else {"source": f"04{number:08}"}
            findings = (Finding(FindingKind.UNREADABLE_FIELD, "x"),) if rare else ()
            day = NEXT_DAY if rare else DAY
            events.append(
                leg_seen(number, "rare" if rare else f"tag{number % 9}", day=day, findings=findings, **fields)
            )
            if number % 2 == 0:
                events.append(stored(number, f"audio {number}"))
                name = "rare" if rare else f"common{number % 3}"
                named = {"campaign": name, "template_id": name, "allocation": name, "fields": {"Notes": name * 2}}
                events.append(call_seen(number // 2, name, **named))
        events.append(leg_appraised(700, Verdict.QUARANTINE))
        apply(catalogue, Segment("journal/crowd", tuple(events)))
        with catalogue.write("counting") as connection:
            connection.exec_driver_sql("ANALYZE")
        yield catalogue


RARE: dict[str, Any] = {
    "days": [NEXT_DAY],
    "states": [State.QUARANTINED],
    "numbers": ["(03) 5555 1234"],
    "directions": ["rare"],
    "users": ["rare"],
    "tags": ["rare"],
    "campaigns": ["rare"],
    "templates": ["rare"],
    "allocations": ["rare"],
    "dispositions": ["rare"],
    "findings": [FindingKind.UNREADABLE_FIELD],
    "shortest": 5000.0,
    "texts": ["rarerare"],
    "ids": [leg(700)],
    "since": at(700),
}
COMMON: dict[str, Any] = {"users": ["user1"], "states": [State.ARCHIVED], "directions": ["inbound"], "until": at(900)}
ALONE = [{name: value} for name, value in RARE.items()] + [{}, {"until": at(5)}, {"longest": 4.0}]
COMBINED = [{name: value, **COMMON} for name, value in RARE.items() if name not in COMMON]
TOGETHER = [
    {"tags": ["tag1", "tag2"], "users": ["user1", "user2"]},
    {"texts": ["common1", "tag1"], "campaigns": ["common1"]},
    {"since": at(10), "until": at(90), "shortest": 30, "longest": 90},
    dict(RARE),
]


@pytest.mark.parametrize("searches", [ALONE, COMBINED, TOGETHER], ids=["alone", "combined", "together"])
def test_no_search_reads_a_table_or_an_index_from_end_to_end(crowd: Catalogue, searches: list[dict[str, Any]]) -> None:
    sent = []
    for wanted in searches:
        for after in (None, (at(600), leg(600)), (None, leg(1))):
            sent += asked(crowd, wanted, after=after)
    assert len(sent) > 9 * len(searches)
    assert read_whole(crowd, sent) == []


@pytest.mark.parametrize("wanted", [*ALONE, *COMBINED, *TOGETHER], ids=str)
def test_the_legs_of_a_site_are_gone_through_only_where_a_time_alone_is_asked_for(
    crowd: Catalogue, wanted: dict[str, Any]
) -> None:
    of_all = term_id(SITE, ANY)
    walked = [statement for statement, parameters in asked(crowd, wanted) if of_all in values(parameters)]
    pages_walked = [statement for statement in walked if "ORDER BY" in statement]
    assert bool(pages_walked) == (set(wanted) <= {"since", "until"})


@pytest.mark.parametrize("name", [name for name in RARE if name not in ("ids", "texts", "shortest", *COMMON, "since")])
def test_the_rarest_filter_leads(crowd: Catalogue, name: str) -> None:
    sent = asked(crowd, {name: RARE[name], **COMMON} if name != "users" else RARE)
    ((_, parameters),) = [one for one in sent if "ORDER BY leg_term.at" in one[0]][:1]
    led_by = {term_id(SITE, term) for terms in Search(**{name: RARE[name]}).terms() for term in terms}
    assert values(parameters)[0] in led_by


def test_a_text_leads_by_its_own_index(crowd: Catalogue) -> None:
    sent = asked(crowd, {"texts": ["rarerare"], **COMMON})
    found = [step for statement, step in plans(crowd, sent) if "ORDER BY leg_search.at" in statement]
    on_sqlite = any("leg_text VIRTUAL TABLE INDEX" in step for step in found)
    assert on_sqlite or any("Bitmap Index Scan on leg_search_text" in step for step in found)


def test_a_page_is_read_in_the_order_of_its_index_and_not_sorted(crowd: Catalogue) -> None:
    sent = []
    for wanted in ({}, {"since": at(10)}, {"tags": ["tag1"]}, {"tags": ["tag1"], "users": ["user1"]}):
        sent += asked(crowd, wanted, after=(at(600), leg(600)))
    by_page: dict[str, list[str]] = {}
    for statement, step in plans(crowd, sent):
        if "ORDER BY leg_term.at" in statement:
            by_page.setdefault(statement, []).append(step)
    assert len(by_page) == 3  # one term alone is one question, whichever it is
    for found in by_page.values():
        assert not any("TEMP B-TREE" in step or step.startswith("Sort") for step in found)
        assert any("(at,leg_id)>(?,?)" in step or "ROW(at, leg_id) > ROW" in step for step in found), found
