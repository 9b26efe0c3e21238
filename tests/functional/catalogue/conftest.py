"""Catalogues and stores in the test's own folder.

Tests that speak of no engine ask for these fixtures alone; tests/integration/catalogue runs them again with its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from noojee_ingest.catalogue import rebuild as rebuilding
from noojee_ingest.catalogue import workers
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import Segment
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

AddressOf = Callable[[str], dict[str, str]]
Holding = Callable[..., Catalogue]


@pytest.fixture
def address_of(tmp_path: Path) -> AddressOf:
    """The ``url`` and ``schema`` of the test's catalogue of a name."""
    return lambda name: {"url": f"sqlite:///{tmp_path}/{name}.db", "schema": "of_no_matter"}


@pytest.fixture
def address(address_of: AddressOf) -> dict[str, str]:
    return address_of("catalogue")


@pytest.fixture
def beside(tmp_path: Path) -> Callable[[], list[str]]:
    """Names what a rebuild of the test's catalogue has left beside it."""
    return lambda: sorted(path.name for path in tmp_path.iterdir() if "rebuilt" in path.name)


@pytest.fixture
def pass_time(tmp_path: Path) -> Callable[[float], None]:
    """As if all that is in the budget had been written so many seconds ago; less than nothing: a clock set back."""

    def passed(seconds: float) -> None:
        with closing(sqlite3.connect(tmp_path / "budget.sqlite")) as file:
            file.execute("UPDATE turn SET taken = taken - ?1, next = next - ?1", (seconds,))
            file.execute("UPDATE lease SET taken = taken - ?1, expires = expires - ?1", (seconds,))
            file.commit()

    return passed


@pytest.fixture
def url(address: dict[str, str]) -> str:
    return address["url"]


@pytest.fixture
def opened(address_of: AddressOf) -> Iterator[Callable[..., Catalogue]]:
    """Opens catalogues by name, new or known, and closes them at the end."""
    with ExitStack() as stack:

        def open_one(name: str = "catalogue", busy_seconds: float = 30.0) -> Catalogue:
            catalogue = Catalogue.open(**address_of(name), busy_seconds=busy_seconds)
            stack.callback(catalogue.close)
            return catalogue

        yield open_one


@pytest.fixture
def catalogue(opened: Callable[..., Catalogue]) -> Catalogue:
    return opened()


@pytest.fixture(scope="module")
def emptied() -> Callable[[], AbstractContextManager[Catalogue]]:
    """Gives an empty catalogue, again and again: for tests that need one for each of many examples."""

    @contextmanager
    def new() -> Iterator[Catalogue]:
        with TemporaryDirectory() as folder, closing(Catalogue.open(f"sqlite:///{folder}/catalogue.db")) as catalogue:
            yield catalogue

    return new


@pytest.fixture
def archive(tmp_path: Path) -> Root:
    return open_folder_store(tmp_path / "store").archive


@pytest.fixture
def holding(catalogue: Catalogue) -> Holding:
    """Applies events, each call one segment: ``journal/0``, ``journal/1``, ..."""
    number = iter(range(1_000))

    def hold(*events: Event) -> Catalogue:
        apply(catalogue, Segment(f"journal/{next(number)}", events))
        return catalogue

    return hold


# -- a rebuild


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder of the journal is folded by itself."""
    monkeypatch.setattr(rebuilding, "AT_ONCE", 1)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Two other processes help, however little there is to do. Lists whether each question was answered."""
    answered: list[bool] = []
    asked = workers._Helper.asked

    def noted(helper: workers._Helper, question: workers.Question) -> object:
        answer = asked(helper, question)
        answered.append(answer is not None)
        return answer

    monkeypatch.setattr(workers._Helper, "asked", noted)
    monkeypatch.setattr(rebuilding, "usable_cores", lambda: 2)
    monkeypatch.setattr(rebuilding, "WORTH_WORKERS", 0)
    return answered
