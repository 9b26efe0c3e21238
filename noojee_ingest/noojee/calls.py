"""Call control: dial, state, hangup, answer, and the events of extensions (reference, 02.0 to 06.0).

Needs a global key: a user key opens the campaign calls only [doc].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.done import Dialled, Done, code_of, done
from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.errors import Misconfigured
from noojee_ingest.noojee.question import Question, bare, bare_extensions, given, one_line, with_technology
from noojee_ingest.noojee.session import Session
from noojee_ingest.noojee.states import States, read_states, text_of
from noojee_ingest.noojee.watching import POLL_MARGIN, WATCHING, CallEvent, Gap, Subscription

_LONGEST_POLL = 3_600.0  # seconds


class Calls:
    """Calls that go on now."""

    def __init__(self, session: Session, contract: Contract, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._contract = contract
        self._zone = zone
        self._clock = clock

    def dial(
        self,
        number: str,
        extension: str,
        *,
        caller_id: str = "",
        caption: str = "",
        auto_answer: str = "",
        monitored: bool = False,
        record: bool = False,
        tag: str = "",
    ) -> Dialled:
        """Ring the extension's handset, then the number, and join them (reference, 02.0 [doc]).

        :param number: an external number or an extension; blanks in it are not sent [client]
        :param extension: the agent's, with its technology (``SIP/205``) [doc]; a bare number gets ``SIP/`` [inferred]
        :param caller_id: shown to the called party; without it the phone system chooses
        :param caption: one more line on the handset
        :param auto_answer: SIP header that makes the handset answer by itself, see :func:`auto_answer`
        :param monitored: events of this extension come through :meth:`watch`
        :param record: record from the answer on; from 6.0.1.x [doc]
        :param tag: of that recording, exact text; needs ``record``
        :raises Misconfigured: for what cannot work; nothing was sent
        :raises Uncertain: it may be ringing; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        doing = "dial"
        if tag and not record:
            raise Misconfigured(
                "a tag was given without recording", doing=doing, hint="The tag is that of the recording: record, too."
            )
        at = self._contract.dial
        number = given("number", "".join(number.split()), doing)
        extension = with_technology(given("extension", extension, doing))
        parameters = {
            at.number: number,
            at.extension: extension,
            at.auto_answer: one_line("auto-answer string", auto_answer, doing),
            at.caller_id: one_line("caller id", caller_id, doing),
            at.caption: one_line("caption", caption, doing),
            at.monitored: "yes" if monitored else "",
            at.record: "true" if record else "",
            at.tag: tag,
        }
        check = f"Look whether extension {extension} rings or talks before you dial again."
        question = Question("dial", at, parameters, doing, f"{number} from {extension}", to_check=check)

        def read(envelope: Envelope) -> Dialled:
            session_id = text_of(envelope.members, self._contract.dial_keys.session_id)
            return Dialled(code_of(envelope), envelope.message, session_id)

        return self._session.ask(question, read)

    def state(self, extensions: Sequence[str], *, timeout: float = 10.0) -> States:
        """What the extensions do now (reference, 03.0 [doc]; the vendor prefers subscribe: see :meth:`watch`).

        :param extensions: internal or agent extensions; a technology before them is not sent
        :param timeout: seconds that the phone system may take, rounded up to whole ones. It answers after that too,
            with states that may be wrong; how it tells so is unknown, perhaps by ``warning``
        :return: states by extension, with the answer's own warning
        :raises NoojeeError: any of the tree
        """
        doing = "check the state of extensions"
        seconds = whole_seconds(timeout, doing, least=0)
        at = self._contract.state
        asked = bare_extensions(extensions, doing)
        parameters = {at.extensions: asked, at.timeout: str(seconds)}
        question = Question("state", at, parameters, doing, asked, read_timeout=seconds + POLL_MARGIN)
        return self._session.ask(question, lambda envelope: read_states(envelope, self._contract.state_keys))

    def hangup(self, extension_or_unique_id: str) -> Done:
        """End a call (reference, 04.0 [doc]).

        :param extension_or_unique_id: the unique call id, better than the extension: a handset may have several calls,
            and the wrong one may be cut [doc]
        :raises Uncertain: it may have been cut; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        doing = "hang up"
        at = self._contract.hangup
        which = bare(given("extension or unique id", extension_or_unique_id, doing))
        check = f"Look whether {which} still talks before you hang up again: it may be another call by then."
        return self._session.ask(Question("hangup", at, {at.extension: which}, doing, which, to_check=check), done)

    def answer(self, unique_id: str, extension: str, *, auto_answer: str) -> Done:
        """Answer a ringing call (reference, 06.0 [client]; parameters [doc]).

        :param unique_id: the ``unique_call_id`` of a ringing :class:`CallEvent`, exact text
        :param extension: to answer on, ``205`` [doc] or ``SIP/205`` [client]: sent as given
        :param auto_answer: SIP header for the handset, mandatory here [inferred], see :func:`auto_answer`
        :raises Uncertain: it may have been answered; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        doing = "answer a call"
        at = self._contract.answer
        unique_id = given("unique id", unique_id, doing)
        extension = given("extension", extension, doing)
        parameters = {
            at.unique_id: unique_id,
            at.extension: extension,
            at.auto_answer: one_line("auto-answer string", given("auto-answer string", auto_answer, doing), doing),
        }
        check = f"Look whether extension {extension} talks before you answer again."
        about = f"{unique_id} on {extension}"
        return self._session.ask(Question("answer", at, parameters, doing, about, to_check=check), done)

    def watch(self, extensions: Sequence[str], *, since: int = 0, timeout: float = 30.0) -> Iterator[CallEvent | Gap]:
        """Events of extensions as they happen (reference, 05.0 and 14.0 [doc]).

        First comes the present state, then every event. When a poll breaks, or the phone system counts from the start
        again, a :class:`Gap` says so and the present state follows once it can be had, however long that takes, asked
        for at growing distances. An answer without sense, or a 404, counts as a broken poll too, but the third in a row
        of polls or of states is raised. Ends
        when the client's stop event is set (``abort`` makes that at once) or the iterator is closed. Each poll holds
        one of the limiter's slots.

        :param extensions: a technology before them is not sent
        :param since: the ``seq`` of the last event that you have: what followed comes first, in place of the state
        :param timeout: seconds that one poll lasts, at least 1, rounded up to whole ones
        :raises Misconfigured: at once, for what cannot work
        :raises NoojeeError: while iterating, any of the tree; what is transient only before the first answer
        """
        seconds = whole_seconds(timeout, WATCHING, least=1)
        if since < 0:
            raise Misconfigured(f"there is no sequence number {since}", doing=WATCHING)
        asked = bare_extensions(extensions, WATCHING)
        return Subscription(self._session, self._contract, self._zone, self._clock, asked).events(since, seconds)


def whole_seconds(timeout: float, doing: str, *, least: int) -> int:
    """A time-out as it is sent. Raises Misconfigured beyond ``least`` seconds to one hour."""
    if not least <= timeout <= _LONGEST_POLL:
        raise Misconfigured(f"a time-out of {timeout} s is not between {least} s and {_LONGEST_POLL:g} s", doing=doing)
    return math.ceil(timeout)
