"""The verbs verify and repair: what is typed, what is shown, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]


def an_object(folder: Path) -> Path:
    return sorted(folder.glob("data/store/archive/audio/*/*/*.wav"))[0]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)


def test_a_sound_archive_ends_with_0(program: Program, folder: Path) -> None:
    assert an_object(folder).exists()
    said = program("verify")
    assert said.code == 0, said.err
    assert "checked (checksum, all)" in said.out
    assert ", 0 failed" in said.out


def test_damage_is_named_and_ends_with_4_until_it_is_mended(program: Program, folder: Path) -> None:
    path = an_object(folder)
    flip(path)
    assert program("verify", "--exists").code == program("verify", "--checksum").code == 0
    said = program("verify", "--read", "--day", "2026-03-10")
    assert said.code == 4
    assert "damaged object" in said.out
    assert str(path.relative_to(folder / "data/store/archive")) in said.out
    assert "(read, 2026-03-10)" in said.out
    assert "noojee-ingest repair --dry-run" in said.out
    said = program("repair")
    assert said.code == 4
    assert "--by and --reason" in " ".join(said.out.split())


@pytest.mark.parametrize(
    "typed",
    [
        ("verify", "--exists", "--read"),
        ("verify", "--day", "2026-03-10", "--since", "2026-03-01"),
        ("verify", "--since", "2026-03-10", "--until", "2026-03-10"),
        ("verify", "--day", "yesterday"),
        ("verify", "--subset", "31/30"),
        ("verify", "--site", "elsewhere"),
        ("repair", "--by", "Kim Doe"),
        ("repair", "--reason", "it rotted"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused(program: Program, typed: tuple[str, ...]) -> None:
    assert program(*typed).code == 2
