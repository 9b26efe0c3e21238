"""Marks: where a line of the contract comes from (reference, section 0)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TypeVar


class Mark(StrEnum):
    """Where a line of the contract comes from."""

    DOC = "doc"
    CLIENT = "client"
    INFERRED = "inferred"
    PROPOSED = "proposed"


V = TypeVar("V", str, tuple[str, ...])


def doc(value: V) -> V:
    """Stated by the vendor's documentation."""
    return _marked(value, Mark.DOC)


def client(value: V) -> V:
    """Seen in the vendor's own public code."""
    return _marked(value, Mark.CLIENT)


def inferred(value: V) -> V:
    """Our reading of the two above."""
    return _marked(value, Mark.INFERRED)


def proposed(value: V) -> V:
    """A guess that agrees with the rest; the real thing is unknown."""
    return _marked(value, Mark.PROPOSED)


def _marked(value: V, mark: Mark) -> V:
    marked: V = field(default=value, metadata={"mark": mark})
    return marked
