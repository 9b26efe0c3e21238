"""The small file beside each object of a folder store: ``x.wav`` has ``x.wav.json``.

One JSON object: ``v`` (format version, 1), ``size`` (bytes), ``sha256`` (hex) and ``metadata`` (names to values).
While an object of the lake is being replaced it also has ``replaces``: the same members for the object that was there
before, or ``null`` when nothing readable was recorded of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is recorded of one object: ``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str
    metadata: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {"metadata": dict(self.metadata), "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """``replacing`` tells that the object may still be the one that was there before: ``replaces``, if known."""

    facts: Facts
    replacing: bool = False
    replaces: Facts | None = None

    def encode(self) -> bytes:
        members = {"v": VERSION, **self.facts.as_json()}
        if self.replacing:
            members["replaces"] = self.replaces.as_json() if self.replaces else None
        return json.dumps(members, sort_keys=True).encode("ascii") + b"\n"


def decode(data: bytes) -> Sidecar:
    """Raises ValueError when ``data`` is not a sidecar of a version that we know."""
    try:
        members = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(members, dict) or members.get("v") != VERSION:
        raise ValueError("not a sidecar of version 1")
    replaces = members.get("replaces")
    return Sidecar(_facts(members), "replaces" in members, None if replaces is None else _facts(replaces))


def _facts(members: Any) -> Facts:
    match members:
        case {"size": int(size), "sha256": str(sha256), "metadata": dict(metadata)}:
            named = all(isinstance(text, str) for pair in metadata.items() for text in pair)
            if named and size >= 0 and _SHA256.fullmatch(sha256):
                return Facts(size, sha256, metadata)
    raise ValueError("size, sha256 or metadata is missing or not what it should be")
