"""docs/catalogue.md against the catalogue: its tables, views and columns, and the questions on the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.columns import Counts, Findings, Instant, TextMap, Texts
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.fact_tables import EventColumns
from noojee_ingest.catalogue.tables import REBUILDABLE, VOLATILE, table
from noojee_ingest.catalogue.terms import kept_number, wanted_numbers
from noojee_ingest.catalogue.views import VIEWS
from noojee_ingest.journal.segment import Segment
from tests.unit.journal.story import everything
from tests.unit.test_docs import section, tables, words

PAGE = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text()
ROWS = {str(row.__tablename__): row for row in (*REBUILDABLE, *VOLATILE)}
TYPES = {
    Instant: "instant", Texts: "JSON list", Findings: "JSON list", TextMap: "JSON object", Counts: "JSON object",
    "VARCHAR": "text", "DATE": "day", "INTEGER": "whole number", "BIGINT": "whole number", "FLOAT": "number",
    "BOOLEAN": "true or false",
}  # fmt: skip


@pytest.fixture(scope="module")
def story(emptied: Callable[[], AbstractContextManager[Catalogue]]) -> Iterator[Catalogue]:
    with emptied() as catalogue:
        apply(catalogue, Segment("journal/story", tuple(everything())))
        yield catalogue


def documented(name: str) -> dict[str, str]:
    """The columns of a table or view and their types, as its section has them."""
    (found,) = tables(section(PAGE, name))
    assert found[0] == ["Column", "Type", "Meaning"]
    named = [(column, row[1]) for row in found[1:] for column in words(row[0])]
    assert len(named) == len(dict(named)), "a column is there twice"
    return dict(named)


def of_every_fact() -> dict[str, str]:
    found = next(one for one in tables(section(PAGE, "The tables")) if one[0][0] == "Column of a fact")
    return {words(row[0])[0]: row[1] for row in found[1:]}


def type_of(column: Any) -> str:
    return TYPES.get(type(column.type)) or TYPES[str(column.type)]


def test_the_tables_and_views_of_a_catalogue_have_a_section_each(story: Catalogue) -> None:
    with story.read("looking at the tables") as connection:
        known = inspect(connection)
        views = set(known.get_view_names(schema=story.location.schema))
        there = set(known.get_table_names(schema=story.location.schema)) | views
    inner = {name for name in there if name.startswith("leg_text_")}
    assert views == set(VIEWS)
    assert there | {"leg_text"} == {*re.findall(r"^### (\w+)$", PAGE, re.MULTILINE), *inner}
    assert all(f"`{name}`" in PAGE for name in inner)


@pytest.mark.parametrize("name", ROWS)
def test_every_column_of_a_table_is_documented_with_its_type(name: str) -> None:
    shared = of_every_fact() if issubclass(ROWS[name], EventColumns) else {}
    real = {column.name: type_of(column) for column in table(ROWS[name]).columns}
    assert documented(name) | shared == real
    assert not set(documented(name)) & set(shared)


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_of_a_view_is_documented_with_its_type_and_in_its_order(story: Catalogue, name: str) -> None:
    real = {column.name: type_of(column) for column in VIEWS[name].selected_columns if column.name not in COUNTED}
    assert list(documented(name)) == VIEWS[name].selected_columns.keys()
    assert {column: kind for column, kind in documented(name).items() if column not in COUNTED} == real
    with story.read("looking at the views") as connection:
        made = inspect(connection).get_columns(name, schema=story.location.schema)
    assert [column["name"] for column in made] == list(documented(name))


COUNTED = {"archived_legs", "audio_seconds"}
"""Columns that are in no table."""

QUESTIONS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_on_the_page_is_answered(story: Catalogue, question: str) -> None:
    engine = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[story.engine.dialect.name]
    of_engine = re.match(r"-- (\w+)\n", question)
    if of_engine and of_engine[1] != engine:
        other = [one for one in QUESTIONS if one.startswith(f"-- {engine}\n")]
        assert other, "it is there for one engine only"
        return
    with story.read("asking what the page asks") as connection:
        assert connection.exec_driver_sql(question.replace("%", "%%" if engine == "PostgreSQL" else "%")).all() != []


def test_the_numbers_on_the_page_find_each_other() -> None:
    found = next(one for one in tables(section(PAGE, "Numbers")) if one[0][0] == "These find each other")
    assert len(found) == 4
    for cell, _ in found[1:]:
        every = words(cell) + (words(found[1][0]) if "each of those" in cell else [])
        assert all(kept_number(kept) in wanted_numbers(wanted) for kept in words(cell) for wanted in every)
        assert len(every) > 1


def test_the_numbers_that_the_page_says_are_not_found_are_not() -> None:
    for kept, wanted in (("9 9555 0123", "03 9555 0123"), ("555 0123", "03 555 0123"), ("208", "03 9555 0208")):
        assert kept_number(kept) not in wanted_numbers(wanted)
    assert kept_number("02 9555 0123") in wanted_numbers("9555 0123")
