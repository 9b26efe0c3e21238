"""The fault plan: what tests and demos tell the simulated phone system to do wrong."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from random import Random
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from .wire import Entry, text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Drip(_Strict):
    """Send ``size`` bytes, then rest for ``every`` seconds."""

    size: int = Field(gt=0)
    every: float = Field(ge=0)


class RetryAfter(_Strict):
    """A header that asks to wait for ``seconds``: as a number, or as the date at which they are over."""

    seconds: int = Field(ge=0)
    form: Literal["seconds", "date"] = "seconds"

    def header(self, now: float) -> str:
        """The value, by the clock of the answer's ``Date``, in seconds since the epoch."""
        return str(self.seconds) if self.form == "seconds" else formatdate(now + self.seconds, usegmt=True)


class OtherAudio(_Strict):
    """Another sound recording in place of the leg's own, in its format.

    version: which one, the same for the same number; 0: another one at every download
    seconds: how long; without it as long as the leg
    """

    version: int = Field(ge=0)
    seconds: int | None = Field(default=None, ge=1)


class Answer(_Strict):
    """What to say instead, and how to say it.

    With none of ``status``, ``text``, ``base64``, ``audio_bytes`` and ``other_audio`` the ordinary answer is sent and
    only the manner changes.

    status: HTTP status, 200 when only a body is given
    headers: added to the answer's own, or in place of those of the same name
    text, base64: the body
    audio_bytes: the body is a sound PCM WAV of this many bytes (even, at least 1,000), made as it is sent
    other_audio: of a leg that has audio: another recording (see there). ``GET /audio`` tells of it
    retry_after: a header (see there)
    revoke_key: from this request on no key is good, the one that it came with included
    content_length: what the header says. When it is more than the body, the connection is cut after the body; when
        less, only so much of the body is sent
    cut_after: bytes of the body after which the connection is cut
    delay: seconds before the first byte
    drip: send the body in small pieces
    hang: after ``cut_after`` bytes, or before the first byte without it, send nothing more and keep the connection
    before_change: of what changes something (dial, tag, updateLeadFast, ...): it is not done. Without this it is done
        first, and only then the answer spoilt. Needs a body or status of its own, ``hang`` or ``cut_after`` 0
    """

    status: int | None = None
    headers: dict[str, str] = {}
    text: str | None = None
    base64: str | None = None
    audio_bytes: int | None = Field(default=None, ge=1000, multiple_of=2)
    other_audio: OtherAudio | None = None
    retry_after: RetryAfter | None = None
    revoke_key: bool = False
    content_length: int | None = Field(default=None, ge=0)
    cut_after: int | None = Field(default=None, ge=0)
    delay: float = Field(default=0, ge=0)
    drip: Drip | None = None
    hang: bool = False
    before_change: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.before_change and not (self.hang or self.cut_after == 0 or self.speaks):
            raise ValueError("before_change: there is no ordinary answer; give status, text, hang or cut_after 0")
        return self

    @property
    def speaks(self) -> bool:
        """Whether it has something of its own to say."""
        return any(one is not None for one in (self.status, self.text, self.base64, self.audio_bytes, self.other_audio))

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if sum(body is not None for body in (self.text, self.base64, self.audio_bytes, self.other_audio)) > 1:
            raise ValueError("an answer has one body: text, base64, audio_bytes or other_audio")
        self.content()
        return self

    def content(self) -> bytes | None:
        """The body given as text or base64."""
        if self.text is not None:
            return self.text.encode()
        return None if self.base64 is None else base64.b64decode(self.base64, validate=True)


class Edit(_Strict):
    """A change to the entries of a list. What is done to entries is done to those that ``where`` chooses.

    where: wire keys and the text or raw JSON that they must have, as in ``{"UniqueId": "1700000123.7"}``; empty: all
    set: keys to set, each to raw JSON text: ``{"UniqueId": "1700000123.10"}`` makes it a bare number
    unset: keys to take away
    replace: raw JSON text to stand in the entry's place
    drop, double: leave the entry out; tell it twice
    append: raw JSON texts to add at the end of the list
    reverse: turn the list round, last of all
    """

    where: dict[str, str] = {}
    set: dict[str, str] = {}
    unset: tuple[str, ...] = ()
    replace: str | None = None
    drop: bool = False
    double: bool = False
    append: tuple[str, ...] = ()
    reverse: bool = False

    def apply(self, entries: list[Entry | str]) -> list[Entry | str]:
        """The changed list. An element is an entry or, once replaced or appended, raw text."""
        changed: list[Entry | str] = []
        for entry in entries:
            if isinstance(entry, str) or not self._chooses(entry):
                changed.append(entry)
            elif not self.drop:
                changed += [self._changed(entry)] * (2 if self.double else 1)
        changed += self.append
        return changed[::-1] if self.reverse else changed

    def _chooses(self, entry: Entry) -> bool:
        return all(entry.get(key) in (wanted, text(wanted)) for key, wanted in self.where.items())

    def _changed(self, entry: Entry) -> Entry | str:
        if self.replace is not None:
            return self.replace
        kept = {key: value for key, value in entry.items() if key not in self.unset}
        return {**kept, **self.set}


class Rule(_Strict):
    """When to do it: for requests to ``endpoint`` (``*``: any) whose parameters have the values in ``match``.

    ``match`` takes the names of the request (callRecordId, uniqueId, leg, date, hour, fTemplateId, ...); a request for
    audio answers to callRecordId, uniqueId and leg of the leg it asks for, whichever of them it uses, and a lead call
    to the members of its JSON body too (njExternalLeadId). ``times``: how many requests it serves, none for all.
    ``after``: so many requests that fit are let pass first. ``since``, ``until``: instants of the simulator's clock
    from which and up to which it holds. ``probability``: of serving one at all, drawn by the scenario's seed.
    """

    endpoint: str
    match: dict[str, str] = {}
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    probability: float = Field(default=1, gt=0, le=1)
    answer: Answer | None = None
    edit: Edit | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.answer is None) == (self.edit is None):
            raise ValueError("a rule has either an answer or an edit")
        return self


class FaultPlan:
    """The rules in force, in the order they came. ``clock`` tells seconds since the epoch."""

    def __init__(self, seed: int, clock: Callable[[], float] = time.time) -> None:
        self._chance = Random(f"{seed}/faults")
        self._clock = clock
        self._rules: list[_InForce] = []

    def add(self, rule: Rule) -> None:
        self._rules.append(_InForce(rule))

    def clear(self) -> None:
        self._rules.clear()

    def told(self) -> list[dict[str, Any]]:
        return [{**one.rule.model_dump(mode="json"), "served": one.served} for one in self._rules]

    def serve(self, endpoint: str, facts: Mapping[str, str]) -> tuple[Answer | None, list[Edit]]:
        """What the rules say to one request: the first answer that fits, and every edit that fits before it."""
        edits: list[Edit] = []
        for one in self._rules:
            if not self._serves(one, endpoint, facts):
                continue
            one.served += 1
            if one.rule.answer is not None:
                return one.rule.answer, edits
            if one.rule.edit is not None:
                edits.append(one.rule.edit)
        return None, edits

    def _serves(self, one: _InForce, endpoint: str, facts: Mapping[str, str]) -> bool:
        rule = one.rule
        fits = (
            rule.endpoint in ("*", endpoint)
            and (rule.times is None or one.served < rule.times)
            and all(facts.get(name) == value for name, value in rule.match.items())
            and (rule.since is None or rule.since.timestamp() <= self._clock())
            and (rule.until is None or self._clock() < rule.until.timestamp())
        )
        if not fits:
            return False
        if one.passed < rule.after:
            one.passed += 1
            return False
        return rule.probability == 1 or self._chance.random() < rule.probability


@dataclass(slots=True)
class _InForce:
    """A rule, and how many requests it let pass and served."""

    rule: Rule
    passed: int = 0
    served: int = 0
