"""Numbers of a run that others may look at while it works."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """What a run has done so far. Written by its threads through ``add``, read by whoever shows it."""

    stage: str = "starting"
    hours_due: int = 0
    hours_listed: int = 0
    calls_due: int = 0
    calls_asked: int = 0
    legs_found: int = 0
    legs_done: int = 0
    legs_stored: int = 0
    legs_absent: int = 0
    events: int = 0
    fetched_bytes: int = 0
    audio_requests: int = 0
    seconds_fetching: float = 0.0
    seconds_storing: float = 0.0
    seconds_recording: float = 0.0
    report: Any = None
    """What the run gave at its end, once it did: nothing that comes after may lose it."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **numbers: float) -> None:
        with self._lock:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)


WATCHED: ContextVar[Tally | None] = ContextVar("WATCHED", default=None)
"""A tally that the caller of a flow reads while the flow runs in its process."""
