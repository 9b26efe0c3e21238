"""Every row of the API: driven over HTTP by its Python method and by its verb, and documented.

``rows.py`` is the one list. It is held against the contract, the client and the program, so that an endpoint, a method
or a verb that has no row fails here, and so does a row that one of the documents does not tell of.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.noojee import CONTRACT, LeadGeneration, Noojee, marks
from noojee_ingest.noojee.endpoints import Endpoint
from tests.functional.api.rows import ROWS, Row, World
from tests.functional.docs.conftest import CHECKS
from tests.functional.docs.test_cli import documented, members
from tests.unit.test_docs import VERBS, tables

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
NOT_OF_THE_API = {"abort", "close"}
"""Methods of the client that ask the phone system nothing."""

ENTRIES_REFUSED = {"refused[].reason", "refused[].raw"}
ABSENT = {
    "call watch": {"reason", "at"},
    "recording get": {"not_got[].leg", "not_got[].call_record_id", "not_got[].unique_id", "not_got[].why"},
}
"""Members that a sound answer has no reason to hold; of every list those of what was refused."""
MARKS = {name: mark for name, _, mark in marks()}
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.section)


def endpoint(section: str) -> Endpoint:
    found = getattr(CONTRACT, section)
    assert isinstance(found, Endpoint)
    return found


def test_every_endpoint_of_the_contract_has_one_row() -> None:
    endpoints = [each.name for each in fields(CONTRACT) if isinstance(getattr(CONTRACT, each.name), Endpoint)]
    of_two_generations = ["save_old", "update_old"]
    assert sorted(row.section for row in ROWS) == sorted(endpoints + of_two_generations)


@pytest.mark.parametrize("method", ["leads.save", "leads.update"])
def test_every_generation_of_leads_has_a_row(method: str, world: World) -> None:
    generations = [row.arguments(world)[-1] for row in ROWS if row.method == method]
    assert generations == list(LeadGeneration)


def public(thing: object) -> set[str]:
    return {name for name, _ in inspect.getmembers(thing, inspect.ismethod) if not name.startswith("_")}


def test_every_method_of_the_client_has_a_row(client: Noojee) -> None:
    groups = {name: group for name, group in vars(client).items() if not name.startswith("_") and public(group)}
    methods = {f"{name}.{method}" for name, group in groups.items() for method in public(group)}
    assert {row.method for row in ROWS} == methods | (public(client) - NOT_OF_THE_API)


def test_every_verb_of_the_phone_system_has_a_row() -> None:
    groups = {"call", "recording", "campaign", "callrecord", "site"}
    assert {row.verb for row in ROWS} - {""} == {verb for verb in VERBS if verb.split()[0] in groups}


@each_row
def test_the_method_asks_its_endpoint(row: Row, client: Noojee, world: World) -> None:
    before = asked(world, row)
    assert row.python(client, world) is not None
    assert client.requests_made[row.section] == 1
    assert asked(world, row) > before


@each_row
def test_the_verb_asks_the_endpoint_and_prints_what_is_documented(
    row: Row,
    world: World,
    program: Callable[..., Any],
    watching: Callable[..., tuple[list[str], int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not row.verb:
        monkeypatch.setenv("NOOJEE_INGEST_SITES__HERE__AUTHENTICATION", "hash")
    before = asked(world, row)
    arguments = [*row.verb.split(), *row.arguments(world)]
    if row.verb == "call watch":
        (line,), code = watching(*arguments[2:], "--json", lines=1)
        assert code == 130
    else:
        said = program(*arguments, "--json")
        assert said.code == 0, said.err
        line = said.out
    assert asked(world, row) > before
    check(row.verb or "campaign templates", line)


def check(verb: str, text: str) -> None:
    """What a verb printed has members of the documented names and types: every one of them."""
    told = documented(verb)
    found = list(members(json.loads(text), told))
    absent = ABSENT.get(verb, set()) | (ENTRIES_REFUSED & set(told))
    assert {name for name, _ in found} == set(told) - absent
    for name, value in found:
        kind = told[name].removesuffix(" or null")
        assert value is None if kind != told[name] and value is None else CHECKS[kind](value), (verb, name, value)


def asked(world: World, row: Row) -> int:
    name = endpoint(row.section).path.rpartition("/")[2]
    return world.simulator.counters().requests[name]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.verb not in {"", "call watch"}], ids=lambda row: row.section
)
def test_people_are_told_in_a_sentence_or_a_table(row: Row, world: World, program: Callable[..., Any]) -> None:
    """What ``call watch`` shows is in its own tests."""
    said = program(*row.verb.split(), *row.arguments(world))
    assert said.code == 0, said.err
    assert len(said.out.strip()) > 5
    assert "{" not in said.out


# -- docs/api.md


def told_rows() -> list[list[str]]:
    table = next(table for table in tables(API) if table[0][0] == "Seed")
    assert table[0] == ["Seed", "Python", "Command", "Request", "Mark"]
    return table[1:]


def test_the_page_has_every_row_with_its_request_and_mark() -> None:
    expected = [
        [
            row.seed,
            f"`{row.method}`",
            f"[`{row.verb}`](cli.md#{row.verb.replace(' ', '-')})" if row.verb else "`authentication`",
            f"`{endpoint(row.section).method} {endpoint(row.section).path}`",
            MARKS[f"{row.section}.path"].value,
        ]
        for row in ROWS
    ]
    assert told_rows() == [row for number, row in enumerate(expected) if row not in expected[:number]]


@each_row
def test_the_docstring_names_its_section_with_a_mark(row: Row, client: Noojee) -> None:
    text = attrgetter(row.method)(client).__doc__
    assert re.search(r"\((?:reference, )?\d|\(reference, ", text), text
    assert re.search(r"\[(doc|client)\]|proposed", text), text
