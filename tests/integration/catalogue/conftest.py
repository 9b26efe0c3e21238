"""The catalogues that the tests of tests/functional/catalogue ask for, here in schemas of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import pytest
from sqlalchemy import text

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.tables import REBUILDABLE, VOLATILE, RevisionRow
from tests.functional.catalogue.conftest import (
    AddressOf,
    address,
    apart,
    archive,
    catalogue,
    helped,
    holding,
    opened,
    url,
)
from tests.integration.postgres_server import PostgresServer

__all__ = ["address", "apart", "archive", "catalogue", "helped", "holding", "opened", "url"]


@pytest.fixture
def address_of(postgres_server: PostgresServer, postgres_schema: str) -> AddressOf:
    """The ``url`` and ``schema`` of the test's catalogue of a name."""
    return lambda name: {
        "url": postgres_server.url(),
        "schema": f"{postgres_schema}_{name}".lower().replace("-", "_"),
    }


@pytest.fixture
def beside(postgres_server: PostgresServer, address: dict[str, str]) -> Callable[[], list[str]]:
    """Names what a rebuild of the test's catalogue has left beside it."""

    def left() -> list[str]:
        with postgres_server.connect() as connection:
            question = "SELECT nspname FROM pg_namespace WHERE nspname ~ %s ORDER BY 1"
            return [name for (name,) in connection.execute(question, [f"^{address['schema']}_re"])]

    return left


@pytest.fixture
def pass_time(postgres_server: PostgresServer, address: dict[str, str]) -> Callable[[float], None]:
    """As if all that is in the budget had been written so many seconds ago; less than nothing: a clock set back."""

    def passed(seconds: float) -> None:
        with postgres_server.connect() as connection:
            connection.execute(f'SET search_path TO "{address["schema"]}_budget"')
            connection.execute("UPDATE turn SET taken = taken - %s, next = next - %s", [seconds] * 2)
            connection.execute("UPDATE lease SET taken = taken - %s, expires = expires - %s", [seconds] * 2)

    return passed


@pytest.fixture(scope="module")
def emptied(
    postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> Iterator[Callable[[], AbstractContextManager[Catalogue]]]:
    """Gives the same catalogue, emptied, again and again."""
    schema = f"emptied_for_{request.module.__name__.rpartition('.')[2]}"
    tables = ", ".join(f"{row.__tablename__}" for row in (*REBUILDABLE, *VOLATILE) if row is not RevisionRow)
    with closing(Catalogue.open(postgres_server.url(), schema=schema)) as one:

        @contextmanager
        def new() -> Iterator[Catalogue]:
            with one.write("emptying it") as connection:
                connection.execute(text(f"TRUNCATE {tables}"))
            yield one

        yield new
