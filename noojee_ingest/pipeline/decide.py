"""Decide: a person's word on legs, journalled with reason and name before anything follows from it.

``select`` says once which legs are meant; ``decide`` is about exactly those, and leaves alone what is in another state
by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from noojee_ingest import model
from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.decisions import quarantine_of
from noojee_ingest.catalogue.search import Search, pages
from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.events import LegAppraised, Verdict
from noojee_ingest.journal.fold import Judged
from noojee_ingest.model import State
from noojee_ingest.pipeline.accountable import accountable
from noojee_ingest.pipeline.errors import AudioDamaged, NothingToDecide, PipelineError
from noojee_ingest.pipeline.index import refuse_other_store
from noojee_ingest.pipeline.phone import Clock
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.progress import Tally
from noojee_ingest.pipeline.quarantine import later, put_back, withdraw_audio
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Settings
from noojee_ingest.storage.errors import Damaged, Held, StorageError, StoreFailure
from noojee_ingest.storage.root import Store

CHANGES: Mapping[Verdict, tuple[State, ...]] = {
    Verdict.RETRY: (State.PENDING, State.MISSING, State.REJECTED, State.FAILED, State.EXCUSED),
    Verdict.EXCUSE: (State.MISSING, State.REJECTED, State.FAILED),
    Verdict.QUARANTINE: (State.ARCHIVED, State.QUARANTINED),
    Verdict.RELEASE: (State.QUARANTINED,),
}
"""The states of the legs that each decision is about. A leg that is quarantined already gets no second decision: what
is left to do of the first is done."""

REACHED: Mapping[Verdict, tuple[State, ...]] = {
    Verdict.RETRY: (State.DISCOVERED, State.ARCHIVED, State.QUARANTINED),  # the last two: a run was as quick
    Verdict.EXCUSE: (State.EXCUSED,),
    Verdict.QUARANTINE: (State.QUARANTINED,),
    Verdict.RELEASE: (State.ARCHIVED,),
}
"""The states of legs of which a decision is in force. In another one they are where someone else decided meanwhile."""

AT_ONCE = 500
"""Legs that are decided together."""


@dataclass(frozen=True, slots=True)
class Selection:
    """``legs``: rows of the view ``legs``, in order of start. ``left``: how many others fit, by state."""

    legs: list[queries.Row]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one leg.

    ``result`` is ``done``; ``left``, it was in another state by then; ``overtaken``, somebody decided otherwise at the
    same time, and that is in force; ``held``, decided, and a lock keeps its audio in the archive until ``held_until``
    (UTC; ``None``: until it is lifted); ``decided``, and what follows was not begun, for the work ended with
    ``problem``; ``failed`` or ``damaged``, for the reason ``problem``. ``event_id`` is the decision's, ``""`` where
    none was journalled.
    """

    leg_id: str
    site: str
    was: str
    state: str
    result: str
    event_id: str = ""
    held_until: datetime | None = None
    problem: str = ""


class WithResult(Protocol):
    """What became of a leg or a call."""

    @property
    def result(self) -> str: ...


EXIT_CODES = {"damaged": 4, "failed": 1, "decided": 1, "held": 3, "overtaken": 3}
"""The worst counts, first one first."""


def exit_code(decided: Iterable[WithResult]) -> int:
    """Of the table in docs/operations.md."""
    results = {one.result for one in decided}
    return next((code for result, code in EXIT_CODES.items() if result in results), 0)


def select(catalogue: Catalogue, verdict: Verdict, wanted: Search) -> Selection:
    """The legs that a decision is about: those that fit and are in a state that it changes (``CHANGES``).

    Raises BadSearch where nothing says which legs are meant, or a state is asked for that it does not change;
    NothingToDecide where ids are given and none of their legs is in such a state; CatalogueError.
    """
    states = CHANGES[verdict]
    if all(getattr(wanted, one.name) in (None, (), []) for one in fields(wanted) if one.name != "sites"):
        raise BadSearch("say which legs: by --id, --state, --day or another filter")
    if other := [state.value for state in wanted.states if state not in states]:
        can = ", ".join(state.value for state in states)
        raise BadSearch(f"{verdict} is for legs that are {can}; not {', '.join(other)}")
    if not wanted.ids and not wanted.states:
        wanted = replace(wanted, states=states)
    found = [row for page in pages(catalogue, wanted, size=5_000) for row in page]
    legs = [row for row in found if row["state"] in states]
    left = Counter(row["state"] for row in found if row["state"] not in states)
    if wanted.ids and not legs:
        without = any(row["judged"] != Judged.RECORDED.value for row in queries.calls_named(catalogue, wanted.ids))
        raise NothingToDecide(verdict, wanted.ids, left, without_recording=without)
    return Selection(legs, dict(sorted(left.items())))


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person decides about one site's legs: catalogue, store, and a clock, but no phone system."""

    site: str
    actor: str
    store: Store
    catalogue: Catalogue
    spool: Spool
    at: Clock
    tally: Tally = field(default_factory=Tally)

    def clock(self) -> datetime:
        return self.at()


def decide(
    settings: Settings, catalogue: Catalogue, verdict: Verdict, leg_ids: Sequence[str], *, reason: str, name: str
) -> Iterator[Decided]:
    """Decide about these legs and do what follows from it; what became of each comes as it is done.

    ``reason`` and ``name`` (who decides) are kept with the decision, as what is personal. A decision ends those in
    force before it, and what runs concluded. It is in force once it is journalled, whatever goes wrong after that;
    then the same call, or for a quarantine the next night, goes on.
    Raises BadSearch for a reason or name without text, SegmentsGone, StorageError, CatalogueError before anything is
    decided, and what ends the work on later legs.
    """
    reason, name = accountable("a decision", reason=reason, name=name)
    refuse_other_store(catalogue, settings)
    store = open_store(settings)
    rows = queries.legs_by_id(catalogue, leg_ids)
    site_of = {leg_id: str(rows[leg_id]["site"]) for leg_id in leg_ids if leg_id in rows}
    for slug, of_site in groupby(sorted(site_of, key=site_of.__getitem__), key=site_of.__getitem__):
        desk = open_desk(settings, catalogue, store, slug, verdict)
        those = list(of_site)
        for first in range(0, len(those), AT_ONCE):
            yield from WAYS[verdict](desk, verdict, those[first : first + AT_ONCE], reason, name)


def open_desk(settings: Settings, catalogue: Catalogue, store: Store, slug: str, verdict: Verdict) -> Desk:
    """The desk for one site; one that the settings no longer name has the clock of this machine."""
    site = settings.sites.get(slug)
    spool = Spool(
        settings.spool.path,
        memory_bytes=settings.spool.memory_bytes_per_worker,
        disk_bytes=settings.spool.disk_bytes,
        largest=max(settings.spool.disk_bytes, settings.archive.max_recording_bytes),
    )
    return Desk(slug, verdict.value, store, catalogue, spool, lambda: present(site) if site else model.now_utc())


def _current(desk: Desk, verdict: Verdict, leg_ids: Sequence[str]) -> Iterator[tuple[queries.Row, bool]]:
    """The legs as they are now, and whether they are still in a state that the decision changes."""
    rows = queries.legs_by_id(desk.catalogue, leg_ids)
    for leg_id in leg_ids:
        yield rows[leg_id], rows[leg_id]["state"] in CHANGES[verdict]


def _journalled(desk: Desk, verdict: Verdict, rows: Sequence[queries.Row], reason: str, name: str) -> dict[str, str]:
    """Journal a decision about each of these legs. Gives the event ids, by leg."""
    times = later(desk, [row["leg_id"] for row in rows])
    decisions = [
        LegAppraised(
            time=times[row["leg_id"]],
            actor=desk.actor,
            supersedes=row["open_facts"],
            site=desk.site,
            day=row["day"],
            leg_id=row["leg_id"],
            verdict=verdict,
            reason=reason,
            name=name,
        )
        for row in rows
    ]
    record(desk, decisions)
    return {one.leg_id: one.event_id for one in decisions}


def _decide_only(desk: Desk, verdict: Verdict, leg_ids: Sequence[str], reason: str, name: str) -> Iterator[Decided]:
    """Retry and excuse: nothing follows but another state. What came in between is answered too, once."""
    current = list(_current(desk, verdict, leg_ids))
    told = _journalled(desk, verdict, [row for row, applies in current if applies], reason, name)
    again = [row for row, applies in _current(desk, verdict, list(told)) if applies and not _reached(verdict, row)]
    told |= _journalled(desk, verdict, again, reason, name)
    now = queries.legs_by_id(desk.catalogue, leg_ids)
    for row, applies in current:
        leg_id = row["leg_id"]
        yield _told(verdict, row, now[leg_id], told.get(leg_id, ""), {} if applies else LEFT)


def _quarantine(desk: Desk, verdict: Verdict, leg_ids: Sequence[str], reason: str, name: str) -> Iterator[Decided]:
    """Decide first, then take the audio away. Legs that are quarantined already: only what is left to do."""
    current = list(_current(desk, verdict, leg_ids))
    new = [row for row, _ in current if row["state"] == State.ARCHIVED.value]
    told = _journalled(desk, verdict, new, reason, name)
    for number, (row, applies) in enumerate(current):
        fate: Mapping[str, Any] = {} if applies else LEFT
        if applies:
            try:
                held = withdraw_audio(desk, row["leg_id"])
                fate = {"result": "held", "held_until": held} if held is not None else {}
            except Held:
                fate = {"result": "held"}
            except WHAT_MAY_GO_WRONG as error:
                if not isinstance(error, ENDS_THE_WORK):
                    fate = _went_wrong(error)
                else:
                    rest = [row for row, applies in current[number:] if applies]
                    fate = {"result": "decided", "problem": str(error)}
                    yield from (_told(verdict, row, _now(desk, row), told.get(row["leg_id"], ""), fate) for row in rest)
                    raise
        yield _told(verdict, row, _now(desk, row), told.get(row["leg_id"], ""), fate)


def _release(desk: Desk, verdict: Verdict, leg_ids: Sequence[str], reason: str, name: str) -> Iterator[Decided]:
    """Put the audio back first, then decide, then look again: a night may have withdrawn it in between."""
    for leg_id in leg_ids:
        ((row, applies),) = _current(desk, verdict, [leg_id])
        fate: Mapping[str, Any] = {} if applies else LEFT
        told: dict[str, str] = {}
        if applies:
            try:
                put_back(desk, leg_id)
                told = _journalled(desk, verdict, [row], reason, name)
                finish = put_back if quarantine_of(desk.catalogue, leg_id) is None else withdraw_audio
                finish(desk, leg_id)
            except WHAT_MAY_GO_WRONG as error:
                with suppress(*WHAT_MAY_GO_WRONG):  # else a night does it
                    withdraw_audio(desk, leg_id)
                if told and isinstance(error, ENDS_THE_WORK):
                    fate = {"result": "decided", "problem": str(error)}
                    yield _told(verdict, row, _now(desk, row), told[leg_id], fate)
                fate = _went_wrong(error)
        yield _told(verdict, row, _now(desk, row), told.get(leg_id, ""), fate)


WAYS = {
    Verdict.RETRY: _decide_only,
    Verdict.EXCUSE: _decide_only,
    Verdict.QUARANTINE: _quarantine,
    Verdict.RELEASE: _release,
}

LEFT: Mapping[str, Any] = {"result": "left"}

WHAT_MAY_GO_WRONG = (PipelineError, StorageError)
"""With one leg; others may fare better."""


ENDS_THE_WORK = (StoreFailure, SegmentsGone)
"""What every other leg would meet as well."""


def _went_wrong(error: Exception) -> dict[str, Any]:
    if isinstance(error, ENDS_THE_WORK):
        raise error
    return {"result": "damaged" if isinstance(error, AudioDamaged | Damaged) else "failed", "problem": str(error)}


def _now(desk: Desk, row: queries.Row) -> queries.Row:
    return queries.legs_by_id(desk.catalogue, [row["leg_id"]])[row["leg_id"]]


def _reached(verdict: Verdict, row: queries.Row) -> bool:
    return State(row["state"]) in REACHED[verdict]


def _told(verdict: Verdict, was: queries.Row, now: queries.Row, event_id: str, fate: Mapping[str, Any]) -> Decided:
    fate = {"result": "done", "event_id": event_id, **fate}
    if fate["result"] in {"done", "held"} and not _reached(verdict, now):
        fate |= {"result": "overtaken", "held_until": None}
    return Decided(leg_id=was["leg_id"], site=was["site"], was=was["state"], state=now["state"], **fate)
