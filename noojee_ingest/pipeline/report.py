"""What a night's report says: completeness by hour and day, and what bound the run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.decisions import quarantined_of_day
from noojee_ingest.model import DAMAGE, State
from noojee_ingest.pipeline.archive import ended
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.completeness import Line
from noojee_ingest.pipeline.discover import Discovery, unlisted_hours
from noojee_ingest.pipeline.hours import change_of_clocks
from noojee_ingest.pipeline.publish import Publication
from noojee_ingest.pipeline.recover import Recovery
from noojee_ingest.pipeline.run import not_done
from noojee_ingest.pipeline.work import Work


@dataclass(frozen=True)
class Gap:
    """A leg that is not archived and will not be without a person."""

    leg_id: str
    call_record_id: str
    unique_id: str
    leg: str
    state: str
    cause: str


@dataclass(frozen=True)
class DayReport:
    """A day of a site. ``hours`` by the hour of site time, ``None`` = unknown; ``overdue``: pending for too long;
    ``clocks``: what the site's clocks did, in a sentence, on a day on which they changed."""

    day: date
    hours: dict[int | None, Line]
    total: Line
    overdue: int
    unlisted_hours: int
    clocks: str
    findings: dict[str, int]
    explanations: dict[str, int]
    quarantined: dict[str, int]
    gaps: list[Gap]

    @property
    def has_gaps(self) -> bool:
        return bool(self.total.gaps or self.overdue or self.unlisted_hours)


MOST_GAPS = 50

BY_PEOPLE = "decided by people"
"""Why legs are quarantined that no rule holds back."""


def report_day(work: Archivist, day: date) -> DayReport:
    """What the catalogue knows of a day now."""
    hours: dict[int | None, Line] = {}
    total = Line()
    for row in queries.hour_sums(work.catalogue, work.site, day):
        for line in (hours.setdefault(row["hour"], Line()), total):
            line.states[row["state"]] += row["legs"]
            if row["state"] == State.ARCHIVED.value:
                line.audio_bytes += row["bytes"]
                line.audio_seconds += row["seconds"]
    explanations: Counter[str] = Counter()
    for call in queries.calls_of_day(work.catalogue, work.site, day):
        if call["judged"] == "recorded":
            continue
        hour = call["called"].astimezone(work.zone).hour if call["called"] is not None else None
        for line in (hours.setdefault(hour, Line()), total):
            name = f"calls_{call['judged']}"
            setattr(line, name, getattr(line, name) + 1)
        explanations[call["cause"]] += call["judged"] == "explained"
    late = work.clock() - work.lateness()
    pending = queries.pending_legs(work.catalogue, work.site, day)
    findings = Counter(row["kind"] for row in queries.findings_of_day(work.catalogue, work.site, day))
    gaps = [
        Gap(
            row["leg_id"],
            row["call_record_id"] or "",
            row["unique_id"] or "",
            row["leg"] or "",
            row["state"],
            row["cause"],
        )
        for row in queries.gaps_of_day(work.catalogue, work.site, day, MOST_GAPS)
    ]
    return DayReport(
        day=day,
        hours=dict(sorted(hours.items(), key=lambda item: (item[0] is None, item[0] or 0))),
        total=total,
        overdue=sum(ended(work, queries.leg_of(row)) < late for row in pending),
        unlisted_hours=unlisted_hours(work, day) if day < work.today() else 0,
        clocks=change_of_clocks(day, work.zone),
        findings=dict(sorted(findings.items())),
        explanations={cause: number for cause, number in sorted(explanations.items()) if number},
        quarantined={
            cause or BY_PEOPLE: number for cause, number in quarantined_of_day(work.catalogue, work.site, day).items()
        },
        gaps=gaps,
    )


@dataclass(frozen=True)
class Bounds:
    """How long a run took and what it waited for. Seconds of all threads together, except ``seconds``."""

    seconds: float
    hours_asked: int
    calls_asked: int
    polls: int
    audio_requests: int
    fetched_bytes: int
    requests: dict[str, int]
    seconds_waiting_for_turns: float
    seconds_fetching: float
    seconds_storing: float
    seconds_recording: float
    seconds_publishing: float
    by_hour_interval: float
    workers: int
    requests_at_once: int

    @classmethod
    def of(cls, work: Work, discovery: Discovery, published: Publication, seconds: float) -> Bounds:
        tally = work.tally
        return cls(
            seconds=seconds,
            hours_asked=discovery.hours_asked,
            calls_asked=discovery.calls_asked,
            polls=discovery.polls,
            audio_requests=tally.audio_requests,
            fetched_bytes=tally.fetched_bytes,
            requests=dict(work.client.requests_made),
            seconds_waiting_for_turns=work.budget.seconds_waited,
            seconds_fetching=tally.seconds_fetching,
            seconds_storing=tally.seconds_storing,
            seconds_recording=tally.seconds_recording,
            seconds_publishing=published.seconds,
            by_hour_interval=work.of_site.by_hour_interval_seconds,
            workers=work.settings.archive.workers,
            requests_at_once=work.budget.wanted,
        )

    @property
    def what_bound(self) -> str:
        """What the run spent most of its time on, in words. Workers fetch and store side by side."""
        fetching = min(self.workers, self.requests_at_once)
        parts = {
            f"the limit of one by-hour request every {self.by_hour_interval:g} s": self.seconds_waiting_for_turns,
            f"fetching audio, {fetching} at once": self.seconds_fetching / fetching,
            f"writing to the store, {self.workers} at once": self.seconds_storing / self.workers,
            "the journal and the catalogue": self.seconds_recording,
            "publishing to the lake": self.seconds_publishing,
        }
        words, most = max(parts.items(), key=lambda part: part[1])
        return f"{words} ({most:.1f} of {self.seconds:.1f} s)" if most > 0 else "nothing: there was nothing to do"


@dataclass(frozen=True)
class NightReport:
    """What became of a night. ``exit_code`` is that of the table in docs/operations.md.

    ``problems`` are questions that were not answered, ``unfinished`` what the deadline left to the next night.
    """

    site: str
    zone: str
    main_day: date
    days: list[DayReport]
    interrupted: bool
    unfinished: str
    problems: list[str]
    recovery: Recovery
    events: int
    published: Publication
    bounds: Bounds

    @property
    def nothing_needed(self) -> bool:
        asked = self.bounds.hours_asked or self.bounds.audio_requests
        return not (self.events or asked or self.published.objects or self.problems or self.unfinished)

    @property
    def exit_code(self) -> int:
        """130 of an interrupted run; a verb that was sent SIGTERM ends with 143 instead."""
        if self.interrupted:
            return 130
        if any(kind in DAMAGE for day in self.days for kind in day.findings):
            return 4
        return 3 if self.problems or self.unfinished or any(day.has_gaps for day in self.days) else 0

    @property
    def summary(self) -> str:
        expected = sum(day.total.expected for day in self.days)
        archived = sum(day.total.states[State.ARCHIVED.value] for day in self.days)
        pending = sum(day.total.states[State.PENDING.value] for day in self.days)
        word = {
            0: f"complete but for {pending} pending" if pending else "complete",
            3: "finished with gaps",
            4: "finished, objects of the archive are gone or damaged",
            130: "interrupted",
        }[self.exit_code]
        said = f"{word}: {archived} of {expected} legs archived"
        return f"{said}; {self.undone}" if self.undone else said

    @property
    def undone(self) -> str:
        """What the deadline left, and questions that were not answered."""
        return "; ".join(told for told in (self.unfinished, not_done(self.problems)) if told)


def rows(day: DayReport) -> list[dict[str, object]]:
    """The completeness table of a day as plain rows: an hour each (site time), ``unknown``, and ``total`` last.

    ``expected`` is the sum of the states that follow it; bytes and hours are those of archived audio;
    ``complete`` is a percentage, ``None`` where nothing was due.
    """
    lines = [("unknown" if hour is None else f"{hour:02d}", line) for hour, line in day.hours.items()]
    return [_row(name, line) for name, line in (*lines, ("total", day.total))]


def _row(name: str, line: Line) -> dict[str, object]:
    return {
        "hour": name,
        "expected": line.expected,
        **{state.value: line.states[state.value] for state in State},
        "calls_explained": line.calls_explained,
        "calls_unexplained": line.calls_unexplained,
        "calls_unjudged": line.calls_unjudged,
        "audio_bytes": line.audio_bytes,
        "audio_hours": line.audio_hours,
        "complete": line.complete,
    }
