"""Who we are, proved to the phone system in one of two ways (reference, 01.0 [doc]).

**Key** (generation B): the API key goes along as it is. **Hash** (generation A, before 4.9.0.10; newer ones still take
it): a time stamp from the phone system itself, and the SHA-256 of key and stamp. Our own clock has no part in it: the
stamp's age is counted on a clock that only runs forward, from before it was asked for.

What is not known, and how both cases are served:

* *May one stamp serve several calls within its 10 s?* At first it does. A request whose stamp is called expired is
  repeated with a stamp of its own. If that works although the first was young, and had served a call, and no stamp
  ever served two, then every request takes a stamp of its own from there on.
* *What is one of the at most five authentication attempts at once?* Here it is all from the asking for a stamp to the
  first answer to the request that it signs. Bodies are read outside of it. A request that may take long to answer, as a
  poll does, counts for ``COUNTED`` seconds only.

Stamps are milliseconds, and two of one millisecond are the same: one that equals the last is asked for again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from noojee_ingest.noojee.endpoints import Authentication
from noojee_ingest.noojee.errors import Interrupted
from noojee_ingest.noojee.redaction import Redaction

LIFE = 10.0  # seconds that a stamp is good for [doc]
RENEWED = 7.0  # seconds after which a new one is taken: the request has to arrive while it is good
ATTEMPTS = 5  # at once [doc]
COUNTED = 3.0  # seconds: who asks what takes long was let in or not by then
_LOOK = 0.2  # seconds between two looks at the stop event while waiting
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.2  # seconds before a stamp that equals the last is asked for again
_LONGEST_SAME = 10.0  # seconds of such pauses; a clock that stands still is taken as it is after that


class AuthenticationMethod(StrEnum):
    """How the client proves who it is (reference, 01.0)."""

    KEY = "key"
    HASH = "hash"


class Signature(AuthBase):
    """Puts what proves who we are in front of a request's query, at the last moment.

    :param parameters: names and values, in order
    :param asked: when its time stamp was asked for, by the credential's clock
    :param instead_of: the one that was called expired, for a repeat
    """

    def __init__(self, parameters: dict[str, str], asked: float = 0.0, *, instead_of: Signature | None = None) -> None:
        self._query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
        self.asked = asked
        self.instead_of = instead_of
        self.calls = 0  # that it served
        self.expired_young = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        path, _, query = (request.url or "").partition("?")
        request.url = f"{path}?{self._query}{'&' if query else ''}{query}"
        return request

    def __repr__(self) -> str:
        return "Signature(***)"


class Credential(Protocol):
    """What signs requests. Shared between threads."""

    def signing(
        self, fetch_stamp: Callable[[], str], *, instead_of: Signature | None = None, long: bool = False
    ) -> AbstractContextManager[Signature]:
        """The signature of one request; left when its first answer has come.

        :param fetch_stamp: asks the phone system for a time stamp, as text
        :param instead_of: the signature that was called expired, for a repeat: it gets a stamp of its own
        :param long: the answer may take long
        """
        ...

    def served(self, signature: Signature) -> None:
        """Take note that a request with this signature had its answer."""
        ...

    def expired(self, signature: Signature) -> None:
        """Take note that the phone system called the time stamp of this signature expired."""
        ...


class KeyCredential:
    """Generation B: the key, as first parameter of the query."""

    def __init__(self, names: Authentication, key: str) -> None:
        self._signature = Signature({names.api_key: key})

    def signing(
        self, fetch_stamp: Callable[[], str], *, instead_of: Signature | None = None, long: bool = False
    ) -> AbstractContextManager[Signature]:
        """See :class:`Credential`. No stamp is needed."""
        return nullcontext(self._signature)

    def served(self, signature: Signature) -> None:
        """Nothing follows from it."""

    def expired(self, signature: Signature) -> None:
        """A key has no time stamp."""


@dataclass(frozen=True, eq=False, slots=True)
class _Place:
    """One of the attempts at once, from ``since`` on the credential's clock."""

    since: float
    long: bool


class HashCredential:
    """Generation A: time stamp and hash.

    :param redaction: learns every hash, which is as good as the key while its stamp lives
    :param clock: seconds on a clock that only runs forward
    """

    def __init__(
        self,
        names: Authentication,
        key: str,
        redaction: Redaction,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._key = key
        self._redaction = redaction
        self._stop = stop
        self._clock = clock
        self._attempts = threading.Condition()
        self._places: list[_Place] = []
        self._renewing = threading.Lock()
        self._last_stamp = ""
        self._noting = threading.Lock()
        self._shared: Signature | None = None
        self._sharing = True
        self._served_two = False

    @contextmanager
    def signing(
        self, fetch_stamp: Callable[[], str], *, instead_of: Signature | None = None, long: bool = False
    ) -> Iterator[Signature]:
        """See :class:`Credential`. Raises Interrupted, and what ``fetch_stamp`` raises."""
        with self._attempting(long=long):
            yield self._present(fetch_stamp, instead_of)

    def served(self, signature: Signature) -> None:
        """See :class:`Credential`."""
        with self._noting:
            signature.calls += 1
            self._served_two = self._served_two or signature.calls > 1
            before = signature.instead_of
            if before and before.expired_young and before.calls and not self._served_two:
                self._sharing = False

    def expired(self, signature: Signature) -> None:
        """See :class:`Credential`."""
        with self._noting:
            signature.expired_young = self._clock() - signature.asked < LIFE
            if self._shared is signature:
                self._shared = None

    def _present(self, fetch_stamp: Callable[[], str], instead_of: Signature | None) -> Signature:
        with self._renewed():
            if instead_of or not self._sharing:
                return self._new(fetch_stamp, instead_of)
            shared = self._shared
            if shared is None or self._clock() - shared.asked >= RENEWED:
                shared = self._shared = self._new(fetch_stamp)
            return shared

    def _new(self, fetch_stamp: Callable[[], str], instead_of: Signature | None = None) -> Signature:
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            asked = self._clock()
            stamp = fetch_stamp()
            if stamp != self._last_stamp or waited >= _LONGEST_SAME:
                break
            if self._stop.wait(pause):
                raise Interrupted("stopped while waiting for a new time stamp")
            waited += pause
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._last_stamp = stamp
        proof = hashlib.sha256(f"{self._key}:{stamp}".encode()).hexdigest()
        self._redaction.learn_hash(proof)
        return Signature({self._names.time_stamp: stamp, self._names.hash: proof}, asked, instead_of=instead_of)

    @contextmanager
    def _attempting(self, *, long: bool) -> Iterator[None]:
        with self._attempts:
            while self._counted() >= ATTEMPTS:
                if self._stop.is_set():
                    raise Interrupted("stopped while waiting to authenticate")
                self._attempts.wait(_LOOK)
            place = _Place(self._clock(), long)
            self._places.append(place)
        try:
            yield
        finally:
            with self._attempts:
                self._places.remove(place)
                self._attempts.notify()

    def _counted(self) -> int:
        now = self._clock()
        return sum(not place.long or now - place.since < COUNTED for place in self._places)

    @contextmanager
    def _renewed(self) -> Iterator[None]:
        while not self._renewing.acquire(timeout=_LOOK):
            if self._stop.is_set():
                raise Interrupted("stopped while waiting to authenticate")
        try:
            yield
        finally:
            self._renewing.release()
