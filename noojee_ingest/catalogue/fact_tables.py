"""The catalogue's tables of facts: one row for an event, or for all that said the same.

Their columns repeat the fields of the journal's dataclasses; a test fails when the two differ.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from noojee_ingest.catalogue.columns import Counts, Findings, TextMap, Texts, instant, instant_or_none


class EventColumns(SQLModel):
    """What every fact carries of its event, and the segment that names it."""

    event_id: str
    time: dt.datetime = instant()
    actor: str
    supersedes: tuple[str, ...] = Field(sa_type=Texts)
    site: str
    day: dt.date
    segment: str


class SightingColumns(SQLModel):
    """The latest event that said the same as the fact's own, and the segment that names it."""

    last_time: dt.datetime = instant()
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
    asked_at: dt.datetime = instant()
    entries: int
    refused: int
    answer_digest: str
    overlaps: bool | None = None
    question: str | None = None


class LegSeenRow(EventColumns, SightingColumns, table=True):
    __tablename__ = "leg_seen"
    __table_args__ = (Index("leg_seen_day", "site", "day"),)

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
    start: dt.datetime | None = instant_or_none()
    start_text: str | None = None
    start_mark: str | None = None
    end: dt.datetime | None = instant_or_none()
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
    __table_args__ = (Index("call_seen_day", "site", "day"),)

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
    called: dt.datetime | None = instant_or_none()
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
    withheld: bool


class AudioNotStoredRow(EventColumns, table=True):
    __tablename__ = "not_stored"
    __table_args__ = (Index("not_stored_day", "site", "day"),)

    leg_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    outcome: str
    cause: str
    tries: int
    due: dt.datetime | None = instant_or_none()
    evidence_key: str


class LegAppraisedRow(EventColumns, table=True):
    __tablename__ = "leg_appraised"
    __table_args__ = (Index("leg_appraised_day", "site", "day"),)

    leg_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    verdict: str
    cause: str
    reason: str | None = None
    name: str | None = None


class CallAppraisedRow(EventColumns, table=True):
    __tablename__ = "call_appraised"
    __table_args__ = (Index("call_appraised_day", "site", "day"),)

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


class DayStatedRow(EventColumns, table=True):
    __tablename__ = "day_stated"
    __table_args__ = (Index("day_stated_day", "site", "day", "number", "time", "event_id", "final"),)

    site_day: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    number: int
    predecessor: str
    segments: tuple[str, ...] = Field(sa_type=Texts)
    contents: tuple[str, ...] = Field(sa_type=Texts)
    root: str
    leaves: int
    states: dict[str, int] = Field(sa_type=Counts)
    calls: dict[str, int] = Field(sa_type=Counts)
    found: dict[str, int] = Field(sa_type=Counts)
    audio_bytes: int = Field(sa_type=BigInteger)
    audio_ms: int = Field(sa_type=BigInteger)
    final: bool
    seal: str


class AccessedRow(EventColumns, table=True):
    __tablename__ = "access"

    leg_id: str = Field(index=True)
    event_id: str = Field(primary_key=True)
    sha256: str
    reason: str | None = None
    name: str | None = None


class FixityCheckedRow(EventColumns, table=True):
    __tablename__ = "fixity_checked"
    __table_args__ = (Index("fixity_checked_began", "site", "began"),)

    selector: str
    event_id: str = Field(primary_key=True)
    strength: str
    began: dt.datetime = instant()
    checked: int
    list_digest: str
    failed: int
