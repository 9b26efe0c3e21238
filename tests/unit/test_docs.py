"""The tables of docs/ against the code: nothing missing, nothing that is not there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import typer

from noojee_ingest.catalogue.tables import REBUILDABLE, VOLATILE
from noojee_ingest.cli.exits import TOLD, Exit
from noojee_ingest.cli.program import app
from noojee_ingest.journal.events import KINDS, AudioNotStored, Event, LegAppraised, LegSeen, Outcome, Strength, Verdict
from noojee_ingest.journal.facts import Fact, LegFacts, put_fact
from noojee_ingest.journal.fold import CONCLUSIONS, Judged, state
from noojee_ingest.journal.lines import MEMBERS
from noojee_ingest.model import FindingKind, State, TimeMark, View, identity_digest, leg_id
from noojee_ingest.noojee.wire import array

DOCS = Path(__file__).parents[2] / "docs"
FORMAT = (DOCS / "format.md").read_text()
CLI = (DOCS / "cli.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()

PLAIN = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "datetime": "instant",
    "date": "day",
    "tuple[str, ...]": "texts",
    "tuple[Finding, ...]": "findings",
    "Mapping[str, str]": "object of texts",
    "Mapping[str, int]": "object of whole numbers",
}
"""How the documents call the types of fields."""


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no section {heading!r}"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a text: rows of cells, headings first."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not set("".join(cells)) <= set("-: "):
                found[-1].append(cells)
        before = line
    return found


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_words(text: str, heading: str) -> list[str]:
    (table,) = tables(section(text, heading))
    return [words(row[0])[0] for row in table[1:]]


def code(text: str, name: str) -> str:
    """The Python block of a document that begins with ``# name``."""
    found = re.search(rf"^```python\n(# {re.escape(name)}\n.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no code named {name}"
    return found[1]


# -- docs/format.md: events and words

HEADINGS = re.findall(r"^### (\w+): `(.+)` of `(.+)`$", FORMAT, re.MULTILINE)


def test_every_event_kind_has_a_section_with_its_words_and_there_is_no_other() -> None:
    assert [(kind.__name__, kind.kind, kind.object_type) for kind in KINDS] == HEADINGS


def documented_members(kind: str) -> dict[str, tuple[str, str, str]]:
    """Type, personal and null of each member, as the section of an event kind tells them."""
    (heading,) = (f"{name}: `{word}` of `{of}`" for name, word, of in HEADINGS if name == kind)
    text = section(FORMAT, heading)
    same = re.search(r"The members\s+are those of (\w+)\.", text)
    if same:
        return documented_members(same[1])
    (table,) = tables(text)
    assert table[0] == ["Member", "Type", "Personal", "Null", "Meaning"]
    return {words(row[0])[0]: (row[1], row[2], row[3]) for row in table[1:]}


SHARED = {"event_id": "id", "time": "time", "actor": "actor", "supersedes": "supersedes", "site": "site", "day": "day"}
"""The fields of every event, and their names on a line."""


def type_name(kind: type[Event], member: str) -> str:
    annotation = str(_annotations(kind)[member]).removesuffix(" | None")
    return PLAIN.get(annotation, annotation)


def _annotations(kind: type[Event]) -> dict[str, Any]:
    return {
        name: hint for base in reversed(kind.__mro__) for name, hint in vars(base).get("__annotations__", {}).items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_of_an_event_is_documented_with_type_and_rule(kind: type[Event]) -> None:
    told = documented_members(kind.__name__)
    own = [member for member in MEMBERS[kind] if member.name not in {*SHARED, kind.object_field}]

    assert list(told) == [member.name for member in own]
    for member in own:
        of_type, personal, null = told[member.name]
        assert of_type == type_name(kind, member.name), member.name
        assert personal == ("yes" if member.personal else "no"), member.name
        if member.personal:
            assert null in {"yes", "destroyed"}, member.name
        else:
            assert null == ("yes" if member.may_be_null else "no"), member.name


def test_the_members_that_all_lines_share_are_documented() -> None:
    shared = {"v", "kind", "object", *SHARED.values(), "personal"}
    assert set(first_words(FORMAT, "A line")) == shared


@pytest.mark.parametrize("enum", [View, TimeMark, Outcome, Verdict, Strength, State, Judged])
def test_every_word_of_a_vocabulary_is_explained(enum: type[StrEnum]) -> None:
    told = first_words(FORMAT, enum.__name__)
    assert sorted(told) == sorted(enum)


def test_every_kind_of_finding_is_explained() -> None:
    assert first_words(FORMAT, "Findings") == list(FindingKind)


def test_the_conclusions_are_documented_in_the_order_in_which_they_count() -> None:
    (table,) = tables(section(FORMAT, "Outcome"))
    assert [(words(row[0])[0], row[2]) for row in table[1:]] == list(CONCLUSIONS.items())


def test_the_tables_of_the_catalogue_are_named_as_rebuildable_or_volatile() -> None:
    text = section(FORMAT, "What is volatile")
    rebuildable = re.search(r"follow from the journal: (.*?)\.\n", text, re.DOTALL)
    assert rebuildable
    assert sorted(words(rebuildable[1])) == sorted(str(row.__tablename__) for row in REBUILDABLE)
    volatile = next(table for table in tables(text) if table[0][0] == "Volatile table")
    assert sorted(words(row[0])[0] for row in volatile[1:]) == sorted(str(row.__tablename__) for row in VOLATILE)


# -- docs/format.md: the state diagram


def edges() -> list[tuple[str, str, str]]:
    """From, to and event of each edge, by the table below the diagram."""
    table = next(table for table in tables(section(FORMAT, "The fold")) if table[0][0] == "From")
    return [(source, words(row[1])[0], row[2]) for row in table[1:] for source in words(row[0])]


def test_the_diagram_draws_the_edges_of_its_table() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.+)$", FORMAT, re.MULTILINE)
    assert sorted(drawn) == sorted(edges())


def test_every_state_is_in_the_diagram_and_none_is_a_dead_end() -> None:
    assert {source for source, _, _ in edges()} == {state.value for state in State}
    assert {target for _, target, _ in edges()} == {state.value for state in State}


MINUTES = count()


def said(supersedes: tuple[str, ...] = ()) -> dict[str, Any]:
    now = datetime(2026, 3, 11, tzinfo=UTC) + timedelta(minutes=next(MINUTES))
    return {
        "time": now, "actor": "test", "supersedes": supersedes, "site": "demo", "day": date(2026, 3, 10), "leg_id": "0"
    }  # fmt: skip


def event_named(named: str, supersedes: tuple[str, ...]) -> Event:
    """The event that an edge of the diagram names."""
    kind, _, word = named.partition(", ")
    if kind == "ingestion":
        return stored(supersedes)
    if kind == "capture":
        return AudioNotStored(**said(supersedes), outcome=Outcome(word), cause="", tries=1)
    assert kind == "appraisal"
    return LegAppraised(**said(supersedes), verdict=Verdict(word))


def stored(supersedes: tuple[str, ...] = ()) -> Event:
    kind = next(kind for kind in KINDS if kind.kind == "ingestion")
    return kind(
        **said(supersedes), content_sha256="00", content_size=1, stored_sha256="00", stored_size=1, bucket="", key="k",
        version_id="", checksum_type="sha256-full-object", extension="wav", codec="gsm", channels=1, sample_rate=8000,
        seconds=1.0,
    )  # fmt: skip


WAYS = {
    State.DISCOVERED: [],
    State.PENDING: ["capture, not yet"],
    State.ARCHIVED: ["ingestion"],
    State.MISSING: ["capture, not yet", "appraisal, missing"],
    State.REJECTED: ["capture, rejected"],
    State.FAILED: ["capture, gave up"],
    State.EXCUSED: ["capture, rejected", "appraisal, excuse"],
    State.QUARANTINED: ["ingestion", "appraisal, quarantine"],
}
"""How a leg gets into each state."""


@pytest.mark.parametrize(("source", "target", "named"), edges())
def test_the_fold_goes_along_every_edge_of_the_diagram(source: str, target: str, named: str) -> None:
    facts = LegFacts()
    seen = LegSeen(**said(), hour=1, view=View.BY_HOUR)
    put_fact(facts.seen, Fact.of(seen, "segment"))
    for one in (*WAYS[State(source)], None, named):
        now = state(facts)
        if one is None:
            assert now.state == source
            continue
        event: Any = event_named(one, now.open_facts)
        kept: Any = {"ingestion": facts.stored, "capture": facts.not_stored, "appraisal": facts.appraised}[event.kind]
        put_fact(kept, Fact.of(event, "segment"))
    assert state(facts).state == target


# -- docs/format.md: the code on the page


def test_the_documented_identity_is_ours() -> None:
    scope: dict[str, Any] = {}
    exec(code(FORMAT, "identity.py"), scope)
    for texts in (("demo", "968500028", "1773087692.128", "2"), ("a", "", "\\u0000", "ü🙂"), ("ab", "c", "", "")):
        assert scope["identity"](*texts) == leg_id(*texts) == identity_digest(*texts)


def test_the_bytes_of_the_worked_example_are_those_of_the_identity() -> None:
    lines = re.findall(r"^([0-9a-f]{8}) ([0-9a-f]+) +(\d+) bytes?: +(\S+)$", FORMAT, re.MULTILINE)
    assert [text for _, _, _, text in lines] == ["demo", "968500028", "1773087692.128", "2"]
    for prefix, data, size, text in lines:
        assert int(prefix, 16) == int(size) == len(text)
        assert bytes.fromhex(data) == text.encode()
    assert sum(4 + int(size) for _, _, size, _ in lines) == 44


@pytest.mark.parametrize(
    "raw",
    [
        '{"Leg": 1, "UniqueId": 1700000123.10}',
        '{"b": true, "a": [false, null, {"z": -0.0, "y": 1e400}], "a ": NaN}',
        '{"Tag": "\\u0000\\ud83d\\ude42\\/\\b", "Tag2": "/é\t🙂"}',
        '{"Leg": "1", "Leg": "2"}',
        "[[], {}]",
        '"only text"',
        "-Infinity",
    ],
)
def test_the_documented_digest_is_ours(raw: str) -> None:
    scope: dict[str, Any] = {}
    exec(code(FORMAT, "digest.py"), scope)
    assert scope["digest"](raw) == array(f"[{raw}]")[0].digest


# -- docs/cli.md: verbs, options, exit codes


def verbs() -> Iterator[tuple[str, Any]]:
    """Every verb that can be called, by its full name."""
    pending: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while pending:
        name, command = pending.pop(0)
        if hasattr(command, "commands"):
            pending += [(f"{name} {inner}".strip(), one) for inner, one in command.commands.items()]
        else:
            yield name, command


VERBS = dict(verbs())


def options_of(command: Any) -> dict[str, str]:
    """Each option or argument of a verb as the documents write it, and its default (``""``: none to speak of)."""
    found = {}
    for parameter in command.params:
        names = parameter.opts if parameter.param_type_name == "option" else [parameter.name.upper()]
        default = "" if parameter.default in (None, False) else str(parameter.default)
        found[", ".join(f"`{name}`" for name in names)] = default
    return found


def test_every_verb_has_a_section_and_a_line_in_the_overview() -> None:
    assert set(re.findall(r"^## ([a-z ]+)$", CLI, re.MULTILINE)) == set(VERBS)
    assert [words(row[0])[0] for row in tables(CLI)[0][1:]] == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_documented_with_its_default(verb: str) -> None:
    table = tables(section(CLI, verb))[0]
    assert table[0] == ["Option", "Default", "Meaning"]
    told = {row[0]: row[1].strip("`") for row in table[1:]}
    real = options_of(VERBS[verb])

    assert set(told) == set(real)
    for name, default in real.items():
        if default:
            assert told[name] == default, name


@pytest.mark.parametrize(("document", "text"), [("cli.md", CLI), ("operations.md", OPERATIONS)])
def test_every_exit_code_is_documented(document: str, text: str) -> None:
    (table,) = tables(section(text, "Exit codes"))
    assert [row[0] for row in table[1:]] == [str(code.value) for code in Exit], document


# -- docs/operations.md, and all commands


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for inner in below:
        yield from leaves(inner)


@pytest.mark.parametrize("kind", sorted({leaf.__name__ for one in TOLD for leaf in leaves(one)}))
def test_operations_say_what_every_error_means(kind: str) -> None:
    named = [word for table in tables(section(OPERATIONS, "Messages")) for row in table[1:] for word in words(row[0])]
    assert kind in named


def commands() -> Iterator[tuple[str, str]]:
    """Every call of noojee-ingest in a block of code of the documents."""
    for path in sorted(DOCS.glob("*.md")):
        for block in re.findall(r"^```(?:console|sh|cron|ini)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE):
            for call in re.findall(r"(?<![\w.-])noojee-ingest(?: +.*)?$", block, re.MULTILINE):
                yield path.name, call.partition(" >")[0]


@pytest.mark.parametrize(("document", "call"), sorted(set(commands())))
def test_every_command_in_the_documents_can_be_called_so(document: str, call: str) -> None:
    arguments = shlex.split(call, comments=True)[1:]
    name = next((verb for verb in VERBS if arguments[: len(verb.split())] == verb.split()), None)
    assert name is not None, call
    rest = arguments[len(name.split()) :]
    VERBS[name].make_context(name, rest, resilient_parsing=False).close()


def test_the_settings_that_the_documents_name_exist() -> None:
    known = {
        word for table in tables((DOCS / "settings.md").read_text()) for row in table[1:] for word in words(row[0])
    }
    known |= {key.rpartition(".")[2] for key in known}
    named = re.compile(r"(?:store|spool|prefect|archive|nightly|sites\.(?:<slug>|\w+))\.[a-z_]+(?:\.[a-z_]+)*")
    for text in (FORMAT, CLI, OPERATIONS):
        for word in words(text):
            if named.fullmatch(word):
                assert re.sub(r"^sites\.\w+\.", "sites.<slug>.", word) in known, word
