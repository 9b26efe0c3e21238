"""Opening the catalogue as what it is: the index of a journal that is in the store."""

from __future__ import annotations

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.runs import open_segments
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.pipeline.places import open_root, store_exists
from noojee_ingest.settings import Settings
from noojee_ingest.storage.errors import NotFound
from noojee_ingest.storage.root import Root, RootName


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue, made where neither it nor a journal is there yet; close it.

    An empty one beside a journal was lost, and is refused: it would make a full archive look like none.
    Raises CatalogueError, StorageError.
    """
    catalogue = Catalogue.open(settings.catalogue.url)
    try:
        if not any(queries.first_day_known(catalogue, slug) for slug in settings.sites):
            _refuse_if_lost(catalogue, settings)
    except BaseException:
        catalogue.close()
        raise
    return catalogue


def _refuse_if_lost(catalogue: Catalogue, settings: Settings) -> None:
    if not store_exists(settings):
        return
    first = next(segment.keys(open_root(settings, RootName.ARCHIVE)), None)
    if first is None or queries.segments_applied(catalogue, [first]):
        return
    if first in {row["key"] for row in open_segments(catalogue)}:
        return  # the very first run died, and the next one applies it
    raise CatalogueUnavailable(
        f"opening the catalogue {settings.catalogue.url}",
        "it knows nothing of the journal in the store",
        "Run `noojee-ingest catalogue rebuild`: it makes it anew from the store.",
    )


def refuse_other_store(catalogue: Catalogue, settings: Settings) -> None:
    """Raise before anything is written, where the store is not the one that the catalogue is the index of.

    A mount that failed looks like an empty store. Raises SegmentsGone, StoreUnavailable.
    """
    if queries.latest_segment(catalogue) is not None:  # else there may be no store yet
        refuse_other_archive(catalogue, open_root(settings, RootName.ARCHIVE))


def refuse_other_archive(catalogue: Catalogue, archive: Root) -> None:
    """As ``refuse_other_store``, for a root that is open already."""
    known = queries.latest_segment(catalogue)
    if known is None:
        return
    try:
        archive.head(known)
    except NotFound as error:
        raise SegmentsGone(1, known) from error
