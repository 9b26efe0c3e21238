"""What is selected, as text and back, and which names are in it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from noojee_ingest.pipeline.errors import BadSelection
from noojee_ingest.pipeline.selection import Selection, day_of, read_part, read_selection

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
SAID = {
    "all": Selection(),
    "2026-03-01": Selection(FIRST, FIRST),
    "2026-03-01..2026-03-31": Selection(FIRST, LAST),
    "2026-03-01..": Selection(FIRST),
    "..2026-03-31": Selection(last=LAST),
    "3/30": Selection(part=3, of=30),
    "2026-03-01..2026-03-31 3/30": Selection(FIRST, LAST, 3, 30),
    "2026-03-01 30/30": Selection(FIRST, FIRST, 30, 30),
}


@pytest.mark.parametrize("text", SAID)
def test_a_selection_is_a_text_and_back(text: str) -> None:
    assert read_selection(text) == SAID[text]
    assert str(SAID[text]) == text


@pytest.mark.parametrize("text", ["", "3/0", "0/3", "4/3", "1/3 2026-03-01", "2026-02-30", "some", "1/3 1", "-1/3"])
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(BadSelection):
        read_selection(text)


@pytest.mark.parametrize("text", ["3", "a/b", "1/2/3", "1 /2", "２/3", "1/9999999"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(BadSelection):
        read_part(text)


def names() -> list[str]:
    return [
        f"{kind}/site=a/day={FIRST + timedelta(days=day)}/{number}.wav"
        for kind in ("audio", "journal", "evidence/quarantined")
        for day in range(40)
        for number in range(20)
    ]


@pytest.mark.parametrize("of", [1, 2, 7, 30])
def test_every_name_is_in_just_one_part(of: int) -> None:
    parts = [Selection(part=part, of=of) for part in range(1, of + 1)]
    assert all(sum(part.has(name) for part in parts) == 1 for name in names())
    sizes = [sum(map(part.has, names())) for part in parts]
    assert max(sizes) < 2 * len(names()) / of


def test_days_are_from_the_first_to_the_last() -> None:
    chosen = {day_of(name) for name in names() if Selection(FIRST + timedelta(days=1), LAST).has(name)}
    assert chosen == {FIRST + timedelta(days=day) for day in range(1, 31)}
    assert Selection(LAST, LAST).has(f"catalogue/site=a/day={LAST}")
    assert not Selection(FIRST, FIRST).has(f"catalogue/site=a/day={LAST}")


def test_the_part_of_a_name_never_changes() -> None:
    """A run of years ago must cover now what it covered then."""
    name = "audio/site=demo/day=2026-03-10/1bf4c9c07af6402c3a3519333edd5d57-e32a06b443b59c43.wav"
    assert all(Selection(part=part, of=of).has(name) for part, of in ((2, 7), (29, 30), (229, 365)))
