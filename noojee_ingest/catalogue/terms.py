"""What a leg can be found by, as short texts: pure functions of what the phone system wrote.

A **term** is a field and a value, ``tag:A``. The catalogue keeps for each leg the terms that it has
(``catalogue.search_index``), and a search names the terms that it wants (``catalogue.search``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from noojee_ingest.model import identity_digest

ANY = "any"
"""The term of every leg."""


class BadSearch(ValueError):
    """A search that cannot be answered; the message says why and what to ask instead."""


@lru_cache(maxsize=65_536)
def term_id(site: str, term: str) -> str:
    """What stands for a term of a site in an index: of one length, however long the term."""
    return identity_digest(site, "term", term)


# -- text


def is_text(value: str) -> bool:
    """Whether it can be written: bytes of a command line that are no UTF-8 become halves of letters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


SEPARATOR = "\x1f"
LEAST = 3


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """Text as it is compared: without regard to case, composed (``e`` + accent = ``é``), control characters as blanks.

    Accents count: ``é`` is ``É`` and not ``e``.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(" " if letter < " " else letter for letter in plain)


def searched_text(text: str) -> str:
    """A wanted text, folded. Raises BadSearch unless it has three letters or digits in a row: an index knows these."""
    wanted = folded(text)
    runs = (len(list(run)) for is_word, run in groupby(wanted, str.isalnum) if is_word)
    if max(runs, default=0) < LEAST:
        raise BadSearch(f"the text {text!r} is too short: give at least {LEAST} letters or digits in a row")
    return wanted


# -- numbers

TAIL = 9
"""So many digits, from the right, tell a long number; a local one has one less."""


@lru_cache(maxsize=16_384)
def kept_number(text: str) -> str:
    """The digits by which a number is known, ``""`` for a text that has none.

    Of a long number (more than seven digits, zeros at its begin not counted) the last nine; of a short one, such as
    an extension, all as they are.
    """
    digits = re.sub("[^0-9]", "", text)
    significant = digits.lstrip("0")
    return significant[-TAIL:] if len(significant) >= TAIL - 1 else digits


def wanted_numbers(text: str) -> list[str]:
    """What a wanted number may be known by: one without its area code is that of any area, and the other way round.

    Raises BadSearch for a text without digits.
    """
    number = kept_number(text)
    if not number:
        raise BadSearch(f"the number {text!r} has no digits")
    if len(number) == TAIL:
        return [number, number[1:]]
    if len(number) == TAIL - 1:
        return [number, *(f"{digit}{number}" for digit in range(10))]
    return [number]


# -- durations

LONGEST = 24


def duration_class(seconds: float) -> int:
    """Durations by powers of two: 0 is below a second, 1 below two, 2 below four, ..., 24 is all from 97 days on."""
    if not seconds >= 1:  # NaN is not
        return 0
    return min(int(min(seconds, 2**LONGEST)).bit_length(), LONGEST)


def duration_classes(shortest: float | None, longest: float | None) -> range:
    """The classes of the durations from ``shortest`` to ``longest`` seconds. Raises BadSearch where there are none."""
    if shortest is not None and longest is not None and shortest > longest:
        raise BadSearch(f"no duration is from {shortest:g} to {longest:g} seconds: give the shorter one first")
    first = 0 if shortest is None else duration_class(shortest)
    return range(first, (LONGEST if longest is None else duration_class(longest)) + 1)


# -- a leg

NAMED = ("campaign", "template", "allocation", "disposition")
"""What a call record says of its legs, beside its number."""


def passing_terms(state: str, kinds: Iterable[str]) -> list[str]:
    """The terms of a leg that come and go as it is worked on: its state, and what is found of it."""
    return [f"state:{state}", *(f"finding:{kind}" for kind in kinds)]


def lasting_terms(leg: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The other terms of a leg, sorted: what its row and its call records' rows say.

    A value that is null or empty gives none.
    """
    return tuple(sorted(set(_terms(leg, calls))))


SPOKEN_OF = ("day", "start", "duration", "tag", "username", "direction", "source", "destination", "did")
"""The columns of a leg that its place, its lasting terms and its text are made of."""


def _terms(leg: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield ANY
    yield f"day:{leg['day'].isoformat()}"
    if leg["tag"]:
        yield f"tag:{leg['tag']}"
    if leg["direction"]:
        yield f"direction:{folded(leg['direction'])}"
    if leg["username"]:
        yield f"user:{folded(leg['username'])}"
    if leg["duration"] is not None:
        yield f"duration:{duration_class(leg['duration'])}"
    numbers = [leg["source"], leg["destination"], leg["did"], *(call["dialled_number"] for call in calls)]
    for number in numbers:
        if number and (kept := kept_number(number)):
            yield f"number:{kept}"
    for call in calls:
        for name in NAMED:
            value = call["template_id" if name == "template" else name]
            if value:
                yield f"{name}:{folded(value)}"


def leg_text(leg: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> str:
    """The text in which a leg is found by any part of it: tag, user, and names and user fields of its call records."""
    values = [leg["tag"], leg["username"]]
    for call in calls:
        values += [call["campaign"], call["allocation"], *(call["fields"] or {}).values()]
    return SEPARATOR.join(sorted({folded(value) for value in values if value}))
