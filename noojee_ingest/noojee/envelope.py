"""The three envelopes that answers come in, opened into elements or an error (reference, 1.3).

==  =======================================================  ================================
E1  ``{"Code": int, "Message": text, ...}``                  call control, and errors anywhere
E2  ``{"code": int, "message": text, "entities": [...]}``    campaigns
E3  ``[...]``, every value a string                          recording meta data
==  =======================================================  ================================

A code below zero is an error and one above zero a warning, whatever the HTTP status says [doc]. Keys of the envelope
are compared without case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from noojee_ingest.noojee.errors import BadAnswer
from noojee_ingest.noojee.keys import Words
from noojee_ingest.noojee.wire import Element, Members, NotJSON, array, members, safe, text_of

_CODE = re.compile(r"-?\d{1,9}", re.ASCII)
_LONGEST_MESSAGE = 300  # characters of the phone system's own words within ours


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an answer says about itself. ``elements`` is ``None`` where it holds no list; ``code`` where it has none.

    ``members`` are the others of an object, by their own names (none for a bare list); ``text`` is the whole answer.
    """

    code: int | None
    message: str
    elements: list[Element] | None
    members: Members = field(default_factory=Members, compare=False)
    text: str = field(default="", compare=False)

    @property
    def told(self) -> str:
        """Code and message as a clause, e.g. ``code -1, 'Invalid apiKey'``."""
        return f"code {self.code}, {self.message!r}" if self.message else f"code {self.code}"

    @property
    def warning(self) -> str:
        """Code and message of an answer whose code is above zero, else ``""``."""
        return self.told if self.code is not None and self.code > 0 else ""

    def listed(self) -> list[Element]:
        """The list that must be there. Raises BadAnswer: an object without one is never taken for an empty list."""
        if self.elements is None:
            raise BadAnswer(f"the answer holds no list ({self.told})")
        return self.elements

    def entities(self) -> list[Element]:
        """The list of an E2 answer; without one it is empty if the code is 0 [inferred], else BadAnswer is raised."""
        return [] if self.elements is None and self.code == 0 else self.listed()


def open_envelope(body: bytes) -> Envelope:
    """Open any of the three. Raises NotJSON, saying what the body is instead."""
    text = text_of(body)
    start = text.lstrip()[:1]
    if not start:
        raise NotJSON("the answer is empty")
    if start == "<":
        raise NotJSON("the answer is a page of HTML or XML")
    if start == "[":
        return Envelope(code=0, message="", elements=array(text), text=text)
    if start != "{":
        raise NotJSON("the answer is neither a JSON list nor a JSON object")
    others, arrays = members(text)
    lists = {name.lower(): elements for name, elements in arrays.items()}
    plain = {name.lower(): value for name, value in others.items()}
    code = plain.get("code")
    message = plain.get("message")
    if code is not None and not (isinstance(code, str) and _CODE.fullmatch(code)):
        raise NotJSON("the answer's code is not a number")
    if plain.get("entities") is not None:
        raise NotJSON("the answer's entities are not a list")
    return Envelope(
        code=None if code is None else int(code),
        message=safe(message)[:_LONGEST_MESSAGE] if isinstance(message, str) else "",
        elements=lists.get("entities"),
        members=others,
        text=text,
    )


def speaks_of(message: str, words: tuple[str, ...]) -> bool:
    """Whether a message holds one of the words, compared without case."""
    folded = message.casefold()
    return any(word.casefold() in folded for word in words)


def denies_key(envelope: Envelope, words: Words) -> bool:
    """Whether this is an authentication error (reference, 01.0, proposed): a negative code and words to that effect."""
    return envelope.code is not None and envelope.code < 0 and speaks_of(envelope.message, words.authentication)


def says_expired(envelope: Envelope, words: Words) -> bool:
    """Whether the time stamp of a hash was too old (reference, 01.0 [doc])."""
    return envelope.code is not None and envelope.code < 0 and speaks_of(envelope.message, words.expired)
