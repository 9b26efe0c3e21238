"""The day's statement: when there is a new one, what it says, and when it is final."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.statements import latest_statements
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import DayStated, LegAppraised, Verdict
from noojee_ingest.journal.statement import audio_root, sealed
from noojee_ingest.pipeline.reconciliation import reconcile_day
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.statement import is_listed_for_good, state_day
from noojee_ingest.storage.folder import open_folder_store

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)


def statements(site: Site, day: date = DAY) -> list[dict[str, Any]]:
    """A day's statements as they stand in the journal, by number and time."""
    found = [one for one in site.events("message digest calculation") if one["day"] == day.isoformat()]
    return sorted(found, key=lambda one: (one["number"], one["time"]))


def keys_of(site: Site, day: date = DAY) -> set[str]:
    return {str(path.relative_to(site.archive)) for path in site.archive.glob(f"journal/*/day={day}/*.gz")}


def test_a_night_states_what_its_day_adds_up_to(make_site: Callable[..., Site]) -> None:
    site = make_site(never_legs=2, late_legs=1, not_audio_legs=2, unexplained_calls=2)
    site.night()
    (one,) = statements(site)
    legs = [row for row in site.legs().values() if row["day"] == DAY]
    assert {state: number for state, number in one["states"].items() if number} == Counter(row["state"] for row in legs)
    archived = [row for row in legs if row["state"] == "archived"]
    assert one["root"] == audio_root((row["leg_id"], row["content_sha256"]) for row in archived)
    assert (one["leaves"], one["audio_bytes"]) == (len(archived), sum(row["content_size"] for row in archived))
    judged = Counter(row["judged"] for row in site.rows("select judged from call where day = '2026-03-10'"))
    assert {word: number for word, number in one["calls"].items() if number} == judged
    kinds = Counter(row["kind"] for row in site.rows("select kind from finding where day = '2026-03-10'"))
    assert one["found"] == kinds
    assert len(kinds) > 0
    assert (one["number"], one["predecessor"], one["final"], one["actor"]) == (1, "", False, "nightly")
    (own,) = site.rows("select segment from day_stated where day = '2026-03-10'")
    of_other_days = set(one["segments"]) - keys_of(site)
    assert set(one["segments"]) - of_other_days == keys_of(site) - {own["segment"]}
    assert all("/day=2026-03-11/" in key for key in of_other_days), "those of legs by which calls are recorded"


def test_where_nothing_changed_there_is_no_new_one(make_site: Callable[..., Site]) -> None:
    site = make_site(never_legs=1)
    site.night()
    before = site.files()
    site.night()
    reconcile_day(site.settings(), "here", DAY)
    assert len(statements(site)) == 1
    assert site.files() == before


def test_a_day_that_is_not_over_or_of_which_nothing_is_known_has_none(site: Site) -> None:
    site.night()
    assert site.rows("select day from leg where day = '2026-03-11'"), "some legs of the next day are known"
    assert statements(site, date(2026, 3, 11)) == []
    with site.work() as work:
        assert state_day(work, date(2026, 3, 11)) is None
        assert state_day(work, date(2026, 3, 2)) is None


def test_a_day_is_final_after_the_last_look_and_stays_so(site: Site) -> None:
    for night in range(6):
        if night:
            site.pass_time(hours=24)
        site.night()
        told = [(one["number"], one["final"]) for one in statements(site)]
        assert told == ([(1, False)] if night < 3 else [(1, False), (2, True)]), night
    first, second = statements(site)
    assert second["predecessor"] == first["seal"]
    assert not set(first["segments"]) & set(second["segments"])
    assert (first["root"], first["states"]) == (second["root"], second["states"])


def test_a_day_is_provisional_while_the_looks_at_an_hour_differ(site: Site) -> None:
    site.night()
    some = next(row["call_record_id"] for row in site.legs().values() if row["day"] == DAY)
    edit = {"where": {"CallRecordId": some}, "set": {"Tag": '"other"'}}
    site.pass_time(hours=72)
    site.rule("retrieveMetaDataByHour", edit=edit)
    site.night()
    assert not statements(site)[-1]["final"]
    site.pass_time(hours=24)
    site.night()
    assert statements(site)[-1]["final"]


def test_an_old_day_that_is_listed_afterwards_is_final_after_one_look(make_site: Callable[..., Site]) -> None:
    site = make_site(days=8)
    old = date(2026, 3, 5)
    site.night(day=old)
    (one,) = statements(site, old)
    assert one["final"]
    assert one["states"]["archived"] > 0


def test_a_leg_that_is_to_be_tried_again_takes_a_day_its_finality(make_site: Callable[..., Site]) -> None:
    old = date(2026, 3, 5)
    site = make_site(days=8, not_audio_legs=20)
    site.night(day=old)
    rejected = [key for key, row in site.legs().items() if (row["state"], row["day"]) == ("rejected", old)]
    decide(site, Verdict.RETRY, rejected[0])
    reconcile_day(site.settings(), "here", old)
    assert [(one["final"], one["states"]["discovered"]) for one in statements(site, old)] == [(True, 0), (False, 1)]


def test_a_day_with_a_call_that_nobody_could_be_asked_about_is_not_final(make_site: Callable[..., Site]) -> None:
    site = make_site(calls_a_day=40, unexplained_calls=2)
    site.rule("retrieveMetaDataByUniqueId", status=500)
    site.night()
    site.pass_time(days=4)
    site.night(day=DAY)
    one = statements(site)[-1]
    assert (one["calls"]["unjudged"] > 0, one["final"]) == (True, False)
    site.simulator.clear_rules()
    site.pass_time(days=1)
    site.night(day=DAY)
    one = statements(site)[-1]
    assert (one["calls"]["unjudged"], one["final"]) == (0, True)


def test_a_day_of_which_a_call_is_still_to_be_asked_about_is_not_final(make_site: Callable[..., Site]) -> None:
    site = make_site(unexplained_calls=2)
    site.night()
    site.pass_time(days=4)
    site.rule("retrieveMetaDataByUniqueId", status=500)
    site.night()
    assert not statements(site)[-1]["final"]
    site.simulator.clear_rules()
    site.pass_time(days=1)
    site.night()
    assert statements(site)[-1]["final"]


def test_without_the_by_hour_list_the_lookback_of_the_last_hour_counts(site: Site) -> None:
    site.environ["SITES__HERE__BY_HOUR"] = "false"
    for at, is_final in (("2026-03-13T23:59:00+11:00", False), ("2026-03-14T00:01:00+11:00", True)):
        site.set_clock(datetime.fromisoformat(at))
        with site.work() as work:
            assert is_listed_for_good(work, DAY) is is_final


def test_without_the_by_hour_list_a_day_is_final_once_the_lookback_has_passed(site: Site) -> None:
    site.environ["SITES__HERE__BY_HOUR"] = "false"
    for night in range(5):
        if night:
            site.pass_time(hours=24)
        site.night()
        with site.catalogue() as catalogue:
            version = latest_statements(catalogue, "here", [DAY])[DAY]
        if night < 3:
            assert not version.final
    with site.work() as work:
        state_day(work, DAY)
    with site.catalogue() as catalogue:
        assert latest_statements(catalogue, "here", [DAY])[DAY].final


def decide(site: Site, verdict: Verdict, key: str) -> None:
    row = site.legs()[key]
    with site.work(actor="test") as work:
        event = LegAppraised(
            time=work.clock(), actor="test", supersedes=row["open_facts"], site="here", day=row["day"],
            leg_id=row["leg_id"], verdict=verdict, reason="why", name="Kim",
        )  # fmt: skip
        record(work, [event])


def test_a_decision_makes_another_version(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=2)
    site.night()
    rejected = [key for key, row in site.legs().items() if (row["state"], row["day"]) == ("rejected", DAY)]
    decide(site, Verdict.EXCUSE, rejected[0])
    made = reconcile_day(site.settings(), "here", DAY)
    assert (made.statement, made.is_new) == (2, True)
    first, second = statements(site)
    assert (first["states"]["excused"], second["states"]["excused"]) == (0, 1)
    assert (second["actor"], second["root"]) == ("reconcile", first["root"])
    again = reconcile_day(site.settings(), "here", DAY)
    assert (again.statement, again.is_new, again.events) == (2, False, 0)


def test_two_of_one_number_are_a_finding_and_the_earlier_is_followed(site: Site) -> None:
    site.night()
    with site.work() as work:
        key = next(row["segment"] for row in site.rows("select segment from day_stated"))
        (first,) = segment.read(work.store.archive, key).events
        assert isinstance(first, DayStated)
        later = first.time + timedelta(seconds=1)
        record(work, [sealed(replace(first, event_id="0" * 32, time=later))])
        assert [finding for finding in site.findings() if finding[0] == "statement conflict"] == [
            ("statement conflict", "2 have the number 1")
        ]
        third = state_day(work, DAY)
        assert third is not None
        assert (third.number, third.predecessor, third.found["statement conflict"]) == (2, first.seal, 1)
        assert state_day(work, DAY) is None


def test_the_earlier_of_one_number_counts_also_where_it_comes_later(site: Site) -> None:
    site.night()
    with site.work() as work:
        key = next(row["segment"] for row in site.rows("select segment from day_stated"))
        (first,) = segment.read(work.store.archive, key).events
        assert isinstance(first, DayStated)
        earlier = sealed(replace(first, event_id="f" * 32, time=first.time - timedelta(seconds=1)))
        record(work, [earlier])
        made = state_day(work, DAY)
        assert made is not None
        assert made.predecessor == earlier.seal


def test_statements_survive_a_rebuild(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=1)
    site.night()
    before = site.rows("select * from day_stated")
    assert len(before) >= 1
    rebuild(open_folder_store(site.folder / "store").archive, site.settings().catalogue.url)
    assert site.rows("select * from day_stated") == before
    reconcile_day(site.settings(), "here", DAY)
    assert site.rows("select * from day_stated") == before


@pytest.mark.parametrize(
    "name", ["actor", "leaves", "final", "states", "segments", "contents", "predecessor", "number"]
)
def test_the_seal_is_of_every_member(site: Site, name: str) -> None:
    site.night()
    with site.work() as work:
        key = next(row["segment"] for row in site.rows("select segment from day_stated"))
        (one,) = segment.read(work.store.archive, key).events
    assert isinstance(one, DayStated)
    assert sealed(one) == one
    other: dict[str, Any] = {
        "actor": "x", "leaves": 0, "final": True, "states": {}, "segments": (), "contents": (), "predecessor": "x",
        "number": 9,
    }  # fmt: skip
    assert sealed(replace(one, **{name: other[name]})).seal != one.seal
