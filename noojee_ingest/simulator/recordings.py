"""What is known about recordings, and their audio (reference, 09.0 to 9.4)."""

from __future__ import annotations

import hashlib
import math
import re
import time
from contextlib import suppress
from datetime import date

from . import wire
from .asked import Asked, Refusal
from .body import Body
from .calls import Leg, Trouble
from .phone_system import PhoneSystem
from .recording import Format, recording
from .reply import Reply, not_found, sound
from .troubles import NOT_AUDIO, audio_of
from .wire import Listing


def by_tag(system: PhoneSystem, asked: Asked) -> Listing:
    return _told_by_id(system, system.world.with_tag(asked.text("tag"), system.clock.now()))


def by_unique_id(system: PhoneSystem, asked: Asked) -> Listing:
    return _told_by_id(system, system.world.with_unique_id(asked.text("uniqueId"), system.clock.now()))


def by_hour(system: PhoneSystem, asked: Asked) -> Listing:
    day, hour = _day(asked), asked.number("hour")
    if hour > 23:
        raise asked.senseless("hour must be 0 to 23")
    _wait_your_turn(system)
    legs = system.world.ended_in(day, hour, system.clock.now())
    return Listing([wire.by_hour(leg, system.world.zone) for leg in legs], bare=True)


def _told_by_id(system: PhoneSystem, legs: list[Leg]) -> Listing:
    return Listing([wire.by_id(leg, system.world.zone) for leg in legs], bare=True)


def _wait_your_turn(system: PhoneSystem) -> None:
    """At most one call a minute [doc]; how a sooner one is refused is [unknown]. A refused one does not count."""
    now = time.monotonic()
    system.counters.by_hour_instants.append(now)
    wait = system.last_by_hour + system.scenario.by_hour_interval - now
    if wait > 0:
        body = wire.failure(-1, "retrieveMetaDataByHour may be called once a minute")
        raise Refusal(Reply(Body.of(body), status=429, headers={"retry-after": str(math.ceil(wait))}))
    system.last_by_hour = now


def _day(asked: Asked) -> date:
    written = asked.text("date")
    if re.fullmatch("[0-9]{4}/[0-9]{2}/[0-9]{2}", written):
        with suppress(ValueError):
            return date.fromisoformat(written.replace("/", "-"))
    raise asked.senseless("date must be yyyy/MM/dd")


# audio (proposed); the names of the parameters are those of the dialect


def leg_by_tag(system: PhoneSystem, tag: str, name: str | None) -> Leg | None:
    return _leg_named(system.world.with_tag(tag, system.clock.now()), name)


def leg_by_record_id(system: PhoneSystem, record_id: str, name: str | None) -> Leg | None:
    return _leg_named(system.world.with_record_id(record_id, system.clock.now()), name)


def leg_by_unique_id(system: PhoneSystem, unique_id: str, name: str | None) -> Leg | None:
    return _leg_named(system.world.with_unique_id(unique_id, system.clock.now()), name)


def _leg_named(legs: list[Leg], name: str | None) -> Leg | None:
    """The leg of this name, else the first (proposed)."""
    return next((leg for leg in legs if name is None or leg.name == name), None)


def audio(system: PhoneSystem, leg: Leg | None) -> Reply:
    """The leg's audio, 404 while there is none (proposed)."""
    if leg is None or not _is_there(system, leg):
        return not_found()
    return sound(audio_of(leg, system.scenario.seed))


def _is_there(system: PhoneSystem, leg: Leg) -> bool:
    return leg.audio_from is not None and leg.audio_from <= system.clock.now()


def other_audio(system: PhoneSystem, leg: Leg | None, version: int, seconds: int | None) -> Reply:
    """Another recording of a leg that has one, noted as what the leg has too. ``version`` 0: one not yet sent."""
    if leg is None or not _is_there(system, leg):
        return not_found()
    others = system.other_audio.setdefault(leg.key, [])
    form = Format.PCM if leg.trouble is not Trouble.NONE else leg.form
    made = recording(
        form, leg.number, seconds or leg.seconds, seed=system.scenario.seed + (version or -1 - len(others))
    )
    others.append(_sha256(made))
    return sound(made)


def true_audio(system: PhoneSystem) -> dict[str, list[str]]:
    """``CallRecordId/Leg`` of all ended legs -> SHA-256 of their audio that is there and of other audio that was sent.

    What is sent in its place by other rules, and what is no audio, is not among it.
    """
    legs, _ = system.world.everything(system.clock.now())
    found: dict[str, list[str]] = {}
    for leg in legs:
        if leg.end <= system.clock.now():
            own = [_sha256(audio_of(leg, system.scenario.seed))] if leg.trouble not in NOT_AUDIO else []
            found[leg.key] = [*(own if _is_there(system, leg) else []), *system.other_audio.get(leg.key, [])]
    return found


def _sha256(body: Body) -> str:
    digest = hashlib.sha256()
    for piece in body.pieces():
        digest.update(piece)
    return digest.hexdigest()
