"""A night: all stages in order for one site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.changes import legs_that_came_short, legs_that_changed
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.processes import this_process
from noojee_ingest.catalogue.runs import first_run, living_runs
from noojee_ingest.model import Leg, site_day
from noojee_ingest.noojee import Interrupted
from noojee_ingest.pipeline.archive import BatchResult, archive_batch
from noojee_ingest.pipeline.deadline import nights_deadline
from noojee_ingest.pipeline.discover import (
    Discovery,
    ask_about_calls,
    calls_due,
    hours_due,
    list_hours,
    poll_call_records,
    unlisted_hours,
)
from noojee_ingest.pipeline.errors import NightUnderWay, NoSuchDay
from noojee_ingest.pipeline.publish import publish_changes
from noojee_ingest.pipeline.reconcile import reconcile
from noojee_ingest.pipeline.recover import Recovery, recover
from noojee_ingest.pipeline.report import Bounds, NightReport, report_day
from noojee_ingest.pipeline.run import noted
from noojee_ingest.pipeline.statement import state_day
from noojee_ingest.pipeline.withhold import of_unknown_campaign
from noojee_ingest.pipeline.work import Work


class Future(Protocol):
    """What ``submit`` gives: a batch under way."""

    def result(self) -> BatchResult: ...


NIGHTLY = "nightly"
"""The actor of a night's events. Days that were asked for by name are another's: they begin no archive."""

EARLIEST = date(1970, 1, 1)
"""Of earlier days no phone system has recordings, and the calendar ends where days are reckoned from them."""

Submit = Callable[[Sequence[Leg]], Future]


class Done:
    """A batch that was done at once, well or badly."""

    def __init__(self, work: Work, legs: Sequence[Leg]) -> None:
        self._error: Exception | None = None
        try:
            self._result = archive_batch(work, legs)
        except Exception as error:
            self._error = error

    def result(self) -> BatchResult:
        if self._error is not None:
            raise self._error
        return self._result


@dataclass
class Night:
    """One run of the nightly for a site.

    ``days`` are those to list, ``touched`` those that it works on, ``only`` the one day that was asked for, if any.
    """

    work: Work
    days: list[date]
    touched: set[date]
    only: date | None
    discovery: Discovery = field(default_factory=Discovery)
    recovery: Recovery = field(default_factory=Recovery)
    waiting: int = 0

    def legs(self) -> Iterator[Leg]:
        """The legs to fetch: those left over, those discovered, as they come, and those that changed later."""
        for found in self._found():
            yield from self._told_of(found)

    def _found(self) -> Iterator[list[Leg]]:
        work = self.work
        work.tally.stage = "listing"
        poll_call_records(work, self.discovery)  # first: a rule may hold a leg back by its campaign
        left = queries.legs_due(work.catalogue, work.site, work.clock(), self.only)
        work.tally.add(legs_found=len(left))
        yield left
        hours = hours_due(work, self.days)
        work.tally.add(hours_due=len(hours))
        for found in list_hours(work, hours, self.discovery):
            yield self._new(found)
        for found in ask_about_calls(work, self.days, self.discovery):
            yield self._new(found)
        yield _to_fetch_again(work, self.only)

    def _told_of(self, legs: list[Leg]) -> list[Leg]:
        """Without those that wait for the call record list, which did not come: a rule may be about their campaign."""
        if self.discovery.answered:
            return legs
        unknown = of_unknown_campaign(self.work, legs)
        self.waiting += len(unknown)
        return [leg for leg in legs if leg.leg_id not in unknown]

    def _new(self, legs: list[Leg]) -> list[Leg]:
        self.touched.update(leg.day for leg in legs)
        return legs


def first_night(catalogue: Catalogue, site: str, zone: ZoneInfo) -> date | None:
    """The day (site time) that a site's first night was to archive, done or not.

    It is the day before the first answer to a nightly, which the journal tells. One that failed before any is known by
    its run alone, and forgotten when the catalogue is made anew.
    """
    told = queries.first_asked(catalogue, site, NIGHTLY), first_run(catalogue, site, NIGHTLY)
    began = [instant for instant in told if instant is not None]
    return site_day(min(began), zone) - timedelta(days=1) if began else None


def nights_days(work: Work, day: date | None = None) -> list[date]:
    """The days (site time) that a night looks at: ``day``, or yesterday and what is left of the days before it.

    Those go back to the day of the first night, at most ``nightly.catch_up_days``, or a day further than the lookback
    reaches: hours that no run has listed yet, and the second look when the lookback has passed.
    """
    if day is not None:
        return [day]
    yesterday = work.today() - timedelta(days=1)
    first = first_night(work.catalogue, work.site, work.zone) or yesterday
    if not work.of_site.by_hour:
        first = min(first, queries.first_day_known(work.catalogue, work.site) or yesterday)
    reach = max(work.settings.nightly.catch_up_days, work.settings.nightly.lookback_days + 1)
    first = max(first, yesterday - timedelta(days=reach))
    return [yesterday - timedelta(days=number) for number in range(max(0, (yesterday - first).days), -1, -1)]


def run_night(
    work: Work, *, day: date | None = None, submit: Submit | None = None, no_deadline: bool = False
) -> NightReport:
    """Archive what the phone system has of a night, reconcile, publish what changed to the lake, and report.

    ``submit`` takes a batch of legs and works on it, now or beside us; without it batches are done one after another.
    Listing goes on while batches are under way: the phone system allows few lists, and waiting costs nothing.
    A stopped run records what it has and reports itself as interrupted. From ``nightly.deadline`` on nothing more is
    asked of the phone system, and the report names what was left; with ``no_deadline``, and for a ``day`` asked for by
    name, there is none.
    Raises NoSuchDay for a ``day`` of which no recordings can be, NightUnderWay beside another night of the site, and
    what ends a run: PhoneSystemDown, AuthenticationFailed, StorageError, CatalogueError, JournalError; what was stored
    until then is kept, and the next run goes on from there.
    """
    flow = NIGHTLY if day is None else f"{NIGHTLY} --day"
    if day is not None and not EARLIEST <= day <= work.today():
        raise NoSuchDay(work.site, day, work.today())
    for other in living_runs(work.catalogue, work.site):
        is_ours = this_process().items() <= other.items()  # one that could not note its end
        if flow == other["flow"] == NIGHTLY and not is_ours:
            raise NightUnderWay(work.site, f"process {other['pid']} of {other['host']}")
    at = work.settings.nightly.deadline
    if at is not None and day is None and not no_deadline:
        work.deadline.at = nights_deadline(work.clock(), at, work.zone)
    return noted(work, flow, partial(_night, work, day, submit or partial(Done, work)))


def _night(work: Work, day: date | None, submit: Submit) -> NightReport:
    began = time.monotonic()
    main_day = day or work.today() - timedelta(days=1)
    work.tally.stage = "recovering"
    days = nights_days(work, day)
    night = Night(work, days, _days_of_work(work, days, main_day, day), only=day)
    night.recovery = recover(work, night.touched)
    untried = _fetch(work, night.legs(), submit)
    unfinished = _unfinished(work, night, untried)
    work.tally.stage = "reconciling"
    if not work.stop.is_set():
        for one in sorted(night.touched):
            reconcile(work, one)
            state_day(work, one)
    published = publish_changes(work)
    work.tally.stage = "done"
    return NightReport(
        site=work.site,
        zone=work.zone.key,
        main_day=main_day,
        days=[report_day(work, one) for one in sorted(night.touched)],
        interrupted=work.stop.is_set(),
        unfinished=unfinished,
        problems=[
            *_skipped(work, days),
            *night.discovery.problems,
            *_waiting(night),
            *_wrong_path(work),
            *_pages(work),
            *_unkept(work),
            *night.recovery.problems,
            *published.problems,
        ],
        recovery=night.recovery,
        events=work.tally.events,
        published=published,
        bounds=Bounds.of(work, night.discovery, published, time.monotonic() - began),
    )


def _days_of_work(work: Work, days: Sequence[date], main_day: date, day: date | None) -> set[date]:
    """The days that this night works on: its own, those with hours or calls to ask about, legs to fetch, still open."""
    left = queries.legs_due(work.catalogue, work.site, work.clock(), day)
    listing = {one for one, _ in hours_due(work, days)}
    still_open = {one for one in days if _is_open(work, one) or calls_due(work, [one])}
    again = _to_fetch_again(work, day)
    return {main_day, *listing, *still_open, *(leg.day for leg in (*left, *again))}


def _to_fetch_again(work: Work, day: date | None) -> list[Leg]:
    """Legs with audio: those that changed later, and, once the lookback has passed, those that came short."""
    nightly, now = work.settings.nightly, work.clock()
    before = now - timedelta(days=nightly.lookback_days)
    since = site_day(before, work.zone) - timedelta(days=nightly.catch_up_days)
    changed = legs_that_changed(work.catalogue, work.site, now, day)
    short = legs_that_came_short(work.catalogue, work.site, now, since=since, before=before, day=day)
    known = {leg.leg_id for leg in changed}
    return [*changed, *(leg for leg in short if leg.leg_id not in known)]


def _unfinished(work: Work, night: Night, untried: int) -> str:
    """What the deadline left to the next night, in words; nothing where it did not pass or kept nothing from us."""
    if not work.deadline.has_passed or work.stop.is_set():
        return ""
    hours = hours_due(work, night.days)
    never = sum(unlisted_hours(work, day) for day in night.days)
    calls = () if hours else calls_due(work, night.days)  # only then is it known which calls have no legs
    left = {"legs not tried": untried, "hours not listed": never, "hours not listed again": len(hours) - never}
    left["calls not asked about"] = len(calls)
    told = [f"{number} {what}" for what, number in left.items() if number]
    if not night.discovery.polled:
        told.append("call records not polled")
    deadline = f"deadline {work.settings.nightly.deadline:%H:%M} reached"
    hint = "the next night goes on, or `noojee-ingest nightly --no-deadline` now"
    return f"{deadline}: {', '.join(told)}; {hint}" if told else ""


def _waiting(night: Night) -> list[str]:
    if not night.waiting:
        return []
    return [
        f"{night.waiting} legs wait for their call records: a rule of evidence_first may hold them back by campaign"
    ]


SUSPICIOUS = 20
"""So many legs that are all answered with 404 are more likely a wrong address than late recordings."""


def _wrong_path(work: Work) -> list[str]:
    if work.tally.legs_stored or work.tally.legs_absent < SUSPICIOUS:
        return []
    return [
        f"each of {work.tally.legs_absent} legs was answered with 404, none with audio: the path or parameters for "
        f"audio may be other ones on this phone system; correct them in sites.{work.site}.contract"
    ]


def _pages(work: Work) -> list[str]:
    if not work.pages.is_on:
        return []
    return [
        f"{work.pages.limit} legs in a row came as something else than audio, the last one: {work.pages.last}; a page "
        f"of maintenance or login may answer. They are tried again; see `noojee-ingest doctor --site {work.site}`"
    ]


def _unkept(work: Work) -> list[str]:
    failures = work.evidence_failures
    if not failures:
        return []
    legs = "1 leg" if len(failures) == 1 else f"{len(failures)} legs"
    return [f"what came for {legs} belongs into evidence and could not be kept; a later run tries again: {failures[0]}"]


def _skipped(work: Work, days: Sequence[date]) -> list[str]:
    """Days between the last one listed and those that this night looks back to: nobody will list them unasked."""
    last = queries.last_hour_listed(work.catalogue, work.site, days[0]) if work.of_site.by_hour else None
    first, until = (last or days[0]) + timedelta(days=1), days[0] - timedelta(days=1)
    if last is None or first > until or len(days) == 1:
        return []
    return [
        f"{first} to {until} were never listed and are older than nightly.catch_up_days: "
        f"run `noojee-ingest nightly --day {first}`, and so on"
    ]


def _is_open(work: Work, day: date) -> bool:
    """Whether a day still has legs or calls that no conclusion closes."""
    sums = queries.day_sums(work.catalogue, work.site, [day])
    return any(row["pending"] or row["discovered"] or row["calls_unjudged"] for row in sums)


def _fetch(work: Work, legs: Iterator[Leg], submit: Submit) -> int:
    """Cut the legs into batches, submit them as they fill up, and wait for all; then raise the first failure, if any.

    Gives the number of legs that were left without a conclusion.

    A batch that fails keeps no other from being done, unless what it met ends the run: then ``work.stop`` is set.
    """
    size = work.settings.archive.batch
    under_way: list[Future] = []
    batch: list[Leg] = []
    failures: list[Exception] = []
    try:
        for leg in legs:
            batch.append(leg)
            if len(batch) == size:
                under_way.append(submit(batch))
                batch = []
    except Interrupted:
        pass
    except Exception as error:  # those under way are recorded before it is raised
        failures.append(error)
    work.tally.stage = "fetching"
    if batch:
        under_way.append(submit(batch))
    left = 0
    for future in under_way:
        try:
            left += future.result().left
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return left
