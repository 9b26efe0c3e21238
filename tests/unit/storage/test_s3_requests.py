"""What a put to AWS itself would carry, caught before it is sent; and which options are no options."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from noojee_ingest.storage.root import Retention, RootName
from noojee_ingest.storage.s3 import S3Root
from noojee_ingest.storage.s3_client import make_client
from noojee_ingest.storage.s3_options import Place, S3Options

PLACES = {name: Place("acme-calls", str(name)) for name in RootName}
OPTIONS = S3Options(places=PLACES, region="ap-southeast-2")
LARGE = b"sound" * 400_000


class _Raw:
    def stream(self, *_: object) -> list[bytes]:
        return [b"<a><ObjectLockEnabled>Enabled</ObjectLockEnabled></a>"]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")


def put(options: S3Options, data: bytes, retention: Retention | None = None) -> Any:
    """The request that would be sent."""
    client = make_client(options)
    caught: list[Any] = []

    def catch(request: Any, **_: object) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 200, {}, _Raw())

    client.meta.events.register("before-send.s3", catch)
    archive = S3Root(RootName.ARCHIVE, client, options)
    sha256 = hashlib.sha256(data).hexdigest()
    archive.create("x", io.BytesIO(data), size=len(data), sha256=sha256, metadata={}, retention=retention)
    return caught[-1]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("data", [b"sound", LARGE], ids=["small", "large"])
def test_over_tls_a_put_is_neither_in_chunks_nor_read_twice_and_its_checksum_is_signed(data: bytes) -> None:
    request = put(OPTIONS, data)
    assert request.url == "https://acme-calls.s3.ap-southeast-2.amazonaws.com/archive/x"
    assert request.headers["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
    assert b"x-amz-checksum-sha256" in request.headers["Authorization"]
    assert request.headers["Content-Length"] == str(len(data)).encode()
    for absent in ("X-Amz-Trailer", "Transfer-Encoding", "Content-Encoding", "x-amz-checksum-crc32", "Content-MD5"):
        assert absent not in request.headers


@pytest.mark.usefixtures("account")
def test_storage_class_encryption_and_retention_are_asked_for() -> None:
    places = {**PLACES, RootName.ARCHIVE: Place("acme-calls", "archive", "GLACIER_IR")}
    options = replace(OPTIONS, places=places, encryption="aws:kms", kms_key="alias/calls")
    headers = put(options, b"sound", Retention("compliance", datetime(2033, 1, 2, 3, 4, 5, tzinfo=UTC))).headers
    assert headers["x-amz-storage-class"] == b"GLACIER_IR"
    assert headers["x-amz-server-side-encryption"] == b"aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == b"alias/calls"
    assert headers["x-amz-object-lock-mode"] == b"COMPLIANCE"
    assert headers["x-amz-object-lock-retain-until-date"] == b"2033-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"places": {RootName.ARCHIVE: Place("acme-calls")}}, "no bucket is named for evidence, lake, scratch"),
        ({"places": {name: Place("acme-calls", "same") for name in RootName}}, "a prefix of its own"),
        ({"places": {**PLACES, RootName.LAKE: Place("acme-calls", "archive/lake")}}, "lake lies inside archive"),
        ({"places": {**PLACES, RootName.LAKE: Place("acme-calls")}}, "archive lies inside lake"),
        ({"kms_key": "alias/calls"}, "for the encryption aws:kms only"),
        ({"endpoint": "s3.example.com"}, "should look like"),
        ({"endpoint": "https://s3.example.com/bucket"}, "should look like"),
        ({"endpoint": "https://key:secret@s3.example.com"}, "credentials come from boto3's own chain"),
        ({"endpoint": "https://s3.example.com?X-Amz-Signature=ab"}, "an address only"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        replace(OPTIONS, **change)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("bucket", "prefix", "storage_class"),
    [
        ("Acme", "", ""),
        ("a", "", ""),
        ("a/b", "", ""),
        ("acme", "/a", ""),
        ("acme", "a/../b", ""),
        ("acme", "", "GLACIER"),
    ],
)
def test_places_that_cannot_be_meant_are_refused(bucket: str, prefix: str, storage_class: str) -> None:
    with pytest.raises(ValueError, match=r"is no|cannot be read at once"):
        Place(bucket, prefix, storage_class)


def test_prefixes_that_only_begin_alike_do_not_overlap() -> None:
    places = {**PLACES, RootName.LAKE: Place("acme-calls", "archive-lake")}
    assert replace(OPTIONS, places=places).places == places
