"""The Merkle tree against the test vectors of Certificate Transparency, and against RFC 6962's own words."""

from __future__ import annotations

import hashlib

import pytest

from noojee_ingest.journal.statement import audio_root
from noojee_ingest.journal.tree import tree_root

ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of none, the first, the first two, and so on: the reference vectors of the Certificate Transparency project."""


@pytest.mark.parametrize("number", range(9))
def test_the_roots_are_those_of_the_reference_vectors(number: int) -> None:
    assert tree_root(bytes.fromhex(entry) for entry in ENTRIES[:number]) == ROOTS[number]


def as_the_rfc_says(entries: list[bytes]) -> bytes:
    """RFC 6962, 2.1: ``k`` is the largest power of two that is less than ``n``."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = max(2**power for power in range(32) if 2**power < len(entries))
    return hashlib.sha256(b"\x01" + as_the_rfc_says(entries[:k]) + as_the_rfc_says(entries[k:])).digest()


@pytest.mark.parametrize("number", [*range(35), 127, 128, 129, 1000])
def test_the_root_is_what_the_rfc_says(number: int) -> None:
    entries = [str(one).encode() for one in range(number)]
    assert tree_root(entries) == as_the_rfc_says(entries).hex()


def test_the_order_counts_and_so_does_every_entry() -> None:
    entries = [b"a", b"b", b"c", b"d", b"e"]
    others = [entries[::-1], entries[:-1], [*entries, b"e"], [b"ab", b"", *entries[2:]]]
    assert len({tree_root(those) for those in (entries, *others)}) == 5


def test_audio_is_a_sorted_line_for_each() -> None:
    lines = [b"0a\t11\n", b"0a\t22\n", b"0b\t00\n"]
    assert audio_root([("0b", "00"), ("0a", "22"), ("0a", "11")]) == as_the_rfc_says(lines).hex()
