"""A store in buckets, AWS's or compatible ones.

An object is put with one request, whole: create only (``If-None-Match: *``), with the SHA-256 of all its bytes, which
the store checks before the object can be seen, and with its metadata complete. ``s3_proof`` makes sure at opening
that the store does check and does not overwrite.

Lost answers: boto3 repeats what was not answered, up to ``attempts`` times. The repetition of a create that had been
carried out finds its own object; when that is in everything what was to be put, it counts as created.

Versioned buckets: ``Stored.version_id`` names the version that was put. ``withdraw`` and ``delete`` remove versions for
good and leave no delete marker behind. A marker that somebody else left hides what is below it; a create on top of it
succeeds with a new version and harms nothing below: a key that was withdrawn may be created again, and whether it
should be is the journal's to say.
"""

from __future__ import annotations

import base64
import io
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from noojee_ingest.storage import keys, policy
from noojee_ingest.storage.errors import (
    AlreadyExists,
    BadKey,
    ChecksumMismatch,
    Damaged,
    ForbiddenByPolicy,
    NotFound,
)
from noojee_ingest.storage.policy import Act
from noojee_ingest.storage.root import Listed, Retention, RootName, Store, Stored
from noojee_ingest.storage.s3_body import SMALL, Download, Upload, WrongSize, read_small
from noojee_ingest.storage.s3_bucket import NO_VERSION, Bucket
from noojee_ingest.storage.s3_client import NoAnswer, Refusal, make_client
from noojee_ingest.storage.s3_errors import explained
from noojee_ingest.storage.s3_options import S3Options
from noojee_ingest.storage.s3_proof import prove

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_READING = "reading"
_OPENING = "opening"
_LONGEST_KEY = 1024  # bytes, the prefix among them
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds at most, after each meeting with another create
_UNVERSIONED = "null"  # S3's name for the version of an object that was put without versions
_SHA256 = re.compile(r"[0-9a-f]{64}")


def open_s3_store(options: S3Options) -> Store:
    """Open the store in the buckets of ``options``, to write; it creates none.

    Asks each bucket for one line of a listing and proves the store once in a process (``s3_proof``, three requests to
    scratch). Raises StoreUnavailable (which says what is wrong) and StoreReadOnly.
    """
    client = _client(options)
    roots = {name: S3Root(name, client, options) for name in RootName}
    for root in {place.bucket: roots[name] for name, place in options.places.items()}.values():
        root.be_there()
    prove(roots[RootName.SCRATCH], (options.endpoint, options.region, *options.places.values()))
    return Store(
        archive=roots[RootName.ARCHIVE],
        evidence=roots[RootName.EVIDENCE],
        lake=roots[RootName.LAKE],
        scratch=roots[RootName.SCRATCH],
    )


def open_s3_root(options: S3Options, name: RootName) -> S3Root:
    """Open one root to read. Its bucket alone is asked, for a reader may have no right to the others.

    Raises StoreUnavailable, which says what is wrong.
    """
    root = S3Root(name, _client(options), options)
    root.be_there()
    return root


def _client(options: S3Options) -> S3Client:
    try:
        return make_client(options)
    except NoAnswer as trouble:
        raise explained(trouble, _OPENING, "the store", options.host) from None


class S3Root:
    """One root in one bucket; the promises are those of ``storage.root.Root``. Safe between threads and processes.

    A body of more than 1 MiB must be seekable and is sent as it is read, 256 KiB at a time; a smaller one is read
    whole. Metadata with an empty value is not sent: some stores drop it, so none of ours shows it.
    """

    def __init__(self, name: RootName, client: S3Client, options: S3Options) -> None:
        self.name = name
        self._bucket = Bucket(name, client, options)
        self._can_lock = False  # known once it was asked

    def be_there(self) -> None:
        """Return when the root's bucket is there and may be read. Raises StoreUnavailable."""
        self._bucket.be_there(_OPENING)

    def create(
        self,
        key: str,
        body: BinaryIO,
        *,
        size: int,
        sha256: str,
        metadata: Mapping[str, str],
        retention: Retention | None = None,
    ) -> Stored:
        """As ``Root.create``. ``retention`` needs a bucket with object lock, else ForbiddenByPolicy."""
        wanted = self._wanted(Act.CREATE, key, size, sha256, metadata)
        conditions = {"IfNoneMatch": "*", **self._lock(key, retention)}
        content = self._content(Act.CREATE, wanted, body)
        for pause in _PAUSES:
            try:
                return self._put(Act.CREATE, wanted, content, conditions)
            except (Refusal, NoAnswer) as caught:
                trouble = caught
            if trouble.taken or trouble.unsure:
                found = self._found(key)
                if found is not None and trouble.unsure and replace(found, version_id="") == wanted:
                    return found
                if found is not None:
                    raise AlreadyExists(
                        Act.CREATE, self._told(key), "compare the two and adopt what is there if it is the same", found
                    )
            if not trouble.taken:
                break
            time.sleep(random.uniform(0, pause))  # noqa: S311 not a secret
        raise self._bucket.explained(trouble, Act.CREATE, key)

    def replace(self, key: str, body: BinaryIO, *, size: int, sha256: str, metadata: Mapping[str, str]) -> Stored:
        """As ``Root.replace``. A versioned bucket keeps the old object below the new until its lifecycle removes it."""
        wanted = self._wanted(Act.REPLACE, key, size, sha256, metadata)
        content = self._content(Act.REPLACE, wanted, body)
        try:
            return self._put(Act.REPLACE, wanted, content, {})
        except (Refusal, NoAnswer) as trouble:
            raise self._bucket.explained(trouble, Act.REPLACE, key) from None

    def open(self, key: str, offset: int = 0, length: int | None = None, *, version_id: str = "") -> BinaryIO:
        """As ``Root.open``; the bytes come as they are read, and StoreUnavailable when they stop coming."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"offset and length are not negative: {offset}, {length}")
        keys.check_key(_READING, self.name, key)
        if length == 0:  # no range says so
            self._bucket.look(_READING, key, version_id)
            return io.BytesIO()
        last = "" if length is None else offset + length - 1
        whole = offset == 0 and length is None
        try:
            stream = self._bucket.get(key, {} if whole else {"Range": f"bytes={offset}-{last}"}, version_id)
        except (Refusal, NoAnswer) as trouble:
            if isinstance(trouble, Refusal) and trouble.status == 416:  # the object ends before that range
                return io.BytesIO()
            if version_id and isinstance(trouble, Refusal) and trouble.status in NO_VERSION:
                raise NotFound(_READING, self._told(key), f"there is no version {version_id!a}") from None
            raise self._bucket.explained(trouble, _READING, key) from None
        return io.BufferedReader(Download(stream, lambda trouble: self._bucket.explained(trouble, _READING, key)))

    def head(self, key: str) -> Stored:
        """As ``Root.head``. Raises Damaged when the store has no SHA-256 of the whole: put in parts, or not by us."""
        keys.check_key(_READING, self.name, key)
        return self._head(key)

    def versions(self, key: str) -> Sequence[Stored]:
        """As ``Root.versions``; needs s3:ListBucketVersions. Delete markers are none."""
        keys.check_key(Act.WITHDRAW, self.name, key)
        found: list[Stored] = []
        for version_id in self._bucket.versions(Act.WITHDRAW, key):
            with suppress(NotFound):  # withdrawn since
                found.append(self._head(key, "" if version_id == _UNVERSIONED else version_id))
        return found

    def refuse_if_held(self, key: str) -> None:
        """As ``Root.refuse_if_held``, as far as the account may see locks."""
        keys.check_key(Act.WITHDRAW, self.name, key)
        self._bucket.tell_the_lock(Act.WITHDRAW, key, self._bucket.look(Act.WITHDRAW, key))

    def _head(self, key: str, version_id: str = "") -> Stored:
        told = self._bucket.look(_READING, key, version_id)
        try:
            digest = base64.b64decode(told.get("ChecksumSHA256", ""), validate=True).hex()
        except ValueError:  # that of an object put in parts ends in "-" and their number
            digest = ""
        if _SHA256.fullmatch(digest) is None or told.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
            raise Damaged(
                _READING,
                self._told(key),
                "the store has no SHA-256 of the whole object: find who put it, and compare it with the journal",
                told.get("VersionId", ""),
            )
        metadata = {name.lower(): value for name, value in told.get("Metadata", {}).items()}
        return self._stored(key, told["ContentLength"], digest, metadata, told.get("VersionId", ""))

    def list(self, prefix: str) -> Iterator[Listed]:
        """As ``Root.list``; names that are no keys are not shown.

        The whole listing is held and sorted first, about 200 bytes for each object: not every store lists in order.
        """
        keys.split_prefix("listing", self.name, prefix)
        return self._listed(prefix)

    def delete(self, key: str) -> None:
        """As ``Root.delete``; in a versioned bucket every version of it goes. Raises Held where a lock holds one."""
        self._check(Act.DELETE, key)
        self._bucket.delete(Act.DELETE, key)

    def withdraw(self, key: str, *, version_id: str, decision: str) -> None:
        """As ``Root.withdraw``. Nothing is left of the version, and no delete marker; other versions stay."""
        self._check(Act.WITHDRAW, key)
        if not decision:
            raise ForbiddenByPolicy(Act.WITHDRAW, self._told(key), "journal the decision first and name its event id")
        there = self._bucket.look(Act.WITHDRAW, key, version_id).get("VersionId", "")
        if (there or _UNVERSIONED) != (version_id or _UNVERSIONED):
            raise NotFound(Act.WITHDRAW, self._told(key), f"the version there is {there!a}, not {version_id!a}")
        self._bucket.remove(Act.WITHDRAW, key, there)

    def sync(self) -> None:
        """As ``Root.sync``: a bucket answers when the object is safe, so there is nothing left to do."""

    def _check(self, act: Act, key: str, metadata: Mapping[str, str] | None = None) -> None:
        keys.check_key(act, self.name, key)
        policy.require(act, self.name, key)
        keys.check_metadata(act, self.name, key, metadata or {})
        if len(self._bucket.full(key)) > _LONGEST_KEY:
            raise BadKey(act, self._told(key), f"with the root's prefix it is longer than {_LONGEST_KEY:,} bytes")

    def _told(self, key: str) -> str:
        return keys.told(self.name, key)

    def _wanted(self, act: Act, key: str, size: int, sha256: str, metadata: Mapping[str, str]) -> Stored:
        self._check(act, key, metadata)
        if _SHA256.fullmatch(sha256) is None:
            raise ChecksumMismatch(act, self._told(key), f"{sha256[:70]!a} is no SHA-256: 64 of 0-9 and a-f")
        return self._stored(key, size, sha256, metadata, "")

    def _stored(self, key: str, size: int, sha256: str, metadata: Mapping[str, str], version_id: str) -> Stored:
        return Stored(
            root=self.name,
            bucket=self._bucket.place.bucket,
            key=key,
            size=size,
            sha256=sha256,
            checksum_type="sha256-full-object",
            version_id=version_id,
            metadata={name: value for name, value in metadata.items() if value},
        )

    def _content(self, act: Act, wanted: Stored, body: BinaryIO) -> bytes | Upload:
        if wanted.size > SMALL:
            return Upload(body, wanted.size)
        try:
            return read_small(body, wanted.size)
        except WrongSize as wrong:
            raise self._mismatch(act, wanted, wrong) from None

    def _put(self, act: Act, wanted: Stored, content: bytes | Upload, conditions: Mapping[str, Any]) -> Stored:
        """Raises Refusal, NoAnswer, and what went wrong with the body itself."""
        if isinstance(content, Upload):
            content.seek(0)
        try:
            return replace(wanted, version_id=self._bucket.put(wanted, content, conditions))
        except (Refusal, NoAnswer):
            if not isinstance(content, Upload) or content.failure is None:
                raise
            failure = content.failure
        raise self._mismatch(act, wanted, failure) if isinstance(failure, WrongSize) else failure

    def _mismatch(self, act: Act, wanted: Stored, wrong: WrongSize) -> ChecksumMismatch:
        came = f"announced {wanted.size:,} bytes, came {wrong.came}: fetch it again"
        return ChecksumMismatch(act, self._told(wanted.key), came)

    def _found(self, key: str) -> Stored | None:
        try:
            return self.head(key)
        except NotFound:
            return None

    def _lock(self, key: str, retention: Retention | None) -> dict[str, Any]:
        if retention is None:
            return {}
        self._can_lock = self._can_lock or self._bucket.can_lock(Act.CREATE, key)
        if not self._can_lock:
            raise ForbiddenByPolicy(
                Act.CREATE,
                self._told(key),
                f"{self._bucket.where} cannot lock an object: use a bucket with object lock, or no retention",
            )
        return {"ObjectLockMode": retention.mode.upper(), "ObjectLockRetainUntilDate": retention.until}

    def _listed(self, prefix: str) -> Iterator[Listed]:
        sizes = self._bucket.sizes(prefix)
        for key in sorted(sizes):
            if all(map(keys.is_part, key.split("/"))):
                yield Listed(key, sizes[key])
