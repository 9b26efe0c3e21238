"""How audio is fetched: the configured way first, then those of ``variants``, until one tells two legs apart.

For each name of the method every path, with the likeliest names of the parameters; where something answers, though not
that leg's audio, the other names. A path that answers like one that does not exist is asked with other names last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from noojee_ingest.model import LegEntry
from noojee_ingest.noojee import Contract
from noojee_ingest.pipeline.doctor.asking import Asking, with_lines
from noojee_ingest.pipeline.doctor.fetching import Got, Seen, Subject, judge
from noojee_ingest.pipeline.doctor.report import PUT_TOML, Check, Result, Told, Variant
from noojee_ingest.pipeline.doctor.variants import (
    AUDIO_BY_TAG,
    AUDIO_BY_UNIQUE_ID,
    BY_CALL_RECORD_ID,
    LEGS,
    METHODS,
    MOST_REQUESTS,
    Ways,
    base_of,
)

AUDIO, BY_TAG = BY_CALL_RECORD_ID.what, AUDIO_BY_TAG.what
MOST_SUBJECTS, MOST_IN_A_ROW = 3, 3
LONGEST, SHORTEST = 120.0, 2.0
"""Seconds of a leg that is good to ask for."""

GOOD = {Seen.RIGHT, Seen.UNPROVEN}


@dataclass
class Search:
    """One search for one kind of id. ``tried`` has every way once."""

    asking: Asking
    ways: Ways
    tolerance: float
    variants: list[Variant]
    most: int
    seen: dict[tuple[str, str, str, str], Got] = field(default_factory=dict)
    silent: int = 0
    denied: int = 0
    began: int = 0

    @property
    def is_over(self) -> bool:
        too_many = self.asking.requests - self.began >= self.most
        return too_many or self.silent >= MOST_IN_A_ROW or self.denied >= MOST_IN_A_ROW or self.asking.stop.is_set()

    def ask(self, way: tuple[str, str, str, str], subject: Subject) -> tuple[Contract, Got]:
        """``way``: path, method, name of the id, name of the leg."""
        path, method, of_id, of_leg = way
        lines = {"path": path, "method": method, self.ways.id_line: of_id, "leg": of_leg}
        contract = with_lines(self.asking.contract, self.ways.section, **lines)
        got = judge(self.asking, contract, self.ways, subject, self.tolerance)
        self.seen[way] = got
        self.silent = self.silent + 1 if got.seen is Seen.SILENT else 0
        self.denied = self.denied + 1 if got.seen is Seen.DENIED else 0
        request = f"{method} {path}?{of_id}=...&{of_leg}=..."
        self.variants.append(Variant(self.ways.what, request, got.told, got.seen in GOOD))
        return contract, got

    def configured(self) -> tuple[str, str, str, str]:
        lines = getattr(self.asking.contract, self.ways.section)
        return lines.path, lines.method, getattr(lines, self.ways.id_line), lines.leg

    def find(self, subjects: list[Subject]) -> tuple[Contract, Got] | None:
        """The configured way with each call, then the others with the first; ``None`` where none was right."""
        self.began = self.asking.requests
        configured = self.configured()
        for subject in subjects:
            contract, got = self.ask(configured, subject)
            if got.seen in GOOD:
                return contract, got
            if self.is_over:
                return None
        for subject in subjects:
            for way in self._ways(configured):
                if self.is_over:
                    return None
                contract, got = self.ask(way, subject)
                if got.seen in GOOD:
                    return contract, got
            self.seen.clear()  # that call may have had no audio: the same ways with another
        return None

    def _ways(self, configured: tuple[str, str, str, str]) -> Iterator[tuple[str, str, str, str]]:
        """Each once, by what the ones before it led to."""
        path, method, of_id, of_leg = configured
        ids = tuple(dict.fromkeys((*self.ways.ids, of_id)))
        legs = tuple(dict.fromkeys((of_leg, *LEGS)))
        first = [(path, method), (path, _other(method))]
        by_name = [[*first, *self.ways.paths(self.ways.names[0])], *map(self.ways.paths, self.ways.names[1:])]
        for paths in map(dict.fromkeys, map(list, by_name)):
            yield from self._new((*one, ids[0], legs[0]) for one in paths)
            for one in self._that_answer(paths):
                yield from self._new((*one, of, legs[0]) for of in ids)
                yield from self._new((*one, *names) for names in product(self._good_ids(one) or ids, legs))
        yield from self._new((*one, of, legs[0]) for one in dict.fromkeys(by_name[0]) for of in ids)

    def _that_answer(self, paths: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        answering = {way[:2] for way, got in self.seen.items() if got.seen in {Seen.ALIVE, Seen.SAME}}
        return [one for one in paths if one in answering]

    def _good_ids(self, path: tuple[str, str]) -> list[str]:
        """The names of the id that gave audio there, if not of the right leg."""
        return [way[2] for way, got in self.seen.items() if way[:2] == path and got.seen is Seen.SAME]

    def _new(self, ways: Iterable[tuple[str, str, str, str]]) -> Iterator[tuple[str, str, str, str]]:
        return (way for way in ways if way not in self.seen)


def _other(method: str) -> str:
    return METHODS[1 - METHODS.index(method)]


def examine_audio(asking: Asking, tolerance: float, told: Told, variants: list[Variant]) -> Iterator[Check]:
    """``tolerance``: seconds that a recording's length may be off."""
    subjects = known_calls(asking.legs)
    if not subjects:
        hint = "Ask again when there are recordings: the way to fetch them is a guess until then."
        yield Check(AUDIO, Result.SKIPPED, "no leg is known that could be asked for", hint)
        return
    told("trying to fetch audio: one request at a time, and no more than needed")
    search = Search(asking, BY_CALL_RECORD_ID, tolerance, variants, MOST_REQUESTS)
    before = search.configured()
    found = search.find(subjects)
    if found is None:
        yield Check(
            AUDIO,
            Result.FAILED,
            _fruitless(search),
            "Ask the vendor for path and parameters, and correct the contract (docs/doctor.md).",
        )
    else:
        yield _audio(asking, search, found, before)
    most = MOST_REQUESTS if found is not None else 1
    unique = "only legs without a call record id would need it"
    yield _by_other_id(Search(asking, AUDIO_BY_UNIQUE_ID, tolerance, variants, most), subjects[0], unique)
    if tagged := known_calls(tags_of_one_call(asking.legs)):
        tag = "only `recording get --tag` needs it"
        yield _by_other_id(Search(asking, AUDIO_BY_TAG, tolerance, variants, most), tagged[0], tag)
    else:
        yield Check(BY_TAG, Result.SKIPPED, "no call with a tag of its own is known", needed=False)


def _audio(asking: Asking, search: Search, found: tuple[Contract, Got], before: tuple[str, ...]) -> Check:
    contract, got = found
    way = list(search.seen)[-1]
    told = f"{way[1]} {way[0]} with {way[2]} and {way[3]}: {got.told}"
    if way != before:
        asking.adopt(search.ways.section, contract)
        return Check(AUDIO, Result.FAILED, f"{told}; as configured there is none", PUT_TOML)
    if got.seen is Seen.UNPROVEN:
        hint = "Ask again when a call with two legs is known, so that the leg's parameter is proven too."
        return Check(AUDIO, Result.WARNING, f"{told}; not proven for a second leg", hint)
    return Check(AUDIO, Result.OK, told)


def _by_other_id(search: Search, subject: Subject, who_needs_it: str) -> Check:
    """By an id that the nights do not ask by. The way by call record id is the model."""
    asking, ways = search.asking, search.ways
    model = asking.contract.audio_by_call_record_id
    before = search.configured()
    search.began = asking.requests
    others = product(ways.names, ways.ids)
    candidates = [(f"{base_of(model.path)}{name}", model.method, of_id, model.leg) for name, of_id in others]
    for way in dict.fromkeys([before, *candidates]):
        if search.is_over:
            break
        contract, got = search.ask(way, subject)
        if got.seen not in GOOD:
            continue
        told = f"{way[1]} {way[0]} with {way[2]} and {way[3]}: {got.told}"
        if way == before:
            return Check(ways.what, Result.OK, told, needed=False)
        asking.adopt(ways.section, contract)
        return Check(ways.what, Result.WARNING, f"{told}; as configured there is none", PUT_TOML, needed=False)
    told = f"none of {len(search.seen)} ways gave audio; {who_needs_it}"
    return Check(ways.what, Result.WARNING, told, needed=False)


def _fruitless(search: Search) -> str:
    last = next(reversed(search.variants)).told if search.variants else ""
    if search.denied >= MOST_IN_A_ROW:
        return f"the key is refused: {last}"
    if search.silent >= MOST_IN_A_ROW:
        return f"given up, for the phone system stopped answering: {last}"
    return f"none of {sum(one.what == AUDIO for one in search.variants)} ways gave the audio of a leg"


def tags_of_one_call(legs: list[LegEntry]) -> list[LegEntry]:
    """Those whose tag no other call has, as far as is known: what a tag of several calls gives is open."""
    calls: dict[str, set[str]] = {}
    for leg in legs:
        calls.setdefault(leg.tag, set()).add(leg.call_record_id)
    return [leg for leg in legs if leg.tag and len(calls[leg.tag]) == 1]


def known_calls(legs: list[LegEntry]) -> list[Subject]:
    """The calls that are best to ask about: two legs of unlike lengths, neither long."""
    calls: dict[str, dict[str, LegEntry]] = {}
    for leg in legs:
        if leg.call_record_id:
            calls.setdefault(leg.call_record_id, {})[leg.leg] = leg
    subjects = []
    for of_call in calls.values():
        first, *others = sorted(of_call.values(), key=lambda leg: (len(leg.leg), leg.leg))
        fit = [leg for leg in others if _is_fit(leg)]
        other = max(fit, key=lambda leg: abs((leg.duration or 0) - (first.duration or 0)), default=None)
        subjects.append(Subject(first, other))
    return sorted(subjects, key=_awkward)[:MOST_SUBJECTS]


def _is_fit(leg: LegEntry) -> bool:
    return leg.duration is not None and SHORTEST <= leg.duration <= LONGEST


def _awkward(subject: Subject) -> tuple[bool, bool, float]:
    longest = max(subject.first.duration or 0, subject.other.duration or 0 if subject.other else 0)
    return subject.other is None, not _is_fit(subject.first), longest
