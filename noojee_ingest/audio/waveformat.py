"""The format chunk of a WAV file: which codec, and how many seconds so many bytes of it are."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MOST_CHANNELS = 64
_HIGHEST_RATE = 768_000  # Hz
_EXTENSIBLE = 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # follows the codec's number in an EXTENSIBLE format

_PCM = {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"}
_FLOAT = {32: "pcm_f32le", 64: "pcm_f64le"}
_BY_THE_BYTE = {0x06: "alaw", 0x07: "ulaw"}
_IN_BLOCKS = {0x02: "adpcm_ms", 0x11: "adpcm_ima"}
_GSM = 0x31
_MP3 = 0x55


@dataclass(frozen=True, slots=True)
class Format:
    """``rate`` is in Hz, ``byte_rate`` in bytes a second, ``block`` in bytes.

    ``block_samples`` is the number of samples of one channel in a block, 0 where the codec does not fix it.
    """

    codec: str
    channels: int
    rate: int
    byte_rate: int
    block: int
    block_samples: int
    faults: tuple[str, ...]

    def length(self, present: int, samples: int | None) -> tuple[float, int]:
        """Seconds in ``present`` bytes, and the bytes left over after the last whole block.

        ``samples``, the header's claim, is believed only for how much of the last block is filling.
        """
        if not (self.rate and self.block and self.block_samples):
            return (present / self.byte_rate if self.byte_rate else 0.0), 0
        blocks, left_over = divmod(present, self.block)
        found = blocks * self.block_samples
        if samples is not None and found - self.block_samples < samples < found:
            found = samples
        if left_over == 1 and present % 2 == 0:
            left_over = 0  # some writers count the pad byte in
        return found / self.rate, left_over


def read_format(body: bytes) -> Format | None:
    """``None`` when there are fewer bytes than a format needs. A codec without a name here is called by its number."""
    if len(body) < 16:
        return None
    tag, channels, rate, byte_rate, align, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and body[26:40] == _GUID_TAIL:
        tag = int.from_bytes(body[24:26], "little")
    codec, block, samples = _coding(tag, channels, align, bits, body)
    faults = []
    if not 0 < channels <= _MOST_CHANNELS:
        faults.append(f"header: {channels:,} channels")
    if not 0 < rate <= _HIGHEST_RATE:
        faults.append(f"header: {rate:,} Hz")
    if align != block or not align:
        faults.append(f"header: blocks of {align:,} bytes")
    return Format(codec, channels, rate, byte_rate, block, samples, tuple(faults))


def _coding(tag: int, channels: int, align: int, bits: int, body: bytes) -> tuple[str, int, int]:
    """Codec, bytes of a block, samples in a block."""
    if tag == 1 and bits in _PCM:
        return _PCM[bits], channels * bits // 8, 1
    if tag == 3 and bits in _FLOAT:
        return _FLOAT[bits], channels * bits // 8, 1
    if tag in _BY_THE_BYTE:
        return _BY_THE_BYTE[tag], channels, 1
    if tag == _GSM:
        return "gsm", 65 * channels, 320
    if tag in _IN_BLOCKS:
        return _IN_BLOCKS[tag], align, int.from_bytes(body[18:20], "little")
    return "mp3" if tag == _MP3 else f"wav-0x{tag:04x}", align, 0
