"""Catalogues and stores in the test's own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/catalogue.db"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Catalogue]]:
    """Opens catalogues by name, new or known, and closes them at the end."""
    with ExitStack() as stack:

        def open_one(name: str = "catalogue", busy_seconds: float = 30.0) -> Catalogue:
            catalogue = Catalogue.open(f"sqlite:///{tmp_path}/{name}.db", busy_seconds=busy_seconds)
            stack.callback(catalogue.close)
            return catalogue

        yield open_one


@pytest.fixture
def catalogue(opened: Callable[..., Catalogue]) -> Catalogue:
    return opened()


@pytest.fixture
def archive(tmp_path: Path) -> Root:
    return open_folder_store(tmp_path / "store").archive
