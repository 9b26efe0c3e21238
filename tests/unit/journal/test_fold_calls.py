"""Calls of which people say that they need no recording."""

from __future__ import annotations

import pytest

from noojee_ingest.journal.events import CallAppraised, Verdict
from noojee_ingest.journal.fold import CallNow, Judged
from noojee_ingest.model import Finding, FindingKind
from tests.unit.journal.folding import folded_calls, placed
from tests.unit.journal.story import at, call, call_appraised, call_seen, leg_seen

EXCUSED = "excused by a person"


def judged(*events: CallAppraised) -> tuple[CallNow, list[Finding]]:
    return folded_calls(placed([call_seen(14), *events]))[call(14)]


def excuse(minute: float, *, supersedes: tuple[str, ...] = ()) -> CallAppraised:
    told = {"verdict": Verdict.EXCUSE, "cause": EXCUSED, "time": at(minute), "supersedes": supersedes}
    return call_appraised(14, explained=True, **told)


UNEXPLAINED = call_appraised(14, explained=False)


def test_an_excuse_explains_a_call() -> None:
    now, findings = judged(UNEXPLAINED, excuse(95, supersedes=(UNEXPLAINED.event_id,)))
    assert (now.judged, now.cause, findings) == (Judged.EXPLAINED, EXCUSED, [])


@pytest.mark.parametrize("minute", [50, 130])
def test_beside_a_judgement_that_is_in_force_too_it_counts_and_both_are_told(minute: float) -> None:
    now, findings = judged(UNEXPLAINED, excuse(minute))
    assert (now.judged, now.cause) == (Judged.EXPLAINED, EXCUSED)
    assert [one.kind for one in findings] == [FindingKind.DECISION_CONFLICT]
    assert len(now.open_facts) == 2


def test_taken_back_the_call_is_unexplained() -> None:
    first = excuse(95, supersedes=(UNEXPLAINED.event_id,))
    back = call_appraised(
        14, explained=False, verdict=Verdict.RETRY, cause="", time=at(96), supersedes=(first.event_id,)
    )
    now, findings = judged(UNEXPLAINED, first, back)
    assert (now.judged, now.cause) == (Judged.UNEXPLAINED, "")
    assert now.open_facts == (back.event_id,)
    assert [one.kind for one in findings] == [FindingKind.CALL_WITHOUT_RECORDING]


def test_a_call_whose_leg_turns_up_is_recorded_whatever_was_said() -> None:
    events = [call_seen(0), leg_seen(0), call_appraised(0, explained=True, verdict=Verdict.EXCUSE, cause=EXCUSED)]
    now, findings = folded_calls(placed(events))[call(0)]
    assert (now.judged, now.cause, findings) == (Judged.RECORDED, "", [])
