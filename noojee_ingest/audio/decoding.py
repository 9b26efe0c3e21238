"""Proof that a decoder takes what the walk found to be whole.

Only the beginning of the sound is decoded. Measured per 200 kB: decoding all costs 45 ms (GSM), 90 ms (Opus), 10 ms
(Vorbis, MP3); walk and beginning together cost 1.1 ms (Opus) or less, telephone WAV files below 0.3 ms. More
decoding would hardly prove more: the codecs of telephony decode any bytes, MP3 has its frames and Ogg its checksums
walked from end to end. What is proved is that a player takes the header and begins to play.
A faulty file is not decoded: the verdict stands, and the MP3 decoder writes its complaints to standard error.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import soundfile

from noojee_ingest.model import Audio

_FRAMES = 4096  # decoded, fewer when there are many channels
_DECODED = {
    "wav": {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "alaw", "ulaw", "gsm"},
    "mp3": {"mp3"},
    "ogg": {"vorbis", "opus"},
}
_LONGEST_COMPLAINT = 80  # letters


def refusal(file: BinaryIO, audio: Audio) -> str:
    """What the decoder says against ``audio``; ``""`` when nothing, or when it does not know the codec.

    An OSError of ``file`` passes unchanged.
    """
    if audio.codec not in _DECODED[audio.extension]:
        return ""
    file.seek(0)
    source = _Source(file)
    try:
        complaint = _decode(source, audio)
    except soundfile.SoundFileError as error:
        complaint = getattr(error, "error_string", str(error)).strip().rstrip(".")
    if source.error is not None:
        raise source.error
    return f"decoder: {complaint[:_LONGEST_COMPLAINT]}" if complaint else ""


def _decode(source: _Source, audio: Audio) -> str:
    with soundfile.SoundFile(source) as sound:
        frames = max(1, _FRAMES // sound.channels)
        buffer = bytearray(frames * sound.channels * 2)
        if not sound.buffer_read_into(buffer, "int16"):
            return "no sound at the beginning"
    return ""


class _Source:
    """The file as the decoder sees it. An exception cannot travel through the decoder, so it is kept in ``error``."""

    def __init__(self, file: BinaryIO) -> None:
        self.error: OSError | None = None
        self._file = file

    def read(self, length: int) -> bytes:
        try:
            return self._file.read(length)
        except OSError as error:
            self.error = error
            return b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError) as error:  # ValueError: the decoder followed nonsense to before the beginning
            self.error = error if isinstance(error, OSError) else None
            return -1

    def tell(self) -> int:
        return self._file.tell()
