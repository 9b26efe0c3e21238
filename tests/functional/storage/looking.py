"""What is in a root, and in its folder for files that are being written."""

from __future__ import annotations

from pathlib import Path

from noojee_ingest.storage.root import Root


def staged(tmp_path: Path, root: str = "archive") -> list[str]:
    return sorted(path.name for path in (tmp_path / root / ".tmp").iterdir() if path.name != "lock")


def keys(root: Root) -> list[str]:
    return [listed.key for listed in root.list("")]


def contents(root: Root, key: str) -> bytes:
    with root.open(key) as body:
        return body.read()
