"""What deciding about legs asks of the catalogue. As in ``queries``, each question uses an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, and_, func, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import (
    AudioNotStoredRow,
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    LegAppraisedRow,
    LegSeenRow,
    ObjectNotedRow,
)
from noojee_ingest.catalogue.search_index import LINKS
from noojee_ingest.catalogue.tables import CallRow, FindingRow, LegRow, table
from noojee_ingest.journal.events import Verdict
from noojee_ingest.model import FindingKind, State

LEG, AUDIO, FINDING, NOTED = table(LegRow), table(AudioStoredRow), table(FindingRow), table(ObjectNotedRow)
CALL = table(CallRow)
LEG_SEEN, NOT_STORED, LEG_APPRAISED = table(LegSeenRow), table(AudioNotStoredRow), table(LegAppraisedRow)
CALL_SEEN, CALL_APPRAISED = table(CallSeenRow), table(CallAppraisedRow)


def last_told(catalogue: Catalogue, leg_ids: Sequence[str]) -> dict[str, datetime]:
    """When (UTC) the journal last said something of each of these legs."""
    tellers = (LEG_SEEN.c.last_time, AUDIO.c.last_time, NOT_STORED.c.time, LEG_APPRAISED.c.time)
    return _last(catalogue, "leg_id", tellers, leg_ids)


def last_told_of_calls(catalogue: Catalogue, call_ids: Sequence[str]) -> dict[str, datetime]:
    """The same of calls."""
    return _last(catalogue, "call_id", (CALL_SEEN.c.last_time, CALL_APPRAISED.c.time), call_ids)


def _last(catalogue: Catalogue, name: str, tellers: Iterable[Column[Any]], ids: Sequence[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    with catalogue.read("looking for the latest events") as connection:
        for time in tellers:
            about = time.table.c[name]
            question = select(about, func.max(time)).where(about.in_(among(ids))).group_by(about)
            for one, last in connection.execute(question):
                found[one] = max(last, found.get(one, last))
    return found


def quarantine_of(catalogue: Catalogue, leg_id: str) -> str | None:
    """The event id of the quarantine that is in force for a leg, the earliest of several; ``None``: there is none."""
    question = (
        select(LEG.c.open_facts, LEG_APPRAISED.c.event_id)
        .join(LEG_APPRAISED, LEG_APPRAISED.c.leg_id == LEG.c.leg_id)
        .where(LEG.c.leg_id == leg_id, LEG_APPRAISED.c.verdict == Verdict.QUARANTINE.value)
        .order_by(LEG_APPRAISED.c.time, LEG_APPRAISED.c.event_id)
    )
    with catalogue.read("looking for the quarantine of a leg") as connection:
        return next((event_id for facts, event_id in connection.execute(question) if event_id in facts), None)


def to_be_withdrawn(catalogue: Catalogue, site: str) -> list[str]:
    """The quarantined legs of a site of which the store has, as far as is noted, audio that is not withdrawn yet."""
    withdrawn = and_(
        FINDING.c.object_type == "object",
        FINDING.c.object_id == AUDIO.c.key,
        FINDING.c.kind == FindingKind.WITHDRAWN_OBJECT.value,
    )
    question = (
        select(LEG.c.leg_id)
        .join(AUDIO, AUDIO.c.leg_id == LEG.c.leg_id)
        .outerjoin(FINDING, withdrawn)
        .where(LEG.c.site == site, LEG.c.state == State.QUARANTINED.value, FINDING.c.kind.is_(None))
        .order_by(LEG.c.leg_id)
        .distinct()
    )
    with catalogue.read("looking for audio to be withdrawn") as connection:
        return list(connection.execute(question).scalars())


def tags_and_campaigns(catalogue: Catalogue, leg_ids: Sequence[str]) -> dict[str, tuple[str, set[str]]]:
    """The tag of each of these legs, and the campaigns of the call records that it belongs to; ``""``: no tag."""
    question = select(LEG.c.leg_id, LEG.c.tag, *(LEG.c[name] for name in LINKS)).where(LEG.c.leg_id.in_(among(leg_ids)))
    with catalogue.read("looking up tags and campaigns") as connection:
        legs = connection.execute(question).mappings().all()
        campaigns: dict[str, set[str]] = {}
        for name in LINKS:
            wanted = among({leg[name] for leg in legs} - {""})
            calls = select(CALL.c[name], CALL.c.campaign).where(CALL.c[name].in_(wanted), CALL.c.campaign != "")
            for link, campaign in connection.execute(calls):
                campaigns.setdefault(link, set()).add(campaign)
    return {
        leg["leg_id"]: (leg["tag"] or "", set().union(*(campaigns.get(leg[name], ()) for name in LINKS)))
        for leg in legs
    }


def quarantined_of_day(catalogue: Catalogue, site: str, day: date) -> dict[str, int]:
    """How many legs of a day are quarantined, by cause: that of a rule, ``""`` where people decided."""
    question = (
        select(LEG.c.cause, func.count().label("number"))
        .where(LEG.c.site == site, LEG.c.state == State.QUARANTINED.value, LEG.c.day == day)
        .group_by(LEG.c.cause)
        .order_by(LEG.c.cause)
    )
    with catalogue.read("counting quarantined legs") as connection:
        return {row.cause: row.number for row in connection.execute(question)}


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted of an object and in force; ``event_ids`` are what the next note must supersede."""

    kind: FindingKind
    detail: str
    event_ids: tuple[str, ...]


def notes_of(catalogue: Catalogue, key: str) -> dict[FindingKind, Note]:
    """What is noted of an object and in force."""
    question = (
        select(FINDING.c.kind, FINDING.c.detail, NOTED.c.event_id)
        .join(NOTED, and_(NOTED.c.key == FINDING.c.object_id, NOTED.c.finding == FINDING.c.kind))
        .where(FINDING.c.object_type == "object", FINDING.c.object_id == key, NOTED.c.cleared.is_(False))
        .order_by(FINDING.c.kind, NOTED.c.event_id)
    )
    found: dict[FindingKind, Note] = {}
    with catalogue.read("looking for notes about an object") as connection:
        for word, detail, event_id in connection.execute(question):
            kind = FindingKind(word)
            before = found[kind].event_ids if kind in found else ()
            found[kind] = Note(kind, detail, (*before, event_id))
    return found


def withdrawn_keys(catalogue: Catalogue, keys: Iterable[str]) -> set[str]:
    """Which of these objects are noted as withdrawn."""
    question = select(FINDING.c.object_id).where(
        FINDING.c.object_type == "object",
        FINDING.c.object_id.in_(among(keys)),
        FINDING.c.kind == FindingKind.WITHDRAWN_OBJECT.value,
    )
    with catalogue.read("looking for withdrawn objects") as connection:
        return set(connection.execute(question).scalars())
