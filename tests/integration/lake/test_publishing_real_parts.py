"""Publishing from a PostgreSQL catalogue into buckets: the same as from SQLite, and as safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import dirty_days
from noojee_ingest.catalogue.views import call_records_of_day, legs_of_day
from noojee_ingest.journal.segment import Segment
from noojee_ingest.lake.files import s3_files
from noojee_ingest.lake.publish import publish_day
from noojee_ingest.lake.schema import LEGS, TABLES
from noojee_ingest.lake.sql import query
from noojee_ingest.pipeline.errors import NoSuchSite
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.publish import publish_by_hand
from noojee_ingest.pipeline.sql import sql
from noojee_ingest.settings import load
from noojee_ingest.storage.s3 import open_s3_store
from noojee_ingest.storage.s3_options import S3Options
from tests.functional.lake.conftest import Counting, in_one_spelling, row
from tests.functional.lake.test_publishing_runs import Held, beside, tell
from tests.integration.postgres_server import PostgresServer
from tests.integration.s3_server import OWNER, Keys, S3Server
from tests.unit.journal.story import DAY, NEXT_DAY, SITE, call_seen, everything, leg_seen, stored


@pytest.fixture
def on_postgresql(postgres_server: PostgresServer, postgres_schema: str) -> Iterator[Catalogue]:
    with closing(Catalogue.open(postgres_server.url(), schema=postgres_schema)) as catalogue:
        yield catalogue


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")) as catalogue:
        yield catalogue


@pytest.fixture
def options(s3_options: Callable[..., S3Options]) -> S3Options:
    return s3_options("versioned")


@pytest.fixture
def root(options: S3Options) -> Any:
    return Counting(open_s3_store(options).lake)


@pytest.fixture
def published(options: S3Options, root: Any) -> Callable[[str], list[dict[str, Any]]]:
    """The rows of a table as the lake has them."""

    def rows(statement: str) -> list[dict[str, Any]]:
        with closing(query(s3_files(root, options), statement)) as answer:
            names = [column.name for column in answer.columns]
            return [dict(zip(names, row, strict=True)) for row in answer]

    return rows


def by_hand(catalogue: Catalogue, root: Any, workspace: Path, **asked: Any) -> list[str]:
    """The keys that were put."""
    root.put.clear()
    done = publish_by_hand(catalogue, root, SITE, workspace=workspace, stop=threading.Event(), **asked)
    assert done.problems == []
    return list(root.put)


def test_every_value_of_the_catalogue_is_in_the_lake_and_no_engine_differs(
    on_postgresql: Catalogue,
    on_sqlite: Catalogue,
    root: Any,
    published: Callable[[str], list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    story = Segment("story", tuple(everything()))
    for catalogue in (on_postgresql, on_sqlite):
        apply(catalogue, story)
    assert len(by_hand(on_postgresql, root, tmp_path)) == 3
    for name, rows_of_day in (("legs", legs_of_day), ("call_records", call_records_of_day)):
        expected = [row for day in (DAY, NEXT_DAY) for row in rows_of_day(on_postgresql, SITE, day)]
        found = published(f"FROM {name}")
        assert len(expected) > 5
        assert in_one_spelling(TABLES[name], found) == in_one_spelling(TABLES[name], expected)
    assert by_hand(on_sqlite, root, tmp_path, everything=True) == []


def test_who_is_overtaken_leaves_the_day_to_be_published_again(
    on_postgresql: Catalogue, root: Any, published: Callable[[str], list[dict[str, Any]]], tmp_path: Path
) -> None:
    tell(on_postgresql, "first", leg_seen(0))
    slow = Held(root)
    with beside(lambda: by_hand(on_postgresql, slow, tmp_path)):
        assert slow.began.wait(30)
        tell(on_postgresql, "second", stored(0))
        by_hand(on_postgresql, root, tmp_path)
        assert published("SELECT state FROM legs") == [{"state": "archived"}]
        slow.go.set()
    assert published("SELECT state FROM legs") == [{"state": "discovered"}]
    assert list(dirty_days(on_postgresql, SITE)) == [DAY]
    by_hand(on_postgresql, root, tmp_path)
    assert published("SELECT state FROM legs") == [{"state": "archived"}]
    assert dirty_days(on_postgresql, SITE) == {}


def test_who_is_overtaken_by_a_run_that_has_ended_before_it_does_leaves_the_day_dirty(
    on_postgresql: Catalogue, root: Any, published: Callable[[str], list[dict[str, Any]]], tmp_path: Path
) -> None:
    tell(on_postgresql, "first", leg_seen(0), call_seen(0))
    older, newer = Held(root, "legs"), Held(root, "call_records")
    with beside(lambda: by_hand(on_postgresql, older, tmp_path)) as ends_first:
        assert older.began.wait(30)
        tell(on_postgresql, "second", stored(0))
        with beside(lambda: by_hand(on_postgresql, newer, tmp_path)):
            assert newer.began.wait(30)  # its legs are in the lake
            older.go.set()
            ends_first.join(30)
            newer.go.set()
    assert published("SELECT state FROM legs") == [{"state": "discovered"}]
    assert list(dirty_days(on_postgresql, SITE)) == [DAY]


def test_sql_asks_the_lake_of_the_store_that_the_settings_name(
    s3_server: S3Server, sign_in: Callable[[Keys], None], tmp_path: Path
) -> None:
    sign_in(OWNER)
    s3_server.owner.create_bucket(Bucket="lake-of-settings")
    variables = {
        "STORE__KIND": "s3",
        "STORE__BUCKET": "lake-of-settings",
        "STORE__ENDPOINT": s3_server.endpoint,
        "STORE__PATH_STYLE": "true",
    }
    settings = load(None, {f"NOOJEE_INGEST_{name}": text for name, text in variables.items()})
    started = datetime(2026, 3, 9, 14, tzinfo=UTC)
    publish_day(open_store(settings).lake, LEGS, "demo", DAY, [row(started=started)], workspace=tmp_path)
    for site in (None, "demo"):
        with closing(sql(settings, "SELECT site, day, started::DATE FROM legs", site=site)) as answer:
            assert list(answer) == [("demo", DAY, date(2026, 3, 10))]  # in Melbourne
    with pytest.raises(NoSuchSite):
        sql(settings, "FROM legs", site="nowhere")
