"""A day reconciled by itself: what call records, lists, meta data, catalogue and store each say of it, side by side.

It asks the phone system nothing: what is due to be asked is told, and asked by the nightly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.comparing import DayViews, views_of_day
from noojee_ingest.catalogue.statements import latest_statements
from noojee_ingest.model import DAMAGE, FindingKind
from noojee_ingest.pipeline.archivist import Archivist, in_the_reading_room
from noojee_ingest.pipeline.discover import calls_due, hours_due
from noojee_ingest.pipeline.errors import NoSuchDay
from noojee_ingest.pipeline.night import EARLIEST
from noojee_ingest.pipeline.reconcile import reconcile
from noojee_ingest.pipeline.recover import Recovery, recover
from noojee_ingest.pipeline.report import DayReport, report_day
from noojee_ingest.pipeline.statement import state_day
from noojee_ingest.pipeline.store import audio_prefix
from noojee_ingest.settings import Settings

ACTOR = "reconcile"


@dataclass(frozen=True, slots=True)
class Objects:
    """The audio objects of a day: what the journal names, what the store lists, and what explains the difference.

    ``under_way``: there, and not named yet: a run stored them a moment ago, the next one finds them if it died.
    """

    named: int
    there: int
    withdrawn: int
    gone: int
    orphans: int
    under_way: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a day adds up to. ``hours_due`` and ``calls_due`` are questions that the next night asks.

    ``statement`` is the number of the latest statement, 0 of a day that has none; ``is_new``: it was made now.
    ``contradictions``: sums of the catalogue that are not those of its rows, in sentences.
    """

    site: str
    zone: str
    report: DayReport
    views: DayViews
    objects: Objects
    hours_due: int
    calls_due: int
    recovery: Recovery
    statement: int
    is_final: bool
    is_over: bool
    is_new: bool
    events: int
    contradictions: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """Of the table in docs/operations.md."""
        if self.contradictions or self.objects.gone or any(kind in DAMAGE for kind in self.report.findings):
            return 4
        return 3 if self.recovery.problems or self.report.has_gaps else 0

    @property
    def summary(self) -> str:
        archived, expected = self.report.total.states["archived"], self.report.total.expected
        word = {0: "complete" if self.is_over else "complete so far", 3: "gaps", 4: "damage"}[self.exit_code]
        but = f" but for {self.awaited}" if self.awaited and not self.exit_code else ""
        return f"{word}{but}: {archived} of {expected} legs archived"

    @property
    def awaited(self) -> str:
        """What of the day may still come, in words; empty: nothing."""
        told = {
            "pending": self.report.total.states["pending"],
            "calls not judged": self.report.total.calls_unjudged,
            "hours to be listed": self.hours_due,
        }
        return ", ".join(f"{number} {what}" for what, number in told.items() if number)


def reconcile_day(settings: Settings, slug: str, day: date) -> Reconciliation:
    """Reconcile one day of a site without the phone system, and journal what is new, its statement included.

    Segments that were not applied are, objects that a dead run left are adopted, and what the store lacks is noted, as
    at the begin of a night. Beside a running night it does no harm: what both find out they say twice, and it counts
    once. Raises NoSuchSite, NoSuchDay, SegmentsGone, JournalError, StorageError, CatalogueError.
    """
    with in_the_reading_room(settings, slug, actor=ACTOR) as work:
        if not EARLIEST <= day <= work.today():
            raise NoSuchDay(slug, day, work.today())
        recovery = recover(work, [day])
        reconcile(work, day)
        made = state_day(work, day)
        views, objects = views_of_day(work.catalogue, slug, day), _objects(work, day)
        version = latest_statements(work.catalogue, slug, [day]).get(day)
        return Reconciliation(
            site=slug,
            zone=work.zone.key,
            report=report_day(work, day),
            views=views,
            objects=objects,
            hours_due=len(hours_due(work, [day])),
            calls_due=len(calls_due(work, [day])),
            recovery=recovery,
            statement=version.number if version else 0,
            is_final=version is not None and version.final,
            is_over=day < work.today(),
            is_new=made is not None,
            events=work.tally.events,
            contradictions=tuple(_miscounted(views)),
        )


def _objects(work: Archivist, day: date) -> Objects:
    """Names are read before and after the listing, so that what a run stores meanwhile contradicts nothing."""
    before = queries.audio_keys(work.catalogue, work.site, day).keys()
    there = {listed.key for listed in work.store.archive.list(audio_prefix(work.site, day))}
    named = queries.audio_keys(work.catalogue, work.site, day).keys()
    noted: dict[FindingKind, set[str]] = {}
    for key, kind in queries.notes_of_day(work.catalogue, work.site, day):
        noted.setdefault(kind, set()).add(key)
    there |= named - before  # stored while we listed
    away, unnamed = named - there, there - named
    withdrawn, orphans = noted.get(FindingKind.WITHDRAWN_OBJECT, set()), noted.get(FindingKind.ORPHAN_OBJECT, set())
    return Objects(
        named=len(named),
        there=len(there),
        withdrawn=len(away & withdrawn),
        gone=len(away - withdrawn),
        orphans=len(unnamed & orphans),
        under_way=len(unnamed - orphans),
    )


def _miscounted(views: DayViews) -> list[str]:
    """Sums that are not those of the rows."""
    counted = {**views.states, **{f"calls_{word}": number for word, number in views.calls.items()}}
    return [
        f"the catalogue's sum of {name.replace('_', ' ')} is {views.sums[name]}, its rows are {number}: "
        "run `noojee-ingest catalogue rebuild`"
        for name, number in counted.items()
        if views.sums[name] != number
    ]
