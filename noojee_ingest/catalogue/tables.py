"""The catalogue's tables of what follows from the facts, and the list of all tables.

Those in ``REBUILDABLE`` follow from the journal alone: no number that a database made up, no time of writing. Those in
``VOLATILE`` may be lost (docs/format.md lists them).
"""

from __future__ import annotations

import datetime as dt
from typing import cast

from sqlalchemy import BigInteger, Index, Table
from sqlmodel import Field, SQLModel

from noojee_ingest.catalogue.columns import TextMap, Texts, instant, instant_or_none
from noojee_ingest.catalogue.fact_tables import (
    AccessedRow,
    AudioNotStoredRow,
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    DayStatedRow,
    EntryRefusedRow,
    FixityCheckedRow,
    LegAppraisedRow,
    LegSeenRow,
    ListAnsweredRow,
    ObjectNotedRow,
)

REVISION = 6


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
    due: dt.datetime | None = instant_or_none()
    tries: int
    open_facts: tuple[str, ...] = Field(sa_type=Texts)
    record_link: str
    unique_link: str
    call_record_id: str | None = None
    unique_id: str | None = None
    leg: str | None = None
    start: dt.datetime | None = instant_or_none()
    start_text: str | None = None
    end: dt.datetime | None = instant_or_none()
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
    called: dt.datetime | None = instant_or_none()
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
    began: dt.datetime = instant()
    ended: dt.datetime | None = instant_or_none()
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
    ListAnsweredRow, LegSeenRow, CallSeenRow, EntryRefusedRow, AudioStoredRow, AudioNotStoredRow, LegAppraisedRow,
    CallAppraisedRow, ObjectNotedRow, DayStatedRow, FixityCheckedRow, AccessedRow, LegRow, CallRow, LegSearchRow,
    LegTermRow, FindingRow, DayRow, SegmentRow,
)  # fmt: skip
VOLATILE = (DirtyDayRow, PublishedToRow, OpenSegmentRow, RunRow, RevisionRow)
