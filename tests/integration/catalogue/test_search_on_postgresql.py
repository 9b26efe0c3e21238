"""The same tests, on PostgreSQL; and what it takes there to search texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.test_search import *  # noqa: F403
from tests.integration.postgres_server import PostgresServer
from tests.unit.journal.story import leg, leg_seen


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of the test's own, in which ``reader`` owns the schema of a catalogue and nothing more."""
    with postgres_server.connect("postgres") as connection:
        connection.execute("CREATE DATABASE without_trigrams")
    with postgres_server.connect("without_trigrams") as connection:
        connection.execute("CREATE SCHEMA noojee_ingest AUTHORIZATION reader")
    yield "without_trigrams"
    with postgres_server.connect("postgres") as connection:
        connection.execute("DROP DATABASE without_trigrams WITH (FORCE)")


def test_who_may_not_add_pg_trgm_is_told_what_the_owner_must_run(
    postgres_server: PostgresServer, database: str
) -> None:
    with pytest.raises(CatalogueUnavailable) as refused:
        Catalogue.open(postgres_server.url(database, "reader"))
    assert "lacks the extension pg_trgm" in str(refused.value)
    assert "`CREATE EXTENSION pg_trgm SCHEMA public;`" in refused.value.hint


@pytest.mark.parametrize("schema", ["public", "elsewhere"])
def test_pg_trgm_may_be_in_any_schema(postgres_server: PostgresServer, database: str, schema: str) -> None:
    with postgres_server.connect(database) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader")
        connection.execute(f"CREATE EXTENSION pg_trgm SCHEMA {schema}")
    catalogue = Catalogue.open(postgres_server.url(database, "reader"))
    try:
        apply(catalogue, Segment("journal/one", (leg_seen(2, "ORDER 448"),)))
        assert [row["leg_id"] for row in search(catalogue, Search(texts=["der 4"]), most=2)] == [leg(2)]
    finally:
        catalogue.close()
