"""What one process tells of itself when it is measured from the inside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instant:
    """Seconds of the wall's and of this process's CPU clock, all its threads together."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Instant:
        return cls(time.perf_counter(), time.process_time())


def peak_bytes() -> int:
    """The most memory that this process ever had. Not ru_maxrss: a child's begins with that of its parent."""
    _, _, told = Path("/proc/self/status").read_text().partition("VmHWM:")
    return 1024 * int(told.split()[0])
