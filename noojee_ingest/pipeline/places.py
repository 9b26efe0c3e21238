"""Opening the store that the settings name."""

from __future__ import annotations

from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import FolderStore
from noojee_ingest.storage.folder import FolderRoot, open_folder_store
from noojee_ingest.storage.root import Root, RootName, Store


def open_store(settings: Settings) -> Store:
    """The four roots of the store, to write. Raises StoreUnavailable, StoreReadOnly, StoreFull."""
    if isinstance(settings.store, FolderStore):
        return open_folder_store(settings.store.path)
    from noojee_ingest.storage.s3 import open_s3_store  # noqa: PLC0415  boto3 is slow to import, and only needed here

    return open_s3_store(settings.store.options(connections=settings.archive.workers))


def open_root(settings: Settings, name: RootName) -> Root:
    """One root, to read: nothing is made, and nothing is asked of the others. Raises StoreUnavailable."""
    if isinstance(settings.store, FolderStore):
        root: Root = getattr(open_folder_store(settings.store.path, reading=True), name)
        return root
    from noojee_ingest.storage.s3 import open_s3_root  # noqa: PLC0415

    return open_s3_root(settings.store.options(connections=settings.archive.workers), name)


def open_archive(settings: Settings) -> Root:
    """The archive alone, to read it and to write to its journal: nothing is asked of the other roots, and none is made.

    Raises StoreUnavailable, StoreReadOnly, StoreFull.
    """
    archive = open_root(settings, RootName.ARCHIVE)
    if isinstance(settings.store, FolderStore):
        archive = FolderRoot(RootName.ARCHIVE, settings.store.path / RootName.ARCHIVE)
    return archive


def store_exists(settings: Settings) -> bool:
    """Whether there is a store yet; buckets are made before their settings are written.

    An empty folder is none, such as the root of a new disk.
    """
    if not isinstance(settings.store, FolderStore):
        return True
    path = settings.store.path
    return (path / RootName.ARCHIVE).exists() or (path.exists() and not path.is_dir())
