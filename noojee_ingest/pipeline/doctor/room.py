"""Whether there is room for a night on the disks that it writes to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.sqlite import SqliteFile
from noojee_ingest.pipeline.doctor.report import Check, Result
from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import FolderStore

NIGHTS_SEEN = 7
"""The largest of so many last nights counts; and with less room than for so many the doctor warns."""

GUESSED_LEGS, GUESSED_BYTES = 2_000, 2_000 * 960_000
"""A night of which nothing is known: 2,000 legs of a minute, PCM of 16 bits at 8 kHz."""

CATALOGUE_BYTES_A_LEG = 10_000
"""A guess on the safe side: rows and indexes of a leg, its call record, and the file that a write goes through."""


@dataclass(frozen=True)
class Night:
    """``bytes`` of audio in ``legs``; ``source`` says where that is from."""

    bytes: int
    legs: int
    source: str


def size_of_a_night(catalogue: Catalogue | None, site: str) -> Night:
    """The largest of the last nights, else a guess."""
    days = []
    if catalogue is not None:
        try:
            days = [day for day in queries.day_sums(catalogue, site) if day["archived"]][-NIGHTS_SEEN:]
        except CatalogueError:
            days = []
    if not days:
        return Night(
            GUESSED_BYTES, GUESSED_LEGS, f"a guess of {GUESSED_LEGS:,} legs of a minute, as none is archived yet"
        )
    largest = max(days, key=lambda day: day["audio_bytes"])
    legs = max(day["archived"] for day in days)
    return Night(largest["audio_bytes"], legs, f"the largest of the last {len(days)} nights, {largest['day']}")


def examine_room(settings: Settings, night: Night) -> Iterator[Check]:
    """One line for each disk; what is kept elsewhere is said to be."""
    wanted: dict[int, list[tuple[str, Path, int]]] = {}
    for what, path, size in _places(settings, night):
        there = _nearest(path)
        wanted.setdefault(os.stat(there).st_dev, []).append((what, there, size))
    for places in wanted.values():
        names = ", ".join(what for what, _, _ in places)
        need = sum(size for _, _, size in places)
        yield _room(f"room: {names}", places[0][1], need, night)
    if not isinstance(settings.store, FolderStore):
        yield Check("room: store", Result.SKIPPED, "a bucket does not tell how much room it has", needed=False)
    if not isinstance(locate(settings.catalogue.url), SqliteFile):
        yield Check("room: catalogue", Result.SKIPPED, "a server does not tell how much room it has", needed=False)


def _places(settings: Settings, night: Night) -> Iterator[tuple[str, Path, int]]:
    """What a night writes where, in bytes."""
    if isinstance(settings.store, FolderStore):
        yield "store", settings.store.path, night.bytes
    yield "spool", settings.spool.path, min(settings.spool.disk_bytes, night.bytes)
    location = locate(settings.catalogue.url)
    if isinstance(location, SqliteFile):
        yield "catalogue", location.path.parent, night.legs * CATALOGUE_BYTES_A_LEG


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there yet."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _room(name: str, path: Path, need: int, night: Night) -> Check:
    free = shutil.disk_usage(path).free
    told = f"{_size(free)} free at {path}, a night needs about {_size(need)} ({night.source})"
    if free < need:
        return Check(name, Result.FAILED, told, "Make room, or name another folder in the settings.")
    if free < NIGHTS_SEEN * need:
        return Check(name, Result.WARNING, f"{told}: room for {free // need} nights", "Make room soon.")
    return Check(name, Result.OK, told)


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
