"""Reconcile: what a day's facts add up to, and the decisions that no single leg can take."""

from __future__ import annotations

from datetime import date

from noojee_ingest.catalogue import queries
from noojee_ingest.journal.events import CallAppraised, Event, LegAppraised, Verdict
from noojee_ingest.journal.fold import Judged
from noojee_ingest.model import View, identity_digest
from noojee_ingest.pipeline.archive import NOT_THERE, ended
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.discover import call_end
from noojee_ingest.pipeline.explain import explanation, is_excused
from noojee_ingest.pipeline.record import record


def reconcile(work: Archivist, day: date) -> None:
    """Decide which legs of a day are missing and which of its calls rightly have no recording; journal what is new."""
    record(work, [*_missing(work, day), *_without_recording(work, day)])


def _missing(work: Archivist, day: date) -> list[Event]:
    """Recordings that were still not there when a run asked after the lateness allowance.

    A leg asked for before that is due at its end (``archive.due_again``): one due later was asked for since.
    """
    now = work.clock()
    events: list[Event] = []
    for row in queries.pending_legs(work.catalogue, work.site, day):
        leg = queries.leg_of(row)
        over = ended(work, leg) + work.lateness()
        if row["cause"] != NOT_THERE or now <= over or row["due"] is None or row["due"] <= over:
            continue
        hours = work.settings.nightly.lateness_hours
        events.append(
            LegAppraised(
                time=now,
                actor=work.actor,
                supersedes=leg.answers,
                site=work.site,
                day=day,
                leg_id=leg.leg_id,
                verdict=Verdict.MISSING,
                cause=f"not there {hours:g} h after its end",
            )
        )
    return events


def _without_recording(work: Archivist, day: date) -> list[Event]:
    """Calls without legs: explained by a rule, or not, once the phone system was asked about them."""
    calls = queries.calls_without_legs(work.catalogue, work.site, [day])
    scopes = {call["call_id"]: identity_digest(work.site, "unique id", call["unique_id"] or "") for call in calls}
    asked = queries.answers(work.catalogue, work.site, View.BY_UNIQUE_ID, scopes.values())
    now = work.clock()
    events: list[Event] = []
    for call in calls:
        if is_excused(call):
            continue  # a person's word; it ends by another one
        cause = explanation(work, call)
        over = call_end(work, call)
        if not cause and call["unique_id"] and scopes[call["call_id"]] not in asked:
            continue  # still going on, or its question failed: the next run asks
        if over > now:
            continue
        judged = Judged.EXPLAINED if cause else Judged.UNEXPLAINED
        if (call["judged"], call["cause"]) == (judged.value, cause):
            continue
        events.append(
            CallAppraised(
                time=now,
                actor=work.actor,
                supersedes=call["open_facts"],
                site=work.site,
                day=day,
                call_id=call["call_id"],
                verdict=Verdict.NO_RECORDING,
                explained=bool(cause),
                cause=cause,
            )
        )
    return events
