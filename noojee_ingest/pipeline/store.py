"""Store: checked audio into the archive, rejected bytes into evidence, each under a key made of digests and dates."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import BinaryIO

from noojee_ingest.journal.events import AudioStored
from noojee_ingest.model import Audio, Finding, FindingKind, Leg
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.spool import Spooled
from noojee_ingest.pipeline.work import Work
from noojee_ingest.storage.errors import AlreadyExists
from noojee_ingest.storage.root import Root, Stored

FAULTS_LENGTH = 500  # characters of faults kept as object metadata, which must stay small


def audio_prefix(site: str, day: date) -> str:
    return f"audio/site={site}/day={day.isoformat()}/"


def audio_key(leg: Leg, sha256: str, extension: str) -> str:
    """Two different audios of one leg get two keys by construction."""
    return f"{audio_prefix(leg.site, leg.day)}{leg.leg_id}-{sha256[:16]}.{extension}"


def store_audio(work: Work, leg: Leg, spooled: Spooled, audio: Audio, *, repeated: bool) -> AudioStored:
    """Put a leg's audio, whole, in one piece. Where it is there already the object found is taken.

    ``repeated``: unsound, but the phone system gave the same bytes twice. Raises StorageError.
    """
    began = time.monotonic()
    metadata = audio_metadata(leg, spooled, audio, repeated=repeated)
    key = audio_key(leg, spooled.sha256, audio.extension)
    stored = create_or_adopt(work.store.archive, key, spooled.file, sha256=spooled.sha256, metadata=metadata)
    work.tally.add(seconds_storing=time.monotonic() - began)
    return stored_event(work, leg, stored, audio, repeated=repeated, adopted=False)


def audio_metadata(leg: Leg, spooled: Spooled, audio: Audio, *, repeated: bool) -> dict[str, str]:
    """What an audio object says of itself (docs/format.md), so that it can be adopted without a download."""
    return {
        "leg-id": leg.leg_id,
        "sha256": spooled.sha256,
        "extension": audio.extension,
        "codec": audio.codec,
        "channels": str(audio.channels),
        "sample-rate": str(audio.sample_rate),
        "seconds": repr(audio.seconds),
        "faults": "|".join(audio.faults).encode("ascii", "replace").decode()[:FAULTS_LENGTH].strip(),
        "repeated": "yes" if repeated else "no",
    }


def audio_facts(audio: AudioStored) -> dict[str, str]:
    """The metadata of an object that is put back, from what was journalled of it."""
    return {
        "leg-id": audio.leg_id,
        "sha256": audio.content_sha256,
        "extension": audio.extension,
        "codec": audio.codec,
        "channels": str(audio.channels),
        "sample-rate": str(audio.sample_rate),
        "seconds": repr(audio.seconds),
        "faults": "|".join(audio.faults).encode("ascii", "replace").decode()[:FAULTS_LENGTH].strip(),
        "repeated": "yes" if any("twice" in found.detail for found in audio.findings) else "no",
    }


def audio_in(stored: Stored) -> Audio | None:
    """The check's facts out of an object's metadata; ``None`` where they are not ours."""
    told = stored.metadata
    try:
        if told["sha256"] != stored.sha256:
            return None
        return Audio(
            extension=told["extension"],
            codec=told["codec"],
            channels=int(told["channels"]),
            sample_rate=int(told["sample-rate"]),
            seconds=float(told["seconds"]),
            faults=tuple(fault for fault in told.get("faults", "").split("|") if fault),
        )
    except (KeyError, ValueError):
        return None


def create_or_adopt(root: Root, key: str, body: BinaryIO, *, sha256: str, metadata: Mapping[str, str]) -> Stored:
    """Put an object under a key made of its digest, or take the one that is there with the same bytes.

    ``body`` is read from its beginning. Raises StorageError.
    """
    size = body.seek(0, io.SEEK_END)
    body.seek(0)
    try:
        return root.create(key, body, size=size, sha256=sha256, metadata=metadata)
    except AlreadyExists as taken:
        if taken.found.sha256 != sha256:
            raise  # 64 equal bits of two digests, or a store that was tampered with: a person must look
        return taken.found


def stored_event(
    work: Archivist, leg: Leg, stored: Stored, audio: Audio, *, repeated: bool, adopted: bool
) -> AudioStored:
    """The fact that a leg is archived, with what is to be said of its audio."""
    return AudioStored(
        time=work.clock(),
        actor=work.actor,
        supersedes=leg.answers,
        site=leg.site,
        day=leg.day,
        leg_id=leg.leg_id,
        content_sha256=stored.sha256,
        content_size=stored.size,
        stored_sha256=stored.sha256,
        stored_size=stored.size,
        bucket=stored.bucket,
        key=stored.key,
        version_id=stored.version_id,
        checksum_type=stored.checksum_type,
        extension=audio.extension,
        codec=audio.codec,
        channels=audio.channels,
        sample_rate=audio.sample_rate,
        seconds=audio.seconds,
        faults=audio.faults,
        findings=tuple(_audio_findings(work, leg, audio, repeated)),
        adopted=adopted,
    )


def _audio_findings(work: Archivist, leg: Leg, audio: Audio, repeated: bool) -> list[Finding]:
    found = []
    if audio.faults:
        again = "the same bytes twice" if repeated else "other bytes each time"
        found.append(Finding(FindingKind.UNSOUND, f"{'; '.join(audio.faults)} ({again})"))
    tolerance = work.settings.archive.duration_tolerance_seconds
    if leg.duration is not None and abs(audio.seconds - leg.duration) > tolerance:
        told = f"holds {audio.seconds:.1f} s, listed with {leg.duration:.1f} s"
        found.append(Finding(FindingKind.DURATION_MISMATCH, told))
    return found


def keep_evidence(work: Work, leg: Leg, spooled: Spooled) -> str:
    """Keep the beginning of bytes that are not audio (``archive.evidence_bytes``); the key, ``""`` for no bytes.

    It would survive a power cut when this returns. Raises StorageError.
    """
    spooled.file.seek(0)
    head = spooled.file.read(work.settings.archive.evidence_bytes)
    if not head:
        return ""
    key = f"rejected/site={leg.site}/day={leg.day.isoformat()}/{leg.leg_id}-{spooled.sha256[:16]}.bin"
    metadata = {"leg-id": leg.leg_id, "whole-sha256": spooled.sha256, "whole-size": str(spooled.size)}
    sha256 = hashlib.sha256(head).hexdigest()
    with suppress(AlreadyExists):  # the same answer, kept by an earlier run, perhaps more or less of it
        create_or_adopt(work.store.evidence, key, io.BytesIO(head), sha256=sha256, metadata=metadata)
    work.store.evidence.sync()
    return key
