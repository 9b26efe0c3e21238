"""What agents and the dialler wrote about dialled calls."""

from __future__ import annotations

from random import Random

from . import site
from .calls import Disposition, Leg


def after_recorded_call(chance: Random, legs: list[Leg]) -> Disposition:
    """What the agent chose at the end of a recorded call."""
    first, last = legs[0], legs[-1]
    return _disposition(
        chance,
        record_id=int(first.record_id),
        unique_id=first.unique_id,
        times=(first.start, last.end),
        chosen=chance.choices(list(site.DISPOSITIONS), list(site.DISPOSITIONS.values()))[0],
        number=first.destination,
        legs=len(legs),
    )


def unanswered(chance: Random, starts: list[int], first_id: int) -> list[Disposition]:
    """Calls that nobody answered, or a machine that was hung up on: there is nothing to record."""
    made = []
    for index, start in enumerate(starts):
        machine = chance.random() < 0.3
        made.append(
            _disposition(
                chance,
                record_id=first_id + index,
                unique_id=f"{start}.{5000 + index}",
                times=(start, start + (chance.randrange(2, 9) if machine else 0)),
                chosen="Answering Machine" if machine else "No Answer",
                number=phone(chance),
            )
        )
    return made


def unexplained(chance: Random, starts: list[int], first_id: int) -> list[Disposition]:
    """Calls that somebody talked on, and nothing tells why there is no recording."""
    return [
        _disposition(
            chance,
            record_id=first_id + index,
            unique_id=f"{start}.{9000 + index}",
            times=(start, start + chance.randrange(30, 200)),
            chosen="Callback" if index % 2 else "Sale",
            number=phone(chance),
            explained=False,
        )
        for index, start in enumerate(starts)
    ]


def phone(chance: Random) -> str:
    """A number from those that Australia keeps for fiction."""
    return f"035550{chance.randrange(10_000):04}"


def _disposition(
    chance: Random,
    *,
    record_id: int,
    unique_id: str,
    times: tuple[int, int],
    chosen: str,
    number: str,
    legs: int = 0,
    explained: bool = True,
) -> Disposition:
    start, end = times
    first, last = chance.choice(site.FIRST_NAMES), chance.choice(site.LAST_NAMES)
    return Disposition(
        record_id=str(record_id),
        unique_id=unique_id,
        start=start,
        at=end + chance.randrange(3, 45),
        seconds=end - start,
        chosen=chosen,
        allocation=chance.choice(site.ALLOCATIONS),
        lead_id=f"4{record_id % 10_000_000:07}",
        external_lead_id=f"A-{chance.randrange(10_000)}" if chance.random() < 0.6 else "",
        attempts=chance.randrange(1, 6),
        number=number,
        name=f"{first} {last}",
        fields={
            "full_name": f"{first} {last}",
            "email": f"lead{record_id}@example.com",
            "mobile_number": f"0491570{chance.choice((6, 156, 157, 158, 159, 110)):03}",
            "suburb": chance.choice(site.SUBURBS),
        },
        legs=legs,
        explained=explained,
    )
