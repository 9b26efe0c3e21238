"""The client: one object for one phone system."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from requests.adapters import BaseAdapter

from noojee_ingest.model import now_utc
from noojee_ingest.noojee.authentication import AuthenticationMethod, Credential, HashCredential, KeyCredential
from noojee_ingest.noojee.calls import Calls
from noojee_ingest.noojee.campaigns import Campaigns
from noojee_ingest.noojee.contract import CONTRACT, Contract
from noojee_ingest.noojee.errors import Misconfigured
from noojee_ingest.noojee.leads import Leads
from noojee_ingest.noojee.limits import Limiter, LocalLimiter
from noojee_ingest.noojee.patience import Patience
from noojee_ingest.noojee.recordings import Recordings
from noojee_ingest.noojee.redaction import Redaction
from noojee_ingest.noojee.session import Link, Session
from noojee_ingest.noojee.site import Site
from noojee_ingest.noojee.transport import Transport

log = logging.getLogger(__name__)

PATIENCE = Patience()


class Noojee:
    """A Noojee phone system, seen through its API. Safe to share between threads; close it, or use it in ``with``.

    :param url: its base address, e.g. ``https://acme.example.com.au``; HTTPS is mandatory in current versions [doc]
    :param key: the API key (reference, 01.0, generation B [doc]); recordings need a global one
    :param zone: the phone system's own zone, in which it writes times without one [inferred]
    :param method: how to prove who we are: the key itself, or for old systems a hash of key and time stamp [doc]
    :param contract: what we hold the phone system to, see ``contract``
    :param limiter: what it allows; without one, a ``LocalLimiter`` of ``connections`` requests at once
    :param transport: an adapter of ``requests`` to send with, for a proxy or a test; it makes no retries of its own
    :param connections: connections that are kept open between requests
    :param connect_timeout: seconds to wait for a connection
    :param read_timeout: seconds to wait for the next byte of an answer
    :param ca_bundle: file or folder of certificates to trust instead of the usual ones
    :param patience: how long to keep trying
    :param stop: when set, waiting ends with Interrupted and so does reading at the next piece; ``abort`` ends it now
    :param clock: our time, aware, in UTC
    :raises Misconfigured: if the address, the key or the CA bundle cannot work
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        zone: ZoneInfo,
        method: AuthenticationMethod = AuthenticationMethod.KEY,
        contract: Contract = CONTRACT,
        limiter: Limiter | None = None,
        transport: BaseAdapter | None = None,
        connections: int = 8,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        ca_bundle: Path | None = None,
        patience: Patience = PATIENCE,
        stop: threading.Event | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        stop = stop or threading.Event()
        self.url = _checked_url(url)
        redaction = Redaction(_checked_key(key))
        names = contract.authentication
        credential: Credential = KeyCredential(names, key)
        if method is AuthenticationMethod.HASH:
            credential = HashCredential(names, key, redaction, stop=stop)
        self._session = Session(
            Link(
                self.url,
                transport or Transport(connections),
                _checked_bundle(ca_bundle),
                connect_timeout,
                read_timeout,
            ),
            credential,
            redaction,
            contract=contract,
            limiter=limiter or LocalLimiter(connections, stop=stop),
            patience=patience,
            stop=stop,
            clock=clock,
        )
        self.recordings = Recordings(self._session, contract, zone, clock)
        self.campaigns = Campaigns(self._session, contract, zone, clock)
        self.calls = Calls(self._session, contract, zone, clock)
        self.leads = Leads(self._session, contract)
        self.site = Site(self._session, contract, zone, clock)

    def server_time(self) -> datetime:
        """The phone system's own time, aware, in UTC, to the millisecond (reference, 01.0 [doc]).

        Needs no key, and none is sent. Raises any NoojeeError.
        """
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(self._session.time_stamp()))

    @property
    def clock_ahead(self) -> timedelta | None:
        """By how much our clock was ahead when the request of the latest answer was made; negative: behind.

        Told by the answer's ``Date`` (RFC 9110, 6.6.1), so to the second. ``None`` where it had none.
        """
        return self._session.clock_ahead

    @property
    def requests_made(self) -> dict[str, int]:
        """Requests sent so far, retries included, by the contract's name of the endpoint, e.g. ``by_hour``."""
        return self._session.requests_made()

    def abort(self) -> None:
        """End every request under way at once, from any thread, with the ordinary transport.

        With the stop event set they end as Interrupted, or Uncertain where a change was on its way; without it they
        count as lost connections and may be retried. What still connects sends nothing, however late that succeeds.
        """
        self._session.abort()

    def close(self) -> None:
        """Close all connections, also those of requests under way in other threads.

        These end as Interrupted, or Uncertain where a change was on its way, and so does whatever is asked from now on;
        a watch ends. A body that is being read is cut, and a wait between two tries is waited out first.
        """
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Noojee({self.url!r})"


def _checked_url(url: str) -> str:
    hint = "It should look like https://acme.example.com.au, without user name, query or fragment."
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise Misconfigured("the phone system's address is not an HTTP address", hint=hint)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Misconfigured("the phone system's address holds more than a host and a path", hint=hint)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        log.warning("%s is asked over plain HTTP: all on the way can read key and recordings", parts.netloc)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _checked_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Misconfigured(
            "the API key is empty or holds blanks or signs that no key has",
            hint="Keys look like 5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c; look for a line end that was read along.",
        )
    return key


def _checked_bundle(bundle: Path | None) -> bool | str:
    if bundle is None:
        return True
    if not bundle.exists():
        raise Misconfigured(f"the CA bundle {bundle} does not exist", hint="Correct the path, or leave it out.")
    return str(bundle)
