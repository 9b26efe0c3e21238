"""What the phone system answers when something was done."""

from __future__ import annotations

from dataclasses import dataclass

from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.errors import BadAnswer


@dataclass(frozen=True)
class Done:
    """It was done. ``code`` is 0, or above zero for a warning; ``message`` is the phone system's own, often empty."""

    code: int
    message: str

    @property
    def warning(self) -> str:
        """Code and message if the code is above zero (reference, 1.3 [doc]), else ``""``."""
        if self.code == 0:
            return ""
        return f"code {self.code}, {self.message!r}" if self.message else f"code {self.code}"


@dataclass(frozen=True)
class Dialled(Done):
    """It rings. ``session_id`` is text, as the vendor's sources disagree on its type; ``""`` if none was told."""

    session_id: str


def done(envelope: Envelope) -> Done:
    """Read an answer that must have a code. Raises BadAnswer: without one nobody knows what it means."""
    return Done(code_of(envelope), envelope.message)


def code_of(envelope: Envelope) -> int:
    """The code of an answer that must be an object with one. Raises BadAnswer."""
    if envelope.code is None or envelope.text.lstrip().startswith("["):
        raise BadAnswer("the answer has no code")
    return envelope.code
