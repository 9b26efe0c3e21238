"""Events for the tests: one maker for each kind, and a story that holds everything the journal can tell.

Makers give events with sensible fields; what a test is about it says by name. An event id is made of the fields, so
that the same call gives the same event.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from noojee_ingest.journal.events import (
    Accessed,
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallChanged,
    CallSeen,
    DayStated,
    EntryRefused,
    Event,
    FixityChecked,
    LegAppraised,
    LegChanged,
    LegSeen,
    ListAnswered,
    ObjectNoted,
    Outcome,
    Strength,
    Verdict,
)
from noojee_ingest.model import Finding, FindingKind, TimeMark, View, identity_digest, leg_id

E = TypeVar("E", bound=Event)

SITE, OTHER_SITE = "acme", "zenith"
DAY, NEXT_DAY = date(2026, 3, 10), date(2026, 3, 11)
BEGIN = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _made(kind: type[E], told: dict[str, Any]) -> E:
    common: dict[str, Any] = {"time": at(0), "actor": "nightly", "site": SITE, "day": DAY}
    told = common | told
    told.setdefault("event_id", sha256(f"{kind.__name__} {sorted(told.items(), key=str)}")[:32])
    return kind(**told)


def ids(number: int) -> dict[str, str]:
    """The wire's ids of leg ``number``: two legs to a call."""
    return {
        "call_record_id": str(9_000 + number // 2),
        "unique_id": f"1773100000.{number // 2}",
        "leg": str(number % 2),
    }


def leg(number: int, site: str = SITE) -> str:
    return leg_id(site, **ids(number))


def call(number: int, site: str = SITE) -> str:
    """The call record that legs ``2 * number`` and ``2 * number + 1`` belong to."""
    return identity_digest(site, "call record", str(9_000 + number))


def leg_seen(number: int, said: str = "A", *, kind: type[LegSeen] = LegSeen, **other: Any) -> LegSeen:
    """What a view tells of a leg; ``said`` makes it differ."""
    start = at(number)
    told = {
        "leg_id": leg(number, other.get("site", SITE)),
        "hour": 23,
        "view": View.BY_HOUR,
        "raw": f'{{"Leg":{number},"Tag":"{said}"}}',
        "digest": sha256(f"{number} {said}"),
        **ids(number),
        "start": start,
        "start_text": f"{start:%Y-%m-%d %H:%M:%S.0}",
        "start_mark": TimeMark.CLEAR,
        "end": start + timedelta(seconds=60),
        "end_text": f"{start + timedelta(seconds=60):%Y-%m-%d %H:%M:%S.0}",
        "end_mark": TimeMark.CLEAR,
        "duration": 60.0,
        "source": "0399990000",
        "destination": "0412345678",
        "did": "0399991111",
        "direction": "Inbound",
        "tag": said,
        "username": "jane",
    }
    return _made(kind, told | other)


def leg_changed(number: int, said: str, **other: Any) -> LegSeen:
    return leg_seen(number, said, kind=LegChanged, **other)


def call_seen(number: int, said: str = "A", *, kind: type[CallSeen] = CallSeen, **other: Any) -> CallSeen:
    told = {
        "call_id": call(number, other.get("site", SITE)),
        "raw": f'{{"njCallRecordId":{9_000 + number},"njDisposition":"{said}"}}',
        "digest": sha256(f"call {number} {said}"),
        "template_id": "7",
        "call_record_id": str(9_000 + number),
        "unique_id": f"1773100000.{number}",
        "lead_id": f"5{number}",
        "external_lead_id": f"X-{number}",
        "called": at(number),
        "called_text": f"{at(number):%Y/%m/%d %H:%M:%S}",
        "called_mark": TimeMark.CLEAR,
        "duration": 55.5,
        "disposition": said,
        "dial_attempts": "1",
        "dialled_number": "0412345678",
        "campaign": "Spring",
        "allocation": "North",
        "fields": {"Colour": "blue", "Notes": said},
    }
    return _made(kind, told | other)


def call_changed(number: int, said: str, **other: Any) -> CallSeen:
    return call_seen(number, said, kind=CallChanged, **other)


def answered(scope: str = "2026-03-10T23", **other: Any) -> ListAnswered:
    told = {
        "view": View.BY_HOUR,
        "scope": scope,
        "asked_at": at(-1),
        "entries": 3,
        "refused": 0,
        "answer_digest": sha256(scope),
        "question": scope,
    }
    return _made(ListAnswered, told | other)


def refused(raw: str = "17", **other: Any) -> EntryRefused:
    told = {"view": View.BY_HOUR, "raw": raw, "digest": sha256(raw), "reason": "not an object"}
    return _made(EntryRefused, told | other)


def stored(number: int, audio: str = "one", **other: Any) -> AudioStored:
    """Audio of a leg; equal ``audio`` means equal bytes."""
    digest = sha256(audio)
    told = {
        "time": at(60),
        "leg_id": leg(number, other.get("site", SITE)),
        "content_sha256": digest,
        "content_size": 480_044 + len(audio),
        "stored_sha256": digest,
        "stored_size": 480_044 + len(audio),
        "bucket": "",
        "key": f"audio/site={SITE}/day={DAY}/{leg(number)}-{digest[:16]}.wav",
        "version_id": "",
        "checksum_type": "sha256-full-object",
        "extension": "wav",
        "codec": "pcm_s16le",
        "channels": 1,
        "sample_rate": 8000,
        "seconds": 30.0625,
    }
    return _made(AudioStored, told | other)


def not_stored(number: int, outcome: Outcome = Outcome.NOT_YET, **other: Any) -> AudioNotStored:
    due = at(120) if outcome is Outcome.NOT_YET else None
    told = {
        "time": at(30),
        "leg_id": leg(number),
        "outcome": outcome,
        "cause": f"why {outcome}",
        "tries": 1,
        "due": due,
    }
    return _made(AudioNotStored, told | other)


def leg_appraised(number: int, verdict: Verdict, **other: Any) -> LegAppraised:
    told = {"time": at(90), "leg_id": leg(number), "verdict": verdict, "cause": f"why {verdict}", "reason": "as agreed"}
    return _made(LegAppraised, told | {"name": "Kim"} | other)


def call_appraised(number: int, *, explained: bool, **other: Any) -> CallAppraised:
    told = {"time": at(90), "call_id": call(number), "verdict": Verdict.NO_RECORDING, "explained": explained}
    told |= {"cause": "nobody answered" if explained else "", "reason": "asked for", "name": "Kim"}
    return _made(CallAppraised, told | other)


def accessed(number: int, digest: str, **other: Any) -> Accessed:
    told = {"time": at(110), "leg_id": leg(number), "sha256": sha256(digest), "reason": "a dispute", "name": "Kim"}
    return _made(Accessed, told | other)


def noted(key: str = "audio/stray.wav", finding: FindingKind = FindingKind.ORPHAN_OBJECT, **other: Any) -> ObjectNoted:
    return _made(ObjectNoted, {"time": at(100), "key": key, "finding": finding, "detail": "seen in a listing"} | other)


def fixity(selector: str = "all", **other: Any) -> FixityChecked:
    told = {"time": at(120), "selector": selector, "strength": Strength.READ, "began": at(119), "checked": 9}
    return _made(FixityChecked, told | {"list_digest": sha256(selector), "failed": 3} | other)


def stated(number: int = 1, day: date = DAY, **other: Any) -> DayStated:
    told = {
        "time": at(130),
        "day": day,
        "site_day": f"site={other.get('site', SITE)}/day={day}",
        "number": number,
        "predecessor": sha256(f"statement {number - 1}") if number > 1 else "",
        "segments": (f"journal/site={SITE}/day={day}/{number}.jsonl.gz",),
        "contents": (sha256(f"segment {number}"),),
        "root": sha256(f"root {number}"),
        "leaves": 7,
        "states": {"archived": 7, "missing": 1},
        "calls": {"recorded": 4},
        "found": {"unsound": 2},
        "audio_bytes": 2**40,
        "audio_ms": 2**33,
        "final": number > 1,
        "seal": sha256(f"statement {number}"),
    }
    return _made(DayStated, told | other)


def destroyed(event: E) -> E:
    """An event whose member ``personal`` can no longer be opened."""
    return replace(event, **{field.name: None for field in fields(event) if "personal" in field.metadata})


def everything() -> list[Event]:
    """A journal of two sites and days that holds every kind of event and reaches all that can follow from events."""
    told_of = [leg_seen(number) for number in range(24)]
    not_yet, orphan = not_stored(2, cause="not there (404)"), noted("audio/found-later.wav")
    gave_up, quarantine = not_stored(9, Outcome.GAVE_UP), leg_appraised(13, Verdict.QUARANTINE)
    unexplained = call_appraised(12, explained=False)
    findings = {
        kind: (Finding(kind, f"a case of {kind}"),)
        for kind in (
            FindingKind.INCOMPLETE_ID,
            FindingKind.AMBIGUOUS_TIME,
            FindingKind.UNREADABLE_FIELD,
            FindingKind.UNSOUND,
            FindingKind.DURATION_MISMATCH,
            FindingKind.VIEW_DISAGREEMENT,
            FindingKind.CHANGED_LATER,
        )
    }
    return [
        *told_of,
        # 0 stays discovered. 1 is pending, 2 was and is now missing, 3 is gone at source, 4 rejected, 5 failed.
        not_stored(1),
        not_yet,
        leg_appraised(2, Verdict.MISSING, supersedes=(not_yet.event_id,)),
        not_stored(3, Outcome.GONE),
        not_stored(4, Outcome.REJECTED, evidence_key="rejected/4.bin"),
        not_stored(5, Outcome.GAVE_UP),
        # 6 to 8 are archived: plainly, unsound and not of the length told, after a try that failed, and twice.
        stored(6, "six"),
        stored(7, "seven", faults=("cut short",), findings=findings[FindingKind.UNSOUND]),
        stored(7, "seven", time=at(61), adopted=True, findings=findings[FindingKind.DURATION_MISMATCH]),
        not_stored(8),
        stored(8, "eight", supersedes=(not_stored(8).event_id,), findings=findings[FindingKind.DURATION_MISMATCH]),
        leg_changed(8, "B", time=at(65), findings=findings[FindingKind.CHANGED_LATER]),
        stored(8, "eight and a half", time=at(70)),
        # 9 is tried again after it was given up: discovered. 10 is excused, 11 too, although someone else differs.
        gave_up,
        leg_appraised(9, Verdict.RETRY, supersedes=(gave_up.event_id,)),
        leg_appraised(10, Verdict.EXCUSE),
        leg_appraised(11, Verdict.EXCUSE, time=at(91)),
        leg_appraised(11, Verdict.MISSING, time=at(92)),
        # Of 6 the object was damaged, and was put back.
        leg_appraised(6, Verdict.REPLACE, time=at(125)),
        # 12 is quarantined; 13 was and is released. Somebody had 13, twice.
        stored(12, "twelve", withheld=True),
        leg_appraised(12, Verdict.QUARANTINE),
        stored(13, "thirteen"),
        quarantine,
        leg_appraised(13, Verdict.RELEASE, time=at(95), supersedes=(quarantine.event_id,)),
        accessed(13, "thirteen"),
        destroyed(accessed(13, "thirteen", time=at(120), day=NEXT_DAY)),
        # 14 and 15 have the same audio and, since 15 was corrected, the same start.
        stored(14, "the same"),
        stored(15, "the same"),
        leg_changed(
            15, "B", time=at(5), start=at(14), view=View.BY_UNIQUE_ID, findings=findings[FindingKind.VIEW_DISAGREEMENT]
        ),
        leg_changed(15, "C", time=at(6), start=at(14)),
        # 16 changed its tag and changed it back. 17 is told to have ended on two days.
        leg_changed(16, "B", time=at(10)),
        leg_changed(16, "A", time=at(20)),
        leg_changed(17, "B", time=at(10), day=NEXT_DAY, hour=0, view=View.BY_UNIQUE_ID),
        # 18 and 19 are oddly told of; of 20 the latest is destroyed; 40 is known by its audio alone.
        leg_changed(18, "B", time=at(3), findings=findings[FindingKind.INCOMPLETE_ID], unique_id=""),
        leg_changed(19, "B", time=at(3), findings=findings[FindingKind.UNREADABLE_FIELD], duration=None, hour=None),
        leg_changed(19, "C", time=at(4), findings=findings[FindingKind.AMBIGUOUS_TIME], start_mark=TimeMark.TWICE),
        stored(20, "twenty"),
        destroyed(leg_changed(20, "B", time=at(8))),
        stored(40, "forty", day=NEXT_DAY),
        leg_appraised(41, Verdict.NO_RECORDING),
        # Calls: 0 is recorded, 12 unexplained until told otherwise, 13 explained, 14 unjudged, 15 judged in two ways.
        *(call_seen(number) for number in (0, 3, 12, 13, 14, 15)),
        call_changed(0, "B", time=at(15)),
        destroyed(call_changed(3, "B", time=at(15))),
        unexplained,
        call_appraised(13, explained=True),
        call_appraised(15, explained=True),
        call_appraised(15, explained=False, time=at(91)),
        call_appraised(16, explained=True),
        call_appraised(0, explained=False),
        # Answers, of which one does not overlap with the poll before; entries that are none; objects.
        answered(),
        answered("2026-03-10T22", entries=0),
        answered("poll", view=View.CALL_RECORDS, overlaps=True),
        answered("poll", view=View.CALL_RECORDS, overlaps=False, asked_at=at(40), refused=2, time=at(40)),
        answered(sha256("call")[:32], view=View.BY_UNIQUE_ID, day=NEXT_DAY),
        refused(),
        refused("{}", view=View.CALL_RECORDS),
        noted(),
        noted("audio/gone.wav", FindingKind.GONE_OBJECT, day=NEXT_DAY),
        noted("audio/withdrawn.wav", FindingKind.WITHDRAWN_OBJECT),
        noted("audio/held.wav", FindingKind.HELD_OBJECT),
        noted("audio/rotten.wav", FindingKind.DAMAGED_OBJECT),
        noted("journal/gone.jsonl.gz", FindingKind.GONE_SEGMENT),
        noted("journal/cut.jsonl.gz", FindingKind.DAMAGED_SEGMENT),
        noted(f"catalogue/site={SITE}/day={DAY}", FindingKind.CATALOGUE_DISAGREEMENT),
        orphan,
        noted("audio/found-later.wav", time=at(110), cleared=True, supersedes=(orphan.event_id,)),
        # Statements: one day has two of one number, as after two nights at once.
        stated(),
        stated(2),
        stated(2, time=at(131)),
        stated(day=NEXT_DAY),
        # Two runs of verify.
        fixity(),
        fixity("2026-03-10 1/30", strength=Strength.EXISTS, failed=0),
        # Another site with the same ids, hours and audio.
        leg_seen(0, site=OTHER_SITE),
        stored(0, "six", site=OTHER_SITE),
        call_seen(0, site=OTHER_SITE),
        answered(site=OTHER_SITE),
        refused(site=OTHER_SITE),
        stated(site=OTHER_SITE),
    ]
