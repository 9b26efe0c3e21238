"""One leg told of by several views, or with half its ids, is one leg."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)
HOURS, CALL = "retrieveMetaDataByHour", "retrieveMetaDataByUniqueId"


def call_of(site: Site, legs: int, *, dialled: bool = False) -> list[Any]:
    """The legs of the first call that has so many, all of the day; only of dialled ones is there a call record."""
    calls: dict[str, list[Any]] = {}
    for leg in site.simulator.truth().ended(DAY):
        if (leg.direction == "Outbound") is dialled:
            calls.setdefault(leg.unique_id, []).append(leg)
    return next(found for _, found in sorted(calls.items()) if len(found) == legs and found[0].leg == "1")


def of_unique_id(site: Site, unique_id: str) -> list[dict[str, Any]]:
    return sorted(
        (row for row in site.legs().values() if row["unique_id"] == unique_id), key=lambda row: row["leg"] or ""
    )


def kinds(site: Site, row: dict[str, Any]) -> list[str]:
    return [kind for kind, _ in site.findings(row["leg_id"])]


@pytest.mark.parametrize("key", ["CallRecordId", "UniqueId"])
def test_a_leg_first_told_without_an_id_is_the_same_leg_when_the_id_comes(site: Site, key: str) -> None:
    (leg,) = call_of(site, 1)
    site.rule(HOURS, edit={"where": {"UniqueId": leg.unique_id}, "unset": [key]})
    site.night()
    before = Counter(row["state"] for row in site.legs().values())
    (found,) = [row for row in site.legs().values() if not (row["call_record_id"] and row["unique_id"])]
    assert (found["state"], kinds(site, found)) == ("archived", ["incomplete id"])
    site.simulator.clear_rules()
    site.pass_time(days=4)
    site.requests()
    site.night(day=DAY)  # the lookback tells of it with both ids
    (row,) = of_unique_id(site, leg.unique_id)
    assert row["leg_id"] == found["leg_id"]
    assert row["call_record_id"] == leg.call_record_id
    assert Counter(row["state"] for row in site.legs().values()) == before
    assert site.requests().get("retrieveByCallRecordId", 0) == 0


def test_a_leg_known_whole_is_recognised_in_a_view_that_lacks_an_id(site: Site) -> None:
    first, second = call_of(site, 2)
    site.night()
    known = {row["leg_id"] for row in site.legs().values()}
    site.rule(HOURS, edit={"where": {"UniqueId": first.unique_id}, "unset": ["CallRecordId"], "set": {"Tag": '"x"'}})
    site.pass_time(days=4)
    site.night(day=DAY)
    assert {row["leg_id"] for row in site.legs().values()} == known
    rows = of_unique_id(site, first.unique_id)
    assert [(row["leg"], row["tag"], row["state"]) for row in rows] == [("1", "x", "archived"), ("2", "x", "archived")]
    assert {detail for row in rows for _, detail in site.findings(row["leg_id"])} == {
        "matched by the ids that both views have"
    }
    assert second.unique_id == first.unique_id


def test_an_entry_that_fits_several_legs_is_kept_apart_with_a_finding(site: Site) -> None:
    first, _ = call_of(site, 2)
    stray = f'{{"UniqueId": "{first.unique_id}", "Start": "{first.start:%Y-%m-%d %H:%M:%S}.0"}}'
    site.night()
    site.rule(HOURS, times=1, edit={"append": [stray]})
    site.pass_time(days=4)
    site.night(day=DAY)
    rows = of_unique_id(site, first.unique_id)
    assert [(row["leg"], kinds(site, row)) for row in rows] == [("", ["incomplete id"]), ("1", []), ("2", [])]
    assert site.findings(rows[0]["leg_id"]) == [
        ("incomplete id", "absent: call_record_id, leg; may be one of 2 other legs, kept as one of its own")
    ]


def test_legs_of_one_call_that_lack_their_number_in_one_view_are_not_mixed_up_with_those_that_have_it(
    site: Site,
) -> None:
    (leg,) = call_of(site, 1)
    site.rule(HOURS, edit={"where": {"UniqueId": leg.unique_id}, "unset": ["Leg"]})
    site.night()
    (row,) = of_unique_id(site, leg.unique_id)
    assert (row["leg"], row["state"], kinds(site, row)) == ("", "archived", ["incomplete id"])


def test_ids_that_would_be_one_number_are_two_texts(site: Site) -> None:
    (one,), (other, _) = call_of(site, 1), call_of(site, 2)
    for leg, text in ((one, "1700000123.1"), (other, "1700000123.10")):
        site.rule(HOURS, edit={"where": {"UniqueId": leg.unique_id}, "set": {"UniqueId": text}})  # a bare number
    site.night()
    assert [len(of_unique_id(site, text)) for text in ("1700000123.1", "1700000123.10")] == [1, 2]


def test_two_views_that_write_a_leg_differently_do_not_make_it_change_for_ever(site: Site) -> None:
    legs = call_of(site, 2, dialled=True)
    for leg in legs:  # the by-hour list forgets the call at first, so it is asked about by its unique id
        site.rule(HOURS, edit={"where": {"UniqueId": leg.unique_id}, "drop": True})
    site.night()
    rows = of_unique_id(site, legs[0].unique_id)
    assert [row["state"] for row in rows] == ["archived", "archived"]
    site.simulator.clear_rules()
    for days in (4, 1, 1):
        site.pass_time(days=days)
        site.night(day=DAY)
    told = [event for event in site.events() if event["object"]["id"] in {row["leg_id"] for row in rows}]
    assert Counter((event["kind"], event.get("view")) for event in told) == {
        ("accession", "by-unique-id"): 2,
        ("metadata modification", "by-hour"): 2,
        ("ingestion", None): 2,
    }
    raws = {event["personal"]["digest"] for event in told if "view" in event}
    assert len(raws) == 4
    assert [row["start"] for row in of_unique_id(site, legs[0].unique_id)] == [leg.start for leg in legs]
    assert not [kind for row in rows for kind in kinds(site, row)]


def test_an_entry_that_stands_twice_in_a_list_is_one_leg_and_one_event(site: Site) -> None:
    (leg,) = call_of(site, 1)
    site.rule(HOURS, edit={"where": {"UniqueId": leg.unique_id}, "double": True})
    site.night()
    (row,) = of_unique_id(site, leg.unique_id)
    told = [event["kind"] for event in site.events() if event["object"]["id"] == row["leg_id"]]
    assert told == ["accession", "ingestion"]


def test_two_legs_with_one_audio_and_one_start_are_told_as_doubles(make_site: Callable[..., Site]) -> None:
    site = make_site()
    (leg,) = call_of(site, 1)
    copy = (
        f'{{"UniqueId": "copy.1", "CallRecordId": "copy", "Leg": "1", "Duration": "{leg.seconds}", '
        f'"Start": "{leg.start.astimezone(site.began.tzinfo):%Y-%m-%d %H:%M:%S}.0"}}'
    )
    site.rule(HOURS, times=1, edit={"append": [copy]})
    site.rule(
        "retrieveByCallRecordId",
        match={"callRecordId": "copy"},
        base64=b64encode(site.sent(*leg.key.split("/"))).decode(),
    )
    site.night()
    legs = site.legs()
    double = [("double", f"same audio and start as {legs[leg.key]['leg_id']}")]
    assert site.findings(legs["copy/1"]["leg_id"]) == double
    assert kinds(site, legs[leg.key]) == ["double"]
    assert {legs[key]["state"] for key in ("copy/1", leg.key)} == {"archived"}
