"""From facts to state: every edge of the diagram, and what wins where facts disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.journal.events import Event, LegSeen, Outcome, Verdict
from noojee_ingest.journal.fold import TOLD_NAMES, CallNow, Judged, LegNow, one_of_each
from noojee_ingest.model import Finding, FindingKind, State, TimeMark, View
from tests.unit.journal.folding import folded, folded_calls, folded_legs, folded_objects, leg_facts, placed
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    at,
    call,
    call_appraised,
    call_changed,
    call_seen,
    destroyed,
    everything,
    leg,
    leg_appraised,
    leg_changed,
    leg_seen,
    not_stored,
    noted,
    stored,
)

Make = Callable[..., Event]


def now(*events: Event) -> LegNow:
    return folded_legs(placed(events))[leg(1)][0]


def found(*events: Event) -> dict[FindingKind, str]:
    return {finding.kind: finding.detail for finding in folded_legs(placed(events))[leg(1)][1]}


def call_now(*events: Event) -> CallNow:
    return folded_calls(placed(events))[call(1)][0]


def call_found(*events: Event) -> dict[FindingKind, str]:
    return {finding.kind: finding.detail for finding in folded_calls(placed(events))[call(1)][1]}


# -- states


def ingestion(**fields: Any) -> Event:
    return stored(1, **fields)


def capture(outcome: Outcome) -> Make:
    return lambda **fields: not_stored(1, outcome, **fields)


def appraisal(verdict: Verdict) -> Make:
    return lambda **fields: leg_appraised(1, verdict, **fields)


REACHED: dict[State, list[Event]] = {
    State.DISCOVERED: [leg_seen(1)],
    State.PENDING: [leg_seen(1), not_stored(1)],
    State.ARCHIVED: [leg_seen(1), stored(1)],
    State.MISSING: [leg_seen(1), not_stored(1, Outcome.GONE)],
    State.REJECTED: [leg_seen(1), not_stored(1, Outcome.REJECTED)],
    State.FAILED: [leg_seen(1), not_stored(1, Outcome.GAVE_UP)],
    State.EXCUSED: [leg_seen(1), not_stored(1, Outcome.GAVE_UP), leg_appraised(1, Verdict.EXCUSE)],
    State.QUARANTINED: [leg_seen(1), stored(1), leg_appraised(1, Verdict.QUARANTINE)],
}

EDGES = [
    (State.DISCOVERED, ingestion, State.ARCHIVED),
    (State.DISCOVERED, capture(Outcome.NOT_YET), State.PENDING),
    (State.DISCOVERED, capture(Outcome.GONE), State.MISSING),
    (State.DISCOVERED, capture(Outcome.REJECTED), State.REJECTED),
    (State.DISCOVERED, capture(Outcome.GAVE_UP), State.FAILED),
    (State.PENDING, ingestion, State.ARCHIVED),
    (State.PENDING, capture(Outcome.NOT_YET), State.PENDING),
    (State.PENDING, capture(Outcome.GONE), State.MISSING),
    (State.PENDING, capture(Outcome.REJECTED), State.REJECTED),
    (State.PENDING, capture(Outcome.GAVE_UP), State.FAILED),
    (State.PENDING, appraisal(Verdict.MISSING), State.MISSING),
    (State.MISSING, ingestion, State.ARCHIVED),
    (State.REJECTED, ingestion, State.ARCHIVED),
    (State.FAILED, ingestion, State.ARCHIVED),
    (State.EXCUSED, ingestion, State.ARCHIVED),
    (State.MISSING, appraisal(Verdict.RETRY), State.DISCOVERED),
    (State.REJECTED, appraisal(Verdict.RETRY), State.DISCOVERED),
    (State.FAILED, appraisal(Verdict.RETRY), State.DISCOVERED),
    (State.EXCUSED, appraisal(Verdict.RETRY), State.DISCOVERED),
    (State.MISSING, appraisal(Verdict.EXCUSE), State.EXCUSED),
    (State.REJECTED, appraisal(Verdict.EXCUSE), State.EXCUSED),
    (State.FAILED, appraisal(Verdict.EXCUSE), State.EXCUSED),
    (State.ARCHIVED, appraisal(Verdict.QUARANTINE), State.QUARANTINED),
    (State.QUARANTINED, appraisal(Verdict.RELEASE), State.ARCHIVED),
]


@pytest.mark.parametrize(("origin", "make", "target"), EDGES)
def test_an_event_that_answers_what_is_open_leads_from_state_to_state(origin: State, make: Make, target: State) -> None:
    before = REACHED[origin]
    assert now(*before).state is origin
    event = make(time=at(200), supersedes=now(*before).open_facts)
    assert now(*before, event).state is target
    assert now(event, *before).state is target


def test_no_state_is_a_dead_end_and_every_state_is_reached() -> None:
    assert {origin for origin, _, target in EDGES if origin is not target} == set(State)
    assert {target for origin, _, target in EDGES if origin is not target} == set(State)


def test_a_leg_that_is_missing_by_decision_can_be_excused_retried_or_found() -> None:
    waiting = not_stored(1)
    missing = [leg_seen(1), waiting, leg_appraised(1, Verdict.MISSING, supersedes=(waiting.event_id,))]
    assert now(*missing).state is State.MISSING
    assert now(*missing).cause == "why missing"
    answer = {"supersedes": now(*missing).open_facts, "time": at(300)}
    assert now(*missing, leg_appraised(1, Verdict.EXCUSE, **answer)).state is State.EXCUSED
    assert now(*missing, leg_appraised(1, Verdict.RETRY, **answer)).state is State.DISCOVERED
    assert now(*missing, stored(1, **answer)).state is State.ARCHIVED


def test_a_retry_starts_counting_anew_and_forgets_the_cause() -> None:
    gave_up = not_stored(1, Outcome.GAVE_UP, tries=9)
    assert (now(leg_seen(1), gave_up).tries, now(leg_seen(1), gave_up).cause) == (9, "why gave up")
    again = now(leg_seen(1), gave_up, leg_appraised(1, Verdict.RETRY, supersedes=(gave_up.event_id,)))
    assert (again.state, again.tries, again.cause, again.open_facts) == (State.DISCOVERED, 0, "", ())


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.RELEASE, Verdict.NO_RECORDING])
def test_a_decision_that_only_ends_others_gives_no_state_and_is_not_open(verdict: Verdict) -> None:
    for state, events in REACHED.items():
        assert now(*events, leg_appraised(1, verdict)).state is state
        assert now(*events, leg_appraised(1, verdict)).open_facts == now(*events).open_facts


def test_what_is_open_is_what_the_next_conclusion_must_answer() -> None:
    first, second, decision = not_stored(1), not_stored(1, tries=2), leg_appraised(1, Verdict.EXCUSE)
    assert now(leg_seen(1)).open_facts == ()
    assert now(leg_seen(1), first).open_facts == (first.event_id,)
    assert now(first, second, decision).open_facts == tuple(sorted(one.event_id for one in (first, second, decision)))
    assert now(leg_seen(1), stored(1)).open_facts == ()


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([Outcome.NOT_YET, Outcome.GAVE_UP], State.FAILED),
        ([Outcome.NOT_YET, Outcome.GAVE_UP, Outcome.REJECTED], State.REJECTED),
        ([Outcome.NOT_YET, Outcome.GAVE_UP, Outcome.REJECTED, Outcome.GONE], State.MISSING),
    ],
)
def test_of_conclusions_that_do_not_answer_each_other_the_gravest_counts(outcomes: list[Outcome], state: State) -> None:
    for order in (outcomes, outcomes[::-1]):
        events = [not_stored(1, outcome, time=at(30 + number)) for number, outcome in enumerate(order)]
        assert now(leg_seen(1), *events).state is state


def test_of_two_equal_conclusions_the_earlier_counts_and_the_larger_number_of_tries() -> None:
    early, late = not_stored(1, time=at(30), due=at(90), tries=1), not_stored(1, time=at(31), due=at(40), tries=2)
    assert (now(late, early).due, now(late, early).tries) == (at(90), 2)


def test_audio_wins_over_everything_but_a_quarantine() -> None:
    against = [not_stored(1, Outcome.GONE), leg_appraised(1, Verdict.MISSING), leg_appraised(1, Verdict.EXCUSE)]
    archived = now(leg_seen(1), stored(1), *against)
    assert (archived.state, archived.cause, archived.tries, archived.due) == (State.ARCHIVED, "", 0, None)
    assert now(leg_seen(1), stored(1), leg_appraised(1, Verdict.QUARANTINE)).state is State.QUARANTINED


@pytest.mark.parametrize("earlier", [Verdict.EXCUSE, Verdict.MISSING, Verdict.QUARANTINE])
@pytest.mark.parametrize("later", [Verdict.EXCUSE, Verdict.MISSING, Verdict.QUARANTINE])
def test_of_two_decisions_in_force_a_quarantine_wins_else_the_earlier_and_a_finding_says_so(
    earlier: Verdict, later: Verdict
) -> None:
    events = [leg_seen(1), leg_appraised(1, later, time=at(92)), leg_appraised(1, earlier, time=at(91))]
    wins = later if later is Verdict.QUARANTINE else earlier
    assert now(*events).state is now(leg_seen(1), leg_appraised(1, wins)).state
    if wins is Verdict.QUARANTINE:
        assert now(*events, stored(1)).state is State.QUARANTINED
    differ = earlier is not later
    assert (FindingKind.DECISION_CONFLICT in found(*events)) is differ
    if differ:
        assert (
            found(*events)[FindingKind.DECISION_CONFLICT] == f"both in force: {' and '.join(sorted([earlier, later]))}"
        )


def test_at_the_same_instant_the_smaller_event_id_wins() -> None:
    excuse = leg_appraised(1, Verdict.EXCUSE, event_id="b")
    assert now(excuse, leg_appraised(1, Verdict.MISSING, event_id="a")).state is State.MISSING
    assert now(excuse, leg_appraised(1, Verdict.MISSING, event_id="c")).state is State.EXCUSED


def test_a_decision_that_answers_another_is_no_conflict() -> None:
    first = leg_appraised(1, Verdict.EXCUSE)
    second = leg_appraised(1, Verdict.QUARANTINE, time=at(95), supersedes=(first.event_id,))
    assert now(first, second).state is State.QUARANTINED
    assert found(first, second) == {}


def test_audio_that_a_decision_put_out_of_force_is_archived_again_when_it_is_stored_again() -> None:
    first = stored(1, "same")
    gone = leg_appraised(1, Verdict.RETRY, supersedes=(first.event_id,))
    assert now(leg_seen(1), first, gone).state is State.DISCOVERED
    assert now(leg_seen(1), first, gone).content_sha256 is None
    again = now(leg_seen(1), first, gone, stored(1, "same", time=at(200)))
    assert (again.state, again.content_sha256) == (State.ARCHIVED, first.content_sha256)


def test_a_leg_is_described_by_the_earliest_of_its_audios_in_force() -> None:
    one, two = stored(1, "one"), stored(1, "longer", time=at(61), seconds=31.0, codec="mp3", extension="mp3")
    both = now(leg_seen(1), two, one)
    assert (both.content_sha256, both.codec) == (one.content_sha256, "pcm_s16le")
    assert found(leg_seen(1), two, one) == {FindingKind.CONFLICT: "2 different audios are kept"}
    left = now(leg_seen(1), one, two, leg_appraised(1, Verdict.RETRY, supersedes=(one.event_id,)))
    told = (left.state, left.content_sha256, left.content_size, left.seconds, left.extension, left.codec)
    assert told == (State.ARCHIVED, two.content_sha256, two.content_size, 31.0, "mp3", "mp3")


def test_a_leg_that_is_long_overdue_stays_pending_for_state_reads_no_clock() -> None:
    overdue = now(leg_seen(1), not_stored(1, due=at(-100_000)))
    assert (overdue.state, overdue.due) == (State.PENDING, at(-100_000))


# -- what is told of a leg


def test_what_was_changed_and_changed_back_ends_as_it_began() -> None:
    events = [leg_seen(1, "A"), leg_changed(1, "B", time=at(10)), leg_changed(1, "A", time=at(20))]
    assert now(*events).tag == "A"
    assert now(*events[::-1]).tag == "A"
    assert now(*events[:2]).tag == "B"
    assert now(*events, leg_changed(1, "B", time=at(30))).tag == "B"


def test_the_latest_of_the_by_hour_list_comes_before_other_views() -> None:
    late = leg_changed(1, "unique", view=View.BY_UNIQUE_ID, time=at(99))
    assert now(leg_seen(1, "hour"), late).tag == "hour"


def test_what_one_view_leaves_empty_is_taken_from_another() -> None:
    hour = leg_seen(1, "hour", did="", username=None)
    unique = leg_changed(1, "unique", view=View.BY_UNIQUE_ID, did="0398", username="sam")
    assert (now(hour, unique).did, now(hour, unique).username, now(hour, unique).tag) == ("0398", "sam", "hour")
    assert now(hour).did == ""


def test_an_instant_and_its_text_come_from_one_view() -> None:
    hour = leg_seen(1, start=None, start_text="the 31st of February", start_mark=TimeMark.UNREADABLE)
    unique = leg_changed(1, "B", view=View.BY_UNIQUE_ID, start=at(1), start_text="2026-03-10 23:01:00.0")
    assert (now(hour, unique).start, now(hour, unique).start_text) == (at(1), "2026-03-10 23:01:00.0")
    assert (now(hour).start, now(hour).start_text) == (None, "the 31st of February")
    absent = leg_seen(1, end=None, end_text="")
    silent = leg_changed(1, "B", view=View.BY_UNIQUE_ID, end=None, end_text="?")
    assert (now(absent, silent).end, now(absent, silent).end_text) == (None, "?")


def test_the_discovery_fixes_day_and_hour_and_another_day_is_a_finding() -> None:
    first = leg_seen(1, "A", time=at(5), day=DAY, hour=23)
    other = leg_changed(1, "B", time=at(6), day=NEXT_DAY, hour=0)
    for events in ([first, other], [other, first]):
        assert (now(*events).day, now(*events).hour) == (DAY, 23)
        assert found(*events) == {FindingKind.DAY_DISAGREEMENT: "told to have ended on 2026-03-10, 2026-03-11"}


def test_a_leg_that_no_view_told_of_has_the_day_of_its_earliest_event_and_no_ids() -> None:
    alone = now(stored(1, day=NEXT_DAY), not_stored(1, day=DAY))
    assert (alone.day, alone.hour, alone.leg, alone.record_link, alone.unique_link) == (DAY, None, None, "", "")


def test_findings_are_one_of_a_kind_with_all_details_in_order() -> None:
    kind, other = FindingKind.UNSOUND, FindingKind.AMBIGUOUS_TIME
    findings = [Finding(kind, "b"), Finding(other, "x"), Finding(kind, "a"), Finding(kind, "b")]
    assert one_of_each(findings) == [Finding(other, "x"), Finding(kind, "a; b")]


# -- what was destroyed


def test_a_leg_whose_personal_is_destroyed_keeps_state_sums_and_fixity() -> None:
    events = [leg_seen(1), leg_changed(1, "B", time=at(3)), stored(1), leg_appraised(1, Verdict.QUARANTINE)]
    whole, left = now(*events), now(*map(destroyed, events))
    personal = set(TOLD_NAMES) - {"record_link", "unique_link"}
    for name in LegNow.__dataclass_fields__:
        assert getattr(left, name) == (None if name in personal else getattr(whole, name)), name


def test_a_call_whose_personal_is_destroyed_is_still_recorded() -> None:
    call_events = [call_seen(1), call_appraised(1, explained=False)]
    for legs in ([leg_seen(2)], [destroyed(leg_seen(2))], [leg_seen(2), destroyed(leg_changed(2, "B", time=at(9)))]):
        for calls in (call_events, [*map(destroyed, call_events)]):
            assert call_now(*calls, *legs).judged is Judged.RECORDED
            assert call_found(*calls, *legs) == {}
    left = call_now(*map(destroyed, call_events))
    assert (left.judged, left.fields, left.disposition, left.called, left.lead_id) == (Judged.UNEXPLAINED, *4 * [None])


def test_what_is_told_after_a_destruction_is_known() -> None:
    events = [destroyed(leg_seen(1)), leg_changed(1, "B", time=at(9))]
    assert (now(*events).tag, now(*events).unique_id) == ("B", "1773100000.0")


# -- calls


@pytest.mark.parametrize(
    ("events", "judged", "cause"),
    [
        ([], Judged.UNJUDGED, ""),
        ([call_appraised(1, explained=True)], Judged.EXPLAINED, "nobody answered"),
        ([call_appraised(1, explained=False)], Judged.UNEXPLAINED, ""),
        ([leg_seen(2)], Judged.RECORDED, ""),
        ([leg_seen(3, call_record_id="")], Judged.RECORDED, ""),
        ([leg_seen(3, unique_id="")], Judged.RECORDED, ""),
        ([leg_seen(3, call_record_id="", unique_id="")], Judged.UNJUDGED, ""),
        ([leg_seen(4)], Judged.UNJUDGED, ""),
        ([leg_seen(2), call_appraised(1, explained=True)], Judged.RECORDED, ""),
    ],
)
def test_how_a_call_is_judged(events: list[Event], judged: Judged, cause: str) -> None:
    seen = call_seen(1)
    for order in ([seen, *events], [*events, seen]):
        assert (call_now(*order).judged, call_now(*order).cause) == (judged, cause)


def test_a_call_without_any_id_has_no_legs() -> None:
    nameless = call_seen(1, call_record_id="", unique_id="")
    assert call_now(nameless, leg_seen(7, call_record_id="", unique_id="")).legs == 0


def test_only_an_unexplained_call_is_a_finding() -> None:
    assert call_found(call_seen(1)) == {}
    assert call_found(call_seen(1), call_appraised(1, explained=True)) == {}
    without = {FindingKind.CALL_WITHOUT_RECORDING: "no rule explains it"}
    assert call_found(call_seen(1), call_appraised(1, explained=False)) == without


def test_the_earlier_judgement_of_a_call_wins_and_a_finding_says_so() -> None:
    early = call_appraised(1, explained=True)
    late = call_appraised(1, explained=False, time=at(99))
    assert call_now(call_seen(1), late, early).judged is Judged.EXPLAINED
    conflict = {FindingKind.DECISION_CONFLICT: "both in force: explained nobody answered and unexplained"}
    assert call_found(call_seen(1), late, early) == conflict
    assert call_now(call_seen(1), late, early).open_facts == (early.event_id, late.event_id)
    answer = call_appraised(1, explained=False, time=at(99), supersedes=(early.event_id,))
    assert call_now(call_seen(1), answer, early).judged is Judged.UNEXPLAINED
    assert FindingKind.DECISION_CONFLICT not in call_found(call_seen(1), answer, early)


def test_a_call_is_what_was_told_last_on_the_day_it_was_told_first() -> None:
    events = [call_seen(1, "A"), call_changed(1, "B", time=at(10), day=NEXT_DAY), call_changed(1, "A", time=at(20))]
    for order in (events, events[::-1]):
        assert (call_now(*order).disposition, call_now(*order).day) == ("A", DAY)
    assert call_now(*events[:2]).disposition == "B"


# -- objects


def test_a_note_that_is_cleared_is_no_finding_and_one_that_comes_again_is() -> None:
    first = noted()
    cleared = noted(time=at(110), cleared=True, supersedes=(first.event_id,))
    key, orphan = first.key, [Finding(FindingKind.ORPHAN_OBJECT, "seen in a listing")]
    assert folded_objects(placed([first])) == {key: orphan}
    assert folded_objects(placed([cleared, first])) == {key: []}
    assert folded_objects(placed([cleared, first, noted(time=at(120))])) == {key: orphan}


def test_notes_of_two_kinds_are_two_findings_and_of_one_kind_the_earliest() -> None:
    notes = [noted(detail="late", time=at(101)), noted(detail="early"), noted(finding=FindingKind.GONE_OBJECT)]
    (found,) = folded_objects(placed(notes)).values()
    assert [(finding.kind, finding.detail) for finding in found] == [
        (FindingKind.GONE_OBJECT, "seen in a listing"),
        (FindingKind.ORPHAN_OBJECT, "early"),
    ]


# -- any order

LEG_EVENTS = st.one_of(
    st.builds(
        lambda said, view, minute: leg_seen(1, said, view=view, time=at(minute)),
        st.sampled_from("AB"),
        st.sampled_from([View.BY_HOUR, View.BY_UNIQUE_ID]),
        st.integers(0, 3),
    ),
    st.builds(lambda audio, minute: stored(1, audio, time=at(minute)), st.sampled_from("xy"), st.integers(0, 3)),
    st.builds(
        lambda outcome, minute: not_stored(1, outcome, time=at(minute)), st.sampled_from(Outcome), st.integers(0, 3)
    ),
    st.builds(
        lambda verdict, minute: leg_appraised(1, verdict, time=at(minute)), st.sampled_from(Verdict), st.integers(0, 3)
    ),
)


@given(st.lists(LEG_EVENTS, min_size=1, max_size=8, unique_by=lambda event: event.event_id), st.data())
def test_any_facts_of_a_leg_in_any_order_give_the_same(events: list[Any], data: st.DataObject) -> None:
    names = [event.event_id for event in events]
    told = []
    for event in events:
        answered = tuple(data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)))
        told.append(event if isinstance(event, LegSeen) else replace(event, supersedes=answered))
    first = folded(placed(told))
    assert folded(placed(data.draw(st.permutations(told + told[:3])))) == first
    assert first[leg(1)][0].state in set(State)
    known = {event.event_id for event in leg_facts(placed(told))[leg(1)].events()}
    assert set(first[leg(1)][0].open_facts) <= known


def test_the_story_folds_to_the_same_when_it_is_destroyed_but_for_what_is_personal() -> None:
    whole, left = folded_legs(placed(everything())), folded_legs(placed(map(destroyed, everything())))
    kept = ("state", "cause", "due", "tries", "open_facts", "day", "hour", "content_sha256", "content_size", "seconds")
    kept += ("record_link", "unique_link", "site", "extension", "codec")
    for leg_id, (leg_now, _) in whole.items():
        assert {name: getattr(left[leg_id][0], name) for name in kept} == {
            name: getattr(leg_now, name) for name in kept
        }
    calls, left_calls = folded_calls(placed(everything())), folded_calls(placed(map(destroyed, everything())))
    for call_id, (judged, _) in calls.items():
        assert (left_calls[call_id][0].judged, left_calls[call_id][0].legs) == (judged.judged, judged.legs)
