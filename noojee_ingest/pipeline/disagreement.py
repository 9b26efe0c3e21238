"""Two lists that tell different things of one leg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from noojee_ingest.model import Finding, FindingKind, LegEntry, TimeMark

TEXTS = ("source", "destination", "did", "tag", "username")
"""What the lists tell in the same words. Not so a direction, and the text of a time: of a time the instant counts."""


LARGEST_CHANGE = timedelta(hours=2)
"""No clocks are put back by more."""


def disagreements(entry: LegEntry, others: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """What this entry tells otherwise than the other lists told last (rows of ``leg_seen``).

    What one of them leaves empty is no difference, nor is that a time of an hour that happened twice was read as the
    other of the two: such a time has a finding of its own.
    """
    told = {"start": entry.start.utc, "end": entry.end.utc, "duration": entry.duration}
    told |= {name: getattr(entry, name) for name in TEXTS}
    marks = {"start": entry.start.mark, "end": entry.end.mark}
    found = []
    for other in others:
        doubtful = {name for name, mark in marks.items() if TimeMark.TWICE in (mark, other.get(f"{name}_mark"))}
        names = [name for name, value in told.items() if _differ(value, other[name], doubtful=name in doubtful)]
        if names:
            found.append(Finding(FindingKind.VIEW_DISAGREEMENT, f"otherwise than {other['view']}: {', '.join(names)}"))
    return found


def _differ(one: object, other: object, *, doubtful: bool) -> bool:
    if doubtful and isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) > LARGEST_CHANGE
    return one not in (None, "") and other not in (None, "") and one != other
