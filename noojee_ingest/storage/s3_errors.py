"""What a store's refusal means, in the words of ``storage.errors``. Nothing of the store's own text is passed on."""

from __future__ import annotations

from noojee_ingest.storage.errors import (
    ChecksumMismatch,
    NotFound,
    StorageError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from noojee_ingest.storage.policy import Act
from noojee_ingest.storage.s3_client import NoAnswer, Refusal

_WRONG_BYTES = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
_NO_OBJECT = {"NoSuchKey", "NoSuchVersion"}
_FULL = {"507", "InsufficientStorage", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"}
_DENIED = {"403", "AccessDenied", "AllAccessDisabled"}
_WRITING = {  # and the permission that it needs
    Act.CREATE: "s3:PutObject",
    Act.REPLACE: "s3:PutObject",
    Act.DELETE: "s3:DeleteObject, s3:DeleteObjectVersion and s3:ListBucketVersions",
    Act.WITHDRAW: "s3:DeleteObject, s3:DeleteObjectVersion and s3:ListBucketVersions",
}
_HINTS = (  # by code, or by status where the code is not among them
    ({"NoSuchBucket"}, "there is no such bucket: create it, or correct its name"),
    (
        {
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidToken",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
        },
        "the credentials are wrong or have expired: check what boto3 finds (environment, profile, role)",
    ),
    ({"RequestTimeTooSkewed", "RequestExpired"}, "this machine's clock is wrong: set it by a time server"),
    (_DENIED, "the credentials may not read there: grant s3:GetObject, s3:GetObjectVersion and s3:ListBucket"),
    (
        {"SlowDown", "RequestLimitExceeded", "Throttling", "TooManyRequests", "429", "503"},
        "it keeps asking to slow down: run again later, or with fewer workers",
    ),
    ({"InvalidObjectState"}, "the object is in a cold storage class: restore it, then run again"),
    (
        {"KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"},
        "the KMS key cannot be used: check that it exists and is enabled",
    ),
    ({"409", "412"}, "the key is taken and nothing shows by what: look whether others lie below it"),
    (
        {"NotImplemented", "501"},
        "it cannot do what the archive needs: take a store that can create without overwriting",
    ),
    ({"500", "502", "504"}, "it fails inside: look at the store, then run again"),
)
_REGION = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}


def explained(trouble: Refusal | NoAnswer, doing: str, key: str, where: str) -> StorageError:
    """The error to raise. ``key`` names root and key, ``where`` bucket and endpoint."""
    if isinstance(trouble, NoAnswer):
        return StoreUnavailable(doing, key, f"{where}: {trouble.hint}")
    told = {trouble.code, str(trouble.status)}
    at = f"{where} ({trouble.code or trouble.status})"
    if told & _WRONG_BYTES:
        return ChecksumMismatch(doing, key, f"{at} refused them: fetch it again")
    if told & _NO_OBJECT:
        return NotFound(doing, key, "check the key, or list what is there")
    if told & _FULL:
        return StoreFull(doing, key, f"{at}: free space or raise the quota, then run again")
    if doing in _WRITING and trouble.code in _DENIED:
        return StoreReadOnly(doing, key, f"{at}: the credentials may not; grant {_WRITING[Act(doing)]}")
    return StoreUnavailable(doing, key, f"{at}: {_hint(trouble)}")


def _hint(refusal: Refusal) -> str:
    for told in (refusal.code, str(refusal.status)):
        if told in _REGION:
            return f"the region is wrong: set {refusal.region or 'that of the bucket'}"
        for codes, hint in _HINTS:
            if told in codes:
                return hint
    return "it refuses what every S3 store should take: check the endpoint and the settings of the store"
