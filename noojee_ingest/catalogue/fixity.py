"""What checking the archive asks of the catalogue. As in ``queries``, each question uses an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.fact_tables import AudioStoredRow, DayStatedRow, FixityCheckedRow
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.tables import DayRow, FindingRow, SegmentRow, table
from noojee_ingest.journal.events import AudioStored, Strength
from noojee_ingest.journal.segment import day_prefix
from noojee_ingest.model import FindingKind

AUDIO, DAY, SEGMENT = table(AudioStoredRow), table(DayRow), table(SegmentRow)
CHECKED, FINDING, STATED = table(FixityCheckedRow), table(FindingRow), table(DayStatedRow)

AFTER = "~"
"""Sorts behind everything that a key may hold."""


def audio_of_day(catalogue: Catalogue, site: str, day: date) -> dict[str, AudioStored]:
    """The audio that the catalogue knows of a day, by key: of each what was journalled."""
    question = select(AUDIO).where(AUDIO.c.site == site, AUDIO.c.day == day)
    with catalogue.read("looking for the audio of a day") as connection:
        facts = [TABLES[AudioStored].to_fact(dict(row)) for row in connection.execute(question).mappings()]
    return {fact.event.key: fact.event for fact in facts}


def segments_of_day(catalogue: Catalogue, site: str, day: date) -> set[str]:
    """The keys of the day's segments that were applied."""
    prefix = day_prefix(site, day)
    question = select(SEGMENT.c.key).where(SEGMENT.c.key > prefix, SEGMENT.c.key < prefix + AFTER)
    with catalogue.read("looking for the segments of a day") as connection:
        return set(connection.execute(question).scalars())


def segments_stated(catalogue: Catalogue, site: str, day: date) -> set[str]:
    """The keys that the day's statements cover, whatever day they are of."""
    question = select(STATED.c.segments).where(STATED.c.site == site, STATED.c.day == day)
    with catalogue.read("looking for the segments that statements name") as connection:
        return {key for segments in connection.execute(question).scalars() for key in segments}


def days_known(catalogue: Catalogue, site: str) -> tuple[date, date] | None:
    """The first and the last day of which anything is known or journalled; ``None``: nothing is."""
    prefix = f"journal/site={site}/day="
    those = SEGMENT.c.key > prefix, SEGMENT.c.key < prefix + AFTER
    with catalogue.read("looking for the days of a site") as connection:
        first, last = connection.execute(select(func.min(SEGMENT.c.key), func.max(SEGMENT.c.key)).where(*those)).one()
        of_legs = connection.execute(select(func.min(DAY.c.day), func.max(DAY.c.day)).where(DAY.c.site == site)).one()
    found = [date.fromisoformat(key.removeprefix(prefix)[:10]) for key in (first, last) if key]
    found += [day for day in of_legs if day is not None]
    return (min(found), max(found)) if found else None


def any_segments(catalogue: Catalogue, most: int) -> list[str]:
    """Some of the latest segments that were applied, by key."""
    with catalogue.read("looking for applied segments") as connection:
        return list(connection.execute(select(SEGMENT.c.key).order_by(SEGMENT.c.key.desc()).limit(most)).scalars())


@dataclass(frozen=True, slots=True)
class Check:
    """A run of verify that came to its end: what was stored before ``began`` (UTC) and is selected was checked."""

    began: datetime
    strength: Strength
    selector: str


def checks_of(catalogue: Catalogue, site: str) -> list[Check]:
    """The runs of verify over a site, the latest first."""
    question = select(CHECKED.c.began, CHECKED.c.strength, CHECKED.c.selector).where(CHECKED.c.site == site)
    with catalogue.read("looking for runs of verify") as connection:
        rows = connection.execute(question.order_by(CHECKED.c.began.desc(), CHECKED.c.event_id)).all()
    return [Check(began, Strength(strength), selector) for began, strength, selector in rows]


def objects_found(
    catalogue: Catalogue, site: str, kinds: frozenset[FindingKind], first: date | None, last: date | None
) -> list[tuple[str, FindingKind, date, str]]:
    """What of these kinds is found of objects of these days, by day, name and kind: name, kind, day and detail."""
    question = select(FINDING.c.object_id, FINDING.c.kind, FINDING.c.day, FINDING.c.detail).where(
        FINDING.c.site == site, FINDING.c.object_type == "object", FINDING.c.kind.in_([kind.value for kind in kinds])
    )
    if first is not None:
        question = question.where(FINDING.c.day >= first)
    if last is not None:
        question = question.where(FINDING.c.day <= last)
    with catalogue.read("looking for findings of objects") as connection:
        rows = connection.execute(question.order_by(FINDING.c.day, FINDING.c.object_id, FINDING.c.kind)).all()
    return [(name, FindingKind(kind), day, detail) for name, kind, day, detail in rows]
