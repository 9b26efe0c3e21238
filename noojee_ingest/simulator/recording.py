"""Recordings of real speech, made on the fly in the formats that an Asterisk phone system writes.

A recording is a seeded row of pieces cut from two minutes of speech already encoded (see ``speech/make_speech.py``), so
it costs little more than copying. Its first two blocks spell its number, so no two recordings are the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random
from struct import pack

from .body import Body

SPEECH = Path(__file__).parent / "speech"
RATE = 8000  # samples a second
PCM_BYTES_A_SECOND = 2 * RATE


class Format(StrEnum):
    PCM = "pcm"
    STEREO = "pcm-stereo"
    ULAW = "ulaw"
    ALAW = "alaw"
    GSM = "gsm"  # WAV49
    MP3 = "mp3"


@dataclass(frozen=True, slots=True)
class Track:
    """Encoded speech as equal blocks laid end to end."""

    data: bytes
    block: int  # bytes
    samples: int  # in a block
    openings: tuple[bytes, ...]  # blocks that differ from each other

    @classmethod
    def of(cls, data: bytes, block: int, samples: int) -> Track:
        blocks = (data[at : at + block] for at in range(0, len(data), block))
        return cls(data, block, samples, tuple(dict.fromkeys(blocks)))

    def blocks(self, seconds: int) -> int:
        """How many blocks come nearest to so many seconds."""
        return round(seconds * RATE / self.samples)

    def pieces(self, number: int, count: int, chance: Random) -> Iterator[bytes]:
        """``count`` blocks: two that spell ``number``, then turns of 1 to 4 s from anywhere in the speech."""
        yield self.openings[number // len(self.openings) % len(self.openings)]
        yield self.openings[number % len(self.openings)]
        count -= 2
        second, whole = RATE // self.samples, len(self.data) // self.block
        while count > 0:
            at = chance.randrange(whole)
            length = min(count, whole - at, chance.randrange(second, 4 * second))
            yield self.data[at * self.block : (at + length) * self.block]
            count -= length


def recording(form: Format, number: int, seconds: int, *, seed: int, claim: int | None = None) -> Body:
    """A whole file of ``seconds`` of speech (MP3: to the nearest frame of 72 ms).

    ``number`` tells it from every other; ``claim`` is written in place of both sizes of a WAV header, as a recorder
    leaves them that never closed its file.
    """
    track = _track(form)
    count = track.blocks(seconds)

    def speech(channel: int = 0) -> Iterator[bytes]:
        return track.pieces(number, count, Random(f"{seed}/{number}/{channel}"))

    if form is Format.MP3:
        head = _mp3_head(track, number, count)
        return Body(len(head) + count * track.block, lambda: _chain(head, speech()))
    channels = 2 if form is Format.STEREO else 1
    size = channels * count * track.block
    head = _wav_head(form, size, samples=count * track.samples, claim=claim)
    if channels == 2:
        return Body(len(head) + size, lambda: _chain(head, iter((_interleaved(speech(0), speech(1)),))))
    return Body(len(head) + size + size % 2, lambda: _chain(head, speech(), b"\0" * (size % 2)))


def pcm_of_size(size: int, number: int, *, seed: int) -> Body:
    """A sound PCM WAV of exactly ``size`` bytes (even)."""
    longer = recording(Format.PCM, number, 1 + size // PCM_BYTES_A_SECOND, seed=seed)

    def pieces() -> Iterator[bytes]:
        made = longer.first(size).pieces()
        data = size - len(next(made))
        return _chain(_wav_head(Format.PCM, data, samples=data // 2, claim=None), made)

    return Body(size, pieces)


def _chain(head: bytes, pieces: Iterator[bytes], tail: bytes = b"") -> Iterator[bytes]:
    yield head
    yield from pieces
    if tail:
        yield tail


def _interleaved(left: Iterator[bytes], right: Iterator[bytes]) -> bytes:
    ears = [array("H", b"".join(pieces)) for pieces in (left, right)]
    both = array("H", bytes(4 * len(ears[0])))
    both[0::2], both[1::2] = ears
    return both.tobytes()


def _wav_head(form: Format, size: int, *, samples: int, claim: int | None) -> bytes:
    """RIFF, fmt, fact (for what is compressed) and the start of data."""
    if form is Format.GSM:
        kind = pack("<HHIIHHHH", 0x31, 1, RATE, 1625, 65, 0, 2, 320)
    elif form in (Format.ULAW, Format.ALAW):
        kind = pack("<HHIIHHH", 7 if form is Format.ULAW else 6, 1, RATE, RATE, 1, 8, 0)
    else:
        channels = 2 if form is Format.STEREO else 1
        kind = pack("<HHIIHH", 1, channels, RATE, channels * PCM_BYTES_A_SECOND, 2 * channels, 16)
    chunks = b"WAVE" + b"fmt " + pack("<I", len(kind)) + kind
    if form not in (Format.PCM, Format.STEREO):
        chunks += b"fact" + pack("<II", 4, samples)
    whole = len(chunks) + 8 + size + size % 2
    sizes = (whole, size) if claim is None else (claim, claim)
    return b"RIFF" + pack("<I", sizes[0]) + chunks + b"data" + pack("<I", sizes[1])


def _mp3_head(track: Track, number: int, count: int) -> bytes:
    """An Info frame that tells how many frames and bytes follow, as encoders write; before every second an ID3 tag."""
    info = track.data[:4] + bytes(9) + b"Info" + pack(">III", 3, count, (count + 1) * track.block)
    title = b"TIT2" + pack(">IH", 10, 0) + b"\0recording"
    tag = b"ID3\x03\0\0" + pack(">I", len(title)) + title
    return (tag if number % 2 else b"") + info.ljust(track.block, b"\0")


@cache
def _track(form: Format) -> Track:
    if form is Format.GSM:
        return Track.of((SPEECH / "speech.gsm").read_bytes(), 65, 320)
    if form is Format.MP3:
        return Track.of((SPEECH / "speech.mp3").read_bytes(), 144, 576)
    ulaw = (SPEECH / "speech.ulaw").read_bytes()
    if form is Format.ULAW:
        return Track.of(ulaw, 320, 320)
    linear = [_from_ulaw(byte) for byte in range(256)]
    if form is Format.ALAW:
        levels = [_from_alaw(byte) for byte in range(256)]
        nearest = bytes(min(range(256), key=lambda byte: abs(levels[byte] - level)) for level in linear)
        return Track.of(ulaw.translate(nearest), 320, 320)
    pcm = bytearray(2 * len(ulaw))
    pcm[0::2] = ulaw.translate(bytes(level & 0xFF for level in linear))
    pcm[1::2] = ulaw.translate(bytes(level >> 8 & 0xFF for level in linear))
    return Track.of(bytes(pcm), 640, 320)


def _from_ulaw(byte: int) -> int:
    """The 16-bit level of a mu-law byte (ITU-T G.711)."""
    byte ^= 0xFF
    level = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -level if byte & 0x80 else level


def _from_alaw(byte: int) -> int:
    """The 16-bit level of an A-law byte (ITU-T G.711)."""
    byte ^= 0x55
    power = byte >> 4 & 7
    level = ((byte & 0x0F) << 4) + (0x108 if power else 8)
    level <<= max(0, power - 1)
    return level if byte & 0x80 else -level
