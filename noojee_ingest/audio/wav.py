"""RIFF/WAVE, walked chunk by chunk; RF64 and BW64, whose sizes have 64 bits, are the same walk.

What a telephone recorder does to these files: a header that was never closed (its sizes still 0 or all ones), a data
chunk that is shorter than it promises, WAV49 (GSM 6.10 in blocks of 65 bytes that hold 320 samples, the last one
filled up), text chunks before or after the data, a missing pad byte (harmless).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from noojee_ingest.audio.reading import cut, read_at
from noojee_ingest.audio.sniff import HEAD, NotAudio
from noojee_ingest.audio.waveformat import Format, read_format
from noojee_ingest.model import Audio

_MOST_CHUNKS = 1000
_WIDE = (b"RF64", b"BW64")


def is_wav(head: bytes) -> bool:
    return head[:4] in (b"RIFF", *_WIDE) and head[8:12] == b"WAVE"


def walk(file: BinaryIO, size: int) -> Audio:
    """What the chunks say and what the ``size`` bytes hold. Raises NotAudio when the format is not even named."""
    head = read_at(file, 0, HEAD)
    wide = head[:4] in _WIDE
    claims = _Claims(int.from_bytes(head[4:8], "little"), None, None)
    form: Format | None = None
    position = 12
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(file, size, position)
        if chunk is None or chunk.name == b"data":
            break
        body = read_at(file, chunk.position, min(chunk.present, 40))
        if chunk.name == b"fmt ":
            form = read_format(body)
        elif chunk.name == b"fact" and len(body) >= 4 and not wide:
            claims = _Claims(claims.riff, claims.data, int.from_bytes(body[:4], "little"))
        elif chunk.name == b"ds64" and len(body) >= 24 and wide:
            claims = _Claims(*struct.unpack("<3Q", body[:24]))
        position = chunk.end
    else:
        chunk = None
    if form is None:
        raise NotAudio("WAV header without a format", head)
    if chunk is None:
        return _audio(form, 0.0, ["cut: no sound after the header"])
    if wide and chunk.claimed == 0xFFFFFFFF and claims.data is not None:
        chunk = _Chunk(chunk.name, chunk.position, claims.data, size, file)
    return _sound(file, size, form, claims, chunk)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What the header says: ``riff`` and ``data`` in bytes, ``samples`` of one channel."""

    riff: int
    data: int | None
    samples: int | None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """``position`` is that of its content, ``claimed`` what its header says, ``size`` the whole file's, in bytes."""

    name: bytes
    position: int
    claimed: int
    size: int
    file: BinaryIO

    @property
    def present(self) -> int:
        return min(self.claimed, self.size - self.position)

    @property
    def end(self) -> int:
        """Where the next chunk begins: after the pad byte, which some writers forget."""
        end = self.position + self.claimed
        padded = self.claimed % 2 and read_at(self.file, min(end, self.size), 1) == b"\0"
        return end + 1 if padded else end


def _chunk_at(file: BinaryIO, size: int, position: int) -> _Chunk | None:
    if position + 8 > size:
        return None
    name, claimed = struct.unpack("<4sI", read_at(file, position, 8))
    if not all(0x20 <= letter < 0x7F for letter in name):
        return None
    return _Chunk(name, position + 8, claimed, size, file)


def _sound(file: BinaryIO, size: int, form: Format, claims: _Claims, data: _Chunk) -> Audio:
    riff_end = 8 + claims.riff
    available = size - data.position
    whole = abs(riff_end - size) <= 1  # a forgotten pad byte
    beyond = data.claimed > available or (data.claimed == 0 and available > 0 and not whole)
    if beyond and _is_stand_in(data.claimed):
        faults, present = ["header never closed"], available
    elif data.claimed > available:
        faults, present = [cut(available, data.claimed)], available
    else:
        faults, present = _after(file, size, riff_end, data), data.claimed
    seconds, left_over = form.length(present, claims.samples)
    if not present:
        faults.append("empty: 0 bytes of sound")
    elif not seconds and not form.faults:
        faults.append("header: does not tell the length of this codec")
    elif left_over and not faults:
        faults.append(f"cut: {left_over:,} of {form.block:,} bytes of the last block")
    return _audio(form, seconds, faults)


def _is_stand_in(size: int) -> bool:
    """What recorders write while the size is not known: 0, all ones, the largest signed number, or a little less."""
    return size == 0 or 0x7FFFF000 <= size < 2**31 or 0xFFFFFF00 <= size < 2**32


def _after(file: BinaryIO, size: int, riff_end: int, data: _Chunk) -> list[str]:
    """Faults between the end of the sound and the end of the file."""
    if riff_end != size and _is_stand_in(riff_end - 8):
        return ["header never closed"]
    if riff_end > size + 1:
        return [cut(size, riff_end)]
    position = data.end
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(file, size, position) if position < riff_end else None
        if chunk is None:
            break
        if chunk.present < chunk.claimed:
            return [cut(chunk.present, chunk.claimed) + " after the sound"]
        position = chunk.end
    faults = []
    if riff_end + 1 < position:
        faults.append(f"RIFF size: {riff_end:,} bytes claimed, {position:,} found")
    if position + 1 < size:
        faults.append(f"trailing: {size - position:,} bytes after the end")
    return faults


def _audio(form: Format, seconds: float, faults: list[str]) -> Audio:
    return Audio("wav", form.codec, form.channels, form.rate, seconds, (*form.faults, *faults))
