"""Match: which leg an entry of an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noojee_ingest.catalogue import queries
from noojee_ingest.model import Finding, FindingKind, LegEntry, leg_id
from noojee_ingest.pipeline.work import Work


@dataclass(frozen=True, slots=True)
class Match:
    """The leg that an entry is, whether it is new, and what is to be said of the match."""

    leg_id: str
    is_new: bool
    findings: tuple[Finding, ...] = ()


class Known:
    """The legs that an answer's entries may be, so that no view mints a second leg for one that is known.

    An entry that lacks an id, or meets a leg that lacks it, is that leg when the other ids fit exactly one leg, and the
    leg fits exactly one entry of the answer.
    """

    def __init__(self, work: Work, entries: Sequence[LegEntry]) -> None:
        self.site = work.site
        self._entries = {(entry.call_record_id, entry.unique_id, entry.leg) for entry in entries}
        self.legs = queries.legs_with_ids(
            work.catalogue,
            work.site,
            {entry.call_record_id for entry in entries},
            {entry.unique_id for entry in entries},
        )
        exact = {leg_id(self.site, entry.call_record_id, entry.unique_id, entry.leg) for entry in entries}
        self._ids = {row["leg_id"] for row in self.legs} | queries.legs_by_id(work.catalogue, exact).keys()
        self._by_id: dict[str, list[queries.Row]] = {}
        for row in self.legs:
            self._index(row)

    def _index(self, row: queries.Row) -> None:
        for name in {row["call_record_id"], row["unique_id"]} - {"", None}:
            self._by_id.setdefault(name, []).append(row)

    def match(self, entry: LegEntry) -> Match:
        """The leg of an entry; one that fits no known leg is known from then on."""
        ids = entry.call_record_id, entry.unique_id, entry.leg
        exact = leg_id(self.site, *ids)
        if exact in self._ids:
            return Match(exact, is_new=False)
        candidates = {
            row["leg_id"]: row
            for name in {entry.call_record_id, entry.unique_id} - {""}
            for row in self._by_id.get(name, [])
            if _fits(ids, row)
        }
        if len(candidates) == 1:
            ((matched, row),) = candidates.items()
        if len(candidates) == 1 and sum(_fits(other, row) for other in self._entries) == 1:
            told = "matched by the ids that both views have"
            return Match(matched, is_new=False, findings=(Finding(FindingKind.INCOMPLETE_ID, told),))
        self._ids.add(exact)
        self._index({"leg_id": exact, **dict(zip(IDS, ids, strict=True))})
        absent = [name for name, value in zip(IDS, ids, strict=True) if not value]
        if not absent:  # what it might have been told of before is the other entry's doubt, not its own
            return Match(exact, is_new=True)
        told = f"absent: {', '.join(absent)}"
        if candidates:
            told += f"; may be one of {len(candidates)} other legs, kept as one of its own"
        return Match(exact, is_new=True, findings=(Finding(FindingKind.INCOMPLETE_ID, told),))


IDS = ("call_record_id", "unique_id", "leg")


def _fits(ids: tuple[str, str, str], row: queries.Row) -> bool:
    """Whether an entry with these ids can be a row's leg: they share a call's id, and none that both have differs."""
    known = [row[name] or "" for name in IDS]
    shared = any(mine and mine == its for mine, its in zip(ids[:2], known[:2], strict=True))
    return shared and all(mine == its or not (mine and its) for mine, its in zip(ids, known, strict=True))
