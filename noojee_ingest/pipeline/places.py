"""Opening the store that the settings name."""

from __future__ import annotations

from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import FolderStore
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Store


def open_store(settings: Settings, *, to_write: bool = True) -> Store:
    """The four roots of the store. Not ``to_write``: nothing is made where there is nothing yet.

    Raises StoreUnavailable, StoreReadOnly.
    """
    if isinstance(settings.store, FolderStore):
        return open_folder_store(settings.store.path, reading=not to_write)
    from noojee_ingest.storage.s3 import open_s3_store  # noqa: PLC0415  boto3 is slow to import, and only needed here

    return open_s3_store(settings.store.options(connections=settings.archive.workers), to_write=to_write)


def store_exists(settings: Settings) -> bool:
    """Whether there is a store yet; buckets are made before their settings are written."""
    return not isinstance(settings.store, FolderStore) or settings.store.path.exists()
