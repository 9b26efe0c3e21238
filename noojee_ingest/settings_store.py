"""The settings of the store: a folder, or buckets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from noojee_ingest.settings_table import Seconds, SettingsTable
from noojee_ingest.settings_values import unrepeatable
from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3_options import (
    Encryption,
    Place,
    S3Options,
    checked_bucket,
    checked_endpoint,
    checked_prefix,
    checked_storage_class,
)


def _endpoint(address: str) -> str:
    try:
        return address and checked_endpoint(address)
    except ValueError as problem:
        raise unrepeatable(str(problem)) from None


Bucket = Annotated[str, AfterValidator(lambda name: name and checked_bucket(name))]


class FolderStore(SettingsTable):
    """A folder; ``path`` holds the roots archive, evidence, lake and scratch."""

    kind: Literal["folder"] = "folder"
    path: Path


class RootPlace(SettingsTable):
    """Where one root is, and the storage class to ask for. Empty: as for the store as a whole."""

    bucket: Bucket = ""
    prefix: Annotated[str, AfterValidator(checked_prefix)] | None = None
    storage_class: Annotated[str, AfterValidator(checked_storage_class)] = ""


class S3Store(SettingsTable):
    """Buckets of AWS or of a compatible store. Time-outs in seconds; credentials come from boto3's own chain.

    Each root has a prefix of its own name in ``bucket``, unless ``roots`` gives it another place.
    """

    kind: Literal["s3"]
    bucket: Bucket = ""
    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    region: str = ""
    path_style: bool = False
    encryption: Encryption = ""
    kms_key: str = ""
    attempts: Annotated[int, Field(ge=1, le=20)] = 8
    connect_timeout_seconds: Seconds = 10.0
    read_timeout_seconds: Seconds = 60.0
    roots: Mapping[RootName, RootPlace] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_opened(self) -> S3Store:
        try:
            self.options(connections=1)
        except ValueError as problem:
            raise unrepeatable(str(problem)) from None
        return self

    def options(self, *, connections: int) -> S3Options:
        """As the store takes them. ``connections``: how many requests are under way at once. Raises ValueError."""
        return S3Options(
            places={name: self._place(name) for name in RootName},
            endpoint=self.endpoint,
            region=self.region,
            path_style=self.path_style,
            encryption=self.encryption,
            kms_key=self.kms_key,
            connections=connections,
            attempts=self.attempts,
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=self.read_timeout_seconds,
        )

    def _place(self, name: RootName) -> Place:
        own = self.roots.get(name, RootPlace())
        if not (own.bucket or self.bucket):
            raise ValueError(f"no bucket is named for {name}: set store.bucket, or store.roots.{name}.bucket")
        return Place(own.bucket or self.bucket, name if own.prefix is None else own.prefix, own.storage_class)


def _kind(store: Any) -> str | None:
    """``None`` for what is no table."""
    return str(store.get("kind")) if isinstance(store, Mapping) else getattr(store, "kind", None)


Store = Annotated[
    Annotated[FolderStore, Tag("folder")] | Annotated[S3Store, Tag("s3")],
    Discriminator(_kind),  # a field of that name may not have validators of its own, and ours has
]
