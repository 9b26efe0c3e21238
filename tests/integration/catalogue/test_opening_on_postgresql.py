"""Opening a catalogue on PostgreSQL that is not there, not reachable, not ours or not allowed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from noojee_ingest.catalogue.apply import apply, apply_within
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.postgresql import CONNECT
from noojee_ingest.catalogue.tables import REVISION, RevisionRow, SegmentRow
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.recount import rows
from tests.functional.catalogue.refusals import refused
from tests.integration.postgres_server import PostgresServer
from tests.integration.s3_server import free_ports
from tests.unit.journal.story import everything

SECRET = "sesame-that-opens-nothing"
STORY = Segment("journal/story.jsonl.gz", tuple(everything()))


def test_the_tables_are_in_the_schema_that_was_named_and_in_no_other(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    Catalogue.open(**address).close()
    with postgres_server.connect() as connection:
        made = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'leg_appraised'").fetchall()
        assert (address["schema"],) in made
        assert ("public",) not in made


def test_text_sorts_and_compares_by_code_point_and_whole_numbers_have_64_bits(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    Catalogue.open(**address).close()
    question = (
        "SELECT DISTINCT typname, collname FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r' AND attnum > 0"
        " JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_collation ON pg_collation.oid = attcollation"
        " WHERE relnamespace = to_regnamespace(%s) ORDER BY 1"
    )
    with postgres_server.connect() as connection:
        found = connection.execute(question, [address["schema"]]).fetchall()
    assert found == [
        ("bool", None), ("date", None), ("float8", None), ("int8", None), ("timestamptz", None), ("varchar", "C"),
    ]  # fmt: skip


# -- refused


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


def test_a_server_that_is_not_there(address: dict[str, str]) -> None:
    url = f"postgresql://jane@127.0.0.1:{free_ports(1)[0]}/archive"
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(url, schema=address["schema"]))
    assert "refused" in said
    assert "Check that the server runs" in said


def test_a_server_that_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str], silent_port: int
) -> None:
    monkeypatch.setitem(CONNECT, "connect_timeout", 2)
    url = f"postgresql://127.0.0.1:{silent_port}/archive"
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(url, schema=address["schema"]))
    assert "timeout" in said


@pytest.mark.parametrize("password", [None, SECRET])
def test_a_password_that_is_missing_or_wrong(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer, address: dict[str, str], password: str | None
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    if password:
        monkeypatch.setenv("PGPASSWORD", password)
    url = postgres_server.url(user="guarded")
    for opening in (Catalogue.open, open_budget):
        said = refused(CatalogueUnavailable, lambda opening=opening: opening(url, schema=address["schema"]))  # type: ignore[misc]
        assert "PGPASSFILE" in said
        assert SECRET not in said


def test_the_password_that_the_environment_holds_opens_it(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "opensesame")
    with postgres_server.connect() as connection:
        connection.execute(f"CREATE SCHEMA {address['schema']} AUTHORIZATION guarded")
    Catalogue.open(postgres_server.url(user="guarded"), schema=address["schema"]).close()


@pytest.mark.parametrize(
    "url", [f"postgresql://jane:{SECRET}@127.0.0.1/archive", f"postgresql://127.0.0.1/archive?password={SECRET}"]
)
def test_a_password_in_the_url_is_refused_and_in_no_message(url: str) -> None:
    said = refused(CatalogueUnavailable, lambda: locate(url))
    assert "holds a password" in said
    assert "PGPASSFILE" in said
    assert SECRET not in said


def test_a_database_that_is_missing(postgres_server: PostgresServer, address: dict[str, str]) -> None:
    url = postgres_server.url(database="nowhere")
    said = refused(CatalogueUnavailable, lambda: Catalogue.open(url, schema=address["schema"]))
    assert '"nowhere" does not exist. Make it' in said


@pytest.mark.parametrize("opening", [Catalogue.open, open_budget])
def test_a_role_that_may_not_make_the_schema(
    postgres_server: PostgresServer, address: dict[str, str], opening: Callable[..., object]
) -> None:
    url = postgres_server.url(user="reader")
    said = refused(CatalogueUnavailable, lambda: opening(url, schema=address["schema"]))
    assert "permission denied" in said
    assert "what the role may do" in said


def test_a_role_that_may_make_schemas_needs_nothing_else(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    with closing(Catalogue.open(postgres_server.url(user="writer"), schema=address["schema"])) as catalogue:
        assert apply(catalogue, STORY)
    with closing(open_budget(postgres_server.url(user="writer"), schema=address["schema"])) as budget:
        assert budget.take_turn("acme", "by-hour", 1.0) == 0.0


def test_a_role_that_may_only_read_reads_and_is_told_that_it_may_not_write(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    Catalogue.open(**address).close()
    with postgres_server.connect() as connection:
        connection.execute(f"GRANT USAGE ON SCHEMA {address['schema']} TO reader")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {address['schema']} TO reader")
    with closing(Catalogue.open(postgres_server.url(user="reader"), schema=address["schema"])) as catalogue:
        assert rows(catalogue, RevisionRow) == [{"revision": REVISION}]
        said = refused(CatalogueUnavailable, lambda: apply(catalogue, STORY))
        assert "permission denied" in said
        assert rows(catalogue, SegmentRow) == []


def test_a_schema_of_something_else_is_refused_and_left_alone(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    with postgres_server.connect() as connection:
        connection.execute(f"CREATE SCHEMA {address['schema']}")
        connection.execute(f"CREATE TABLE {address['schema']}.holiday_photos (name text)")
        said = refused(CatalogueUnavailable, lambda: Catalogue.open(**address))
        assert "a database of something else" in said
        question = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        assert connection.execute(question, [address["schema"]]).fetchall() == [("holiday_photos",)]


def test_what_lies_in_the_public_schema_does_not_matter(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    with postgres_server.connect() as connection:
        connection.execute("CREATE TABLE public.open_segment (key text)")
        try:
            with closing(Catalogue.open(**address)) as catalogue:
                apply(catalogue, STORY)
            assert connection.execute(f"SELECT key FROM {address['schema']}.open_segment").fetchall() == []
        finally:
            connection.execute("DROP TABLE public.open_segment")


def test_views_and_tables_of_others_that_have_our_names_stay_and_do_not_matter(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    with postgres_server.connect() as connection:
        connection.execute("CREATE VIEW public.legs AS SELECT 7 AS mine")
        connection.execute("CREATE TABLE public.call_records (theirs int)")
        connection.execute("CREATE TABLE public.lease (tenant text)")
        try:
            with closing(Catalogue.open(**address)) as catalogue:
                apply(catalogue, STORY)
            with closing(open_budget(**address)) as budget:
                assert budget.lease("acme", "us", wanted=1, allowed=8, seconds=60) == 1
            assert connection.execute("SELECT mine FROM public.legs").fetchall() == [(7,)]
            assert connection.execute(f"SELECT count(*) FROM {address['schema']}.legs").fetchone() != (0,)
        finally:
            connection.execute("DROP VIEW public.legs")
            connection.execute("DROP TABLE public.call_records, public.lease")


@pytest.mark.parametrize("schema", ["", "Archive", "x" * 49, 'a"b', "pg_mine", "a b", "a;b"])
def test_a_schema_is_a_plain_name(postgres_server: PostgresServer, schema: str) -> None:
    refused(CatalogueUnavailable, lambda: Catalogue.open(postgres_server.url(), schema=schema))


def test_a_url_without_a_database_is_refused() -> None:
    said = refused(CatalogueUnavailable, lambda: locate("postgresql://jane@host"))
    assert "postgresql://[USER@]HOST/DATABASE" in said


def test_a_catalogue_through_a_unix_socket(postgres_server: PostgresServer, address: dict[str, str]) -> None:
    url = f"postgresql://postgres@:{postgres_server.port}/archive_tests?host={postgres_server.folder}"
    with closing(Catalogue.open(url, schema=address["schema"])) as catalogue:
        assert rows(catalogue, RevisionRow) == [{"revision": REVISION}]
        assert str(postgres_server.folder) in catalogue.location.name


def test_a_server_that_lets_nobody_write_is_told_as_such(catalogue: Catalogue) -> None:
    def write_to_a_standby() -> None:
        with catalogue.write("writing") as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            apply_within(connection, [STORY])

    said = refused(CatalogueUnavailable, write_to_a_standby)
    assert "lets nobody write" in said
    assert "rebuild" not in said


def test_an_error_that_no_rebuild_would_mend_is_not_told_as_one(
    postgres_server: PostgresServer, catalogue: Catalogue, address: dict[str, str]
) -> None:
    def ask() -> None:
        with catalogue.read("asking") as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout TO 1")
            connection.exec_driver_sql("SELECT pg_sleep(30)")

    said = refused(CatalogueUnavailable, ask)
    assert "statement timeout" in said
    assert "rebuild" not in said
    with postgres_server.connect() as owner:
        owner.execute(f"DROP TABLE {address['schema']}.leg_term")
    assert "`noojee-ingest catalogue rebuild`" in refused(CatalogueUnavailable, lambda: apply(catalogue, STORY))


# -- held by another


def test_a_table_that_another_program_locks_is_told_as_locked(
    postgres_server: PostgresServer, address: dict[str, str]
) -> None:
    with closing(Catalogue.open(**address, busy_seconds=0.2)) as catalogue, postgres_server.connect() as other:
        with other.transaction():
            other.execute(f"LOCK TABLE {address['schema']}.segment")
            said = refused(CatalogueLocked, lambda: apply(catalogue, STORY))
            assert "applying journal segment journal/story.jsonl.gz" in said
        assert apply(catalogue, STORY) is True
