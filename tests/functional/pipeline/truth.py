"""Whether an archive tells the truth: the store read by docs/format.md alone, compared with the phone system's own."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.storage.root import RootName
from tests.functional.catalogue.dump import dump

if TYPE_CHECKING:
    from noojee_ingest.pipeline.report import NightReport
    from noojee_ingest.simulator import RunningSimulator, TrueLeg

    from .conftest import Site

AUDIO = re.compile(r"archive/audio/site=(.+)/day=([0-9-]+)/([0-9a-f]{32})-([0-9a-f]{16})\.(wav|mp3|ogg)")
CONCLUSIONS = {"gone": "missing", "rejected": "rejected", "gave up": "failed", "not yet": "pending"}
STANDING = {"quarantine": "quarantined", "excuse": "excused", "missing": "missing"}
GAPS = {"missing", "rejected", "failed"}

Event = dict[str, Any]
Objects = Mapping[str, tuple[bytes, Mapping[str, str]]]
"""Key with its root -> bytes and metadata."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def folder_objects(store: Path) -> tuple[dict[str, tuple[bytes, Mapping[str, str]]], list[str]]:
    """The objects of a folder store that can be seen, and what is untrue about their sidecars."""
    objects: dict[str, tuple[bytes, Mapping[str, str]]] = {}
    untrue = []
    for path in sorted(store.glob("[ae]*/**/*")):  # archive and evidence
        if not path.is_file() or path.suffix == ".json" or ".tmp" in path.parts:
            continue
        key, data = str(path.relative_to(store)), path.read_bytes()
        beside = path.with_name(f"{path.name}.json")
        told = json.loads(beside.read_bytes()) if beside.exists() else {}
        if (told.get("v"), told.get("size"), told.get("sha256")) != (1, len(data), sha256(data)):
            untrue.append(f"{key}: its sidecar tells of other bytes")
        objects[key] = data, told.get("metadata", {})
    return objects, untrue


@dataclass
class Story:
    """All events of one leg, oldest first, each once."""

    events: list[Event] = field(default_factory=list)

    def in_force(self) -> list[Event]:
        answered = {name for event in self.events for name in event["supersedes"]}
        last = {self._fact(event): event["id"] for event in self.events}
        return [event for event in self.events if last[self._fact(event)] not in answered]

    @staticmethod
    def _fact(event: Event) -> str:
        return str(event.get("content_sha256", event["id"]))

    @property
    def stored(self) -> list[Event]:
        """One for each audio in force."""
        found = [event for event in self.in_force() if event["kind"] == "ingestion"]
        return list({event["content_sha256"]: event for event in reversed(found)}.values())[::-1]

    @property
    def state(self) -> str:
        held = self.in_force()
        decided = [STANDING[event["verdict"]] for event in held if event.get("verdict") in STANDING]
        if "quarantined" in decided:
            return "quarantined"
        if self.stored:
            return "archived"
        concluded = [CONCLUSIONS[name] for name in CONCLUSIONS if any(e.get("outcome") == name for e in held)]
        return [*decided, *concluded, "discovered"][0]

    @property
    def ids(self) -> tuple[str, str, str]:
        """``""`` where no view ever told of the leg."""
        told = next((event["personal"] for event in self.events if "view" in event), defaultdict(str))
        return told["call_record_id"], told["unique_id"], told["leg"]

    @property
    def day(self) -> date:
        return date.fromisoformat(next((event for event in self.events if "view" in event), self.events[0])["day"])

    def is_of(self, leg: TrueLeg) -> bool:
        true = leg.call_record_id, leg.unique_id, leg.leg
        same = [mine == its for mine, its in zip(self.ids, true, strict=True) if mine]
        return all(same) and any(self.ids[:2])


class Journal:
    """The events of all segments."""

    def __init__(self, objects: Objects) -> None:
        events: dict[str, Event] = {}
        for key, (data, _) in objects.items():
            if key.startswith("archive/journal/"):
                for line in gzip.decompress(data).decode().split("\n")[:-1]:
                    event = json.loads(line)
                    events[event["id"]] = event
        self.events = sorted(events.values(), key=lambda event: (event["time"], event["id"]))
        self.legs: dict[str, Story] = defaultdict(Story)
        for event in self.events:
            if event["object"]["type"] == "leg":
                self.legs[event["object"]["id"]].events.append(event)

    def hours(self) -> dict[str, datetime]:
        """Hours that were listed (``2026-03-10T21``, site time), and when last."""
        lists = (event for event in self.events if event.get("view") == "by-hour" and "asked_at" in event)
        return {event["object"]["id"]: datetime.fromisoformat(event["asked_at"]) for event in lists}

    def noted(self) -> set[str]:
        """Objects that the journal says something about."""
        return {f"archive/{event['object']['id']}" for event in self.events if event["object"]["type"] == "object"}


def untruths_of_store(objects: Objects, journal: Journal, *, finished: bool = True) -> list[str]:
    """What the journal says of objects and is not so. ``finished``: the last run was not cut off."""
    untrue = []
    named: dict[str, str] = {}
    for leg_id, story in journal.legs.items():
        if not any(story.ids[:2]):
            untrue.append(f"{leg_id}: no view told of it")
        for event in story.events:
            if event.get("evidence_key") and f"evidence/{event['evidence_key']}" not in objects:
                untrue.append(f"{leg_id}: the rejected bytes are not in evidence")
        for event in story.stored if story.state == "archived" else ():
            key = f"archive/{event['key']}"
            if named.setdefault(key, leg_id) != leg_id:
                untrue.append(f"{key}: named for two legs")
            data, metadata = objects.get(key, (None, {}))
            if data is None:
                untrue.append(f"{leg_id} is archived, {key} is not there")
            elif sha256(data) != event["content_sha256"] or len(data) != event["content_size"]:
                untrue.append(f"{key}: holds other bytes than the journal says")
            elif metadata.get("leg-id") != leg_id or metadata.get("sha256") != event["content_sha256"]:
                untrue.append(f"{key}: its metadata is another's")
    digests: Counter[tuple[str, str]] = Counter()
    for key, (data, _) in objects.items():
        if key.startswith("archive/audio/"):
            parts = AUDIO.fullmatch(key)
            if parts is None or parts[4] != sha256(data)[:16]:
                untrue.append(f"{key}: its name is not that of its bytes")
            else:
                digests[parts[3], sha256(data)] += 1
            if finished and key not in named and key not in journal.noted():
                untrue.append(f"{key}: the journal does not know it")
    doubled = (leg_id for (leg_id, _), times in digests.items() if times > 1)
    return [*untrue, *(f"{leg_id}: one audio is kept more than once" for leg_id in doubled)]


def untruths_about_phone_system(
    journal: Journal, phone: RunningSimulator, zone: ZoneInfo, never_told: Iterable[str] = ()
) -> list[str]:
    """What was lost, doubled or mistaken of what the phone system has. ``never_told``: legs that its lists left out."""
    untrue = []
    audio, hours, silent = phone.audio(), journal.hours(), set(never_told)
    told: dict[str, list[Story]] = defaultdict(list)
    for story in journal.legs.values():
        told[story.ids[0]].append(story)
        if not story.ids[0]:
            told[story.ids[1]].append(story)
    for leg in phone.truth().ended():
        known = [story for name in (leg.call_record_id, leg.unique_id) for story in told[name] if story.is_of(leg)]
        if len(known) > 1:
            untrue.append(f"{leg.key} is {len(known)} legs in the journal")
        hour = f"{leg.end.astimezone(zone):%Y-%m-%dT%H}"
        if not known and hour in hours and leg.key not in silent and leg.end <= hours[hour]:
            untrue.append(f"{leg.key} was lost: {hour} was listed, and the journal does not know it")
        for story in known[:1] if known and known[0].state == "archived" else ():
            for event in story.stored:
                unsound = event["faults"] and any(one["kind"] == "unsound" for one in event["findings"])
                if event["content_sha256"] not in audio[leg.key] and not unsound:
                    untrue.append(f"{leg.key}: what is archived for it is not what the phone system has")
    return untrue


def untruths_of_report(journal: Journal, report: NightReport) -> list[str]:
    """Where a report's states, gaps and exit code are not those of the journal."""
    untrue = []
    hours, red = journal.hours(), bool(report.problems)
    for day in report.days:
        states = Counter(story.state for story in journal.legs.values() if story.day == day.day)
        if {name: number for name, number in day.total.states.items() if number} != states:
            untrue.append(f"the report of {day.day} counts {dict(day.total.states)}, the journal {dict(states)}")
        gaps = {leg_id for leg_id, story in journal.legs.items() if story.day == day.day and story.state in GAPS}
        if {gap.leg_id for gap in day.gaps} != gaps:
            untrue.append(f"the report of {day.day} does not name its gaps")
        listed = sum(hour.startswith(f"{day.day}T") for hour in hours)
        if day.day <= report.main_day and day.unlisted_hours != 24 - listed:
            untrue.append(f"{day.day}: {24 - listed} hours were not listed, the report says {day.unlisted_hours}")
        red = red or bool(gaps or day.overdue or day.unlisted_hours or day.total.calls_unexplained)
    if not report.interrupted and (report.exit_code != 0) != red:
        untrue.append(f"exit code {report.exit_code}, and there {'are' if red else 'are no'} gaps")
    return untrue


def untruths_of_catalogue(site: Site, journal: Journal) -> list[str]:
    """Where the catalogue says otherwise than the journal, and than one that is rebuilt from the store."""
    settings = site.settings()
    with TemporaryDirectory() as folder, closing(Catalogue.open(settings.catalogue.url)) as catalogue:
        now = dump(catalogue)
        rebuild(open_root(settings, RootName.ARCHIVE), f"sqlite:///{folder}/again.db")
        with closing(Catalogue.open(f"sqlite:///{folder}/again.db")) as again:
            rebuilt = dump(again)
    states = {row["leg_id"]: row["state"] for row in json.loads(now)["leg"]}
    untrue = [] if now == rebuilt else ["the catalogue is not what a rebuild makes of the journal"]
    if states != {leg_id: story.state for leg_id, story in journal.legs.items()}:
        untrue.append("the catalogue's states are not those of the journal")
    return untrue


def untruths(
    site: Site, report: NightReport | None, *, objects: Objects | None = None, never_told: Iterable[str] = ()
) -> list[str]:
    """All that is untrue about a site's archive after a night; ``report`` is ``None`` after one that failed.

    ``objects``: those of the store, where it is no folder.
    """
    untrue: list[str] = []
    if objects is None:
        objects, untrue = folder_objects(site.folder / "store")
    journal = Journal(objects)
    untrue += untruths_of_store(objects, journal, finished=report is not None)
    untrue += untruths_about_phone_system(journal, site.simulator, site.settings().sites["here"].zone, never_told)
    if report is None:  # a segment may be put and not yet applied
        return untrue
    return [*untrue, *untruths_of_report(journal, report), *untruths_of_catalogue(site, journal)]
