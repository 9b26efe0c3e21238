"""Opening a catalogue, and the two ways to use it: reading, and writing in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Index, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from noojee_ingest.catalogue.errors import (
    BUSY_SECONDS,
    OF_SOMETHING_ELSE,
    OPENING,
    CatalogueError,
    CatalogueLocked,
    CatalogueUnavailable,
    WrongRevision,
)
from noojee_ingest.catalogue.location import SCHEMA, Hold, Location, locate
from noojee_ingest.catalogue.search_index import learn_texts, make_text_index
from noojee_ingest.catalogue.tables import REBUILDABLE, REVISION, VOLATILE, RevisionRow, table
from noojee_ingest.catalogue.views import make_views

FOLDING = {
    "call_record_link",
    "call_unique_link",
    "ix_call_appraised_call_id",
    "ix_day_stated_site_day",
    "ix_leg_appraised_leg_id",
    "ix_not_stored_leg_id",
    "ix_object_noted_key",
    "leg_record_link",
    "leg_start",
    "leg_unique_link",
}
"""The indexes that applying needs; a rebuild makes them when most rows are there, and the others at its end."""
KNOWING = {"ix_day_stated_site_day", "ix_object_noted_key"}
"""Those of them by which it finds out, from the first row on, what is known already."""


class Catalogue:
    """One catalogue. Safe to share between threads; ``close`` it."""

    def __init__(self, location: Location, busy_seconds: float = BUSY_SECONDS, hold: Hold | None = None) -> None:
        self.location = location
        self.engine = location.engine(busy_seconds)
        self._hold = hold
        self._busy_seconds = busy_seconds

    @classmethod
    def open(cls, url: str, *, schema: str = SCHEMA, busy_seconds: float = BUSY_SECONDS) -> Catalogue:
        """Open the catalogue at ``url``, making it when there is none.

        ``url`` is ``sqlite:///FILE``, or ``postgresql://[USER@]HOST[:PORT]/DATABASE``, where it lives in ``schema``; a
        password is found by libpq. Raises CatalogueUnavailable, CatalogueLocked, and WrongRevision where another
        version made it.
        """
        location = locate(url, schema)
        hold = location.hold()
        catalogue = cls(location, busy_seconds, hold)
        try:
            with location.explained(OPENING):
                alone = hold.alone(seconds=0)
            if alone:  # of two that make a new one at once, one would be refused
                catalogue.prepare()
                catalogue.engine.dispose()  # it may be replaced before we hold it together with others
            catalogue._share(OPENING)
            catalogue.prepare()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def _share(self, doing: str) -> None:
        if self._hold is None:
            return
        with self.location.explained(doing):
            held = self._hold.together(seconds=self._busy_seconds)
        if not held:
            raise CatalogueLocked(doing, "it is being rebuilt", "Wait for that to end, and run again.")

    @classmethod
    def unfinished(cls, location: Location) -> Catalogue:
        """A new, empty catalogue in a place of the caller's own. Raises CatalogueError.

        Save what was folded anew, then ``index_for_applying``, apply what is left, ``finish``.
        """
        catalogue = cls(location)
        catalogue._make(lambda index: index.name in KNOWING, texts=False)
        return catalogue

    def index_for_applying(self) -> None:
        """Make what applying needs, once most rows are there. Raises CatalogueError."""
        self._make(lambda index: index.name in FOLDING)
        with self.write("indexing the catalogue's texts") as connection:
            learn_texts(connection)

    def finish(self) -> None:
        """Make what only questions need, and let the database count its rows. Raises CatalogueError."""
        self._make(lambda _: True)
        with self.write("counting the catalogue's rows") as connection:
            self.location.count(connection, [table(row) for row in (*REBUILDABLE, *VOLATILE)])

    def prepare(self) -> None:
        """Make the tables where there are none, and check whose they are."""
        with self.read(OPENING) as connection:
            known = inspect(connection).get_table_names(schema=self.location.schema)
        if not known:
            self._make(lambda _: True)
        elif RevisionRow.__tablename__ not in known:
            raise CatalogueUnavailable(OPENING, OF_SOMETHING_ELSE, "Check [catalogue] url.")
        found = self.revision(OPENING)
        if found != REVISION:
            raise WrongRevision(
                OPENING,
                f"it has revision {found}, this program works with {REVISION}",
                "Run `noojee-ingest catalogue upgrade`: it makes a new one from the store.",
            )

    def revision(self, doing: str) -> int | None:
        """Which version's tables these are."""
        with self.read(doing) as connection:
            found: int | None = connection.execute(select(table(RevisionRow).c.revision)).scalar_one_or_none()
        return found

    def _make(self, wanted: Callable[[Index], bool], *, texts: bool = True) -> None:
        revisions = table(RevisionRow)
        with self.write("making the catalogue") as connection:
            self.location.make_room(connection)
            for one in self.location.tables([table(row) for row in (*REBUILDABLE, *VOLATILE)]):
                connection.execute(CreateTable(one, if_not_exists=True))
                for index in sorted(filter(wanted, one.indexes), key=lambda index: str(index.name)):
                    connection.execute(CreateIndex(index, if_not_exists=True))
            if texts:
                make_text_index(connection)
            make_views(connection)
            if connection.execute(select(revisions.c.revision)).first() is None:  # else another one was quicker
                connection.execute(revisions.insert(), {"revision": REVISION})

    @contextmanager
    def read(self, doing: str) -> Iterator[Connection]:
        """A connection for questions that all see one state. ``doing`` begins the message of any error."""
        with self._explained(doing), self.engine.connect() as connection:
            yield self.location.question(connection)

    @contextmanager
    def write(self, doing: str) -> Iterator[Connection]:
        """One transaction, committed at the end.

        An SQLite file it keeps for itself from its first moment; on PostgreSQL others write meanwhile.
        """
        if self._hold is not None and not self._hold.lasts():
            self._share(doing)
            self.prepare()  # it may have been replaced meanwhile
        connecting = self.engine.connect
        with self._explained(doing), connecting().execution_options(writing=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()
        if self._hold is not None:
            self._hold.close()

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            with self.location.explained(doing):
                yield
        except SQLAlchemyError as error:
            ours = CatalogueError(doing, type(error).__name__, "This is a defect of noojee-ingest: please report it.")
            raise ours.with_traceback(error.__traceback__) from None  # its text may hold values of rows
