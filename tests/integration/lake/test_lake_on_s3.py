"""The lake in buckets of a real S3 server: published, asked, and what is wrong when it cannot be."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.lake.errors import DamagedDay, OtherVersion
from noojee_ingest.lake.files import LakeFiles, s3_files
from noojee_ingest.lake.publish import LAKE_ID, lake_id, publish_day
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, TABLES, Table
from noojee_ingest.lake.sql import query
from noojee_ingest.storage.errors import StoreUnavailable
from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3 import open_s3_root, open_s3_store
from noojee_ingest.storage.s3_options import S3Options
from tests.functional.lake.conftest import DAY, NEXT_DAY, Counting, in_one_spelling, row
from tests.integration.s3_server import OWNER, READER, STRANGER, Keys, S3Server

Options = Callable[..., S3Options]


class BucketLake:
    """A lake below a prefix of the test's own, with a wrapper that counts what is put."""

    def __init__(self, options: S3Options, workspace: Path) -> None:
        self.options = options
        self.root: Any = Counting(open_s3_store(options).lake)
        self.workspace = workspace

    def publish(self, *rows: dict[str, Any], table: Table = LEGS, day: date = DAY) -> bool:
        return publish_day(self.root, table, "here", day, rows, workspace=self.workspace).written

    @property
    def files(self) -> LakeFiles:
        return s3_files(self.root, self.options)

    def ask(self, statement: str) -> tuple[list[tuple[Any, ...]], list[str]]:
        with closing(query(self.files, statement)) as answer:
            return list(answer), answer.keys_read

    def full_key(self, day: date) -> str:
        return self.options.places[RootName.LAKE].beginning + LEGS.key("here", day)


@pytest.fixture(params=["plain", "versioned"])
def lake(request: pytest.FixtureRequest, s3_options: Options, tmp_path: Path) -> BucketLake:
    return BucketLake(s3_options(request.param), tmp_path)


def test_what_is_published_is_read_back_to_the_last_value(lake: BucketLake) -> None:
    told = {
        "raw": {"by-hour": '{"x": "\\u0000"}'},
        "tag": "Zoë 🙂 '\n",
        "content_size": 2**62,
        "findings": ("unsound",),
    }
    legs = [row(number=1, **told), row(number=2)]
    calls = [row(CALL_RECORDS, 1, fields={"Name": "Kim"}, audio_seconds=0.1)]
    lake.publish(*legs)
    lake.publish(*calls, table=CALL_RECORDS)
    for table, rows in ((LEGS, legs), (CALL_RECORDS, calls)):
        found = [dict(zip(table.schema.names, one, strict=True)) for one in lake.ask(f"FROM {table.name}")[0]]
        assert in_one_spelling(table, found) == in_one_spelling(table, rows)


def test_the_same_rows_are_not_put_again_and_changed_ones_are(lake: BucketLake) -> None:
    assert [lake.publish(row(tag=tag)) for tag in ("a", "a", "b", "b")] == [True, False, True, False]
    assert len(lake.root.put) == 2
    assert lake.publish() is True
    assert lake.ask("FROM legs")[0] == []


def test_a_file_of_more_than_a_mebibyte_is_sent_as_it_is_read(lake: BucketLake) -> None:
    noise = random.Random(7)
    lake.publish(*(row(number=number, tag=noise.randbytes(300).hex()) for number in range(5_000)))
    (listed,) = lake.root.list("legs/")
    assert listed.size > 1024**2
    assert lake.ask("SELECT count(DISTINCT tag) FROM legs")[0] == [(5_000,)]


def test_only_the_days_that_are_asked_for_are_read(lake: BucketLake, s3_server: S3Server) -> None:
    for day in (DAY, NEXT_DAY):
        lake.publish(row(), day=day)
    bucket = lake.options.places[RootName.LAKE].bucket
    s3_server.owner.put_object(Bucket=bucket, Key=lake.full_key(NEXT_DAY), Body=b"no Parquet")
    assert lake.ask("SELECT count(*) FROM legs WHERE day = '2026-03-10'") == ([(1,)], [LEGS.key("here", DAY)])
    with pytest.raises(DamagedDay, match="day=2026-03-11"):
        lake.ask("SELECT count(*) FROM legs")
    assert lake.publish(row(), day=NEXT_DAY)  # what others put has no SHA-256 that could be relied on
    assert lake.ask("SELECT count(*) FROM legs")[0] == [(2,)]


def test_an_object_of_another_version_is_refused_by_name(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("noojee_ingest.lake.publish.SCHEMA_VERSION", 2)
        lake.publish(row())
    with pytest.raises(OtherVersion, match=r"lake/legs/site=here/day=2026-03-10/legs\.parquet.*lake publish --all"):
        lake.ask("FROM legs")


def test_an_empty_lake_has_both_tables(lake: BucketLake) -> None:
    assert [lake.ask(f"FROM {name}") for name in TABLES] == [([], []), ([], [])]


def test_a_lake_keeps_its_id_beside_its_days_until_it_is_lost(lake: BucketLake, s3_server: S3Server) -> None:
    first = lake_id(lake.root)
    lake.publish(row())
    assert lake_id(open_s3_store(lake.options).lake) == first
    assert lake.ask("SELECT count(*) FROM legs")[0] == [(1,)]
    place = lake.options.places[RootName.LAKE]
    s3_server.owner.delete_object(Bucket=place.bucket, Key=place.beginning + LAKE_ID)
    assert lake_id(lake.root) != first


def test_who_may_only_read_can_ask(lake: BucketLake, sign_in: Callable[[Keys], None]) -> None:
    lake.publish(row())
    sign_in(READER)
    reading = BucketLake.__new__(BucketLake)
    reading.options, reading.root = lake.options, open_s3_root(lake.options, RootName.LAKE)
    assert reading.ask("SELECT count(*) FROM legs")[0] == [(1,)]


def test_who_may_not_read_is_told_so_and_no_secret_is(lake: BucketLake, sign_in: Callable[[Keys], None]) -> None:
    lake.publish(row())
    sign_in(STRANGER)
    with pytest.raises(StoreUnavailable, match="ACCESS_DENIED") as told:
        lake.ask("FROM legs")
    said = f"{told.value!r} {told.value} {lake.files!r} {vars(lake.files)!r}"
    assert not any(secret in said for keys in (OWNER, STRANGER) for secret in (keys.secret, keys.access))


def test_without_credentials_it_says_what_to_set(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreUnavailable, match="no credentials: set AWS_PROFILE"):
        _ = lake.files
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreUnavailable, match="no usable credentials"):
        _ = lake.files


def test_an_endpoint_of_the_environment_is_the_one_that_is_asked(
    lake: BucketLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not AWS, with this store's keys."""
    lake.publish(row())
    monkeypatch.setenv("AWS_ENDPOINT_URL", lake.options.endpoint)
    lake.options = replace(lake.options, endpoint="")
    assert lake.ask("SELECT count(*) FROM legs")[0] == [(1,)]


def test_a_proxy_of_the_environment_is_used_and_its_exceptions_hold(
    lake: BucketLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.publish(row())
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        refuse = threading.Thread(target=_refuse_once, args=(proxy, asked := list[bytes]()))
        refuse.start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        lake.options = replace(lake.options, connect_timeout=2.0, read_timeout=2.0)
        with pytest.raises(StoreUnavailable):
            lake.ask("SELECT count(*) FROM legs")
        refuse.join(30)
    assert asked[0].partition(b" ")[2].startswith(b"http://")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert lake.ask("SELECT count(*) FROM legs")[0] == [(1,)]


def _refuse_once(proxy: socket.socket, asked: list[bytes]) -> None:
    connection, _ = proxy.accept()
    with connection:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    lake: BucketLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks9://me:geheim@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(StoreUnavailable, match="no proxy that it can use") as told:
        _ = lake.files
    assert "geheim" not in str(told.value)
