"""Random journals: applied segment by segment, in any order, they give what a rebuild makes of them.

The story (tests/unit/journal/story.py) tells each thing once; here few legs, calls and objects are told of again and
again: on several days, in several sites and views, with the same links, starts and audio, some in answer to others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from noojee_ingest.catalogue import apply as applying
from noojee_ingest.catalogue import rebuild as rebuilding
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import dirty_days
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.tables import DayRow
from noojee_ingest.journal.events import Event, Outcome, Verdict
from noojee_ingest.journal.segment import Segment, day_prefix, put
from noojee_ingest.model import Finding, FindingKind, View
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents, recounted, rows
from tests.unit.journal.story import (
    DAY,
    OTHER_SITE,
    SITE,
    accessed,
    answered,
    at,
    call,
    call_appraised,
    call_seen,
    destroyed,
    fixity,
    leg,
    leg_appraised,
    leg_seen,
    not_stored,
    noted,
    refused,
    stated,
    stored,
)

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]

SITES = (SITE, SITE, SITE, OTHER_SITE)
OF_OBJECTS = (FindingKind.WITHDRAWN_OBJECT, FindingKind.HELD_OBJECT, FindingKind.GONE_OBJECT)
OF_LEGS = tuple(verdict for verdict in Verdict if verdict is not Verdict.NO_RECORDING)


class Teller:
    """Tells events at random, of a few legs, calls and objects."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.told: list[Event] = []
        self._legs = chance.randint(2, 14)

    def tell(self) -> None:
        tells = (self._leg, self._leg, self._stored, self._not_stored, self._appraised, self._call, self._call)
        event = self.chance.choice((*tells, self._judged, self._noted, self._other))()
        self.told.append(destroyed(event) if self._happens(0.08) else event)

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share

    def _common(self) -> dict[str, Any]:
        minutes = self.chance.choice([self.chance.randrange(400), self.chance.randrange(3)])  # some at one time
        day = DAY + timedelta(days=self.chance.randrange(3))
        return {"time": at(minutes), "day": day, "site": self.chance.choice(SITES)}

    def _number(self) -> int:
        return self.chance.randrange(self._legs)

    def _before(self, **about: str) -> tuple[str, ...]:
        """Some of what was said of an object: what is said now answers it."""
        ((name, its_id),) = about.items()
        return tuple(
            event.event_id for event in self.told if getattr(event, name, None) == its_id and self._happens(0.5)
        )

    def _leg(self) -> Event:
        common, other = self._common(), dict[str, Any]()
        number = self._number()
        if self._happens(0.5):
            other["start"] = self.chance.choice([None, at(0), at(1)])
        other |= self._links(0.25)
        return leg_seen(number, self.chance.choice("ABC"), view=self.chance.choice(list(View)), **common, **other)

    def _links(self, share: float) -> dict[str, str]:
        links = {}
        if self._happens(share):
            links["call_record_id"] = str(9_000 + self.chance.randrange(4))
        if self._happens(share):
            links["unique_id"] = f"1773100000.{self.chance.randrange(4)}"
        return links

    def _stored(self) -> Event:
        number, common = self._number(), self._common()
        findings = (Finding(FindingKind.UNSOUND, self.chance.choice("ab")),) if self._happens(0.3) else ()
        answers = self._before(leg_id=leg(number, common["site"])) if self._happens(0.4) else ()
        return stored(number, self.chance.choice("xyz"), findings=findings, supersedes=answers, **common)

    def _not_stored(self) -> Event:
        number, common = self._number(), self._common()
        its_id = leg(number, common["site"])
        outcome = self.chance.choice(list(Outcome))
        return not_stored(number, outcome, leg_id=its_id, supersedes=self._before(leg_id=its_id), **common)

    def _appraised(self) -> Event:
        number, common = self._number(), self._common()
        its_id = leg(number, common["site"])
        verdict = self.chance.choice(OF_LEGS)
        return leg_appraised(number, verdict, leg_id=its_id, supersedes=self._before(leg_id=its_id), **common)

    def _call(self) -> Event:
        number = self._number() // 2 + self.chance.randrange(2)
        return call_seen(number, self.chance.choice("ABC"), **self._common(), **self._links(0.3))

    def _judged(self) -> Event:
        number, common = self._number() // 2, self._common()
        explained = self._happens(0.5)
        return call_appraised(number, explained=explained, call_id=call(number, common["site"]), **common)

    def _noted(self) -> Event:
        key = self.chance.choice(["audio/a.wav", "audio/b.wav"])
        answers = self._before(key=key)
        cleared = bool(answers) and self._happens(0.5)
        common = self._common() | {"site": SITE}  # an object's key is of one site
        return noted(key, self.chance.choice(OF_OBJECTS), cleared=cleared, supersedes=answers, **common)

    def _other(self) -> Event:
        common = self._common()
        which = self.chance.randrange(5)
        if which == 0:
            overlaps = self.chance.choice([True, False])
            return answered(self.chance.choice("pq"), view=View.CALL_RECORDS, overlaps=overlaps, **common)
        if which == 1:
            return refused(self.chance.choice(["17", "{}"]), **common)
        if which == 2:
            return stated(self.chance.randint(1, 2), root=self.chance.choice("rs"), **common)
        if which == 3:
            return fixity(self.chance.choice(["all", "1/30"]), **common)
        number = self._number()
        return accessed(number, "x", **common | {"leg_id": leg(number, common["site"])})


def cut(events: Sequence[Event], chance: random.Random) -> Iterator[Segment]:
    """Segments in any folders, of these events in any order and some of them twice."""
    left = [*events, *chance.sample(events, len(events) // 5)]
    chance.shuffle(left)
    while left:
        some = [left.pop() for _ in range(min(len(left), chance.choice([1, 3, 10, 40])))]
        folder = day_prefix(chance.choice((SITE, OTHER_SITE)), DAY + timedelta(days=chance.randrange(5)))
        yield Segment(f"{folder}{chance.getrandbits(64):x}.jsonl.gz", tuple(some))


def texts_found(catalogue: Catalogue) -> list[Any]:
    """By the index of texts, on SQLite, which also finds itself whole; else nothing."""
    with catalogue.write("searching") as connection:
        if connection.dialect.name != "sqlite":
            return []
        connection.execute(text("INSERT INTO leg_text (leg_text, rank) VALUES ('integrity-check', 1)"))
        question = "SELECT rowid FROM leg_text WHERE leg_text MATCH '\"pri\"' ORDER BY rowid"
        return list(connection.execute(text(question)).scalars())


@pytest.mark.parametrize("seed", range(24))
def test_applying_segments_and_rebuilding_from_them_give_the_same(
    *, monkeypatch: pytest.MonkeyPatch, address_of: AddressOf, opened: Opened, archive: Root, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(rebuilding, "AT_ONCE", chance.choice([1, 1, 2_000]))
    monkeypatch.setattr(rebuilding, "MOST_AT_ONCE", chance.choice([1, 3_000, 100_000]))
    monkeypatch.setattr(applying, "CHUNK", chance.choice([1, 2, 5_000]))
    if seed % 6 == 0:
        monkeypatch.setattr(rebuilding, "WORTH_WORKERS", 0)
    teller = Teller(chance)
    for _ in range(chance.randint(10, 70)):
        teller.tell()
    segments = list(cut(teller.told, chance))
    for one in segments:
        put(archive, one)
    chance.shuffle(segments)
    by_night = opened("night-by-night")
    for one in segments:
        apply(by_night, one)
    rebuild(archive, **address_of("rebuilt"))
    rebuilt = opened("rebuilt")
    assert contents(rebuilt) == contents(by_night)
    assert texts_found(rebuilt) == texts_found(by_night)
    assert recounted(rebuilt) == rows(rebuilt, DayRow)
    for site in (SITE, OTHER_SITE):
        days = {row["day"] for row in rows(rebuilt, DayRow) if row["site"] == site}
        assert set(dirty_days(rebuilt, site)) >= days


def test_they_tell_of_what_hangs_together_across_segments() -> None:
    """Else the test above would prove little."""
    events: list[Event] = []
    for seed in range(24):
        teller = Teller(random.Random(seed))
        for _ in range(40):
            teller.tell()
        events += teller.told
    assert {type(event).__name__ for event in events} >= {
        "Accessed", "AudioNotStored", "AudioStored", "CallAppraised", "CallSeen", "DayStated", "EntryRefused",
        "FixityChecked", "LegAppraised", "LegSeen", "ListAnswered", "ObjectNoted",
    }  # fmt: skip
    assert any(event.supersedes for event in events)
