"""A batch of legs from the phone system to the journal: retrieve, store, record."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from noojee_ingest import noojee
from noojee_ingest.audio import NotAudio
from noojee_ingest.journal.events import AudioNotStored, AudioStored, Event, Outcome
from noojee_ingest.model import Leg
from noojee_ingest.pipeline.errors import PhoneSystemDown, RecordingTooLarge, SpoolFull
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.retrieve import checked, retrieved
from noojee_ingest.pipeline.store import keep_evidence, store_audio
from noojee_ingest.pipeline.work import Work

DOWNLOADS = 3
"""At most so many of one leg in one run, where what comes is not sound audio."""

NOT_THERE = "not there (404)"

LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many legs of a batch were stored, how many concluded otherwise, and how many left without a conclusion."""

    stored: int
    not_stored: int
    left: int


def archive_batch(work: Work, legs: Sequence[Leg]) -> BatchResult:
    """Take legs through retrieve and store side by side, then record what became of all of them in one go.

    A leg whose way ends badly is concluded as such and stops no other. What ends the run (a key that is not accepted,
    a phone system that is down, a store or catalogue that fails) is raised after the other legs are recorded.
    """
    jobs = {work.workers.submit(archive_leg, work, leg): leg for leg in legs}
    wait(jobs)
    concluded: list[Event] = []
    failures: list[BaseException] = []
    for job in jobs:
        error = job.exception()
        if error is not None:
            failures.append(error)
            continue
        event = job.result()
        if event is not None:
            concluded.append(event)
    record(work, concluded)
    if work.outage.is_on:
        raise PhoneSystemDown(work.site, work.outage.last, work.outage.limit)
    for failure in failures:
        if not isinstance(failure, noojee.Unreachable):
            raise failure
    stored = sum(isinstance(event, AudioStored) for event in concluded)
    return BatchResult(stored, len(concluded) - stored, len(legs) - len(concluded))


def archive_leg(work: Work, leg: Leg) -> Event | None:
    """One leg's way; what became of it, or ``None`` when the run is being stopped or nobody answers."""
    if work.stop.is_set() or work.outage.is_on:
        return None
    try:
        event = _fetched(work, leg)
    except noojee.Interrupted:
        return None
    except noojee.AuthenticationFailed:
        work.stop.set()
        raise
    except noojee.Unreachable as error:
        work.outage.unanswered(error)
        return None
    except noojee.NotFound:
        event = _not_stored(work, leg, Outcome.NOT_YET, NOT_THERE)
    except noojee.Gone:
        event = _not_stored(work, leg, Outcome.GONE, "gone at source (410)")
    except noojee.NoojeeError as error:
        late = work.clock() - ended(leg) > work.lateness()
        event = _not_stored(work, leg, Outcome.GAVE_UP if late else Outcome.NOT_YET, told(error))
    except (RecordingTooLarge, SpoolFull) as error:
        event = _not_stored(work, leg, Outcome.GAVE_UP, str(error))
    work.outage.answered()
    work.tally.add(legs_done=1)
    return event


def _fetched(work: Work, leg: Leg) -> Event:
    """Download until the bytes are sound audio, or came twice the same, or ``DOWNLOADS`` times."""
    before = ""
    for download in range(1, DOWNLOADS + 1):
        with retrieved(work, leg) as spooled:
            repeated = spooled.sha256 == before
            final = repeated or download == DOWNLOADS
            before = spooled.sha256
            try:
                audio = checked(spooled)
            except NotAudio as verdict:
                if final:
                    key = keep_evidence(work, leg, spooled)
                    return _not_stored(work, leg, Outcome.REJECTED, f"not audio: {verdict.reason}", key)
            else:
                if final or not audio.faults:
                    return store_audio(work, leg, spooled, audio, repeated=repeated)
    raise AssertionError("the last download is final")


def _not_stored(work: Work, leg: Leg, outcome: Outcome, cause: str, evidence_key: str = "") -> AudioNotStored:
    tries = leg.tries + 1
    due = None
    if outcome is Outcome.NOT_YET:
        pause = timedelta(minutes=work.settings.nightly.retry_minutes) * 2 ** min(leg.tries, 16)
        due = work.clock() + min(pause, LONGEST_WAIT)
    return AudioNotStored(
        time=work.clock(),
        actor=work.actor,
        supersedes=leg.answers,
        site=leg.site,
        day=leg.day,
        leg_id=leg.leg_id,
        outcome=outcome,
        cause=cause,
        tries=tries,
        due=due,
        evidence_key=evidence_key,
    )


def ended(leg: Leg) -> datetime:
    """The instant (UTC) from which a leg's lateness counts: its end; where unknown, the end of its day."""
    return leg.end or datetime.combine(leg.day + timedelta(days=1), time(), UTC)


def told(error: noojee.NoojeeError) -> str:
    """An error in words of ours: what the phone system wrote is personal and stays out of a cause."""
    for kind, words in CAUSES:
        if isinstance(error, kind):
            status = getattr(error, "status", None)
            return f"{words} ({status})" if status else words
    return "error"


CAUSES = (
    (noojee.TimedOut, "timed out"),
    (noojee.Busy, "phone system busy"),
    (noojee.ServerFault, "phone system fault"),
    (noojee.CutBody, "cut on the way"),
    (noojee.Refused, "refused"),
    (noojee.BadAnswer, "unreadable answer"),
)
