"""The day files of a lake as pyarrow reads them, in a folder or in a bucket: only those that a question needs."""

from __future__ import annotations

import ipaddress
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from noojee_ingest.lake.errors import DamagedDay, DayReplaced, LakeError, OtherVersion, printable
from noojee_ingest.lake.publish import IN_FILE, days_there
from noojee_ingest.lake.schema import SCHEMA_VERSION, Table
from noojee_ingest.storage.errors import StorageError, StoreUnavailable
from noojee_ingest.storage.root import Root, RootName
from noojee_ingest.storage.s3_options import S3Options

_VERSION = f"{IN_FILE}schema_version".encode()
AT_ONCE = 16
"""Footers that are read at once."""


@dataclass(frozen=True)
class LakeFiles:
    """``root`` lists the objects; ``filesystem`` reads what lies below ``base``, which is where that root is."""

    root: Root
    filesystem: pafs.FileSystem
    base: str


class Days(ds.FileSystemDataset):  # type: ignore[misc]  # pyarrow has no types
    """The published days of a table, of one site or of all, as DuckDB takes them. Reads no file until it is scanned.

    A scan looks first at the schema version of every file that it will read, several at once: their footers are then
    known and not read again. ``scanned`` are the keys of those files. ``problem`` is why a scan was refused: what
    passes through DuckDB arrives as mere text, so it is kept here.
    """

    def __init__(self, files: LakeFiles, table: Table, site: str | None = None) -> None:
        """Raises StorageError."""
        form = ds.ParquetFileFormat()
        fragments = [
            form.make_fragment(files.base + key, files.filesystem, (ds.field("site") == of) & (ds.field("day") == day))
            for key, of, day in days_there(files.root, table, site)
        ]
        super().__init__(fragments, table.schema, form, files.filesystem)
        self.scanned: list[str] = []
        self.was_scanned = False
        self.problem: LakeError | StorageError | None = None
        self._base = files.base

    def scanner(self, **wanted: Any) -> ds.Scanner:
        """As ``Dataset.scanner``: DuckDB calls it, with the columns and the ``filter`` that it found in a statement."""
        self.was_scanned = True
        fragments = {self._key(one): one for one in self.get_fragments(filter=wanted.get("filter"))}
        self.scanned += fragments
        try:
            with ThreadPoolExecutor(AT_ONCE) as readers:
                list(readers.map(_check_version, fragments, fragments.values()))
        except (LakeError, StorageError) as problem:
            self.problem = problem.with_traceback(None)
            raise
        return super().scanner(**wanted)

    def find_damage(self) -> None:
        """Read the scanned files from end to end, as they are now.

        Raises DamagedDay, StoreUnavailable for the first that cannot be read, DayReplaced for one that is not the one
        that was scanned: its footer was read before it was replaced, and its pages after.
        """
        for fragment in self.get_fragments():
            if (key := self._key(fragment)) in self.scanned:
                now = fragment.format.make_fragment(fragment.path, fragment.filesystem)
                try:
                    for _ in now.to_batches():
                        pass
                    replaced = now.metadata.metadata != fragment.metadata.metadata
                except (pa.ArrowException, OSError) as error:
                    raise _unreadable(key, now, error) from None
                if replaced:
                    raise DayReplaced(key)

    def _key(self, fragment: ds.ParquetFileFragment) -> str:
        return str(fragment.path).removeprefix(self._base)


def _check_version(key: str, fragment: ds.ParquetFileFragment) -> None:
    """Raises OtherVersion, DamagedDay, StoreUnavailable."""
    try:
        about = fragment.metadata.metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(key, fragment, error) from None
    version = about.get(_VERSION, b"").decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        raise OtherVersion(key, version, SCHEMA_VERSION)


def _unreadable(key: str, fragment: ds.ParquetFileFragment, error: Exception) -> LakeError | StorageError:
    """What it means that a file could not be read: pyarrow's own errors do not tell a store's fault from a file's."""
    try:
        fragment.filesystem.open_input_file(fragment.path).close()
    except OSError as refused:
        return StoreUnavailable(
            "reading", f"lake/{key}", f"{printable(str(refused))}: run again, or check its permissions"
        )
    return DamagedDay(key, str(error))


def folder_files(root: Root, path: Path) -> LakeFiles:
    """The lake whose root is the folder ``path``."""
    return LakeFiles(root, pafs.LocalFileSystem(), f"{path.absolute()}/")


def s3_files(root: Root, options: S3Options) -> LakeFiles:
    """The lake of a store in buckets, at the address and with the credentials that boto3's own chain finds.

    Raises StoreUnavailable where it finds none.
    """
    import boto3  # noqa: PLC0415  slow, and only needed here
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from noojee_ingest.storage.s3_client import NoAnswer, make_client  # noqa: PLC0415

    try:
        found = boto3.session.Session().get_credentials()
        credentials = found.get_frozen_credentials() if found is not None else None
        there = make_client(options).meta
    except BotoCoreError as error:
        raise StoreUnavailable("reading", "lake", f"no usable credentials ({type(error).__name__})") from None
    except NoAnswer as trouble:
        raise StoreUnavailable("reading", "lake", trouble.hint) from None
    if credentials is None:
        raise StoreUnavailable("reading", "lake", "no credentials: set AWS_PROFILE, or what boto3 reads else")
    endpoint = urlsplit(there.endpoint_url)
    place = options.places[RootName.LAKE]
    in_path = options.path_style or _is_ip(endpoint.hostname) or ("." in place.bucket and endpoint.scheme == "https")
    try:
        filesystem = pafs.S3FileSystem(
            access_key=credentials.access_key,
            secret_key=credentials.secret_key,
            session_token=credentials.token,
            region=there.region_name,
            scheme=endpoint.scheme,
            endpoint_override=endpoint.netloc,
            force_virtual_addressing=not in_path,
            proxy_options=_proxy(endpoint),
            tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE"),
            connect_timeout=options.connect_timeout,
            request_timeout=options.read_timeout,
        )
    except pa.ArrowInvalid:  # it would repeat the proxy's password
        raise StoreUnavailable("reading", "lake", "HTTP_PROXY or HTTPS_PROXY is no proxy that it can use") from None
    return LakeFiles(root, filesystem, f"{place.bucket}/{place.beginning}")


def _proxy(endpoint: SplitResult) -> str | None:
    """The address of the proxy that the environment names for an endpoint, as boto3 finds it."""
    if endpoint.hostname is None or proxy_bypass(endpoint.hostname):
        return None
    proxy = getproxies().get(endpoint.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_ip(host: str | None) -> bool:
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True
