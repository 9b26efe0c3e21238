"""Which legs have something wrong with their audio, and what then comes in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from random import Random

from .body import Body
from .calls import Leg, Trouble
from .recording import Format, recording
from .scenario import Scenario

LATE_SECONDS = 20 * 3600
EVENING_SECONDS = 4 * 3600
LONG_ENOUGH = range(8, 61)  # seconds, for what is to be cut or to be of another length
LOGIN_PAGE = b"""<!DOCTYPE html>
<html><head><title>Noojee Admin - Log in</title></head>
<body><form method="post" action="/njadmin/login"><input name="username"><input name="password" type="password">
<button>Log in</button></form></body></html>
"""
NOT_AUDIO = {
    Trouble.JSON: b'{"Message":"Recording is not available","Code":-1}',
    Trouble.LOGIN_PAGE: LOGIN_PAGE,
    Trouble.EMPTY: b"",
}


def add_troubles(scenario: Scenario, day: date, legs: list[Leg], end: int) -> list[Leg]:
    """The day's legs, those chosen by the seed made troublesome; only legs that end before ``end``, the midnight."""
    chance = Random(f"{scenario.seed}/{scenario.zone}/{day}/troubles")
    free = {leg.number: leg for leg in legs if leg.end < end and leg.seconds < 3600}
    changed: dict[int, Leg] = {}

    def choose(count: int, pool: list[Leg]) -> list[Leg]:
        chosen = chance.sample(pool, min(count, len(pool)))
        for leg in chosen:
            del free[leg.number]
        return chosen

    def long_enough() -> list[Leg]:
        return [leg for leg in free.values() if leg.seconds in LONG_ENOUGH]

    def mark(leg: Leg, trouble: Trouble, form: Format, audio_from: int | None) -> None:
        changed[leg.number] = replace(leg, trouble=trouble, form=form, audio_from=audio_from)

    for leg in choose(scenario.late_legs, [leg for leg in free.values() if leg.end >= end - EVENING_SECONDS]):
        mark(leg, Trouble.LATE, leg.form, leg.end + LATE_SECONDS)
    for leg in choose(scenario.never_legs, list(free.values())):
        mark(leg, Trouble.NEVER, leg.form, None)
    for index, leg in enumerate(choose(scenario.not_audio_legs, list(free.values()))):
        mark(leg, list(NOT_AUDIO)[index % 3], leg.form, leg.end)
    for leg in choose(scenario.cut_mp3_legs, long_enough()):
        mark(leg, Trouble.CUT_MP3, Format.MP3, leg.end)
    for leg in choose(scenario.cut_wav_legs, long_enough()):
        mark(leg, Trouble.CUT_WAV, _as_wav(leg.form), leg.end)
    for leg in choose(scenario.unclosed_wav_legs, long_enough()):
        mark(leg, Trouble.UNCLOSED_WAV, _as_wav(leg.form), leg.end)
    for leg in choose(scenario.wrong_length_legs, long_enough()):
        mark(leg, Trouble.WRONG_LENGTH, leg.form, leg.end)
    return [changed.get(leg.number, leg) for leg in legs]


def _as_wav(form: Format) -> Format:
    return Format.PCM if form is Format.MP3 else form


def audio_of(leg: Leg, seed: int) -> Body:
    """What a request for the leg's audio gets once it is there, troubles included."""
    if leg.trouble in NOT_AUDIO:
        return Body.of(NOT_AUDIO[leg.trouble])
    seconds, claim = leg.seconds, None
    if leg.trouble is Trouble.WRONG_LENGTH:
        seconds += 6 + leg.number % 5
    if leg.trouble is Trouble.UNCLOSED_WAV:
        claim = 0xFFFFFFFF if leg.number % 2 else 0
    sound = recording(leg.form, leg.number, seconds, seed=seed, claim=claim)
    if leg.trouble is Trouble.CUT_WAV:
        return sound.first(sound.size * 3 // 5)
    if leg.trouble is Trouble.CUT_MP3:
        return sound.first(sound.size // 2 + 50)  # within a frame
    return sound
