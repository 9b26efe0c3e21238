"""The requests that are made of a bucket, below one prefix, and what is wrong when one fails."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from noojee_ingest.storage.errors import Held, NotFound, StorageError
from noojee_ingest.storage.keys import told
from noojee_ingest.storage.policy import Act
from noojee_ingest.storage.root import RootName, Stored
from noojee_ingest.storage.s3_body import Upload
from noojee_ingest.storage.s3_client import SPEAKS_NO_S3, NoAnswer, Refusal, asked
from noojee_ingest.storage.s3_errors import explained
from noojee_ingest.storage.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_LISTING = "listing"
_NO_OBJECT = {404, 405}  # 405: that version is a delete marker
NO_VERSION = {400, *_NO_OBJECT}  # 400: no version is called like that
_NEXT = {
    "ContinuationToken": "NextContinuationToken",
    "KeyMarker": "NextKeyMarker",
    "VersionIdMarker": "NextVersionIdMarker",
}


class Bucket:
    """One root's part of a bucket. Keys are relative to the root; answers are boto3's own mappings."""

    def __init__(self, root: RootName, client: S3Client, options: S3Options) -> None:
        self.place = options.places[root]
        self.where = f"bucket {self.place.bucket} at {options.host}"
        self._root = root
        self._client = client
        wishes = {
            "StorageClass": self.place.storage_class,
            "ServerSideEncryption": options.encryption,
            "SSEKMSKeyId": options.kms_key,
        }
        self._wishes = {name: value for name, value in wishes.items() if value}

    def full(self, key: str) -> str:
        return self.place.beginning + key

    def explained(self, trouble: Refusal | NoAnswer, doing: str, key: str) -> StorageError:
        return explained(trouble, doing, told(self._root, key), self.where)

    def be_there(self, doing: str, key: str = "") -> None:
        """Return when the bucket is there and may be read. Raises StoreUnavailable, which says what is wrong."""
        answer = self._ask(doing, key, self._client.list_objects_v2, Prefix=self.place.beginning, MaxKeys=1)
        if "Name" not in answer:  # a web page that happens to be well-formed, say
            raise self.explained(NoAnswer(SPEAKS_NO_S3, unsure=False), doing, key)

    def put(self, wanted: Stored, content: bytes | Upload, conditions: Mapping[str, Any]) -> str:
        """The new version's id. Raises Refusal, NoAnswer: what they mean is for the caller to find out."""
        answer = asked(
            self._client.put_object,
            Bucket=self.place.bucket,
            Key=self.full(wanted.key),
            Body=content,
            ContentLength=wanted.size,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(wanted.sha256)).decode(),
            Metadata=wanted.metadata,
            **self._wishes,
            **conditions,
        )
        return str(answer.get("VersionId", ""))

    def get(self, key: str, part: Mapping[str, str], version_id: str) -> Any:
        """The object's bytes as a stream, or of the ``Range`` in ``part``. Raises Refusal, NoAnswer."""
        wanted = {**part, **_version(version_id)}
        return asked(self._client.get_object, Bucket=self.place.bucket, Key=self.full(key), **wanted)["Body"]

    def look(self, doing: str, key: str, version_id: str = "") -> dict[str, Any]:
        """What HEAD tells. Raises NotFound and, since a HEAD cannot say so itself, what is wrong with the bucket."""
        try:
            answer: dict[str, Any] = asked(
                self._client.head_object,
                Bucket=self.place.bucket,
                Key=self.full(key),
                ChecksumMode="ENABLED",
                **_version(version_id),
            )
        except Refusal as caught:
            refusal = caught
        except NoAnswer as silence:
            raise self.explained(silence, doing, key) from None
        else:
            return answer
        self.be_there(doing, key)
        if refusal.status in (NO_VERSION if version_id else _NO_OBJECT):
            raise NotFound(doing, told(self._root, key), "check the key and version, or list what is there")
        raise self.explained(refusal, doing, key)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Key and size (bytes) of everything below ``prefix``, in no order."""
        pages = self._pages(_LISTING, prefix, self._client.list_objects_v2, Prefix=self.full(prefix))
        return {
            line["Key"].removeprefix(self.place.beginning): line["Size"]
            for page in pages
            for line in page.get("Contents", ())
        }

    def delete(self, act: Act, key: str) -> None:
        """Remove all there is of an object. Raises Held."""
        if self._ask(act, key, self._client.delete_object, Key=self.full(key)).get("VersionId"):
            for version_id in self.versions(
                act, key, "Versions", "DeleteMarkers"
            ):  # the marker that now hides them too
                self.remove(act, key, version_id)

    def remove(self, act: Act, key: str, version_id: str) -> None:
        """Remove one version, or what a bucket without versions has. Raises Held."""
        try:
            asked(self._client.delete_object, Bucket=self.place.bucket, Key=self.full(key), **_version(version_id))
        except (Refusal, NoAnswer) as caught:
            trouble = caught
        else:
            return
        if isinstance(trouble, Refusal) and trouble.status == 403:
            self.tell_the_lock(act, key, self.look(act, key, version_id))
        raise self.explained(trouble, act, key)

    def can_lock(self, act: Act, key: str) -> bool:
        """Whether the bucket has object lock."""
        try:
            answer = asked(self._client.get_object_lock_configuration, Bucket=self.place.bucket)
        except (Refusal, NoAnswer) as trouble:
            if isinstance(trouble, Refusal) and trouble.status in {404, 501}:
                return False
            raise self.explained(trouble, act, key) from None
        return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    def _ask(self, doing: str, key: str, call: Callable[..., Any], **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = asked(call, Bucket=self.place.bucket, **request)
        except (Refusal, NoAnswer) as trouble:
            raise self.explained(trouble, doing, key) from None
        return answer

    def _pages(self, doing: str, key: str, call: Callable[..., Any], **request: Any) -> Iterator[dict[str, Any]]:
        more = True
        while more:
            answer = self._ask(doing, key, call, **request)
            yield answer
            more = answer.get("IsTruncated", False)
            request |= {name: answer[source] for name, source in _NEXT.items() if source in answer}

    def versions(self, doing: str, key: str, *kinds: str) -> list[str]:
        """The ids of all versions of one object, by default of those with content."""
        full = self.full(key)
        return [
            line["VersionId"]
            for page in self._pages(doing, key, self._client.list_object_versions, Prefix=full)
            for kind in kinds or ("Versions",)
            for line in page.get(kind, ())
            if line["Key"] == full
        ]

    def tell_the_lock(self, act: Act, key: str, found: Mapping[str, Any]) -> None:
        """Raises Held when a lock is why the version cannot be removed."""
        if found.get("ObjectLockLegalHoldStatus") == "ON":
            raise Held(act, told(self._root, key), "a legal hold: whoever placed it must lift it first", None)
        until = found.get("ObjectLockRetainUntilDate")
        if until is not None and until > datetime.now(UTC):
            mode = found.get("ObjectLockMode", "").lower()
            raise Held(act, told(self._root, key), f"{mode} retention: wait until it ends", until.astimezone(UTC))


def _version(version_id: str) -> dict[str, str]:
    return {"VersionId": version_id} if version_id else {}
