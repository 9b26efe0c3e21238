"""Publish: what changed in the catalogue becomes Parquet in the lake, a site-day at a time.

A day is dirty from the transaction that changes it until it is published as it is now. First its mark is read, then it
is asked once whether another run of the site is under way, then the day's rows are read. The mark is taken away
afterwards, if no change has put another there meanwhile, and if no other run was under way: that one may have read
older rows, and may put them over ours at any time, even if it ends before we do. A run that begins later reads rows
that are no older than the mark. So whoever is overtaken or dies, a day whose object is old is still dirty. To publish
a day again that did not change costs reading it, and two HEADs.

A lake may be lost, in part or wholly, or be another one than before. So each time it is asked for its id, and its days
of the site are listed once for each table: a day whose object is not there counts as changed, and where another lake
is noted, or none, every day is dirty, those too that the lake alone has. That costs a line of a listing, and a row of
sums, for each day of the archive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from noojee_ingest import model
from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import clear_dirty, dirty_days, note_lake
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.runs import begin_run, end_run, living_runs
from noojee_ingest.catalogue.views import call_records_of_day, legs_of_day
from noojee_ingest.lake.errors import LakeError
from noojee_ingest.pipeline.work import Work
from noojee_ingest.stopping import Stop
from noojee_ingest.storage.errors import StorageError, StoreFailure
from noojee_ingest.storage.root import Root

if TYPE_CHECKING:
    from noojee_ingest.lake.publish import DayFile

ROWS = {"legs": legs_of_day, "call_records": call_records_of_day}

COUNTED = {
    "legs": tuple(state.value for state in model.State),
    "call_records": ("calls_recorded", "calls_explained", "calls_unexplained", "calls_unjudged"),
}
"""The sums of a day that say whether a table has rows of it."""

BY_HAND = "lake publish"
"""The flow of a run that only publishes."""


@dataclass
class Publication:
    """What was published of a site. ``days`` are done, ``left`` are not; ``objects`` were written, of ``bytes``.

    ``problems`` say why days were left: they stay dirty, and the next run publishes them.
    """

    days: int = 0
    left: int = 0
    objects: int = 0
    bytes: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if self.problems:
            return 3
        return 130 if self.left else 0

    @property
    def summary(self) -> str:
        left = f", {self.left} left" if self.left else ""
        return f"{self.days} days published, {self.objects} objects written{left}"


def publish_changes(work: Work) -> Publication:
    """Publish the days of the run's site that changed; once ``work.stop`` is set the rest is left.

    What fails is a problem of the publication, never of the run: the archive has what it has.
    """
    work.tally.stage = "publishing"
    try:
        days = _changed(work.catalogue, work.store.lake, work.site)
    except (CatalogueError, StorageError) as error:
        return Publication(problems=[f"the lake is not published: {error}"])
    return _publish(
        work.catalogue,
        work.store.lake,
        work.site,
        days,
        workspace=work.settings.spool.path,
        stop=work.stop,
    )


def publish_by_hand(
    catalogue: Catalogue,
    lake: Root,
    site: str,
    *,
    workspace: Path,
    stop: threading.Event,
    day: date | None = None,
    everything: bool = False,
) -> Publication:
    """Publish the days of a site that changed; or one ``day``, or ``everything`` that catalogue or lake know of.

    Files are made in the folder ``workspace``. It is noted as a run of its own. Raises CatalogueError and StorageError
    before anything is published; then as ``publish_changes``.
    """
    run_id = begin_run(catalogue, site=site, flow=BY_HAND, began=model.now_utc())
    done = Publication(problems=["it ended before it had begun"])
    try:
        days = _changed(catalogue, lake, site)
        if everything:
            known = {row["day"] for row in queries.day_sums(catalogue, site)}
            in_lake = {one for _, _, one in _published(lake, site)}
            days = {one: days.get(one) for one in known | in_lake | days.keys()}
        elif day is not None:
            days = {day: days.get(day)}
        done = _publish(catalogue, lake, site, days, workspace=workspace, stop=stop)
    finally:
        code = (stop.exit_code if isinstance(stop, Stop) else None) or done.exit_code
        try:
            end_run(catalogue, run_id, ended=model.now_utc(), exit_code=code, summary=done.summary)
        except CatalogueError as error:  # what was done is told all the same
            done.problems.append(f"the end of this run is not noted: {error}")
    return done


def known_sites(catalogue: Catalogue, lake: Root) -> set[str]:
    """The sites that catalogue or lake know of, those too that are configured no more.

    Raises CatalogueError, StorageError.
    """
    return {*queries.known_sites(catalogue), *(site for _, site, _ in _published(lake))}


def _changed(catalogue: Catalogue, lake: Root, site: str) -> dict[date, str | None]:
    """The days of a site that the lake has not as they are now, as ``_publish`` takes them: the dirty ones, and those
    of which an object is not there. Marks stay if another run of the site is under way.

    Raises CatalogueError, StorageError.
    """
    from noojee_ingest.lake.publish import lake_id  # noqa: PLC0415  pyarrow is slow to import

    there = _published(lake, site)
    note_lake(catalogue, site, lake_id(lake), {day for _, _, day in there})
    lacking = _lacking(catalogue, there, site)
    marks = dirty_days(catalogue, site)
    alone = len(living_runs(catalogue, site)) <= 1  # ours
    return {**dict.fromkeys(lacking), **{day: mark if alone else None for day, mark in marks.items()}}


def _lacking(catalogue: Catalogue, there: Set[tuple[str, str, date]], site: str) -> set[date]:
    """The days of a site that have rows for a table, by their sums, and no object of it."""
    sums = queries.day_sums(catalogue, site)
    return {
        row["day"]
        for row in sums
        for table, counted in COUNTED.items()
        if (table, site, row["day"]) not in there and any(row[name] for name in counted)
    }


def _publish(
    catalogue: Catalogue,
    lake: Root,
    site: str,
    days: Mapping[date, str | None],
    *,
    workspace: Path,
    stop: threading.Event,
) -> Publication:
    """``days``: each with the mark to take away once it is published, ``None`` where none is, or it has to stay."""
    began = time.monotonic()
    done = Publication(left=len(days))
    if not days:
        return done
    from noojee_ingest.lake.publish import publish_day  # noqa: PLC0415  pyarrow is slow to import
    from noojee_ingest.lake.schema import TABLES  # noqa: PLC0415

    for day, mark in sorted(days.items()):
        if stop.is_set():
            break
        try:
            workspace.mkdir(parents=True, exist_ok=True)
            files = [
                publish_day(lake, TABLES[name], site, day, rows(catalogue, site, day), workspace=workspace)
                for name, rows in ROWS.items()
            ]
            if mark is not None:
                clear_dirty(catalogue, site, day, mark)
        except (StorageError, LakeError, CatalogueError, OSError) as error:
            done.problems.append(f"{day} is not in the lake as it is now: {error}")
            if isinstance(error, StoreFailure | CatalogueError | OSError):
                break  # the next day would meet the same
        else:
            _count(done, files)
    done.seconds = time.monotonic() - began
    return done


def _published(lake: Root, site: str | None = None) -> set[tuple[str, str, date]]:
    """The objects that the lake has, of one site or of all: table, site and day."""
    from noojee_ingest.lake.publish import days_there  # noqa: PLC0415  pyarrow is slow to import
    from noojee_ingest.lake.schema import TABLES  # noqa: PLC0415

    return {(name, slug, day) for name, table in TABLES.items() for _, slug, day in days_there(lake, table, site)}


def _count(done: Publication, files: list[DayFile]) -> None:
    done.days += 1
    done.left -= 1
    done.objects += sum(file.written for file in files)
    done.bytes += sum(file.size for file in files)
