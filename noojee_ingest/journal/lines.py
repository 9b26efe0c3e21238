"""Events to JSON lines and back. The shape follows from the dataclasses in ``journal.events``; see docs/format.md."""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NoReturn

from noojee_ingest.journal.errors import DamagedSegment, UnknownVersion
from noojee_ingest.journal.events import FORMAT_VERSION, KINDS, Event
from noojee_ingest.model import Finding, FindingKind

ENVELOPE = {"event_id": "id", "time": "time", "actor": "actor", "supersedes": "supersedes"}

type_of_object: dict[tuple[str, str], type[Event]] = {(kind.kind, kind.object_type): kind for kind in KINDS}


class UnknownWord(Exception):
    """A word that stands in no vocabulary of this version: a newer one wrote it."""


def instant_text(instant: datetime) -> str:
    """An aware instant as ``2026-03-10T16:30:00.000000Z``: always UTC, always microseconds, so that text sorts."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:-6] + "Z"  # instead of +00:00


def read_instant(value: Any) -> datetime:
    """The aware instant (UTC) of a text. Raises ValueError for one without an offset."""
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant.astimezone(UTC)


def _same(value: Any) -> Any:
    return value


def _checked(kind: type, called: str) -> Callable[[Any], Any]:
    """A reader that takes only this JSON type: a wrong one is damage, not something to convert."""

    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"not {called}")
        return value

    return read


_text = _checked(str, "a text")
_list = _checked(list, "a list")
_object = _checked(dict, "an object")


def _read_int(value: Any) -> int:
    number: int = _checked(int, "a whole number")(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("a number beyond 64 bits")
    return number


def _read_float(value: Any) -> float:
    if type(value) not in (float, int):
        raise TypeError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _read_texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _read_text_map(value: Any) -> dict[str, str]:
    return {name: _text(text) for name, text in _object(value).items()}


def _word(kind: type[StrEnum]) -> Callable[[Any], Any]:
    words = {item.value: item for item in kind}

    def read(value: Any) -> Any:
        if _text(value) not in words:
            raise UnknownWord(f"{value!r:.40} is no {kind.__name__}")
        return words[value]

    return read


_finding_kind = _word(FindingKind)


def _read_findings(value: Any) -> tuple[Finding, ...]:
    return tuple(Finding(_finding_kind(item["kind"]), _text(item["detail"])) for item in _list(value))


def _write_findings(value: tuple[Finding, ...]) -> Any:
    return [{"kind": item.kind, "detail": item.detail} for item in value]


def _read_counts(value: Any) -> dict[str, int]:
    return {name: _read_int(number) for name, number in _object(value).items()}


Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]

CODECS: dict[Any, Codec] = {
    str: (_same, _text),
    int: (_same, _read_int),
    float: (_same, _read_float),
    bool: (_same, _checked(bool, "true or false")),
    datetime: (instant_text, read_instant),
    date: (date.isoformat, date.fromisoformat),
    tuple[str, ...]: (list, _read_texts),
    tuple[Finding, ...]: (_write_findings, _read_findings),
    Mapping[str, str]: (dict, _read_text_map),
    Mapping[str, int]: (dict, _read_counts),
}


def _codec(hint: Any) -> Codec:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, _word(hint)
    return CODECS[hint]


@dataclass(frozen=True, slots=True)
class Member:
    """One field of an event on its line: ``label`` is its name there, ``""`` where it is the object's id.

    ``plain``: values of this JSON type are taken as they are.
    """

    name: str
    label: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    plain: type | None
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
        found.append(
            Member(
                name=item.name,
                label=ENVELOPE.get(item.name, "" if item.name == kind.object_field else item.name),
                write=write,
                read=read,
                plain=plain if plain in (str, bool) else None,
                enum=plain if isinstance(plain, type) and issubclass(plain, StrEnum) else None,
                may_be_null=len(options) > 1 or "personal" in item.metadata,
                required=item.name in ENVELOPE or (item.default is MISSING and item.default_factory is MISSING),
                personal="personal" in item.metadata,
            )
        )
    return tuple(found)


MEMBERS = {kind: _members(kind) for kind in KINDS}
"""The fields of each event kind, with how each is written and read."""

HAS_PERSONAL = {kind for kind, members in MEMBERS.items() if any(member.personal for member in members)}


def write_line(event: Event) -> str:
    """One event as one line of JSON, without the line feed. Raises ValueError for a number that JSON cannot hold."""
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
        elif member.label:
            line[member.label] = value
    if own:
        line["personal"] = {"enc": "none", **own}
    return _ENCODER.encode(line)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def read_line(text: str, *, key: str, number: int) -> Event:
    """The event of line ``number`` (from 1) of segment ``key``.

    A member ``personal`` that this program cannot open counts as destroyed: its fields are ``None``.
    Raises DamagedSegment, UnknownVersion.
    """
    try:
        return _read_line(text)
    except UnknownWord as newer:
        raise UnknownVersion(key, f"line {number}: {newer}") from None
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise DamagedSegment(key, f"line {number}: {error}") from error


def _read_line(text: str) -> Event:
    line = _object(_DECODER.decode(text))
    if "\\u" in text:
        _refuse_unholdable(line)
    version = _read_int(line.get("v"))
    if version > FORMAT_VERSION:
        raise UnknownWord(f"format version {version}")
    if version < 1:
        raise ValueError(f"there was no format version {version}")
    subject = _object(line.get("object"))
    name = _text(line.get("kind")), _text(subject.get("type"))
    kind = type_of_object.get(name)
    if kind is None:
        raise UnknownWord(f"an event {name[0]!r:.40} of {name[1]!r:.40}")
    return _read_event(kind, line, subject.get("id"))


_UNHOLDABLE = re.compile("[\x00\ud800-\udfff]")


def _refuse_unholdable(value: Any) -> None:
    """NUL and lone surrogates are written as text of six characters: as themselves no database would hold them."""
    if isinstance(value, str):
        if _UNHOLDABLE.search(value):
            raise ValueError("a text with NUL or a lone surrogate")
    elif isinstance(value, dict | list):
        for inner in value if isinstance(value, list) else (*value, *value.values()):
            _refuse_unholdable(inner)


_READING = {
    kind: tuple(
        (member.name, member.label, member.plain, member.read, member.may_be_null, member.required)
        for member in members
        if not member.personal
    )
    for kind, members in MEMBERS.items()
}
_READING_PERSONAL = {
    kind: tuple((member.name, member.plain, member.read) for member in members if member.personal)
    for kind, members in MEMBERS.items()
}


def _read_event(kind: type[Event], line: Mapping[str, Any], object_id: Any) -> Event:
    opened: Mapping[str, Any] = {}
    if kind in HAS_PERSONAL:
        own = _object(line.get("personal"))
        if _text(own.get("enc")) == "none":
            opened = own
    values: dict[str, Any] = {}
    for name, label, plain, read, may_be_null, required in _READING[kind]:
        if not label:
            value = object_id
        elif label in line:
            value = line[label]
        elif required:
            raise ValueError(f"{name} is missing")
        else:
            continue
        if value is None and not may_be_null:
            raise ValueError(f"{name} is null")
        values[name] = value if value is None or type(value) is plain else _read_member(name, read, value)
    for name, plain, read in _READING_PERSONAL[kind]:
        value = opened.get(name)
        values[name] = value if value is None or type(value) is plain else _read_member(name, read, value)
    return kind(**values)


def _read_member(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ValueError(f"{name}: {error}") from error
