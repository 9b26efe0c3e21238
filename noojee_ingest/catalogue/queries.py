"""Questions to the catalogue, each a function. Every one uses an index: none reads more than it answers about.

Rows come back as dictionaries by column name: instants aware in UTC, days as dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Select, Table, and_, cast, func, or_, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import (
    AccessedRow,
    AudioNotStoredRow,
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    EntryRefusedRow,
    LegAppraisedRow,
    LegSeenRow,
    ListAnsweredRow,
    ObjectNotedRow,
)
from noojee_ingest.catalogue.tables import CallRow, DayRow, FindingRow, LegRow, SegmentRow, table
from noojee_ingest.journal.events import record_link, unique_link
from noojee_ingest.model import DAMAGE, FindingKind, Leg, State, View

Row = dict[str, Any]

LEG, CALL, AUDIO, DAY, FINDING = table(LegRow), table(CallRow), table(AudioStoredRow), table(DayRow), table(FindingRow)
LEG_SEEN, CALL_SEEN, ANSWER = table(LegSeenRow), table(CallSeenRow), table(ListAnsweredRow)
REFUSED, SEGMENT, NOTED = table(EntryRefusedRow), table(SegmentRow), table(ObjectNotedRow)
NOT_STORED, LEG_APPRAISED, CALL_APPRAISED = table(AudioNotStoredRow), table(LegAppraisedRow), table(CallAppraisedRow)
ACCESS = table(AccessedRow)


def _rows(catalogue: Catalogue, doing: str, *questions: Select[Any]) -> list[Row]:
    with catalogue.read(doing) as connection:
        return [dict(row) for question in questions for row in connection.execute(question).mappings()]


# -- what discovery asks


@dataclass(frozen=True, slots=True)
class Asked:
    """One earlier answer to the same question. ``at`` in UTC."""

    at: datetime
    digest: str
    entries: int


def answers(catalogue: Catalogue, site: str, view: View, scopes: Iterable[str]) -> dict[str, list[Asked]]:
    """What was answered before to these questions, oldest first; a scope never asked about is absent."""
    question = (
        select(ANSWER)
        .where(ANSWER.c.site == site, ANSWER.c.view == view.value, ANSWER.c.scope.in_(among(scopes)))
        .order_by(ANSWER.c.scope, ANSWER.c.asked_at, ANSWER.c.event_id)
    )
    found: dict[str, list[Asked]] = {}
    for row in _rows(catalogue, "looking up earlier answers", question):
        found.setdefault(row["scope"], []).append(Asked(row["asked_at"], row["answer_digest"], row["entries"]))
    return found


def first_asked(catalogue: Catalogue, site: str, actor: str) -> datetime | None:
    """When (UTC) this actor first asked something that was answered."""
    question = select(func.min(ANSWER.c.asked_at)).where(ANSWER.c.site == site, ANSWER.c.actor == actor)
    with catalogue.read("looking for the first answer") as connection:
        asked: datetime | None = connection.execute(question).scalar_one()
    return asked


def hours_listed(catalogue: Catalogue, site: str, since: date, until: date) -> dict[date, set[int]]:
    """Which hours were listed of each day from ``since`` to before ``until``; a day without is absent."""
    question = (
        select(ANSWER.c.scope)
        .where(ANSWER.c.site == site, ANSWER.c.view == View.BY_HOUR.value)
        .where(ANSWER.c.scope >= since.isoformat(), ANSWER.c.scope < until.isoformat())
        .distinct()
    )
    found: dict[date, set[int]] = {}
    for row in _rows(catalogue, "looking up listed hours", question):
        day, _, hour = row["scope"].partition("T")
        found.setdefault(date.fromisoformat(day), set()).add(int(hour))
    return found


def last_hour_listed(catalogue: Catalogue, site: str, before: date) -> date | None:
    """The latest day before ``before`` of which an hour was listed."""
    question = select(func.max(ANSWER.c.scope)).where(
        ANSWER.c.site == site, ANSWER.c.view == View.BY_HOUR.value, ANSWER.c.scope < before.isoformat()
    )
    with catalogue.read("looking for the last listed hour") as connection:
        scope = connection.execute(question).scalar_one()
    return date.fromisoformat(scope[:10]) if scope else None


def first_day_known(catalogue: Catalogue, site: str) -> date | None:
    """The earliest day of which any leg or call is known."""
    with catalogue.read("looking for the first day") as connection:
        first: date | None = connection.execute(select(func.min(DAY.c.day)).where(DAY.c.site == site)).scalar_one()
    return first


def legs_with_ids(
    catalogue: Catalogue, site: str, call_record_ids: Iterable[str], unique_ids: Iterable[str]
) -> list[Row]:
    """Legs of a site that carry any of these ids: their id columns, state and ``leg_id``."""
    columns = select(LEG.c.leg_id, LEG.c.day, LEG.c.call_record_id, LEG.c.unique_id, LEG.c.leg, LEG.c.state)
    questions = _with_links(columns, LEG, [site], call_record_ids, unique_ids)
    return list({row["leg_id"]: row for row in _rows(catalogue, "matching legs", *questions)}.values())


def _with_links(
    columns: Select[Any], target: Table, sites: Sequence[str], call_record_ids: Iterable[str], unique_ids: Iterable[str]
) -> list[Select[Any]]:
    """Questions for the legs or calls of these sites that have any of these ids: looked up by their links."""
    records = [record_link(site, name) for name in call_record_ids if name for site in sites]
    uniques = [unique_link(site, name) for name in unique_ids if name for site in sites]
    by_record, by_unique = target.c.record_link.in_(among(records)), target.c.unique_link.in_(among(uniques))
    return [columns.where(by_record), columns.where(by_unique)]


def known_sites(catalogue: Catalogue) -> list[str]:
    """The sites of which anything is known, by name."""
    with catalogue.read("looking for sites") as connection:
        return list(connection.execute(select(DAY.c.site).distinct().order_by(DAY.c.site)).scalars())


def _sites_of(catalogue: Catalogue, site: str | None) -> list[str]:
    """The site that was named, or all of which anything is known."""
    return [site] if site is not None else known_sites(catalogue)


def told_last(catalogue: Catalogue, view: View, object_ids: Iterable[str]) -> dict[str, str]:
    """The digest of the entry that a view told last of each of these legs, or calls (view call-records)."""
    target, column = (CALL_SEEN, CALL_SEEN.c.call_id) if view is View.CALL_RECORDS else (LEG_SEEN, LEG_SEEN.c.leg_id)
    question = (
        select(column.label("object_id"), target.c.digest)
        .where(column.in_(among(object_ids)), target.c.view == view.value)
        .order_by(target.c.last_time, target.c.last_event_id)
    )
    return {row["object_id"]: row["digest"] for row in _rows(catalogue, "comparing entries", question)}


def refused_digests(catalogue: Catalogue, site: str, view: View, digests: Iterable[str]) -> set[str]:
    """Which of these entries were refused before."""
    of_view = REFUSED.c.site == site, REFUSED.c.view == view.value
    question = select(REFUSED.c.digest).where(*of_view, REFUSED.c.digest.in_(among(digests)))
    return {row["digest"] for row in _rows(catalogue, "comparing refused entries", question)}


def calls_without_legs(catalogue: Catalogue, site: str, days: Sequence[date]) -> list[Row]:
    """Call records of these days to which no known leg belongs."""
    question = (
        select(CALL)
        .where(CALL.c.site == site, CALL.c.day.in_(days), CALL.c.judged != "recorded")
        .order_by(CALL.c.day, CALL.c.call_id)
    )
    return _rows(catalogue, "looking for calls without recording", question)


# -- what retrieval asks


def legs_due(catalogue: Catalogue, site: str, now: datetime, day: date | None = None) -> list[Leg]:
    """Legs that are discovered, or pending and due at ``now`` (UTC), oldest day first; of one day, or of all.

    One that was rejected is due once: what came may have been a page that answered for the phone system.
    """
    waiting = or_(
        LEG.c.state == State.DISCOVERED.value,
        and_(LEG.c.state == State.PENDING.value, LEG.c.due.is_(None)),
        LEG.c.due <= now,
    )
    question = select(LEG).where(LEG.c.site == site, LEG.c.state.in_(["discovered", "pending", "rejected"]), waiting)
    if day is not None:
        question = question.where(LEG.c.day == day)
    found = _rows(catalogue, "looking for legs to fetch", question)
    found.sort(key=lambda row: (row["day"], row["leg_id"]))  # here: for an order by day SQLite would read every leg
    return [leg_of(row) for row in found if row["leg"] is not None]


def leg_of(row: Row) -> Leg:
    """The travelling value of a row of ``leg``."""
    return Leg(
        site=row["site"],
        leg_id=row["leg_id"],
        day=row["day"],
        call_record_id=row["call_record_id"] or "",
        unique_id=row["unique_id"] or "",
        leg=row["leg"] or "",
        end=row["end"],
        duration=row["duration"],
        tries=row["tries"],
        answers=row["open_facts"],
        rejected=row["state"] == State.REJECTED.value,
    )


# -- what recovery and reconciling ask


def segments_applied(catalogue: Catalogue, keys: Sequence[str]) -> set[str]:
    """Which of these segments were applied."""
    question = select(SEGMENT.c.key).where(SEGMENT.c.key.in_(among(keys)))
    return {row["key"] for row in _rows(catalogue, "looking for applied segments", question)}


def audio_keys(catalogue: Catalogue, site: str, day: date) -> dict[str, str]:
    """The archive keys that the journal names for legs of a day, each with its leg."""
    question = select(AUDIO.c.key, AUDIO.c.leg_id).where(AUDIO.c.site == site, AUDIO.c.day == day)
    return {row["key"]: row["leg_id"] for row in _rows(catalogue, "looking for objects of a day", question)}


def notes_of_day(catalogue: Catalogue, site: str, day: date) -> dict[tuple[str, FindingKind], tuple[str, ...]]:
    """What is noted of a day's objects and in force: (key, kind) and the ids of the notes."""
    found = FINDING.c.object_type == "object"
    question = (
        select(NOTED.c.key, NOTED.c.finding, NOTED.c.event_id)
        .join(FINDING, and_(found, FINDING.c.object_id == NOTED.c.key, FINDING.c.kind == NOTED.c.finding))
        .where(FINDING.c.site == site, FINDING.c.day == day, NOTED.c.cleared.is_(False))
        .order_by(NOTED.c.event_id)
    )
    notes: dict[tuple[str, FindingKind], tuple[str, ...]] = {}
    for row in _rows(catalogue, "looking for notes about objects", question):
        about = row["key"], FindingKind(row["finding"])
        notes[about] = (*notes.get(about, ()), row["event_id"])
    return notes


def legs_by_id(catalogue: Catalogue, leg_ids: Iterable[str]) -> dict[str, Row]:
    """Legs by their id; one that is not known is absent."""
    question = select(LEG).where(LEG.c.leg_id.in_(among(leg_ids)))
    return {row["leg_id"]: row for row in _rows(catalogue, "looking up legs", question)}


def pending_legs(catalogue: Catalogue, site: str, day: date) -> list[Row]:
    """Legs of a day that are pending."""
    question = select(LEG).where(LEG.c.site == site, LEG.c.state == State.PENDING.value, LEG.c.day == day)
    return _rows(catalogue, "looking for pending legs", question.order_by(LEG.c.leg_id))


# -- what people ask


def day_sums(catalogue: Catalogue, site: str, days: Sequence[date] | None = None) -> list[Row]:
    """The sums of these days, or of all, oldest first. A day of which nothing is known has none."""
    question = select(DAY).where(DAY.c.site == site).order_by(DAY.c.day)
    if days is not None:
        question = question.where(DAY.c.day.in_(days))
    return _rows(catalogue, "reading the sums of days", question)


def hour_sums(catalogue: Catalogue, site: str, day: date) -> list[Row]:
    """One row for each hour (site time, ``None`` = unknown) and state of a day: legs, bytes, seconds."""
    question = (
        select(
            LEG.c.hour,
            LEG.c.state,
            func.count().label("legs"),
            func.coalesce(cast(func.sum(LEG.c.content_size), BigInteger), 0).label("bytes"),
            func.coalesce(func.sum(LEG.c.seconds), 0.0).label("seconds"),
        )
        .where(LEG.c.site == site, LEG.c.day == day)
        .group_by(LEG.c.hour, LEG.c.state)
        .order_by(LEG.c.hour.nulls_first(), LEG.c.state)
    )
    return _rows(catalogue, "summing a day by hour", question)


def calls_of_day(catalogue: Catalogue, site: str, day: date) -> list[Row]:
    """The call records of a day: when (UTC) and how each was judged, and why."""
    question = select(CALL.c.called, CALL.c.judged, CALL.c.cause).where(CALL.c.site == site, CALL.c.day == day)
    return _rows(catalogue, "summing the calls of a day", question)


def findings_of_day(catalogue: Catalogue, site: str, day: date) -> list[Row]:
    """All findings of a day, by kind and object."""
    question = select(FINDING).where(FINDING.c.site == site, FINDING.c.day == day)
    return _rows(catalogue, "reading findings", question.order_by(FINDING.c.kind, FINDING.c.object_id))


def findings_of(catalogue: Catalogue, object_ids: Iterable[str]) -> list[Row]:
    """All findings on these legs, calls or objects."""
    types = ("leg", "call", "object")
    question = (
        select(FINDING)
        .where(FINDING.c.object_type.in_(types), FINDING.c.object_id.in_(among(object_ids)))
        .order_by(FINDING.c.object_id, FINDING.c.kind)
    )
    return _rows(catalogue, "reading findings", question)


def gone_objects(catalogue: Catalogue, site: str, days: Sequence[date]) -> dict[date, int]:
    """How many findings of damage there are of the objects of each of these days: most often, that they are gone."""
    question = (
        select(FINDING.c.day, func.count().label("gone"))
        .where(
            FINDING.c.site == site, FINDING.c.day.in_(days), FINDING.c.kind.in_(sorted(kind.value for kind in DAMAGE))
        )
        .group_by(FINDING.c.day)
    )
    return {row["day"]: row["gone"] for row in _rows(catalogue, "looking for gone objects", question)}


def latest_segment(catalogue: Catalogue) -> str | None:
    """The last key, in order, of the segments that were applied."""
    with catalogue.read("looking for applied segments") as connection:
        found: str | None = connection.execute(select(func.max(SEGMENT.c.key))).scalar_one()
    return found


def gaps_of_day(catalogue: Catalogue, site: str, day: date, most: int) -> list[Row]:
    """At most ``most`` legs of a day that are missing, rejected or failed, by state and end."""
    states = [State.MISSING.value, State.REJECTED.value, State.FAILED.value]
    question = select(LEG).where(LEG.c.site == site, LEG.c.state.in_(states), LEG.c.day == day)
    return _rows(
        catalogue, "listing gaps", question.order_by(LEG.c.state, LEG.c.end.nulls_first(), LEG.c.leg_id).limit(most)
    )


def legs_named(catalogue: Catalogue, name: str, site: str | None = None) -> list[Row]:
    """Legs whose ``leg_id``, call record id or unique id is exactly ``name``, by start and leg."""
    found = legs_of_ids(catalogue, [name], _sites_of(catalogue, site))
    return sorted(found, key=lambda row: (row["start"] is None, row["start"], row["leg"] or "", row["leg_id"]))


def legs_of_ids(catalogue: Catalogue, ids: Sequence[str], sites: Sequence[str]) -> list[Row]:
    """Legs of these sites whose ``leg_id``, call record id or unique id is exactly one of ``ids``."""
    questions = _with_links(select(LEG), LEG, sites, ids, ids)
    questions.append(select(LEG).where(LEG.c.leg_id.in_(among(ids)), LEG.c.site.in_(among(sites))))
    return list({row["leg_id"]: row for row in _rows(catalogue, "looking for legs", *questions)}.values())


def calls_named(catalogue: Catalogue, names: Iterable[str], site: str | None = None) -> list[Row]:
    """Call records whose call id, call record id or unique id is one of ``names``."""
    wanted = [name for name in names if name]
    sites = _sites_of(catalogue, site)
    questions = _with_links(select(CALL), CALL, sites, wanted, wanted)
    questions.append(select(CALL).where(CALL.c.call_id.in_(among(wanted)), CALL.c.site.in_(among(sites))))
    found = {row["call_id"]: row for row in _rows(catalogue, "looking for a call", *questions)}
    return [found[key] for key in sorted(found)]


def audio_of(catalogue: Catalogue, leg_ids: Iterable[str]) -> list[Row]:
    """The stored audio of these legs, earliest first for each leg."""
    question = select(AUDIO).where(AUDIO.c.leg_id.in_(among(leg_ids)))
    return _rows(catalogue, "looking for audio", question.order_by(AUDIO.c.leg_id, AUDIO.c.time, AUDIO.c.event_id))


def segments_about(
    catalogue: Catalogue, *, leg_ids: Sequence[str], call_ids: Sequence[str], keys: Sequence[str] = ()
) -> list[str]:
    """The keys of the segments that hold the history of these legs, calls and objects."""
    questions = [
        select(target.c[name].label("key")).where(column.in_(among(ids))).distinct()
        for tables, ids in (
            (
                (LEG_SEEN.c.leg_id, AUDIO.c.leg_id, NOT_STORED.c.leg_id, LEG_APPRAISED.c.leg_id, ACCESS.c.leg_id),
                leg_ids,
            ),
            ((CALL_SEEN.c.call_id, CALL_APPRAISED.c.call_id), call_ids),
            ((NOTED.c.key,), keys),
        )
        for column in tables
        for target in (column.table,)
        for name in ("segment", "last_segment")
        if name in target.c
    ]
    return sorted({row["key"] for row in _rows(catalogue, "looking for history", *questions)})
