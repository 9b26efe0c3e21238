"""What people decide: journalled first and in force at once; and which legs they mean.

The integration tests run some of it again with buckets and PostgreSQL, as they do of test_quarantine.py.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.search import Search
from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal.events import LegAppraised, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline.decide import CHANGES, exit_code, select
from noojee_ingest.pipeline.errors import NothingToDecide
from tests.functional.pipeline.decisions import WHO, WHY, Archive

# -- retry and excuse


def test_excused_legs_are_no_gap_and_nobody_fetches_them(gaps: Archive) -> None:
    legs = [row for row in gaps.rows() if row["state"] in {"missing", "rejected"}]
    decided = gaps.decide(Verdict.EXCUSE, *(row["leg_id"] for row in legs))
    assert {(one.state, one.result) for one in decided} == {("excused", "done")}
    assert exit_code(decided) == 0
    gaps.site.requests()
    report = gaps.site.night()
    (day,) = [day for day in report.days if day.day == report.main_day]
    assert day.total.gaps == 0
    assert day.total.states["excused"] == len(legs) >= 2
    assert {gaps.leg(row["leg_id"])["state"] for row in legs} == {"excused"}


@pytest.mark.parametrize("state", [State.MISSING, State.REJECTED, State.PENDING])
def test_a_retried_leg_is_fetched_by_the_next_night(gaps: Archive, state: State) -> None:
    leg = gaps.first(state)
    before = gaps.leg(leg["leg_id"])["open_facts"]
    gaps.decide(Verdict.RETRY, leg["leg_id"])
    now = gaps.leg(leg["leg_id"])
    assert (now["state"], now["cause"], now["tries"], now["open_facts"]) == ("discovered", "", 0, ())
    (event,) = [one for one in gaps.events() if isinstance(one, LegAppraised) and one.verdict is Verdict.RETRY]
    assert set(event.supersedes) == set(before)
    assert (event.reason, event.name, event.actor, event.day) == (WHY, WHO, "retry", leg["day"])
    gaps.site.requests()
    gaps.site.night()
    assert gaps.site.requests()["retrieveByCallRecordId"] >= 1
    assert gaps.leg(leg["leg_id"])["state"] == state.value  # asked again, answered the same


def test_an_excuse_can_be_taken_back(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    gaps.decide(Verdict.EXCUSE, leg)
    gaps.decide(Verdict.RETRY, leg, reason="it turned up", name="Jo")
    assert gaps.leg(leg)["state"] == "discovered"
    told = [(one.verdict, one.reason, one.name) for one in gaps.history(leg) if isinstance(one, LegAppraised)]
    assert told[-2:] == [(Verdict.EXCUSE, WHY, WHO), (Verdict.RETRY, "it turned up", "Jo")]


def test_a_decision_is_the_same_after_a_rebuild(gaps: Archive) -> None:
    missing, rejected = gaps.first(State.MISSING)["leg_id"], gaps.first(State.REJECTED)["leg_id"]
    archived = gaps.first(State.ARCHIVED)["leg_id"]
    gaps.decide(Verdict.EXCUSE, missing)
    gaps.decide(Verdict.RETRY, rejected)
    gaps.decide(Verdict.QUARANTINE, archived)
    before = gaps.rows(), gaps.findings(archived)
    rebuild(gaps.store.archive, gaps.site.settings().catalogue.url)
    assert (gaps.rows(), gaps.findings(archived)) == before


def test_a_leg_in_another_state_by_then_is_left_alone(gaps: Archive) -> None:
    archived, missing = gaps.first(State.ARCHIVED)["leg_id"], gaps.first(State.MISSING)["leg_id"]
    for verdict, leg in ((Verdict.EXCUSE, archived), (Verdict.RETRY, archived), (Verdict.RELEASE, archived),
                         (Verdict.QUARANTINE, missing), (Verdict.RELEASE, missing)):  # fmt: skip
        before = gaps.leg(leg), len(gaps.events())
        (one,) = gaps.decide(verdict, leg)
        assert (one.result, one.event_id) == ("left", "")
        assert (gaps.leg(leg), len(gaps.events())) == before
    gaps.decide(Verdict.QUARANTINE, archived)
    for verdict in (Verdict.RETRY, Verdict.EXCUSE):
        (one,) = gaps.decide(verdict, archived)
        assert (one.result, one.state) == ("left", "quarantined")


@pytest.mark.parametrize(("reason", "name"), [("", WHO), (" \n", WHO), (WHY, ""), (WHY, "\udce9"), ("\udce9", WHO)])
def test_a_decision_without_reason_or_name_is_none(gaps: Archive, reason: str, name: str) -> None:
    leg, before = gaps.first(State.MISSING)["leg_id"], len(gaps.events())
    with pytest.raises(BadSearch, match="a decision needs a"):
        gaps.decide(Verdict.EXCUSE, leg, reason=reason, name=name)
    assert len(gaps.events()) == before


def test_a_decision_comes_after_what_it_answers_whatever_the_clock_says(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    gaps.site.pass_time(days=-3)
    gaps.decide(Verdict.EXCUSE, leg)
    times = [event.time for event in gaps.history(leg)]
    assert gaps.history(leg)[-1].kind == "appraisal"
    assert times[-1] - times[-2] == timedelta(microseconds=1)


# -- which legs are meant


def test_a_selection_is_of_the_legs_that_the_decision_changes(gaps: Archive) -> None:
    rows = gaps.rows()
    with gaps.catalogue() as catalogue:
        for verdict, states in CHANGES.items():
            words = {state.value for state in states}
            found = select(catalogue, verdict, Search(days=[rows[0]["day"]]))
            assert {row["leg_id"] for row in found.legs} == {
                row["leg_id"] for row in rows if row["state"] in words and row["day"] == rows[0]["day"]
            }
            for states_of_others in set(State) - set(states):
                with pytest.raises(BadSearch, match=f"{verdict} is for legs that are"):
                    select(catalogue, verdict, Search(states=[states_of_others]))


def test_a_selection_by_id_tells_of_the_legs_that_it_leaves(gaps: Archive) -> None:
    rows = gaps.rows()
    missing = next(row for row in rows if row["state"] == "missing")
    siblings = [row for row in rows if row["call_record_id"] == missing["call_record_id"]]
    with gaps.catalogue() as catalogue:
        found = select(catalogue, Verdict.EXCUSE, Search(ids=[missing["call_record_id"]]))
        assert missing["leg_id"] in {row["leg_id"] for row in found.legs}
        assert len(found.legs) + sum(found.left.values()) == len(siblings)
        with pytest.raises(NothingToDecide, match="its legs are 1 missing"):
            select(catalogue, Verdict.RELEASE, Search(ids=[missing["leg_id"]]))
        with pytest.raises(NothingToDecide, match="no leg has this id"):
            select(catalogue, Verdict.RETRY, Search(ids=["nobody"]))


@pytest.mark.parametrize("nothing", [Search(), Search(sites=["here"])])
def test_the_whole_archive_is_never_meant(gaps: Archive, nothing: Search) -> None:
    with gaps.catalogue() as catalogue, pytest.raises(BadSearch, match="say which legs"):
        select(catalogue, Verdict.RETRY, nothing)
