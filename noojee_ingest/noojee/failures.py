"""From what the HTTP libraries and HTTP statuses say to our own errors (reference, 1.3).

The libraries' exceptions hold the whole address, and the address holds the key: nothing of them is kept but chosen
words.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import requests
import urllib3

from noojee_ingest.noojee.envelope import Envelope, denies_key, open_envelope, says_expired, speaks_of
from noojee_ingest.noojee.errors import (
    AuthenticationFailed,
    BadAnswer,
    Busy,
    CutBody,
    ExpiredTimeStamp,
    Gone,
    Interrupted,
    NoojeeError,
    NotFound,
    Redirected,
    Refused,
    ServerFault,
    TimedOut,
    Transient,
    Uncertain,
    Unreachable,
)
from noojee_ingest.noojee.keys import Words
from noojee_ingest.noojee.patience import retry_after
from noojee_ingest.noojee.wire import NotJSON

#: What sending a request or reading a body may raise.
LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)

NO_REFUSALS: Mapping[int, type[Refused]] = {}


def of_sending(caught: Exception, host: str, connect_timeout: float, read_timeout: float) -> NoojeeError:
    """The error for a request that got no answer. Times in seconds."""
    reason = _innermost(caught)
    failure: NoojeeError
    if isinstance(caught, requests.ConnectTimeout):
        failure = TimedOut(f"{host} accepted no connection within {connect_timeout:g} s")
    elif isinstance(caught, requests.ReadTimeout):
        failure = TimedOut(f"{host} did not answer within {read_timeout:g} s")
    elif isinstance(reason, ssl.SSLError | urllib3.exceptions.SSLError):
        failure = Unreachable(
            f"no secure connection to {host} ({_tls_reason(reason)})",
            hint="Check the certificate, the CA bundle (setting 'ca_bundle'), and that the port speaks HTTPS.",
        )
    elif isinstance(reason, urllib3.exceptions.NameResolutionError):
        failure = Unreachable(f"the name {host} is not known", hint="Check the spelling of the host, and the DNS.")
    elif isinstance(reason, urllib3.exceptions.NewConnectionError):
        failure = Unreachable(
            f"{host} refused the connection or cannot be reached",
            hint="Check that the phone system is up, the port, and firewalls on the way.",
        )
    elif isinstance(caught, requests.ConnectionError) or not isinstance(caught, requests.RequestException):
        failure = Unreachable(f"{host} closed the connection before it answered")
    else:
        failure = BadAnswer(f"{host} gave an answer that is not sound HTTP")
    return failure


def of_reading(caught: Exception, read_timeout: float, received: int, expected: int | None) -> NoojeeError:
    """The error for a body that broke off. Times in seconds, sizes in bytes."""
    if isinstance(caught, urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return TimedOut(f"the answer stopped after {received} bytes and nothing came for {read_timeout:g} s")
    return cut(received, expected)


def cut(received: int, expected: int | None) -> CutBody:
    """The error for a body that is shorter than promised. Sizes in bytes."""
    of = "" if expected is None else f" of {expected}"
    return CutBody(f"the answer was cut after {received}{of} bytes", received=received, expected=expected)


def never_connected(caught: Exception) -> bool:
    """Whether a request surely never left: a connection could not even be made."""
    reason = _innermost(caught)
    return isinstance(caught, requests.ConnectTimeout) or isinstance(reason, urllib3.exceptions.NewConnectionError)


def of_status(  # noqa: PLR0917
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    words: Words,
    now: datetime,
    refusals: Mapping[int, type[Refused]] = NO_REFUSALS,
) -> NoojeeError:
    """The error for an answer whose HTTP status is not a success.

    :param body: the first part of it, read for a code and a message if it is JSON
    :param now: our time, aware
    :param refusals: codes above zero that are errors here, whatever the status
    """
    envelope = _readable(body)
    told = f"HTTP {status}"
    if envelope and envelope.code is not None:
        told += f", {envelope.told}"
        if envelope.code in refusals or says_expired(envelope, words):
            return of_code(envelope, words, status, refusals)
    failure: NoojeeError
    match status:
        case 401 | 403:
            failure = AuthenticationFailed(f"the phone system does not accept the key ({told})")
        case 404:
            failure = NotFound(f"the phone system has no such thing ({told})")
        case 408:
            failure = TimedOut(f"the phone system gave up waiting for the request ({told})")
        case 410:
            failure = Gone(f"the phone system has it no more ({told})")
        case 429 | 503:
            failure = _busy(told, retry_after(headers, now), envelope.code if envelope else None)
        case _ if 300 <= status < 400:
            failure = _redirected(status, headers)
        case _ if status >= 500:
            failure = ServerFault(f"the phone system failed ({told})", status=status)
        case _ if envelope and envelope.code is not None:
            failure = of_code(envelope, words, status)
        case _:
            failure = Refused(f"the phone system refused ({told})", status=status)
    return failure


def of_code(
    envelope: Envelope, words: Words, status: int = 200, refusals: Mapping[int, type[Refused]] = NO_REFUSALS
) -> NoojeeError:
    """The error for an envelope that tells of one."""
    told = f"HTTP {status}, {envelope.told}"
    refusal = refusals.get(envelope.code or 0)
    if refusal:
        return refusal(f"the phone system refused ({told})", status=status, code=envelope.code)
    if says_expired(envelope, words):
        return ExpiredTimeStamp(f"the phone system says that the time stamp has expired ({told})")
    if denies_key(envelope, words):
        return AuthenticationFailed(f"the phone system does not accept the key ({told})")
    if speaks_of(envelope.message, words.busy):
        return _busy(told, None, envelope.code)
    return Refused(f"the phone system refused ({told})", status=status, code=envelope.code)


def of_change(failure: NoojeeError, to_check: str) -> NoojeeError:
    """What an error means for a request that changes something, once a byte of it may have left.

    An answer that says what was wrong stays what it is; all that leaves open whether it was done is Uncertain, also a
    429, a 503 or a redirect without a code of the phone system's own: whatever is on the way may have made it.

    :param to_check: what a person should look at, as a sentence
    """
    busy = failure if isinstance(failure, Busy) else None
    if (busy and (busy.code or 0) < 0) or not isinstance(failure, Transient | BadAnswer | Interrupted):
        return failure
    uncertain = Uncertain(
        f"{failure.problem}; it may have been done all the same", hint=f"It was not repeated. {to_check}".rstrip()
    )
    uncertain.retry_after = busy.retry_after if busy else None
    return uncertain


def _busy(told: str, seconds: float | None, code: int | None) -> Busy:
    wait = "" if seconds is None else f" and asks to wait {seconds:g} s"
    return Busy(f"the phone system is busy ({told}){wait}", retry_after=seconds, code=code)


def _redirected(status: int, headers: Mapping[str, str]) -> Redirected:
    target = urlsplit(headers.get("Location", ""))
    where = f" to {target.scheme}://{target.netloc}" if target.netloc else ""
    return Redirected(
        f"the phone system redirects{where} (HTTP {status}), which is not followed because the key would travel along"
    )


def _readable(body: bytes) -> Envelope | None:
    try:
        return open_envelope(body)
    except NotJSON:
        return None


def _innermost(caught: BaseException) -> BaseException:
    """``requests`` wraps ``urllib3``'s errors in its own, as first argument, and those have a reason."""
    inner = caught.args[0] if caught.args else None
    reason = getattr(inner, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return inner if isinstance(inner, BaseException) else caught


def _tls_reason(reason: BaseException) -> str:
    inner = reason.args[0] if reason.args and isinstance(reason.args[0], ssl.SSLError) else reason
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    return (inner.reason if isinstance(inner, ssl.SSLError) else None) or "TLS failed"
