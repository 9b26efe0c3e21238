"""Ogg, walked page by page: checksum, page number, position in the sound, end of stream.

A stream without its last page was cut. Its length is the position that its pages reach, less what missing pages would
have held (taken as average pages, for only they knew).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from noojee_ingest.audio.reading import cut, read_at
from noojee_ingest.audio.sniff import HEAD, NotAudio
from noojee_ingest.model import Audio

_BLOCK = 256 * 1024  # bytes read at a time
_LONGEST_PAGE = 27 + 255 + 255 * 255  # bytes
_MOST_GAPS = 100  # after so much damage the rest is not walked: time stays bounded
_MOST_STREAMS = 100
_LONGEST_STEP = 255 * 65535  # samples in one page: no codec has more
_HEADER = struct.Struct("<4sBBqIIIB")
_FIRST, _LAST = 2, 4  # flags

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_ogg(head: bytes) -> bool:
    return head.startswith(b"OggS")


def walk(file: BinaryIO, size: int) -> Audio:
    """What the pages hold. Raises NotAudio when there is no sound page."""
    pages = _Pages(file, size)
    streams: list[_Stream] = []
    by_serial: dict[int, _Stream] = {}
    for page in pages:
        if page.serial not in by_serial or page.flags & _FIRST:
            if len(streams) == _MOST_STREAMS:
                pages.faults.append(f"more than {_MOST_STREAMS:,} streams")
                break
            by_serial[page.serial] = _begin(page)
            streams.append(by_serial[page.serial])
        by_serial[page.serial].take(page)
    if not streams:
        raise NotAudio("Ogg mark without a sound page", read_at(file, 0, HEAD))
    sounding = [stream for stream in streams if stream.codec] or streams
    first = sounding[0]
    faults = pages.faults
    lost = sum(stream.lost for stream in sounding)
    if lost:
        faults.append(f"cut: {lost:,} pages missing")
    if any(stream.jumps for stream in sounding):
        faults.append("header: positions jump")
    if not all(stream.ended for stream in sounding):
        faults.append("cut: no end of the stream")
    if not first.codec:
        faults.append("header: no codec that is known")
    elif not first.rate or not first.channels:
        faults.append(f"header: {first.channels:,} channels, {first.rate:,} Hz")
    seconds = sum(stream.seconds for stream in sounding)
    if not seconds and not faults:
        faults.append("empty: no sound")
    return Audio("ogg", first.codec or "ogg", first.channels, first.rate, seconds, tuple(faults))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    position: int  # in samples (Opus: of 48 kHz, whatever the rate)
    serial: int
    number: int
    body: bytes


class _Pages:
    """The sound pages of a file, in order; afterwards ``faults`` says what else was met."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.faults: list[str] = []
        self._file = file
        self._size = size
        self._position = 0
        self._damaged = 0
        self._garbage = 0

    def __iter__(self) -> Iterator[_Page]:
        gaps = 0
        base, block = 0, b""
        while self._position < self._size:
            if self._position + _LONGEST_PAGE > base + len(block) and base + len(block) < self._size:
                base, block = self._position, read_at(self._file, self._position, _BLOCK)
            at = self._position - base
            length = _page_length(block, at)
            if self._position + length > self._size:
                self.faults.append(cut(self._size - self._position, length) + " of the last page")
                break
            page = _read_page(block[at : at + length])
            if page is not None:
                yield page
                self._position += length
                continue
            gaps += 1
            resumed = block.find(b"OggS", at + 1)
            if resumed < 0 or gaps > _MOST_GAPS:
                self.faults.append(f"trailing: {self._size - self._position:,} bytes after the last page")
                break
            self._skip(base + resumed, damaged=length > 0)
        if self._damaged:
            self.faults.append(f"damaged: {self._damaged:,} pages fail their checksum")
        if self._garbage:
            self.faults.append(f"garbage: {self._garbage:,} bytes between pages")

    def _skip(self, position: int, *, damaged: bool) -> None:
        if damaged:
            self._damaged += 1
        else:
            self._garbage += position - self._position
        self._position = position


def _page_length(block: bytes, at: int) -> int:
    """Bytes of the page that begins at ``at``, as far as its header can be read; 0 where none begins."""
    if block[at : at + 4] != b"OggS"[: len(block) - at] or block[at + 4 : at + 5] not in (b"\0", b""):
        return 0
    segments = block[at + 26] if at + 26 < len(block) else 0
    return 27 + segments + sum(block[at + 27 : at + 27 + segments])


def _read_page(data: bytes) -> _Page | None:
    if not data or _checksum(data) != int.from_bytes(data[22:26], "little"):
        return None
    _, _, flags, position, serial, number, _, segments = _HEADER.unpack_from(data)
    return _Page(flags, position, serial, number, data[27 + segments :])


def _checksum(page: bytes) -> int:
    """The CRC of Ogg is that of zlib with the bits of bytes and of the result in the opposite order, from 0."""
    zeroed = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(zeroed.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")


@dataclass(slots=True)
class _Stream:
    """``rate`` is in Hz, ``clock`` in positions a second, ``held`` in positions."""

    codec: str
    channels: int
    rate: int
    clock: int
    number: int  # of the page that is due
    reached: int = 0
    held: int = 0
    lost: int = 0  # pages
    jumps: int = 0
    ended: bool = False

    def take(self, page: _Page) -> None:
        missing = (page.number - self.number) % 2**32
        missing = missing if missing < 2**31 else 0  # a page that came twice
        self.lost += missing
        self.number = (page.number + 1) % 2**32
        self.ended = self.ended or bool(page.flags & _LAST)
        if page.position > self.reached:
            step = (page.position - self.reached) // (missing + 1)
            if step <= _LONGEST_STEP:
                self.held += step
            else:
                self.jumps += 1
            self.reached = page.position

    @property
    def seconds(self) -> float:
        return max(0, self.held) / self.clock if self.clock else 0.0


def _begin(page: _Page) -> _Stream:
    """The stream whose first page this is; its codec is ``""`` when nothing here knows it."""
    body = page.body

    def number(begin: int, end: int) -> int:
        return int.from_bytes(body[begin:end], "little")

    number_due = page.number if page.flags & _FIRST else 0
    if body.startswith(b"\x01vorbis"):
        rate = number(12, 16)
        return _Stream("vorbis", number(11, 12), rate, rate, number_due)
    if body.startswith(b"OpusHead"):
        skipped = number(10, 12)
        return _Stream("opus", number(9, 10), number(12, 16) or 48000, 48000, number_due, held=-skipped)
    if body.startswith(b"Speex   "):
        rate = number(36, 40)
        return _Stream("speex", number(48, 52), rate, rate, number_due)
    if body.startswith(b"\x7fFLAC"):
        bits = int.from_bytes(body[27:31], "big")  # 20 of the rate, 3 of the channels less one
        return _Stream("flac", (bits >> 9 & 7) + 1, bits >> 12, bits >> 12, number_due)
    return _Stream("", 0, 0, 0, number_due)
