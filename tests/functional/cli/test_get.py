"""Audio out of the archive, verified."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.storage.folder import open_folder_store

if TYPE_CHECKING:
    from noojee_ingest.simulator import Truth

    from .conftest import Said

Program = Callable[..., "Said"]
DAY = date(2026, 3, 10)
WHY = ("--reason", "a dispute", "--by", "Kim Doe")


@pytest.fixture
def call(truth: Truth, folder: Path) -> tuple[str, list[str]]:
    """The id of a call of which several legs are archived, and their numbers."""
    legs: dict[str, list[str]] = {}
    for leg in truth.ended(DAY):
        if leg.trouble == "none":
            legs.setdefault(leg.call_record_id, []).append(leg.leg)
    return max(legs.items(), key=lambda item: len(item[1]))


def written(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "out").rglob("*") if path.is_file())


def test_one_leg_is_written_as_it_is_in_the_archive(
    program: Program, folder: Path, call: tuple[str, list[str]]
) -> None:
    name, numbers = call
    said = program("get", *WHY, name, "--leg", numbers[1], "--output", "out", "--json")
    (file,) = said.document["files"]
    (path,) = written(folder)
    data = path.read_bytes()
    assert said.code == 0
    assert str(path) == str(folder / file["path"])
    assert data == (folder / "data/store/archive" / file["key"]).read_bytes()
    assert (file["sha256"], file["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert path.name.startswith(f"{name}-leg{numbers[1]}-{file['leg_id'][:8]}-")


def test_a_call_with_several_legs_wants_to_know_which(
    program: Program, folder: Path, call: tuple[str, list[str]]
) -> None:
    name, numbers = call
    said = program("get", *WHY, name, "--output", "out")
    assert said.code == 2
    assert f"has {len(numbers)} archived legs ({', '.join(numbers)})" in " ".join(said.err.replace("│", " ").split())
    assert not (folder / "out").exists()


def test_all_legs_of_a_call_are_written(program: Program, folder: Path, call: tuple[str, list[str]]) -> None:
    name, numbers = call
    said = program("get", *WHY, name, "--all-legs", "-o", "out")
    assert said.code == 0
    assert len(written(folder)) == len(numbers) == len(said.out.splitlines())
    assert all(line.endswith(" verified") for line in said.out.splitlines())


def test_a_leg_that_is_not_archived_is_told_with_its_state(program: Program, folder: Path, truth: Truth) -> None:
    leg = next(leg for leg in truth.ended(DAY) if leg.trouble == "login page")
    said = program("get", *WHY, leg.call_record_id, "--leg", leg.leg, "--output", "out")
    assert said.code == 1
    assert "its state is rejected not audio" in said.err
    assert "noojee-ingest show" in said.err
    assert not (folder / "out").exists()


def test_legs_of_a_call_that_are_not_archived_are_named_with_their_state(
    program: Program, folder: Path, truth: Truth
) -> None:
    calls: dict[str, dict[str, str]] = {}
    for leg in truth.ended(DAY):
        calls.setdefault(leg.call_record_id, {})[leg.leg] = leg.trouble
    name, legs = next(
        (name, legs) for name, legs in calls.items() if "login page" in legs.values() and "none" in legs.values()
    )
    said = program("get", *WHY, name, "--all-legs", "-o", "out", "--json")
    absent = [leg for leg, trouble in legs.items() if trouble == "login page"]
    assert said.code == 3
    assert [(one["leg"], one["state"]) for one in said.document["not_archived"]] == [
        (leg, "rejected") for leg in absent
    ]
    assert len(said.document["files"]) == len(written(folder)) == len(legs) - len(absent)
    assert said.err == "".join(
        f"Not archived: leg '{one['leg']}' ({one['leg_id']}), rejected {one['cause']}\n"
        for one in said.document["not_archived"]
    )


def test_a_store_that_cannot_be_read_is_not_told_as_a_fault_of_the_target(
    program: Program, folder: Path, call: tuple[str, list[str]]
) -> None:
    name, numbers = call
    (file,) = program("get", *WHY, name, "--leg", numbers[0], "--json", "-o", "elsewhere").document["files"]
    kept = folder / "data/store/archive" / file["key"]
    kept.unlink()
    kept.symlink_to("/proc/self/mem")  # whose first bytes nobody can read
    said = program("get", *WHY, name, "--leg", numbers[0], "--output", "out")
    assert said.code == 1
    assert f"reading archive/{file['key']}: the store does not answer as it should; Input/output error" in said.err
    assert "--output" not in said.err
    assert written(folder) == []


def test_no_api_key_is_needed(
    program: Program, folder: Path, call: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOOJEE_INGEST_SITES__HERE__API_KEY")
    assert program("get", *WHY, call[0], "--all-legs", "-o", "out").code == 0


@pytest.mark.parametrize("damage", ["a byte flipped", "cut", "grown", "gone"])
def test_a_damaged_copy_ends_with_4_and_leaves_no_file(
    program: Program, folder: Path, call: tuple[str, list[str]], damage: str
) -> None:
    name, numbers = call
    (file,) = program("get", *WHY, name, "--leg", numbers[0], "--json", "-o", "elsewhere").document["files"]
    kept = folder / "data/store/archive" / file["key"]
    data = bytearray(kept.read_bytes())
    kept.unlink()
    if damage != "gone":
        data[len(data) // 2] ^= damage == "a byte flipped"
        kept.write_bytes({"cut": data[:-1], "grown": data + b"\0"}.get(damage, data))
    said = program("get", *WHY, name, "--leg", numbers[0], "--output", "out")
    assert said.code == 4
    assert f"audio of leg {file['leg_id']} is damaged" in said.err
    assert "Restore the object from a copy of the store" in said.err
    assert written(folder) == []
    assert [path.name for path in (folder / "elsewhere").iterdir()] == [Path(file["path"]).name]


def test_another_store_is_not_told_as_damage_of_one_recording(
    program: Program, folder: Path, call: tuple[str, list[str]]
) -> None:
    (folder / "data/store").rename(folder / "data/elsewhere")
    open_folder_store(folder / "data/store")
    said = program("get", *WHY, call[0], "--all-legs", "--output", "out")
    assert said.code == 4
    assert "the store lacks 1 journal segments that the catalogue knows" in said.err
    assert "[store] in the settings names the right place (a folder: is it mounted? Buckets: their names" in said.err
    assert "is damaged" not in said.err
    assert written(folder) == []


def test_a_folder_that_cannot_be_written_is_named(program: Program, folder: Path, call: tuple[str, list[str]]) -> None:
    (folder / "out").write_text("a file")
    said = program("get", *WHY, call[0], "--all-legs", "--output", "out")
    assert said.code == 1
    assert "writing out/" in said.err
    assert "Choose another folder with --output." in said.err
    assert (folder / "out").read_text() == "a file"


def test_a_file_that_is_there_is_replaced_only_by_a_whole_one(
    program: Program, folder: Path, call: tuple[str, list[str]]
) -> None:
    name, numbers = call
    (file,) = program("get", *WHY, name, "--leg", numbers[0], "--json", "-o", "out").document["files"]
    (path,) = written(folder)
    path.write_bytes(b"older")
    kept = folder / "data/store/archive" / file["key"]
    whole = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(whole[:-1])
    assert program("get", *WHY, name, "--leg", numbers[0], "-o", "out").code == 4
    assert path.read_bytes() == b"older"
    kept.write_bytes(whole)
    assert program("get", *WHY, name, "--leg", numbers[0], "-o", "out").code == 0
    assert path.read_bytes() == whole
