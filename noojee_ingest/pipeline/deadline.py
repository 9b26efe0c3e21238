"""The deadline of a run: from then on nothing more is asked of the phone system; what is under way is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from noojee_ingest.model import site_day
from noojee_ingest.noojee import Interrupted, Limiter, TurnKind


def deadline_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a day at which the site's clocks show ``at``.

    Of a time that the day has twice it is the first one. A time that the day leaves out counts from the clock of
    before: 02:30 is then shown as 03:30. So there is one deadline a day, whatever the day.
    """
    return datetime.combine(day, at, zone).astimezone(UTC)


BUSINESS_HOURS = timedelta(hours=12)
"""For so long after a deadline a night that begins is late, and no early one of the next."""


def nights_deadline(began: datetime, at: time, zone: ZoneInfo) -> datetime:
    """The deadline (UTC) of a night that began at that instant (aware): the first one of which it is not 12 hours
    late. So one that was made up for in the morning ends at once, and one of the evening has until tomorrow's."""
    today = site_day(began, zone)
    of_days = (deadline_of(today + timedelta(days=number), at, zone) for number in (-1, 0, 1))
    return next(one for one in of_days if began < one + BUSINESS_HOURS)


class UntilDeadline:
    """A Limiter (noojee.limits) that lets no request begin once the deadline ``at`` (UTC) has passed: Interrupted.

    ``None``, as at first: there is none. ``clock`` gives the present instant.
    """

    def __init__(self, limiter: Limiter, clock: Callable[[], datetime]) -> None:
        self._limiter = limiter
        self._clock = clock
        self.at: datetime | None = None

    @property
    def has_passed(self) -> bool:
        return self.at is not None and self._clock() >= self.at

    @contextmanager
    def slot(self) -> Iterator[None]:
        with self._limiter.slot():
            self.refuse_if_late()  # here: it may have passed while we waited
            yield

    def turn(self, kind: TurnKind) -> None:
        self.refuse_if_late()  # the turn is left to others
        self._limiter.turn(kind)

    def refuse_if_late(self) -> None:
        """Raises Interrupted once the deadline has passed."""
        if self.has_passed:
            raise Interrupted("the deadline passed before the request was sent")
