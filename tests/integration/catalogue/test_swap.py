"""Rebuilding beside and swapping schemas, while analysts read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked
from noojee_ingest.catalogue.postgresql import PostgresqlSchema
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal import segment
from noojee_ingest.journal.segment import put
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents
from tests.functional.catalogue.refusals import refused
from tests.functional.catalogue.written import archived
from tests.integration.postgres_server import PostgresServer
from tests.unit.journal.story import at, leg_seen

Opened = Callable[..., Catalogue]
RIGHTS = (
    "SELECT 'schema', nspacl::text FROM pg_namespace WHERE nspname = %(schema)s UNION ALL"
    " SELECT relname, relacl::text FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s)"
    " AND relacl IS NOT NULL UNION ALL"
    " SELECT relname || '.' || attname, attacl::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
    " WHERE relnamespace = to_regnamespace(%(schema)s) AND attacl IS NOT NULL ORDER BY 1"
)


def test_what_readers_may_do_they_may_after_a_rebuild(
    postgres_server: PostgresServer, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue, schema = opened(), address["schema"]
    archived(archive, catalogue)
    catalogue.close()
    with postgres_server.connect() as owner:
        for grant in (
            f"GRANT USAGE ON SCHEMA {schema} TO reader WITH GRANT OPTION",
            f"GRANT SELECT ON {schema}.legs, {schema}.day TO reader",
            f"GRANT SELECT ON {schema}.call_records TO reader WITH GRANT OPTION",
            f"GRANT SELECT (call_id, judged) ON {schema}.call TO reader",
            f"GRANT SELECT, INSERT ON {schema}.run TO writer",
            f"GRANT SELECT ON {schema}.revision TO PUBLIC",
        ):
            owner.execute(grant)
        before = owner.execute(RIGHTS, {"schema": schema}).fetchall()
        rebuild(archive, **address)
        assert owner.execute(RIGHTS, {"schema": schema}).fetchall() == before
        assert len(before) > 5
    with postgres_server.connect(user="reader") as reader:
        assert reader.execute(f"SELECT count(*) FROM {schema}.legs").fetchone() != (0,)
        assert reader.execute(f"SELECT judged FROM {schema}.call").fetchall() != []
        for forbidden in ("SELECT * FROM {}.call", "SELECT * FROM {}.leg", "DELETE FROM {}.day"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden.format(schema))


def test_an_analyst_sees_the_old_catalogue_to_the_end_and_then_the_new_one(
    postgres_server: PostgresServer, address: dict[str, str], archive: Root
) -> None:
    with closing(Catalogue.open(**address)) as catalogue:
        archived(archive, catalogue)
    (late,) = segment.segments("acme", [leg_seen(99)], at(0))
    put(archive, late)
    counting, seen = f"SELECT count(*) FROM {address['schema']}.legs", set[Any]()
    with postgres_server.connect() as analyst:
        (old,) = analyst.execute(counting).fetchone() or (0,)
        rebuild(archive, **address, progress=lambda _: seen.add(analyst.execute(counting).fetchone()))
        assert seen == {(old,)}
        assert analyst.execute(counting).fetchone() == (old + 1,)


def test_an_analyst_in_the_midst_of_reading_does_not_hold_up_the_new_catalogue_and_the_old_one_goes_next_time(
    postgres_server: PostgresServer,
    address: dict[str, str],
    beside: Callable[[], list[str]],
    archive: Root,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(Catalogue.open(**address)) as catalogue:
        archived(archive, catalogue)
        before = contents(catalogue)
    monkeypatch.setattr("noojee_ingest.catalogue.postgresql.BUSY_SECONDS", 0.3)
    with postgres_server.connect() as analyst:
        with analyst.transaction():
            (old,) = analyst.execute(f"SELECT count(*) FROM {address['schema']}.leg").fetchone() or (0,)
            said = refused(CatalogueLocked, lambda: rebuild(archive, **address))
            assert "the new one is in place" in said
            assert beside() == [f"{address['schema']}_replaced"]
            with closing(Catalogue.open(**address)) as catalogue:
                assert contents(catalogue) == before
        assert analyst.execute(f"SELECT count(*) FROM {address['schema']}.leg").fetchone() == (old,)
    rebuild(archive, **address)
    assert beside() == []


def test_a_swap_that_fails_leaves_the_old_catalogue(
    address: dict[str, str],
    beside: Callable[[], list[str]],
    archive: Root,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(Catalogue.open(**address)) as catalogue:
        archived(archive, catalogue)
        before = contents(catalogue)

    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("noojee_ingest.catalogue.postgresql.carry_grants", fail)
    with pytest.raises(KeyError):
        rebuild(archive, **address)
    assert beside() == []
    with closing(Catalogue.open(**address)) as catalogue:
        assert contents(catalogue) == before


def test_the_planner_knows_the_new_tables_and_others_are_left_alone(
    postgres_server: PostgresServer, address: dict[str, str], archive: Root
) -> None:
    counted = "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)"
    with postgres_server.connect() as connection:
        connection.execute(f"CREATE TABLE public.{address['schema']}_of_others AS SELECT generate_series(1, 9)")
        with closing(Catalogue.open(**address)) as catalogue:
            archived(archive, catalogue)
        rebuild(archive, **address)
        assert connection.execute(counted, [f"{address['schema']}.leg"]).fetchone() == (27.0,)
        assert connection.execute(counted, [f"public.{address['schema']}_of_others"]).fetchone() == (-1.0,)


def test_a_rebuild_needs_no_more_than_the_right_to_make_schemas(
    postgres_server: PostgresServer, address: dict[str, str], archive: Root
) -> None:
    url, schema = postgres_server.url(user="writer"), address["schema"]
    with closing(Catalogue.open(url, schema=schema)) as catalogue:
        archived(archive, catalogue)
        before = contents(catalogue)
    rebuild(archive, url, schema=schema)
    with closing(Catalogue.open(url, schema=schema)) as catalogue:
        assert isinstance(catalogue.location, PostgresqlSchema)
        assert contents(catalogue) == before
