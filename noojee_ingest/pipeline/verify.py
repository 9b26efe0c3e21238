"""Verify: whether what was archived is still there, and still what it was.

A day at a time, in the order of the days: so what is in memory follows the largest day, and a run that is stopped has
journalled what it found of the days that it did. A run over everything that was selected is one fixity event.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from noojee_ingest import model
from noojee_ingest.catalogue import fixity as asked
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.queries import notes_of_day
from noojee_ingest.journal.errors import DamagedSegment, SegmentsGone
from noojee_ingest.journal.events import Event, FixityChecked, ObjectNoted, Strength
from noojee_ingest.model import DAMAGE, FindingKind, site_day
from noojee_ingest.pipeline.decide import Desk
from noojee_ingest.pipeline.examine import Examination, Examined
from noojee_ingest.pipeline.fixity import Failure, Reader
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.record import Writer, record
from noojee_ingest.pipeline.recover import apply_announced
from noojee_ingest.pipeline.selection import Selection
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Settings
from noojee_ingest.storage.errors import NotFound

VERIFY = "verify"

SOME = 100
"""Segments of which one at least must be there, for the store to be the one that the catalogue is the index of."""

NOTED = DAMAGE | {FindingKind.ORPHAN_OBJECT}
"""What a run of verify notes, and what it ends."""

NEEDS: dict[FindingKind, Strength] = {
    FindingKind.DAMAGED_OBJECT: Strength.READ,
    FindingKind.DAMAGED_SEGMENT: Strength.CHECKSUM,
}
"""How closely a run must look to see that something is over; the others show in a listing."""

RANK = list(Strength)


@dataclass
class Progress:
    """What runs have done so far, read by whoever shows it. Written by several threads."""

    day: date | None = None
    days: int = 0
    days_done: int = 0
    checked: int = 0
    read_bytes: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, size: int) -> None:
        with self._lock:
            self.read_bytes += size


@dataclass(frozen=True)
class Verified:
    """What a run found at one site. ``orphans_unknown``: a run was at work there, and orphans were not looked for.

    ``not_compared``: the days of which a segment is gone or damaged, so that the catalogue's rows were not compared.
    ``list_digest`` is ``""`` where the run was stopped: then there is no fixity event.
    """

    site: str
    strength: Strength
    selector: str
    began: datetime
    checked: int
    failed: int
    list_digest: str
    failures: list[Failure]
    cleared: int
    orphans_unknown: bool
    not_compared: list[date]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """130 of a stopped run; a verb that was sent SIGTERM ends with 143 instead."""
        return 130 if self.interrupted else 4 if self.failures else 0


def verify(
    settings: Settings,
    catalogue: Catalogue,
    site: str,
    *,
    strength: Strength,
    selection: Selection,
    stop: threading.Event,
    progress: Progress | None = None,
) -> Verified:
    """Check what is selected of a site's archive, and journal what was found and that it was checked.

    Once ``stop`` is set nothing more is checked; what was found until then is journalled.
    Raises SegmentsGone (not the store that the catalogue is the index of), UnknownVersion, StorageError and
    CatalogueError: then there is no fixity event.
    """
    progress = progress or Progress()
    desk = desk_of(settings, catalogue, site, VERIFY)
    refuse_other(desk)
    with suppress(DamagedSegment):  # its day's examination says so
        apply_announced(desk)
    began = desk.clock()
    days = _days(settings, desk, selection)
    progress.days, progress.days_done = len(days), 0
    names = hashlib.sha256()
    reader = Reader(stop, progress.read)
    checked, cleared, unknown = 0, 0, False
    failures: list[Failure] = []
    not_compared: list[date] = []
    latest: datetime | None = None
    with ThreadPoolExecutor(settings.archive.workers, thread_name_prefix=VERIFY) as workers:
        for day in days:
            if stop.is_set():
                break
            progress.day = day
            found = Examination(desk, day, selection, strength, reader, workers).examine()
            cleared += _journalled(desk, day, strength, found)
            for name in sorted(found.checked):
                names.update(f"{name}\n".encode())
            latest = max(filter(None, (latest, found.latest)), default=None)
            checked, unknown = checked + len(found.checked), unknown or found.orphans_unknown
            failures += found.failures
            not_compared += [day] if found.not_compared else []
            progress.checked, progress.failed = progress.checked + len(found.checked), len(failures)
            progress.days_done += 1
    interrupted = stop.is_set()
    failed = len({failure.name for failure in failures})
    digest = "" if interrupted else names.hexdigest()
    now = desk.clock()
    if latest is not None and latest >= now:  # who stored it has a clock that is ahead of ours
        began = now = latest + timedelta(microseconds=1)
    if not interrupted:
        record(
            desk,
            [
                FixityChecked(
                    time=now,
                    actor=desk.actor,
                    site=site,
                    day=_today(settings, desk),
                    selector=str(selection),
                    strength=strength,
                    began=began,
                    checked=checked,
                    list_digest=digest,
                    failed=failed,
                )
            ],
        )
    return Verified(
        site=site,
        strength=strength,
        selector=str(selection),
        began=began,
        checked=checked,
        failed=failed,
        list_digest=digest,
        failures=failures,
        cleared=cleared,
        orphans_unknown=unknown,
        not_compared=not_compared,
        interrupted=interrupted,
    )


def desk_of(settings: Settings, catalogue: Catalogue, slug: str, actor: str) -> Desk:
    """Where a site's archive is worked on, without its phone system. Raises StorageError."""
    site = settings.sites.get(slug)
    spool = Spool(
        settings.spool.path,
        memory_bytes=settings.spool.memory_bytes_per_worker,
        disk_bytes=settings.spool.disk_bytes,
        largest=max(settings.spool.disk_bytes, settings.archive.max_recording_bytes),
    )
    clock = (lambda: present(site)) if site is not None else model.now_utc
    return Desk(slug, actor, open_store(settings), catalogue, spool, clock)


def refuse_other(work: Writer) -> None:
    """Raise where the store has none of the segments that the catalogue knows: a mount that failed, say.

    Raises SegmentsGone, StorageError.
    """
    known = asked.any_segments(work.catalogue, SOME)
    for key in known:
        try:
            with work.store.archive.open(key, length=1):
                return
        except NotFound:
            continue
    if known:
        raise SegmentsGone(len(known), known[-1])


def _today(settings: Settings, work: Writer) -> date:
    site = settings.sites.get(work.site)
    return site_day(work.clock(), site.zone) if site is not None else work.clock().date()


def _days(settings: Settings, work: Writer, selection: Selection) -> Sequence[date]:
    """The days of a selection: every one of the calendar, for what nobody knows of may be on any.

    Where an end is open: from the first to the last that the catalogue knows, and whichever others the store has.
    """
    today = _today(settings, work)
    known = asked.days_known(work.catalogue, work.site) or (today, today)
    first = selection.first or known[0]
    last = selection.last or max(known[1], today)
    days = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    if selection.first is None or selection.last is None:
        days |= {day for day in _days_in_store(work) if (selection.first or day) <= day <= (selection.last or day)}
    return sorted(days)


def _days_in_store(work: Writer) -> set[date]:
    """By the names of what the store holds of the site: the catalogue may have forgotten a day."""
    found = set()
    for kind in ("audio", "journal"):
        for listed in work.store.archive.list(f"{kind}/site={work.site}/day="):
            found.add(listed.key.split("/")[2].removeprefix("day="))
    return {day for text in found if (day := _day(text)) is not None}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _journalled(work: Writer, day: date, strength: Strength, found: Examined) -> int:
    """Journal what is found of a day and was not noted yet, and what is over. Gives how much is over."""
    noted = notes_of_day(work.catalogue, work.site, day)
    failing = {(failure.name, failure.kind): failure for failure in found.failures}
    new = [failure for about, failure in sorted(failing.items()) if about not in noted]
    over = [
        (name, kind, event_ids)
        for (name, kind), event_ids in sorted(noted.items())
        if kind in NOTED and (name, kind) not in failing and _is_over(name, kind, strength, found)
    ]
    events: list[Event] = [note(work, day, one.name, one.kind, one.detail) for one in new]
    events += [
        note(work, day, name, kind, "no longer so", cleared=True, supersedes=event_ids)
        for name, kind, event_ids in over
    ]
    record(work, events)
    return len(over)


def _is_over(name: str, kind: FindingKind, strength: Strength, found: Examined) -> bool:
    if kind is FindingKind.ORPHAN_OBJECT:
        return name in found.no_orphans
    return name in found.checked and RANK.index(strength) >= RANK.index(NEEDS.get(kind, Strength.EXISTS))


def note(
    work: Writer,
    day: date,
    name: str,
    kind: FindingKind,
    detail: str,
    *,
    cleared: bool = False,
    supersedes: tuple[str, ...] = (),
) -> ObjectNoted:
    """An event about an object of a day, by the writer, now."""
    return ObjectNoted(
        time=work.clock(),
        actor=work.actor,
        supersedes=supersedes,
        site=work.site,
        day=day,
        key=name,
        finding=kind,
        detail=detail,
        cleared=cleared,
    )
