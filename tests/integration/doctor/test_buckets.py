"""The doctor's proofs on a real S3 server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from noojee_ingest.pipeline.doctor import Result, store
from noojee_ingest.storage.root import RootName
from tests.functional.doctor.conftest import Surgery, of
from tests.integration.faulty_proxy import FaultyProxy, Request, with_the_right_checksum, without_condition
from tests.integration.s3_server import READER, STRANGER, Keys, S3Server

InBucket = Callable[..., tuple[Surgery, str]]
OF_ARCHIVE = "store: versions of the archive's bucket", "store: locks of the archive's bucket"


def test_a_bucket_that_can_all_is_proven_and_nothing_is_left(in_bucket: InBucket, s3_server: S3Server) -> None:
    surgery, bucket = in_bucket(lock=True)
    found = surgery.examine(store=True)
    for name in (store.CHECKSUM, store.CREATE_ONLY, store.VERSIONS, store.LOCKS, *OF_ARCHIVE):
        assert of(found, name).result is Result.OK, name
    for root in ("archive", "evidence", "lake"):
        assert of(found, f"store: {root} can be written").result is Result.OK
    assert "left behind" not in repr(found.checks)
    assert s3_server.versions(bucket) == []


def test_what_a_plain_bucket_cannot_do_is_told(in_bucket: InBucket, s3_server: S3Server) -> None:
    surgery, bucket = in_bucket()
    found = surgery.examine(store=True)
    assert of(found, store.CREATE_ONLY).result is Result.OK
    for name in (store.VERSIONS, store.LOCKS, *OF_ARCHIVE):
        assert of(found, name).result is Result.WARNING, name
    assert s3_server.versions(bucket) == []


def test_versions_without_locks_are_told_apart(in_bucket: InBucket, s3_server: S3Server) -> None:
    surgery, bucket = in_bucket(versions=True)
    found = surgery.examine(store=True)
    assert of(found, store.VERSIONS).result is Result.OK
    assert of(found, store.LOCKS).result is Result.WARNING
    assert s3_server.versions(bucket) == []


def test_a_proof_on_another_bucket_than_the_archives_says_so(in_bucket: InBucket) -> None:
    surgery, _ = in_bucket(STORE__ROOTS__ARCHIVE__BUCKET="locked", STORE__ROOTS__ARCHIVE__PREFIX="of-the-doctor")
    found = surgery.examine(store=True)
    assert "another bucket than the archive's, locked" in of(found, store.VERSIONS).told
    assert of(found, OF_ARCHIVE[1]).result is Result.OK
    assert "not tried there" in of(found, OF_ARCHIVE[1]).told


@pytest.mark.parametrize(
    ("careless", "fails"),
    [(with_the_right_checksum, store.CHECKSUM), (without_condition, store.CREATE_ONLY)],
    ids=["checksum", "create-only"],
)
def test_a_careless_store_is_found_out(
    in_bucket: InBucket, faulty_proxy: FaultyProxy, s3_server: S3Server, careless: Callable[..., object], fails: str
) -> None:
    surgery, bucket = in_bucket(versions=True)
    faulty_proxy.rewrite("PUT", careless)  # type: ignore[arg-type]
    found = surgery.examine(store=True, STORE__ENDPOINT=faulty_proxy.endpoint)
    assert of(found, fails).result is Result.FAILED
    assert found.exit_code == 1
    assert s3_server.versions(bucket, "archive") == []
    assert s3_server.versions(bucket, "scratch") == []


def without_lock(request: Request) -> None:
    """As a store that takes a lock and keeps none."""
    for name in [name for name in request.headers if name.startswith("x-amz-object-lock-")]:
        del request.headers[name]


def test_a_store_whose_locks_do_not_hold_is_found_out(
    in_bucket: InBucket, faulty_proxy: FaultyProxy, s3_server: S3Server
) -> None:
    surgery, bucket = in_bucket(lock=True)
    faulty_proxy.rewrite("PUT", without_lock)
    found = surgery.examine(store=True, STORE__ENDPOINT=faulty_proxy.endpoint)
    assert of(found, store.LOCKS).result is Result.FAILED
    assert s3_server.versions(bucket) == []


def test_who_may_only_read_is_told_what_to_grant(in_bucket: InBucket, sign_in: Callable[[Keys], None]) -> None:
    surgery, _ = in_bucket()
    sign_in(READER)
    found = surgery.examine(store=True)
    assert of(found, "store: archive can be read").result is Result.OK
    checksum = of(found, store.CHECKSUM)
    assert (checksum.result, "s3:PutObject" in checksum.told) == (Result.FAILED, True)


def test_a_stranger_is_told_for_each_root_and_the_catalogue_is_examined(
    in_bucket: InBucket, sign_in: Callable[[Keys], None]
) -> None:
    surgery, _ = in_bucket()
    sign_in(STRANGER)
    found = surgery.examine(store=True)
    for root in RootName:
        assert of(found, f"store: {root} can be read").result is Result.FAILED
    assert found.of("catalogue: reachable") is Result.FAILED  # it must look for a journal before it makes a new one
    assert of(found, "audio by call record id").result is Result.OK


def test_a_missing_bucket_does_not_stop_the_others(in_bucket: InBucket) -> None:
    surgery, _ = in_bucket(STORE__ROOTS__LAKE__BUCKET="never-made")
    found = surgery.examine(store=True)
    assert of(found, "store: lake can be read").result is Result.FAILED
    assert of(found, "store: archive can be written").result is Result.OK
