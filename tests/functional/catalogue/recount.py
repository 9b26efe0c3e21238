"""What a catalogue should hold, counted anew: from the events by folding in memory, and from its own rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any

from sqlalchemy import select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.tables import REBUILDABLE, CallRow, DayRow, FindingRow, LegRow, SegmentRow, table
from noojee_ingest.journal.events import AudioStored, DayStated, EntryRefused, Event, ListAnswered, ObjectNoted
from noojee_ingest.journal.fold import one_of_each
from noojee_ingest.model import Finding, FindingKind, State
from tests.unit.journal.folding import folded_calls, folded_days, folded_legs, folded_objects, leg_facts, placed

Rows = list[dict[str, Any]]

WHERE = ("segment", "last_segment")
"""Columns that say in which segment something stands."""


def rows(catalogue: Catalogue, row: Any, without: Iterable[str] = ()) -> Rows:
    """All rows of a table, in the order of their keys."""
    target = table(row)
    question = select(*(column for column in target.columns if column.name not in without))
    with catalogue.read("counting") as connection:
        return [dict(found) for found in connection.execute(question.order_by(*target.primary_key.columns)).mappings()]


def contents(catalogue: Catalogue) -> dict[str, Rows]:
    """All that is rebuildable."""
    return {row.__tablename__: rows(catalogue, row) for row in REBUILDABLE}


def contents_of_any_cut(catalogue: Catalogue) -> dict[str, Rows]:
    """All that is rebuildable, but for how the events were cut into segments."""
    return {row.__tablename__: rows(catalogue, row, WHERE) for row in REBUILDABLE if row is not SegmentRow}


def _plain(now: Any) -> dict[str, Any]:
    values = {field.name: getattr(now, field.name) for field in fields(now)}
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}


def expected(events: Sequence[Event]) -> dict[str, Rows]:
    """The tables leg, call, finding and day, from the events alone, by folding them in memory all at once."""
    legs, calls = folded_legs(placed(events)), folded_calls(placed(events))
    found: dict[tuple[str, str], tuple[str, Any, list[Finding]]] = {}
    for leg_id, (leg, findings) in legs.items():
        found["leg", leg_id] = leg.site, leg.day, findings + _doubles(events, leg_id, legs)
    for call_id, (call, findings) in calls.items():
        found["call", call_id] = call.site, call.day, findings
    notes = {event.key: event for event in events if isinstance(event, ObjectNoted)}
    for key, findings in folded_objects(placed(events)).items():
        found["object", key] = notes[key].site, notes[key].day, findings
    days = {event.site_day: event for event in events if isinstance(event, DayStated)}
    for site_day, findings in folded_days(placed(events)).items():
        found["day", site_day] = days[site_day].site, days[site_day].day, findings
    for event in events:
        if isinstance(event, ListAnswered) and event.overlaps is False:
            kind, detail = FindingKind.CALL_RECORDS_INCOMPLETE, "nothing in this poll was known from the one before"
            found["answer", event.event_id] = event.site, event.day, [Finding(kind, detail)]
        if isinstance(event, EntryRefused):
            refused = Finding(FindingKind.REFUSED_ENTRY, f"in the {event.view} list")
            found["entry", event.event_id] = event.site, event.day, [refused]
    finding_rows = [
        {"object_type": kind, "object_id": name, "kind": one.kind.value, "site": site, "day": day, "detail": one.detail}
        for (kind, name), (site, day, findings) in found.items()
        for one in one_of_each(findings)
    ]
    leg_rows, call_rows = [_plain(leg) for leg, _ in legs.values()], [_plain(call) for call, _ in calls.values()]
    return {
        "leg": sorted(leg_rows, key=lambda row: row["leg_id"]),
        "call": sorted(call_rows, key=lambda row: row["call_id"]),
        "finding": sorted(finding_rows, key=lambda row: (row["object_type"], row["object_id"], row["kind"])),
        "day": sums(leg_rows, call_rows, finding_rows),
    }


def _doubles(events: Sequence[Event], leg_id: str, legs: dict[str, Any]) -> list[Finding]:
    """One finding for each audio of a leg that legs of its site with the same start have too."""
    audio: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, AudioStored):
            audio.setdefault(event.content_sha256, set()).add(event.leg_id)
    own = legs[leg_id][0]
    found = []
    for digest in leg_facts(placed(events))[leg_id].stored:
        same = {
            other
            for other in audio[digest] - {leg_id}
            if own.start is not None and (legs[other][0].start, legs[other][0].site) == (own.start, own.site)
        }
        if same:
            found.append(Finding(FindingKind.DOUBLE, f"same audio and start as {', '.join(sorted(same))}"))
    return found


def sums(legs: Rows, calls: Rows, findings: Rows) -> Rows:
    """The table day, from the rows of the others."""
    counted: dict[tuple[str, Any], Counter[str]] = {}
    for leg in legs:
        count = counted.setdefault((leg["site"], leg["day"]), Counter())
        count[leg["state"]] += 1
        if leg["state"] == State.ARCHIVED.value:
            count["audio_bytes"] += leg["content_size"]
            count["audio_ms"] += round(leg["seconds"] * 1000)
    for call in calls:
        counted.setdefault((call["site"], call["day"]), Counter())[f"calls_{call['judged']}"] += 1
    for finding in findings:
        counted.setdefault((finding["site"], finding["day"]), Counter())["findings"] += 1
    names = [column.name for column in table(DayRow).columns if column.name not in ("site", "day")]
    return [
        {"site": site, "day": day, **{name: count[name] for name in names}}
        for (site, day), count in sorted(counted.items())
    ]


def recounted(catalogue: Catalogue) -> Rows:
    """The table day, from the other tables of the same catalogue."""
    return sums(rows(catalogue, LegRow), rows(catalogue, CallRow), rows(catalogue, FindingRow))
