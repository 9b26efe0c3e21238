"""A catalogue's rebuildable tables as JSON text: equal catalogues give equal text, whatever holds them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.tables import REBUILDABLE, table
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.model import Finding


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    assert isinstance(value, Finding)
    return asdict(value)


def dump(catalogue: Catalogue) -> str:
    """A table a line, its rows in the order that the database gives them by key."""
    lines = []
    with catalogue.read("dumping") as connection:
        for row in REBUILDABLE:
            target = table(row)
            question = select(target).order_by(*target.primary_key.columns)
            rows = [dict(found) for found in connection.execute(question).mappings()]
            text = json.dumps(rows, default=_plain, ensure_ascii=False, sort_keys=True)
            lines.append(f"{json.dumps(target.name)}: {text}")
    return "{" + ",\n".join(lines) + "}\n"
