"""All that the simulated phone system holds, made day by day as its clock reaches them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .calls import Disposition, Leg
from .day import make_day
from .scenario import Scenario


class World:
    """Every question takes ``now`` (seconds since the epoch, by the simulator's clock) and tells nothing later."""

    def __init__(self, scenario: Scenario) -> None:
        self.zone = ZoneInfo(scenario.zone)
        self._scenario = scenario
        self._next = scenario.now.astimezone(self.zone).date() - timedelta(days=scenario.days)
        self._legs: list[Leg] = []
        self._dispositions: list[Disposition] = []
        self._by_hour: dict[tuple[date, int], list[Leg]] = defaultdict(list)
        self._by_record: dict[str, list[Leg]] = defaultdict(list)
        self._by_unique_id: dict[str, list[Leg]] = defaultdict(list)
        self._by_tag: dict[str, list[Leg]] = defaultdict(list)

    def local(self, instant: float) -> datetime:
        return datetime.fromtimestamp(instant, self.zone)

    def ended_in(self, day: date, hour: int, now: float) -> list[Leg]:
        """Legs whose end falls in an hour of the site's wall clock: twice as many where the hour happens twice."""
        self._reach(now)
        return sorted(_ended(self._by_hour.get((day, hour), []), now), key=lambda leg: (leg.end, leg.number))

    def with_record_id(self, record_id: str, now: float) -> list[Leg]:
        self._reach(now)
        return _ended(self._by_record.get(record_id, []), now)

    def with_unique_id(self, unique_id: str, now: float) -> list[Leg]:
        self._reach(now)
        return _ended(self._by_unique_id.get(unique_id, []), now)

    def with_tag(self, tag: str, now: float) -> list[Leg]:
        self._reach(now)
        return _ended(self._by_tag.get(tag, []), now) if tag else []

    def disposed(self, since: float, now: float) -> list[Disposition]:
        """Calls that were given a disposition after ``since``, oldest first."""
        self._reach(now)
        return sorted(
            (one for one in self._dispositions if since < one.at <= now), key=lambda one: (one.at, one.record_id)
        )

    def everything(self, now: float) -> tuple[list[Leg], list[Disposition]]:
        """All of every day begun, what is yet to come of the last one included."""
        self._reach(now)
        return self._legs, self._dispositions

    def add(self, leg: Leg, now: float) -> None:
        """A leg that no seed foresaw."""
        self._reach(now)
        self._legs.append(leg)
        for index in self._indexes(leg):
            index.append(leg)

    def retag(self, unique_id: str, tag: str, now: float) -> bool:
        """Give all ended legs with this unique id another tag; tells whether there are any."""
        legs = self.with_unique_id(unique_id, now)
        for leg in legs:
            changed = replace(leg, tag=tag)
            for index in (self._legs, *self._indexes(leg)):
                index[index.index(leg)] = changed
            if tag != leg.tag:
                if leg.tag:
                    self._by_tag[leg.tag].remove(changed)
                if tag:
                    self._by_tag[tag].append(changed)
        return bool(legs)

    def _reach(self, now: float) -> None:
        today = self.local(now).date()
        while self._next <= today:
            made = make_day(self._scenario, self._next)
            self._next += timedelta(days=1)
            self._dispositions += made.dispositions
            self._legs += made.legs
            for leg in made.legs:
                for index in self._indexes(leg):
                    index.append(leg)

    def _indexes(self, leg: Leg) -> list[list[Leg]]:
        """Every list by which the leg is found."""
        end = self.local(leg.end)
        found = [
            self._by_hour[end.date(), end.hour],
            self._by_record[leg.record_id],
            self._by_unique_id[leg.unique_id],
        ]
        return [*found, self._by_tag[leg.tag]] if leg.tag else found


def _ended(legs: list[Leg], now: float) -> list[Leg]:
    return [leg for leg in legs if leg.end <= now]
