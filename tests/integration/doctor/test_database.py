"""The doctor and a catalogue on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from noojee_ingest.pipeline.doctor import Result
from tests.functional.doctor.conftest import Surgery, of
from tests.integration.postgres_server import PostgresServer
from tests.integration.s3_server import free_ports

CHECKS = ("reachable", "revision", "writable", "of this store")
_numbers = count()


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """A database of the test's own."""
    name = f"doctor_{next(_numbers)}"
    with postgres_server.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return name


def test_a_catalogue_on_a_server_is_proven(
    make_surgery: Callable[..., Surgery], postgres_server: PostgresServer, database: str
) -> None:
    surgery = make_surgery()
    url = postgres_server.url(database)
    found = surgery.examine(store=True, CATALOGUE__URL=url)
    for name in CHECKS:
        assert of(found, f"catalogue: {name}").result is Result.OK
    assert of(found, "room: catalogue").result is Result.SKIPPED
    with postgres_server.connect(database) as connection:
        assert connection.execute("select count(*) from noojee_ingest.revision").fetchone() == (1,)


def test_a_role_that_may_only_read_is_told(
    make_surgery: Callable[..., Surgery], postgres_server: PostgresServer, database: str
) -> None:
    surgery = make_surgery()
    surgery.examine(store=True, CATALOGUE__URL=postgres_server.url(database))
    with postgres_server.connect(database) as connection:
        for schema in ("noojee_ingest", "noojee_ingest_budget"):
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader")  # type: ignore[arg-type]
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA noojee_ingest TO reader")
    found = surgery.examine(store=True, CATALOGUE__URL=postgres_server.url(database, "reader"))
    assert of(found, "catalogue: reachable").result is Result.OK
    writable = of(found, "catalogue: writable")
    assert (writable.result, "permission denied" in writable.told) == (Result.FAILED, True)


def test_a_right_that_lacks_for_one_table_is_told(
    make_surgery: Callable[..., Surgery], postgres_server: PostgresServer, database: str
) -> None:
    surgery = make_surgery()
    surgery.examine(store=True, CATALOGUE__URL=postgres_server.url(database))
    with postgres_server.connect(database) as connection:
        connection.execute("GRANT ALL ON SCHEMA noojee_ingest TO writer")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA noojee_ingest TO writer")
        connection.execute("REVOKE DELETE ON noojee_ingest.finding FROM writer")
    found = surgery.examine(store=True, CATALOGUE__URL=postgres_server.url(database, "writer"))
    assert of(found, "catalogue: writable").result is Result.FAILED
    assert "finding" in of(found, "catalogue: writable").told


def test_a_server_that_is_not_there_is_told_and_the_recordings_are_examined(
    make_surgery: Callable[..., Surgery],
) -> None:
    surgery = make_surgery()
    (port,) = free_ports(1)
    found = surgery.examine(store=True, CATALOGUE__URL=f"postgresql://nobody@127.0.0.1:{port}/nowhere")
    assert of(found, "site budget").result is Result.FAILED
    assert of(found, "catalogue: reachable").result is Result.FAILED
    assert of(found, "audio by call record id").result is Result.OK
    assert found.of("store: create-only") is Result.OK
