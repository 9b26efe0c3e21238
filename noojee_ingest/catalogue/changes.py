"""Legs whose audio we have and which are fetched once more: they were told otherwise since, or came short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import AudioNotStoredRow, AudioStoredRow, LegSeenRow
from noojee_ingest.catalogue.queries import Row, leg_of
from noojee_ingest.catalogue.tables import DayRow, FindingRow, LegRow, table
from noojee_ingest.journal.events import Outcome
from noojee_ingest.model import FindingKind, Leg, State, View

LEG, SEEN, FINDING = table(LegRow), table(LegSeenRow), table(FindingRow)
DAY = table(DayRow)
AUDIO, NOT_STORED = table(AudioStoredRow), table(AudioNotStoredRow)
WITH_AUDIO: Collection[State] = (State.ARCHIVED, State.QUARANTINED)
"""The states of the legs whose audio we have, be it where nobody gets it."""

CHANGED, GONE = FindingKind.CHANGED_LATER.value, FindingKind.GONE_OBJECT.value


def lengths_told(
    catalogue: Catalogue, view: View, leg_ids: Iterable[str]
) -> dict[str, tuple[float | None, datetime | None]]:
    """Duration (seconds) and end (UTC) of each of these legs as a view told them last."""
    question = (
        select(SEEN.c.leg_id, SEEN.c.duration, SEEN.c.end)
        .where(SEEN.c.leg_id.in_(among(leg_ids)), SEEN.c.view == view.value)
        .order_by(SEEN.c.last_time, SEEN.c.last_event_id)
    )
    with catalogue.read("comparing lengths") as connection:
        return {row.leg_id: (row.duration, row.end) for row in connection.execute(question)}


def legs_that_changed(catalogue: Catalogue, site: str, now: datetime, day: date | None = None) -> list[Leg]:
    """Legs with audio that changed later and of which no run has concluded anything since; of one day, or of all.

    A leg whose object is gone from the store is not among them: what to do about it is for a person to say.
    """
    changed = and_(FINDING.c.object_type == "leg", FINDING.c.object_id == LEG.c.leg_id, FINDING.c.kind == CHANGED)
    days = select(DAY.c.day).where(DAY.c.site == site, DAY.c.findings > 0)  # so that an index by day is of use
    legs = (
        select(LEG)
        .join(FINDING, changed)
        .where(
            FINDING.c.site == site,
            FINDING.c.day.in_(days) if day is None else FINDING.c.day == day,
            LEG.c.state.in_([state.value for state in WITH_AUDIO]),
        )
        .order_by(LEG.c.day, LEG.c.leg_id)
    )
    with catalogue.read("looking for legs that changed") as connection:
        rows = {row["leg_id"]: dict(row) for row in connection.execute(legs).mappings()}
        seen = select(SEEN.c.leg_id, SEEN.c.findings, SEEN.c.last_time).where(SEEN.c.leg_id.in_(among(rows)))
        told = _latest(
            (row.leg_id, row.last_time)
            for row in connection.execute(seen)
            if any(found.kind == CHANGED for found in row.findings)
        )
        stored = _latest((row.leg_id, row.last_time) for row in _audio(connection, rows))
        return _still_open(connection, rows, {one: at for one, at in told.items() if at > stored[one]}, now)


def legs_that_came_short(
    catalogue: Catalogue, site: str, now: datetime, *, since: date, before: datetime, day: date | None = None
) -> list[Leg]:
    """Legs whose only audio is unsound or shorter than listed, and that were fetched once; of one day, or of all.

    It may have been cut while it was still being written: what comes some days later tells. Those of days (site time)
    from ``since`` on that ended before ``before`` (UTC); of one whose end is unknown its day counts.
    """
    shorter = and_(FINDING.c.kind == FindingKind.DURATION_MISMATCH.value, LEG.c.seconds < LEG.c.duration)
    short = and_(
        FINDING.c.object_type == "leg",
        FINDING.c.object_id == LEG.c.leg_id,
        or_(FINDING.c.kind == FindingKind.UNSOUND.value, shorter),
    )
    legs = (
        select(LEG)
        .join(FINDING, short)
        .where(
            FINDING.c.site == site,
            FINDING.c.day.between(since, before.date()) if day is None else FINDING.c.day == day,
            LEG.c.state.in_([state.value for state in WITH_AUDIO]),
            LEG.c.day <= before.date(),
            or_(LEG.c.end.is_(None), LEG.c.end < before),
        )
        .order_by(LEG.c.day, LEG.c.leg_id)
    )
    with catalogue.read("looking for legs that came short") as connection:
        rows = {row["leg_id"]: dict(row) for row in connection.execute(legs).mappings()}
        audio = _audio(connection, rows)
        versions = Counter(row.leg_id for row in audio)
        once = {row.leg_id: row.time for row in audio if versions[row.leg_id] == 1 and row.last_time == row.time}
        return _still_open(connection, rows, once, now)


def _audio(connection: Connection, leg_ids: Iterable[str]) -> Sequence[Any]:
    question = select(AUDIO.c.leg_id, AUDIO.c.time, AUDIO.c.last_time).where(AUDIO.c.leg_id.in_(among(leg_ids)))
    return connection.execute(question).all()


def _still_open(
    connection: Connection, rows: Mapping[str, Row], since: Mapping[str, datetime], now: datetime
) -> list[Leg]:
    """Those of which nothing was concluded since, that are due by now, and whose objects are there."""
    told = select(*(NOT_STORED.c[name] for name in ("leg_id", "time", "outcome", "due")))
    concluded = connection.execute(told.where(NOT_STORED.c.leg_id.in_(among(since)))).all()
    gone = and_(FINDING.c.object_type == "object", FINDING.c.object_id == AUDIO.c.key, FINDING.c.kind == GONE)
    without = select(AUDIO.c.leg_id).join(FINDING, gone).where(AUDIO.c.leg_id.in_(among(since)))
    lost = set(connection.execute(without).scalars())
    settled = _latest((row.leg_id, row.time) for row in concluded if row.outcome != Outcome.NOT_YET.value)
    due = _latest((row.leg_id, row.due) for row in concluded if row.due is not None)
    tries = Counter(row.leg_id for row in concluded if row.time > since[row.leg_id])
    return [
        replace(leg_of(row), again=True, tries=tries[leg_id])
        for leg_id, row in rows.items()
        if leg_id in since
        and leg_id not in lost
        and settled.get(leg_id, since[leg_id]) <= since[leg_id]
        and due.get(leg_id, now) <= now
    ]


def _latest(instants: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    latest: dict[str, datetime] = {}
    for name, instant in instants:
        latest[name] = max(instant, latest.get(name, instant))
    return latest
