"""One phone system over HTTP: sends questions, repeats them where that is safe, and keeps the key to itself.

What was decided, and why:

* The transport is an adapter of ``requests``, used without its ``Session``: that one reads the whole body of a redirect
  even when told not to follow it, keeps cookies, and takes proxies, CA bundles and ``.netrc`` passwords from the
  environment. Here nothing comes from the environment: a proxy would see the key of a plain HTTP request and show the
  phone system another address than the admitted one. Who needs a proxy passes a transport that knows it.
* No redirect is ever followed: the key would travel along.
* Key or hash is put into the address by an ``AuthBase`` at the last moment, is never part of an error, and is blotted
  out of what ``urllib3`` and ``requests`` log while the session lives (see ``authentication``, ``redaction``).
* Bodies are asked for unencoded, so that ``Content-Length`` counts what is stored.
* A question that only reads is repeated while that helps. One that changes something is repeated only while no
  connection was made at all; once a byte may have left, what stays open is ``Uncertain``. Retries are ours alone;
  ``urllib3`` makes none.
* ``Expired TimeStamp`` leads to a new stamp and one repeat at once, whatever was asked: the phone system says itself
  that it did nothing.
* Once closed, nothing more is asked, by whichever thread: it is Interrupted. The libraries' log records are blotted
  until the last request under way is over.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from noojee_ingest import __version__
from noojee_ingest.noojee import failures
from noojee_ingest.noojee.authentication import LIFE, Credential, Signature
from noojee_ingest.noojee.body import Body
from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.envelope import Envelope, denies_key, open_envelope, says_expired
from noojee_ingest.noojee.errors import BadAnswer, ExpiredTimeStamp, Interrupted, NoojeeError, Transient
from noojee_ingest.noojee.limits import Limiter
from noojee_ingest.noojee.patience import Patience, http_date
from noojee_ingest.noojee.question import Question
from noojee_ingest.noojee.redaction import Redaction
from noojee_ingest.noojee.transport import Transport
from noojee_ingest.noojee.wire import NotJSON

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of JSON
LARGEST_ERROR = 64 * 1024  # bytes of an error's body that are read for its message
_STAMP = re.compile(rb'\s*"?(\d{12,14})"?\s*')
STALE = 0.05  # seconds after which a turn that waited for a slot is no longer used

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach the phone system. ``base`` has no slash at its end; ``verify`` is a CA bundle or True; seconds."""

    base: str
    transport: BaseAdapter
    verify: bool | str
    connect_timeout: float
    read_timeout: float

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.base).netloc


class Attempt:
    """How far one try of a question came: ``begun`` once a byte of it may have left.

    ``instead_of`` is the signature of an earlier try that was called expired.
    """

    def __init__(self, instead_of: Signature | None = None) -> None:
        self.begun = False
        self.instead_of = instead_of
        self.signature: Signature | None = None


class Session:
    """Asks questions of one phone system, from any number of threads."""

    def __init__(
        self,
        link: Link,
        credential: Credential,
        redaction: Redaction,
        *,
        contract: Contract,
        limiter: Limiter,
        patience: Patience,
        stop: threading.Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._credential = credential
        self._redaction = redaction
        self._words = contract.words
        self._limiter = limiter
        self.patience = patience
        self._stop = stop
        self._clock = clock
        worth_waiting = min(LIFE, link.read_timeout)  # a stamp that comes later is of no use any more
        self._time = Question(
            "time", contract.time, {}, "fetch the phone system's time", signed=False, read_timeout=worth_waiting
        )
        self._counted: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False
        self._in_flight = 0
        self.clock_ahead: timedelta | None = None
        redaction.install()

    def ask(self, question: Question, read: Callable[[Envelope], T]) -> T:
        """What ``read`` makes of the answer to a question, retried while that helps. Raises any NoojeeError."""

        def opened(data: bytes) -> T:
            envelope = self._opened(data, question)
            if envelope.code is not None and (envelope.code < 0 or envelope.code in question.refusals):
                raise failures.of_code(envelope, self._words, refusals=question.refusals)
            if envelope.code:
                log.warning("%s (%s): the phone system warns: %s", question.doing, question.about, envelope.told)
            return read(envelope)

        return self._fetched(question, opened)

    def time_stamp(self) -> str:
        """The phone system's own time in milliseconds, as text (reference, 01.0). Raises any NoojeeError."""
        return self._fetched(self._time, self._stamp)

    @contextmanager
    def stream(self, question: Question, first: Callable[[Body], T]) -> Iterator[T]:
        """The answer as a stream, which holds its slot until its end was read or it is left.

        ``first`` reads the beginning of the body and makes of it what the caller gets; up to there a failure is
        retried, and after it no more. Raises any NoojeeError, also while the stream is read.
        """
        with self._named(question), ExitStack() as lasting:

            def once(attempt: Attempt) -> T:
                with ExitStack() as this_time:
                    body = this_time.enter_context(self._asked(question, attempt, accept="*/*"))
                    begun = first(body)
                    lasting.enter_context(this_time.pop_all())
                body.when_over(lasting.close)
                return begun

            yield self._repeated(question, once)

    def harmless(self, text: bytes) -> bytes:
        """The beginning of a body that should be audio and is text, with key and hash blotted out.

        Raises AuthenticationFailed if it is a JSON error about the key or the time stamp.
        """
        text = self._redaction.blot(text)
        try:
            envelope = open_envelope(text)
        except NotJSON:
            return text
        if denies_key(envelope, self._words) or says_expired(envelope, self._words):
            raise failures.of_code(envelope, self._words)
        return text

    def wait(self, seconds: float) -> None:
        """Wait. Raises Interrupted as soon as the stop event is set, and where the client was closed."""
        self._go_on("before waiting")
        self._stop.wait(seconds)
        self._go_on("while waiting")

    @property
    def stopped(self) -> bool:
        """Whether the stop event is set or the client was closed."""
        return self._stop.is_set() or self._closed

    def requests_made(self) -> dict[str, int]:
        """How many requests were sent so far, retries included, by endpoint."""
        with self._counting:
            return dict(self._counted)

    def abort(self) -> None:
        """End every request under way; it is Interrupted if the stop event is set, else it may be tried again.

        What has not begun to be sent, because it still connects, is not sent.
        """
        if isinstance(self._link.transport, Transport):
            self._link.transport.abort()

    def close(self) -> None:
        """Close all connections, also those of requests under way. What is asked from now on is Interrupted."""
        with self._closing:
            self._closed = True
            self._blot_no_more()
        self.abort()
        self._link.transport.close()

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        """Count a request in flight. Raises Interrupted if the client was closed."""
        with self._closing:
            if self._closed:
                raise Interrupted("the client was closed")
            self._in_flight += 1
        try:
            yield
        finally:
            with self._closing:
                self._in_flight -= 1
                self._blot_no_more()

    def _blot_no_more(self) -> None:
        """Take the redaction off once nobody can log an address any more: what is in flight still does."""
        if self._closed and not self._in_flight:
            self._redaction.remove()

    def _go_on(self, when: str) -> None:
        """Raises Interrupted if the client was closed or the stop event is set."""
        if self._closed:
            raise Interrupted("the client was closed")
        if self._stop.is_set():
            raise Interrupted(f"stopped {when}")

    def _fetched(self, question: Question, read: Callable[[bytes], T]) -> T:
        def once(attempt: Attempt) -> T:
            with self._asked(question, attempt, accept="application/json") as body:
                data = body.whole(LARGEST_ANSWER)
            return read(data)

        with self._named(question):
            return self._repeated(question, once)

    def _opened(self, data: bytes, question: Question) -> Envelope:
        if question.may_be_empty and not data.strip():
            return Envelope(code=0, message="", elements=None)
        try:
            envelope = open_envelope(self._redaction.blot(data))
        except NotJSON as caught:
            failure = BadAnswer(str(caught))
        else:
            return replace(envelope, message=self._redaction.clean(envelope.message))
        raise failure

    @contextmanager
    def _named(self, question: Question) -> Iterator[None]:
        """Errors learn here what was being done, to what, and lose the key if a message held it."""
        try:
            yield
        except NoojeeError as failure:
            if not failure.doing:
                failure.doing, failure.about = question.doing, question.about
                failure.args = (self._redaction.clean(failure.problem),)
            raise

    def _repeated(self, question: Question, once: Callable[[Attempt], T]) -> T:
        waited = 0.0
        renewed: Signature | None = None
        for tried in count(1):
            attempt = Attempt(renewed)
            try:
                answered = once(attempt)
            except NoojeeError as caught:
                failure = caught
            else:
                if attempt.signature:
                    self._credential.served(attempt.signature)
                return answered
            if isinstance(failure, ExpiredTimeStamp) and attempt.signature:
                self._credential.expired(attempt.signature)
                if not renewed:
                    renewed = attempt.signature
                    continue
            if question.changes and attempt.begun:
                failure = failures.of_change(failure, question.to_check)
                break
            if not isinstance(failure, Transient):
                break
            self._go_on(f"after {failure.problem}")
            if not question.patient:
                break
            pause = self.patience.pause(failure, tried, waited)
            if pause is None:
                break
            log.info("%s; try %d follows in %.1f s", self._redaction.clean(failure.problem), tried + 1, pause)
            self._stop.wait(pause)
            self._go_on(f"while waiting to try again after {failure.problem}")
            waited += pause
        raise failure

    @contextmanager
    def _asked(self, question: Question, attempt: Attempt, accept: str) -> Iterator[Body]:
        """Send it once, holding a slot until the body is left. Raises what the status tells."""
        with self._under_way():
            if question.turn:
                self._limiter.turn(question.turn)
            granted = time.monotonic()
            with self._limiter.slot():
                if isinstance(self._link.transport, Transport):
                    self._link.transport.admit()  # before the look at the stop: an abort after it must count
                self._go_on("before the request was sent")
                if question.turn and time.monotonic() - granted > STALE:
                    self._limiter.turn(question.turn)  # or the next one, on time, would follow this late one too soon
                with self._answered(question, attempt, accept) as body:
                    yield body

    @contextmanager
    def _answered(self, question: Question, attempt: Attempt, accept: str) -> Iterator[Body]:
        asked_at = self._clock()
        response = self._signed_and_sent(question, attempt, accept)
        dated = http_date(response.headers.get("Date", ""))
        self.clock_ahead = asked_at - dated if dated is not None else None
        try:
            # the small answer to a change is read even while stopping: it is better to know
            stop = threading.Event() if question.changes else self._stop
            body = Body(response, read_timeout=question.read_timeout or self._link.read_timeout, stop=stop)
            if not 200 <= response.status_code < 300:
                told = self._redaction.blot(_told(body))  # before a message is cut within the key
                raise failures.of_status(
                    response.status_code, response.headers, told, self._words, self._clock(), question.refusals
                )
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise BadAnswer("the answer is encoded although it was asked for as it is")
            yield body
        finally:
            response.close()

    def _signed_and_sent(self, question: Question, attempt: Attempt, accept: str) -> requests.Response:
        if not question.signed:
            return self._sent(question, attempt, accept)
        long = question.read_timeout is not None
        with self._credential.signing(self._stamp_for_signing, instead_of=attempt.instead_of, long=long) as signature:
            attempt.signature = signature
            return self._sent(question, attempt, accept)

    def _stamp_for_signing(self) -> str:
        """A time stamp, within the slot of the request that it is for."""
        with self._named(self._time):
            with self._answered(self._time, Attempt(), accept="application/json") as body:
                data = body.whole(LARGEST_ERROR)
            return self._stamp(data)

    def _stamp(self, data: bytes) -> str:
        found = _STAMP.fullmatch(data)
        if found:
            return found[1].decode("ascii")
        envelope = self._opened(data, self._time)
        if envelope.code is not None and envelope.code < 0:
            raise failures.of_code(envelope, self._words)
        raise BadAnswer("the answer is not a number of milliseconds")

    def _sent(self, question: Question, attempt: Attempt, accept: str) -> requests.Response:
        query = question.query
        headers = {"User-Agent": f"noojee-ingest/{__version__}", "Accept": accept, "Accept-Encoding": "identity"}
        if question.json is not None:
            headers["Content-Type"] = "application/json"
        elif question.endpoint.method == "POST":  # the parameters are in the query all the same, and the body is empty
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        url = f"{self._link.base}{question.endpoint.path}{'?' if query else ''}{query}"
        request = requests.Request(
            question.endpoint.method, url, headers=headers, data=question.json, auth=attempt.signature
        ).prepare()
        with self._counting:
            self._counted[question.name] += 1
        read_timeout = question.read_timeout or self._link.read_timeout
        if isinstance(self._link.transport, Transport):
            self._link.transport.fresh = question.changes
        try:
            response = self._link.transport.send(
                request, stream=True, timeout=(self._link.connect_timeout, read_timeout), verify=self._link.verify
            )
        except failures.LIBRARY_ERRORS as caught:
            failure = failures.of_sending(caught, self._link.host, self._link.connect_timeout, read_timeout)
            attempt.begun = self._begun(caught)
        else:
            attempt.begun = True
            return response
        raise failure

    def _begun(self, caught: Exception) -> bool:
        transport = self._link.transport
        return transport.begun if isinstance(transport, Transport) else not failures.never_connected(caught)


def _told(body: Body) -> bytes:
    """What an error's body says, as far as it comes: the status counts even if the rest is lost."""
    try:
        return body.head(LARGEST_ERROR)
    except Transient:
        return b""
