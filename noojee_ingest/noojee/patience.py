"""How long to keep trying, and how long to wait in between."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from noojee_ingest.noojee.errors import Busy, Transient

_LONGEST_TOLD = 86_400.0  # seconds: whatever a Retry-After says, no more than a day is believed


@dataclass(frozen=True, slots=True)
class Patience:
    """Retries of what is transient and safe to repeat, with full jitter.

    Before try ``n + 1`` a random time is waited, between 0 and ``first * 2 ** (n - 1)``, at most ``longest``. Where the
    phone system said how long to wait, that long and up to ``first`` more. A wait that would exceed what is left of
    ``total`` is not begun: the error is raised at once, with its ``retry_after``, and the caller can come back later.

    :param tries: requests for one question, the first included
    :param first: seconds, upper bound of the first wait
    :param longest: seconds, upper bound of any wait that we choose
    :param total: seconds, upper bound of all waits for one question together; turns of the limiter are not counted
    """

    tries: int = 5
    first: float = 0.5
    longest: float = 30.0
    total: float = 180.0

    def pause(self, failure: Transient, tried: int, waited: float) -> float | None:
        """Seconds to wait after the failure of try ``tried``, having waited ``waited``; ``None`` to give up."""
        if tried >= self.tries:
            return None
        if isinstance(failure, Busy) and failure.retry_after is not None:
            pause = failure.retry_after + random.uniform(0, self.first)  # noqa: S311 - spread, not secrecy
        else:
            pause = random.uniform(0, min(self.longest, self.first * 2 ** (tried - 1)))  # noqa: S311
        return pause if waited + pause <= self.total else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks for, in either of its forms; ``None`` if there is none that can be read.

    A date is compared with the answer's own ``Date``, so that a wrong clock on either side does no harm.

    :param now: our time, aware, for an answer without ``Date``
    """
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", told, re.ASCII):
        return min(float(told), _LONGEST_TOLD)
    until = http_date(told)
    if until is None:
        return None
    there = http_date(headers.get("Date", "")) or now
    return min(max((until - there).total_seconds(), 0.0), _LONGEST_TOLD)


def http_date(text: str) -> datetime | None:
    """An instant of a header (RFC 9110, 5.6.7), aware; ``None`` where it is none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
