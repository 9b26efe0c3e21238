"""The bytes on their way into a bucket and out of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from noojee_ingest.storage.s3_client import NoAnswer, Refusal, asked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody

SMALL = 1024 * 1024  # bytes; up to here a body is read whole and sent in one piece
_PIECE = 256 * 1024  # bytes


class WrongSize(Exception):
    """The body has not the size that was announced; ``came`` says what came instead."""

    def __init__(self, came: str) -> None:
        super().__init__(came)
        self.came = came


def read_small(body: BinaryIO, size: int) -> bytes:
    """All of a body of ``size`` bytes. Raises WrongSize, and an OSError of the body's own."""
    data = b""
    while len(data) <= size and (piece := body.read(size + 1 - len(data))):
        data += piece
    if len(data) != size:
        raise WrongSize(_came(len(data), size))
    return data


class Upload:
    """A large body as boto3 reads it: exactly ``size`` bytes from where it stands, as often as must be.

    boto3 rewinds to 0 before it repeats a request, and takes any error of a body for one of the network. So position 0
    is where the body stood, and the first error is kept in ``failure`` and ends the repetitions. The last
    piece is given only when nothing follows it, so that no store gets a whole object out of a body of another size.
    Pieces are larger than asked for (http.client asks for 16 KiB): fewer turns, and a bound of one piece of memory.
    Raises an OSError of the body's own when it cannot be rewound.
    """

    def __init__(self, body: BinaryIO, size: int) -> None:
        self._body = body
        self._start = body.seek(0, io.SEEK_CUR)
        self._size = size
        self._at = 0
        self.failure: Exception | None = None

    def read(self, _size: int = -1) -> bytes:
        try:
            piece = self._body.read(min(_PIECE, self._size - self._at))
            self._at += len(piece)
            self._check(piece)
        except Exception as error:
            self.failure = error
            raise
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self.failure is not None:
            raise self.failure  # which ends the repetitions
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        self._body.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        return self._at

    def _check(self, piece: bytes) -> None:
        if self._at == self._size and self._body.read(1):
            raise WrongSize(_came(self._size + 1, self._size))
        if not piece and self._at < self._size:
            raise WrongSize(_came(self._at, self._size))


def _came(count: int, size: int) -> str:
    return f"more than {size:,}" if count > size else f"{count:,}"


class Download(io.RawIOBase):
    """An object's bytes as they come; ``explained`` makes the error of a connection that breaks."""

    def __init__(self, stream: StreamingBody, explained: Callable[[Refusal | NoAnswer], Exception]) -> None:
        self._stream = stream
        self._explained = explained

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        return self._read(None)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _read(self, amount: int | None) -> bytes:
        try:
            piece: bytes = asked(self._stream.read, amount)
        except (Refusal, NoAnswer) as trouble:
            broken = self._explained(trouble)
        else:
            return piece
        raise broken
