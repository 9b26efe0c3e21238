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
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.noojee import CONTRACT, Calls, Campaigns, Leads, Noojee, Recordings, Site, marks
from noojee_ingest.noojee.endpoints import Endpoint
from tests.functional.api.rows import ROWS, Row, World
from tests.functional.docs.conftest import CHECKS
from tests.functional.docs.test_cli import documented, members
from tests.unit.test_docs import VERBS, tables

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
GROUPS = {"calls": Calls, "recordings": Recordings, "campaigns": Campaigns, "leads": Leads, "site": Site}
MARKS = {name: mark for name, _, mark in marks()}
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.section)


def endpoint(section: str) -> Endpoint:
    found = getattr(CONTRACT, section)
    assert isinstance(found, Endpoint)
    return found


def test_every_endpoint_of_the_contract_has_one_row() -> None:
    endpoints = [each.name for each in fields(CONTRACT) if isinstance(getattr(CONTRACT, each.name), Endpoint)]
    assert sorted(row.section for row in ROWS) == sorted(endpoints)


def test_every_method_of_the_client_has_a_row() -> None:
    methods = {
        f"{group}.{name}"
        for group, kind in GROUPS.items()
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {row.method for row in ROWS} == methods | {"server_time"}


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
    """What a verb printed has members of the documented names and types, and more than none."""
    told = documented(verb)
    found = list(members(json.loads(text), told))
    assert found
    for name, value in found:
        assert name in told, (verb, name)
        kind = told[name].removesuffix(" or null")
        assert value is None if kind != told[name] and value is None else CHECKS[kind](value), (verb, name, value)


def asked(world: World, row: Row) -> int:
    name = endpoint(row.section).path.rpartition("/")[2]
    return world.simulator.counters().requests[name]


@each_row
def test_people_are_told_in_a_sentence_or_a_table(row: Row, world: World, program: Callable[..., Any]) -> None:
    if row.verb in {"", "call watch"}:
        pytest.skip("see the verbs' own tests")
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
    assert told_rows() == expected


@each_row
def test_the_docstring_names_its_section_with_a_mark(row: Row) -> None:
    group, _, name = row.method.rpartition(".")
    text = getattr(GROUPS[group] if group else Noojee, name).__doc__
    assert re.search(r"\((?:reference, )?\d|\(reference, ", text), text
    assert re.search(r"\[(doc|client)\]|proposed", text), text
