"""A site-day's sums, kept by difference so that their cost follows the work and not the day's size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.rows import upsert
from noojee_ingest.catalogue.tables import DayRow, table

DAYS = table(DayRow)
COUNTED = tuple(column.name for column in DAYS.columns if column.name not in ("site", "day"))


class Sums:
    """What a transaction adds to and takes from the sums of each site-day."""

    def __init__(self) -> None:
        self._change: dict[tuple[str, date], Counter[str]] = {}

    def leg(self, leg: Mapping[str, Any], sign: int) -> None:
        change = self._of(leg)
        change[leg["state"]] += sign
        if leg["state"] == "archived":
            change["audio_bytes"] += sign * leg["content_size"]
            change["audio_ms"] += sign * round(leg["seconds"] * 1000)

    def call(self, call: Mapping[str, Any], sign: int) -> None:
        self._of(call)[f"calls_{call['judged']}"] += sign

    def finding(self, finding: Mapping[str, Any], sign: int) -> None:
        self._of(finding)["findings"] += sign

    @property
    def days(self) -> set[tuple[str, date]]:
        """The site-days of all that was counted, whether or not a sum changed."""
        return set(self._change)

    def of(self, site: str, day: date) -> dict[str, int]:
        """What was counted of a site-day, by the columns of its row."""
        change = self._change.get((site, day), Counter())
        return {name: change[name] for name in COUNTED}

    def _of(self, row: Mapping[str, Any]) -> Counter[str]:
        return self._change.setdefault((row["site"], row["day"]), Counter())

    def save(self, connection: Connection) -> None:
        """Add the changes to the table; a day of which nothing is left has no row."""
        changes = {key: change for key, change in self._change.items() if any(change.values())}
        if not changes:
            return
        days = [day for _, day in changes]
        those = DAYS.c.site.in_(among(site for site, _ in changes)) & DAYS.c.day.between(min(days), max(days))
        known: dict[Any, Mapping[str, Any]] = {
            (row["site"], row["day"]): dict(row) for row in connection.execute(select(DAYS).where(those)).mappings()
        }
        kept = []
        for (site, day), change in sorted(changes.items()):
            before: Mapping[str, Any] = known.get((site, day), {})
            now = {name: before.get(name, 0) + change[name] for name in COUNTED}
            if any(now.values()):
                kept.append({"site": site, "day": day, **now})
            else:
                connection.execute(DAYS.delete().where(DAYS.c.site == site, DAYS.c.day == day))
        upsert(connection, DAYS, kept)
