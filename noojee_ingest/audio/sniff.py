"""What bytes that are not audio look like."""

from __future__ import annotations

import codecs
import re

HEAD = 512  # bytes shown of what is not audio

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BEFORE_MARKUP = re.compile(r"(?:\s+|<\?xml[^>]*>|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|title|meta|body|script|h1|p)\b", re.IGNORECASE)
_JSON = re.compile(r'\{\s*(?:"|\}|$)|\[\s*(?:["{\[\]\d-]|true|false|null|$)')
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class NotAudio(Exception):
    """``reason`` says what the bytes look like; ``head`` is their beginning, at most 512 bytes.

    The beginning may hold anything, so it is in no message.
    """

    def __init__(self, reason: str, head: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.head = head[:HEAD]

    def __str__(self) -> str:
        return f"not audio: {self.reason}"


def likeness(head: bytes) -> str:
    """ "empty", "JSON", "HTML", "XML", "text" or "unknown bytes", told from the beginning of the bytes."""
    if not head:
        return "empty"
    text = _text(head)
    if text is None:
        return "unknown bytes"
    start = text.lstrip()
    if _JSON.match(start):
        return "JSON"
    if start.startswith("<"):
        before = _BEFORE_MARKUP.match(start)
        return "HTML" if before and _HTML.match(start, before.end()) else "XML"
    return "text"


def _text(head: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            text = head[len(mark) :].decode(encoding, errors="ignore")
            break
    else:
        text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(head)  # the last letter may be cut
    if _CONTROL.search(text) or text.count("\N{REPLACEMENT CHARACTER}") * 10 > len(text):
        return None
    return text
