"""Keeps the API key, and every hash that was made of it, out of everything that is written.

The key or the hash has to travel in the query (reference, 01.0 [doc]), so it is in every address that ``requests`` and
``urllib3`` see, and urllib3 logs addresses at DEBUG. A :class:`Redaction` blots both out of our own messages, and while
it is installed out of every record of theirs, before any handler sees it.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from urllib.parse import quote, quote_plus

_BLOT = "***"
_TELLING = 16  # characters
_LIBRARIES = ("urllib3", "requests")
_MOST_HASHES = 4_096  # kept; each is worthless 10 s after it was made
_DIGITS = 64  # of a hash
_HASH = re.compile(rf"[0-9a-fA-F]{{{_DIGITS},}}")
_HASH_BYTES = re.compile(rb"[0-9a-fA-F]{%d,}" % _DIGITS)


class Redaction(logging.Filter):
    """Blots one secret and its hashes out of texts and log records, as they are and as they look inside an address."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        spellings = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        self._hashes: OrderedDict[str, None] = OrderedDict()

    def __repr__(self) -> str:
        return "Redaction(***)"

    def learn_hash(self, digest: str) -> None:
        """Blot this out too: 64 hexadecimal digits, in either case."""
        self._hashes[digest] = None
        if len(self._hashes) > _MOST_HASHES:
            self._hashes.popitem(last=False)

    def clean(self, text: str) -> str:
        """``text`` with ``***`` in place of what is secret."""
        for spelling in self._spellings:
            text = text.replace(spelling, _BLOT)
        if self._hashes:
            text = _HASH.sub(lambda found: self._without_hashes(found.group(), _BLOT), text)
        return text

    def blot(self, data: bytes) -> bytes:
        """``data`` with asterisks in place of what is secret, as many bytes as before.

        Only for a secret of at least 16 characters: a shorter one may stand in honest data by chance.
        """
        for spelling in self._spellings:
            if len(spelling) >= _TELLING:
                data = data.replace(spelling.encode(), b"*" * len(spelling.encode()))
        if self._hashes:
            stars = "*" * _DIGITS
            data = _HASH_BYTES.sub(
                lambda found: self._without_hashes(found.group().decode("ascii"), stars).encode("ascii"), data
            )
        return data

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass, cleaned. An exception attached to it stays only as cleaned text."""
        message = record.getMessage()
        cleaned = self.clean(message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
        if record.exc_info:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

    def _without_hashes(self, digits: str, blot: str) -> str:
        """A run of hexadecimal digits, which may hold more than a hash."""
        folded = digits.lower()
        for start in range(len(digits) - _DIGITS + 1):
            if folded[start : start + _DIGITS] in self._hashes:
                rest = self._without_hashes(digits[start + _DIGITS :], blot)
                return f"{digits[:start]}{blot}{rest}"
        return digits

    def install(self) -> None:
        """Clean what the HTTP libraries log from now on; each logger needs the filter, as it sees only its own."""
        for logger in _loggers():
            logger.addFilter(self)

    def remove(self) -> None:
        """Undo ``install``."""
        for logger in _loggers():
            logger.removeFilter(self)


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict)
    return [logging.getLogger(name) for name in known if name.split(".")[0] in _LIBRARIES]
