"""One answer's body, read as it comes, and counted."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import requests

from noojee_ingest.noojee import failures
from noojee_ingest.noojee.errors import BadAnswer, Interrupted, NoojeeError, TimedOut

PIECE = 65_536  # bytes asked of the connection at once
SLOWEST = 1_000  # bytes per second: GSM speech in real time is faster


class Body:
    """A body that knows how long it should be.

    Three things end a body that does not come: no byte for ``read_timeout`` seconds; on average less than
    :data:`SLOWEST` bytes per second once ``read_timeout`` seconds were spent waiting; and the stop event.

    ``length`` is what ``Content-Length`` promised, ``received`` what came so far, both in bytes.
    """

    def __init__(self, response: requests.Response, *, read_timeout: float, stop: threading.Event) -> None:
        self._response = response
        self._read_timeout = read_timeout
        self._stop = stop
        self._waited = 0.0
        self.length = _length(response)
        self.content_type = response.headers.get("Content-Type", "")
        self.received = 0
        self._over = False
        self._when_over: Callable[[], object] | None = None

    def read(self) -> bytes:
        """The next piece, at most 64 KiB; ``b""`` at the end.

        Raises CutBody, TimedOut, Interrupted.
        """
        if self._stop.is_set():
            raise Interrupted(f"stopped after {self.received} bytes")
        piece = self._piece()
        self.received += len(piece)
        if not piece and (self.received < self.length if self.length is not None else self._never_began()):
            raise failures.cut(self.received, self.length)
        if not piece:
            self._end()
        return piece

    def when_over(self, do: Callable[[], object]) -> None:
        """Call ``do`` once the end was read, or now if it was."""
        self._when_over = do
        if self._over:
            do()

    def _end(self) -> None:
        if not self._over and self._when_over:
            self._when_over()
        self._over = True

    def _never_began(self) -> bool:
        """Whether the connection was closed where a body that ends with it should begin, or within the headers."""
        return not self.received and "Transfer-Encoding" not in self._response.headers

    def head(self, size: int) -> bytes:
        """The first ``size`` bytes, and what else came with the last piece; all of it if it is shorter."""
        pieces = []
        while self.received < size and (piece := self.read()):
            pieces.append(piece)
        return b"".join(pieces)

    def whole(self, limit: int) -> bytes:
        """All of it. Raises BadAnswer beyond ``limit`` bytes, and what ``read`` raises."""
        data = self.head(limit + 1)
        if len(data) > limit:
            raise BadAnswer(f"the answer is larger than {limit} bytes")
        return data

    def _piece(self) -> bytes:
        began = time.monotonic()
        failure: NoojeeError
        try:
            piece: bytes = self._response.raw.read1(PIECE) or b""
        except failures.LIBRARY_ERRORS as caught:
            failure = failures.of_reading(caught, self._read_timeout, self.received, self.length)
            if self._stop.is_set():
                failure = Interrupted(f"stopped after {self.received} bytes")
        else:
            self._waited += time.monotonic() - began
            if self._waited <= self._read_timeout or self.received + len(piece) >= self._waited * SLOWEST:
                return piece
            failure = TimedOut(f"the answer came slower than {SLOWEST} bytes per second")
        raise failure


def _length(response: requests.Response) -> int | None:
    told = "0" if response.status_code == 204 else response.headers.get("Content-Length", "")
    if "Transfer-Encoding" in response.headers or not re.fullmatch(r"\d{1,18}", told, re.ASCII):
        return None
    return int(told)
