"""Words that the formats share."""

from __future__ import annotations

from typing import BinaryIO


def read_at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def cut(found: int, claimed: int, unit: str = "bytes") -> str:
    return f"cut: {found:,} of {claimed:,} {unit}"
