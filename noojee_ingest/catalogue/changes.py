"""Legs whose audio we have, and of which the phone system told otherwise since: it may be another one by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import and_, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import AudioNotStoredRow, AudioStoredRow, LegSeenRow
from noojee_ingest.catalogue.queries import leg_of
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


def legs_to_fetch_again(catalogue: Catalogue, site: str, now: datetime, day: date | None = None) -> list[Leg]:
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
        if not rows:
            return []
        those = among(rows)
        seen = connection.execute(
            select(SEEN.c.leg_id, SEEN.c.findings, SEEN.c.last_time).where(SEEN.c.leg_id.in_(those))
        ).all()
        audio = connection.execute(
            select(AUDIO.c.leg_id, AUDIO.c.key, AUDIO.c.last_time).where(AUDIO.c.leg_id.in_(those))
        ).all()
        concluded = connection.execute(
            select(*(NOT_STORED.c[name] for name in ("leg_id", "time", "outcome", "due"))).where(
                NOT_STORED.c.leg_id.in_(those)
            )
        ).all()
        gone = set(
            connection.execute(
                select(FINDING.c.object_id).where(
                    FINDING.c.object_type == "object",
                    FINDING.c.object_id.in_(among(row.key for row in audio)),
                    FINDING.c.kind == GONE,
                )
            ).scalars()
        )
    told = _latest((row.leg_id, row.last_time) for row in seen if any(found.kind == CHANGED for found in row.findings))
    settled = _latest(
        [
            *((row.leg_id, row.last_time) for row in audio),
            *((row.leg_id, row.time) for row in concluded if row.outcome != Outcome.NOT_YET.value),
        ]
    )
    due = _latest((row.leg_id, row.due) for row in concluded if row.due is not None)
    lost = {row.leg_id for row in audio if row.key in gone}
    tries = Counter(row.leg_id for row in concluded if row.leg_id in told and row.time > told[row.leg_id])
    return [
        replace(leg_of(row), again=True, tries=tries[leg_id])
        for leg_id, row in rows.items()
        if leg_id in told and told[leg_id] > settled[leg_id] and leg_id not in lost and due.get(leg_id, now) <= now
    ]


def _latest(instants: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    latest: dict[str, datetime] = {}
    for name, instant in instants:
        latest[name] = max(instant, latest.get(name, instant))
    return latest
