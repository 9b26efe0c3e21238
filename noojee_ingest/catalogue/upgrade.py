"""A catalogue of another version replaced by one of this version: made from the store, not changed in place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked, WrongRevision
from noojee_ingest.catalogue.location import SCHEMA, locate
from noojee_ingest.catalogue.rebuild import Told, rebuild

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root


def upgrade(
    root: Root,
    url: str,
    *,
    schema: str = SCHEMA,
    progress: Callable[[int], None] = lambda _: None,
    waiting: Told = lambda _: None,
) -> int | None:
    """Rebuild the catalogue where another version of noojee-ingest made it, and one that is not there.

    Gives ``None`` where this version made it.

    As ``rebuild``, whose arguments and errors it shares; besides it raises CatalogueLocked while any request of a
    site's phone system is leased: an older program may be at work that has no catalogue open just now.
    """
    if locate(url, schema).tables_there():
        try:
            Catalogue.open(url, schema=schema).close()
        except WrongRevision:
            _refuse_while_leased(url, schema)
        else:
            return None
    return rebuild(root, url, schema=schema, progress=progress, waiting=waiting)


def _refuse_while_leased(url: str, schema: str) -> None:
    with closing(open_budget(url, schema)) as budget:
        sites = budget.leased_sites()
    if sites:
        raise CatalogueLocked(
            "upgrading the catalogue",
            f"requests to the phone system of {', '.join(sites)} are leased",
            "End the runs; the lease of one that was killed ends by itself within minutes.",
        )
