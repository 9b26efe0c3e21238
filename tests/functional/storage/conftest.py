"""Every store keeps one contract: ``root_factory`` makes its roots, and the tests named ``contract`` ask no further."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import Root, RootName, Stored

RootFactory = Callable[[RootName], Root]
Put = Callable[..., Stored]


@pytest.fixture(params=["folder"])
def root_factory(request: pytest.FixtureRequest, tmp_path: Path) -> RootFactory:
    """``root_factory(RootName.ARCHIVE)``: a new and empty root of that name, in each kind of store."""
    stores: Mapping[str, RootFactory] = {"folder": lambda name: FolderRoot(name, tmp_path / name)}
    return stores[request.param]


@pytest.fixture(scope="session")
def put() -> Put:
    """``put(root, key, data, name="value")`` creates an object that announces what it is."""

    def create(root: Root, key: str, data: bytes, **metadata: str) -> Stored:
        digest = hashlib.sha256(data).hexdigest()
        return root.create(key, io.BytesIO(data), size=len(data), sha256=digest, metadata=metadata)

    return create


@pytest.fixture(scope="session")
def put_again() -> Put:
    """As ``put``, with ``replace``."""

    def replace(root: Root, key: str, data: bytes, **metadata: str) -> Stored:
        digest = hashlib.sha256(data).hexdigest()
        return root.replace(key, io.BytesIO(data), size=len(data), sha256=digest, metadata=metadata)

    return replace


@pytest.fixture
def archive(tmp_path: Path) -> FolderRoot:
    return FolderRoot(RootName.ARCHIVE, tmp_path / "archive")


@pytest.fixture
def lake(tmp_path: Path) -> FolderRoot:
    return FolderRoot(RootName.LAKE, tmp_path / "lake")
