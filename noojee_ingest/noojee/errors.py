"""Everything that can go wrong between us and a phone system, as one tree.

::

    NoojeeError                     what was being done, to which id, and what a person can do next
    ├── Transient                   worth asking again later, unchanged
    │   ├── Unreachable             no connection: name not found, refused, TLS, closed before an answer
    │   ├── TimedOut                nobody answered, or the answer came too slowly
    │   ├── Busy                    429, 503 or words to that effect; ``retry_after`` in seconds, if it was told
    │   ├── ServerFault             any other 5xx
    │   └── CutBody                 fewer bytes than promised, or the connection was lost within the body
    ├── Terminal                    asking again will give the same; something must change first
    │   ├── AuthenticationFailed    the key is wrong, revoked, without rights, or our address is not admitted
    │   ├── NotFound                404
    │   ├── Gone                    410: it was there once
    │   ├── BadAnswer               not JSON, not the expected envelope, an HTML page, a redirect, too large
    │   ├── Refused                 a negative code, or another 4xx
    │   └── Misconfigured           the client was given something that cannot work; no request was sent
    │       └── ContractError       ... in the contract's overrides
    └── Interrupted                 the caller asked to stop while we waited

``str()`` of each is one sentence and a hint. The key is never inside, nor is any exception of ``requests`` or
``urllib3``, whose messages hold the whole address: not as cause, not as context. All of them can be pickled.
"""

from __future__ import annotations


class NoojeeError(Exception):
    """Base of all errors of this package.

    :param problem: what went wrong, as a clause without a full stop
    :param doing: what was being done, as it would follow "Could not", e.g. ``"list recordings by hour"``
    :param about: the id or the like that it was done to, exact text
    :param hint: what a person can do next; without it, that of the class
    """

    hint = ""

    def __init__(self, problem: str = "", *, doing: str = "", about: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.doing = doing
        self.about = about
        if hint:
            self.hint = hint

    @property
    def problem(self) -> str:
        """What went wrong, as a clause without a full stop."""
        return str(self.args[0])

    def __str__(self) -> str:
        sentence = self.problem
        if self.doing:
            sentence = f"Could not {self.doing}{f' ({self.about})' if self.about else ''}: {self.problem}"
        return f"{sentence}. {self.hint}".rstrip()


class Transient(NoojeeError):
    """Worth asking again later, unchanged."""


class Unreachable(Transient):
    """No connection could be made, or it was closed before an answer came."""

    hint = "Check that the phone system is up and that this machine can reach it."


class TimedOut(Transient):
    """Nobody answered in time, or the answer came too slowly."""

    hint = "The phone system may be overloaded or behind a firewall that drops packets; try again later."


class Busy(Transient):
    """The phone system asked us to wait (429, 503, or an error that says so).

    ``retry_after`` is in seconds, ``None`` when it did not say how long.
    """

    hint = "The phone system limits requests; try again later, or ask for less at once."

    def __init__(
        self,
        problem: str = "",
        *,
        doing: str = "",
        about: str = "",
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(problem, doing=doing, about=about, hint=hint)
        self.retry_after = retry_after


class ServerFault(Transient):
    """The phone system failed (5xx). ``status`` is the HTTP status."""

    hint = "The fault is on the phone system's side; try again later, and tell its operator if it stays."

    def __init__(
        self, problem: str = "", *, doing: str = "", about: str = "", hint: str = "", status: int = 500
    ) -> None:
        super().__init__(problem, doing=doing, about=about, hint=hint)
        self.status = status


class CutBody(Transient):
    """The body ended too soon. ``received`` and ``expected`` are in bytes; ``expected`` is ``None`` if untold."""

    hint = "The connection was lost on the way; fetch it again from the start."

    def __init__(
        self,
        problem: str = "",
        *,
        doing: str = "",
        about: str = "",
        hint: str = "",
        received: int = 0,
        expected: int | None = None,
    ) -> None:
        super().__init__(problem, doing=doing, about=about, hint=hint)
        self.received = received
        self.expected = expected


class Terminal(NoojeeError):
    """Asking again will give the same; something must change first."""


class AuthenticationFailed(Terminal):
    """The phone system did not accept who we are.

    What a wrong key really gets is unknown; recognised as reference 01.0 proposes: HTTP 401 or 403, or a negative
    code with a message that speaks of key, hash, authentication or permission.
    """

    hint = (
        "Check the API key, that it is a global one where recordings are asked for, "
        "and that the vendor admits this machine's IP address."
    )


class NotFound(Terminal):
    """HTTP 404. Its body may be an HTML page (reference, 1.3 [client]), which is not read."""

    hint = "Either there is no such thing, or the path is another one on this phone system: see the contract."


class Gone(Terminal):
    """HTTP 410: it was there once and is no more."""

    hint = "The phone system has removed it for good."


class BadAnswer(Terminal):
    """The answer is not what this endpoint gives: not JSON, not the envelope, an HTML page, a redirect, too large."""

    hint = "Check that the address is that of the phone system itself, not of a login page or a proxy."


class Refused(Terminal):
    """The phone system said no: a negative code, or a 4xx that has no class of its own.

    ``status`` is the HTTP status, ``code`` the code in the body, ``None`` if there was none.
    """

    hint = "The message above is the phone system's own; correct what it names."

    def __init__(
        self,
        problem: str = "",
        *,
        doing: str = "",
        about: str = "",
        hint: str = "",
        status: int = 200,
        code: int | None = None,
    ) -> None:
        super().__init__(problem, doing=doing, about=about, hint=hint)
        self.status = status
        self.code = code


class Misconfigured(Terminal):
    """The client was given something that cannot work. No request was sent."""


class ContractError(Misconfigured):
    """An override of the contract names what does not exist, or gives it an impossible value."""


class Interrupted(NoojeeError):
    """The caller's stop event was set while we waited or read."""

    hint = "Nothing is wrong: run it again to go on."
