"""The simulator's clock: set at will, it ticks in real time."""

from __future__ import annotations

import time
from datetime import datetime


class Clock:
    def __init__(self, start: datetime) -> None:
        self.set(start)

    def set(self, instant: datetime) -> None:
        """Go on from an aware instant, later or earlier."""
        self._offset = instant.timestamp() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, simulated."""
        return self._offset + time.monotonic()
