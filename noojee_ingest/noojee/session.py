"""One phone system over HTTP: sends questions, retries them where that is safe, and keeps the key to itself.

What was decided, and why:

* The transport is an adapter of ``requests``, used without its ``Session``: that one reads the whole body of a redirect
  even when told not to follow it, keeps cookies, and takes proxies, CA bundles and ``.netrc`` passwords from the
  environment. Here nothing comes from the environment: a proxy would see the key of a plain HTTP request and show the
  phone system another address than the admitted one. Who needs a proxy passes a transport that knows it.
* No redirect is ever followed: the key would travel along.
* The key is put into the address by an ``AuthBase`` at the last moment, is never part of an error, and is blotted out
  of what ``urllib3`` and ``requests`` log while the session lives (see ``redaction``).
* Bodies are asked for unencoded, so that ``Content-Length`` counts what is stored.
* Every question here only reads, so every one may be repeated. Retries are ours alone; ``urllib3`` makes none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.auth import AuthBase

from noojee_ingest import __version__
from noojee_ingest.noojee import failures
from noojee_ingest.noojee.body import Body
from noojee_ingest.noojee.contract import Endpoint, Words
from noojee_ingest.noojee.envelope import Envelope, denies_key, open_envelope
from noojee_ingest.noojee.errors import BadAnswer, Interrupted, NoojeeError, Transient
from noojee_ingest.noojee.limits import Limiter, TurnKind
from noojee_ingest.noojee.patience import Patience
from noojee_ingest.noojee.redaction import Redaction
from noojee_ingest.noojee.transport import Transport
from noojee_ingest.noojee.wire import NotJSON

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of JSON
LARGEST_ERROR = 64 * 1024  # bytes of an error's body that are read for its message
STALE = 0.05  # seconds after which a turn that waited for a slot is no longer used

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """One request, before it is signed.

    ``name`` is that of the endpoint in the contract, under which it is counted; ``doing`` and ``about`` go into errors;
    parameters without a name or a value are not sent.
    """

    name: str
    endpoint: Endpoint
    parameters: Mapping[str, str]
    doing: str
    about: str = ""
    turn: TurnKind | None = None


class KeyInQuery(AuthBase):
    """Authentication of generation B: the key as first parameter of the query (reference, 01.0 [doc])."""

    def __init__(self, parameter: str, key: str) -> None:
        self._pair = f"{quote(parameter, safe='')}={quote(key, safe='')}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        path, _, query = (request.url or "").partition("?")
        request.url = f"{path}?{self._pair}{'&' if query else ''}{query}"
        return request

    def __repr__(self) -> str:
        return "KeyInQuery(***)"


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


class Session:
    """Asks questions of one phone system, from any number of threads."""

    def __init__(
        self,
        link: Link,
        credential: AuthBase,
        redaction: Redaction,
        *,
        words: Words,
        limiter: Limiter,
        patience: Patience,
        stop: threading.Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._credential = credential
        self._redaction = redaction
        self._words = words
        self._limiter = limiter
        self._patience = patience
        self._stop = stop
        self._clock = clock
        self._counted: Counter[str] = Counter()
        self._counting = threading.Lock()
        redaction.install()

    def ask(self, question: Question, read: Callable[[Envelope], T]) -> T:
        """What ``read`` makes of the answer to a question, retried while that helps. Raises any NoojeeError."""

        def once() -> T:
            with self._asked(question, accept="application/json") as body:
                data = body.whole(LARGEST_ANSWER)
            envelope = self._opened(data)
            if envelope.code is not None and envelope.code < 0:
                raise failures.of_code(envelope, self._words)
            if envelope.code:
                told = self._redaction.clean(envelope.told)
                log.warning("%s (%s): the phone system warns: %s", question.doing, question.about, told)
            return read(envelope)

        with self._named(question):
            return self._repeated(once)

    @contextmanager
    def stream(self, question: Question, first: Callable[[Body], T]) -> Iterator[T]:
        """The answer as a stream, which holds its slot until its end was read or it is left.

        ``first`` reads the beginning of the body and makes of it what the caller gets; up to there a failure is
        retried, and after it no more. Raises any NoojeeError, also while the stream is read.
        """
        with self._named(question), ExitStack() as lasting:

            def once() -> T:
                with ExitStack() as attempt:
                    body = attempt.enter_context(self._asked(question, accept="*/*"))
                    begun = first(body)
                    lasting.enter_context(attempt.pop_all())
                body.when_over(lasting.close)
                return begun

            yield self._repeated(once)

    def harmless(self, text: bytes) -> bytes:
        """The beginning of a body that should be audio and is text, with the key blotted out.

        Raises AuthenticationFailed if it is a JSON error about the key.
        """
        text = self._redaction.blot(text)
        try:
            envelope = open_envelope(text)
        except NotJSON:
            return text
        if denies_key(envelope, self._words):
            raise failures.of_code(envelope, self._words)
        return text

    def requests_made(self) -> dict[str, int]:
        """How many requests were sent so far, retries included, by endpoint."""
        with self._counting:
            return dict(self._counted)

    def abort(self) -> None:
        """End every request under way; it is Interrupted if the stop event is set, else it may be tried again."""
        if isinstance(self._link.transport, Transport):
            self._link.transport.abort()

    def close(self) -> None:
        """Close all connections, also those of requests under way."""
        self.abort()
        self._link.transport.close()
        self._redaction.remove()

    def _opened(self, data: bytes) -> Envelope:
        try:
            return open_envelope(self._redaction.blot(data))
        except NotJSON as caught:
            failure = BadAnswer(str(caught))
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

    def _repeated(self, once: Callable[[], T]) -> T:
        waited = 0.0
        for tried in count(1):
            try:
                return once()
            except Transient as caught:
                failure = caught
            pause = self._patience.pause(failure, tried, waited)
            if pause is None:
                break
            log.info("%s; try %d follows in %.1f s", self._redaction.clean(failure.problem), tried + 1, pause)
            if self._stop.wait(pause):
                raise Interrupted(f"stopped while waiting to try again after {failure.problem}")
            waited += pause
        raise failure

    @contextmanager
    def _asked(self, question: Question, accept: str) -> Iterator[Body]:
        """Send it once, holding a slot until the body is left. Raises what the status tells."""
        if question.turn:
            self._limiter.turn(question.turn)
        granted = time.monotonic()
        with self._limiter.slot():
            if self._stop.is_set():
                raise Interrupted("stopped before the request was sent")
            if question.turn and time.monotonic() - granted > STALE:
                self._limiter.turn(question.turn)  # or the next one, on time, would follow this late one too soon
            response = self._sent(question, accept)
            try:
                body = Body(response, read_timeout=self._link.read_timeout, stop=self._stop)
                if not 200 <= response.status_code < 300:
                    told = _told(body)
                    raise failures.of_status(response.status_code, response.headers, told, self._words, self._clock())
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise BadAnswer("the answer is encoded although it was asked for as it is")
                yield body
            finally:
                response.close()

    def _sent(self, question: Question, accept: str) -> requests.Response:
        query = urlencode({n: v for n, v in question.parameters.items() if n and v}, quote_via=quote, safe="/")
        headers = {"User-Agent": f"noojee-ingest/{__version__}", "Accept": accept, "Accept-Encoding": "identity"}
        if question.endpoint.method == "POST":  # the parameters are in the query all the same, and the body is empty
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        url = f"{self._link.base}{question.endpoint.path}{'?' if query else ''}{query}"
        request = requests.Request(question.endpoint.method, url, headers=headers, auth=self._credential).prepare()
        with self._counting:
            self._counted[question.name] += 1
        try:
            return self._link.transport.send(
                request,
                stream=True,
                timeout=(self._link.connect_timeout, self._link.read_timeout),
                verify=self._link.verify,
            )
        except failures.LIBRARY_ERRORS as caught:
            failure = failures.of_sending(caught, self._link.host, self._link.connect_timeout, self._link.read_timeout)
        raise failure


def _told(body: Body) -> bytes:
    """What an error's body says, as far as it comes: the status counts even if the rest is lost."""
    try:
        return body.head(LARGEST_ERROR)
    except Transient:
        return b""
