"""What a day's statement asks of the catalogue, and what is known of statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, func, select, union

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import AudioStoredRow, DayStatedRow, LegSeenRow
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.folding import LEG_KINDS, Known
from noojee_ingest.catalogue.tables import CallRow, DayRow, FindingRow, LegRow, SegmentRow, table
from noojee_ingest.journal.events import CallAppraised, CallSeen
from noojee_ingest.journal.facts import LegFacts
from noojee_ingest.journal.fold import Judged, state
from noojee_ingest.journal.segment import day_prefix
from noojee_ingest.model import State

LEG, CALL, DAY, FINDING, SEGMENT = (table(row) for row in (LegRow, CallRow, DayRow, FindingRow, SegmentRow))
AUDIO, LEG_SEEN, STATED = table(AudioStoredRow), table(LegSeenRow), table(DayStatedRow)
CALL_KINDS = (CallSeen, CallAppraised)


@dataclass(frozen=True, slots=True)
class Stated:
    """A day's latest statement, without its segments. Of two of one number the earlier."""

    number: int
    seal: str
    root: str
    leaves: int
    states: Mapping[str, int]
    calls: Mapping[str, int]
    found: Mapping[str, int]
    audio_bytes: int
    audio_ms: int
    final: bool


@dataclass(frozen=True, slots=True)
class DayLook:
    """A day at one moment: what it adds up to, the audio in force, and from which segments that follows.

    ``segments`` are those that no statement named yet; ``last`` is the latest statement, ``None``: there is none.
    """

    states: dict[str, int]
    calls: dict[str, int]
    found: dict[str, int]
    audio_bytes: int
    audio_ms: int
    audio: list[tuple[str, str]]
    segments: list[str]
    last: Stated | None


def look_at_day(catalogue: Catalogue, site: str, day: date) -> DayLook:
    """All that a statement says of a day, read at one moment. Raises CatalogueError."""
    with catalogue.read("adding up a day") as connection:
        of_day = DAY.c.site == site, DAY.c.day == day
        row = connection.execute(select(DAY).where(*of_day)).mappings().first()
        sums: dict[str, Any] = dict(row) if row is not None else {}
        kinds = select(FINDING.c.kind).where(FINDING.c.site == site, FINDING.c.day == day)
        last, named = _statements(connection, site, day)
        return DayLook(
            states={one.value: sums.get(one.value, 0) for one in State},
            calls={one.value: sums.get(f"calls_{one.value}", 0) for one in Judged},
            found=dict(sorted(Counter(connection.execute(kinds).scalars()).items())),
            audio_bytes=sums.get("audio_bytes", 0),
            audio_ms=sums.get("audio_ms", 0),
            audio=_audio_in_force(connection, site, day),
            segments=sorted(_segments(connection, site, day) - named),
            last=last,
        )


def _statements(connection: Connection, site: str, day: date) -> tuple[Stated | None, set[str]]:
    """The latest statement, and what it and those that it follows name; the segments of all statements besides."""
    rows = connection.execute(
        select(STATED)
        .where(STATED.c.site == site, STATED.c.day == day)
        .order_by(STATED.c.number, STATED.c.time.desc(), STATED.c.event_id.desc())
    )
    statements = [dict(row) for row in rows.mappings()]
    if not statements:
        return None, set()
    last = statements[-1]
    named = {row["segment"] for row in statements}
    by_seal = {row["seal"]: row for row in statements}
    follows: dict[str, Any] | None = last
    while follows is not None:
        named.update(follows["segments"])
        follows = by_seal.get(follows["predecessor"])
    return Stated(**{name: last[name] for name in Stated.__dataclass_fields__}), named


def _audio_in_force(connection: Connection, site: str, day: date) -> list[tuple[str, str]]:
    """Leg and digest of all audio in force of the day's archived legs."""
    archived = LEG.c.site == site, LEG.c.day == day, LEG.c.state == State.ARCHIVED.value
    legs = connection.execute(select(LEG.c.leg_id, LEG.c.content_sha256).where(*archived))
    found: dict[str, tuple[str, ...]] = {leg_id: (digest,) for leg_id, digest in legs}
    several = (
        select(AUDIO.c.leg_id)
        .join(LEG, LEG.c.leg_id == AUDIO.c.leg_id)
        .where(*archived)
        .group_by(AUDIO.c.leg_id)
        .having(func.count() > 1)
    )
    if leg_ids := list(connection.execute(several).scalars()):
        known: Known = {kind: TABLES[kind].load(connection, leg_ids) for kind in LEG_KINDS}
        for leg_id in leg_ids:
            standing = state(LegFacts(*(known[kind].get(leg_id, {}) for kind in LEG_KINDS)))
            found[leg_id] = tuple(event.content_sha256 for event in standing.stored)
    return [(leg_id, digest) for leg_id, digests in found.items() for digest in digests]


def _segments(connection: Connection, site: str, day: date) -> set[str]:
    """The segments from which a day's legs, calls, states and judgements follow.

    Those of the day, and of others: what they say of its legs and calls; of legs and calls that the day's segments
    speak of although they are another day's; and of legs of other days that its call records are recorded by.
    """
    prefix = day_prefix(site, day)
    question = select(SEGMENT.c.key).where(SEGMENT.c.key >= prefix, SEGMENT.c.key < prefix + "~")
    found = set(connection.execute(question).scalars())
    for owner, name, kinds in ((LEG, "leg_id", LEG_KINDS), (CALL, "call_id", CALL_KINDS)):
        facts = [TABLES[kind].table for kind in kinds]
        own = select(owner.c[name]).where(owner.c.site == site, owner.c.day == day)
        astray = [
            select(one.c[name])
            .join(owner, owner.c[name] == one.c[name])
            .where(one.c.site == site, one.c.day == day, owner.c.day != day)
            for one in facts
        ]
        others = connection.execute(union(*astray)).scalars().all()
        for one in facts:
            found |= _naming(connection, one, one.c[name].in_(own))
            if others:
                found |= _naming(connection, one, one.c[name].in_(among(others)))
    for link in ("record_link", "unique_link"):
        elsewhere = (
            select(LEG.c.leg_id)
            .join(CALL, CALL.c[link] == LEG.c[link])
            .where(CALL.c.site == site, CALL.c.day == day, CALL.c[link] != "", LEG.c.day != day)
        )
        found |= _naming(connection, LEG_SEEN, LEG_SEEN.c.leg_id.in_(elsewhere))
    return found


def _naming(connection: Connection, facts: Table, those: Any) -> set[str]:
    """The segments of facts: where each was told first, and last."""
    names = [facts.c[name] for name in ("segment", "last_segment") if name in facts.c]
    return {key for row in connection.execute(select(*names).where(those).distinct()) for key in row}


@dataclass(frozen=True, slots=True)
class Version:
    """Which statement of a day is the latest, and whether it is final."""

    number: int
    final: bool


def latest_statements(catalogue: Catalogue, site: str, days: Sequence[date]) -> dict[date, Version]:
    """The latest statement of each of these days; one without is absent. Raises CatalogueError."""
    if not days:
        return {}
    question = (
        select(STATED.c.day, STATED.c.number, STATED.c.final)
        .where(STATED.c.site == site, STATED.c.day.between(min(days), max(days)))
        .order_by(STATED.c.day, STATED.c.number, STATED.c.time.desc(), STATED.c.event_id.desc())
    )
    with catalogue.read("looking for statements") as connection:
        return {day: Version(number, final) for day, number, final in connection.execute(question)}
