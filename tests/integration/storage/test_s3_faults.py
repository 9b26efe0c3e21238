"""Lost answers, cut connections, conflicts and a store that asks for patience."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from noojee_ingest.storage import s3_client
from noojee_ingest.storage.errors import AlreadyExists, NotFound, StoreFull, StoreReadOnly, StoreUnavailable
from noojee_ingest.storage.root import RootName, Stored
from noojee_ingest.storage.s3 import S3Root
from tests.integration.faulty_proxy import FaultyProxy
from tests.integration.s3_server import S3Server

Put = Callable[..., Stored]

SMALL = b"sound" * 40_000
LARGE = bytes(range(256)) * 20_000
SIZES = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


@pytest.fixture
def archive(s3_root: Callable[..., S3Root], faulty_proxy: FaultyProxy) -> S3Root:
    """Behind the proxy, with four attempts."""
    return s3_root("versioned", endpoint=faulty_proxy.endpoint, attempts=4, read_timeout=5.0)


@pytest.fixture
def versions(s3_server: S3Server, archive: S3Root) -> Callable[[], list[str]]:
    """The version ids of key ``x`` that the store really has."""
    return lambda: [version for _, version in s3_server.versions("versioned", archive._bucket.full("x"))]


def contents(root: S3Root) -> bytes:
    with root.open("x") as body:
        return body.read()


@SIZES
@pytest.mark.parametrize("lost", [1, 3, 4], ids=["once", "but for the last attempt", "by every attempt"])
def test_a_create_whose_answer_is_lost_has_created_one_object(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, versions: Callable[[], list[str]], *, data: bytes, lost: int
) -> None:
    faulty_proxy.lose_answer("PUT", times=lost)
    stored = put(archive, "x", data, codec="gsm")
    assert versions() == [stored.version_id]
    assert archive.head("x") == stored
    assert contents(archive) == data


def test_a_create_that_is_done_and_called_failed_has_created_one_object(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, versions: Callable[[], list[str]]
) -> None:
    faulty_proxy.fail_after("PUT", 500, "InternalError", times=4)
    stored = put(archive, "x", SMALL)
    assert versions() == [stored.version_id]


def test_another_writers_object_is_not_taken_for_ones_own_when_an_answer_is_lost(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy
) -> None:
    first = put(archive, "x", SMALL, writer="another")
    faulty_proxy.lose_answer("PUT")
    with pytest.raises(AlreadyExists) as caught:
        put(archive, "x", SMALL, writer="this")
    assert caught.value.found == first


def test_a_silence_that_left_nothing_is_told(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, versions: Callable[[], list[str]]
) -> None:
    faulty_proxy.cut_request("PUT", times=4)
    with pytest.raises(StoreUnavailable, match="connection was lost"):
        put(archive, "x", SMALL)
    assert versions() == []


@SIZES
def test_a_request_cut_in_mid_body_is_sent_again_whole(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, versions: Callable[[], list[str]], data: bytes
) -> None:
    faulty_proxy.cut_request("PUT")
    stored = put(archive, "x", data)
    assert versions() == [stored.version_id]
    assert contents(archive) == data


@SIZES
def test_a_store_that_asks_to_slow_down_gets_the_whole_body_later(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, data: bytes
) -> None:
    faulty_proxy.answer("PUT", 503, "SlowDown", times=2)
    put(archive, "x", data)
    assert contents(archive) == data
    assert len(faulty_proxy.asked("PUT")) == 3


def test_a_store_that_asks_to_slow_down_for_ever_is_given_up_after_as_many_attempts_as_are_set(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy
) -> None:
    faulty_proxy.answer("PUT", 503, "SlowDown", times=100)
    with pytest.raises(StoreUnavailable, match="slow down: run again later, or with fewer workers"):
        put(archive, "x", SMALL)
    assert len(faulty_proxy.asked("PUT")) == 4


def test_a_store_that_fails_for_a_while_ends_no_run_of_many_workers(
    s3_root: Callable[..., S3Root], put: Put, faulty_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 by itself allows some 35 repetitions to all threads of a client together."""
    monkeypatch.setattr(s3_client, "_FIRST_PAUSE", 0.001)
    archive = s3_root("versioned", endpoint=faulty_proxy.endpoint, attempts=20)
    faulty_proxy.answer("PUT", 500, "InternalError", times=60)
    with ThreadPoolExecutor(8) as workers:
        stored = list(workers.map(lambda number: put(archive, f"x{number}", b"sound"), range(8)))
    assert [archive.head(f"x{number}") for number in range(8)] == stored
    assert len(faulty_proxy.asked("PUT")) == 68


@SIZES
def test_a_conflict_is_tried_again(archive: S3Root, put: Put, faulty_proxy: FaultyProxy, data: bytes) -> None:
    faulty_proxy.answer("PUT", 409, "ConditionalRequestConflict", times=2)
    stored = put(archive, "x", data)
    assert archive.head("x") == stored
    assert contents(archive) == data
    assert [request.method for request in faulty_proxy.requests if request.method in {"PUT", "HEAD"}][:5] == [
        *("PUT", "HEAD", "PUT", "HEAD", "PUT")
    ]


def test_a_conflict_with_one_who_won_names_what_he_put(
    archive: S3Root, s3_root: Callable[..., S3Root], put: Put, faulty_proxy: FaultyProxy, s3_server: S3Server
) -> None:
    digest = hashlib.sha256(b"his").digest()
    faulty_proxy.answer("PUT", 409, "ConditionalRequestConflict")
    key = archive._bucket.full("x")

    def win() -> None:
        if not s3_server.versions("versioned", key):
            s3_server.owner.put_object(Bucket="versioned", Key=key, Body=b"his", ChecksumAlgorithm="SHA256")

    faulty_proxy.before("HEAD", win)
    with pytest.raises(AlreadyExists) as caught:
        put(archive, "x", SMALL)
    assert caught.value.found.sha256 == digest.hex()


def test_a_conflict_without_end_is_given_up(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noojee_ingest.storage.s3._PAUSES", (0.0, 0.0, 0.0))
    faulty_proxy.answer("PUT", 409, "ConditionalRequestConflict", times=100)
    with pytest.raises(StoreUnavailable, match="ConditionalRequestConflict"):
        put(archive, "x", SMALL)
    assert len(faulty_proxy.asked("PUT")) == 3


def test_a_replacement_whose_answer_is_lost_is_made_again(
    s3_root: Callable[..., S3Root], put_again: Put, faulty_proxy: FaultyProxy
) -> None:
    lake = s3_root("plain", RootName.LAKE, endpoint=faulty_proxy.endpoint)
    put_again(lake, "x", b"old")
    faulty_proxy.lose_answer("PUT")
    assert lake.head("x") != put_again(lake, "x", LARGE) == lake.head("x")
    assert contents(lake) == LARGE


@pytest.mark.parametrize("amount", [-1, 100_000], ids=["at once", "in pieces"])
def test_an_answer_cut_in_mid_body_is_no_end_of_the_object(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, amount: int
) -> None:
    put(archive, "x", LARGE)
    faulty_proxy.cut_answer("GET")

    def read() -> None:
        with archive.open("x") as body:
            while body.read(amount):
                pass

    with pytest.raises(StoreUnavailable, match=r"reading archive/x.*connection was lost"):
        read()


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (507, "InsufficientStorage", StoreFull, "free space or raise the quota"),
        (403, "QuotaExceeded", StoreFull, "free space or raise the quota"),
        (403, "AccessDenied", StoreReadOnly, "grant s3:PutObject"),
        (403, "ExpiredToken", StoreUnavailable, "credentials are wrong or have expired"),
        (403, "RequestTimeTooSkewed", StoreUnavailable, "clock is wrong"),
        (404, "NoSuchBucket", StoreUnavailable, "no such bucket"),
        (400, "KMS.DisabledException", StoreUnavailable, "KMS key"),
        (501, "NotImplemented", StoreUnavailable, "cannot do what the archive needs"),
        (418, "\r\nSet-Cookie: a", StoreUnavailable, r"\(418\)"),
    ],
)
def test_each_refusal_says_what_to_do(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy, *, status: int, code: str, error: type[Exception], said: str
) -> None:
    faulty_proxy.answer("PUT", status, code, times=100)
    with pytest.raises(error, match=said) as caught:
        put(archive, "x", SMALL)
    assert str(caught.value).isprintable()
    assert "bucket versioned at 127.0.0.1" in str(caught.value)


def test_a_cold_object_is_to_be_restored(archive: S3Root, put: Put, faulty_proxy: FaultyProxy) -> None:
    faulty_proxy.answer("GET", 403, "InvalidObjectState")
    with pytest.raises(StoreUnavailable, match="restore it"):
        archive.open("x")


@pytest.mark.parametrize("bucket_code", ["NoSuchBucket", "AccessDenied"])
def test_a_missing_bucket_is_no_missing_object(archive: S3Root, faulty_proxy: FaultyProxy, bucket_code: str) -> None:
    with pytest.raises(NotFound):
        archive.head("x")
    faulty_proxy.answer("HEAD", 404, "")
    faulty_proxy.answer("GET", 404, bucket_code)
    with pytest.raises(StoreUnavailable, match=bucket_code):
        archive.head("x")


def test_bytes_that_are_not_those_stored_are_told_at_the_end(
    archive: S3Root, put: Put, faulty_proxy: FaultyProxy
) -> None:
    put(archive, "x", SMALL)
    faulty_proxy.spoil_answer("GET")
    with pytest.raises(StoreUnavailable, match="what came is not what was stored"):
        contents(archive)
