"""Completeness: what counts as archived, as a gap, and as a part of the whole. The one place that says so."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from noojee_ingest.model import State

GAP_STATES = (State.MISSING, State.REJECTED, State.FAILED)
"""Not archived, and will not be without a person."""


def _no_legs() -> MutableMapping[str, int]:
    return {state.value: 0 for state in State}


@dataclass
class Line:
    """Sums over the legs and calls of an hour or a day: legs by state, bytes and seconds of archived audio."""

    states: MutableMapping[str, int] = field(default_factory=_no_legs)
    audio_bytes: int = 0
    audio_seconds: float = 0.0
    calls_explained: int = 0
    calls_unexplained: int = 0
    calls_unjudged: int = 0

    @property
    def expected(self) -> int:
        return sum(self.states.values())

    @property
    def gaps(self) -> int:
        """Legs that are neither archived nor awaited, and calls that nothing explains."""
        return sum(self.states[state.value] for state in (*GAP_STATES, State.DISCOVERED)) + self.calls_unexplained

    @property
    def complete(self) -> float | None:
        """Archived legs in per cent of what should be there: legs not excused, and calls that nothing explains so far.

        One decimal, rounded down: 100.0 is said of nothing less. ``None`` where nothing was due.
        """
        due = self.expected - self.states[State.EXCUSED.value] + self.calls_unexplained + self.calls_unjudged
        return _floor(100 * self.states[State.ARCHIVED.value] / due) if due else None

    @property
    def audio_hours(self) -> float:
        return round(self.audio_seconds / 3600, 2)


def _floor(percent: float) -> float:
    return math.floor(percent * 10 + 1e-9) / 10
