"""A rebuild folds batches of segments apart, in other processes: that must not be seen in what it makes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from noojee_ingest.catalogue import apply as applying
from noojee_ingest.catalogue import rebuild as module
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import dirty_days
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.catalogue.tables import CallRow, DayRow, FindingRow
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import Segment, day_prefix, put
from noojee_ingest.model import FindingKind, View
from noojee_ingest.storage.root import Listed, Root
from tests.functional.catalogue.recount import contents, recounted, rows
from tests.functional.catalogue.written import write_story
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    SITE,
    at,
    call,
    call_changed,
    call_seen,
    everything,
    leg,
    leg_changed,
    leg_seen,
    stored,
)

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]


def told(archive: Root, *days: Sequence[Event]) -> list[Segment]:
    """Each day's events in a segment in a folder of its own, whatever day they are of."""
    segments = []
    for number, events in enumerate(days):
        one = Segment(f"{day_prefix(SITE, DAY + timedelta(days=number))}{number}.jsonl.gz", tuple(events))
        put(archive, one)
        segments.append(one)
    return segments


@pytest.mark.parametrize("seed", range(8))
def test_events_in_any_cut_in_any_folder_give_what_applying_them_gives(
    monkeypatch: pytest.MonkeyPatch, address_of: AddressOf, opened: Opened, archive: Root, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(module, "AT_ONCE", chance.choice([1, 2_000]))
    monkeypatch.setattr(module, "MOST_AT_ONCE", chance.choice([1, 3_000, 100_000]))
    events = everything() + chance.sample(everything(), 25)  # some are told twice
    chance.shuffle(events)
    by_night = opened("night-by-night")
    while events:
        some = [events.pop() for _ in range(min(len(events), chance.randint(1, 30)))]
        folder = day_prefix(SITE, DAY + timedelta(days=chance.randrange(4)))
        one = Segment(f"{folder}{chance.randrange(10**6)}.jsonl.gz", tuple(some))
        put(archive, one)
        apply(by_night, one)
    rebuild(archive, **address_of("rebuilt"))
    rebuilt = opened("rebuilt")
    assert contents(rebuilt) == contents(by_night)
    assert recounted(rebuilt) == contents(rebuilt)["day"]


@pytest.mark.usefixtures("apart")
def test_with_the_help_of_other_processes_too(
    helped: list[bool], address_of: AddressOf, opened: Opened, archive: Root
) -> None:
    segments = write_story(archive)
    for one in segments:
        apply(opened("night-by-night"), one)
    numbers: list[int] = []
    assert rebuild(archive, **address_of("rebuilt"), progress=numbers.append) == len(segments)
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))
    assert numbers == sorted(numbers)
    assert numbers[-1] == len(segments)
    assert len(helped) > 2
    assert all(helped)


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("chunk", [1, 5_000])
def test_what_hangs_together_across_folders(
    *, monkeypatch: pytest.MonkeyPatch, address: dict[str, str], opened: Opened, archive: Root, chunk: int
) -> None:
    monkeypatch.setattr(applying, "CHUNK", chunk)
    other_audio = {"day": NEXT_DAY, "start": at(0)}
    told(
        archive,
        [leg_seen(1, start=at(0)), stored(1, "silence"), call_seen(1, fields={"Notes": "the blue kettle"})],
        [leg_seen(2, **other_audio), stored(2, "silence", day=NEXT_DAY), leg_seen(3, start=at(9))],
        [call_seen(0), stored(3, "silence"), leg_changed(1, "B", time=at(5), view=View.BY_UNIQUE_ID)],
    )
    rebuild(archive, **address)
    catalogue = opened()
    doubles = [row for row in rows(catalogue, FindingRow) if row["kind"] == FindingKind.DOUBLE.value]
    assert {row["object_id"] for row in doubles} == {leg(1), leg(2)}
    assert {row["call_id"]: row["legs"] for row in rows(catalogue, CallRow)} == {call(0): 1, call(1): 2}
    found = search(catalogue, Search(texts=["blue kettle"]), most=5)
    assert {row["leg_id"] for row in found} == {leg(2), leg(3)}
    found = search(catalogue, Search(findings=[FindingKind.DOUBLE]), most=5)
    assert {row["leg_id"] for row in found} == {leg(1), leg(2)}


@pytest.mark.usefixtures("apart")
def test_a_call_record_that_is_told_of_on_many_days_gives_what_applying_it_gives(
    helped: list[bool], address_of: AddressOf, opened: Opened, archive: Root
) -> None:
    """A lead that is called again and again: its call record stands in many days."""
    days = [
        [
            leg_seen(number, start=at(number)),
            *(call_seen(lead, f"A{number}", time=at(number)) for lead in range(number)),
            *(call_changed(lead, f"B{number}", time=at(number + 1)) for lead in range(0, number, 2)),
        ]
        for number in range(7)
    ]
    for one in told(archive, *days):
        apply(opened("night-by-night"), one)
    rebuild(archive, **address_of("rebuilt"))
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))
    assert len(helped) > len(days)  # asked again without what was known


@pytest.mark.usefixtures("apart")
def test_every_day_is_to_be_published_again(address: dict[str, str], opened: Opened, archive: Root) -> None:
    write_story(archive)
    rebuild(archive, **address)
    days = {(row["site"], row["day"]) for row in rows(opened(), DayRow)}
    assert {(site, day) for site in ("acme", "zenith") for day in dirty_days(opened(), site)} == days
    assert len(days) == 3


# -- batches


def listed(*days: Sequence[int]) -> list[Listed]:
    return [
        Listed(f"journal/{day}/{number}", size) for day, sizes in enumerate(days) for number, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("days", "batches"),
    [
        ([], []),
        ([[5]], [1]),
        ([[4], [5], [5, 5], [1]], [4, 1]),  # small days together
        ([[5, 5, 1], [9]], [3, 1]),  # a day that is large enough by itself
        ([[5, 4], [9], [9]], [3, 1]),
        ([[15, 15, 15], [1]], [2, 1, 1]),  # one that is too large is cut
        ([[15, 15], [1]], [2, 1]),
    ],
)
def test_batches_are_whole_days_unless_these_are_too_large(
    monkeypatch: pytest.MonkeyPatch, days: list[list[int]], batches: list[int]
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 10)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 30)
    found = list(module._batches(listed(*days)))
    assert [len(batch) for batch in found] == batches
    assert [one for batch in found for one in batch] == listed(*days)
