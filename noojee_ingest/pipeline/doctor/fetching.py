"""One leg's audio asked for in one way, and what came; two legs of one call, and whether each way tells them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from io import BytesIO

from noojee_ingest.audio import NotAudio, check
from noojee_ingest.model import Audio, LegEntry
from noojee_ingest.noojee import (
    AudioStream,
    AuthenticationFailed,
    Contract,
    Interrupted,
    NoojeeError,
    NotFound,
    Refused,
    Transient,
)
from noojee_ingest.pipeline.doctor.asking import ONCE, Asking, short
from noojee_ingest.pipeline.doctor.variants import Ways

Fetch = Callable[[str, str], AbstractContextManager[AudioStream]]

MOST_BYTES = 64 * 1024 * 1024
"""Of one leg: short ones are chosen, and what is longer than this is none."""

NO_SUCH_METHOD = 405


class Seen(Enum):
    """What a way to ask led to."""

    RIGHT = "the right audio"
    UNPROVEN = "audio, of a call with one leg only"
    SAME = "the same audio for two legs"
    ALIVE = "something that is no audio"
    NOTHING = "nothing"
    DENIED = "the key is refused"
    SILENT = "no answer"


@dataclass(frozen=True)
class Subject:
    """Two legs of one call; ``other`` is not its first, and ``None`` where a call has one only."""

    first: LegEntry
    other: LegEntry | None


@dataclass(frozen=True)
class Got:
    seen: Seen
    told: str
    digest: str = ""
    audio: Audio | None = None


def judge(asking: Asking, contract: Contract, ways: Ways, subject: Subject, tolerance: float) -> Got:
    """Ask for a leg that is not the first of its call, then for the first: a wrong name of the leg's parameter gives
    the first both times. ``tolerance``: seconds that a length may be off."""
    if subject.other is None:
        got = _fetched(asking, contract, ways, subject.first)
        return Got(Seen.UNPROVEN, got.told, got.digest, got.audio) if got.audio else got
    other = _fetched(asking, contract, ways, subject.other)
    if other.audio is None:
        return other
    first = _fetched(asking, contract, ways, subject.first)
    if first.audio is not None and first.digest == other.digest:
        told = f"{other.told}, the same for leg {subject.first.leg!a} and leg {subject.other.leg!a}"
        return Got(Seen.SAME, told, other.digest, other.audio)
    if first.audio is None and not _is_of(other.audio, subject, tolerance):
        return Got(Seen.UNPROVEN, f"{other.told}; the first leg has none to compare with", other.digest, other.audio)
    return Got(Seen.RIGHT, f"{other.told}, and other audio for the first leg", other.digest, other.audio)


def _is_of(audio: Audio, subject: Subject, tolerance: float) -> bool:
    """Whether its length is that of the second leg, and not that of the first."""
    first, other = subject.first.duration, subject.other.duration if subject.other else None
    if first is None or other is None:
        return False
    return abs(audio.seconds - other) <= tolerance < abs(audio.seconds - first)


def _fetched(asking: Asking, contract: Contract, ways: Ways, leg: LegEntry) -> Got:
    try:
        with asking.client(contract=contract, patience=ONCE) as client:
            fetch: Fetch = getattr(client.recordings, ways.section)
            body = BytesIO()
            with fetch(getattr(leg, ways.id_line), leg.leg) as pieces:
                for piece in pieces:
                    body.write(piece)
                    if body.tell() > MOST_BYTES:
                        return Got(Seen.ALIVE, f"more than {MOST_BYTES:,} bytes, which were not read to their end")
    except Interrupted:
        raise
    except NoojeeError as error:
        return Got(_meaning(error), short(error))
    size = body.tell()
    body.seek(0)
    try:
        audio = check(body, size)
    except NotAudio as problem:
        return Got(Seen.ALIVE, f"{size:,} bytes that are no audio but {problem.reason}")
    faults = f", unsound ({'; '.join(audio.faults)})" if audio.faults else ""
    told = f"audio: {audio.extension}, {audio.codec}, {audio.seconds:.1f} s{faults}"
    return Got(Seen.RIGHT, told, hashlib.sha256(body.getvalue()).hexdigest(), audio)


def _meaning(error: NoojeeError) -> Seen:
    if isinstance(error, AuthenticationFailed):
        return Seen.DENIED
    if isinstance(error, NotFound) or (isinstance(error, Refused) and error.status == NO_SUCH_METHOD):
        return Seen.NOTHING
    return Seen.SILENT if isinstance(error, Transient) else Seen.ALIVE
