"""Recordings: made and tagged, listed, and their audio, leg by leg (reference, 07.0 to 09.0, 9.1 and 9.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from noojee_ingest.model import LegEntry, View
from noojee_ingest.noojee.answers import Answer, leg_reader, read_answer
from noojee_ingest.noojee.body import Body
from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.done import Done, done
from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.limits import TurnKind
from noojee_ingest.noojee.question import Question, exact, given
from noojee_ingest.noojee.session import Session
from noojee_ingest.noojee.times import write_date

HEAD = 65_536  # bytes of a body that are there before the first is handed out


class AudioStream:
    """The audio of one leg, as it comes. Iterate over it for the bytes, once.

    ``content_length`` (bytes) is what was promised, ``None`` if nothing was; ``content_type`` is what the phone system
    calls it, which is not to be trusted: the bytes tell what they are.

    Iterating raises CutBody if fewer bytes come than were promised, TimedOut and Interrupted.
    """

    def __init__(self, head: bytes, body: Body) -> None:
        self.content_length = body.length
        self.content_type = body.content_type
        self._head = head
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        if head:
            yield head
        while piece := self._body.read():
            yield piece


class Recordings:
    """Recordings, and what is known of them. Needs a global key: a user key opens the campaign calls only [doc].

    Lists by tag have the form of those by unique id [doc], so their entries carry the view ``BY_UNIQUE_ID``.
    """

    def __init__(self, session: Session, contract: Contract, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._contract = contract
        self._read = leg_reader(contract.leg_keys, zone)
        self._clock = clock

    def by_hour(self, day: date, hour: int) -> Answer[LegEntry]:
        """The legs that ended within one hour (reference, 9.4 [doc]).

        A call across the hour has legs in both. Ask some minutes after the hour; the phone system allows one such
        request a minute, so this waits for its turn at the limiter, again before each retry.

        :param day: in the phone system's own time [inferred]
        :param hour: 0 to 23, in the same
        :raises NotFound: where the phone system is too old to have this list
        :raises NoojeeError: any other of the tree
        """
        if not 0 <= hour <= 23:
            raise ValueError(f"hour {hour}: there are only 0 to 23")
        at = self._contract.by_hour
        parameters = {at.date: write_date(day), at.hour: str(hour)}
        about = f"{day.isoformat()}, hour {hour}"
        question = Question("by_hour", at, parameters, "list recordings by hour", about, TurnKind.BY_HOUR)
        return self._legs(question, View.BY_HOUR)

    def by_unique_id(self, unique_id: str) -> Answer[LegEntry]:
        """The legs of one call (reference, 9.1 [doc]); none is an empty answer [inferred].

        :param unique_id: Asterisk's unique id, exact text
        :raises NoojeeError: any of the tree
        """
        at = self._contract.by_unique_id
        doing, about = "list recordings by unique id", f"unique id {unique_id}"
        question = Question("by_unique_id", at, {at.unique_id: exact("unique id", unique_id, doing)}, doing, about)
        return self._legs(question, View.BY_UNIQUE_ID)

    def by_tag(self, tag: str) -> Answer[LegEntry]:
        """The legs of every call with this tag (reference, 9.1 [doc]); none is an empty answer [inferred].

        :param tag: exact text
        :raises NoojeeError: any of the tree
        """
        at = self._contract.by_tag
        doing = "list recordings by tag"
        return self._legs(Question("by_tag", at, {at.tag: _tag(tag, doing)}, doing, f"tag {tag}"), View.BY_UNIQUE_ID)

    def start(self, extension_or_unique_id: str, *, agent: str = "", tag: str = "") -> Done:
        """Start to record a call that goes on (reference, 07.0 [doc]).

        :param extension_or_unique_id: with or without technology, sent as given
        :param agent: login name of who shall own the recording; without it the user on the extension does [doc]
        :param tag: exact text, of any length
        :raises Uncertain: it may have been started; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        at = self._contract.start
        which = given("extension or unique id", extension_or_unique_id, "start recording")
        parameters = {at.extension: which, at.agent: agent, at.tag: tag}
        check = f"Look whether the call of {which} is being recorded before you start it again."
        return self._changed(
            Question("start", at, parameters, "start recording", which, to_check=check, may_be_empty=True)
        )

    def stop(self, extension_or_unique_id: str, *, agent: str = "") -> Done:
        """Stop recording a call; it goes on (reference, 08.0 [doc]).

        :param extension_or_unique_id: with or without technology, sent as given
        :param agent: login name of who must be allowed to stop it
        :raises Uncertain: it may have been stopped; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        at = self._contract.stop
        which = given("extension or unique id", extension_or_unique_id, "stop recording")
        parameters = {at.extension: which, at.agent: agent}
        check = f"Look whether the call of {which} is still being recorded before you stop it again."
        return self._changed(
            Question("stop", at, parameters, "stop recording", which, to_check=check, may_be_empty=True)
        )

    def tag(self, extension_or_unique_id: str, tag: str, *, agent: str = "") -> Done:
        """Tag a recording (reference, "tag": name [doc], the rest proposed).

        :param extension_or_unique_id: with or without technology, sent as given
        :param tag: exact text, of any length
        :param agent: login name of the recording's owner
        :raises Uncertain: it may have been tagged; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        at = self._contract.tag
        doing = "tag a recording"
        which = given("extension or unique id", extension_or_unique_id, doing)
        parameters = {at.extension: which, at.tag: _tag(tag, doing), at.agent: agent}
        check = "List the recordings by the tag to see whether it is there."
        return self._changed(Question("tag", at, parameters, doing, which, to_check=check))

    def audio_by_call_record_id(self, call_record_id: str, leg: str) -> AbstractContextManager[AudioStream]:
        """The audio of one leg of a call record (reference, 09.0: name [doc], the rest proposed).

        The request is sent when the context is entered, and holds one of the limiter's slots until the last byte was
        read or the context is left. It is retried only until the first byte is handed out.

        :param leg: the ``Leg`` of the meta data, exact text; ``""`` asks without it, for the first leg [proposed]
        :raises NotFound: there is no such recording or leg
        :raises Gone: there was
        :raises AuthenticationFailed: also for a JSON error about the key with HTTP 200; any other body is handed out
            as it is, audio or not, for whoever checks it (but the key is blotted out, should an error page repeat it)
        :raises NoojeeError: any other of the tree
        """
        at = self._contract.audio_by_call_record_id
        parameters = {at.call_record_id: exact("call record id", call_record_id, "fetch audio"), at.leg: leg}
        about = f"call record id {call_record_id}, leg {leg}"
        return self._audio(Question("audio_by_call_record_id", at, parameters, "fetch audio", about))

    def audio_by_unique_id(self, unique_id: str, leg: str) -> AbstractContextManager[AudioStream]:
        """The same by unique id (reference, 09.0: proposed only).

        :param unique_id: Asterisk's unique id, exact text
        :param leg: as for ``audio_by_call_record_id``, which see for the errors too
        """
        at = self._contract.audio_by_unique_id
        parameters = {at.unique_id: exact("unique id", unique_id, "fetch audio"), at.leg: leg}
        about = f"unique id {unique_id}, leg {leg}"
        return self._audio(Question("audio_by_unique_id", at, parameters, "fetch audio", about))

    def audio_by_tag(self, tag: str, leg: str) -> AbstractContextManager[AudioStream]:
        """The same by tag (reference, 09.0: existence [doc], the rest proposed).

        What a tag of several calls gives is unknown: list them by tag and fetch by their own ids to be sure.

        :param tag: exact text
        :param leg: as for ``audio_by_call_record_id``, which see for the errors too
        """
        at = self._contract.audio_by_tag
        parameters = {at.tag: _tag(tag, "fetch audio"), at.leg: leg}
        return self._audio(Question("audio_by_tag", at, parameters, "fetch audio", f"tag {tag}, leg {leg}"))

    def _changed(self, question: Question) -> Done:
        return self._session.ask(question, done)

    def _legs(self, question: Question, view: View) -> Answer[LegEntry]:
        def read(envelope: Envelope) -> Answer[LegEntry]:
            return read_answer(envelope.listed(), view, self._clock(), self._read, envelope.warning)

        return self._session.ask(question, read)

    def _audio(self, question: Question) -> AbstractContextManager[AudioStream]:
        def begin(body: Body) -> AudioStream:
            head = body.head(HEAD)
            return AudioStream(self._session.harmless(head) if _is_text(head) else head, body)

        return self._session.stream(question, begin)


def _tag(tag: str, doing: str) -> str:
    given("tag", tag, doing)
    return tag  # blanks around it belong to it


def _is_text(head: bytes) -> bool:
    """Whether a body can only be text: audio files have a NUL or a byte above 127 near their start."""
    return bool(head) and head[0] < 0x80 and b"\0" not in head
