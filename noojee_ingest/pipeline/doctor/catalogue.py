"""The catalogue, asked whether it can be used as a night would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import delete, false, insert, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError, WrongRevision
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.tables import REBUILDABLE, REVISION, VOLATILE, RevisionRow, table
from noojee_ingest.journal.errors import JournalError
from noojee_ingest.pipeline.doctor.report import Check, Result
from noojee_ingest.pipeline.index import open_catalogue, refuse_other_store
from noojee_ingest.settings import Settings
from noojee_ingest.storage.errors import StorageError

REACHABLE, RIGHT_REVISION, WRITABLE = "catalogue: reachable", "catalogue: revision", "catalogue: writable"
OF_THIS_STORE = "catalogue: of this store"


def examine_catalogue(settings: Settings) -> Iterator[Check]:
    """It is made where neither it nor a journal is there yet, as the first night would."""
    try:
        catalogue = open_catalogue(settings)
    except WrongRevision as error:
        yield Check(REACHABLE, Result.OK, "it answers")
        yield Check(RIGHT_REVISION, Result.FAILED, str(error))
        return
    except (CatalogueError, StorageError) as error:
        yield Check(REACHABLE, Result.FAILED, str(error))
        return
    with closing(catalogue):
        yield Check(REACHABLE, Result.OK, f"{catalogue.location.name} answers")
        yield Check(RIGHT_REVISION, Result.OK, f"revision {REVISION}, that of this program")
        yield _writable(catalogue)
        yield _of_this_store(catalogue, settings)


def _writable(catalogue: Catalogue) -> Check:
    """Every table is written to in one transaction that is never committed."""
    try:
        with catalogue.write("writing to the catalogue") as connection:
            for row in (*REBUILDABLE, *VOLATILE):
                of = table(row)
                connection.execute(delete(of).where(false()))
                connection.execute(insert(of).from_select(list(of.c.keys()), select(of).where(false())))
            connection.execute(insert(table(RevisionRow)), {"revision": -1})
            connection.rollback()
    except CatalogueError as error:
        return Check(WRITABLE, Result.FAILED, str(error))
    return Check(WRITABLE, Result.OK, "every table took a write, which was taken back")


def _of_this_store(catalogue: Catalogue, settings: Settings) -> Check:
    try:
        refuse_other_store(catalogue, settings)
    except (StorageError, JournalError) as error:
        return Check(OF_THIS_STORE, Result.FAILED, str(error))
    return Check(OF_THIS_STORE, Result.OK, "the store has what the catalogue knows of last, or both are empty")


@contextmanager
def known_before(settings: Settings) -> Iterator[Catalogue | None]:
    """The catalogue to read, ``None`` where there is none yet or it cannot be used: nothing is made."""
    catalogue = None
    try:
        if locate(settings.catalogue.url).tables_there():
            catalogue = Catalogue.open(settings.catalogue.url)
    except CatalogueError:
        pass
    try:
        yield catalogue
    finally:
        if catalogue is not None:
            catalogue.close()
