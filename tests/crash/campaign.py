"""Kills and what follows them: nights of one archive after another, each night killed in its own way."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from noojee_ingest.simulator import RunningSimulator, Scenario
from tests.crash import truth
from tests.crash.kill_points import BY_NAME, FOLDER, Point, at
from tests.crash.places import ZONE, Open, Place
from tests.crash.runs import Ended, Runs, holds_still

NOW = datetime.fromisoformat("2026-03-11T03:30:00+11:00")
SCENARIO = Scenario.clean(
    zone=ZONE, now=NOW, days=1, calls_a_day=8, by_hour_interval=0.0, not_audio_legs=2, late_legs=1
)
NIGHTS = 20
"""So many in an archive, then another one is begun."""
ANY_TIME, TWO, TWO_STILL = "at any time", "two runs at once, at any time", "two runs at once, one held still"
HOLDS_STILL = {FOLDER: "half of a file is written", "s3": "a segment is announced"}


@dataclass
class Row:
    """What was done at a point, and what was wrong after it."""

    kills: int = 0
    reruns: int = 0
    lost: int = 0
    doubled: int = 0
    false: int = 0
    refetched: int = 0
    index: int = 0
    left: int = 0

    @property
    def wrong(self) -> int:
        return self.lost + self.doubled + self.false + self.refetched + self.index + self.left


@dataclass
class Tally:
    """``rows`` by place and point; ``told``: every wrong in words; ``missed``: nights that ended before their kill."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def row(self, kind: str, label: str) -> Row:
        return self.rows.setdefault((kind, label), Row())

    def wrong(self, kind: str, label: str, what: str, told: str, number: int = 1) -> None:
        row = self.row(kind, label)
        setattr(row, what, getattr(row, what) + number)
        self.told.append(f"{kind}, {label}: {what}: {told}")

    @property
    def kills(self) -> int:
        return sum(row.kills for row in self.rows.values())

    @property
    def is_right(self) -> bool:
        return not any(row.wrong for row in self.rows.values())


class Crashed(Exception):
    """A run failed that nobody killed."""


@dataclass
class Pace:
    """What an undisturbed night is like: its seconds, and how often it passes each function."""

    seconds: float
    passed: dict[str, int]


class Archive:
    """One archive, from its first night on. ``mutant``: how its runs are broken, to see that this is noticed."""

    def __init__(
        self, place: Place, simulator: RunningSimulator, runs: Runs, tally: Tally, *, mutant: str = ""
    ) -> None:
        self.place, self.simulator, self.runs, self.tally = place, simulator, runs, tally
        self._mutant = mutant
        self.labels: dict[str, str] = {}
        self.twice: set[str] = set()
        self._night = -1
        simulator.set_clock(NOW + timedelta(days=NIGHTS + 1))
        legs = simulator.truth().legs
        self._sound = {leg.key: truth.identity(leg) for leg in legs if leg.trouble == "none"}
        simulator.reset_counters()
        self._allowed: dict[str, int] = {}

    @property
    def day(self) -> date:
        """The day that this night archives."""
        return NOW.date() + timedelta(days=self._night - 1)

    def begin_night(self, label: str) -> None:
        self._night += 1
        self.simulator.set_clock(NOW + timedelta(days=self._night))
        self.labels[self.day.isoformat()] = label
        self.account(label)

    def order(self, **more: object) -> dict[str, object]:
        return {
            "config": str(self.place.config),
            "environ": self.place.environ,
            "place": self.place.kind,
            "mutant": self._mutant,
            "now": self.simulator.clock().isoformat(),
            **more,
        }

    def killed(self, ended: Ended, label: str) -> bool:
        """Note how a run ended that was to be killed. Raises Crashed."""
        if ended.was_killed:
            self.tally.row(self.place.kind, label).kills += 1
        elif ended.code != 0:
            raise Crashed(f"{self.place.kind}, {label}: a run ended with {ended.code}; {self.runs.log} has the reason")
        self.account(label)
        return ended.was_killed

    def ordinary(self, label: str) -> Ended:
        """An ordinary run, and what must be so after it. Raises Crashed."""
        ended = self.runs.run(**self.order())
        if ended.code != 0:
            raise Crashed(f"{self.place.kind}, after {label}: an ordinary run ended with {ended.code}")
        self.tally.row(self.place.kind, label).reruns += 1
        self.account(label)
        for told in [*self.place.left_over(), *ended.told["problems"]]:
            self.tally.wrong(self.place.kind, label, "left", told)
        return ended

    def account(self, label: str, *, next_runs: int = 1) -> None:
        """Count requests for audio that was in the store already. Runs to come may ask once each for what is not."""
        asked = self._settled()
        stored = {key.rpartition("/")[2].partition("-")[0] for key in self.place.audio_keys()}
        for key, leg_id in self._sound.items():
            over = asked[key] - self._allowed.get(key, next_runs)
            if over > 0:
                told = f"{key} ({leg_id}) was asked for {asked[key]} times"
                self.tally.wrong(self.place.kind, label, "refetched", told, over)
            self._allowed[key] = asked[key] + (0 if leg_id in stored else next_runs)

    def _settled(self) -> Counter[str]:
        """The requests, once the phone system has heard the last that a killed run sent."""
        asked = self.simulator.counters().audio_requests()
        while True:
            time.sleep(0.02)
            again = self.simulator.counters().audio_requests()
            if again == asked:
                return asked
            asked = again

    def close(self) -> None:
        """Look at the whole archive."""
        if not self.labels:
            return
        kind = self.place.kind
        for one in truth.wrong(self.place, self.simulator, self.labels, self.twice):
            self.tally.wrong(kind, self.labels[one.day], one.what, f"{one.day}: {one.told}")
        if differing := self.place.index_differences():
            label = next(reversed(self.labels.values()))
            self.tally.wrong(kind, label, "index", f"tables {', '.join(sorted(differing))}, seen after {NIGHTS} nights")


class Campaign:
    """All kills into one kind of place."""

    def __init__(self, new: Open, simulator: RunningSimulator, runs: Runs, tally: Tally, *, seed: int) -> None:
        self.kind, self.tally = new.kind, tally
        self._new, self._simulator, self._runs = new, simulator, runs
        self._chance = random.Random(f"{seed}/{self.kind}")
        self._archive: Archive | None = None
        self._again: list[str] = []  # points that a run did not come to so often
        self._pace = self._measured()

    def _measured(self) -> Pace:
        """Two undisturbed nights; the second is as those that are killed."""
        archive = Archive(self._new(self._simulator.url), self._simulator, self._runs, self.tally)
        label = "never"
        for _ in range(2):
            archive.begin_night(label)
            ended = self._runs.run(**archive.order(count=True))
            if ended.code != 0:
                raise Crashed(f"{self.kind}: an undisturbed night ended with {ended.code}; see {self._runs.log}")
        never = [
            point.name for point in at(self.kind) if not point.first and not ended.told["passed"].get(point.function)
        ]
        if never:
            raise Crashed(f"{self.kind}: an undisturbed night never comes to: {', '.join(never)}")
        return Pace(ended.seconds, ended.told["passed"])

    def run(self, kills: int) -> None:
        """So many kills or a few more: each point in turn, and in between any time and two at once."""
        until = self.tally.kills + kills
        plan = self._plan()
        while self.tally.kills < until:
            again = self._again.pop() if self._again else ""
            self._one(again or next(plan), once=bool(again))
        self.close()

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _plan(self) -> Iterator[str]:
        """Without end. Every fourth night is killed at any time, every twelfth has two runs at once."""
        while True:
            points = [point.name for point in at(self.kind)]
            self._chance.shuffle(points)
            for number, point in enumerate(points):
                yield point
                if number % 4 == 3:
                    yield ANY_TIME
                if number % 12 == 7:
                    yield TWO
                if number % 24 == 15:
                    yield TWO_STILL

    def new_archive(self) -> Archive:
        """The one before is looked at as a whole first."""
        self.close()
        place = self._new(self._simulator.url)
        self._archive = Archive(place, self._simulator, self._runs, self.tally)
        return self._archive

    def _one(self, label: str, *, once: bool = False) -> None:
        """``once``: at the first time that the run comes to the point."""
        archive = self._archive
        if archive is None or len(archive.labels) == NIGHTS:
            archive = self.new_archive()
        archive.begin_night(label)
        if label == ANY_TIME:
            self._at_any_time(archive, label)
        elif label == TWO:
            self._two(archive, label)
        elif label == TWO_STILL:
            self._two_still(archive, label)
        else:
            self._at(archive, BY_NAME[label], once)
        archive.ordinary(label)

    def _at(self, archive: Archive, point: Point, once: bool) -> None:
        ways = [(point, 1 if once or point.first else self._nth(point))]
        if point.first:
            first = BY_NAME[point.first]
            ways.insert(0, (first, 1 if once else self._nth(first)))
        for way, nth in ways:
            ended = self._runs.run(**archive.order(point=way.name, nth=nth))
            if not archive.killed(ended, point.name):
                self.tally.missed[self.kind, point.name] += 1
                if once:
                    raise Crashed(f"{self.kind}: a run does not come to: {way.name}")
                self._again.append(point.name)
                return

    def _nth(self, point: Point) -> int:
        """The first time, the last, or any between them that a night comes there."""
        most = max(1, self._pace.passed.get(point.function, 1))
        return self._chance.choice((1, most, self._chance.randint(1, most)))

    def _moment(self) -> float:
        return self._chance.uniform(0.0, self._pace.seconds)

    def _at_any_time(self, archive: Archive, label: str) -> None:
        for _ in range(self._chance.randint(1, 3)):
            ended = self._runs.run_killed(self._moment(), **archive.order())
            if not archive.killed(ended, label):
                self.tally.missed[self.kind, label] += 1
                self._pace.seconds = ended.seconds  # the machine has less to do by now
                return

    def _two(self, archive: Archive, label: str) -> None:
        """The nightly and a run of the same day by name, one of them killed or both."""
        archive.twice.add(archive.day.isoformat())
        archive.account(label, next_runs=2)
        both = [self._runs.begin(**archive.order()), self._runs.begin(**archive.order(day=archive.day.isoformat()))]
        self._chance.shuffle(both)
        for pid in both[: self._chance.randint(1, 2)]:
            time.sleep(self._moment() / 2)
            os.kill(pid, signal.SIGKILL)
        ends = [self._runs.end(pid) for pid in both]
        for ended in ends:
            archive.killed(ended, label)
        self.tally.missed[self.kind, label] += not any(ended.was_killed for ended in ends)

    def _two_still(self, archive: Archive, label: str) -> None:
        """A run is held still in the middle of its work; another does the night; the first goes on. No kill."""
        archive.twice.add(archive.day.isoformat())
        archive.account(label, next_runs=2)
        point = HOLDS_STILL[self.kind]
        most = max(1, self._pace.passed[BY_NAME[point].function] // 2)  # not yet where it holds the lake's lock
        still = self._runs.begin(**archive.order(point=point, nth=self._chance.randint(1, most), hold=True))
        if holds_still(still):
            before = archive.place.temporary_files()
            other = self._runs.run(**archive.order(day=archive.day.isoformat()))
            if other.code != 0:
                raise Crashed(f"{self.kind}, {label}: beside a run held still another ended with {other.code}")
            if taken := before - archive.place.temporary_files():
                self.tally.wrong(self.kind, label, "left", f"files of a living run were swept: {sorted(taken)}")
            os.kill(still, signal.SIGCONT)
        else:
            self.tally.missed[self.kind, label] += 1
        archive.killed(self._runs.end(still), label)
