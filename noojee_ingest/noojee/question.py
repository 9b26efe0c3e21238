"""One request, before it is signed, and the checks of what callers put into it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from noojee_ingest.noojee.endpoints import Endpoint
from noojee_ingest.noojee.errors import Misconfigured, Refused
from noojee_ingest.noojee.failures import NO_REFUSALS
from noojee_ingest.noojee.limits import TurnKind

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TECHNOLOGY = re.compile(r"^[A-Za-z]+/")


@dataclass(frozen=True, slots=True)
class Question:
    """One request, before it is signed.

    ``name`` is that of the endpoint in the contract, under which it is counted; ``doing`` and ``about`` go into errors;
    parameters without a name or a value are not sent; ``json`` is a body. ``to_check`` makes it one that changes
    something and is what a person should look at when its answer is lost; ``refusals`` are codes above zero that are
    errors. ``read_timeout`` is in seconds, ``None`` for the client's. ``patient``: retried while that helps;
    ``may_be_empty``: an empty answer with HTTP 200 is a success; ``signed``: carries key or hash.
    """

    name: str
    endpoint: Endpoint
    parameters: Mapping[str, str]
    doing: str
    about: str = ""
    turn: TurnKind | None = None
    json: bytes | None = None
    to_check: str = ""
    refusals: Mapping[int, type[Refused]] = field(default_factory=lambda: NO_REFUSALS)
    read_timeout: float | None = None
    patient: bool = True
    may_be_empty: bool = False
    signed: bool = True

    @property
    def changes(self) -> bool:
        """Whether it changes something on the phone system, so that it must not be repeated."""
        return bool(self.to_check)

    @property
    def query(self) -> str:
        """The parameters, encoded. Raises Misconfigured for a text that UTF-8 cannot write."""
        try:
            return urlencode({n: v for n, v in self.parameters.items() if n and v}, quote_via=quote, safe="/")
        except UnicodeEncodeError:
            pass
        raise Misconfigured("a text holds half a character (a lone surrogate), which no request can carry")


def given(what: str, value: str, doing: str) -> str:
    """``value`` without blanks around it. Raises Misconfigured if nothing is left, or if it is no text."""
    return exact(what, text(what, value, doing).strip(), doing)


def exact(what: str, value: str, doing: str) -> str:
    """``value`` as it is. Raises Misconfigured if it is empty, or no text: a request without it would mean another."""
    if text(what, value, doing):
        return value
    raise Misconfigured(f"the {what} is missing", doing=doing, hint="No request was sent. Give one.")


def text(what: str, value: str, doing: str) -> str:
    """``value``, which can be sent. Raises Misconfigured for a number, or half of a sign."""
    problem = ""
    if not isinstance(value, str):
        problem = f"the {what} is {value!r}, not a text"  # type: ignore[unreachable]  # callers without types
    else:
        try:
            value.encode()
        except UnicodeEncodeError:
            problem = f"the {what} holds half of a sign (a lone surrogate)"
    if problem:
        raise Misconfigured(problem, doing=doing, hint="No request was sent. Ids and fields are texts, e.g. '12'.")
    return value


def one_line(what: str, value: str, doing: str) -> str:
    """``value``, which becomes part of a SIP header. Raises Misconfigured for line ends and other control signs."""
    if _CONTROL.search(value):
        raise Misconfigured(
            f"the {what} holds a line end or another control sign", doing=doing, hint="No request was sent."
        )
    return value


def bare(extension: str) -> str:
    """An extension without its technology: ``SIP/205`` becomes ``205`` (reference, section 6, quirk 14)."""
    return _TECHNOLOGY.sub("", extension)


def with_technology(extension: str) -> str:
    """An extension as dial needs it (reference, 02.0 [doc]): a bare ``205`` becomes ``SIP/205`` [inferred]."""
    return f"SIP/{extension}" if extension.isascii() and extension.isdigit() else extension


def bare_extensions(extensions: Iterable[str], doing: str) -> str:
    """Extensions joined by commas, each once. Raises Misconfigured if there is none."""
    names = (extensions,) if isinstance(extensions, str) else extensions
    each = dict.fromkeys(bare(name.strip()) for joined in names for name in joined.split(","))
    return given("extension", ",".join(name for name in each if name), doing)
