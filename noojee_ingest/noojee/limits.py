"""What a phone system allows, kept on our side: how many requests at once, and how often the rare ones.

The vendor documents one by-hour request a minute (reference, 9.4 [doc]) and lead updates that take at least 100 ms each
(23.0 [doc]). Whether these count per key, per address or per server is unknown, so they are kept for a site as a whole:
the client takes any :class:`Limiter`, and whoever runs several processes against one site passes one that they share.
:class:`LocalLimiter` serves a process that is alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Protocol

from noojee_ingest.noojee.errors import Interrupted

_LOOK = 0.2  # seconds between two looks at the stop event while waiting for a slot


class TurnKind(StrEnum):
    """A kind of request that must keep a distance from the last of its kind."""

    BY_HOUR = "by-hour"
    LEAD = "lead"


class Limiter(Protocol):
    """Permission to bother the phone system. Shared between threads."""

    def slot(self) -> AbstractContextManager[None]:
        """One of the concurrent requests; held while a request is under way and its body is read."""
        ...

    def turn(self, kind: TurnKind) -> None:
        """Block until the next request of this kind may be sent. Each call takes one turn, used or not."""
        ...


class LocalLimiter:
    """A limiter for one process.

    :param concurrent: requests at once
    :param by_hour_interval: seconds from one by-hour request to the next
    :param lead_interval: seconds from one lead update to the next
    :param stop: when set, waiting ends with Interrupted
    """

    def __init__(
        self,
        concurrent: int = 8,
        by_hour_interval: float = 60.0,
        lead_interval: float = 0.1,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        self._slots = threading.BoundedSemaphore(concurrent)
        self._intervals = {TurnKind.BY_HOUR: by_hour_interval, TurnKind.LEAD: lead_interval}
        self._next = dict.fromkeys(TurnKind, 0.0)
        self._lock = threading.Lock()
        self._stop = stop or threading.Event()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """See :class:`Limiter`. Raises Interrupted."""
        while not self._slots.acquire(timeout=_LOOK):
            if self._stop.is_set():
                raise Interrupted("stopped while waiting for a free request slot")
        try:
            yield
        finally:
            self._slots.release()

    def turn(self, kind: TurnKind) -> None:
        """See :class:`Limiter`. Raises Interrupted."""
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next[kind])
            self._next[kind] = mine + self._intervals[kind]
        if self._stop.wait(mine - now):
            raise Interrupted(f"stopped while waiting for the next {kind} request")
