"""Every kind of event that the journal holds, defined once.

An event is a frozen dataclass; its JSON line (``journal.lines``), the catalogue's columns and, later, the Arrow schema
follow from its fields. A field marked ``personal()`` holds what the phone system or a person wrote: on the line it
stands inside the member ``personal`` and nowhere else, and it is ``None`` once that member cannot be opened.

Kinds are words of the PREMIS event vocabulary.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from noojee_ingest.model import Finding, FindingKind, TimeMark, View, identity_digest

FORMAT_VERSION = 1


def personal(default: Any = None) -> Any:
    """A field for what the phone system or a person wrote."""
    return field(default=default, metadata={"personal": True})


def new_event_id() -> str:
    return uuid.uuid4().hex


class Outcome(StrEnum):
    """What a run concluded about a leg whose audio it did not store."""

    NOT_YET = "not yet"  # within the lateness allowance: tried again when due
    REJECTED = "rejected"  # what came is not audio
    GAVE_UP = "gave up"  # errors until after the lateness allowance
    GONE = "gone"  # the phone system says that it is gone for good


class Strength(StrEnum):
    """How closely a run of verify looked; each looks at all that the one before it does."""

    EXISTS = "exists"  # names and sizes
    CHECKSUM = "checksum"  # what the store recorded, the journal and the catalogue agree
    READ = "read"  # every byte was read and hashed


class Verdict(StrEnum):
    """What reconcile or a person decided about a leg or a call."""

    MISSING = "missing"
    RETRY = "retry"
    EXCUSE = "excuse"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    REPLACE = "replace"
    NO_RECORDING = "no recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events share. ``time`` is aware, UTC; ``supersedes`` names earlier events of the same object."""

    kind: ClassVar[str]
    object_type: ClassVar[str]
    object_field: ClassVar[str]  # the field that holds the object's id

    event_id: str = field(default_factory=new_event_id)
    time: datetime
    actor: str
    supersedes: tuple[str, ...] = ()
    site: str
    day: date  # the archive day whose segment holds the event


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnswered(Event):
    """A list was asked and answered; its new and changed entries are events of their own.

    ``scope`` is what was asked about: ``2026-03-10T21`` for an hour (site time), else a digest of the id.
    ``answer_digest`` is the SHA-256 over the sorted set of the entries' digests.
    ``overlaps`` is for polls of the call record list: ``False`` when nothing in it was known although the poll before
    held something, so that calls between the two may be unknown.
    """

    kind: ClassVar[str] = "metadata extraction"
    object_type: ClassVar[str] = "answer"
    object_field: ClassVar[str] = "scope"

    view: View
    scope: str
    asked_at: datetime
    entries: int
    refused: int
    answer_digest: str
    overlaps: bool | None = None
    question: str | None = personal()


def record_link(site: str, call_record_id: str) -> str:
    """What the legs and the call record of one call record id have in common once the id itself is destroyed."""
    return identity_digest(site, "call record", call_record_id)


def unique_link(site: str, unique_id: str) -> str:
    """As ``record_link``, for one unique id."""
    return identity_digest(site, "unique id", unique_id)


def _link(event: LegSeen | CallSeen) -> None:
    """Make the links of an event that is written; one that is read brings them, for its ids may be destroyed."""
    if event.call_record_id and not event.record_link:
        object.__setattr__(event, "record_link", record_link(event.site, event.call_record_id))
    if event.unique_id and not event.unique_link:
        object.__setattr__(event, "unique_link", unique_link(event.site, event.unique_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSeen(Event):
    """A view told of a leg. The earliest such event (this one or LegChanged) discovered the leg and fixes its day.

    ``record_link`` and ``unique_link`` are digests of the two ids, made from them where not given: by these a call
    record knows its legs, also when what is personal is destroyed. ``""`` where the entry lacks the id.
    """

    kind: ClassVar[str] = "accession"
    object_type: ClassVar[str] = "leg"
    object_field: ClassVar[str] = "leg_id"

    leg_id: str
    hour: int | None  # 0..23, site time, of the leg's end
    view: View
    findings: tuple[Finding, ...] = ()
    record_link: str = ""
    unique_link: str = ""
    raw: str | None = personal()
    digest: str | None = personal()
    call_record_id: str | None = personal()
    unique_id: str | None = personal()
    leg: str | None = personal()
    start: datetime | None = personal()
    start_text: str | None = personal()
    start_mark: TimeMark | None = personal()
    end: datetime | None = personal()
    end_text: str | None = personal()
    end_mark: TimeMark | None = personal()
    duration: float | None = personal()  # seconds
    source: str | None = personal()
    destination: str | None = personal()
    did: str | None = personal()
    direction: str | None = personal()
    tag: str | None = personal()
    username: str | None = personal()

    def __post_init__(self) -> None:
        _link(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegChanged(LegSeen):
    """As LegSeen, of a leg that the writer knew already."""

    kind: ClassVar[str] = "metadata modification"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen(Event):
    """The call record list told of a dispositioned call that is new. The links are those of LegSeen."""

    kind: ClassVar[str] = "accession"
    object_type: ClassVar[str] = "call"
    object_field: ClassVar[str] = "call_id"

    call_id: str
    view: View = View.CALL_RECORDS
    findings: tuple[Finding, ...] = ()
    record_link: str = ""
    unique_link: str = ""
    raw: str | None = personal()
    digest: str | None = personal()
    template_id: str | None = personal()
    call_record_id: str | None = personal()
    unique_id: str | None = personal()
    lead_id: str | None = personal()
    external_lead_id: str | None = personal()
    called: datetime | None = personal()
    called_text: str | None = personal()
    called_mark: TimeMark | None = personal()
    duration: float | None = personal()  # seconds
    disposition: str | None = personal()
    dial_attempts: str | None = personal()
    dialled_number: str | None = personal()
    campaign: str | None = personal()
    allocation: str | None = personal()
    fields: Mapping[str, str] | None = personal()

    def __post_init__(self) -> None:
        _link(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged(CallSeen):
    """As CallSeen, of a call record that the writer knew already."""

    kind: ClassVar[str] = "metadata modification"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRefused(Event):
    """An element of an answer that is no entry; its bytes are kept here, it is a leg or a call of nobody."""

    kind: ClassVar[str] = "validation"
    object_type: ClassVar[str] = "entry"
    object_field: ClassVar[str] = "event_id"

    view: View
    raw: str | None = personal()
    digest: str | None = personal()
    reason: str | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStored(Event):
    """A leg's audio is in the store under a checksum that the store verified.

    ``content_*`` describe the audio, ``stored_*`` the object that holds it; they differ only where ``encoding`` is not
    ``identity``. ``adopted``: the object was found in the store after a crash and not downloaded again. ``withheld``: a
    rule kept the audio out of the archive; it is in ``evidence``, where a quarantine keeps it, until it is released.
    """

    kind: ClassVar[str] = "ingestion"
    object_type: ClassVar[str] = "leg"
    object_field: ClassVar[str] = "leg_id"

    leg_id: str
    content_sha256: str
    content_size: int  # bytes
    stored_sha256: str
    stored_size: int  # bytes
    encoding: str = "identity"
    bucket: str
    key: str
    version_id: str
    checksum_type: str
    extension: str
    codec: str
    channels: int
    sample_rate: int  # Hz
    seconds: float
    faults: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    adopted: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioNotStored(Event):
    """What a run concluded about a leg whose audio it could not store.

    ``due``: not to be tried again before (UTC). ``evidence_key``: where the rejected bytes are kept, ``""`` = none.
    """

    kind: ClassVar[str] = "capture"
    object_type: ClassVar[str] = "leg"
    object_field: ClassVar[str] = "leg_id"

    leg_id: str
    outcome: Outcome
    cause: str
    tries: int
    due: datetime | None = None
    evidence_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAppraised(Event):
    """Reconcile or a person decided about a leg; ``supersedes`` names the facts that the decision answers."""

    kind: ClassVar[str] = "appraisal"
    object_type: ClassVar[str] = "leg"
    object_field: ClassVar[str] = "leg_id"

    leg_id: str
    verdict: Verdict
    cause: str = ""
    reason: str | None = personal()
    name: str | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAppraised(Event):
    """Reconcile or a person decided about a call without a recording. ``explained``: a rule or a person says why."""

    kind: ClassVar[str] = "appraisal"
    object_type: ClassVar[str] = "call"
    object_field: ClassVar[str] = "call_id"

    call_id: str
    verdict: Verdict
    explained: bool
    cause: str = ""
    reason: str | None = personal()
    name: str | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectNoted(Event):
    """A comparison with the store found something about one object. ``cleared`` ends the notes it supersedes."""

    kind: ClassVar[str] = "validation"
    object_type: ClassVar[str] = "object"
    object_field: ClassVar[str] = "key"

    key: str
    finding: FindingKind
    detail: str
    cleared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStated(Event):
    """What a day adds up to, as of all segments that this statement and those before it name.

    ``number`` counts a day's statements from 1; ``seal`` is the SHA-256 of this one's canonical text
    (``journal.statement``), ``predecessor`` the seal of the one before, ``""`` of none.
    ``segments``: the keys that it covers and no statement before it did; ``contents``: the SHA-256 of each of them as
    the store took it, in their order, ``""`` where the store has it no more. ``root`` is that of the tree over the
    ``leaves``, the audio in force of archived legs (``journal.statement``). ``states``, ``calls`` and ``found`` count
    legs, call records and findings by their words. ``final``: no list is to be asked about the day again, and nothing
    of it is awaited.
    """

    kind: ClassVar[str] = "message digest calculation"
    object_type: ClassVar[str] = "day"
    object_field: ClassVar[str] = "site_day"

    site_day: str
    number: int
    predecessor: str
    segments: tuple[str, ...]
    contents: tuple[str, ...]
    root: str
    leaves: int
    states: Mapping[str, int]
    calls: Mapping[str, int]
    found: Mapping[str, int]
    audio_bytes: int
    audio_ms: int
    final: bool
    seal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accessed(Event):
    """Audio was given out: whose, which (the SHA-256 of its content), to whom and why. Its day is that of the access.

    It is journalled before the first byte is given out.
    """

    kind: ClassVar[str] = "dissemination"
    object_type: ClassVar[str] = "leg"
    object_field: ClassVar[str] = "leg_id"

    leg_id: str
    sha256: str
    reason: str | None = personal()
    name: str | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixityChecked(Event):
    """A run of verify came to its end; each object that failed has an ObjectNoted of its own.

    ``selector``: what it checked, as ``pipeline.selection`` writes and reads it. ``began``: what is in the archive
    since before this instant, and is selected, was checked. ``checked``: how many names; ``list_digest`` is the SHA-256
    of them, each ended by a line feed, in the order of their days and sorted within a day. ``failed``: how many of them
    failed, and of others that should not be there.
    """

    kind: ClassVar[str] = "fixity check"
    object_type: ClassVar[str] = "selection"
    object_field: ClassVar[str] = "selector"

    selector: str
    strength: Strength
    began: datetime
    checked: int
    list_digest: str
    failed: int


KINDS: tuple[type[Event], ...] = (
    ListAnswered,
    LegSeen,
    LegChanged,
    CallSeen,
    CallChanged,
    EntryRefused,
    AudioStored,
    AudioNotStored,
    LegAppraised,
    CallAppraised,
    ObjectNoted,
    FixityChecked,
    Accessed,
    DayStated,
)
