"""Keeps the API key out of everything that is written.

The key has to travel in the query (reference, 01.0 [doc]), so it is in every address that ``requests`` and ``urllib3``
see, and urllib3 logs addresses at DEBUG. A :class:`Redaction` blots it out of our own messages, and while it is
installed out of every record of theirs, before any handler sees it.
"""

from __future__ import annotations

import logging
from urllib.parse import quote, quote_plus

_BLOT = "***"
_TELLING = 16  # characters
_LIBRARIES = ("urllib3", "requests")


class Redaction(logging.Filter):
    """Blots one secret out of texts and log records, as it is and as it looks inside an address."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        spellings = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Redaction(***)"

    def clean(self, text: str) -> str:
        """``text`` with ``***`` in place of the secret."""
        for spelling in self._spellings:
            text = text.replace(spelling, _BLOT)
        return text

    def blot(self, data: bytes) -> bytes:
        """``data`` with asterisks in place of the secret, as many bytes as before.

        Only for a secret of at least 16 characters: a shorter one may stand in honest data by chance.
        """
        for spelling in self._spellings:
            if len(spelling) >= _TELLING:
                data = data.replace(spelling.encode(), b"*" * len(spelling.encode()))
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
