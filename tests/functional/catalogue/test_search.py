"""Searching legs: what each filter finds, alone and combined, and in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest

from noojee_ingest.catalogue import search as module
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Search, pages, place_of, search
from noojee_ingest.catalogue.search_index import place_in_time
from noojee_ingest.catalogue.tables import LegRow, LegSearchRow, LegTermRow
from noojee_ingest.catalogue.terms import ANY, BadSearch, term_id
from noojee_ingest.catalogue.views import LEGS
from noojee_ingest.journal.events import Verdict
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import Finding, FindingKind, State
from tests.functional.catalogue.conftest import Holding
from tests.functional.catalogue.plans import asked, values
from tests.functional.catalogue.recount import rows
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    OTHER_SITE,
    SITE,
    at,
    call_changed,
    call_seen,
    destroyed,
    everything,
    leg,
    leg_appraised,
    leg_changed,
    leg_seen,
    stored,
)


def found_by(catalogue: Catalogue, most: int = 100, **wanted: Any) -> list[str]:
    return [row["leg_id"] for row in search(catalogue, Search(**wanted), most=most)]


def legs(*numbers: int) -> list[str]:
    return [leg(number) for number in numbers]


# -- what each filter finds


@pytest.fixture(scope="module")
def varied(emptied: Callable[[], AbstractContextManager[Catalogue]]) -> Iterator[Catalogue]:
    """Legs 2 and 3 are of call 1, legs 4 and 5 of call 2, ... Leave it as it is."""
    unsound = (Finding(FindingKind.UNSOUND, "cut short"),)
    with emptied() as catalogue:
        events = [
            leg_seen(2, "ORDER 448", username="Zoë", source="208", destination="+61 3 9555 0123", did=""),
            leg_seen(3, "order 448", username="jose", source="0395550123", destination="209", direction="Outbound"),
            leg_seen(4, "100%", username="o'neil", source="anonymous", destination="", duration=5.0),
            leg_seen(
                5, 'a_b "cde"', username="ZOË", source="", destination="0295550123", duration=3600.0, day=NEXT_DAY
            ),
            leg_seen(6, "", username="", duration=None, source="61395550123", destination="x", did="0"),
            leg_seen(7, "back\\slash", username="李小龙", duration=61.5, start=None),
            leg_seen(2, "ORDER 448", username="Zoë", site=OTHER_SITE),
            stored(2, "two"),
            stored(3, "three", findings=unsound),
            leg_appraised(5, Verdict.EXCUSE),
            call_seen(
                1, "Sale", campaign="Spring", template_id="7", allocation="North", dialled_number="0061 400111222"
            ),
            call_seen(
                2, "sale", campaign="Spring Sale", template_id="8", allocation="north", fields={"Name": "Müller"}
            ),
            call_seen(3, "No", campaign="AUTUMN", template_id="7", fields={"Notes": "calls\nback 50% sure"}),
        ]
        apply(catalogue, Segment("journal/varied", tuple(events)))
        yield catalogue


FOUND: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [2, 3, 4, 5, 6, 7]),
    ({"since": at(3), "until": at(5)}, [3, 4]),
    ({"since": at(6)}, [6]),
    ({"until": at(3)}, [2]),
    ({"days": [NEXT_DAY]}, [5]),
    ({"days": [DAY, NEXT_DAY]}, [2, 3, 4, 5, 6, 7]),
    ({"ids": ["9001"]}, [2, 3]),
    ({"ids": [leg(4), "1773100000.3"]}, [4, 6, 7]),
    ({"ids": ["900"]}, []),
    ({"states": [State.ARCHIVED]}, [2, 3]),
    ({"states": [State.ARCHIVED, State.EXCUSED]}, [2, 3, 5]),
    ({"states": [State.FAILED]}, []),
    ({"numbers": ["(03) 9555-0123"]}, [2, 3, 6]),
    ({"numbers": ["9555 0123"]}, [2, 3, 5, 6]),
    ({"numbers": ["+61 2 9555 0123"]}, [5]),
    ({"numbers": ["208", "209"]}, [2, 3]),
    ({"numbers": ["0400 111 222"]}, [2, 3]),  # dialled, as the call record has it
    ({"numbers": ["20"]}, []),
    ({"directions": ["outbound"]}, [3]),
    ({"users": ["zoë"]}, [2, 5]),
    ({"users": ["zo"]}, []),
    ({"users": ["李小龙", "JOSE"]}, [3, 7]),
    ({"tags": ["ORDER 448"]}, [2]),
    ({"tags": ["ORDER 448", "order 448"]}, [2, 3]),
    ({"tags": ["ORDER"]}, []),
    ({"campaigns": ["spring"]}, [2, 3]),
    ({"campaigns": ["Spring", "spring sale"]}, [2, 3, 4, 5]),
    ({"templates": ["7"]}, [2, 3, 6, 7]),
    ({"allocations": ["NORTH"]}, [2, 3, 4, 5, 6, 7]),
    ({"dispositions": ["SALE"]}, [2, 3, 4, 5]),
    ({"findings": [FindingKind.UNSOUND]}, [3]),
    ({"findings": [FindingKind.UNSOUND, FindingKind.DOUBLE]}, [3]),
    ({"shortest": 60.0, "longest": 61.0}, [2, 3]),
    ({"shortest": 60.5}, [5, 7]),
    ({"longest": 5.0}, [4]),
    ({"texts": ["order 4"]}, [2, 3]),
    ({"texts": ["DER 448"]}, [2, 3]),
    ({"texts": ["zoë"]}, [2, 5]),
    ({"texts": ["ZOE\N{COMBINING DIAERESIS}"]}, [2, 5]),
    ({"texts": ["zoe"]}, []),
    ({"texts": ["李小龙"]}, [7]),
    ({"texts": ["müll"]}, [4, 5]),
    ({"texts": ["spring"]}, [2, 3, 4, 5]),
    ({"texts": ["spring", "müller"]}, [4, 5]),
    ({"texts": ["100%"]}, [4]),
    ({"texts": ["100_"]}, []),
    ({"texts": ["50% sure"]}, [6, 7]),
    ({"texts": ["back 50"]}, [6, 7]),  # a line break is a blank
    ({"texts": ["back\\slash"]}, [7]),
    ({"texts": ["o'neil"]}, [4]),
    ({"texts": ['_b "CDE"']}, [5]),
    ({"texts": ['xb "CDE"']}, []),
    ({"texts": ["springnorth"]}, []),  # no text reaches from one value into the next
    ({"texts": ["spring OR autumn"]}, []),
    ({"tags": ["ORDER 448", "100%"], "numbers": ["208"]}, [2]),
    ({"users": ["zoë"], "texts": ["spring"], "days": [DAY]}, [2]),
    ({"campaigns": ["spring"], "directions": ["inbound"], "since": at(2), "shortest": 60}, [2]),
    ({"ids": ["9001", "9002"], "texts": ["order"], "states": [State.ARCHIVED], "dispositions": ["sale"]}, [2, 3]),
    ({"ids": ["9001"], "longest": 59}, []),
    ({"templates": ["7"], "allocations": ["north"], "dispositions": ["no"], "findings": [FindingKind.DOUBLE]}, []),
]


@pytest.mark.parametrize(("wanted", "numbers"), FOUND, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_filter_finds_these_legs(varied: Catalogue, wanted: dict[str, Any], numbers: list[int]) -> None:
    assert found_by(varied, sites=[SITE], **wanted) == legs(*numbers)


@pytest.mark.parametrize("reach", [0, 2, 100])
@pytest.mark.parametrize(("wanted", "numbers"), [one for one in FOUND if "texts" in one[0]], ids=str)
def test_a_text_that_is_in_many_legs_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, varied: Catalogue, wanted: dict[str, Any], numbers: list[int], reach: int
) -> None:
    monkeypatch.setattr(module, "ENOUGH", 1)
    monkeypatch.setattr(module, "REACH", reach)
    for most in (1, 2, 100):
        assert found_by(varied, most, sites=[SITE], **wanted) == legs(*numbers)[:most]


def test_every_filter_is_tried_alone() -> None:
    alone = {next(iter(wanted)) for wanted, _ in FOUND if len(wanted) == 1}
    assert alone | {"sites"} == set(Search.__dataclass_fields__)


def test_sites_are_searched_together_or_alone(varied: Catalogue) -> None:
    assert found_by(varied, sites=[OTHER_SITE]) == [leg(2, OTHER_SITE)]
    both = sorted([leg(2), leg(2, OTHER_SITE)])
    assert found_by(varied, tags=["ORDER 448"]) == both
    assert found_by(varied, texts=["ORDER 448"], users=["zoë"]) == both
    assert found_by(varied, sites=[SITE, OTHER_SITE], ids=["9001"], users=["zoë"]) == both
    assert found_by(varied, sites=["nowhere"]) == found_by(varied, sites=["nowhere"], texts=["order"]) == []


@pytest.mark.parametrize(
    ("wanted", "why"),
    [({"texts": ["ab"]}, "too short"), ({"numbers": ["none"]}, "no digits"), ({"shortest": 2, "longest": 1}, "first")],
)
def test_what_cannot_be_searched_for_is_refused(varied: Catalogue, wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(BadSearch, match=why):
        found_by(varied, **wanted)


def test_rows_are_those_of_the_view(varied: Catalogue) -> None:
    with varied.read("looking") as connection:
        whole = [dict(row) for row in connection.execute(LEGS.where(LEGS.selected_columns.leg_id == leg(3))).mappings()]
    assert search(varied, Search(ids=[leg(3)]), most=2) == whole
    assert whole[0]["findings"] == ("unsound",)


# -- in which order


def test_legs_come_in_order_of_start_and_those_without_one_last(holding: Holding) -> None:
    catalogue = holding(*(leg_seen(number) for number in (5, 3, 9, 1)), leg_seen(4, start=None))
    assert found_by(catalogue) == legs(1, 3, 5, 9, 4)
    assert found_by(catalogue, most=2) == legs(1, 3)
    assert found_by(catalogue, since=at(1)) == legs(1, 3, 5, 9)
    assert [row["leg_id"] for row in search(catalogue, Search(), most=9, after=(at(9), leg(9)))] == [leg(4)]
    assert search(catalogue, Search(), most=9, after=(None, leg(4))) == []


WISHES: list[dict[str, Any]] = [
    {},
    {"sites": [SITE]},
    {"states": [State.DISCOVERED]},
    {"ids": ["u", "v"]},
    {"tags": ["A", "B"]},
    {"texts": ["jane"]},
    {"numbers": ["0399990000", "0412345678"]},
    {"since": at(1)},
]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_together_are_all_legs_once_in_one_order_even_with_equal_starts(holding: Holding, size: int) -> None:
    starts = [0, 1, 1, 1, 1, 2, 2, 3, 3, 3]
    events = [
        leg_seen(number, start=at(start), unique_id="uv"[number % 2], site=(SITE, OTHER_SITE)[number % 3 == 0])
        for number, start in enumerate(starts)
    ]
    events += [leg_seen(number, "B", start=None, unique_id="u") for number in (50, 51, 52)]
    catalogue = holding(*random.Random(size).sample(events, len(events)))
    for wishes in WISHES:
        whole = search(catalogue, Search(**wishes), most=100)
        paged: list[Any] = []
        after: tuple[datetime | None, str] | None = None
        while page := search(catalogue, Search(**wishes), most=size, after=after):
            assert len(page) <= size
            paged += page
            after = place_of(page[-1])
        assert paged == whole
        assert len({row["leg_id"] for row in whole}) == len(whole)
        wanted = [
            row
            for row in rows(catalogue, LegRow)
            if (row["site"] == SITE or "sites" not in wishes)
            and ("since" not in wishes or (row["start"] is not None and row["start"] >= at(1)))
        ]
        assert len(whole) == len(wanted)
        assert [row for page in pages(catalogue, Search(**wishes), size=size) for row in page] == whole
        few = [row for page in pages(catalogue, Search(**wishes), size=size, most=5) for row in page]
        assert few == whole[:5]


def test_a_leg_that_comes_between_two_pages_does_no_harm(holding: Holding) -> None:
    catalogue = holding(*(leg_seen(number) for number in (1, 2, 3, 4)))
    first = search(catalogue, Search(), most=2)
    holding(leg_seen(0))
    rest = search(catalogue, Search(), most=10, after=place_of(first[-1]))
    assert [row["leg_id"] for row in rest] == legs(3, 4)


# -- in step with the facts


def test_what_changed_is_found_as_it_is_and_no_more_as_it_was(holding: Holding) -> None:
    catalogue = holding(leg_seen(2, "before"))
    holding(leg_changed(2, "after", time=at(9), start=at(7), source="0755551234", duration=7.0))
    assert found_by(catalogue, tags=["after"]) == found_by(catalogue, texts=["after"]) == [leg(2)]
    assert found_by(catalogue, tags=["before"]) == found_by(catalogue, texts=["before"]) == []
    assert found_by(catalogue, numbers=["0755551234"], longest=7) == [leg(2)]
    assert found_by(catalogue, numbers=["0399990000"]) == found_by(catalogue, shortest=60) == []
    assert found_by(catalogue, since=at(7), users=["jane"]) == [leg(2)]
    assert found_by(catalogue, until=at(7), users=["jane"]) == []
    assert len(rows(catalogue, LegSearchRow)) == 1


@pytest.mark.parametrize("call_first", [True, False])
def test_a_leg_is_found_by_its_call_record_whichever_came_first(holding: Holding, call_first: bool) -> None:
    told = [call_seen(1, "Sale"), leg_seen(2)]
    for event in told if call_first else reversed(told):
        catalogue = holding(event)
    assert found_by(catalogue, dispositions=["sale"]) == found_by(catalogue, texts=["blue"]) == [leg(2)]
    holding(call_changed(1, "None", time=at(9), fields={"Colour": "green"}))
    assert found_by(catalogue, dispositions=["sale"]) == found_by(catalogue, texts=["blue"]) == []
    assert found_by(catalogue, dispositions=["none"], texts=["green", "spring"]) == [leg(2)]


def test_a_call_record_that_turns_out_to_be_another_calls_leaves_its_legs(holding: Holding) -> None:
    catalogue = holding(leg_seen(2, call_record_id=""), leg_seen(4), call_seen(1, "Sale"))
    assert found_by(catalogue, dispositions=["sale"]) == [leg(2)]
    holding(call_changed(1, "Sale!", time=at(9), unique_id="1773100000.2"))
    assert found_by(catalogue, campaigns=["spring"]) == [leg(4)]


def test_a_leg_of_two_call_records_is_found_by_both(holding: Holding) -> None:
    catalogue = holding(leg_seen(2), call_seen(1, "Sale"), call_seen(5, "Busy", unique_id="1773100000.1"))
    assert found_by(catalogue, dispositions=["sale"]) == found_by(catalogue, dispositions=["busy"]) == [leg(2)]
    assert found_by(catalogue, dispositions=["sale", "busy"]) == [leg(2)]


def test_states_and_findings_are_found_as_they_are_now(holding: Holding) -> None:
    catalogue = holding(leg_seen(2), leg_seen(3, start=at(2)), stored(2, "same"))
    assert found_by(catalogue, findings=[FindingKind.DOUBLE]) == []
    holding(stored(3, "same"))
    assert sorted(found_by(catalogue, findings=[FindingKind.DOUBLE])) == sorted(legs(2, 3))
    holding(leg_changed(3, "B", time=at(9), start=at(3)))
    assert found_by(catalogue, findings=[FindingKind.DOUBLE]) == []
    holding(leg_appraised(3, Verdict.QUARANTINE))
    assert found_by(catalogue, states=[State.ARCHIVED]) == [leg(2)]
    assert found_by(catalogue, states=[State.QUARANTINED]) == [leg(3)]


def test_what_is_destroyed_is_found_no_more_and_leaves_nothing_behind(holding: Holding) -> None:
    catalogue = holding(leg_seen(2, "secret"), call_seen(1, "Sale", fields={"Name": "Müller"}))
    holding(destroyed(leg_changed(2, "B", time=at(9))), destroyed(call_changed(1, "B", time=at(9))))
    for wanted in (
        {"tags": ["secret"]}, {"texts": ["secret"]}, {"texts": ["müller"]}, {"numbers": ["0399990000"]},
        {"users": ["jane"]}, {"dispositions": ["sale"]}, {"directions": ["inbound"]}, {"shortest": 0},
    ):  # fmt: skip
        assert found_by(catalogue, **wanted) == []
    assert found_by(catalogue) == found_by(catalogue, ids=["9001"]) == [leg(2)]
    (left,) = rows(catalogue, LegSearchRow)
    assert left["text"] == ""
    assert left["terms"] == (ANY, f"day:{DAY}")
    left_terms = {row["term"] for row in rows(catalogue, LegTermRow)}
    assert left_terms == {term_id(SITE, term) for term in (ANY, f"day:{DAY}", "state:discovered")}


def test_the_search_tables_are_the_same_in_any_order_and_with_repeats(
    opened: Callable[..., Catalogue],
) -> None:
    told, whole = everything(), []
    for name in ("one", "other"):
        catalogue = opened(name)
        if name == "one":
            apply(catalogue, Segment("journal/all", tuple(told)))
        else:
            mixed = random.Random(3).sample(told, len(told))
            for number in range(0, len(mixed), 9):
                apply(catalogue, Segment(f"journal/{number}", tuple(mixed[number : number + 9])))
            apply(catalogue, Segment("journal/again", tuple(mixed)))
        whole.append([rows(catalogue, LegSearchRow), rows(catalogue, LegTermRow)])
    assert whole[0] == whole[1]
    assert len(whole[0][0]) > 20


@pytest.mark.parametrize("more", [{}, {"directions": ["inbound"]}], ids=["alone", "with a filter"])
@pytest.mark.parametrize(("text", "leads"), [("user", False), ("tag9", True)], ids=["at the begin", "at the end"])
def test_of_a_text_in_many_legs_only_the_first_legs_are_gone_through_until_it_leads(
    *, monkeypatch: pytest.MonkeyPatch, holding: Holding, more: dict[str, Any], text: str, leads: bool
) -> None:
    """Else a thing that began lately would be looked for from the first leg of all."""
    catalogue = holding(
        *(leg_seen(number, "tag9" if number >= 40 else "tag1", username="user1") for number in range(60))
    )
    monkeypatch.setattr(module, "ENOUGH", 10)
    monkeypatch.setattr(module, "REACH", 20)
    sent = asked(catalogue, {"texts": [text], **more})
    walks = [values(parameters) for statement, parameters in sent if "ORDER BY leg_term.at" in statement]
    assert len(walks) == 2  # the horizon, and what is before it
    assert place_in_time(at(20)) in walks[1]
    assert any("ORDER BY leg_search.at" in statement for statement, _ in sent) == leads
    assert found_by(catalogue, 3, texts=[text], **more) == (legs(40, 41, 42) if leads else legs(0, 1, 2))
