"""What only a store in buckets has to answer for: versions, locks, sizes, and bodies that are sent as they are read."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import pytest

from noojee_ingest.storage.errors import (
    BadKey,
    ChecksumMismatch,
    Damaged,
    ForbiddenByPolicy,
    Held,
    NotFound,
    StoreUnavailable,
)
from noojee_ingest.storage.root import Listed, Retention, Root, RootName, Stored
from noojee_ingest.storage.s3 import S3Root
from noojee_ingest.storage.s3_client import make_client
from noojee_ingest.storage.s3_options import S3Options
from tests.integration.faulty_proxy import FaultyProxy
from tests.integration.s3_server import S3Server

S3RootMaker = Callable[..., S3Root]
Put = Callable[..., Stored]

LARGE = bytes(range(256)) * 20_000  # 5 MB: sent as it is read
LARGE_SHA256 = hashlib.sha256(LARGE).hexdigest()


def contents(root: Root, key: str) -> bytes:
    with root.open(key) as body:
        return body.read()


def full(root: S3Root, key: str) -> str:
    return root._bucket.full(key)


def create(root: Root, key: str, body: BinaryIO, data: bytes = LARGE) -> Stored:
    return root.create(key, body, size=len(data), sha256=hashlib.sha256(data).hexdigest(), metadata={})


def test_an_object_is_put_by_one_request_that_carries_all_there_is_to_say(
    s3_root: S3RootMaker, put: Put, faulty_proxy: FaultyProxy
) -> None:
    put(s3_root("versioned", endpoint=faulty_proxy.endpoint), "a/x", b"sound", codec="gsm", faults="")
    (request,) = faulty_proxy.requests
    assert request.method == "PUT"
    assert request.headers["if-none-match"] == "*"
    assert request.headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(b"sound").digest()).decode()
    assert request.headers["content-length"] == "5"
    assert {name: value for name, value in request.headers.items() if "meta" in name} == {"x-amz-meta-codec": "gsm"}
    assert "x-amz-checksum-sha256" in request.headers["authorization"]
    assert not {"x-amz-trailer", "transfer-encoding", "content-encoding", "x-amz-checksum-crc32"} & set(request.headers)


def test_an_empty_value_is_as_good_as_none(s3_root: S3RootMaker, put: Put) -> None:
    archive = s3_root()
    stored = put(archive, "x", b"sound", codec="gsm", faults="")
    assert stored.metadata == {"codec": "gsm"}
    assert archive.head("x") == stored


@pytest.mark.parametrize(("bucket", "has"), [("plain", False), ("versioned", True)])
def test_the_version_that_was_put_is_named(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put, bucket: str, has: bool
) -> None:
    archive = s3_root(bucket)
    stored = put(archive, "x", b"sound")
    assert bool(stored.version_id) is has
    assert stored.bucket == bucket
    if has:
        assert s3_server.versions(bucket, full(archive, "x")) == [(full(archive, "x"), stored.version_id)]


def test_what_is_withdrawn_is_one_version_and_no_marker_stays(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put
) -> None:
    archive = s3_root("versioned")
    first = put(archive, "x", b"sound")
    s3_server.owner.delete_object(Bucket="versioned", Key=full(archive, "x"))  # somebody, by hand
    with pytest.raises(NotFound):
        archive.head("x")
    second = put(archive, "x", b"sound")
    assert second.version_id != first.version_id
    archive.withdraw("x", version_id=first.version_id, decision="d1")
    assert archive.head("x") == second
    archive.withdraw("x", version_id=second.version_id, decision="d2")
    (marker,) = s3_server.versions("versioned", full(archive, "x"))
    assert marker[1] not in (first.version_id, second.version_id)
    s3_server.owner.delete_object(Bucket="versioned", Key=marker[0], VersionId=marker[1])
    third = put(archive, "x", b"sound")  # a withdrawn key may be created again
    archive.withdraw("x", version_id=third.version_id, decision="d3")
    assert s3_server.versions("versioned", full(archive, "x")) == []


@pytest.mark.parametrize("hidden", ["by a marker", "by another version"])
def test_a_version_that_is_hidden_is_read_by_its_name(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put, hidden: str
) -> None:
    archive = s3_root("versioned")
    stored = put(archive, "x", b"sound")
    if hidden == "by a marker":
        s3_server.owner.delete_object(Bucket="versioned", Key=full(archive, "x"))
    else:
        s3_server.owner.put_object(Bucket="versioned", Key=full(archive, "x"), Body=b"other")
    with archive.open("x", version_id=stored.version_id) as body:
        assert body.read() == b"sound"
    marker, *_ = s3_server.versions("versioned", full(archive, "x"))[::-1]
    if hidden == "by a marker":
        with pytest.raises(NotFound):
            archive.open("x", version_id=marker[1])


@pytest.mark.parametrize("version_id", ["0" * 32, "not a version"])
@pytest.mark.parametrize("length", [None, 0, 5])
def test_a_version_that_is_not_there_is_not_found(
    s3_root: S3RootMaker, put: Put, version_id: str, length: int | None
) -> None:
    archive = s3_root("versioned")
    put(archive, "x", b"sound")
    with pytest.raises(NotFound, match="version"):
        archive.open("x", 0, length, version_id=version_id)


def test_who_names_no_version_withdraws_none_where_there_are_versions(s3_root: S3RootMaker, put: Put) -> None:
    archive = s3_root("versioned")
    stored = put(archive, "x", b"sound")
    with pytest.raises(NotFound, match=stored.version_id):
        archive.withdraw("x", version_id="", decision="d1")
    assert archive.head("x") == stored


def test_an_object_from_before_the_versions_is_withdrawn_without_one(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put
) -> None:
    s3_server.owner.create_bucket(Bucket="turned-on-later")
    archive = s3_root("turned-on-later")
    assert put(archive, "x", b"sound").version_id == ""
    s3_server.owner.put_bucket_versioning(Bucket="turned-on-later", VersioningConfiguration={"Status": "Enabled"})
    archive.withdraw("x", version_id="", decision="d1")
    assert s3_server.versions("turned-on-later") == []


def test_what_is_deleted_is_gone_in_every_version(s3_server: S3Server, s3_root: S3RootMaker, put: Put) -> None:
    evidence = s3_root("versioned", RootName.EVIDENCE)
    put(evidence, "a/x", b"sound")
    s3_server.owner.delete_object(Bucket="versioned", Key=full(evidence, "a/x"))
    put(evidence, "a/x", b"other")
    kept = put(evidence, "a/x.b", b"sound")
    evidence.delete("a/x")
    assert s3_server.versions("versioned", full(evidence, "a/")) == [(full(evidence, "a/x.b"), kept.version_id)]


def locked(archive: S3Root, mode: str, seconds: float) -> Stored:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    sha256 = hashlib.sha256(b"sound").hexdigest()
    return archive.create(
        "x", io.BytesIO(b"sound"), size=5, sha256=sha256, metadata={}, retention=Retention(mode, until)
    )


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_a_lock_is_kept_and_says_until_when(s3_server: S3Server, s3_root: S3RootMaker, mode: str) -> None:
    archive = s3_root("locked")
    stored = locked(archive, mode, 600)
    told = s3_server.owner.head_object(Bucket="locked", Key=full(archive, "x"))
    assert told["ObjectLockMode"] == mode.upper()
    with pytest.raises(Held, match=f"{mode} retention") as caught:
        archive.withdraw("x", version_id=stored.version_id, decision="d1")
    assert caught.value.until == told["ObjectLockRetainUntilDate"]
    assert caught.value.until.tzinfo is UTC
    assert archive.head("x") == stored


def test_a_legal_hold_is_told_apart_and_ends_when_it_is_lifted(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put
) -> None:
    archive = s3_root("locked")
    stored = put(archive, "x", b"sound")
    hold = {"Bucket": "locked", "Key": full(archive, "x")}
    s3_server.owner.put_object_legal_hold(**hold, LegalHold={"Status": "ON"})
    with pytest.raises(Held, match=r"legal hold.*until it is lifted") as caught:
        archive.withdraw("x", version_id=stored.version_id, decision="d1")
    assert caught.value.until is None
    s3_server.owner.put_object_legal_hold(**hold, LegalHold={"Status": "OFF"})
    archive.withdraw("x", version_id=stored.version_id, decision="d2")
    assert s3_server.versions("locked", full(archive, "x")) == []


@pytest.mark.parametrize("bucket", ["plain", "versioned"])
def test_a_lock_that_a_bucket_cannot_give_is_refused(s3_server: S3Server, s3_root: S3RootMaker, bucket: str) -> None:
    archive = s3_root(bucket)
    with pytest.raises(ForbiddenByPolicy, match="cannot lock"):
        locked(archive, "governance", 600)
    assert list(archive.list("")) == []


@pytest.mark.parametrize("part", ["put in parts", "without a SHA-256"])
def test_an_object_without_a_sha256_of_the_whole_is_not_taken_for_sound(
    s3_server: S3Server, s3_root: S3RootMaker, put: Put, part: str
) -> None:
    archive = s3_root()
    where = {"Bucket": "plain", "Key": full(archive, "x")}
    if part == "put in parts":
        upload = {
            **where,
            "UploadId": s3_server.owner.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"],
        }
        digest = base64.b64encode(hashlib.sha256(b"sound").digest()).decode()
        etag = s3_server.owner.upload_part(**upload, PartNumber=1, Body=b"sound", ChecksumSHA256=digest)["ETag"]
        parts = [{"PartNumber": 1, "ETag": etag, "ChecksumSHA256": digest}]
        s3_server.owner.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    else:
        s3_server.owner.put_object(**where, Body=b"sound", ChecksumAlgorithm="CRC32")
    with pytest.raises(Damaged, match="no SHA-256 of the whole"):
        archive.head("x")
    with pytest.raises(Damaged):
        put(archive, "x", b"sound")


def test_a_listing_of_several_pages_is_whole_sorted_and_shows_only_keys(
    s3_server: S3Server, s3_root: S3RootMaker
) -> None:
    archive = s3_root()
    wanted = sorted(f"day={number % 7}/{number:04}{'-x' * (number % 3)}" for number in range(2100))
    strange = ["day=1/", "day=1/two words", "day=1/.hidden", "day=1/x.json"]

    def bare(key: str) -> None:
        s3_server.owner.put_object(Bucket="plain", Key=full(archive, key), Body=b"12")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bare, wanted + strange))
    assert list(archive.list("")) == [Listed(key, 2) for key in wanted]
    assert list(archive.list("day=1/")) == [Listed(key, 2) for key in wanted if key.startswith("day=1/")]


def test_a_large_body_is_sent_from_where_it_stands(s3_root: S3RootMaker) -> None:
    archive = s3_root("versioned")
    body = io.BytesIO(b"header" + LARGE)
    body.seek(6)
    stored = create(archive, "x", body)
    assert archive.head("x") == stored
    assert contents(archive, "x") == LARGE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(LARGE[:-1], "announced 5,120,000 bytes, came 5,119,999", id="a byte too few"),
        pytest.param(LARGE + b"+", "announced 5,120,000 bytes, came more than", id="a byte too many"),
        pytest.param(LARGE[:-1] + b"+", "BadDigest", id="another byte"),
    ],
)
def test_a_large_body_that_is_not_what_was_announced_leaves_nothing(
    s3_server: S3Server, s3_root: S3RootMaker, data: bytes, said: str
) -> None:
    archive = s3_root("versioned")
    with pytest.raises(ChecksumMismatch, match=said):
        create(archive, "x", io.BytesIO(data))
    assert s3_server.versions("versioned", full(archive, "x")) == []


@pytest.mark.parametrize("good", [100, 3_000_000], ids=["at its beginning", "in its midst"])
@pytest.mark.parametrize("size", [200_000, len(LARGE)], ids=["small", "large"])
def test_an_error_of_the_body_passes_as_it_is_and_is_not_tried_again(
    s3_root: S3RootMaker, faulty_proxy: FaultyProxy, good: int, size: int
) -> None:
    class Broken(io.BytesIO):
        def read(self, amount: int | None = -1, /) -> bytes:
            if self.tell() + (amount or 0) > min(good, size // 2):
                raise OSError(5, "Input/output error", "spool")
            return super().read(amount)

    archive = s3_root("versioned", endpoint=faulty_proxy.endpoint)
    with pytest.raises(OSError, match="spool") as caught:
        create(archive, "x", Broken(LARGE[:size]), LARGE[:size])
    assert type(caught.value) is OSError
    assert len(faulty_proxy.asked("PUT")) <= 1
    assert list(archive.list("")) == []


def test_a_key_that_is_too_long_with_its_prefix_is_refused(s3_root: S3RootMaker, put: Put) -> None:
    with pytest.raises(BadKey, match="with the root's prefix"):
        put(s3_root(), "/".join(["a" * 203] * 5), b"")


def test_a_taken_key_that_shows_nothing_is_told_so(
    s3_root: S3RootMaker, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noojee_ingest.storage.s3._PAUSES", (0.0, 0.0))
    archive = s3_root()
    put(archive, "a/x", b"sound")
    with pytest.raises(StoreUnavailable, match="look whether others lie below it"):  # SeaweedFS: a is a folder
        put(archive, "a", b"sound")


def test_the_storage_class_is_asked_for(s3_server: S3Server, s3_options: Callable[..., S3Options], put: Put) -> None:
    options = s3_options()
    place = replace(options.places[RootName.ARCHIVE], storage_class="STANDARD_IA")
    options = replace(options, places={**options.places, RootName.ARCHIVE: place})
    archive = S3Root(RootName.ARCHIVE, make_client(options), options)
    put(archive, "x", b"sound")
    assert s3_server.owner.head_object(Bucket="plain", Key=full(archive, "x"))["StorageClass"] == "STANDARD_IA"
    assert contents(archive, "x") == b"sound"
