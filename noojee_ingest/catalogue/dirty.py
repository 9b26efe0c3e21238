"""Which site-days changed since the lake was last told: marked by every apply, cleared by who publishes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rows import upsert
from noojee_ingest.catalogue.tables import DayRow, DirtyDayRow, PublishedToRow, table

DIRTY, PUBLISHED_TO, DAY = table(DirtyDayRow), table(PublishedToRow), table(DayRow)


def mark_dirty(connection: Connection, days: Iterable[tuple[str, date]]) -> None:
    """Mark site-days as changed, in a transaction that the caller began."""
    mark = uuid.uuid4().hex
    upsert(connection, DIRTY, [{"site": site, "day": day, "mark": mark} for site, day in days])


def mark_every_day(connection: Connection) -> None:
    """Mark all site-days that have anything, in a transaction that the caller began."""
    mark_dirty(connection, [(row.site, row.day) for row in connection.execute(select(DAY.c.site, DAY.c.day))])


def dirty_days(catalogue: Catalogue, site: str) -> dict[date, str]:
    """The days of a site that are to be published, oldest first, each with its mark. Raises CatalogueError."""
    question = select(DIRTY.c.day, DIRTY.c.mark).where(DIRTY.c.site == site).order_by(DIRTY.c.day)
    with catalogue.read("looking for days to publish") as connection:
        return {row.day: row.mark for row in connection.execute(question)}


def clear_dirty(catalogue: Catalogue, site: str, day: date, mark: str) -> None:
    """A day is published as it was under ``mark``; one that changed since stays dirty. Raises CatalogueError."""
    these = (DIRTY.c.site == site) & (DIRTY.c.day == day) & (DIRTY.c.mark == mark)
    with catalogue.write(f"noting that {day} of {site} is published") as connection:
        connection.execute(DIRTY.delete().where(these))


def note_lake(catalogue: Catalogue, site: str, lake: str, there: Iterable[date]) -> None:
    """Note that a site's days are published to the lake of this id from now on, ``there`` being those that it has.

    If it was another one until now, or none is known (after a rebuild, say), every day of the site becomes dirty in the
    same transaction, those too of which the lake alone knows: what this lake has of them may be old, and what changed
    meanwhile is known of the other one alone. Raises CatalogueError.
    """
    noted = select(PUBLISHED_TO.c.lake).where(PUBLISHED_TO.c.site == site)
    with catalogue.read("looking for the lake in use") as connection:
        if connection.execute(noted).scalar() == lake:
            return
    with catalogue.write(f"noting the lake of {site}") as connection:
        days = connection.execute(select(DAY.c.day).where(DAY.c.site == site)).scalars().all()
        mark_dirty(connection, [(site, day) for day in {*days, *there}])
        upsert(connection, PUBLISHED_TO, [{"site": site, "lake": lake}])
