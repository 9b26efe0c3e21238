"""Who works on one site's archive by its settings, and needs no phone system for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from noojee_ingest import model
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.pipeline.index import open_catalogue, refuse_other_store
from noojee_ingest.pipeline.phone import of_site
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.progress import Tally
from noojee_ingest.pipeline.record import Writer
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Settings, Site
from noojee_ingest.storage.root import Store


class Archivist(Writer, Protocol):
    """A run, or who only reconciles."""

    @property
    def store(self) -> Store: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def of_site(self) -> Site: ...

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def spool(self) -> Spool: ...

    def today(self) -> date: ...

    def lateness(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class ReadingRoom:
    """An archivist's place without a phone system. The clock is the site's: that of a simulated one stands still."""

    site: str
    actor: str
    settings: Settings
    store: Store
    catalogue: Catalogue
    spool: Spool
    tally: Tally = field(default_factory=Tally)

    @property
    def of_site(self) -> Site:
        return self.settings.sites[self.site]

    @property
    def zone(self) -> ZoneInfo:
        return self.of_site.zone

    def clock(self) -> datetime:
        return present(self.of_site)

    def today(self) -> date:
        return model.site_day(self.clock(), self.zone)

    def lateness(self) -> timedelta:
        return timedelta(hours=self.settings.nightly.lateness_hours)


@contextmanager
def in_the_reading_room(settings: Settings, slug: str, *, actor: str) -> Iterator[ReadingRoom]:
    """Open the archive for work on one site, and close it again.

    Raises NoSuchSite, SegmentsGone, StorageError, CatalogueError.
    """
    of_site(settings, slug)
    with closing(open_catalogue(settings)) as catalogue:
        refuse_other_store(catalogue, settings)
        spool = Spool(
            settings.spool.path,
            memory_bytes=settings.spool.memory_bytes_per_worker,
            disk_bytes=settings.spool.disk_bytes,
            largest=max(settings.spool.disk_bytes, settings.archive.max_recording_bytes),
        )
        yield ReadingRoom(slug, actor, settings, open_store(settings), catalogue, spool)
