"""What a comparison of a day's views asks of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import LegSeenRow
from noojee_ingest.catalogue.tables import CallRow, DayRow, LegRow, table
from noojee_ingest.journal.fold import Judged
from noojee_ingest.model import State, View

LEG, CALL, DAY, LEG_SEEN = table(LegRow), table(CallRow), table(DayRow), table(LegSeenRow)


@dataclass(frozen=True, slots=True)
class DayViews:
    """A day as each of its views has it, read at one moment.

    ``told_by`` counts the legs by the lists that told of them (none: known by what became of them alone); ``states``
    and ``calls`` are counted row by row, ``sums`` are what the day's row says of the same.
    """

    told_by: dict[tuple[str, ...], int]
    states: dict[str, int]
    calls: dict[str, int]
    legs_with_call: int
    sums: dict[str, int]


def views_of_day(catalogue: Catalogue, site: str, day: date) -> DayViews:
    """Count a day in each of its views. Raises CatalogueError."""
    of_legs, of_calls = (LEG.c.site == site, LEG.c.day == day), (CALL.c.site == site, CALL.c.day == day)
    with catalogue.read("comparing the views of a day") as connection:
        lists: dict[str, set[str]] = {}
        seen = select(LEG_SEEN.c.leg_id, LEG_SEEN.c.view).join(LEG, LEG.c.leg_id == LEG_SEEN.c.leg_id)
        for leg_id, view in connection.execute(seen.where(*of_legs).distinct()):
            lists.setdefault(leg_id, set()).add(view)
        told_by: dict[tuple[str, ...], int] = {}
        for views in lists.values():
            names = tuple(view.value for view in View if view.value in views)
            told_by[names] = told_by.get(names, 0) + 1
        states = connection.execute(
            select(LEG.c.state, func.count().label("legs")).where(*of_legs).group_by(LEG.c.state)
        )
        counted = {row.state: row.legs for row in states}
        if untold := sum(counted.values()) - sum(told_by.values()):
            told_by[()] = untold
        calls = connection.execute(
            select(CALL.c.judged, func.count().label("calls")).where(*of_calls).group_by(CALL.c.judged)
        )
        judged = {row.judged: row.calls for row in calls}
        with_call: set[str] = set()
        for link in ("record_link", "unique_link"):
            same = select(LEG.c.leg_id).join(CALL, CALL.c[link] == LEG.c[link]).where(*of_legs, LEG.c[link] != "")
            with_call.update(connection.execute(same.distinct()).scalars())
        row = connection.execute(select(DAY).where(DAY.c.site == site, DAY.c.day == day)).mappings().first()
    told: dict[str, Any] = dict(row) if row is not None else {}
    return DayViews(
        told_by=dict(sorted(told_by.items())),
        states={state.value: counted.get(state.value, 0) for state in State},
        calls={one.value: judged.get(one.value, 0) for one in Judged},
        legs_with_call=len(with_call),
        sums={
            **{state.value: told.get(state.value, 0) for state in State},
            **{f"calls_{one.value}": told.get(f"calls_{one.value}", 0) for one in Judged},
        },
    )


def told_by_others(catalogue: Catalogue, view: View, leg_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What each other view than this one told last of each of these legs; one of which none told is absent."""
    question = (
        select(LEG_SEEN)
        .where(LEG_SEEN.c.leg_id.in_(among(leg_ids)), LEG_SEEN.c.view != view.value)
        .order_by(LEG_SEEN.c.last_time, LEG_SEEN.c.last_event_id)
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with catalogue.read("comparing what the lists tell") as connection:
        for row in connection.execute(question).mappings():
            found.setdefault(row["leg_id"], {})[row["view"]] = dict(row)
    return {leg_id: list(views.values()) for leg_id, views in found.items()}
