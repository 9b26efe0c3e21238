"""The script on docs/format.md that checks a store's statements: on a real archive, on any journal, and on damage."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.segment import segments
from noojee_ingest.pipeline.archivist import in_the_reading_room
from noojee_ingest.pipeline.statement import state_day
from noojee_ingest.settings import load
from noojee_ingest.storage.folder import open_folder_store

from .test_format import any_journal, code

SCRIPT = code("statements.py")
DAY = "site=demo/day=2026-03-10"


def check(store: Path, tmp_path: Path, *only: str) -> tuple[int, list[str]]:
    """How the script ends, and the lines that it prints. It runs without our package, and without any other."""
    script = tmp_path / "statements.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-I", "-S", "-W", "error", str(script), str(store), *only]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_the_script_imports_the_standard_library_only() -> None:
    assert max(len(line) for line in SCRIPT.splitlines()) <= 120
    imported = re.findall(r"^(?:import|from) (.+?)(?: import .*)?$", SCRIPT, re.MULTILINE)
    names = {name.partition(".")[0].strip() for line in imported for name in line.split(",")}
    assert names <= sys.stdlib_module_names
    assert "noojee" not in SCRIPT
    assert "__import__" not in SCRIPT


def statements(store: Path) -> dict[int, tuple[Path, dict[str, Any]]]:
    """By number: the segment that holds a statement of the day, and its line."""
    found = {}
    for path in sorted((store / "archive" / "journal" / DAY).glob("*.jsonl.gz")):
        for text in gzip.decompress(path.read_bytes()).decode().splitlines():
            line = json.loads(text)
            if line["object"]["type"] == "day":
                found[line["number"]] = path, line
    return found


@pytest.fixture(scope="module")
def stated(decided: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a night about which people decided, reconciled after that. Only to be read."""
    folder = shutil.copytree(decided.folder, tmp_path_factory.mktemp("stated") / "night")
    archive = type(decided)(folder)
    said = archive.json("reconcile", "--day", "2026-03-10", code=3)
    assert said["statement"] == {"number": 2, "final": False, "new": True}
    return archive.store


@pytest.fixture
def store(stated: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(stated, tmp_path / "store")


def test_a_sound_archive_is_right(stated: Path, tmp_path: Path) -> None:
    (_, second) = statements(stated)[2]
    assert check(stated, tmp_path) == (0, [f"2 statements and {second['leaves']} audio objects checked"])
    assert check(stated, tmp_path, DAY)[0] == 0
    nothing = (1, ["there is no statement here", "0 statements and 0 audio objects checked"])
    assert check(stated, tmp_path, "site=demo/day=2026-03-11") == nothing
    assert check(stated / "elsewhere", tmp_path) == nothing


def test_each_version_says_what_was_so_then(stated: Path) -> None:
    (_, first), (_, second) = (statements(stated)[number] for number in (1, 2))
    assert (first["predecessor"], second["predecessor"]) == ("", first["seal"])
    assert not set(first["segments"]) & set(second["segments"])
    assert first["states"]["quarantined"] == 0
    assert second["states"]["quarantined"] == 1
    assert sum(first["states"].values()) == sum(second["states"].values())
    assert first["leaves"] - second["leaves"] == 1


def test_what_a_person_decides_after_the_statement_is_no_damage(stated: Path, decided: Any, tmp_path: Path) -> None:
    """The audio of the first statement that was quarantined since is gone, and the second one is there."""
    (path, _) = statements(stated)[2]
    store = shutil.copytree(stated, tmp_path / "store")
    (store / path.relative_to(stated)).unlink()
    assert check(store, tmp_path)[0] == 0


def write(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def flip(store: Path) -> str:
    path = sorted(store.glob("archive/audio/*/*/*.wav"))[3]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    write(path, bytes(content))
    return f"{path.relative_to(store / 'archive')} is not what was archived"


def remove_audio(store: Path) -> str:
    path = sorted(store.glob("archive/audio/*/*/*.wav"))[3]
    path.unlink()
    return f"{path.relative_to(store / 'archive')} is not there"


def change_statement(store: Path, **members: Any) -> None:
    path, line = statements(store)[1]
    write(path, gzip.compress(json.dumps(line | members).encode() + b"\n"))


def change_the_first(store: Path) -> str:
    change_statement(store, leaves=3)
    return f"{DAY} statement 1 is not what its seal was made of"


def seal_it_anew(store: Path) -> str:
    _, line = statements(store)[1]
    line = {name: value for name, value in line.items() if name != "seal"} | {"actor": "somebody"}
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    change_statement(store, actor="somebody", seal=hashlib.sha256(text.encode()).hexdigest())
    _, second = statements(store)[2]
    return f"{DAY} statement 2: the predecessor of 2, {second['predecessor']}, is not there"


def remove_the_first(store: Path) -> str:
    path, line = statements(store)[1]
    path.unlink()
    return f"{DAY} statement 2: the predecessor of 2, {line['seal']}, is not there"


def cut(store: Path) -> str:
    _, line = statements(store)[1]
    key = line["segments"][0]
    path = store / "archive" / key
    write(path, path.read_bytes()[:-20])
    return f"{key} cannot be read"


def remove_segment(store: Path) -> str:
    _, line = statements(store)[1]
    key = line["segments"][0]
    (store / "archive" / key).unlink()
    return f"{key} is not there"


def segment_with(store: Path, kind: str, of: str) -> tuple[Path, list[dict[str, Any]]]:
    """One of those that the first statement covers."""
    _, first = statements(store)[1]
    for path in (store / "archive" / key for key in first["segments"]):
        lines = [json.loads(text) for text in gzip.decompress(path.read_bytes()).decode().splitlines()]
        if any((line["kind"], line["object"]["type"]) == (kind, of) for line in lines):
            return path, lines
    raise AssertionError(kind)


def forge_audio(store: Path) -> str:
    path, lines = segment_with(store, "ingestion", "leg")
    one = next(line for line in lines if line["kind"] == "ingestion")
    one["content_sha256"] = "0" * 64
    write(path, gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return f"{DAY} statement 1: root is"


def forge_state(store: Path) -> str:
    path, lines = segment_with(store, "capture", "leg")
    kept = [line for line in lines if line["kind"] != "capture"]
    write(path, gzip.compress("".join(json.dumps(line) + "\n" for line in kept).encode()))
    return f"{DAY} statement 1: states is"


def forge_judgement(store: Path) -> str:
    path, lines = segment_with(store, "appraisal", "call")
    for line in lines:
        if "explained" in line:
            line["explained"] = not line["explained"]
    write(path, gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return f"{DAY} statement 1: calls is"


def forge_an_actor(store: Path) -> str:
    """Nothing that adds up changes: only who did it."""
    path, lines = segment_with(store, "ingestion", "leg")
    write(path, gzip.compress("".join(json.dumps(line | {"actor": "somebody"}) + "\n" for line in lines).encode()))
    return f"{DAY} statement 1: {path.relative_to(store / 'archive')} is not what it was then"


def forge_what_was_stored(store: Path) -> str:
    """Other bytes in place of a recording, and a journal that says they were stored."""
    path, lines = segment_with(store, "ingestion", "leg")
    there = [line for line in lines if line["kind"] == "ingestion" and (store / "archive" / line["key"]).exists()]
    one = there[-1]
    write(store / "archive" / one["key"], b"forged")
    one["stored_sha256"] = hashlib.sha256(b"forged").hexdigest()
    write(path, gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return f"{one['key']} is not what was archived"


def add_a_fork(store: Path) -> str:
    """A later statement of the same number that stands for nothing, and a recording less."""
    path, line = statements(store)[1]
    fork = {name: value for name, value in line.items() if name != "seal"}
    fork |= {"id": "f" * 32, "time": "2027-01-01T00:00:00.000000Z", "root": hashlib.sha256(b"").hexdigest()}
    fork |= {"segments": [], "contents": [], "states": {}, "calls": {}, "leaves": 0, "audio_bytes": 0, "audio_ms": 0}
    text = json.dumps(fork, sort_keys=True, separators=(",", ":"))
    fork["seal"] = hashlib.sha256(text.encode()).hexdigest()
    path.with_name("fork.jsonl.gz").write_bytes(gzip.compress(json.dumps(fork).encode() + b"\n"))
    return remove_audio(store)


DAMAGE: tuple[Callable[[Path], str], ...] = (
    flip, remove_audio, change_the_first, seal_it_anew, remove_the_first, cut, remove_segment, forge_audio, forge_state,
    forge_judgement, forge_an_actor, forge_what_was_stored, add_a_fork,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_named(store: Path, tmp_path: Path, damage: Callable[[Path], str]) -> None:
    named = damage(store)
    code_of, said = check(store, tmp_path)
    assert code_of == 1
    assert any(line.startswith(named) for line in said), said
    if damage in (flip, remove_audio, change_the_first, remove_the_first):
        others = [line for line in said[:-1] if not line.startswith(named)]
        assert all(line.startswith(f"{DAY} statement 1: leaves is") for line in others), "only what is damaged is named"


CONFIG = """
data = "{folder}"

[sites.demo]
zone = "Australia/Melbourne"
url = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize("seed", range(6))
def test_the_script_and_the_statements_agree_on_any_journal(tmp_path: Path, seed: int) -> None:
    """Legs told of on two days, calls whose legs are another day's, decisions at odds: what a statement covers is
    enough, and no more than it says follows from it. In two versions."""
    chance = Random(seed)
    archive = open_folder_store(tmp_path / "data" / "store").archive
    events = list(any_journal(chance))
    chance.shuffle(events)
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path / "data"))
    settings = load(tmp_path / "config.toml", {})
    days = [date(2026, 3, day) for day in (10, 11)]
    numbers = []
    for some in (events[: len(events) // 2], events[len(events) // 2 :]):
        for segment in segments("demo", some, some[0].time):
            data = gzip.compress("".join(write_line(event) + "\n" for event in segment.events).encode())
            digest = hashlib.sha256(data).hexdigest()
            archive.create(segment.key, io.BytesIO(data), size=len(data), sha256=digest, metadata={})
        rebuild(archive, settings.catalogue.url)
        with in_the_reading_room(settings, "demo", actor="test") as work:
            made = [state_day(work, day) for day in days]
            assert all(state_day(work, day) is None for day in days)
        numbers += [statement.number for statement in made if statement is not None]
    assert numbers == [1, 1, 2, 2]
    code_of, said = check(tmp_path / "data" / "store", tmp_path)
    assert [line for line in said if "statement" in line] == [f"4 statements and {_audio(said)} audio objects checked"]
    assert code_of == 1  # none of their audio is there
    with closing(Catalogue.open(settings.catalogue.url)) as catalogue, catalogue.read("counting") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM day_stated").scalar_one() == 4


def _audio(said: list[str]) -> int:
    """The objects that were looked for: each is named by its key, which is its digest here."""
    return int(said[-1].split()[3])
