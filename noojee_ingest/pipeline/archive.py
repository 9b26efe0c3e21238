"""A batch of legs from the phone system to the journal: retrieve, store, record."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from noojee_ingest import noojee
from noojee_ingest.audio import NotAudio
from noojee_ingest.journal.events import AudioNotStored, AudioStored, Event, Outcome
from noojee_ingest.model import Audio, Leg
from noojee_ingest.noojee.recordings import HEAD
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.errors import PhoneSystemDown, RecordingTooLarge, SpoolFailed, SpoolFull
from noojee_ingest.pipeline.quarantine import is_there
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.retrieve import checked, retrieved
from noojee_ingest.pipeline.spool import Spooled
from noojee_ingest.pipeline.store import audio_key, keep_evidence, store_audio
from noojee_ingest.pipeline.withhold import held_back, left_in_evidence, record_withheld, withhold_audio
from noojee_ingest.pipeline.work import Streak, Work
from noojee_ingest.storage.errors import AlreadyExists, Damaged, StoreFailure

DOWNLOADS = 3
"""At most so many of one leg in one run, where what comes is not sound audio."""

NOT_THERE = "not there (404)"

NO_AUDIO = "not audio, like other legs before it"

LONGEST_WAIT = timedelta(hours=24)

ENDS_THE_RUN = (StoreFailure, SpoolFailed)
"""What every other leg would meet as well. Evidence that cannot be kept is not among it."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A conclusion about a leg that holds only if other legs fare better: else it is no fault of the leg's."""

    event: Event
    streak: Streak


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many legs of a batch were stored, how many concluded otherwise, and how many left without a conclusion."""

    stored: int
    not_stored: int
    left: int


def archive_batch(work: Work, legs: Sequence[Leg]) -> BatchResult:
    """Take legs through retrieve and store side by side, then record what became of all of them in one go.

    A leg whose way ends badly is concluded as such and stops no other. What ends the run (a key that is not accepted,
    a phone system that is down, a store or catalogue that fails) sets ``work.stop``, so that nothing more is asked of
    the phone system, and is raised after the other legs are recorded. So is what nobody expected, which stops no other
    batch.
    """
    held = held_back(work, legs)
    jobs = {work.workers.submit(archive_leg, work, leg, leg.leg_id in held): leg for leg in legs}
    wait(jobs)
    concluded: list[Event] = []
    failures: list[BaseException] = []
    for job in jobs:
        error = job.exception()
        if error is not None:
            failures.append(error)
            continue
        result = job.result()
        if isinstance(result, Doubtful):
            result = None if result.streak.is_on else result.event
        if result is not None:
            concluded.append(result)
    withheld = [event for event in concluded if isinstance(event, AudioStored) and event.withheld]
    try:
        record(work, [event for event in concluded if not (isinstance(event, AudioStored) and event.withheld)])
        record_withheld(work, withheld, held)
        record(work, [_taken_back(work, leg, event) for leg, event in work.pages.to_take_back()])
    except BaseException:
        work.stop.set()
        raise
    if work.outage.is_on:
        work.stop.set()
        raise PhoneSystemDown(work.site, str(work.outage.last), work.outage.limit)
    if work.denials.is_on and work.denials.last is not None:
        work.stop.set()
        raise work.denials.last
    if failures:
        raise failures[0]
    stored = sum(isinstance(event, AudioStored) for event in concluded)
    absent = sum(isinstance(event, AudioNotStored) and event.cause == NOT_THERE for event in concluded)
    work.tally.add(legs_stored=stored, legs_absent=absent)
    return BatchResult(stored, len(concluded) - stored, len(legs) - len(concluded))


def archive_leg(work: Work, leg: Leg, withheld: bool = False) -> Event | Doubtful | None:
    """One leg's way; what became of it, or ``None``: the run is being stopped, its deadline is over, nobody answers.

    ``withheld``: a rule sends its audio to evidence first.
    """
    if work.stop.is_set() or work.deadline.has_passed or work.outage.is_on or work.denials.is_on:
        return None
    try:
        event = _fetched(work, leg, withheld)
    except noojee.Interrupted:
        return None
    except ENDS_THE_RUN:
        work.stop.set()
        raise
    except (noojee.Unreachable, noojee.TimedOut) as error:
        return _doubtful(work, leg, error, work.outage)
    except noojee.AuthenticationFailed as error:
        return _doubtful(work, leg, error, work.denials)
    except noojee.NotFound:
        event = _not_stored(work, leg, _later(work, leg) if leg.again else Outcome.NOT_YET, NOT_THERE)
    except noojee.Gone:
        event = _not_stored(work, leg, Outcome.GONE, "gone at source (410)")
    except noojee.NoojeeError as error:
        event = _not_stored(work, leg, _later(work, leg), told(error))
    except SpoolFull as error:
        event = _not_stored(work, leg, _later(work, leg), str(error))
    except (RecordingTooLarge, AlreadyExists, Damaged) as error:
        event = _not_stored(work, leg, Outcome.GAVE_UP, str(error))
    work.outage.broken()
    work.denials.broken()
    work.tally.add(legs_done=1)
    return event


def _doubtful(work: Work, leg: Leg, error: noojee.NoojeeError, streak: Streak) -> Doubtful:
    streak.met(error)
    work.tally.add(legs_done=1)
    return Doubtful(_not_stored(work, leg, _later(work, leg), told(error)), streak)


def _fetched(work: Work, leg: Leg, withheld: bool) -> Event:
    """Download until the bytes are sound audio, or came twice the same, or ``DOWNLOADS`` times."""
    if withheld:
        try:
            left = left_in_evidence(work, leg)
        except StoreFailure as error:
            return _not_withheld(work, leg, error)
        if left is not None:
            return left
    before = ""
    for download in range(1, DOWNLOADS + 1):
        try:
            with retrieved(work, leg) as spooled:
                repeated = spooled.sha256 == before
                before = spooled.sha256
                final = repeated or download == DOWNLOADS
                event = _verdict(work, leg, spooled, repeated=repeated, final=final, withheld=withheld)
        except noojee.CutBody as cut:
            if download == DOWNLOADS or cut.received < HEAD:  # a cut within the head was tried again by the client
                raise
        else:
            if event is not None:
                return event
    raise AssertionError("the last download is final")


def _verdict(work: Work, leg: Leg, spooled: Spooled, *, repeated: bool, final: bool, withheld: bool) -> Event | None:
    """What is concluded of a leg's spooled bytes; ``None`` when they are to be fetched once more."""
    try:
        audio = checked(spooled)
    except NotAudio as verdict:
        return _no_audio(work, leg, spooled, verdict) if final else None
    work.pages.broken()
    if audio.faults and not final:
        return None
    known = leg.again and is_there(work.store.archive, audio_key(leg, spooled.sha256, audio.extension))
    if withheld and not known:
        return _withheld(work, leg, spooled, audio, repeated)
    return store_audio(work, leg, spooled, audio, repeated=repeated)


def _no_audio(work: Work, leg: Leg, spooled: Spooled, verdict: NotAudio) -> AudioNotStored:
    if work.pages.is_on:
        return _not_stored(work, leg, _later(work, leg), NO_AUDIO)
    try:
        key = keep_evidence(work, leg, spooled)
    except StoreFailure as error:  # sound audio has no need of that root
        work.evidence_failures.append(error)
        return _not_stored(work, leg, _later(work, leg), f"not audio: {verdict.reason}; its bytes cannot be kept")
    event = _not_stored(work, leg, Outcome.REJECTED, f"not audio: {verdict.reason}", key)
    work.pages.rejected(leg, event, verdict)
    return event


def _withheld(work: Work, leg: Leg, spooled: Spooled, audio: Audio, repeated: bool) -> Event:
    try:
        return withhold_audio(work, leg, spooled, audio, repeated=repeated)
    except StoreFailure as error:
        return _not_withheld(work, leg, error)


def _not_withheld(work: Work, leg: Leg, error: StoreFailure) -> AudioNotStored:
    """Other legs have no need of evidence, and this one must not enter the archive."""
    work.evidence_failures.append(error)
    return _not_stored(work, leg, _later(work, leg), "to be held back; its bytes cannot be kept")


def _taken_back(work: Work, leg: Leg, event: AudioNotStored) -> AudioNotStored:
    """A rejection that was no fault of the leg's: it is tried again like one that was not there yet."""
    return _not_stored(work, replace(leg, answers=(event.event_id,)), _later(work, leg), NO_AUDIO)


def _not_stored(work: Work, leg: Leg, outcome: Outcome, cause: str, evidence_key: str = "") -> AudioNotStored:
    now = work.clock()
    once_more = outcome is Outcome.REJECTED and not (leg.rejected or leg.again)
    return AudioNotStored(
        time=now,
        actor=work.actor,
        supersedes=leg.answers,
        site=leg.site,
        day=leg.day,
        leg_id=leg.leg_id,
        outcome=outcome,
        cause=cause,
        tries=leg.tries + 1,
        due=due_again(work, leg, now) if outcome is Outcome.NOT_YET or once_more else None,
        evidence_key=evidence_key,
    )


def due_again(work: Work, leg: Leg, now: datetime) -> datetime:
    """When a leg that was asked for at ``now`` (UTC) is next: after a wait that doubles with each try.

    At the latest when its lateness allowance ends, so that no leg counts as missing without a look after that.
    """
    pause = timedelta(minutes=work.settings.nightly.retry_minutes) * 2 ** min(leg.tries, 16)
    due: datetime = now + min(pause, LONGEST_WAIT)
    over = ended(work, leg) + work.lateness()
    return min(due, over) if now < over else due


def _later(work: Work, leg: Leg) -> Outcome:
    """What an error means that may pass: to be tried again by a later run, until the lateness allowance is over.

    A leg of long ago that is tried for the first time gets its second try all the same; it counts as overdue.
    """
    late = work.clock() - ended(work, leg) > work.lateness()
    return Outcome.GAVE_UP if late and leg.tries else Outcome.NOT_YET


def ended(work: Archivist, leg: Leg) -> datetime:
    """The instant from which a leg's lateness counts: its end; where unknown, the end of its day (site time)."""
    return leg.end or datetime.combine(leg.day + timedelta(days=1), time(), work.zone).astimezone(UTC)


def told(error: noojee.NoojeeError) -> str:
    """An error in words of ours: what the phone system wrote is personal and stays out of a cause."""
    for kind, words in CAUSES:
        if isinstance(error, kind):
            status = getattr(error, "status", None)
            return f"{words} ({status})" if status else words
    return "error"


CAUSES = (
    (noojee.Unreachable, "no answer"),
    (noojee.AuthenticationFailed, "key not accepted for it"),
    (noojee.TimedOut, "timed out"),
    (noojee.Busy, "phone system busy"),
    (noojee.ServerFault, "phone system fault"),
    (noojee.CutBody, "cut on the way"),
    (noojee.Refused, "refused"),
    (noojee.BadAnswer, "unreadable answer"),
)
