"""What kind of phone system to simulate."""

from __future__ import annotations

import argparse
from dataclasses import Field, dataclass, field, fields
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from .dialect import Dialect

TROUBLES = {
    "never_legs": 6,
    "late_legs": 5,
    "not_audio_legs": 5,
    "cut_wav_legs": 2,
    "cut_mp3_legs": 1,
    "unclosed_wav_legs": 1,
    "wrong_length_legs": 2,
    "unexplained_calls": 4,
}
"""The troubles of a day and how many of each a full day has by default."""

MOST_CALLS = 7000  # a day


def _told(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated site. The same scenario always gives the same calls, audio and troubles.

    A day's calls depend on ``seed``, ``zone``, the day and the sizes, never on ``now``; a day's troubles are drawn
    apart, so switching them off leaves the calls as they are. Raises ``ValueError`` for a ``now`` without offset, a
    zone that does not exist, a negative number and no room for any lead call.
    """

    dialect: Dialect = _told(Dialect.PROPOSED, "how it speaks where nothing is documented")
    seed: int = _told(7, "what fixes calls, audio and troubles")
    zone: str = _told("Australia/Melbourne", "the phone system's own time zone (IANA name)")
    now: datetime = _told(datetime.fromisoformat("2026-03-11T03:30:00+11:00"), "where its clock starts, with offset")
    days: int = _told(4, "full days of history before the day of the start")
    calls_a_day: int = _told(245, "recorded calls of a full day, about 2.5 legs each")
    by_hour_interval: float = _told(60.0, "least seconds of real time between two by-hour lists")
    recent_hours: float = _told(24.0, "how long the call record list remembers")
    lead_calls_at_once: int = _told(4, "lead calls that run together; the others queue")
    lead_call_seconds: float = _told(0.1, "least seconds of real time that a lead call takes")
    lead_queue_seconds: float = _told(60.0, "how long a lead call queues before it is given up with code 109")
    ring_seconds: float = _told(2.0, "seconds of real time that each telephone of a dialled call rings")
    talk_seconds: float = _told(30.0, "seconds of real time until a call that is talked on hangs up by itself")
    inbound_every: float = _told(0.0, "when over 0: seconds of real time between calls that come in by themselves")
    leg_bytes: int = _told(0, "when over 0: every leg is PCM WAV of about this size, to the second (16,000 bytes)")
    huge_leg_bytes: int = _told(0, "when over 0: one leg of each day is PCM WAV of about this size")
    never_legs: int = _told(TROUBLES["never_legs"], "legs a day whose audio never exists")
    late_legs: int = _told(TROUBLES["late_legs"], "legs of a day's last 4 hours whose audio comes 20 hours late")
    not_audio_legs: int = _told(TROUBLES["not_audio_legs"], "legs a day that answer JSON, a login page or nothing")
    cut_wav_legs: int = _told(TROUBLES["cut_wav_legs"], "WAV legs a day whose header promises more than comes")
    cut_mp3_legs: int = _told(TROUBLES["cut_mp3_legs"], "MP3 legs a day cut in half")
    unclosed_wav_legs: int = _told(TROUBLES["unclosed_wav_legs"], "WAV legs a day with sizes 0 or 0xFFFFFFFF")
    wrong_length_legs: int = _told(TROUBLES["wrong_length_legs"], "legs a day that are over 5 s off their Duration")
    unexplained_calls: int = _told(TROUBLES["unexplained_calls"], "sales and callbacks a day without a recording")

    def __post_init__(self) -> None:
        if self.now.utcoffset() is None:
            raise ValueError(f"now {self.now.isoformat()} has no offset; write it as in 2026-03-11T03:30:00+11:00")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"zone {self.zone!r} is not an IANA name such as Australia/Melbourne") from error
        if self.dialect not in list(Dialect):
            raise ValueError(f"dialect {self.dialect!r} is none of {', '.join(Dialect)}")
        object.__setattr__(self, "dialect", Dialect(self.dialect))  # it may have come as its word
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "seed" and isinstance(value, int | float) and value < 0:
                raise ValueError(f"{one.name} is {value}; it cannot be negative")
        if self.lead_calls_at_once < 1:
            raise ValueError("lead_calls_at_once is 0; no lead call could ever run")
        if self.calls_a_day > MOST_CALLS:
            raise ValueError(f"calls_a_day is {self.calls_a_day}; at most {MOST_CALLS} can be told apart")

    @classmethod
    def clean(cls, **changes: Any) -> Self:
        """A site where every leg has sound audio and every call without recording is explained."""
        return cls(**{**dict.fromkeys(TROUBLES, 0), **changes})

    def arguments(self) -> list[str]:
        """The command line arguments that make this scenario again."""
        said = []
        for one in fields(self):
            value = getattr(self, one.name)
            said += [_option(one), value.isoformat() if isinstance(value, datetime) else str(value)]
        return said

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Teach a parser one option for each field."""
        for one in fields(cls):
            words = [str(word) for word in Dialect] if isinstance(one.default, Dialect) else None
            read = datetime.fromisoformat if isinstance(one.default, datetime) else str if words else type(one.default)
            parser.add_argument(
                _option(one),
                type=read,
                default=one.default,
                choices=words,
                help=f"{one.metadata['help']} (default: %(default)s)",
            )

    @classmethod
    def from_arguments(cls, read: argparse.Namespace) -> Self:
        return cls(**{one.name: getattr(read, one.name) for one in fields(cls)})


def _option(one: Field[Any]) -> str:
    return "--" + one.name.replace("_", "-")
