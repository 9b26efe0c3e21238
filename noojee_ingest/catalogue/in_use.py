"""Who has a catalogue open, as a lock that the kernel keeps on ``<catalogue>.lock`` beside it.

All who work with a catalogue hold the lock together; who puts another file in its place holds it alone. However a
process ends, its hold ends with it. The lock's file is empty and stays.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

LOOK_SECONDS = 0.05  # between two tries


class InUse:
    """A hold on the catalogue at ``path``; ``close`` it. Raises OSError where the lock's file cannot be made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o640)

    def together(self, *, seconds: float) -> bool:
        """Hold it beside others who do. ``False`` when someone has held it alone for ``seconds``."""
        return self._hold(fcntl.LOCK_SH, seconds)

    def alone(self, *, seconds: float) -> bool:
        """Hold it alone, instead of together. ``False`` when others hold it still after ``seconds``: so do we not."""
        return self._hold(fcntl.LOCK_EX, seconds)

    def lasts(self) -> bool:
        return self._descriptor >= 0  # the kernel forgets nothing

    def _hold(self, how: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(LOOK_SECONDS)
            else:
                return True

    def close(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
