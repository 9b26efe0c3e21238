"""What only buckets have: versions and locks, proven on scratch keys, and what the archive's bucket says of them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from noojee_ingest.pipeline.doctor import store
from noojee_ingest.pipeline.doctor.report import Check, Result
from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import S3Store
from noojee_ingest.storage.errors import ForbiddenByPolicy, Held, StorageError
from noojee_ingest.storage.policy import Act
from noojee_ingest.storage.root import Retention, Root, RootName
from noojee_ingest.storage.s3_bucket import Bucket
from noojee_ingest.storage.s3_client import NoAnswer, Refusal, asked, make_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

LOCK_SECONDS = 10.0
"""How long the scratch object of the proof is locked; it is waited for, so that nothing is left behind."""

OTHER = b"Put over another object by the doctor of noojee-ingest. It may be deleted."


def examine_buckets(
    settings: Settings, roots: Mapping[RootName, Root], key: str, stop: threading.Event
) -> Iterator[Check]:
    """Versions and locks. ``key`` is where on scratch the proofs are put."""
    assert isinstance(settings.store, S3Store)  # noqa: S101
    options = settings.store.options(connections=1)
    try:
        client = make_client(options)
    except NoAnswer as trouble:
        yield Check(store.VERSIONS, Result.SKIPPED, trouble.hint, needed=False)
        yield Check(store.LOCKS, Result.SKIPPED, trouble.hint, needed=False)
        return
    bucket = Bucket(RootName.SCRATCH, client, options)
    archive, scratch = options.places[RootName.ARCHIVE].bucket, options.places[RootName.SCRATCH].bucket
    apart = "" if archive == scratch else f"; that is another bucket than the archive's, {archive}"
    if root := roots.get(RootName.SCRATCH):
        yield _versions(root, bucket, f"{key}/versions", apart)
        yield _locks(root, bucket, f"{key}/locked", apart, stop)
    else:
        for proof in (store.VERSIONS, store.LOCKS):
            yield Check(proof, Result.SKIPPED, "scratch cannot be opened, so nothing can be put there", needed=False)
    yield _archive_versions(client, archive)
    yield _archive_locks(client, archive)


def _versions(scratch: Root, bucket: Bucket, key: str, apart: str) -> Check:
    """Put one object over another on purpose, which the archive never does, and ask for the one below."""
    try:
        stored = scratch.create(key, io.BytesIO(store.PROOF), size=len(store.PROOF), sha256=store.SHA256, metadata={})
        kept = False
        if stored.version_id:
            other = replace(stored, size=len(OTHER), sha256=store.digest(OTHER), version_id="")
            bucket.put(other, OTHER, {})
            with scratch.open(key, version_id=stored.version_id) as body:
                kept = body.read() == store.PROOF
    except (StorageError, Refusal, NoAnswer) as error:
        left = store.left(scratch, key)
        return Check(store.VERSIONS, Result.WARNING, f"not proven: {_clause(error)}{left}", needed=False)
    left = store.left(scratch, key)
    if kept:
        return Check(store.VERSIONS, Result.OK, f"what is overwritten can still be read, on scratch{apart}{left}")
    return Check(
        store.VERSIONS,
        Result.WARNING,
        f"scratch keeps no versions{apart}{left}",
        "Switch versioning on for the archive's bucket: it keeps what somebody else overwrites or deletes.",
        needed=False,
    )


def _locks(scratch: Root, bucket: Bucket, key: str, apart: str, stop: threading.Event) -> Check:
    until = datetime.now(UTC) + timedelta(seconds=LOCK_SECONDS)
    try:
        stored = scratch.create(
            key,
            io.BytesIO(store.PROOF),
            size=len(store.PROOF),
            sha256=store.SHA256,
            metadata={},
            retention=Retention("governance", until),
        )
    except ForbiddenByPolicy:
        told, hint = (
            f"not proven: scratch has no Object Lock{apart}",
            "To have it proven, make scratch's bucket with it.",
        )
        return Check(store.LOCKS, Result.WARNING, told, hint, needed=False)
    except StorageError as error:
        return Check(store.LOCKS, Result.WARNING, f"not proven: {error}", needed=False)
    held = False
    try:
        bucket.remove(Act.DELETE, key, stored.version_id)
    except Held:
        held = True
    except StorageError as error:
        return Check(store.LOCKS, Result.WARNING, f"not proven: {error}; left behind: scratch/{key}", needed=False)
    if not held:
        told, hint = (
            f"it deleted an object that was locked, on scratch{apart}",
            "A lock of this store protects nothing: do not rely on it.",
        )
        return Check(store.LOCKS, Result.FAILED, told, hint, needed=False)
    stop.wait((until - datetime.now(UTC)).total_seconds() + 1)
    told = f"an object locked for {LOCK_SECONDS:.0f} s could not be deleted, on scratch{apart}"
    return Check(store.LOCKS, Result.OK, f"{told}{store.left(scratch, key)}")


def _archive_versions(client: S3Client, bucket: str) -> Check:
    name = "store: versions of the archive's bucket"
    try:
        status: str = asked(client.get_bucket_versioning, Bucket=bucket).get("Status", "")
    except (Refusal, NoAnswer) as trouble:
        hint = "To have it told, grant s3:GetBucketVersioning."
        return Check(name, Result.WARNING, f"not known: {_clause(trouble)}", hint, needed=False)
    if status == "Enabled":
        return Check(name, Result.OK, f"bucket {bucket} says that it keeps them")
    hint = "Switch it on: what somebody else overwrites or deletes is kept then."
    return Check(name, Result.WARNING, f"bucket {bucket} keeps none", hint, needed=False)


def _archive_locks(client: S3Client, bucket: str) -> Check:
    name = "store: locks of the archive's bucket"
    try:
        told: Mapping[str, Any] = asked(client.get_object_lock_configuration, Bucket=bucket)
    except (Refusal, NoAnswer) as trouble:
        if not (isinstance(trouble, Refusal) and trouble.status in {404, 501}):
            hint = "To have it told, grant s3:GetBucketObjectLockConfiguration."
            return Check(name, Result.WARNING, f"not known: {_clause(trouble)}", hint, needed=False)
        told = {}
    configuration = told.get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        hint = "A bucket is made with it: where nobody may be able to delete a recording, take a new one."
        return Check(name, Result.WARNING, f"bucket {bucket} has no Object Lock", hint, needed=False)
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    period = " ".join(f"{rule[unit]} {unit.lower()}" for unit in ("Days", "Years") if unit in rule)
    default = (
        f"locks every new object for {period} ({rule.get('Mode', '').lower()})" if period else "locks none by itself"
    )
    return Check(name, Result.OK, f"bucket {bucket} says that it has Object Lock, and {default}; not tried there")


def _clause(error: Exception) -> str:
    if isinstance(error, Refusal):
        return f"the store refused ({error.code or error.status})"
    return error.hint if isinstance(error, NoAnswer) else str(error)
