"""Events to JSON lines and back. The shape follows from the dataclasses in ``journal.events``; see docs/format.md."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from noojee_ingest.journal.errors import DamagedSegment, UnknownVersion
from noojee_ingest.journal.events import FORMAT_VERSION, KINDS, Event
from noojee_ingest.model import Finding, FindingKind

ENVELOPE = {"event_id": "id", "time": "time", "actor": "actor", "supersedes": "supersedes"}

type_of_object: dict[tuple[str, str], type[Event]] = {(kind.kind, kind.object_type): kind for kind in KINDS}


def instant_text(instant: datetime) -> str:
    """An aware instant as ``2026-03-10T16:30:00.000000Z``: always UTC, always microseconds, so that text sorts."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _same(value: Any) -> Any:
    return value


def _read_findings(value: Any) -> tuple[Finding, ...]:
    return tuple(Finding(FindingKind(item["kind"]), str(item["detail"])) for item in value)


def _write_findings(value: tuple[Finding, ...]) -> Any:
    return [{"kind": item.kind, "detail": item.detail} for item in value]


def _checked(*kinds: type) -> Callable[[Any], Any]:
    """A reader that takes only these JSON types: a wrong one is damage, not something to convert."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"{value!r:.40} is not {kinds[0].__name__}")
        return value

    return read


def _read_texts(value: Any) -> tuple[str, ...]:
    return tuple(_checked(str)(item) for item in value)


def _read_float(value: Any) -> float:
    return float(_checked(float, int)(value))


Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]

CODECS: dict[Any, Codec] = {
    str: (_same, _checked(str)),
    int: (_same, _checked(int)),
    float: (_same, _read_float),
    bool: (_same, _checked(bool)),
    datetime: (instant_text, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    tuple[str, ...]: (list, _read_texts),
    tuple[Finding, ...]: (_write_findings, _read_findings),
    Mapping[str, str]: (dict, _checked(dict)),
}


def _codec(hint: Any) -> Codec:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, hint
    return CODECS[hint]


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    enum: type[StrEnum] | None
    may_be_null: bool
    required: bool
    personal: bool


def _members(kind: type[Event]) -> tuple[Member, ...]:
    hints = typing.get_type_hints(kind)
    found = []
    for item in fields(kind):
        hint = hints[item.name]
        options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        (plain,) = [option for option in options if option is not type(None)]
        write, read = _codec(plain)
        required = item.default is MISSING and item.default_factory is MISSING
        enum = plain if isinstance(plain, type) and issubclass(plain, StrEnum) else None
        found.append(Member(item.name, write, read, enum, len(options) > 1, required, "personal" in item.metadata))
    return tuple(found)


MEMBERS = {kind: _members(kind) for kind in KINDS}
"""The fields of each event kind, with how each is written and read."""


def write_line(event: Event) -> str:
    """One event as one line of JSON, without the line feed."""
    kind = type(event)
    line: dict[str, Any] = {
        "v": FORMAT_VERSION,
        "kind": kind.kind,
        "object": {"type": kind.object_type, "id": getattr(event, kind.object_field)},
    }
    own: dict[str, Any] = {}
    for member in MEMBERS[kind]:
        value = getattr(event, member.name)
        value = None if value is None else member.write(value)
        if member.personal:
            own[member.name] = value
        elif member.name in ENVELOPE:
            line[ENVELOPE[member.name]] = value
        elif member.name != kind.object_field:
            line[member.name] = value
    if own:
        line["personal"] = {"enc": "none", **own}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def read_line(text: str, *, key: str, number: int) -> Event:
    """The event of line ``number`` (from 1) of segment ``key``.

    A member ``personal`` that this program cannot open counts as destroyed: its fields are ``None``.
    Raises DamagedSegment, UnknownVersion.
    """
    where = f"line {number}"
    try:
        line = json.loads(text)
        version, subject = line["v"], line["object"]
        if version != FORMAT_VERSION:
            raise UnknownVersion(key, f"{where} has format version {version!r}")
        kind = type_of_object.get((line["kind"], subject["type"]))
        if kind is None:
            raise UnknownVersion(key, f"{where} has the kind {line['kind']!r} of {subject['type']!r}")
        return _read_event(kind, line, subject["id"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedSegment(key, f"{where}: {type(error).__name__}: {error}") from error


def _read_event(kind: type[Event], line: Mapping[str, Any], object_id: str) -> Event:
    own = line.get("personal", {})
    opened = own if own.get("enc") == "none" else {}
    values: dict[str, Any] = {}
    for member in MEMBERS[kind]:
        name = member.name
        if member.personal:
            value = opened.get(name)
        elif name in ENVELOPE:
            value = line[ENVELOPE[name]]
        elif name == kind.object_field:
            value = object_id
        elif member.required or name in line:
            value = line[name]
        else:
            continue
        if value is None and not (member.may_be_null or member.personal):
            raise ValueError(f"{name} is null")
        values[name] = None if value is None else member.read(value)
    return kind(**values)
