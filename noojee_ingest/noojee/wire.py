r"""JSON as text: numbers keep their text, every entry keeps its own raw text, and a digest that ignores spelling.

``1700000123.10`` is not ``1700000123.1`` (reference, section 6, quirk 11), so no number is ever made a float here: it
becomes the text that stood in the JSON. Strings become text too; ``true`` and ``false`` stay ``bool``, ``null`` is
``None``, lists are ``list`` and objects :class:`Members`.

**Bytes to text.** A body is read as UTF-8; each byte that is not UTF-8 becomes the lone surrogate ``U+DC00 + byte``
(Python's ``surrogateescape``). Then NUL and every lone surrogate, which neither UTF-8 nor a database can hold, are
replaced by their JSON escape of six characters (``\u0000``, ``\udce9``). Raw text is cut from the result, so it is
valid UTF-8 and still the same JSON. What an escape *inside* a string stood for is replaced in the same way
(:func:`safe`) wherever text leaves this package: ids, names, keys.

**Canonical form of an entry**, over which its digest (SHA-256, hex) is made, from the raw text:

* a number becomes a JSON string of its text as it stood (``31`` and ``"31"`` are the same, ``31`` and ``31.0`` are not;
  ``NaN``, ``Infinity`` and ``-Infinity``, which are not JSON, count as numbers);
* ``true`` and ``false`` become the JSON strings ``"true"`` and ``"false"``; ``null`` stays ``null``;
* of a key that stands twice in one object the last one counts; keys are sorted by Unicode code point;
* no blanks; strings in ASCII with JSON's short escapes, and ``\u`` with four lower-case hex digits for the rest, astral
  characters as surrogate pairs: what ``json.dumps(value, sort_keys=True, separators=(",", ":"))`` writes;
* an entry nested deeper than 100 levels has no canonical form: its digest is over its raw text, in UTF-8.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

DEEPEST = 100  # levels of lists and objects within one entry

Value: TypeAlias = "str | bool | list[Value] | Members | None"

_UNHOLDABLE = re.compile("[\x00\ud800-\udfff]")
_BLANKS = re.compile(r"[ \t\n\r]*")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class NotJSON(ValueError):
    """The text is not JSON."""


class TooDeep(ValueError):
    """Nested beyond :data:`DEEPEST`."""


class Members(dict[str, Value]):
    """A JSON object. Of a repeated key the last value counts; ``repeated`` names such keys."""

    def __init__(self, pairs: Iterable[tuple[str, Value]] = ()) -> None:
        super().__init__()
        repeated = []
        for key, value in pairs:
            if key in self:
                repeated.append(key)
            self[key] = value
        self.repeated = tuple(repeated)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an array: its raw text, what it says (``TooDeep`` if that cannot be read), and its digest."""

    text: str
    value: Value | TooDeep
    digest: str


def text_of(body: bytes) -> str:
    """A body as text that UTF-8 and a database can hold (see above). A byte order mark is dropped."""
    return safe(body.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff"))


def safe(text: str) -> str:
    r"""``text`` with NUL and lone surrogates replaced by their JSON escape, e.g. ``\u0000``."""
    return _UNHOLDABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256 (hex) over the sorted set of lines, joined by LF: how the digests of an answer become one."""
    return hashlib.sha256("\n".join(sorted(set(lines))).encode()).hexdigest()


def array(text: str) -> list[Element]:
    """The elements of a text that is one JSON array. Raises NotJSON."""
    elements, end = _elements(text, _skip(text, 0))
    _finish(text, end)
    return elements


def members(text: str) -> tuple[Members, dict[str, list[Element]]]:
    """The members of a text that is one JSON object; those that are arrays come as elements, beside the others.

    Raises NotJSON. A member that is nested too deep to read counts as ``None``.
    """
    arrays: dict[str, list[Element]] = {}
    pairs: list[tuple[str, Value]] = []

    def member(at: int) -> int:
        key, at = _key(text, at)
        arrays.pop(key, None)
        if text[at : at + 1] == "[":
            arrays[key], at = _elements(text, at)
            return at
        value, at = _value(text, at)
        pairs.append((key, None if isinstance(value, TooDeep) else value))
        return at

    _finish(text, _walk(text, _skip(text, 0), ("{", "}"), member))
    return Members(pair for pair in pairs if pair[0] not in arrays), arrays


def member_texts(text: str) -> dict[str, str]:
    """The members of a text that is one JSON object, each as its own raw text; of a repeated key the last one.

    Raises NotJSON.
    """
    texts: dict[str, str] = {}

    def member(at: int) -> int:
        key, start = _key(text, at)
        _, end = _value(text, start)
        texts[key] = text[start:end]
        return end

    _finish(text, _walk(text, _skip(text, 0), ("{", "}"), member))
    return texts


def canonical(value: Value) -> str:
    """The canonical form of a value (see above). Raises TooDeep."""
    return json.dumps(_as_text(value, 0), sort_keys=True, separators=(",", ":"))


def _as_text(value: Value, depth: int) -> object:
    match value:
        case bool():
            return "true" if value else "false"
        case dict() | list() if depth >= DEEPEST:
            raise TooDeep(f"nested deeper than {DEEPEST} levels")
        case dict():
            return {key: _as_text(inner, depth + 1) for key, inner in value.items()}
        case list():
            return [_as_text(inner, depth + 1) for inner in value]
        case _:
            return value


_decoder = json.JSONDecoder(
    parse_float=str,
    parse_int=str,
    parse_constant=str,
    object_pairs_hook=Members,
    strict=False,  # control characters within strings are taken as they come
)


def _skip(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _finish(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise NotJSON("something follows the end of the JSON")


def _value(text: str, at: int) -> tuple[Value | TooDeep, int]:
    """The value that starts at ``at``, and where it ends."""
    try:
        value, end = _decoder.raw_decode(text, at)
    except json.JSONDecodeError as failure:
        raise NotJSON(f"{failure.msg} at character {failure.pos}") from None
    except RecursionError:
        return TooDeep(f"nested deeper than {DEEPEST} levels"), _end_of_nested(text, at)
    return value, end


def _key(text: str, at: int) -> tuple[str, int]:
    """The key that starts at ``at``, and where its value starts."""
    key, end = _value(text, at)
    if not isinstance(key, str) or text[at] != '"':
        raise NotJSON(f"a key expected at character {at}")
    at = _skip(text, end)
    if text[at : at + 1] != ":":
        raise NotJSON("a key without a value")
    return key, _skip(text, at + 1)


def _end_of_nested(text: str, at: int) -> int:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, at):
        match found.group()[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
                if depth == 0:
                    return found.end()
    raise NotJSON("the text ends within a list or an object")


def _walk(text: str, at: int, brackets: tuple[str, str], step: Callable[[int], int]) -> int:
    """Walk the list or object that starts at ``at``: ``step`` takes where an item starts and gives where it ends."""
    opening, closing = brackets
    if text[at : at + 1] != opening:
        raise NotJSON(f"{opening!r} expected at character {at}")
    at = _skip(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        at = _skip(text, step(at))
        match text[at : at + 1]:
            case ",":
                at = _skip(text, at + 1)
            case mark if mark == closing:
                return at + 1
            case _:
                raise NotJSON(f"',' or {closing!r} expected at character {at}")


def _elements(text: str, at: int) -> tuple[list[Element], int]:
    elements: list[Element] = []

    def element(start: int) -> int:
        value, end = _value(text, start)
        raw = text[start:end]
        form = raw
        if not isinstance(value, TooDeep):
            try:
                form = canonical(value)
            except TooDeep as depth:
                value = depth
        elements.append(Element(raw, value, hashlib.sha256(form.encode()).hexdigest()))
        return end

    return elements, _walk(text, at, ("[", "]"), element)
