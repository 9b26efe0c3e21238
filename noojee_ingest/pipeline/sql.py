"""SQL over the lake of the store that the settings name."""

from __future__ import annotations

from noojee_ingest.lake.files import LakeFiles, folder_files, s3_files
from noojee_ingest.lake.sql import Answer, query
from noojee_ingest.pipeline.errors import NoSuchSite
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import FolderStore
from noojee_ingest.storage.root import RootName


def sql(settings: Settings, statement: str, *, site: str | None = None) -> Answer:
    """Ask one SELECT of the lake's tables, as ``lake.sql.query`` does: of ``site``, or of all.

    Instants are in the zone of the site, or of the only one; where there are several, in UTC.
    Raises NoSuchSite, LakeError, StorageError.
    """
    if site is not None and site not in settings.sites:
        raise NoSuchSite(site, sorted(settings.sites))
    slug = site or (next(iter(settings.sites)) if len(settings.sites) == 1 else None)
    zone = settings.sites[slug].zone.key if slug is not None else "UTC"
    return query(open_lake(settings), statement, site=site, zone=zone)


def open_lake(settings: Settings) -> LakeFiles:
    """The lake's files, for reading. Raises StorageError."""
    root = open_root(settings, RootName.LAKE)
    if isinstance(settings.store, FolderStore):
        return folder_files(root, settings.store.path / RootName.LAKE)
    return s3_files(root, settings.store.options(connections=settings.archive.workers))
