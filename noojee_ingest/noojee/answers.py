"""From the elements of an answer to typed entries, forgivingly.

One bad entry never spoils an answer. An element that is no object, or has no id at all, becomes a ``RefusedEntry`` with
a reason. In an entry, a field that is not what it should be (an impossible date, a negative duration, a list for a
text) is named in ``unreadable`` by its wire key, and keeps its text where there is one; a number for a text is simply
its text. A key that stands twice in one entry is named there too; the last value counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from noojee_ingest.model import CallEntry, LegEntry, RawEntry, RefusedEntry, TimeMark, View, WireTime
from noojee_ingest.noojee.keys import CallKeys, FieldKeys, LegKeys, NamedKeys
from noojee_ingest.noojee.times import read_time
from noojee_ingest.noojee.wire import Element, Members, TooDeep, Value, digest_of, safe

LONGEST = 366 * 86_400.0  # seconds: no call lasts longer than a year

Entry = TypeVar("Entry")

Reader: TypeAlias = "Callable[[RawEntry, Fields], Entry | str]"  # an entry, or the reason why it is none

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """A template, a campaign or an allocation (reference, 17.0 to 19.0 [client]), or a disposition (20.0 [proposed]).

    ``raw`` is its own JSON text.
    """

    id: str
    name: str
    raw: str


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """A field of a campaign template (reference, 21.0 [proposed]). ``raw`` is its own JSON text.

    ``display_type`` is one of Check box, Date, Drop list, Phone Number, Radio, Text, Text Area [doc]; only ``name`` can
    be relied on.
    """

    id: str
    name: str
    display_type: str
    raw: str


@dataclass(frozen=True, slots=True)
class Answer(Generic[Entry]):
    """What a list answered.

    ``digest`` is SHA-256 (hex) over the sorted set of the digests of all its elements, refused ones included, joined by
    LF; ``at`` is when it came, in UTC; ``warning`` is code and message of an answer whose code is above zero [doc].
    """

    entries: tuple[Entry, ...]
    refused: tuple[RefusedEntry, ...]
    digest: str
    at: datetime
    warning: str = ""


class Fields:
    """Reads the fields of one entry and remembers which could not be read."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._unreadable = dict.fromkeys(members.repeated)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The wire keys whose value is not what it should be."""
        return tuple(safe(key) for key in self._unreadable)

    def text(self, keys: tuple[str, ...]) -> str:
        """The first of the keys that holds something, as text."""
        for key in keys:
            text = self._text(key)
            if text:
                return text
        return ""

    def time(self, keys: tuple[str, ...], zone: ZoneInfo) -> WireTime:
        """The first of the keys that holds something, as a time."""
        for key in keys:
            time = read_time(self._text(key), zone)
            if time.mark is TimeMark.ABSENT and key in self._unreadable:
                time = WireTime(mark=TimeMark.UNREADABLE)
            if time.mark is TimeMark.UNREADABLE:
                self._unreadable[key] = None
            if time.mark is not TimeMark.ABSENT:
                return time
        return WireTime()

    def seconds(self, keys: tuple[str, ...]) -> float | None:
        """The first of the keys that holds something, as seconds."""
        for key in keys:
            text = self._text(key).strip()
            if not text:
                continue
            seconds = float(text) if _NUMBER.fullmatch(text) else math.nan
            if 0 <= seconds <= LONGEST:
                return seconds
            self._unreadable[key] = None
            return None
        return None

    def number(self, keys: tuple[str, ...]) -> float | None:
        """The first of the keys that holds something, as a number that is not below zero."""
        for key in keys:
            text = self._text(key).strip()
            if text:
                number = float(text) if _NUMBER.fullmatch(text) else math.nan
                if math.isfinite(number):
                    return number
                self._unreadable[key] = None
                return None
        return None

    def flag(self, keys: tuple[str, ...]) -> bool | None:
        """The first of the keys that holds something, as true or false."""
        for key in keys:
            value = self._members.get(key)
            if isinstance(value, bool):
                return value
            text = self._text(key).strip().lower()
            if text in ("true", "false"):
                return text == "true"
            if text:
                self._unreadable[key] = None
                return None
        return None

    def others(self, known: frozenset[str]) -> dict[str, str]:
        """All fields that hold a text, save the known ones and the phone system's own, whose names start with nj."""
        names = [key for key in self._members if key not in known and not key.startswith("nj")]
        texts = {key: self._text(key) for key in names}
        return {safe(key): text for key, text in texts.items() if key not in self._unreadable or text}

    def _text(self, key: str) -> str:
        value = self._members.get(key)
        match value:
            case None:
                return ""
            case str():
                return safe(value)
            case bool():
                self._unreadable[key] = None
                return "true" if value else "false"
            case _:
                self._unreadable[key] = None
                return ""


def read_answer(
    elements: list[Element], view: View, at: datetime, read: Reader[Entry], warning: str = ""
) -> Answer[Entry]:
    """All elements, read one by one.

    :param view: which view of the phone system this answer is
    :param at: when it came, in UTC
    :param read: makes an entry of an object, or gives the reason why it is none
    :param warning: what the answer warned of
    """
    entries: list[Entry] = []
    refused: list[RefusedEntry] = []
    for element in elements:
        raw = RawEntry(view, element.text, element.digest)
        entry = read(raw, Fields(element.value)) if isinstance(element.value, Members) else _not_object(element.value)
        if isinstance(entry, str):
            refused.append(RefusedEntry(raw, entry))
        else:
            entries.append(entry)
    return Answer(tuple(entries), tuple(refused), digest_of(element.digest for element in elements), at, warning)


def leg_reader(keys: LegKeys, zone: ZoneInfo) -> Reader[LegEntry]:
    """Reads entries of the recording meta data (reference, 9.1 and 9.4)."""

    def read(raw: RawEntry, fields: Fields) -> LegEntry | str:
        entry = LegEntry(
            raw=raw,
            call_record_id=fields.text(keys.call_record_id),
            unique_id=fields.text(keys.unique_id),
            leg=fields.text(keys.leg),
            start=fields.time(keys.start, zone),
            end=fields.time(keys.end, zone),
            duration=fields.seconds(keys.duration),
            source=fields.text(keys.source),
            destination=fields.text(keys.destination),
            did=fields.text(keys.did),
            direction=fields.text(keys.direction),
            tag=fields.text(keys.tag),
            username=fields.text(keys.username),
        )
        if not entry.call_record_id and not entry.unique_id:
            return "it has neither a call record id nor a unique id"
        return replace(entry, unreadable=fields.unreadable)

    return read


def call_reader(keys: CallKeys, zone: ZoneInfo, template_id: str) -> Reader[CallEntry]:
    """Reads entries of the call record list (reference, 22.0, proposed)."""
    known = frozenset(key for each in dataclass_fields(keys) for key in getattr(keys, each.name))

    def read(raw: RawEntry, fields: Fields) -> CallEntry | str:
        entry = CallEntry(
            raw=raw,
            template_id=template_id,
            call_record_id=fields.text(keys.call_record_id),
            unique_id=fields.text(keys.unique_id),
            lead_id=fields.text(keys.lead_id),
            external_lead_id=fields.text(keys.external_lead_id),
            date=fields.time(keys.date, zone),
            duration=fields.seconds(keys.duration),
            disposition=fields.text(keys.disposition),
            dial_attempts=fields.text(keys.dial_attempts),
            dialled_number=fields.text(keys.dialled_number),
            campaign=fields.text(keys.campaign),
            allocation=fields.text(keys.allocation),
            fields=fields.others(known),
        )
        if not (entry.call_record_id or entry.unique_id or entry.lead_id):
            return "it has no call record id, no unique id and no lead id"
        return replace(entry, unreadable=fields.unreadable)

    return read


def named_reader(keys: NamedKeys) -> Reader[Named]:
    """Reads templates, campaigns and allocations, of which the id counts."""

    def read(raw: RawEntry, fields: Fields) -> Named | str:
        named = Named(fields.text(keys.id), fields.text(keys.name), raw.text)
        return named if named.id else "it has no id"

    return read


def field_reader(keys: FieldKeys) -> Reader[FieldEntry]:
    """Reads fields of a template."""

    def read(raw: RawEntry, fields: Fields) -> FieldEntry | str:
        entry = FieldEntry(fields.text(keys.id), fields.text(keys.name), fields.text(keys.display_type), raw.text)
        return entry if entry.name else "it has no name"

    return read


def disposition_reader(keys: NamedKeys) -> Reader[Named]:
    """Reads dispositions, of which the name counts: lead calls take it, and no id."""

    def read(raw: RawEntry, fields: Fields) -> Named | str:
        named = Named(fields.text(keys.id), fields.text(keys.name), raw.text)
        return named if named.name else "it has no name"

    return read


def _not_object(value: Value | TooDeep) -> str:
    return str(value) if isinstance(value, TooDeep) else "it is not an object"
