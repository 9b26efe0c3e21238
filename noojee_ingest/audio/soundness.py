"""The one question of this room: what are these bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from noojee_ingest.audio import mp3, ogg, wav
from noojee_ingest.audio.decoding import refusal
from noojee_ingest.audio.reading import read_at
from noojee_ingest.audio.sniff import HEAD, NotAudio, likeness
from noojee_ingest.model import Audio


def check(file: BinaryIO, size: int) -> Audio:
    """Tell what the ``size`` bytes of ``file`` (seekable, all of it) are; leaves its position at 0.

    The container is walked from end to end in blocks of 256 KiB, whatever the size; then, if no fault was found and
    the codec is one that libsndfile knows, the beginning of the sound is decoded.
    Decoding everything was measured and is too dear: see ``decoding``. A container that is known with a codec that is
    not (G.729 in WAV) is audio, its codec called by its number, and only walked.

    ``Audio.seconds`` is what the bytes hold. ``Audio.faults`` are short phrases, each beginning with its kind:
    ``cut:``, ``empty:``, ``header never closed``, ``header:``, ``RIFF size:``, ``garbage:``, ``trailing:``,
    ``damaged:``, ``more than``, ``decoder:``.

    Which format the phone system sends is unknown; that a client must sniff is proposed (reference, 09.0).

    Raises NotAudio, and whatever OSError ``file`` raises.
    """
    head = read_at(file, 0, HEAD)[:size]
    try:
        audio = _walk(file, size, head)
        if not audio.faults and (fault := refusal(file, audio)):
            audio = replace(audio, faults=(fault,))
    finally:
        file.seek(0)
    return audio


def _walk(file: BinaryIO, size: int, head: bytes) -> Audio:
    if wav.is_wav(head):
        return wav.walk(file, size)
    if ogg.is_ogg(head):
        return ogg.walk(file, size)
    if mp3.is_mp3(file, size, head):
        return mp3.walk(file, size)
    raise NotAudio(likeness(head), head)
