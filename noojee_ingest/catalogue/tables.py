"""The catalogue's tables.

Those in ``REBUILDABLE`` follow from the journal alone: no number that a database made up, no time of writing. Their
columns repeat the fields of the journal's dataclasses; a test fails when the two differ. Those in ``VOLATILE`` may be
lost (docs/format.md lists them).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from sqlalchemy import BigInteger, Index, Table
from sqlmodel import Field, SQLModel

from noojee_ingest.catalogue.columns import Findings, Instant, TextMap, Texts

REVISION = 4


def _instant() -> Any:
    return Field(sa_type=Instant)


def _instant_or_none() -> Any:
    return Field(default=None, sa_type=Instant)


class EventColumns(SQLModel):
    """What every fact carries of its event, and the segment that names it."""

    event_id: str
    time: dt.datetime = _instant()
    actor: str
    supersedes: tuple[str, ...] = Field(sa_type=Texts)
    site: str
    day: dt.date
    segment: str


class SightingColumns(SQLModel):
    """The latest event that said the same as the fact's own, and the segment that names it."""

    last_time: dt.datetime = _instant()
    last_event_id: str
    last_segment: str


class ListAnsweredRow(EventColumns, table=True):
    __tablename__ = "answer"
    __table_args__ = (
        Index("answer_scope", "site", "view", "scope"),
        Index("answer_asked", "site", "actor", "asked_at"),
    )

    event_id: str = Field(primary_key=True)
    view: str
    scope: str
    asked_at: dt.datetime = _instant()
    entries: int
    refused: int
    answer_digest: str
    overlaps: bool | None = None
    question: str | None = None


class LegSeenRow(EventColumns, SightingColumns, table=True):
    __tablename__ = "leg_seen"

    leg_id: str = Field(primary_key=True)
    fact_key: str = Field(primary_key=True)
    kind: str
    hour: int | None = None
    view: str
    findings: tuple[Any, ...] = Field(sa_type=Findings)
    record_link: str
    unique_link: str
    raw: str | None = None
    digest: str | None = None
    call_record_id: str | None = None
    unique_id: str | None = None
    leg: str | None = None
    start: dt.datetime | None = _instant_or_none()
    start_text: str | None = None
    start_mark: str | None = None
    end: dt.datetime | None = _instant_or_none()
    end_text: str | None = None
    end_mark: str | None = None
    duration: float | None = None
    source: str | None = None
    destination: str | None = None
    did: str | None = None
    direction: str | None = None
    tag: str | None = None
    username: str | None = None


class CallSeenRow(EventColumns, SightingColumns, table=True):
    __tablename__ = "call_seen"

    call_id: str = Field(primary_key=True)
    fact_key: str = Field(primary_key=True)
    kind: str
    view: str
    findings: tuple[Any, ...] = Field(sa_type=Findings)
    record_link: str
    unique_link: str
    raw: str | None = None
    digest: str | None = None
    template_id: str | None = None
    call_record_id: str | None = None
    unique_id: str | None = None
    lead_id: str | None = None
    external_lead_id: str | None = None
    called: dt.datetime | None = _instant_or_none()
    called_text: str | None = None
    called_mark: str | None = None
    duration: float | None = None
    disposition: str | None = None
    dial_attempts: str | None = None
    dialled_number: str | None = None
    campaign: str | None = None
    allocation: str | None = None
    fields: dict[str, str] | None = Field(default=None, sa_type=TextMap)


class EntryRefusedRow(EventColumns, table=True):
    __tablename__ = "refused_entry"
    __table_args__ = (Index("refused_entry_digest", "site", "view", "digest"),)

    event_id: str = Field(primary_key=True)
    view: str
    raw: str | None = None
    digest: str | None = None
    reason: str | None = None


class AudioStoredRow(EventColumns, SightingColumns, table=True):
    __tablename__ = "audio"
    __table_args__ = (Index("audio_day", "site", "day"),)

    leg_id: str = Field(primary_key=True)
    content_sha256: str = Field(primary_key=True)
    content_size: int = Field(sa_type=BigInteger)
    stored_sha256: str
    stored_size: int = Field(sa_type=BigInteger)
    encoding: str
    bucket: str
    key: str
    version_id: str
    checksum_type: str
    extension: str
    codec: str
    channels: int
    sample_rate: int
    seconds: float
    faults: tuple[str, ...] = Field(sa_type=Texts)
    findings: tuple[Any, ...] = Field(sa_type=Findings)
    adopted: bool


class AudioNotStoredRow(EventColumns, table=True):
    __tablename__ = "not_stored"

    leg_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    outcome: str
    cause: str
    tries: int
    due: dt.datetime | None = _instant_or_none()
    evidence_key: str


class LegAppraisedRow(EventColumns, table=True):
    __tablename__ = "leg_appraised"

    leg_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    verdict: str
    cause: str
    reason: str | None = None
    name: str | None = None


class CallAppraisedRow(EventColumns, table=True):
    __tablename__ = "call_appraised"

    call_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    verdict: str
    explained: bool
    cause: str
    reason: str | None = None
    name: str | None = None


class ObjectNotedRow(EventColumns, table=True):
    __tablename__ = "object_noted"

    key: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    finding: str
    detail: str
    cleared: bool


class LegRow(SQLModel, table=True):
    __tablename__ = "leg"
    __table_args__ = (
        Index("leg_day", "site", "day", "hour", "leg_id"),
        Index("leg_state", "site", "state", "day"),
        Index("leg_start", "site", "start"),
        Index("leg_unique_link", "unique_link"),
        Index("leg_record_link", "record_link"),
    )

    leg_id: str = Field(primary_key=True)
    site: str
    day: dt.date
    hour: int | None = None
    state: str
    cause: str
    due: dt.datetime | None = _instant_or_none()
    tries: int
    open_facts: tuple[str, ...] = Field(sa_type=Texts)
    record_link: str
    unique_link: str
    call_record_id: str | None = None
    unique_id: str | None = None
    leg: str | None = None
    start: dt.datetime | None = _instant_or_none()
    start_text: str | None = None
    end: dt.datetime | None = _instant_or_none()
    end_text: str | None = None
    duration: float | None = None
    source: str | None = None
    destination: str | None = None
    did: str | None = None
    direction: str | None = None
    tag: str | None = None
    username: str | None = None
    content_sha256: str | None = None
    content_size: int | None = Field(default=None, sa_type=BigInteger)
    seconds: float | None = None
    extension: str | None = None
    codec: str | None = None


class CallRow(SQLModel, table=True):
    __tablename__ = "call"
    __table_args__ = (
        Index("call_day", "site", "day", "judged"),
        Index("call_unique_link", "unique_link"),
        Index("call_record_link", "record_link"),
    )

    call_id: str = Field(primary_key=True)
    site: str
    day: dt.date
    judged: str
    cause: str
    legs: int
    open_facts: tuple[str, ...] = Field(sa_type=Texts)
    record_link: str
    unique_link: str
    template_id: str | None = None
    call_record_id: str | None = None
    unique_id: str | None = None
    lead_id: str | None = None
    external_lead_id: str | None = None
    called: dt.datetime | None = _instant_or_none()
    called_text: str | None = None
    duration: float | None = None
    disposition: str | None = None
    dial_attempts: str | None = None
    dialled_number: str | None = None
    campaign: str | None = None
    allocation: str | None = None
    fields: dict[str, str] | None = Field(default=None, sa_type=TextMap)


class LegSearchRow(SQLModel, table=True):
    """What a leg is found by: its terms, and its text by any part of it.

    ``at``: microseconds from 1970 to its start, UTC. ``number``: under which FTS5 knows its text.
    """

    __tablename__ = "leg_search"
    __table_args__ = ({"sqlite_with_rowid": False},)

    leg_id: str = Field(primary_key=True)
    site: str
    number: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    terms: tuple[str, ...] = Field(sa_type=Texts)
    text: str


class LegTermRow(SQLModel, table=True):
    """One term of one leg, so that the legs of a term come in order of their start. ``term``: a digest of it."""

    __tablename__ = "leg_term"
    __table_args__ = ({"sqlite_with_rowid": False},)

    term: str = Field(primary_key=True)
    at: int = Field(primary_key=True, sa_type=BigInteger)
    leg_id: str = Field(primary_key=True)


class FindingRow(SQLModel, table=True):
    __tablename__ = "finding"
    __table_args__ = (Index("finding_day", "site", "day", "kind"),)

    object_type: str = Field(primary_key=True)
    object_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    site: str
    day: dt.date
    detail: str


class DayRow(SQLModel, table=True):
    """A site-day's sums. The states add up to the legs."""

    __tablename__ = "day"

    site: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    discovered: int = 0
    pending: int = 0
    archived: int = 0
    missing: int = 0
    rejected: int = 0
    failed: int = 0
    excused: int = 0
    quarantined: int = 0
    audio_bytes: int = Field(default=0, sa_type=BigInteger)
    audio_ms: int = Field(default=0, sa_type=BigInteger)
    calls_recorded: int = 0
    calls_explained: int = 0
    calls_unexplained: int = 0
    calls_unjudged: int = 0
    findings: int = 0


class DirtyDayRow(SQLModel, table=True):
    """A site-day that changed since it was published last. ``mark``: made anew by every change."""

    __tablename__ = "dirty_day"

    site: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    mark: str


class PublishedToRow(SQLModel, table=True):
    """The lake to which a site's days were published last."""

    __tablename__ = "published_to"

    site: str = Field(primary_key=True)
    lake: str


class SegmentRow(SQLModel, table=True):
    """A segment that was applied."""

    __tablename__ = "segment"

    key: str = Field(primary_key=True)


class OpenSegmentRow(SQLModel, table=True):
    """A segment that a process was about to put. ``started``: when that process started, seconds since the epoch."""

    __tablename__ = "open_segment"

    key: str = Field(primary_key=True)
    host: str
    pid: int
    started: float


class RunRow(SQLModel, table=True):
    """A run of a flow: for ``status``. Lost with the catalogue."""

    __tablename__ = "run"
    __table_args__ = (Index("run_site", "site", "began"), Index("run_ended", "ended"))

    run_id: str = Field(primary_key=True)
    site: str
    flow: str
    host: str
    pid: int
    started: float
    began: dt.datetime = _instant()
    ended: dt.datetime | None = _instant_or_none()
    exit_code: int | None = None
    summary: str = ""
    undone: str = ""


class RevisionRow(SQLModel, table=True):
    __tablename__ = "revision"

    revision: int = Field(primary_key=True)


def table(row: type[SQLModel]) -> Table:
    """The Core table of a row class."""
    return cast(Table, row.__table__)  # type: ignore[attr-defined]


REBUILDABLE = (
    ListAnsweredRow, LegSeenRow, CallSeenRow, EntryRefusedRow, AudioStoredRow, AudioNotStoredRow,
    LegAppraisedRow, CallAppraisedRow, ObjectNotedRow, LegRow, CallRow, LegSearchRow, LegTermRow, FindingRow, DayRow,
    SegmentRow,
)  # fmt: skip
VOLATILE = (DirtyDayRow, PublishedToRow, OpenSegmentRow, RunRow, RevisionRow)
