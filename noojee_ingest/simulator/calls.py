"""The values of the simulated world. All instants are whole seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .recording import Format
from .site import Allocation


class Direction(StrEnum):
    INBOUND = "Inbound"
    OUTBOUND = "Outbound"
    INTERNAL = "Internal"


class Trouble(StrEnum):
    """What is wrong with a leg's audio, from the first request to the last."""

    NONE = "none"
    NEVER = "never"  # 404 for ever
    LATE = "late"  # 404 until 20 hours after the leg's end
    JSON = "json"  # an error in JSON with status 200
    LOGIN_PAGE = "login page"
    EMPTY = "empty"
    CUT_WAV = "cut wav"
    CUT_MP3 = "cut mp3"
    UNCLOSED_WAV = "unclosed wav"
    WRONG_LENGTH = "wrong length"


@dataclass(frozen=True, slots=True)
class Leg:
    number: int  # unlike that of any other leg within 100 days
    record_id: str
    unique_id: str
    name: str  # "1", "2", ...
    direction: Direction
    start: int
    end: int
    source: str
    destination: str
    did: str
    username: str
    tag: str
    form: Format
    trouble: Trouble
    audio_from: int | None  # when its audio appears; None: never

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def key(self) -> str:
        return f"{self.record_id}/{self.name}"


@dataclass(frozen=True, slots=True)
class Disposition:
    """A dialled call as the call record list tells it."""

    record_id: str
    unique_id: str
    start: int
    at: int  # when the agent chose
    seconds: int
    chosen: str
    allocation: Allocation
    lead_id: str
    external_lead_id: str
    attempts: int
    number: str
    name: str
    fields: Mapping[str, str]
    legs: int
    explained: bool  # False: talked for a while, chose a talker's disposition, and there is no recording


@dataclass(frozen=True, slots=True)
class Day:
    """All calls that started on one local day, oldest first."""

    legs: tuple[Leg, ...]
    dispositions: tuple[Disposition, ...]
