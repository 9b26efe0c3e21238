"""Discover: which calls and legs there are. Every answer is journalled and applied before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TypeVar

from noojee_ingest.catalogue import queries
from noojee_ingest.model import Leg, View, identity_digest
from noojee_ingest.noojee import Answer, AuthenticationFailed, Interrupted, NoojeeError, NotFound, TimedOut, Unreachable
from noojee_ingest.pipeline.answers import Question, take_calls, take_legs
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.errors import ClockAhead, PhoneSystemDown
from noojee_ingest.pipeline.explain import explanation
from noojee_ingest.pipeline.hours import hours_of
from noojee_ingest.pipeline.work import Work

REPEAT_AFTER = timedelta(hours=20)
"""A look that differed from the one before is followed by another, the next night."""


ENDS_THE_RUN = (AuthenticationFailed, Unreachable, Interrupted)
"""What any further question would meet as well."""

MOST_UNANSWERED = 3
"""So many lists in a row, each asked for several times: the phone system is down."""

Entry = TypeVar("Entry")


@dataclass
class Discovery:
    """What discovery did, and what it could not do: ``problems`` are sentences, one for each question left open."""

    hours_asked: int = 0
    polls: int = 0
    calls_asked: int = 0
    problems: list[str] = field(default_factory=list)
    polled: bool = False
    """Whether every template's call record list was asked for."""
    answered: bool = False
    """Whether every template's call record list answered."""
    unanswered: int = 0
    """Lists in a row that timed out."""


MOST_AHEAD = timedelta(seconds=30)
"""What our clock may be ahead of the phone system's where hours are asked for as soon as they are over."""


CLOCKS_APART = timedelta(hours=1)
"""What the clocks of two machines may differ, or those of two runs at a simulated phone system."""


def question_due(asked: Sequence[queries.Asked], ended: datetime, now: datetime, lookback: timedelta) -> bool:
    """Whether a list is to be asked (again) about something that ended at ``ended``.

    Once when it is over, once when the lookback has passed, then only while a look differed from the one before. What
    is first asked about after the lookback is asked once. An answer of a time to come says nothing: a clock was ahead,
    and nobody knows what was over then. All instants aware.
    """
    asked = _before(asked, now)
    if not asked:
        return True
    if is_settled(asked, ended, now, lookback):
        return False
    last = asked[-1]
    if last.at < ended + lookback:
        return now >= ended + lookback
    return now - last.at >= REPEAT_AFTER


def is_settled(asked: Sequence[queries.Asked], ended: datetime, now: datetime, lookback: timedelta) -> bool:
    """Whether a list will never be due again about something that ended at ``ended``: see ``question_due``."""
    asked = _before(asked, now)
    if not asked or asked[-1].at < ended + lookback:
        return False
    return len(asked) == 1 or asked[-1].digest == asked[-2].digest


def _before(asked: Sequence[queries.Asked], now: datetime) -> Sequence[queries.Asked]:
    return [one for one in asked if one.at <= now + CLOCKS_APART]


def hour_scope(day: date, hour: int) -> str:
    return f"{day.isoformat()}T{hour:02d}"


def hours_over(work: Archivist, day: date) -> dict[int, datetime]:
    """The hours of a day that the by-hour list can be asked about: those over for ``nightly.settle_minutes``.

    Each with the instant (UTC) at which it was over, as ``hours_of`` has them.
    """
    if not work.of_site.by_hour:
        return {}
    settled = work.clock() - timedelta(minutes=work.settings.nightly.settle_minutes)
    return {hour: over for hour, over in hours_of(day, work.zone).items() if over <= settled}


def hours_due(work: Archivist, days: Sequence[date]) -> list[tuple[date, int]]:
    """The hours of these days that the by-hour list is to be asked about now, oldest first."""
    now = work.clock()
    hours = {
        hour_scope(day, hour): (day, hour, over) for day in sorted(days) for hour, over in hours_over(work, day).items()
    }
    asked = queries.answers(work.catalogue, work.site, View.BY_HOUR, hours)
    lookback = timedelta(days=work.settings.nightly.lookback_days)
    return [
        (day, hour)
        for scope, (day, hour, over) in hours.items()
        if question_due(asked.get(scope, []), over, now, lookback)
    ]


def unlisted_hours(work: Archivist, day: date) -> int:
    """Hours of a day that are over and that nobody has listed yet."""
    listed = queries.hours_listed(work.catalogue, work.site, day, day + timedelta(days=1)).get(day, set())
    return len(hours_over(work, day).keys() - listed)


def list_hours(work: Work, hours: Iterable[tuple[date, int]], done: Discovery) -> Iterator[list[Leg]]:
    """Ask the by-hour list about each hour and give the legs that are new, an hour at a time.

    An hour that cannot be listed is a problem of ``done`` and stays due. Raises what ends the run.
    """
    for day, hour in hours:
        if work.stop.is_set():
            return
        answer = _answer(work, done, partial(work.client.recordings.by_hour, day, hour))
        if isinstance(answer, NotFound):
            hint = f"Where the phone system has no by-hour list, set sites.{work.site}.by_hour = false."
            done.problems.append(f"no hour can be listed from {hour:02d} of {day} on: {answer} {hint}")
            return
        if isinstance(answer, NoojeeError):
            done.problems.append(f"hour {hour:02d} of {day} is not listed: {answer}")
            continue
        done.hours_asked += 1
        scope = hour_scope(day, hour)
        yield take_legs(work, Question(View.BY_HOUR, scope, scope, day, hour), answer)
        work.tally.add(hours_listed=1)


def poll_call_records(work: Work, done: Discovery) -> None:
    """Ask every template's call record list. It holds only what is recent: a poll that knows nothing of the one before
    is a finding, for calls between the two may have been in neither. A list that does not answer is a problem of
    ``done``. Raises what ends the run."""
    templates = _answer(work, done, work.client.campaigns.templates)
    if isinstance(templates, NoojeeError):
        done.problems.append(f"no call records are listed, for the templates are not known: {templates}")
        return
    for refused in templates.refused:
        done.problems.append(
            f"a template of the phone system's list cannot be read, {refused.reason}: ask its operator"
        )
    answered = not templates.refused
    for template in templates.entries:
        if work.stop.is_set():
            return
        answer = _answer(work, done, partial(work.client.campaigns.call_records, template.id))
        if isinstance(answer, NoojeeError):
            done.problems.append(f"call records of template {template.id} are not listed: {answer}")
            answered = False
            continue
        done.polls += 1
        take_calls(work, template.id, answer)
    done.polled, done.answered = True, answered


def calls_due(work: Archivist, days: Sequence[date]) -> list[tuple[str, str]]:
    """Scope and unique id of the calls of these days to ask about now: without a known leg, and no rule says why."""
    now = work.clock()
    lookback = timedelta(days=work.settings.nightly.lookback_days)
    calls = []
    for call in queries.calls_without_legs(work.catalogue, work.site, days):
        ended = call_end(work, call)
        if call["unique_id"] and not explanation(work, call) and ended <= now:
            calls.append((identity_digest(work.site, "unique id", call["unique_id"]), call["unique_id"], ended))
    asked = queries.answers(work.catalogue, work.site, View.BY_UNIQUE_ID, [scope for scope, _, _ in calls])
    return [
        (scope, unique_id)
        for scope, unique_id, ended in calls
        if question_due(asked.get(scope, []), ended, now, lookback)
    ]


def ask_about_calls(work: Work, days: Sequence[date], done: Discovery) -> Iterator[list[Leg]]:
    """Ask for the meta data, by unique id, of calls whose legs are unknown and that no rule explains."""
    due = calls_due(work, days)
    work.tally.add(calls_due=len(due))
    for scope, unique_id in due:
        if work.stop.is_set():
            return
        answer = _answer(work, done, partial(work.client.recordings.by_unique_id, unique_id))
        if isinstance(answer, NoojeeError):
            done.problems.append(f"meta data of call {unique_id} is not known: {answer}")
            continue
        done.calls_asked += 1
        yield take_legs(work, Question(View.BY_UNIQUE_ID, scope, unique_id, work.today()), answer)
        work.tally.add(calls_asked=1)


def _answer(work: Work, done: Discovery, ask: Callable[[], Answer[Entry]]) -> Answer[Entry] | NoojeeError:
    """The answer of a list, or the error that only this question met.

    Raises what any further question would meet as well, PhoneSystemDown when list after list times out, and ClockAhead.
    """
    try:
        answer = ask()
    except ENDS_THE_RUN:
        raise
    except NoojeeError as error:
        done.unanswered = done.unanswered + 1 if isinstance(error, TimedOut) else 0
        if done.unanswered == MOST_UNANSWERED:
            raise PhoneSystemDown(work.site, str(error), MOST_UNANSWERED) from error
        return error
    done.unanswered = 0
    ahead = work.client.clock_ahead
    if ahead is not None and ahead > max(timedelta(minutes=work.settings.nightly.settle_minutes), MOST_AHEAD):
        raise ClockAhead(work.site, timedelta(seconds=round(ahead.total_seconds())))
    return answer


def call_end(work: Archivist, call: queries.Row) -> datetime:
    """When a call record's call was over, as far as it says; the begin of its day (site time) where it does not."""
    called: datetime | None = call["called"]
    if called is None:
        return datetime.combine(call["day"], time(), work.zone).astimezone(UTC)
    return called + timedelta(seconds=call["duration"] or 0)
