"""Decide about calls: a person's word that a call without a recording needs none, and that word taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.decisions import last_told_of_calls
from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal.events import CallAppraised, Verdict
from noojee_ingest.journal.fold import Judged
from noojee_ingest.pipeline.accountable import accountable
from noojee_ingest.pipeline.decide import AT_ONCE, Desk, open_desk
from noojee_ingest.pipeline.errors import NothingToDecide
from noojee_ingest.pipeline.explain import EXCUSED, is_excused
from noojee_ingest.pipeline.index import refuse_other_store
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.quarantine import later
from noojee_ingest.pipeline.record import record
from noojee_ingest.settings import Settings

ON_CALLS = (Verdict.EXCUSE, Verdict.RETRY)


def is_for(verdict: Verdict, call: queries.Row) -> bool:
    """Whether a decision changes a call: an excuse one that is unexplained, a retry one that is excused."""
    return is_excused(call) if verdict is Verdict.RETRY else call["judged"] == Judged.UNEXPLAINED.value


@dataclass(frozen=True, slots=True)
class CallSelection:
    """``calls``: rows of ``call``, in order of time. ``left``: how many others fit, by how they are judged."""

    calls: list[queries.Row]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """What became of one call.

    ``result`` is ``done``; ``left``, it was judged otherwise by then; ``overtaken``, somebody decided otherwise at the
    same time, and that is in force. ``decide.exit_code`` tells the exit code of it.
    """

    call_id: str
    site: str
    was: str
    judged: str
    result: str
    event_id: str


def select_calls(
    catalogue: Catalogue,
    verdict: Verdict,
    *,
    sites: Sequence[str] = (),
    days: Sequence[date] = (),
    ids: Sequence[str] = (),
) -> CallSelection:
    """The calls that a decision is about, of these sites, or of all.

    ``ids``: call record ids, unique ids or call ids; ``days``: archive days. A call must fit both where both are given.
    Raises BadSearch where neither is, NothingToDecide where ids are given and the decision is for none of their calls,
    CatalogueError.
    """
    if not ids and not days:
        raise BadSearch("say which calls: by --id or --day")
    slugs = list(sites) or queries.known_sites(catalogue)
    if ids:
        found = [row for slug in slugs for row in queries.calls_named(catalogue, ids, slug)]
        found = [row for row in found if not days or row["day"] in days]
    else:
        found = [row for slug in slugs for row in queries.calls_without_legs(catalogue, slug, days)]
    found.sort(key=lambda row: (row["called"] is None, row["called"], row["call_id"]))
    calls = [row for row in found if is_for(verdict, row)]
    left = Counter(told(row) for row in found if not is_for(verdict, row))
    if ids and not calls:
        raise NothingToDecide(verdict, ids, left, what="call")
    return CallSelection(calls, dict(sorted(left.items())))


def told(call: queries.Row) -> str:
    """How a call is judged, in one word."""
    return "excused" if is_excused(call) else str(call["judged"])


def decide_calls(
    settings: Settings, catalogue: Catalogue, verdict: Verdict, call_ids: Sequence[str], *, reason: str, name: str
) -> Iterator[DecidedCall]:
    """Excuse these calls, or take that back; what became of each comes as it is done.

    An excused call counts as explained, and no night judges it again; a call whose excuse is taken back is unexplained,
    until a night finds a rule. ``reason`` and ``name`` as in ``decide``. Raises BadSearch for a reason or name without
    text, SegmentsGone, StorageError, CatalogueError; then those that came are decided, and the same call goes on.
    """
    reason, name = accountable("a decision", reason=reason, name=name)
    refuse_other_store(catalogue, settings)
    store = open_store(settings)
    site_of = {call_id: str(row["site"]) for call_id, row in _calls(catalogue, call_ids).items()}
    for slug, of_site in groupby(sorted(site_of, key=site_of.__getitem__), key=site_of.__getitem__):
        desk = open_desk(settings, catalogue, store, slug, verdict)
        those = list(of_site)
        for first in range(0, len(those), AT_ONCE):
            yield from _decided(desk, verdict, those[first : first + AT_ONCE], reason, name)


def _decided(desk: Desk, verdict: Verdict, call_ids: Sequence[str], reason: str, name: str) -> Iterator[DecidedCall]:
    before = _calls(desk.catalogue, call_ids)
    told_of = _journalled(desk, verdict, [row for row in before.values() if is_for(verdict, row)], reason, name)
    now = _calls(desk.catalogue, call_ids)
    for call_id, row in before.items():
        result = "left"
        if call_id in told_of:
            result = "done" if is_excused(now[call_id]) is (verdict is Verdict.EXCUSE) else "overtaken"
        yield DecidedCall(call_id, row["site"], told(row), told(now[call_id]), result, told_of.get(call_id, ""))


def _journalled(desk: Desk, verdict: Verdict, rows: Sequence[queries.Row], reason: str, name: str) -> dict[str, str]:
    """Journal a decision about each of these calls. Gives the event ids, by call."""
    times = later(desk, [row["call_id"] for row in rows], last_told_of_calls)
    decisions = [
        CallAppraised(
            time=times[row["call_id"]],
            actor=desk.actor,
            supersedes=row["open_facts"],
            site=desk.site,
            day=row["day"],
            call_id=row["call_id"],
            verdict=verdict,
            explained=verdict is Verdict.EXCUSE,
            cause=EXCUSED if verdict is Verdict.EXCUSE else "",
            reason=reason,
            name=name,
        )
        for row in rows
    ]
    record(desk, decisions)
    return {one.call_id: one.event_id for one in decisions}


def _calls(catalogue: Catalogue, call_ids: Sequence[str]) -> dict[str, queries.Row]:
    found = {row["call_id"]: row for row in queries.calls_named(catalogue, call_ids)}
    return {call_id: found[call_id] for call_id in call_ids if call_id in found}
