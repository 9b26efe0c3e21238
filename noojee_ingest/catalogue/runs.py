"""What is volatile in a catalogue: who is at work, and which segments they were about to put."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.processes import this_process
from noojee_ingest.catalogue.tables import OpenSegmentRow, RunRow, table

RUN, OPEN_SEGMENT = table(RunRow), table(OpenSegmentRow)


def is_alive(catalogue: Catalogue, row: Any) -> bool:
    """Whether the process of a run or announced segment lives.

    The kernel knows who has an SQLite file open, on PostgreSQL the server does: a process lives while it has it open.
    """
    with catalogue.read("looking for a process") as connection:
        return catalogue.location.is_alive(connection, row)


def begin_run(catalogue: Catalogue, *, site: str, flow: str, began: datetime) -> str:
    """Note that this process runs ``flow`` for ``site`` from ``began`` (UTC) on. Gives the run's id."""
    run_id = uuid.uuid4().hex
    with catalogue.write("noting the begin of a run") as connection:
        connection.execute(
            RUN.insert(),
            {"run_id": run_id, "site": site, "flow": flow, "began": began, "summary": "", **this_process()},
        )
    return run_id


def end_run(
    catalogue: Catalogue, run_id: str, *, ended: datetime, exit_code: int, summary: str, undone: str = ""
) -> None:
    """Note how a run ended: ``ended`` in UTC, ``exit_code`` of the table in docs/operations.md, one line of summary.

    ``undone`` says what it should have done and did not.
    """
    with catalogue.write("noting the end of a run") as connection:
        values = {"ended": ended, "exit_code": exit_code, "summary": summary, "undone": undone}
        connection.execute(RUN.update().where(RUN.c.run_id == run_id).values(values))


def living_runs(catalogue: Catalogue, site: str | None = None) -> list[dict[str, Any]]:
    """The runs, of a site or of all, that have not ended and whose process lives."""
    question = select(RUN).where(RUN.c.ended.is_(None))
    if site is not None:
        question = question.where(RUN.c.site == site)
    with catalogue.read("looking for runs") as connection:
        rows = connection.execute(question).mappings().all()
        return [dict(row) for row in rows if catalogue.location.is_alive(connection, row)]


def first_run(catalogue: Catalogue, site: str, flow: str) -> datetime | None:
    """When (UTC) the first run of a flow for a site began."""
    question = select(RUN.c.began).where(RUN.c.site == site, RUN.c.flow == flow).order_by(RUN.c.began).limit(1)
    with catalogue.read("looking for the first run") as connection:
        began: datetime | None = connection.execute(question).scalar()
    return began


def last_runs(catalogue: Catalogue, site: str, most: int = 5, *, flow: str = "") -> list[dict[str, Any]]:
    """The latest runs of a site, of one flow or of all, latest first."""
    question = select(RUN).where(RUN.c.site == site).order_by(RUN.c.began.desc(), RUN.c.run_id).limit(most)
    if flow:
        question = question.where(RUN.c.flow == flow)
    with catalogue.read("looking for runs") as connection:
        return [dict(row) for row in connection.execute(question).mappings()]


def latest_run(catalogue: Catalogue, site: str, flow: str, *, ended_with: Iterable[int] = ()) -> dict[str, Any] | None:
    """The latest run of a flow for a site; where exit codes are given, the latest that ended with one of them."""
    question = select(RUN).where(RUN.c.site == site, RUN.c.flow == flow)
    if codes := list(ended_with):
        question = question.where(RUN.c.exit_code.in_(codes))
    with catalogue.read("looking for the latest run") as connection:
        found = connection.execute(question.order_by(RUN.c.began.desc(), RUN.c.run_id).limit(1)).mappings().first()
    return None if found is None else dict(found)


def open_segment(catalogue: Catalogue, key: str) -> None:
    """Note that this process is about to put a segment. Applying the segment removes the note."""
    with catalogue.write(f"announcing journal segment {key}") as connection:
        connection.execute(OPEN_SEGMENT.insert(), {"key": key, **this_process()})


def open_segments(catalogue: Catalogue) -> list[dict[str, Any]]:
    """The segments that were announced and not applied, by key."""
    with catalogue.read("looking for announced segments") as connection:
        question = select(OPEN_SEGMENT).order_by(OPEN_SEGMENT.c.key)
        return [dict(row) for row in connection.execute(question).mappings()]


def drop_open_segments(catalogue: Catalogue, keys: Iterable[str]) -> None:
    """Forget announced segments that were never put."""
    with catalogue.write("forgetting segments that were never put") as connection:
        for key in keys:
            connection.execute(OPEN_SEGMENT.delete().where(OPEN_SEGMENT.c.key == key))
