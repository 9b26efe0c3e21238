"""The words of the domain, as frozen values. Imports nothing of ours.

Everything that came over the wire is text for ever: ids, numbers and dates keep the text they came in, and what was
understood of them stands beside it. Absent text is ``""``. NUL and lone surrogates, which neither UTF-8 nor a
database can hold, are kept in their JSON escape (six characters, ``\\u0000``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class View(StrEnum):
    """One way in which the phone system tells of a leg or a call. Digests are compared within one view only."""

    BY_HOUR = "by-hour"
    BY_UNIQUE_ID = "by-unique-id"
    CALL_RECORDS = "call-records"


class TimeMark(StrEnum):
    """How far a wire time can be trusted."""

    CLEAR = "clear"
    TWICE = "twice"  # the clocks went back: it happened twice, the earlier is taken
    NEVER = "never"  # the clocks went forward: it never happened, read with the offset before the change
    UNREADABLE = "unreadable"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class WireTime:
    """A time as it came, beside the instant that it names.

    ``text`` is exactly what the wire held; ``utc`` is aware and in UTC, or ``None`` when the text names no instant.
    """

    text: str = ""
    utc: datetime | None = None
    mark: TimeMark = TimeMark.ABSENT


@dataclass(frozen=True, slots=True)
class RawEntry:
    """One entry of an answer, untouched.

    ``text`` is the entry's own JSON text; ``digest`` the SHA-256 (hex) of its canonical form: keys sorted, no blanks,
    values as text.
    """

    view: View
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class LegEntry:
    """What one view says of one leg (reference, 9.1 and 9.4).

    ``duration`` is in seconds; ``unreadable`` names the wire keys whose value could not be taken for what it should be.
    """

    raw: RawEntry
    call_record_id: str
    unique_id: str
    leg: str
    start: WireTime
    end: WireTime
    duration: float | None
    source: str
    destination: str
    did: str
    direction: str
    tag: str
    username: str
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallEntry:
    """What the call record list says of one dispositioned call (reference, 22.0: every key is proposed).

    ``duration`` is in seconds; ``fields`` holds the user fields by their own names, as text; ``template_id`` is that of
    the question.
    """

    raw: RawEntry
    template_id: str
    call_record_id: str
    unique_id: str
    lead_id: str
    external_lead_id: str
    date: WireTime
    duration: float | None
    disposition: str
    dial_attempts: str
    dialled_number: str
    campaign: str
    allocation: str
    fields: Mapping[str, str]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An element of an answer that is no entry: not an object, or without any id."""

    raw: RawEntry
    reason: str


@dataclass(frozen=True, slots=True)
class Audio:
    """What a check found in bytes that are audio.

    ``extension`` is sniffed, never told by the wire; ``seconds`` is what the bytes hold, not what a header claims;
    ``faults`` is empty for a sound recording.
    """

    extension: str  # wav, mp3, ogg
    codec: str  # pcm_s16le, gsm, ulaw, alaw, mp3, vorbis, ...
    channels: int
    sample_rate: int  # Hz
    seconds: float
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg on its way through the stages: who it is, and what the next stage must know of it.

    ``end`` is the instant (UTC) of its end and ``duration`` its length (seconds) as the phone system told them;
    ``answers`` are the ids of the conclusions of earlier runs that this run's conclusion takes the place of. ``again``:
    it is archived, and fetched once more because what is told of it changed, or because it came short.
    ``rejected``: what came before was no audio.
    """

    site: str
    leg_id: str
    day: date
    call_record_id: str
    unique_id: str
    leg: str
    end: datetime | None
    duration: float | None
    tries: int = 0
    answers: tuple[str, ...] = ()
    again: bool = False
    rejected: bool = False


class State(StrEnum):
    """A leg has exactly one. ``docs/format.md`` draws the diagram; ``journal.fold`` computes it."""

    DISCOVERED = "discovered"
    PENDING = "pending"
    ARCHIVED = "archived"
    MISSING = "missing"
    REJECTED = "rejected"
    FAILED = "failed"
    EXCUSED = "excused"
    QUARANTINED = "quarantined"


class FindingKind(StrEnum):
    """Something a person should know. A leg, a call, an object, an entry or a day may have none or many."""

    DURATION_MISMATCH = "duration mismatch"
    UNSOUND = "unsound"
    CONFLICT = "conflict"  # two different audios of one leg
    DOUBLE = "double"  # two legs, the same audio and the same start
    CHANGED_LATER = "changed later"  # told of with another end or duration once it was archived
    DAY_DISAGREEMENT = "day disagreement"
    INCOMPLETE_ID = "incomplete id"
    AMBIGUOUS_TIME = "ambiguous time"
    UNREADABLE_FIELD = "unreadable field"
    REFUSED_ENTRY = "refused entry"
    CALL_WITHOUT_RECORDING = "call without recording"
    CALL_RECORDS_INCOMPLETE = "call records incomplete"
    ORPHAN_OBJECT = "orphan object"
    GONE_OBJECT = "gone object"
    WITHDRAWN_OBJECT = "withdrawn object"  # by a quarantine: not gone
    HELD_OBJECT = "held object"  # a quarantine withdraws it, a lock keeps it
    DAMAGED_OBJECT = "damaged object"  # not what the journal says of it
    GONE_SEGMENT = "gone segment"
    DAMAGED_SEGMENT = "damaged segment"
    CATALOGUE_DISAGREEMENT = "catalogue disagreement"  # of a day: its rows are not what the journal makes of it
    DECISION_CONFLICT = "decision conflict"
    VIEW_DISAGREEMENT = "view disagreement"  # two views tell different things of one leg
    STATEMENT_CONFLICT = "statement conflict"  # two statements of one day have the same number


DAMAGE = frozenset(
    {
        FindingKind.GONE_OBJECT,
        FindingKind.DAMAGED_OBJECT,
        FindingKind.GONE_SEGMENT,
        FindingKind.DAMAGED_SEGMENT,
        FindingKind.CATALOGUE_DISAGREEMENT,
    }
)
"""Findings of objects by which the archive holds less, or says something else, than was archived."""


@dataclass(frozen=True, slots=True)
class Finding:
    kind: FindingKind
    detail: str


def identity_digest(*parts: str) -> str:
    """First 128 bits, hex, of SHA-256 over the length-prefixed UTF-8 parts.

    Each part is preceded by its length in bytes as an unsigned 32-bit big-endian number, so that no two tuples share
    one encoding.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()[:32]


def leg_id(site: str, call_record_id: str, unique_id: str, leg: str) -> str:
    """Identity of a leg: exact text, absent = ``""``. Start, tag, user and duration may change late and stay out."""
    return identity_digest(site, call_record_id, unique_id, leg)


def call_id(site: str, entry: CallEntry) -> str:
    """Identity of a call record: its id, else its unique call id, else lead id and call date (reference, 22.0)."""
    if entry.call_record_id:
        return identity_digest(site, "call record", entry.call_record_id)
    if entry.unique_id:
        return identity_digest(site, "unique id", entry.unique_id)
    return identity_digest(site, "lead", entry.lead_id, entry.date.text)


def leg_end(entry: LegEntry) -> datetime | None:
    """The instant (UTC) at which the leg ended: ``callend``, else Start + Duration, else ``None``."""
    if entry.end.utc is not None:
        return entry.end.utc
    if entry.start.utc is not None and entry.duration is not None:
        return entry.start.utc + timedelta(seconds=entry.duration)
    return None


def site_day(instant: datetime, zone: ZoneInfo) -> date:
    """The site-local date of an aware instant."""
    return instant.astimezone(zone).date()


def now_utc() -> datetime:
    """The system's clock, aware, in UTC. The pipeline takes a clock as an argument; this is the ordinary one."""
    return datetime.now(UTC)
