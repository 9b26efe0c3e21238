"""Download: recordings straight from the phone system into files, past the archive."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from noojee_ingest.audio import NotAudio, check
from noojee_ingest.model import Audio, LegEntry
from noojee_ingest.noojee import AudioStream, Gone, Noojee, NotFound
from noojee_ingest.pipeline.errors import NameTaken, NoRecording, NotARecording, OutputProblem, RecordingTooLarge

LAST_MISSES = 2
"""Legs in a row that are not there: then there are no more, as far as can be known."""

OF_ONE_LEG = (NotARecording, RecordingTooLarge, OutputProblem)
"""The other legs may be got all the same."""


class By(StrEnum):
    """By what a recording is asked for."""

    TAG = "tag"
    CALL_RECORD_ID = "call record id"
    UNIQUE_ID = "unique id"


@dataclass(frozen=True, slots=True)
class File:
    """A leg's audio in a file. ``size`` is in bytes; ``was_there``: the file was, with these very bytes."""

    path: Path
    leg: str
    call_record_id: str
    unique_id: str
    size: int
    sha256: str
    audio: Audio
    was_there: bool


@dataclass(frozen=True, slots=True)
class NotGot:
    """A leg of which no audio came, and why."""

    leg: str
    call_record_id: str
    unique_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A leg that is to be fetched; ``ask`` asks for its audio."""

    leg: str
    call_record_id: str
    unique_id: str
    ask: Callable[[], AbstractContextManager[AudioStream]]


def wanted(noojee: Noojee, by: By, name: str, *, leg: str | None = None) -> list[Wanted]:
    """The legs that the meta data know of a tag or unique id; of a call record id, which they do not take, one leg.

    :param name: exact text; a tag may stand for several calls
    :param leg: the ``Leg`` of the meta data, exact text; ``None`` for all there are, by call record id for the first
    :raises NoRecording: nothing is known under this name, or no such leg
    :raises NoojeeError: any of the tree
    """
    if by is By.CALL_RECORD_ID:
        return [_by_record(noojee, name, leg or "")]
    answer = noojee.recordings.by_tag(name) if by is By.TAG else noojee.recordings.by_unique_id(name)
    known = answer.entries
    if not known:
        raise NoRecording(by, name)
    found = [entry for entry in known if leg is None or entry.leg == leg]
    if not found:
        raise NoRecording(by, name, leg=leg or "", known=sorted({entry.leg for entry in known}))
    by_record = by is By.TAG and len({entry.leg for entry in found}) < len(found)  # the tag stands for several calls
    return [_of_entry(noojee, by, name, entry, by_record=by_record) for entry in found]


def download(legs: Sequence[Wanted], name: str, *, folder: Path, largest: int) -> Iterator[File | NotGot]:
    """The audio of legs as files in ``folder``, which is made where it is missing.

    A file's name is made of what was asked for, the leg and the begin of its SHA-256; it appears when it is whole, and
    one that is there stays as it is.

    :param name: what was asked for
    :param largest: bytes; a recording that is larger is not kept
    :raises NotARecording: what came is no audio; like NotFound, Gone, RecordingTooLarge and NameTaken of the one leg
        that is asked for: of several legs it is told with NotGot
    :raises OutputProblem: the folder cannot be made; nothing was asked for
    :raises NoojeeError: any other of the tree
    """
    _make(folder)
    for one in legs:
        try:
            yield _fetched(one, name, folder, largest)
        except (NotFound, Gone, *OF_ONE_LEG) as error:
            if len(legs) == 1:
                raise
            yield NotGot(one.leg, one.call_record_id, one.unique_id, str(error))


def download_by_number(noojee: Noojee, record: str, *, folder: Path, largest: int) -> Iterator[File | NotGot]:
    """All legs of a call record id, which the meta data cannot be asked about: leg 1, 2, ... until two are not there.

    That legs are numbered from 1 is the reference's (9.1 [inferred]). As ``download``.
    """
    _make(folder)
    missed: list[NotGot] = []
    got = False
    for number in count(1):
        one = _by_record(noojee, record, str(number))
        found: File | NotGot
        try:
            found = _fetched(one, record, folder, largest)
        except (NotFound, Gone) as error:
            missed.append(NotGot(one.leg, record, "", str(error)))
            if len(missed) < LAST_MISSES:
                continue
            if not got:
                raise NoRecording(By.CALL_RECORD_ID, record) from error
            return
        except OF_ONE_LEG as error:
            found = NotGot(one.leg, record, "", str(error))
        got = True
        yield from [*missed, found]
        missed = []


def _by_record(noojee: Noojee, record: str, leg: str) -> Wanted:
    return Wanted(leg, record, "", lambda: noojee.recordings.audio_by_call_record_id(record, leg))


def _of_entry(noojee: Noojee, by: By, name: str, entry: LegEntry, *, by_record: bool) -> Wanted:
    recordings = noojee.recordings
    record, unique, leg = entry.call_record_id, entry.unique_id, entry.leg

    def ask() -> AbstractContextManager[AudioStream]:
        if by_record:
            if record:
                return recordings.audio_by_call_record_id(record, leg)
            return recordings.audio_by_unique_id(unique, leg)
        return recordings.audio_by_tag(name, leg) if by is By.TAG else recordings.audio_by_unique_id(name, leg)

    return Wanted(leg, record, unique, ask)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputProblem(folder, NotADirectoryError(error.errno, "it is no folder")) from error
    except OSError as error:
        raise OutputProblem(folder, error) from error


def _fetched(one: Wanted, name: str, folder: Path, largest: int) -> File:
    what = f"{one.leg or '1'} of {name!a}"
    path = folder
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part") as part:
            size, digest = _spooled(one, what, part, largest)
            audio = _checked(part, size, what)
            path = folder / _file_name(name, one.leg, digest, audio.extension)
            was_there = _put(part.name, path, digest)
    except OSError as error:
        raise OutputProblem(path, error) from error
    return File(path, one.leg, one.call_record_id, one.unique_id, size, digest, audio, was_there)


def _spooled(one: Wanted, what: str, part: tempfile._TemporaryFileWrapper[bytes], largest: int) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with one.ask() as stream:
        for piece in stream:
            size += len(piece)
            if size > largest:
                raise RecordingTooLarge(what, size, largest)
            digest.update(piece)
            part.write(piece)
    part.flush()
    return size, digest.hexdigest()


def _checked(part: tempfile._TemporaryFileWrapper[bytes], size: int, what: str) -> Audio:
    try:
        return check(cast(BinaryIO, part), size)
    except NotAudio as error:
        raise NotARecording(f"leg {what}", error.reason) from None


def _file_name(name: str, leg: str, digest: str, extension: str) -> str:
    """A name of harmless characters only, whatever a tag or the phone system holds."""
    call = re.sub(r"[^0-9A-Za-z.]+", "_", name).strip("._")[:40]
    number = re.sub(r"[^0-9A-Za-z]+", "_", leg).strip("_")[:8]
    return "-".join(filter(None, (call, f"leg{number or 1}", digest[:16]))) + f".{extension}"


def _put(part: str, path: Path, digest: str) -> bool:
    """Give the finished file its name; whether it was there already. Raises OSError, NameTaken."""
    os.chmod(part, mode_of_new_files())
    try:
        os.link(part, path)
    except FileExistsError:
        if path.is_symlink() or not path.is_file():
            raise NameTaken(path, "is there already and is no file") from None
        with path.open("rb") as there:
            if hashlib.file_digest(there, "sha256").hexdigest() != digest:
                why = "is there with other bytes than its name says: it was changed or cut"
                raise NameTaken(path, why) from None
        return True
    return False


def mode_of_new_files() -> int:
    """The permissions that this user's new files get."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
