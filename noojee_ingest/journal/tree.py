"""The Merkle tree of RFC 6962, section 2.1: one digest over a list, from which a single entry can be proved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

LEAF, NODE = b"\x00", b"\x01"
"""What precedes the bytes that are hashed: so no entry can be taken for two others."""


def tree_root(entries: Iterable[bytes]) -> str:
    """The root over these entries in their order, SHA-256, hex. Of none: the digest of nothing.

    A node stands over the largest power of two of entries that is less than all of them, and the rest.
    """
    peaks: list[tuple[int, bytes]] = []  # whole trees, the largest first: how many entries each has, and its root
    for entry in entries:
        size, root = 1, hashlib.sha256(LEAF + entry).digest()
        while peaks and peaks[-1][0] == size:
            root = hashlib.sha256(NODE + peaks.pop()[1] + root).digest()
            size *= 2
        peaks.append((size, root))
    if not peaks:
        return hashlib.sha256().hexdigest()
    _, root = peaks.pop()
    while peaks:
        root = hashlib.sha256(NODE + peaks.pop()[1] + root).digest()
    return root.hex()
