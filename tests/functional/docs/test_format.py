"""docs/format.md against a real archive: its files, its lines, and the reader on the page."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    Event,
    LegAppraised,
    LegChanged,
    LegSeen,
    Outcome,
    Verdict,
)
from noojee_ingest.journal.fold import Judged
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.segment import segments
from noojee_ingest.model import State, View
from noojee_ingest.storage.folder import open_folder_store

FORMAT = (Path(__file__).parents[3] / "docs" / "format.md").read_text()


def code(name: str) -> str:
    """The Python block that begins with ``# name``."""
    found = re.search(rf"^```python\n(# {re.escape(name)}\n.*?)^```$", FORMAT, re.DOTALL | re.MULTILINE)
    assert found, name
    return found[1]


def rows(first_heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is this one."""
    found = re.search(rf"^\| {re.escape(first_heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", FORMAT, re.MULTILINE)
    assert found, first_heading
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in found[1].splitlines()
    ]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# -- the reader on the page


def read(store: Path, tmp_path: Path) -> Any:
    """What the reader prints of a store. It runs without our package, and without any other."""
    script = tmp_path / "reader.py"
    script.write_text(code("reader.py"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", str(script), str(store)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_reader_has_at_most_fifty_lines_and_imports_the_standard_library_only() -> None:
    reader = code("reader.py")
    assert len(reader.splitlines()) <= 50
    assert max(len(line) for line in reader.splitlines()) <= 120
    imported = re.findall(r"^(?:import|from) (.+?)(?: import .*)?$", reader, re.MULTILINE)
    names = {name.partition(".")[0].strip() for line in imported for name in line.split(",")}
    assert names <= sys.stdlib_module_names
    assert "noojee" not in reader


def test_the_reader_knows_that_a_quarantined_object_is_not_damaged(decided: Any, tmp_path: Path) -> None:
    said = read(decided.store, tmp_path)
    assert said["damaged"] == []
    states = Counter(leg["state"] for leg in said["legs"].values())
    (day,) = {leg["day"] for leg in decided.said["quarantine"]["legs"]}
    (sums,) = [one for one in decided.json("status", code=3)["sites"][0]["days"] if one["day"] == day]
    assert (states["quarantined"], states["excused"]) == (sums["states"]["quarantined"], sums["states"]["excused"])
    assert states["quarantined"] == 1
    assert states["excused"] >= 1


def test_the_reader_lists_the_legs_that_search_lists(night: Any, tmp_path: Path) -> None:
    legs = read(night.store, tmp_path)["legs"]
    found = {leg["leg_id"]: leg for leg in night.json("search", "--limit", "100000")["legs"]}

    assert len(found) > 50
    assert {leg["state"] for leg in found.values()} == {"archived", "pending", "missing", "rejected"}
    assert {leg_id: (leg["state"], leg["day"], leg["audio"][:1]) for leg_id, leg in legs.items()} == {
        leg_id: (leg["state"], leg["day"], [leg["content_sha256"]] if leg["content_sha256"] else [])
        for leg_id, leg in found.items()
    }


def test_the_reader_adds_up_the_days_that_status_shows(night: Any, tmp_path: Path) -> None:
    days = read(night.store, tmp_path)["days"]
    (site,) = night.json("status", code=3)["sites"]

    assert set(days) == {f"{site['site']} {day['day']}" for day in site["days"]}
    for day in site["days"]:
        sums = days[f"{site['site']} {day['day']}"]
        assert {state: sums.get(state, 0) for state in day["states"]} == day["states"]
        assert sums.get("bytes", 0) == day["audio_bytes"]
        assert round(sums.get("ms", 0) / 3_600_000, 2) == day["audio_hours"]
        for word in ("explained", "unexplained", "unjudged"):
            assert sums.get(word, 0) == day[f"calls_{word}"]


def test_the_reader_finds_sound_objects_sound_and_a_changed_or_removed_one_damaged(night: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(night.store, store)
    assert read(store, tmp_path)["damaged"] == []

    changed, removed, *_ = sorted(store.glob("archive/audio/*/*/*.wav"))
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.unlink()
    changed.write_bytes(content)
    removed.unlink()
    keys = [path.relative_to(store / "archive").as_posix() for path in (changed, removed)]
    assert sorted(read(store, tmp_path)["damaged"]) == keys


def test_the_reader_refuses_a_version_that_it_does_not_know(night: Any, tmp_path: Path) -> None:
    segment = next((night.store / "archive" / "journal").glob("*/*/*.gz"))
    line = json.loads(gzip.decompress(segment.read_bytes()).splitlines()[0])
    newer = tmp_path / "archive" / "journal" / "site=demo" / "day=2026-03-10" / segment.name
    newer.parent.mkdir(parents=True)
    newer.write_bytes(gzip.compress(json.dumps({**line, "v": 2}).encode() + b"\n"))

    with pytest.raises(AssertionError, match="does not know version 2"):
        read(tmp_path, tmp_path)


@pytest.mark.parametrize("times", [1, 2])
def test_the_reader_needs_no_order_and_minds_no_repeats(night: Any, tmp_path: Path, times: int) -> None:
    expected = read(night.store, tmp_path)
    lines = [line for _, line in lines_of(night.store)]
    other = tmp_path / "other"
    shutil.copytree(night.store / "archive" / "audio", other / "archive" / "audio")
    folder = other / "archive" / "journal" / "site=demo" / "day=2026-03-10"
    folder.mkdir(parents=True)
    text = "".join(line + "\n" for line in sorted(lines, reverse=True) * times)
    (folder / "all.jsonl.gz").write_bytes(gzip.compress(text.encode()))

    assert read(other, tmp_path) == expected


# -- files


def patterns() -> dict[str, re.Pattern[str]]:
    """A regular expression for each kind of file that the page names, by its pattern there."""
    values = {words(row[0])[0]: words(row[1]) for row in rows("Placeholder")}
    named = [words(row[0])[0] for row in rows("File below the store")]

    def filled(pattern: str) -> str:
        parts = re.split(r"(<[a-z]+>)", pattern)
        return "".join(f"(?:{values[part][0]})" if part in values else re.escape(part) for part in parts)

    objects = [pattern for pattern in named if "<object>" not in pattern and ".tmp" not in pattern]
    values["<object>"] = ["|".join(filled(pattern) for pattern in objects)]
    return {pattern: re.compile(filled(pattern)) for pattern in named}


def test_every_file_of_the_store_is_explained_and_every_object_has_its_sidecar(decided: Any) -> None:
    night = decided
    kinds = patterns()
    seen: Counter[str] = Counter()
    for path in night.store.rglob("*"):
        if path.is_file():
            name = path.relative_to(night.store).as_posix()
            fitting = [pattern for pattern, expression in kinds.items() if expression.fullmatch(name)]
            assert len(fitting) == 1, name
            seen[fitting[0]] += 1

    transient = {pattern for pattern in kinds if "/.tmp/<number>" in pattern or "/damaged/" in pattern}
    assert set(kinds) - set(seen) == transient
    assert seen["<object>.json"] == sum(seen[pattern] for pattern in seen if ".tmp" not in pattern) / 2


def test_every_file_beside_the_store_is_named_as_volatile(night: Any) -> None:
    named = [word for row in rows("What") for word in words(row[1])]
    for path in night.data.rglob("*"):
        name = path.relative_to(night.folder).as_posix()
        if path.is_file() and not path.is_relative_to(night.store):
            assert any(name == word or (word.endswith("/") and name.startswith(word)) for word in named), name


def sidecars(store: Path) -> Iterator[tuple[Path, Any]]:
    for path in store.rglob("*.json"):
        yield path.with_suffix(""), json.loads(path.read_text())


KIND_OF = {
    "audio": "audio", "journal": "segment", "rejected": "evidence", "quarantined": "audio", "legs": "lake",
    "call_records": "lake", "lake-id": "lake-id",
}  # fmt: skip


def test_sidecars_and_metadata_are_as_documented(decided: Any) -> None:
    night = decided
    members = {words(row[0])[0] for row in rows("Member") if row[0] != "`replaces`"}
    metadata: dict[str, set[str]] = {}
    for row in rows("Object"):
        metadata.setdefault(row[0], set()).update(words(row[1]))

    kinds = Counter()
    for path, sidecar in sidecars(night.store):
        assert set(sidecar) == members
        assert sidecar["v"] == 1
        content = path.read_bytes()
        assert (sidecar["size"], sidecar["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        kind = KIND_OF[path.relative_to(night.store).parts[1]]
        assert set(sidecar["metadata"]) == metadata[kind]
        kinds[kind] += 1
        if kind in {"audio", "evidence"}:
            told = sidecar["metadata"]["sha256" if kind == "audio" else "whole-sha256"]
            assert path.name.startswith(f"{sidecar['metadata']['leg-id']}-{told[:16]}.")
    assert set(kinds) == set(metadata)


# -- lines


def lines_of(store: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(store.glob("archive/journal/*/*/*.jsonl.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        assert text.endswith("\n")
        for line in text.removesuffix("\n").split("\n"):
            yield path, line


def documented_members() -> dict[tuple[str, str], dict[str, list[str]]]:
    """By kind and object type: each member's type, personal and null."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    by_name: dict[str, dict[str, list[str]]] = {}
    sections = re.findall(r"^### (\w+): `([^`]+)` of `([^`]+)`$(.*?)(?=^#)", FORMAT, re.DOTALL | re.MULTILINE)
    for name, kind, of, text in sections:
        same = re.search(r"The members\s+are those of (\w+)\.", text)
        table = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+) \| (\w+) \|", text, re.MULTILINE)
        by_name[name] = by_name[same[1]] if same else {member: rest for member, *rest in table}
        found[kind, of] = by_name[name]
    return found


def vocabulary(name: str) -> set[str]:
    if name == "FindingKind":
        return {words(row[0])[0] for row in rows("FindingKind")}
    found = re.search(rf"^### {name}\n(.*?)(?=^#)", FORMAT, re.DOTALL | re.MULTILINE)
    assert found, name
    return set(re.findall(r"^\| `([^`]+)` \|", found[1], re.MULTILINE))


def is_told(value: Any, told: str, is_of: Callable[[Any, str], bool]) -> bool:
    """As ``is_of``, with the words and findings of the page."""
    if told == "findings":
        return all(set(item) == {"kind", "detail"} and item["kind"] in vocabulary("FindingKind") for item in value)
    return value in vocabulary(told) if told[0].isupper() else is_of(value, told)


def test_every_line_of_the_journal_is_as_documented(night: Any, is_of: Callable[[Any, str], bool]) -> None:
    kinds = documented_members()
    envelope = {words(row[0])[0]: row[1] for row in section_rows("A line")}
    seen: Counter[tuple[str, str]] = Counter()
    sizes: Counter[Path] = Counter()
    for path, text in lines_of(night.store):
        line = json.loads(text)
        sizes[path] += 1
        name = line["kind"], line["object"]["type"]
        seen[name] += 1
        members = kinds[name]
        own = {member for member, (_, personal, _) in members.items() if personal == "yes"}
        assert set(line) == (set(envelope) - ({"personal"} if not own else set())) | (set(members) - own)
        assert set(line.get("personal", {"enc": "none"})) == {"enc", *own}
        assert all(is_told(line[member], told, is_of) for member, told in envelope.items() if member in line)
        for member, (told, personal, null) in members.items():
            value = line["personal"][member] if personal == "yes" else line[member]
            assert null == "yes" if value is None else is_told(value, told, is_of), (name, member, value)
        assert path.parent.name == f"day={line['day']}"
        assert path.parent.parent.name == f"site={line['site']}"
    assert max(sizes.values()) <= 500
    assert len(seen) >= 7


def section_rows(heading: str) -> list[list[str]]:
    found = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^#)", FORMAT, re.DOTALL | re.MULTILINE)
    assert found, heading
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in found[1].splitlines() if line.startswith("| `")
    ]


def test_ids_links_and_digests_can_be_made_by_the_code_on_the_page(night: Any) -> None:
    scope: dict[str, Any] = {}
    exec(code("identity.py"), scope)
    exec(code("digest.py"), scope)
    identity, digest = scope["identity"], scope["digest"]
    digests: dict[str, str] = {}
    checked: Counter[str] = Counter()
    for _, text in lines_of(night.store):
        line = json.loads(text)
        site, of, own = line["site"], line["object"], line.get("personal", {})
        if "raw" in own:
            assert digest(own["raw"]) == own["digest"]
            digests[own["digest"]] = line["view"]
        if line["kind"] == "accession" and not any(f["kind"] == "incomplete id" for f in line["findings"]):
            if of["type"] == "leg":
                assert of["id"] == identity(site, own["call_record_id"], own["unique_id"], own["leg"])
            elif own["call_record_id"]:
                assert of["id"] == identity(site, "call record", own["call_record_id"])
            elif own["unique_id"]:
                assert of["id"] == identity(site, "unique id", own["unique_id"])
            else:
                assert of["id"] == identity(site, "lead", own["lead_id"], own["called_text"])
            for link, name, text_of in (
                ("record_link", "call record", own["call_record_id"]),
                ("unique_link", "unique id", own["unique_id"]),
            ):
                assert line[link] == (identity(site, name, text_of) if text_of else "")
            checked[of["type"]] += 1
        if of["type"] == "answer":
            name = {"by-unique-id": "unique id", "call-records": "template"}.get(line["view"])
            assert of["id"] == (identity(site, name, own["question"]) if name else own["question"])
            checked["answer"] += 1
    assert min(checked[name] for name in ("leg", "call", "answer")) > 5


# -- the reader and the fold, on journals that no night writes


def any_journal(chance: Random) -> Iterator[Event]:
    """Legs and calls that went every way there is, and ways that no run goes: decisions at odds, answers at random."""
    moment = datetime(2026, 3, 10, 14, tzinfo=UTC)

    def said(of: str, number: int, supersedes: tuple[str, ...] = ()) -> dict[str, Any]:
        nonlocal moment
        moment += timedelta(seconds=chance.randrange(2))
        day = date(2026, 3, 10) + timedelta(days=chance.randrange(2))
        about = {"time": moment, "actor": "test", "site": "demo", "day": day, "supersedes": supersedes}
        return {**about, of: f"{number:032x}"}

    def names() -> dict[str, str]:
        return {name: chance.choice(("", "1", "2", "3")) for name in ("call_record_id", "unique_id")}

    def answered(told: list[Event]) -> tuple[str, ...]:
        return tuple(event.event_id for event in told if chance.random() < 0.4)

    def of_leg(number: int, told: list[Event]) -> Event:
        about = said("leg_id", number, answered(told))
        digest = chance.choice("ab")
        match chance.randrange(4):
            case 0:
                kind = chance.choice((LegSeen, LegChanged))
                view = chance.choice((View.BY_HOUR, View.BY_UNIQUE_ID))
                return kind(**{**about, "supersedes": ()}, hour=1, view=view, digest=str(chance.random()), **names())
            case 1:
                return AudioStored(
                    **about, content_sha256=digest, content_size=ord(digest), stored_sha256=digest, stored_size=1,
                    bucket="", key=digest, version_id="", checksum_type="", extension="wav", codec="gsm", channels=1,
                    sample_rate=8000, seconds=1.2345,
                )  # fmt: skip
            case 2:
                return AudioNotStored(**about, outcome=chance.choice(list(Outcome)), cause="", tries=1)
            case _:
                return LegAppraised(
                    **about, verdict=chance.choice([v for v in Verdict if v is not Verdict.NO_RECORDING])
                )

    def of_call(number: int, told: list[Event]) -> Event:
        if not told or chance.random() < 0.3:
            return CallSeen(**said("call_id", number), digest=str(chance.random()), **names())
        about = said("call_id", number, answered(told))
        return CallAppraised(**about, verdict=Verdict.NO_RECORDING, explained=chance.random() < 0.5)

    for make in (of_leg, of_call):
        for number in range(100):
            told: list[Event] = []
            for _ in range(chance.randrange(1, 7)):
                told.append(make(number, told))
            yield from told


@pytest.mark.parametrize("destroyed", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_reader_and_the_fold_agree_on_any_journal(tmp_path: Path, seed: int, destroyed: bool) -> None:
    chance = Random(seed)
    archive = open_folder_store(tmp_path / "store").archive
    events = list(any_journal(chance))
    chance.shuffle(events)
    for segment in segments("demo", [*events, *events[::7]], events[0].time):
        lines = [json.loads(write_line(event)) for event in segment.events]
        for line in lines:
            if destroyed and "personal" in line:
                line["personal"] = {"enc": "key destroyed"}
        data = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
        archive.create(
            segment.key, io.BytesIO(data), size=len(data), sha256=hashlib.sha256(data).hexdigest(), metadata={}
        )

    url = f"sqlite:///{tmp_path}/catalogue.db"
    rebuild(archive, url)
    with closing(Catalogue.open(url)) as catalogue:
        known = queries.legs_by_id(catalogue, {f"{number:032x}" for number in range(100)})
        sums = {f"{row['site']} {row['day']}": row for row in queries.day_sums(catalogue, "demo")}

    said = read(tmp_path / "store", tmp_path)
    assert {leg_id: (leg["state"], leg["day"], leg["audio"][:1]) for leg_id, leg in said["legs"].items()} == {
        leg_id: (row["state"], str(row["day"]), [row["content_sha256"]] if row["content_sha256"] else [])
        for leg_id, row in known.items()
    }
    assert {row["state"] for row in known.values()} == set(State)
    names = {"bytes": "audio_bytes", "ms": "audio_ms"} | {word: f"calls_{word}" for word in Judged}
    columns = {name: names.get(name, name) for name in (*State, *names)}
    assert {day: {name: told.get(name, 0) for name in columns} for day, told in said["days"].items()} == {
        day: {name: row[column] for name, column in columns.items()} for day, row in sums.items()
    }
