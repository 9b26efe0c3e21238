"""What the simulated phone system tells of itself, to tests and demos only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any, Self

from .calls import Disposition, Leg
from .world import World


@dataclass(slots=True)
class Counters:
    """Requests seen since the start or the last reset, refused ones included.

    requests: endpoint -> requests
    statuses: endpoint -> HTTP status, as text -> requests; a request answered with nothing counts under ``"none"``
    legs: audio endpoint -> ``CallRecordId/Leg`` -> requests
    most_at_once: most requests under way together; most_audio_at_once: of those for audio
    by_hour_instants: when by-hour lists were asked for with the right key, in seconds of a clock without origin
    """

    requests: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    legs: dict[str, Counter[str]] = field(default_factory=dict)
    most_at_once: int = 0
    most_audio_at_once: int = 0
    by_hour_instants: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        nested = {name: {key: Counter(of) for key, of in told[name].items()} for name in ("statuses", "legs")}
        return cls(**{**told, **nested, "requests": Counter(told["requests"])})

    def audio_requests(self) -> Counter[str]:
        """``CallRecordId/Leg`` -> requests for its audio, by whichever endpoint."""
        return sum(self.legs.values(), Counter())


@dataclass(frozen=True, slots=True)
class TrueLeg:
    """A leg as it is, whatever is told of it. Times are aware, in UTC; ``seconds`` is what Duration says."""

    call_record_id: str
    unique_id: str
    leg: str
    day: date  # site-local date of its end
    start: datetime
    end: datetime
    seconds: int
    direction: str
    tag: str
    username: str
    form: str
    trouble: str
    audio_from: datetime | None  # None: its audio never exists

    @property
    def key(self) -> str:
        """As in the counters."""
        return f"{self.call_record_id}/{self.leg}"


@dataclass(frozen=True, slots=True)
class TrueCall:
    """A dispositioned call as it is. ``explained`` is False when nothing tells why it has no legs."""

    call_record_id: str
    unique_id: str
    start: datetime
    disposed: datetime
    seconds: int
    disposition: str
    template_id: int
    campaign_id: int
    allocation_id: int
    lead_id: str
    legs: int
    explained: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything of each day that the simulator's clock has reached, what is yet to come of the last one included."""

    clock: datetime
    legs: tuple[TrueLeg, ...]
    calls: tuple[TrueCall, ...]

    def ended(self, day: date | None = None) -> list[TrueLeg]:
        """Legs that the phone system tells of by its clock, of one day or of all."""
        return [leg for leg in self.legs if leg.end <= self.clock and day in (None, leg.day)]


def truth(world: World, now: float) -> Truth:
    legs, dispositions = world.everything(now)
    return Truth(
        _utc(now), tuple(_true_leg(leg, world) for leg in legs), tuple(_true_call(one) for one in dispositions)
    )


def truth_as_json(told: Truth) -> dict[str, Any]:
    """Times as ISO 8601 text."""

    def plain(values: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values}

    return asdict(told, dict_factory=plain)


def truth_from_json(told: Mapping[str, Any]) -> Truth:
    def read(values: Mapping[str, Any], *times: str) -> dict[str, Any]:
        return {
            name: datetime.fromisoformat(value) if name in times and value is not None else value
            for name, value in values.items()
        }

    return Truth(
        datetime.fromisoformat(told["clock"]),
        tuple(
            TrueLeg(**{**read(leg, "start", "end", "audio_from"), "day": date.fromisoformat(leg["day"])})
            for leg in told["legs"]
        ),
        tuple(TrueCall(**read(call, "start", "disposed")) for call in told["calls"]),
    )


def _true_leg(leg: Leg, world: World) -> TrueLeg:
    return TrueLeg(
        call_record_id=leg.record_id,
        unique_id=leg.unique_id,
        leg=leg.name,
        day=world.local(leg.end).date(),
        start=_utc(leg.start),
        end=_utc(leg.end),
        seconds=leg.seconds,
        direction=leg.direction.value,
        tag=leg.tag,
        username=leg.username,
        form=leg.form.value,
        trouble=leg.trouble.value,
        audio_from=None if leg.audio_from is None else _utc(leg.audio_from),
    )


def _true_call(one: Disposition) -> TrueCall:
    return TrueCall(
        call_record_id=one.record_id,
        unique_id=one.unique_id,
        start=_utc(one.start),
        disposed=_utc(one.at),
        seconds=one.seconds,
        disposition=one.chosen,
        template_id=one.allocation.template_id,
        campaign_id=one.allocation.campaign_id,
        allocation_id=one.allocation.id,
        lead_id=one.lead_id,
        legs=one.legs,
        explained=one.explained,
    )


def _utc(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
