"""Events of extensions, by long polls (reference, 05.0 and 14.0)."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from sys import maxsize
from zoneinfo import ZoneInfo

from noojee_ingest.model import WireTime
from noojee_ingest.noojee.answers import Fields
from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.errors import BadAnswer, Interrupted, NoojeeError, NotFound, Transient
from noojee_ingest.noojee.keys import EventKeys
from noojee_ingest.noojee.question import Question
from noojee_ingest.noojee.session import Session
from noojee_ingest.noojee.states import value_of, whole_number
from noojee_ingest.noojee.wire import Element, Members, NotJSON, member_texts, members, safe

WATCHING = "watch extensions"
POLL_MARGIN = 15.0  # seconds that an answer may come after the poll's own time
BREATH = 0.5  # seconds: an answer that came sooner and counts no further is not followed by the next poll at once
BAD_IN_A_ROW = 3  # answers that make no sense: those of a server that restarts are fewer, if we wait in between
_DOUBLINGS = 16  # of the wait between tries: beyond that, Patience.longest bounds it anyway


@dataclass(frozen=True, slots=True)
class CallEvent:
    """What happened on an extension, or, with ``is_state``, what it does now.

    ``status`` is the wire's word: ``Ringing``, ``Dialing Out``, ``Connected``, ``Unlinked``, ``Hungup``, ``Busy``,
    ``No Answer`` [doc], others are passed on, ``""`` where nothing goes on. Ids are exact text. What is true or false
    is ``None`` where it was not told. ``code`` and ``message`` are the event's own, a code above zero is a warning and
    one below an error. ``seq`` is that of the answer; ``raw`` the event's JSON text; ``unreadable`` names the wire keys
    whose value could not be taken for what it should be.
    """

    extension: str
    status: str
    unique_call_id: str
    secondary_unique_call_id: str
    caller_id: str
    inbound: bool | None
    can_answer: bool | None
    is_queue_call: bool | None
    is_click_to_dial: bool | None
    call_start: WireTime
    call_id: str
    seq: int
    raw: str
    is_state: bool
    code: int | None
    message: str
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Events may have been missed.

    ``reason`` is a sentence; ``at`` is when it was noticed, in UTC; ``seq`` is the last sequence number before it.
    """

    reason: str
    at: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class _Told:
    """One answer; ``seq`` is ``None`` where it has none."""

    seq: int | None
    events: list[CallEvent | Gap]
    quick: bool


class Subscription:
    """One watch over some extensions."""

    def __init__(
        self,
        session: Session,
        contract: Contract,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        extensions: str,
    ) -> None:
        self._session = session
        self._at = contract.subscribe
        self._keys = contract.event_keys
        self._zone = zone
        self._clock = clock
        self._extensions = extensions
        self._patience = replace(session.patience, tries=maxsize, total=math.inf)
        self._answered = False
        self._gaps = 0  # in a row, with the states that did not come: the pauses grow with it
        self._bad: Counter[bool] = Counter()  # in a row, of states and of polls

    def events(self, since: int, seconds: int) -> Iterator[CallEvent | Gap]:
        """The state, then events, until the session is stopped or this is closed. ``seconds`` is how long a poll is."""
        try:
            yield from self._events(since, seconds)
        except Interrupted:
            return

    def _events(self, since: int, seconds: int) -> Iterator[CallEvent | Gap]:
        seq = since
        if not since:
            state = self._ask(0, 0, patient=True)
            self._answered = True
            yield from state.events
            seq = state.seq or 0
        while True:
            told = self._tried(seq, seconds)
            if isinstance(told, _Told) and (told.seq is None or told.seq >= seq):
                self._gaps = 0
                yield from told.events
                if told.quick and (told.seq or seq) <= seq:
                    self._session.wait(BREATH)
                seq = told.seq or seq
                continue
            if self._session.stopped:
                return
            if isinstance(told, _Told):
                yield Gap(f"the phone system counts anew: {told.seq} came after {seq}", self._clock(), seq)
                yield from told.events
            else:
                yield Gap(f"a poll broke: {told.problem}", self._clock(), seq)
            state = self._state_again(told)
            yield from state.events
            seq = state.seq or 0

    def _state_again(self, told: _Told | NoojeeError) -> _Told:
        """The present state, asked for until it comes. Raises what ``_tried`` raises."""
        while True:
            self._session.wait(self._pause(told))
            told = self._tried(0, 0)
            if isinstance(told, _Told):
                return told

    def _pause(self, told: _Told | NoojeeError) -> float:
        self._gaps = min(self._gaps + 1, _DOUBLINGS)
        if isinstance(told, Transient):
            pause = self._patience.pause(told, self._gaps, 0.0) or 0.0
        else:
            pause = min(self._patience.longest, BREATH * 2 ** (self._gaps - 1))
        return max(BREATH, pause)

    def _tried(self, seq: int, seconds: int) -> _Told | NoojeeError:
        """One answer, or why there is none. Raises what will not pass, and what is bad for the third time in a row."""
        is_state = not seconds
        failure: NoojeeError
        try:
            told = self._ask(seq, seconds, patient=False)
        except Transient as caught:
            failure = caught
            self._bad[is_state] = 0
        except (BadAnswer, NotFound) as caught:
            failure = caught
            self._bad[is_state] += 1
        else:
            self._answered = True
            self._bad[is_state] = 0
            return told
        if self._bad[is_state] and (not self._answered or self._bad[is_state] >= BAD_IN_A_ROW):
            raise failure
        return failure

    def _ask(self, seq: int, seconds: int, *, patient: bool) -> _Told:
        at = self._at
        parameters = {at.extensions: self._extensions, at.last_seq: str(seq), at.timeout: str(seconds)}
        question = Question(
            "subscribe",
            at,
            parameters,
            WATCHING,
            self._extensions,
            read_timeout=seconds + POLL_MARGIN,
            patient=patient,
        )
        began = time.monotonic()
        told = self._session.ask(question, lambda envelope: self._read(envelope, seq, is_state=not seconds))
        return replace(told, quick=time.monotonic() - began < BREATH)

    def _read(self, envelope: Envelope, before: int, *, is_state: bool) -> _Told:
        seq = whole_number(value_of(envelope.members, self._keys.seq))
        events = list(self._events_of(envelope, before if seq is None else seq, is_state=is_state))
        if events and seq is None and not is_state:
            raise BadAnswer("the answer has events and no sequence number, so they would come for ever")
        return _Told(seq, events, quick=False)

    def _events_of(self, envelope: Envelope, seq: int, *, is_state: bool) -> Iterator[CallEvent | Gap]:
        if not envelope.text.lstrip().startswith("{"):
            raise BadAnswer("the answer is a list, where an object should tell of events")
        texts = member_texts(envelope.text)
        data = next((texts[key] for key in self._keys.data if key in texts), "null")
        if data == "null":
            return
        if not data.startswith("{"):
            raise BadAnswer("the answer's events are not an object")
        try:
            others, lists = members(data)
        except NotJSON as caught:
            problem = str(caught)
        else:
            for extension in member_texts(data):
                name = safe(extension)
                for element in lists.get(extension, ()):
                    event = _event(element, name, seq, self._keys, self._zone, is_state=is_state)
                    yield event or Gap(f"an event of extension {name} cannot be read", self._clock(), seq)
                if extension not in lists and others.get(extension) is not None:
                    yield Gap(f"the events of extension {name} are not a list", self._clock(), seq)
            return
        raise BadAnswer(problem)


def _event(
    element: Element, extension: str, seq: int, keys: EventKeys, zone: ZoneInfo, *, is_state: bool
) -> CallEvent | None:
    if not isinstance(element.value, Members):
        return None
    call = value_of(element.value, keys.call_data)
    if call is not None and not isinstance(call, Members):
        return None
    outer, inner = Fields(element.value), Fields(call if call is not None else Members())
    event = CallEvent(
        extension=extension,
        status=inner.text(keys.status),
        unique_call_id=inner.text(keys.unique_call_id),
        secondary_unique_call_id=inner.text(keys.secondary_unique_call_id),
        caller_id=inner.text(keys.caller_id),
        inbound=inner.flag(keys.inbound),
        can_answer=inner.flag(keys.can_answer),
        is_queue_call=inner.flag(keys.is_queue_call),
        is_click_to_dial=inner.flag(keys.is_click_to_dial),
        call_start=inner.time(keys.call_start, zone),
        call_id=outer.text(keys.call_id),
        seq=seq,
        raw=element.text,
        is_state=is_state,
        code=whole_number(value_of(element.value, keys.code)),
        message=outer.text(keys.message),
    )
    return replace(event, unreadable=(*outer.unreadable, *inner.unreadable))
