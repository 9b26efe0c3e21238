"""Where an S3 store is and how it is spoken to. Credentials are none of it: boto3's own chain finds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Literal
from urllib.parse import urlsplit

from noojee_ingest.storage.keys import is_part
from noojee_ingest.storage.root import RootName

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NOT_READABLE_AT_ONCE = {"GLACIER", "DEEP_ARCHIVE"}

Encryption = Literal["", "AES256", "aws:kms"]


def checked_bucket(name: str) -> str:
    """Raises ValueError."""
    if _BUCKET.fullmatch(name) is None:
        raise ValueError("is no bucket's name: 3 to 63 of a-z, 0-9, '.' and '-'")
    return name


def checked_prefix(prefix: str) -> str:
    """Raises ValueError."""
    if prefix and not all(is_part(part) for part in prefix.split("/")):
        raise ValueError("is no prefix: parts of A-Z a-z 0-9 = . _ - joined by '/'")
    return prefix


def checked_storage_class(name: str) -> str:
    """Raises ValueError."""
    if name in _NOT_READABLE_AT_ONCE:
        raise ValueError("cannot be read at once: use a lifecycle rule on audio/ instead")
    return name


def checked_endpoint(address: str) -> str:
    """Raises ValueError, which repeats nothing of the address: it may hold what belongs nowhere."""
    if "@" in address or "?" in address or "#" in address:
        raise ValueError("is to be an address only: credentials come from boto3's own chain")
    try:
        told = urlsplit(address)
        wrong = told.port == 0
    except ValueError:
        wrong = True
    if wrong or told.scheme not in {"http", "https"} or not told.hostname or told.path.strip("/"):
        raise ValueError("should look like https://s3.example.com or http://127.0.0.1:8333")
    return address


@dataclass(frozen=True, slots=True)
class Place:
    """Where one root is: a bucket, or the part of one below ``prefix`` (parts joined by ``/``, ``""`` for all of it).

    ``storage_class`` is asked for with each object, ``""`` for the bucket's own. Not GLACIER or DEEP_ARCHIVE: what is
    put must be readable at once, the journal above all; move old audio there with a lifecycle rule on ``audio/``.
    """

    bucket: str
    prefix: str = ""
    storage_class: str = ""

    def __post_init__(self) -> None:
        checked_bucket(self.bucket)
        checked_prefix(self.prefix)
        checked_storage_class(self.storage_class)

    @property
    def beginning(self) -> str:
        """What every key of the root begins with inside its bucket."""
        return f"{self.prefix}/" if self.prefix else ""


@dataclass(frozen=True, slots=True)
class S3Options:
    """One store. Raises ValueError for places that overlap and for an endpoint that is no plain address.

    ``endpoint`` ``""`` is AWS; ``region`` ``""`` is what boto3's own chain finds. ``path_style`` puts the bucket in the
    path rather than in the host name, which most compatible stores want. ``encryption`` asks for SSE-S3 (``AES256``) or
    SSE-KMS (``aws:kms``, with ``kms_key`` or the account's own key). ``connections`` is the size of the pool: one for
    each worker. ``attempts`` counts the first. Time-outs are in seconds.
    """

    places: Mapping[RootName, Place]
    endpoint: str = ""
    region: str = ""
    path_style: bool = False
    encryption: Encryption = ""
    kms_key: str = ""
    connections: int = 16
    attempts: int = 8
    connect_timeout: float = 10.0
    read_timeout: float = 60.0

    def __post_init__(self) -> None:
        if missing := [name for name in RootName if name not in self.places]:
            raise ValueError(f"no bucket is named for {', '.join(missing)}")
        for (name, place), (other, outer) in permutations(self.places.items(), 2):
            if place.bucket == outer.bucket and place.beginning.startswith(outer.beginning):
                raise ValueError(f"{name} lies inside {other}: give each root a bucket or a prefix of its own")
        if self.kms_key and self.encryption != "aws:kms":
            raise ValueError("kms_key is for the encryption aws:kms only")
        if self.endpoint:
            checked_endpoint(self.endpoint)

    @property
    def host(self) -> str:
        """The endpoint as errors name it."""
        return urlsplit(self.endpoint).netloc if self.endpoint else "AWS"
