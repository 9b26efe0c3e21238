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
    │   │   └── ExpiredTimeStamp    ... or the time stamp of the hash was too old, twice in a row
    │   ├── NotFound                404
    │   ├── Gone                    410: it was there once
    │   ├── BadAnswer               not JSON, not the expected envelope, an HTML page, too large
    │   │   └── Redirected          ... or a redirect, which is never followed
    │   ├── Refused                 a negative code, or another 4xx
    │   │   └── LeadRefused         a call record was not saved or updated; one class for each code
    │   │       ├── LeadNotFound          101
    │   │       ├── NoPhoneField          102
    │   │       ├── LeadException         103
    │   │       ├── DoNotCall             104
    │   │       ├── DuplicateLead         105
    │   │       ├── InvalidDisposition    106
    │   │       ├── NoDispositionYet      107
    │   │       ├── NoChangeOnInsert      108
    │   │       ├── LeadQueueTimedOut     109
    │   │       └── LeadConflict          110
    │   └── Misconfigured           the client was given something that cannot work; no request was sent
    │       └── ContractError       ... in the contract's overrides
    ├── Uncertain                   something that changes may have been done, and its answer was lost
    └── Interrupted                 the caller asked to stop while we waited

``str()`` of each is one sentence and a hint. Neither the key nor a hash is ever inside, nor any exception of
``requests`` or ``urllib3``, whose messages hold the whole address: not as cause, not as context. All of them can be
pickled.
"""

from __future__ import annotations

from collections.abc import Mapping


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

    ``retry_after`` is in seconds, ``None`` when it did not say how long; ``code`` is that of the body, ``None``
    if there was none.
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
        code: int | None = None,
    ) -> None:
        super().__init__(problem, doing=doing, about=about, hint=hint)
        self.retry_after = retry_after
        self.code = code


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


class ExpiredTimeStamp(AuthenticationFailed):
    """The phone system called the time stamp of the hash expired, also the new one of the one repeat (01.0 [doc])."""

    hint = (
        "The time stamps come from the phone system itself and live 10 s: "
        "either answers are slower than that, or its parts disagree about the time."
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


class Redirected(BadAnswer):
    """The phone system sends us elsewhere, where we do not go because the key would travel along."""

    hint = "Set the client's address to the place that answers by itself."


class Refused(Terminal):
    """The phone system said no: a negative code, or a 4xx that has no class of its own.

    ``status`` is the HTTP status, ``code`` the code in the body, ``None`` if there was none.
    """

    hint = "The message above is the phone system's own; correct what it names."
    code: int | None = None

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
        if code is not None:
            self.code = code


class LeadRefused(Refused):
    """A call record (a lead, in the vendor's words) was not saved or updated (reference, 23.0 [doc])."""


class LeadNotFound(LeadRefused):
    """101: the external id of an update is unknown."""

    code = 101
    hint = "No call record has this external id: check it, or save the call record first."


class NoPhoneField(LeadRefused):
    """102: none of the fields is a phone number to the template."""

    code = 102
    hint = "Give at least one field whose display type is Phone Number; 'campaign fields' lists the template's fields."


class LeadException(LeadRefused):
    """103: a fault of the phone system."""

    code = 103
    hint = "Look whether the call record was changed before you repeat it; if it stays, call the vendor's support."


class DoNotCall(LeadRefused):
    """104: the numbers are on the do-not-call list."""

    code = 104
    hint = "This person does not want to be called: leave it so, or give another number."


class DuplicateLead(LeadRefused):
    """105: a call record with this phone number exists."""

    code = 105
    hint = "Update the one that exists, or allow duplicates if a second one is meant."


class InvalidDisposition(LeadRefused):
    """106: the template has no such disposition."""

    code = 106
    hint = "Dispositions are given by name, exactly as 'campaign dispositions' lists them for the template."


class NoDispositionYet(LeadRefused):
    """107: the disposition should stay as it is, but there is none yet."""

    code = 107
    hint = "Give a disposition: '<No Change>' works only for a call record that was dispositioned before."


class NoChangeOnInsert(LeadRefused):
    """108: a new call record holds the mark for no change."""

    code = 108
    hint = "'<No Change>' has a meaning in updates only: give the field's value, or leave the field out."


class LeadQueueTimedOut(LeadRefused):
    """109: the request waited more than a minute for its turn. Nothing was written: it is safe to ask again later."""

    code = 109
    hint = "Nothing was written. Ask again in a few minutes, with fewer requests at once."


class LeadConflict(LeadRefused):
    """110: a user was editing the call record, so it was not updated."""

    code = 110
    hint = "Do not simply repeat it: a person has to look at the call record and decide which values count."


class Misconfigured(Terminal):
    """The client was given something that cannot work. No request was sent."""


class ContractError(Misconfigured):
    """An override of the contract names what does not exist, or gives it an impossible value."""


class Uncertain(NoojeeError):
    """Something that changes may have reached the phone system, and its answer was lost. It is never repeated.

    Raised once a byte of the request may have left: the connection broke, nobody answered in time, the server failed
    within (5xx), something on the way answered in its place (429, 503, a redirect), or what came cannot be understood.
    ``retry_after`` is in seconds, ``None`` when it was not told.
    """

    hint = "It was not repeated: look on the phone system whether it was done before you do it again."
    retry_after: float | None = None


class Interrupted(NoojeeError):
    """The caller's stop event was set while we waited or read."""

    hint = "Nothing is wrong: run it again to go on."


#: The codes of the lead calls, which are errors although they are above zero (reference, 23.0 [doc]).
LEAD_REFUSALS: Mapping[int, type[LeadRefused]] = {
    101: LeadNotFound,
    102: NoPhoneField,
    103: LeadException,
    104: DoNotCall,
    105: DuplicateLead,
    106: InvalidDisposition,
    107: NoDispositionYet,
    108: NoChangeOnInsert,
    109: LeadQueueTimedOut,
    110: LeadConflict,
}
