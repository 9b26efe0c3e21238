"""One day of calls, the same for the same seed, zone, day and sizes."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from . import site
from .calls import Day, Direction, Leg, Trouble
from .dispositions import after_recorded_call, phone, unanswered, unexplained
from .recording import PCM_BYTES_A_SECOND, Format
from .scenario import Scenario
from .troubles import add_troubles

T = TypeVar("T")

QUARTER, HOUR = 900, 3600
WEIGHTS = (4, 2, 2, 2, 2, 3, 6, 10, 14, 18, 18, 16, 12, 14, 18, 18, 16, 16, 14, 12, 10, 8, 6, 6)
"""How busy each local hour is, every day of the week."""
LEGS_OF_A_CALL = {1: 24, 2: 29, 3: 27, 4: 13, 5: 7}
DIRECTIONS = {Direction.OUTBOUND: 55, Direction.INBOUND: 35, Direction.INTERNAL: 10}
FORMATS = {Format.PCM: 22, Format.GSM: 28, Format.ULAW: 22, Format.ALAW: 4, Format.STEREO: 6, Format.MP3: 18}
SAME_SECOND = ((1, 10), (2, 20), (3, 30))
"""Ends of the unique ids of two calls that start together: as floats they would be one."""


@dataclass(slots=True)
class _Draft:
    """A call while it is being thought out."""

    start: int
    durations: list[int]  # seconds, one a leg
    suffix: int = 0  # of its unique id


def midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def make_day(scenario: Scenario, day: date) -> Day:
    """The calls that start on ``day`` (site time), some of which end on the next."""
    zone = ZoneInfo(scenario.zone)
    chance = Random(f"{scenario.seed}/{scenario.zone}/{day}/calls")
    begin, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    count = scenario.calls_a_day + chance.randrange(max(1, scenario.calls_a_day // 12))
    first_id, first_number = (day.toordinal() - 730_000) * 100_000, day.toordinal() % 100 * 20_000
    starts = _starts(chance, begin, end, zone, count)
    drafts = _drafts(scenario, chance, starts, begin, end, change=_change(begin, end, zone))
    legs: list[Leg] = []
    dispositions = []
    for index, (draft, direction) in enumerate(zip(drafts, _dealt(chance, DIRECTIONS, count), strict=True)):
        made = _call(
            scenario, chance, draft, direction, record_id=first_id + index, first_number=first_number + len(legs)
        )
        legs += made
        if direction is Direction.OUTBOUND:
            dispositions.append(after_recorded_call(chance, made))
    dispositions += unanswered(chance, _starts(chance, begin, end, zone, count // 6), first_id + 50_000)
    apart = Random(f"{scenario.seed}/{scenario.zone}/{day}/unexplained")
    dispositions += unexplained(apart, _starts(apart, begin, end, zone, scenario.unexplained_calls), first_id + 90_000)
    return Day(tuple(add_troubles(scenario, day, legs, end)), tuple(dispositions))


def _starts(chance: Random, begin: int, end: int, zone: ZoneInfo, count: int) -> list[int]:
    """``count`` instants spread evenly over the day's business, so that no hour's share is left to chance."""
    hours = range(begin, end, HOUR)
    limits = list(accumulate(WEIGHTS[datetime.fromtimestamp(hour, zone).hour] for hour in hours))
    starts = []
    for index in range(count):
        hour = hours[bisect(limits, (index + chance.random()) * limits[-1] / count)]
        starts.append(hour + chance.randrange(min(HOUR, end - hour)))
    return sorted(starts)


def _dealt(chance: Random, shares: Mapping[T, int], count: int) -> list[T]:
    """``count`` values in their exact shares, shuffled."""
    values, limits = list(shares), list(accumulate(shares.values()))
    dealt = [values[bisect(limits, (index + 0.5) * limits[-1] / count)] for index in range(count)]
    chance.shuffle(dealt)
    return dealt


def _change(begin: int, end: int, zone: ZoneInfo) -> int | None:
    """The instant between two others at which the clocks change, if they do: at a full quarter of an hour."""
    offsets = {at: datetime.fromtimestamp(at, zone).utcoffset() for at in range(begin, end, QUARTER)}
    return next((at for at in offsets if offsets[at] != offsets.get(at - QUARTER, offsets[begin])), None)


def _drafts(
    scenario: Scenario, chance: Random, starts: list[int], begin: int, end: int, *, change: int | None
) -> list[_Draft]:
    numbers = _dealt(chance, LEGS_OF_A_CALL, len(starts))
    drafts = [
        _Draft(start, [_duration(scenario, chance) for _ in range(number)])
        for start, number in zip(starts, numbers, strict=True)
    ]
    if len(drafts) >= 20:
        _let_legs_cross(drafts, begin, end)
        if change is not None:
            _let_legs_surround(drafts, change)
        drafts.sort(key=lambda draft: draft.start)
        for place, ends in enumerate(SAME_SECOND, start=4):
            pair = drafts[place * len(drafts) // 10 :][:2]
            pair[1].start = pair[0].start
            pair[0].suffix, pair[1].suffix = ends
    for index, draft in enumerate(drafts):
        draft.suffix = draft.suffix or 100 + index
    if scenario.huge_leg_bytes and drafts:
        drafts[len(drafts) // 3].durations[-1] = _pcm_seconds(scenario.huge_leg_bytes)
    return drafts


def _let_legs_cross(drafts: list[_Draft], begin: int, end: int) -> None:
    """Let a first and a second leg cross midnight, and a first leg an hour."""
    first, second, hour = drafts[-1], drafts[-2], drafts[len(drafts) // 2]
    first.start = end - max(1, first.durations[0] // 2)
    second.durations = (second.durations * 2)[: max(2, len(second.durations))]
    second.start = end - second.durations[0] - max(1, second.durations[1] // 2)
    hour.start += HOUR - (hour.start - begin) % HOUR - max(1, hour.durations[0] // 2)
    for draft in (first, second, hour):
        draft.start = max(begin, draft.start)


def _let_legs_surround(drafts: list[_Draft], change: int) -> None:
    """Let legs end shortly before the clocks change and shortly after it, and a first leg while they do."""
    before, across, after = (drafts[place * len(drafts) // 8] for place in (1, 2, 3))
    before.start = change - 10 * 60 - sum(before.durations)
    across.start = change - max(1, across.durations[0] // 2)
    after.start = change + 10 * 60


def _duration(scenario: Scenario, chance: Random) -> int:
    if scenario.leg_bytes:
        return _pcm_seconds(scenario.leg_bytes)
    kind = chance.random()
    if kind < 0.03:
        return chance.randrange(1, 4)
    if kind > 0.98:
        return chance.randrange(60, 150)
    return min(60, 4 + int(chance.expovariate(1 / 11)))


def _pcm_seconds(size: int) -> int:
    return max(1, round((size - 44) / PCM_BYTES_A_SECOND))


def _call(
    scenario: Scenario, chance: Random, draft: _Draft, direction: Direction, *, record_id: int, first_number: int
) -> list[Leg]:
    caller = phone(chance)
    did = {Direction.INBOUND: chance.choice(site.DIDS), Direction.OUTBOUND: site.TRUNK}.get(direction, "internal")
    tag = chance.choice(site.TAGS).format(chance.randrange(1, 2000)) if chance.random() < 0.3 else ""
    legs: list[Leg] = []
    start = draft.start
    for index, seconds in enumerate(draft.durations):
        agent, other = chance.sample(site.AGENTS, 2)
        waits = direction is Direction.INBOUND and index == 0 and len(draft.durations) > 1
        source, destination = {
            Direction.INBOUND: (caller, site.QUEUE if waits else agent.extension),
            Direction.OUTBOUND: (agent.extension, caller),
            Direction.INTERNAL: (agent.extension, other.extension),
        }[direction]
        form = chance.choices(list(FORMATS), list(FORMATS.values()))[0]
        if scenario.leg_bytes or (scenario.huge_leg_bytes and seconds == _pcm_seconds(scenario.huge_leg_bytes)):
            form = Format.PCM
        legs.append(
            Leg(
                number=first_number + index,
                record_id=str(record_id),
                unique_id=f"{draft.start}.{draft.suffix}",
                name=str(index + 1),
                direction=direction,
                start=start,
                end=start + seconds,
                source=source,
                destination=destination,
                did=did,
                username="" if waits else agent.login,
                tag=tag,
                form=form,
                trouble=Trouble.NONE,
                audio_from=start + seconds,
            )
        )
        start += seconds
    return legs
