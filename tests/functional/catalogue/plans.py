"""How a database answers what it is asked: by an index, or by reading a table from end to end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.catalogue.tables import REBUILDABLE
from tests.unit.journal.story import SITE

SMALL = {"day"}
"""Tables that may be read whole: a row for each site-day."""

Sent = list[tuple[str, Any]]


@contextmanager
def statements(catalogue: Catalogue) -> Iterator[Sent]:
    """What is sent to the database, with its parameters."""
    sent: Sent = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    event.listen(catalogue.engine, "before_cursor_execute", note)
    yield sent
    event.remove(catalogue.engine, "before_cursor_execute", note)


def asked(catalogue: Catalogue, wanted: dict[str, Any], **more: Any) -> Sent:
    """What a search sends; ``more`` are arguments of ``search``."""
    with statements(catalogue) as sent:
        search(catalogue, Search(**{"sites": [SITE], **wanted}), most=5, **more)
    return sent


def values(parameters: Any) -> list[Any]:
    """Those of a statement, by name or by place."""
    return list(parameters.values() if isinstance(parameters, dict) else parameters)


def plans(catalogue: Catalogue, sent: Sent) -> Iterator[tuple[str, str]]:
    """Each statement and one step of its plan; PostgreSQL is told that tables like these have millions of rows."""
    on_sqlite = catalogue.engine.dialect.name == "sqlite"
    with catalogue.engine.connect() as connection:  # and rolled back
        if not on_sqlite:
            own = ", ".join(str(row.__tablename__) for row in REBUILDABLE)  # and of no other test's schema
            for statement in (f"ANALYZE {own}", *AS_IF_LARGE):
                connection.exec_driver_sql(statement)
        for statement, parameters in sent:
            if statement.startswith("SET LOCAL"):
                connection.exec_driver_sql(statement)  # it was said of what comes next
            if statement.lstrip().startswith(("SELECT", "DELETE", "UPDATE", "WITH")):
                explain = "EXPLAIN QUERY PLAN" if on_sqlite else "EXPLAIN"
                explained = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
                steps = [row.detail for row in explained] if on_sqlite else _steps([row[0] for row in explained])
                yield from ((statement, step) for step in steps)


AS_IF_LARGE = (
    "DELETE FROM pg_statistic USING pg_attribute WHERE starelid = attrelid AND staattnum = attnum"
    " AND attname IN ('site', 'day', 'state', 'kind', 'view', 'scope')",
    "UPDATE pg_class SET relpages = 1, reltuples = 1e6 WHERE relkind IN ('r', 'i')"
    " AND relnamespace = to_regnamespace(current_schema())",
)
"""What PostgreSQL's planner knows: millions of rows with ids as in the tests, and more days than there are in them."""


def _steps(lines: list[str]) -> list[str]:
    """Each node of PostgreSQL's plan with its conditions."""
    return [" ".join(node.split()) for node in re.split(r"\n\s*->\s*", "\n".join(lines))]


def read_whole(catalogue: Catalogue, sent: Sent) -> list[tuple[str, str]]:
    """Steps of plans that read a table, or an index of it, from end to end."""
    tables = {str(row.__tablename__) for row in REBUILDABLE} - SMALL
    return [(step, statement) for statement, step in plans(catalogue, sent) if _whole(step) in tables]


def _whole(step: str) -> str | None:
    """The table that a step reads from end to end, or as far as one site goes: most archives have only one."""
    sqlite = re.match(r"SCAN (\w+)", step) or re.match(r"SEARCH (\w+) USING .*INDEX \w+ \(site=\?\)$", step)
    if sqlite:
        return sqlite[1]
    scan = re.match(r"(?:Parallel )?(?:Seq Scan|Index (?:Only )?Scan(?: Backward)? using \w+) on (\w+)", step)
    bound = re.search(r"Index Cond: (.*?)(?: Filter: |$)", step)
    by_site_alone = bound is not None and re.search(r"\bsite\b", bound[1]) is not None and " AND " not in bound[1]
    return scan[1] if scan and (bound is None or by_site_alone) else None
