"""Proof that a decoder takes what the walk found to be whole.

Only the beginning of the sound is decoded, and for Vorbis and Opus the end, because decoding all of it costs 10 to 90
milliseconds per 200 kB (GSM 45, Opus 90), the walk itself less than one. The codecs of telephony decode any bytes,
so more decoding would prove no more: what it proves is that header and first blocks are what a player takes.
A faulty file is not decoded: the verdict stands, and the MP3 decoder writes its complaints to standard error.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import soundfile

from noojee_ingest.model import Audio

_FRAMES = 4096  # decoded at each end, fewer when there are many channels
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
        if audio.extension == "ogg":
            sound.seek(max(0, sound.frames - frames))
            if not sound.buffer_read_into(buffer, "int16"):
                return "no sound at the end"
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
