r"""The strings that make a handset answer by itself, by maker (reference, section 5).

The vendor's own sources disagree, so each string has its mark, and what the others say beside it. A string is the
characters of the SIP header as sent, before they are encoded; two backslashes in it are two backslashes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from noojee_ingest.noojee.errors import Misconfigured
from noojee_ingest.noojee.marked import Mark

_NONE: Mapping[str, str] = {}
_USUAL = r"Call-Info:\\; answer-after=0"


@dataclass(frozen=True, slots=True)
class Handset:
    """How one maker's handsets are told to answer. ``note`` is for who finds that ``string`` does not work."""

    maker: str
    string: str
    mark: Mark
    note: str = ""


_ALL = (
    Handset(
        "aastra",
        "Alert-Info: info=alert-autoanswer",
        Mark.DOC,
        rf"The vendor's Java client sends {_USUAL}, its browser extension Call-Info: Answer-After=0.",
    ),
    Handset("grandstream", _USUAL, Mark.DOC),
    Handset("linksys", _USUAL, Mark.DOC),
    Handset("polycom", "Alert-Info: Ring Answer", Mark.DOC),
    Handset("snom", _USUAL, Mark.DOC, "For older firmware; from 8.7 on see snom-new."),
    Handset(
        "snom-new",
        r"Alert-Info: <http://www.ignored.com>\;info=alert-autoanswer\;delay=0",
        Mark.CLIENT,
        r"Firmware after 8.7. Documented: Call-Info: <sip:IP-ADDRESS>\;answer-after=0, with its address.",
    ),
    Handset(
        "yealink",
        r"Call-Info:\; answer-after=0",
        Mark.DOC,
        rf"One backslash. The vendor's Java client sends Call-info:answer-after=0, its browser extension {_USUAL}.",
    ),
)

#: By maker, in small letters.
HANDSETS: Mapping[str, Handset] = {handset.maker: handset for handset in _ALL}


def auto_answer(maker: str, overrides: Mapping[str, str] = _NONE) -> str:
    """The string for a maker's handsets, for :meth:`Calls.dial` and :meth:`Calls.answer`.

    :param maker: compared without case
    :param overrides: strings by maker that win over ours, also for makers that we do not know
    :raises Misconfigured: for a maker that nobody knows, naming the nearest
    """
    own = {name.lower(): string for name, string in overrides.items()}
    known = {name: handset.string for name, handset in HANDSETS.items()} | own
    wanted = maker.strip().lower()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)
    raise Misconfigured(
        f"no handset maker is called {maker!r}",
        hint=f"The nearest is {near[0]!r}; there are: {', '.join(sorted(known))}.",
    )
