"""MPEG audio layer III, walked frame by frame.

Tags at both ends are stepped over (ID3v2, ID3v1). A Xing, Info or VBRI header in the first frame promises a number of
frames or bytes; what is found is compared with it. A file without one that was cut exactly between two frames cannot
be told from a whole one: its length against the phone system's duration tells.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from noojee_ingest.audio.reading import cut, read_at
from noojee_ingest.audio.sniff import HEAD, NotAudio
from noojee_ingest.model import Audio

_BLOCK = 256 * 1024  # bytes read at a time
_MOST_GAPS = 100  # after so much damage the rest is not walked: time stays bounded
_SEARCHED = 64 * 1024  # bytes in which the next frame must be

_VERSIONS = {0b00: 2.5, 0b10: 2, 0b11: 1}
_RATES = {1: (44100, 48000, 32000), 2: (22050, 24000, 16000), 2.5: (11025, 12000, 8000)}
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True, slots=True)
class _Frame:
    """One kind of frame: ``length`` in bytes, ``samples`` of one channel, ``rate`` in Hz."""

    length: int
    samples: int
    rate: int
    stream: int  # the bits of the header that do not change within one stream


def _frames() -> dict[int, _Frame]:
    """Every valid layer III header, by its second and third byte."""
    frames = {}
    for word in range(0xE000, 0x10000):
        version = _VERSIONS.get(word >> 11 & 3)
        layer, bitrate, rate, padding = word >> 9 & 3, word >> 4 & 15, word >> 2 & 3, word >> 1 & 1
        if version is None or layer != 0b01 or bitrate in (0, 15) or rate == 3:
            continue
        hertz = _RATES[version][rate]
        kbps = (_KBPS_1 if version == 1 else _KBPS_2)[bitrate]
        samples = 1152 if version == 1 else 576
        length = samples // 8 * kbps * 1000 // hertz + padding
        frames[word] = _Frame(length, samples, hertz, word & 0xFE0C)
    return frames


_FRAMES = _frames()
_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]")


def is_mp3(file: BinaryIO, size: int, head: bytes) -> bool:
    """A tag, or two frames that follow one another, or one that is the whole file."""
    return head.startswith(b"ID3") or _frame_at(file, 0, size) is not None


def walk(file: BinaryIO, size: int) -> Audio:
    """What the frames hold. Raises NotAudio when there are none after the tag."""
    start = _after_tags(file, size)
    end = size - 128 if size - start >= 128 and read_at(file, size - 128, 3) == b"TAG" else size
    first = _next_frame(file, start, end)
    if first is None:
        raise NotAudio("MP3 tag without sound", read_at(file, 0, HEAD))
    header = read_at(file, first, 4)
    kind = _FRAMES[header[1] << 8 | header[2]]
    promise = _read_promise(read_at(file, first, kind.length), kind)
    found = _walk_frames(file, first, end, kind.stream)
    frames = found.frames - 1 if promise else found.frames  # the promise's own frame is silent
    samples = frames * kind.samples
    faults = [f"garbage: {first - start:,} bytes before the first frame"] if first > start else []
    if promise and (broken := promise.broken(frames, found.bytes)):
        faults.append(broken)
    elif found.cut:
        faults.append(found.cut)
    elif promise:
        samples -= promise.filling
    if found.garbage:
        faults.append(f"garbage: {found.garbage:,} bytes between frames")
    if found.trailing:
        faults.append(f"trailing: {found.trailing:,} bytes after the last frame")
    if frames <= 0:
        faults.append("empty: no frame of sound")
    channels = 1 if header[3] >> 6 == 3 else 2
    return Audio("mp3", "mp3", channels, kind.rate, max(0, samples) / kind.rate, tuple(faults))


def _after_tags(file: BinaryIO, size: int) -> int:
    position = 0
    for _ in range(10):
        tag = read_at(file, position, 10)
        if len(tag) < 10 or tag[:3] != b"ID3":
            break
        length = sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=True))
        position += 10 + length
    return min(position, size)


def _frame_at(file: BinaryIO, position: int, end: int) -> _Frame | None:
    """The frame at ``position``, when another of its stream or the end follows it."""
    frame = _read_header(file, position)
    if frame is None or position + frame.length == end:
        return frame
    after = _read_header(file, position + frame.length)
    return frame if after is not None and after.stream == frame.stream else None


def _read_header(file: BinaryIO, position: int) -> _Frame | None:
    header = read_at(file, position, 3)
    return _FRAMES.get(header[1] << 8 | header[2]) if len(header) == 3 and header[0] == 0xFF else None


def _next_frame(file: BinaryIO, position: int, end: int, stream: int | None = None) -> int | None:
    """Where the next frame begins, of ``stream`` when given; searched for in the next 64 KiB."""
    searched = read_at(file, position, min(_SEARCHED, max(0, end - position)))
    for match in _HEADER.finditer(searched):
        frame = _frame_at(file, position + match.start(), end)
        if frame is not None and stream in (None, frame.stream):
            return position + match.start()
    return None


@dataclass(slots=True)
class _Found:
    """``bytes`` counts those of whole frames."""

    frames: int = 0
    bytes: int = 0
    garbage: int = 0
    trailing: int = 0
    cut: str = ""


def _walk_frames(file: BinaryIO, position: int, end: int, stream: int) -> _Found:
    found = _Found()
    gaps = 0
    block, base = b"", position
    while position + 4 <= end:
        at = position - base
        if at + 4 > len(block):
            block, base, at = read_at(file, position, _BLOCK), position, 0
            if len(block) < 4:
                break
        frame = _FRAMES.get(block[at + 1] << 8 | block[at + 2]) if block[at] == 0xFF else None
        if frame is not None and frame.stream == stream:
            if position + frame.length > end:
                found.cut = cut(end - position, frame.length) + " of the last frame"
                return found
            found.frames += 1
            found.bytes += frame.length
            position += frame.length
            continue
        gaps += 1
        resumed = _next_frame(file, position, end, stream) if gaps <= _MOST_GAPS else None
        if resumed is None:
            break
        found.garbage += resumed - position
        position = resumed
    found.trailing = end - position
    return found


@dataclass(frozen=True, slots=True)
class _Promise:
    """What the silent first frame says; 0 = nothing. ``filling``: samples that the encoder added at both ends."""

    frames: int
    bytes: int
    filling: int

    def broken(self, frames: int, length: int) -> str:
        if frames + 1 < self.frames:  # some writers count the silent frame too
            return cut(max(0, frames), self.frames, "frames")
        if length < self.bytes:
            return cut(length, self.bytes)
        if self.frames and frames > self.frames:
            return f"header: {self.frames:,} frames promised, {frames:,} found"
        return ""


def _read_promise(data: bytes, kind: _Frame) -> _Promise | None:
    mono = data[3] >> 6 == 3
    side = (17 if mono else 32) if kind.samples == 1152 else (9 if mono else 17)
    at = 4 + side if data[1] & 1 else 6 + side  # a checksum comes between
    if data[at : at + 4] in (b"Xing", b"Info"):
        return _read_xing(data, at + 4)
    if data[36:40] == b"VBRI" and len(data) >= 54:
        length, frames = struct.unpack(">II", data[46:54])
        return _Promise(frames, length, 0)
    return None


def _read_xing(data: bytes, at: int) -> _Promise:
    def number() -> int:
        nonlocal at
        at += 4
        return int.from_bytes(data[at - 4 : at], "big")

    flags = number()
    frames = number() if flags & 1 else 0
    length = number() if flags & 2 else 0
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)  # a table to seek by, a quality
    filling = 0
    if data[at : at + 4] in (b"LAME", b"Lavf", b"Lavc") and len(data) >= at + 24:
        both = int.from_bytes(data[at + 21 : at + 24], "big")  # two numbers of 12 bits
        filling = (both >> 12) + (both & 0xFFF)
    return _Promise(frames, length, filling)
