"""What an answer carries: a known number of bytes, made as they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Body:
    """``pieces`` makes the same ``size`` bytes each time that it is called, and never holds them all."""

    size: int  # bytes
    pieces: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, content: bytes) -> Body:
        return cls(len(content), lambda: iter((content,)))

    def first(self, size: int) -> Body:
        """Only the first ``size`` bytes."""
        if size >= self.size:
            return self

        def pieces() -> Iterator[bytes]:
            left = size
            for piece in self.pieces():
                if left <= 0:
                    return
                yield piece[:left]
                left -= len(piece)

        return Body(size, pieces)

    def content(self) -> bytes:
        return b"".join(self.pieces())
