"""What is wrong with an archive, told by its store alone and by what the phone system really has.

Nothing of the program is used: the journal's lines, the objects' bytes and the documented identity of a leg are enough.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode, urlsplit

from noojee_ingest.simulator import RunningSimulator, TrueLeg
from tests.crash.places import AUDIO, HELD_AUDIO, HELD_TAGS, JOURNAL, KEY, SITE, Place

NO_AUDIO = ("json", "login page", "empty")
"""The troubles of legs that answer something that is no audio."""
GRACE = timedelta(hours=24)
"""So long after it was there a recording that came late has been asked for again: the longest pause between tries."""


@dataclass(frozen=True)
class Wrong:
    """``what`` is lost, doubled or false; ``day`` of the archive; ``told`` for a person."""

    what: str
    day: str
    told: str


def identity(leg: TrueLeg) -> str:
    """As docs/format.md has it."""
    digest = hashlib.sha256()
    for text in (SITE, leg.call_record_id, leg.unique_id, leg.leg):
        data = text.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()[:32]


def wrong(place: Place, simulator: RunningSimulator, days: Iterable[str], twice: Iterable[str] = ()) -> list[Wrong]:
    """All that is wrong with these days of an archive. On the days of ``twice`` two runs journalled side by side."""
    return list(_wrong(place, simulator, set(days), set(twice)))


def _wrong(place: Place, simulator: RunningSimulator, days: set[str], twice: set[str]) -> Iterator[Wrong]:
    truth = simulator.truth()
    legs = {identity(leg): leg for leg in truth.ended() if leg.day.isoformat() in days}
    there, evidence = place.objects(AUDIO), place.objects("evidence/")
    events = [event for event in journal(place) if event["day"] in days]
    stored: dict[str, list[dict[str, Any]]] = {}
    rejected: dict[str, list[str]] = {}
    for event in events:
        of = event["object"]["id"]
        if event["kind"] == "ingestion":
            stored.setdefault(of, []).append(event)
        if event["kind"] == "capture" and event["outcome"] == "rejected":
            rejected.setdefault(of, []).append(event["evidence_key"])
        if _denies(event) and of in legs and is_there(legs[of], truth.clock):
            yield Wrong(
                "false", event["day"], f"{event['kind']} {event.get('outcome', '')} of sound leg {legs[of].key}"
            )
    with closing(_Line(simulator)) as line:
        for leg_id, leg in legs.items():
            day, found = leg.day.isoformat(), stored.get(leg_id, [])
            if leg.trouble in NO_AUDIO:
                if not any(not key or f"evidence/{key}" in evidence for key in rejected.get(leg_id, [])):
                    yield Wrong("lost", day, f"{leg.key} ({leg_id}) is no audio, and not in evidence")
                continue
            if not found and is_there(leg, truth.clock):
                yield Wrong("lost", day, f"{leg.key} ({leg_id}): the journal knows of no audio")
            if len({event["key"] for event in found}) > 1 or (len(found) > 1 and day not in twice):
                yield Wrong("doubled", day, f"{leg.key} ({leg_id}) is journalled {len(found)} times")
            for event in found:
                if event["withheld"] is not (leg.tag in HELD_TAGS):
                    yield Wrong("false", day, f"{leg.key} ({leg_id}) has the tag {leg.tag!r}: {event['key']}")
                if event["withheld"] and f"archive/{event['key']}" in there:
                    yield Wrong("false", day, f"{event['key']} is held back, and in the archive")
                yield from _untrue(event, there | evidence, line.sent(leg), day)
    for leg_id in stored.keys() - legs.keys():
        yield Wrong("false", stored[leg_id][0]["day"], f"{leg_id} is archived, and the phone system has no such leg")
    named = {_place(event) for events in stored.values() for event in events}
    yield from _unnamed(there, days, named)
    yield from _unnamed({key: read for key, read in evidence.items() if key.startswith(HELD_AUDIO)}, days, named)


def is_there(leg: TrueLeg, now: datetime) -> bool:
    """Whether a leg has had its time to be archived by the runs until now."""
    if leg.audio_from is None or leg.trouble in NO_AUDIO:
        return False
    return leg.audio_from <= leg.end or leg.audio_from + GRACE <= now


def _denies(event: dict[str, Any]) -> bool:
    """Whether an event says that a leg has no audio for good."""
    if event["kind"] == "capture":
        return event["outcome"] in ("gone", "gave up", "rejected")
    return event["kind"] == "appraisal" and event["object"]["type"] == "leg" and event["verdict"] == "missing"


def _untrue(event: dict[str, Any], there: Mapping[str, Any], sent: bytes, day: str) -> Iterator[Wrong]:
    read = there.get(_place(event))
    if read is None:
        yield Wrong("false", day, f"{event['key']} is journalled and not in the store")
        return
    data = read()
    if (hashlib.sha256(data).hexdigest(), len(data)) != (event["content_sha256"], event["content_size"]):
        yield Wrong("false", day, f"{event['key']} is not what the journal says")
    elif data != sent:
        yield Wrong("false", day, f"{event['key']} is not what the phone system sends")


def _place(event: dict[str, Any]) -> str:
    """Where the audio of an ingestion is."""
    key = str(event["key"])
    return f"{HELD_AUDIO}{key.partition(f'/site={SITE}/')[2]}" if event["withheld"] else f"archive/{key}"


def _unnamed(there: Mapping[str, Any], days: set[str], named: set[str]) -> Iterator[Wrong]:
    owners: Counter[str] = Counter()
    for key in there:
        path = PurePosixPath(key)
        day = path.parent.name.removeprefix("day=")
        if day not in days:
            continue
        owners[path.name.partition("-")[0]] += 1
        if owners[path.name.partition("-")[0]] == 2:
            yield Wrong("doubled", day, f"{key} is the second audio of its leg")
        if key not in named:
            yield Wrong("lost", day, f"{key} is in the store, and the journal does not name it")


def journal(place: Place) -> Iterator[dict[str, Any]]:
    """Every line of the journal, with the day of its segment."""
    for key, read in sorted(place.objects(JOURNAL).items()):
        if key.endswith(".jsonl.gz"):
            day = PurePosixPath(key).parent.name.removeprefix("day=")
            for line in gzip.decompress(read()).decode().splitlines():
                yield {**json.loads(line), "day": day}


class _Line:
    """A connection to the phone system, as a person with a browser would have."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=30)

    def sent(self, leg: TrueLeg) -> bytes:
        query = urlencode({"apiKey": KEY, "callRecordId": leg.call_record_id, "leg": leg.leg})
        if not leg.call_record_id:
            query = urlencode({"apiKey": KEY, "uniqueId": leg.unique_id, "leg": leg.leg})
        path = "retrieveByCallRecordId" if leg.call_record_id else "retrieveByUniqueId"
        self._connection.request("POST", f"/njadmin/rest/RecordingAPI/{path}?{query}")
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the simulator answered {answer.status} for {leg.key}: {data[:200]!r}")
        return data

    def close(self) -> None:
        self._connection.close()
