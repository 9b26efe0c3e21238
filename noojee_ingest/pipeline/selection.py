"""Which names a run of verify checks: of which days, and which part of them. As text it is part of the journal."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date

from noojee_ingest.pipeline.errors import BadSelection

_PART = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
_DAY = re.compile(r"/day=([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/|$)")

EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Selection:
    """Days from ``first`` to ``last``, both included (``None``: no such end), of their names one ``part`` of ``of``."""

    first: date | None = None
    last: date | None = None
    part: int = 1
    of: int = 1

    def __str__(self) -> str:
        days = ""
        if self.first is not None and self.first == self.last:
            days = self.first.isoformat()
        elif self.first is not None or self.last is not None:
            days = f"{self.first or ''}..{self.last or ''}"
        part = f"{self.part}/{self.of}" if self.of > 1 else ""
        return " ".join(text for text in (days, part) if text) or EVERYTHING

    def has(self, name: str) -> bool:
        """Whether a name of the list that docs/format.md describes is selected."""
        day = day_of(name)
        if day is not None and ((self.first and day < self.first) or (self.last and day > self.last)):
            return False
        return self.of == 1 or int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self.of == self.part - 1


def read_selection(text: str) -> Selection:
    """The selection that has this text. Raises BadSelection."""
    if text == EVERYTHING:
        return Selection()
    if not text:
        raise BadSelection(text, f"write {EVERYTHING} for everything")
    first = last = None
    part = of = 1
    for number, word in enumerate(text.split(" ")):
        if "/" in word:
            part, of = read_part(word)
        elif number == 0:
            begin, dots, end = word.partition("..")
            first = _day(begin, text) if begin else None
            last = (_day(end, text) if end else None) if dots else first
        else:
            raise BadSelection(text, "write it as 2026-03-01..2026-03-31 3/30")
    return Selection(first, last, part, of)


def read_part(text: str) -> tuple[int, int]:
    """``3/30`` as two numbers. Raises BadSelection."""
    found = _PART.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise BadSelection(text, "write a part as 3/30: of thirty parts the third")
    return int(found[1]), int(found[2])


def _day(text: str, whole: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadSelection(whole, "write a day as 2026-03-10") from None


def day_of(name: str) -> date | None:
    """The archive day in a name."""
    found = _DAY.search(name)
    return date.fromisoformat(found[1]) if found else None
