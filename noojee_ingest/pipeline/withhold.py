"""Withhold: audio that goes to evidence first, by the site's rules, and enters the archive by a release alone.

That is the one way to be ahead of a lock, which holds what is in the archive from the moment it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.decisions import tags_and_campaigns
from noojee_ingest.journal.events import AudioStored, Event, LegAppraised, ObjectNoted, Verdict
from noojee_ingest.journal.segment import MOST_EVENTS
from noojee_ingest.model import Audio, FindingKind, Leg
from noojee_ingest.pipeline.quarantine import evidence_key, is_quarantined
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.spool import Spooled
from noojee_ingest.pipeline.store import (
    audio_in,
    audio_key,
    audio_metadata,
    audio_prefix,
    create_or_adopt,
    stored_event,
)
from noojee_ingest.pipeline.work import Work

STILL = "the leg was quarantined when its audio changed"


def held_back(work: Work, legs: Sequence[Leg]) -> dict[str, str]:
    """The legs that are to be held back, by leg id: the explanation of the first rule that fits.

    Told by what is known now (``sites.<slug>.evidence_first``): a campaign that the phone system tells later holds
    nothing back. Words are compared whatever their case. A leg that was released is held back again when it is fetched
    again: nobody has heard what comes now. So is one that is quarantined, whatever the rules.
    """
    rules = work.of_site.evidence_first
    known = queries.legs_by_id(work.catalogue, [leg.leg_id for leg in legs if leg.again])
    found = {leg_id: STILL for leg_id, row in known.items() if is_quarantined(row)}
    if not rules:
        return found
    told = tags_and_campaigns(work.catalogue, [leg.leg_id for leg in legs if leg.leg_id not in found])
    for leg_id, (tag, campaigns) in told.items():
        of_calls = {name.casefold() for name in campaigns}
        for rule in rules:
            if tag.casefold() in _small(rule.tags) or of_calls & _small(rule.campaigns):
                found[leg_id] = rule.explanation
                break
    return found


def of_unknown_campaign(work: Work, legs: Sequence[Leg]) -> set[str]:
    """The ids of the legs that a rule may hold back by a campaign, where no campaign of theirs is known."""
    if not any(rule.campaigns for rule in work.of_site.evidence_first):
        return set()
    told = tags_and_campaigns(work.catalogue, [leg.leg_id for leg in legs])
    return {leg_id for leg_id, (_, campaigns) in told.items() if not campaigns}


def _small(names: Sequence[str]) -> set[str]:
    return {name.casefold() for name in names}


def withhold_audio(work: Work, leg: Leg, spooled: Spooled, audio: Audio, *, repeated: bool) -> AudioStored:
    """Put a leg's audio into evidence, where a quarantine would put it. It would survive a power cut when this returns.

    ``repeated`` as in ``store_audio``. Raises StorageError.
    """
    key = audio_key(leg, spooled.sha256, audio.extension)
    metadata = audio_metadata(leg, spooled, audio, repeated=repeated)
    evidence = work.store.evidence
    stored = create_or_adopt(evidence, evidence_key(key), spooled.file, sha256=spooled.sha256, metadata=metadata)
    evidence.sync()
    where = replace(stored, key=key, version_id="")  # those that it will have in the archive
    return replace(stored_event(work, leg, where, audio, repeated=repeated, adopted=False), withheld=True)


def left_in_evidence(work: Work, leg: Leg) -> AudioStored | None:
    """Audio that a run held back for this leg and did not live to journal: it need not be fetched a second time.

    ``None`` for a leg that is fetched again: what evidence has of that one is older. Raises StorageError.
    """
    evidence = work.store.evidence
    prefix = evidence_key(f"{audio_prefix(leg.site, leg.day)}{leg.leg_id}-")
    for listed in () if leg.again else evidence.list(prefix):
        stored = evidence.head(listed.key)
        audio = audio_in(stored)
        key = audio_key(leg, stored.sha256, audio.extension) if audio is not None else ""
        if audio is not None and evidence_key(key) == listed.key:
            where = replace(stored, key=key, version_id="")
            repeated = stored.metadata.get("repeated") == "yes"
            return replace(stored_event(work, leg, where, audio, repeated=repeated, adopted=True), withheld=True)
    return None


IN_A_SEGMENT = MOST_EVENTS // 3


def record_withheld(work: Work, stored: Sequence[AudioStored], explanations: dict[str, str]) -> None:
    """Journal that audio is withheld. What is said of one leg is in one segment: it is never taken for archived."""
    for first in range(0, len(stored), IN_A_SEGMENT):
        those = stored[first : first + IN_A_SEGMENT]
        record(work, [event for one in those for event in _said(work, one, explanations[one.leg_id])])


def _said(work: Work, stored: AudioStored, explanation: str) -> Iterator[Event]:
    yield stored
    yield LegAppraised(
        time=stored.time,
        actor=work.actor,
        supersedes=stored.supersedes,
        site=work.site,
        day=stored.day,
        leg_id=stored.leg_id,
        verdict=Verdict.QUARANTINE,
        cause=explanation,
    )
    yield ObjectNoted(
        time=stored.time,
        actor=work.actor,
        site=work.site,
        day=stored.day,
        key=stored.key,
        finding=FindingKind.WITHDRAWN_OBJECT,
        detail=f"held back, kept as evidence/{evidence_key(stored.key)}",
    )
