"""Show: all that is known of a call, its legs, where each object is, and its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.lines import MEMBERS
from noojee_ingest.model import Finding, TimeMark
from noojee_ingest.pipeline.checks import last_checked
from noojee_ingest.pipeline.examine import evidence_name
from noojee_ingest.storage.errors import NotFound
from noojee_ingest.storage.root import Root


@dataclass(frozen=True)
class Dossier:
    """``calls``, ``legs``, ``audio`` and ``findings`` are rows of the catalogue; ``history`` is from the journal.

    A row of ``audio`` has a member ``checked`` besides: when it was last checked, by each strength.
    """

    calls: list[queries.Row]
    legs: list[queries.Row]
    audio: list[queries.Row]
    findings: list[queries.Row]
    history: list[Event]

    @property
    def found(self) -> bool:
        return bool(self.calls or self.legs)


def show(catalogue: Catalogue, archive: Root, name: str, *, site: str | None = None) -> Dossier:
    """Everything about the call with this call record id, unique id, or leg id; of one site, or of all.

    The history is read from the segments that name the call, its legs and their objects. Raises JournalError where one
    is damaged or gone, StorageError.
    """
    named = queries.legs_named(catalogue, name, site)
    calls = queries.calls_named(catalogue, [name, *_ids(named)], site)
    legs = _with_siblings(catalogue, named, calls)
    leg_ids, call_ids = [row["leg_id"] for row in legs], [row["call_id"] for row in calls]
    audio = queries.audio_of(catalogue, leg_ids)
    checked = last_checked(catalogue, audio)
    audio = [{**row, "checked": checked[row["key"]]} for row in audio]
    keys = [name for row in audio for name in (row["key"], evidence_name(row["key"]))]
    found = queries.findings_of(catalogue, [*leg_ids, *call_ids, *keys])
    return Dossier(calls, legs, audio, found, _history(catalogue, archive, leg_ids, call_ids, keys))


def _ids(rows: list[queries.Row]) -> set[str]:
    return {row[column] for row in rows for column in ("call_record_id", "unique_id") if row[column]}


def _with_siblings(catalogue: Catalogue, named: list[queries.Row], calls: list[queries.Row]) -> list[queries.Row]:
    """The legs named, and the other legs of the same calls."""
    found = {row["leg_id"]: row for row in named}
    sites = {row["site"] for row in (*named, *calls)}
    names = _ids(named) | _ids(calls)
    for site in sorted(sites):
        ids = [row["leg_id"] for row in queries.legs_with_ids(catalogue, site, names, names)]
        found.update(queries.legs_by_id(catalogue, ids))
    return sorted(
        found.values(), key=lambda row: (row["site"], row["start_text"] is None, row["leg"] or "", row["leg_id"])
    )


def _history(
    catalogue: Catalogue, archive: Root, leg_ids: list[str], call_ids: list[str], keys: list[str]
) -> list[Event]:
    about = {*leg_ids, *call_ids, *keys}
    events = [
        event
        for key in queries.segments_about(catalogue, leg_ids=leg_ids, call_ids=call_ids, keys=keys)
        for event in _segment(archive, key).events
        if getattr(event, type(event).object_field) in about
    ]
    return sorted(events, key=lambda event: (event.time, event.event_id))


def _segment(archive: Root, key: str) -> segment.Segment:
    try:
        return segment.read(archive, key)
    except NotFound as error:
        raise SegmentsGone(1, key) from error


ENVELOPE = {
    "event_id",
    "time",
    "actor",
    "supersedes",
    "site",
    "day",
    "raw",
    "digest",
    "findings",
    "record_link",
    "unique_link",
}


UNREMARKABLE = (TimeMark.CLEAR, TimeMark.ABSENT)
"""Of marks: a time that can be trusted, or is not there."""


def told(event: Event, zone: ZoneInfo) -> str:
    """What an event says, in one line: its own fields that hold something, instants in site time."""
    said = [
        f"{member.name.replace('_', ' ')} {_text(getattr(event, member.name), zone)}"
        for member in MEMBERS[type(event)]
        if member.name not in ENVELOPE
        and member.name != type(event).object_field
        and not member.name.endswith("_text")
        and getattr(event, member.name) not in (None, "", (), *UNREMARKABLE)
        and getattr(event, member.name) is not False
    ]
    return ", ".join(said)


def _text(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    if isinstance(value, tuple) and value and isinstance(value[0], Finding):
        return "; ".join(f"{item.kind}: {item.detail}" for item in value)
    return str(value)
