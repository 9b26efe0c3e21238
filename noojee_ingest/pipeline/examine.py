"""Examine: all that is selected of one day's archive, compared with the journal. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, datetime

from noojee_ingest.catalogue import fixity as asked
from noojee_ingest.catalogue.agreement import disagreements
from noojee_ingest.catalogue.decisions import withdrawn_keys
from noojee_ingest.catalogue.queries import legs_by_id, notes_of_day
from noojee_ingest.catalogue.runs import is_alive, living_runs, open_segments
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import AudioStored, Strength
from noojee_ingest.journal.segment import Segment, day_prefix
from noojee_ingest.model import FindingKind
from noojee_ingest.pipeline.decide import Desk
from noojee_ingest.pipeline.fixity import Failure, Reader, Stopped, check_audio, read_segment
from noojee_ingest.pipeline.quarantine import evidence_key, is_quarantined
from noojee_ingest.pipeline.selection import Selection
from noojee_ingest.pipeline.store import audio_prefix

MOST_TOLD = 20
"""Differences between catalogue and journal that a finding spells out."""

UNREADABLE = (ValueError, KeyError, TypeError)
"""What reading a row raises in which somebody wrote what is none of its column's values."""

LOOKS = 5
"""At a day's catalogue, where the day changes meanwhile."""


@dataclass
class Examined:
    """What was found of a day. ``checked``: the names, docs/format.md (Fixity), that were looked at to the end.

    ``no_orphans``: what is noted as an orphan and is none. ``orphans_unknown``: a run is at work on the site, and what
    nobody names yet may be its own. ``not_compared``: a segment is gone or damaged, so nobody knows what the
    catalogue's rows of the day should be.
    """

    checked: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    no_orphans: set[str] = field(default_factory=set)
    orphans_unknown: bool = False
    not_compared: bool = False
    latest: datetime | None = None
    """When (UTC) the latest of the audio was journalled, by the clock of who did."""

    def take(self, name: str, failure: Failure | None) -> None:
        self.checked.add(name)
        if failure is not None:
            self.failures.append(failure)


@dataclass(frozen=True)
class Names:
    """What there should be of a day, and what there is.

    ``audio`` and ``segments`` are those that the catalogue expects, ``stated`` the segments that the day's statements
    name: a catalogue that was made anew without them does not miss them.
    """

    audio: dict[str, AudioStored]
    segments: set[str]
    stated: set[str]
    audio_there: dict[str, int]
    segments_there: set[str]
    withdrawn: set[str]


def catalogue_name(site: str, day: date) -> str:
    """How the catalogue's rows of a day are called among the names that are checked."""
    return f"catalogue/site={site}/day={day.isoformat()}"


def evidence_name(key: str) -> str:
    """How the copy of a withdrawn object is called among them."""
    return f"evidence/{evidence_key(key)}"


@dataclass(frozen=True)
class Examination:
    """How one day of a site's archive is looked at: all that is selected of it, as closely as asked."""

    work: Desk
    day: date
    selection: Selection
    strength: Strength
    reader: Reader
    workers: Executor

    def examine(self) -> Examined:
        """Once the reader is stopped, what it did not come to is in none of the lists.

        Raises UnknownVersion, StorageError, CatalogueError.
        """
        work, found = self.work, Examined()
        names = self._names(found)
        deep = self.strength is not Strength.EXISTS
        self._segments(names, found)
        read = self._read_segments(names, found) if deep else {}
        expected = {key: event for one in read.values() for key, event in _stored(one)}
        if (
            read.keys() < names.segments | names.stated | names.segments_there
        ):  # what is not told there the catalogue may know
            expected = names.audio | expected
        self._orphans(names, expected, found)
        found.latest = max((audio.time for audio in expected.values()), default=None)
        there = audio_prefix(work.site, self.day)
        wanted = [(key, audio) for key, audio in sorted(expected.items()) if key.startswith(there)]
        for name, failure in self.workers.map(lambda one: self._audio(names, *one), wanted):
            if name:
                found.take(name, failure)
        if deep and self._wants(catalogue_name(work.site, self.day)):
            found.not_compared = read.keys() < names.segments | names.stated | names.segments_there
            if not found.not_compared:
                self._catalogue(read, found)
        return found

    def _wants(self, name: str) -> bool:
        return self.selection.has(name) and not self.reader.stop.is_set()

    def _names(self, found: Examined) -> Names:
        """First what is known, then what is there: so what is stored meanwhile does not look gone."""
        work, archive = self.work, self.work.store.archive
        segments = asked.segments_of_day(work.catalogue, work.site, self.day)
        stated = asked.segments_stated(work.catalogue, work.site, self.day)
        try:
            audio = asked.audio_of_day(work.catalogue, work.site, self.day)
        except UNREADABLE as error:
            audio = {}
            name = catalogue_name(work.site, self.day)
            if self._wants(name):
                found.take(name, _told(name, [cannot_be_read(error)]))
        return Names(
            audio=audio,
            segments=segments,
            stated={key for key in stated if key.startswith(day_prefix(work.site, self.day))},
            audio_there={one.key: one.size for one in archive.list(audio_prefix(work.site, self.day))},
            segments_there=set(segment.keys(archive, day_prefix(work.site, self.day))),
            withdrawn=withdrawn_keys(work.catalogue, audio),
        )

    # the journal

    def _segments(self, names: Names, found: Examined) -> None:
        """What a listing tells of the day's segments."""
        unapplied = self._unapplied(names)
        for key in sorted(filter(self._wants, names.segments | names.stated | names.segments_there)):
            failure = None
            if key not in names.segments_there:
                told = "the catalogue, or a statement, names it; the store shows it no more"
                failure = Failure(key, FindingKind.GONE_SEGMENT, told)
            elif key in unapplied:
                failure = Failure(key, FindingKind.CATALOGUE_DISAGREEMENT, "this segment is not applied")
            found.take(key, failure)

    def _unapplied(self, names: Names) -> set[str]:
        """The segments that are not applied and that no living process is about to apply."""
        unknown = names.segments_there - names.segments
        if not unknown:
            return unknown
        catalogue = self.work.catalogue
        under_way = {row["key"] for row in open_segments(catalogue) if is_alive(catalogue, row)}
        return unknown - under_way - asked.segments_of_day(catalogue, self.work.site, self.day)

    def _read_segments(self, names: Names, found: Examined) -> dict[str, Segment]:
        """All segments of the day, selected or not: what they say of the audio is needed. Without those unreadable."""
        read: dict[str, Segment] = {}
        keys = sorted(names.segments_there)
        for key, one in zip(keys, self.workers.map(self._read, keys), strict=True):
            if isinstance(one, Segment):
                read[key] = one
            elif one is None:
                found.checked.discard(key)
            elif self.selection.has(key):
                found.take(key, one)
        return read

    def _read(self, key: str) -> Segment | Failure | None:
        return None if self.reader.stop.is_set() else read_segment(self.reader, self.work.store.archive, key)

    # audio

    def _orphans(self, names: Names, expected: Mapping[str, AudioStored], found: Examined) -> None:
        """Objects that no segment names."""
        catalogue, site = self.work.catalogue, self.work.site
        unnamed = names.audio_there.keys() - expected.keys()
        if unnamed:
            unnamed -= asked.audio_of_day(catalogue, site, self.day).keys()  # stored meanwhile
        if unnamed and living_runs(catalogue, site):
            found.orphans_unknown = True
            return
        if unnamed:
            unnamed -= self._named(names)
        for key in sorted(filter(self._wants, unnamed)):
            found.failures.append(Failure(key, FindingKind.ORPHAN_OBJECT, "no segment of the journal names it"))
        noted = notes_of_day(catalogue, site, self.day)
        orphans = {key for key, kind in noted if kind is FindingKind.ORPHAN_OBJECT}
        found.no_orphans = {key for key in orphans - unnamed if self.selection.has(key)}

    def _named(self, names: Names) -> set[str]:
        """What the journal names. Where the catalogue does not, its rows were lost: that is another finding."""
        read = map(self._read, sorted(names.segments_there))
        return {key for one in read if isinstance(one, Segment) for key, _ in _stored(one)}

    def _audio(self, names: Names, key: str, audio: AudioStored) -> tuple[str, Failure | None]:
        """The name that was checked, ``""`` for none, and what is wrong with it."""
        if self.reader.stop.is_set():
            return "", None
        try:
            if key not in names.audio_there and self._is_withdrawn(names, key, audio):
                return self._copy(key, audio)
            return self._object(names, key, audio) if self.selection.has(key) else ("", None)
        except Stopped:
            return "", None

    def _object(self, names: Names, key: str, audio: AudioStored) -> tuple[str, Failure | None]:
        if key not in names.audio_there:
            told = f"the journal names it for leg {audio.leg_id}, the store shows it no more"
            return key, Failure(key, FindingKind.GONE_OBJECT, told, audio.leg_id)
        if names.audio_there[key] != audio.stored_size:
            told = f"it has {names.audio_there[key]:,} bytes, journalled are {audio.stored_size:,}"
            return key, Failure(key, FindingKind.DAMAGED_OBJECT, told, audio.leg_id)
        return key, check_audio(self.reader, self.work.store.archive, key, audio, self.strength)

    def _is_withdrawn(self, names: Names, key: str, audio: AudioStored) -> bool:
        """Whether a quarantine in force took it out: it noted that, since we asked maybe, or has not come to it yet."""
        catalogue = self.work.catalogue
        if not is_quarantined(legs_by_id(catalogue, [audio.leg_id]).get(audio.leg_id)):
            return False
        return key in names.withdrawn or bool(withdrawn_keys(catalogue, [key])) or self._has_copy(key)

    def _has_copy(self, key: str) -> bool:
        name = evidence_key(key)
        return any(one.key == name for one in self.work.store.evidence.list(name))

    def _copy(self, key: str, audio: AudioStored) -> tuple[str, Failure | None]:
        """The copy of a withdrawn object; one that is gone is as the policy of evidence wants it."""
        name, evidence = evidence_name(key), self.work.store.evidence
        if not self.selection.has(name) or not self._has_copy(key):
            return "", None
        return name, check_audio(self.reader, evidence, evidence_key(key), audio, self.strength, name=name)

    # the catalogue

    def _catalogue(self, read: dict[str, Segment], found: Examined) -> None:
        """Compare a day's rows with its segments; again, where segments were applied meanwhile."""
        work, name = self.work, catalogue_name(self.work.site, self.day)
        for _ in range(LOOKS):
            applied = asked.segments_of_day(work.catalogue, work.site, self.day)
            for key in applied - read.keys():
                one = self._read(key)
                if not isinstance(one, Segment):
                    return  # stopped, or gone since: the next run says so
                read[key] = one
            told = [read[key] for key in sorted(applied)]
            try:
                differ = disagreements(work.catalogue, work.site, self.day, told, self._elsewhere)
            except UNREADABLE as error:
                differ = [cannot_be_read(error)]
            if not differ or asked.segments_of_day(work.catalogue, work.site, self.day) == applied:
                found.take(name, _told(name, differ))
                return

    def _elsewhere(self, key: str) -> Segment | None:
        one = read_segment(self.reader, self.work.store.archive, key)
        return one if isinstance(one, Segment) else None


def _stored(one: Segment) -> Iterator[tuple[str, AudioStored]]:
    for event in one.events:
        if isinstance(event, AudioStored):
            yield event.key, event


def cannot_be_read(error: Exception) -> str:
    return f"a row cannot be read ({type(error).__name__}): run `noojee-ingest catalogue rebuild`"


def _told(name: str, differ: list[str]) -> Failure | None:
    if not differ:
        return None
    more = f"; and {len(differ) - MOST_TOLD} more" if len(differ) > MOST_TOLD else ""
    return Failure(name, FindingKind.CATALOGUE_DISAGREEMENT, "; ".join(differ[:MOST_TOLD]) + more)
