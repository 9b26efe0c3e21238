"""Who we are, proved to the phone system in one of two ways (reference, 01.0 [doc]).

**Key** (generation B): the API key goes along as it is. **Hash** (generation A, before 4.9.0.10; newer ones still take
it): a time stamp from the phone system itself, and the SHA-256 of key and stamp. Our own clock has no part in it: the
stamp's age is counted on a clock that only runs forward, from before it was asked for.

What is not known, and how both cases are served:

* *May one stamp serve several calls within its 10 s?* At first it does. If the phone system calls one expired that
  cannot be, then every request takes a stamp of its own from there on.
* *What is one of the at most five authentication attempts at once?* Here it is all from the asking for a stamp to the
  first answer to the request that it signs. Bodies are read outside of it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
_LOOK = 0.2  # seconds between two looks at the stop event while waiting


class AuthenticationMethod(StrEnum):
    """How the client proves who it is (reference, 01.0)."""

    KEY = "key"
    HASH = "hash"


class Signature(AuthBase):
    """Puts what proves who we are in front of a request's query, at the last moment.

    :param parameters: names and values, in order
    :param asked: when its time stamp was asked for, by the credential's clock
    """

    def __init__(self, parameters: dict[str, str], asked: float = 0.0) -> None:
        self._query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
        self.asked = asked

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        path, _, query = (request.url or "").partition("?")
        request.url = f"{path}?{self._query}{'&' if query else ''}{query}"
        return request

    def __repr__(self) -> str:
        return "Signature(***)"


class Credential(Protocol):
    """What signs requests. Shared between threads."""

    def signing(self, fetch_stamp: Callable[[], str]) -> AbstractContextManager[Signature]:
        """The signature of one request; left when its first answer has come.

        :param fetch_stamp: asks the phone system for a time stamp, as text
        """
        ...

    def expired(self, signature: Signature) -> None:
        """Take note that the phone system called the time stamp of this signature expired."""
        ...


class KeyCredential:
    """Generation B: the key, as first parameter of the query."""

    def __init__(self, names: Authentication, key: str) -> None:
        self._signature = Signature({names.api_key: key})

    def signing(self, fetch_stamp: Callable[[], str]) -> AbstractContextManager[Signature]:
        """See :class:`Credential`. No stamp is needed."""
        return nullcontext(self._signature)

    def expired(self, signature: Signature) -> None:
        """A key has no time stamp."""


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
        self._attempts = threading.BoundedSemaphore(ATTEMPTS)
        self._renewing = threading.Lock()
        self._shared: Signature | None = None
        self._sharing = True

    @contextmanager
    def signing(self, fetch_stamp: Callable[[], str]) -> Iterator[Signature]:
        """See :class:`Credential`. Raises Interrupted, and what ``fetch_stamp`` raises."""
        with self._held(self._attempts):
            yield self._present(fetch_stamp)

    def expired(self, signature: Signature) -> None:
        """See :class:`Credential`."""
        if self._clock() - signature.asked < LIFE:
            self._sharing = False
        if self._shared is signature:
            self._shared = None

    def _present(self, fetch_stamp: Callable[[], str]) -> Signature:
        if not self._sharing:
            return self._new(fetch_stamp)
        with self._held(self._renewing):
            if self._shared is None or self._clock() - self._shared.asked >= RENEWED:
                self._shared = self._new(fetch_stamp)
            return self._shared

    def _new(self, fetch_stamp: Callable[[], str]) -> Signature:
        asked = self._clock()
        stamp = fetch_stamp()
        proof = hashlib.sha256(f"{self._key}:{stamp}".encode()).hexdigest()
        self._redaction.learn_hash(proof)
        return Signature({self._names.time_stamp: stamp, self._names.hash: proof}, asked)

    @contextmanager
    def _held(self, lock: threading.Lock | threading.Semaphore) -> Iterator[None]:
        while not lock.acquire(timeout=_LOOK):
            if self._stop.is_set():
                raise Interrupted("stopped while waiting to authenticate")
        try:
            yield
        finally:
            lock.release()
