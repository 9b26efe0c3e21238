"""The day's statement: what a day adds up to, journalled so that it can be checked from the store alone."""

from __future__ import annotations

from datetime import date, timedelta

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.statements import DayLook, look_at_day
from noojee_ingest.journal.events import DayStated
from noojee_ingest.journal.statement import audio_root, sealed, site_day
from noojee_ingest.model import State, View
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.discover import calls_due, hour_scope, is_settled
from noojee_ingest.pipeline.hours import hours_of
from noojee_ingest.pipeline.record import record
from noojee_ingest.storage.errors import Damaged, NotFound


def state_day(work: Archivist, day: date) -> DayStated | None:
    """Journal a statement of a day, where it adds up to something else than the latest one says.

    Gives that statement, or ``None`` where there is nothing new to say: also of a day that is not over, and of one of
    which the journal says nothing. Raises StorageError, CatalogueError.
    """
    if day >= work.today():
        return None
    listed = is_listed_for_good(work, day)
    look = look_at_day(work.catalogue, work.site, day)
    asks_nothing = listed and not _awaits(look) and not calls_due(work, [day])
    statement = _statement(work, day, look, final=asks_nothing)
    if statement is None:
        return None
    record(work, [statement])
    return statement


def is_listed_for_good(work: Archivist, day: date) -> bool:
    """Whether no list is to be asked about a day again: the last look at each of its hours was taken.

    Without the by-hour list: whether the lookback has passed for its last hour.
    """
    lookback = timedelta(days=work.settings.nightly.lookback_days)
    hours = hours_of(day, work.zone)
    if not work.of_site.by_hour:
        return all(over + lookback <= work.clock() for over in hours.values())
    scopes = {hour_scope(day, hour): over for hour, over in hours.items()}
    asked = queries.answers(work.catalogue, work.site, View.BY_HOUR, scopes)
    now = work.clock()
    return all(is_settled(asked.get(scope, []), ended, now, lookback) for scope, ended in scopes.items())


def _awaits(look: DayLook) -> bool:
    """Whether any leg or call of the day is without a conclusion."""
    return bool(look.states[State.DISCOVERED.value] or look.states[State.PENDING.value] or look.calls["unjudged"])


COMPARED = ("root", "leaves", "states", "calls", "found", "audio_bytes", "audio_ms", "final")
"""What a statement says of the day. Where none of it changed there is nothing to say."""


def _statement(work: Archivist, day: date, look: DayLook, *, final: bool) -> DayStated | None:
    if look.last is None and not look.segments:
        return None
    statement = DayStated(
        time=work.clock(),
        actor=work.actor,
        site=work.site,
        day=day,
        site_day=site_day(work.site, day),
        number=look.last.number + 1 if look.last else 1,
        predecessor=look.last.seal if look.last else "",
        segments=tuple(look.segments),
        contents=tuple(_content(work, key) for key in look.segments),
        root=audio_root(look.audio),
        leaves=len(look.audio),
        states=look.states,
        calls=look.calls,
        found=look.found,
        audio_bytes=look.audio_bytes,
        audio_ms=look.audio_ms,
        final=final,
        seal="",
    )
    if look.last and all(getattr(statement, name) == getattr(look.last, name) for name in COMPARED):
        return None
    return sealed(statement)


def _content(work: Archivist, key: str) -> str:
    """The checksum that the store took a segment with: so the seal is of what it says, not of its name alone."""
    try:
        return work.store.archive.head(key).sha256
    except (Damaged, NotFound):
        return ""  # verify and repair name it
