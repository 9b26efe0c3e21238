"""Which keys and which metadata every store takes, so that an object fits in a folder and in a bucket alike.

A key is parts joined by ``/``. A part is made of ``A-Z a-z 0-9 = . _ -``, does not begin with a dot (so neither
``..`` nor a hidden file is one) and does not end in ``.json``: that ending belongs to the sidecars of the folder
store, and with it kept free no object and no folder of objects can ever take a sidecar's name. No key may be the
folder of another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from noojee_ingest.storage.errors import BadKey, BadMetadata
from noojee_ingest.storage.root import RootName

SIDECAR = ".json"

_LONGEST_KEY = 1024  # bytes; S3's limit
_LONGEST_PART = 245  # bytes; a file name may have 255: the sidecar's is five longer, SeaweedFS's of versions nine
_METADATA_LIMIT = 2048  # bytes; S3's limit on names and values together

_PART = re.compile(r"[A-Za-z0-9=_-][A-Za-z0-9=._-]*")
_METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_METADATA_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")


def is_part(text: str) -> bool:
    return _PART.fullmatch(text) is not None and len(text) <= _LONGEST_PART and not text.lower().endswith(SIDECAR)


def told(root: RootName, key: str) -> str:
    """Root and key as errors name them: ASCII, one line, not endless."""
    return ascii(f"{root}/{key}"[:_LONGEST_KEY])[1:-1]


def check_key(doing: str, root: RootName, key: str) -> None:
    """Raises BadKey."""
    if len(key) > _LONGEST_KEY or not all(is_part(part) for part in key.split("/")):
        raise BadKey(
            doing,
            told(root, key),
            "keys are parts of A-Z a-z 0-9 = . _ - joined by '/', none beginning with '.' or ending in '.json'",
        )


def split_prefix(doing: str, root: RootName, prefix: str) -> tuple[PurePosixPath, str]:
    """The folder in which a listing starts, and how the first names in it begin. Raises BadKey."""
    folder, _, beginning = prefix.rpartition("/")
    if folder:
        check_key(doing, root, folder)
    if prefix.startswith("/") or (beginning and _PART.fullmatch(beginning) is None):
        raise BadKey(doing, told(root, prefix), "a prefix is the beginning of a key")
    return PurePosixPath(folder), beginning


def check_metadata(doing: str, root: RootName, key: str, metadata: Mapping[str, str]) -> None:
    """ASCII, small, and in a form that survives HTTP headers. Raises BadMetadata."""
    for name, value in metadata.items():
        if _METADATA_NAME.fullmatch(name) is None:
            raise BadMetadata(
                doing, told(root, key), f"write {name!a} with a-z, 0-9 and '-' only: it is sent as a header"
            )
        if _METADATA_VALUE.fullmatch(value) is None:
            raise BadMetadata(
                doing, told(root, key), f"the value of {name} must be printable ASCII without blanks around it"
            )
    total = sum(len(name) + len(value) for name, value in metadata.items())
    if total >= _METADATA_LIMIT:
        raise BadMetadata(doing, told(root, key), f"{total:,} bytes are too many: stay below {_METADATA_LIMIT:,}")
