"""What a crash test prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, fields

from tests.crash.campaign import Row, Tally

NAMES = [field.name for field in fields(Row)]
WIDTH = max(len(name) for name in NAMES) + 2


def lines(tally: Tally) -> Iterator[str]:
    """A line for each place and point, and the sums."""
    first = max([len(label) for _, label in tally.rows], default=0) + 4
    yield " " * first + "".join(name.rjust(WIDTH) for name in NAMES)
    for kind in dict.fromkeys(kind for kind, _ in tally.rows):
        yield kind
        rows = {label: row for (of, label), row in tally.rows.items() if of == kind}
        for label, row in sorted(rows.items()):
            yield _line(f"  {label}", row, first)
        yield _line("  all", _sum(rows.values()), first)
    yield _line("all", _sum(tally.rows.values()), first)


def _sum(rows: object) -> Row:
    return Row(*map(sum, zip(*map(astuple, rows), strict=True)))  # type: ignore[call-overload]


def _line(label: str, row: Row, width: int) -> str:
    return label.ljust(width) + "".join(str(number).rjust(WIDTH) for number in astuple(row))
