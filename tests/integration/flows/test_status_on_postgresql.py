"""Status on a catalogue that several machines share: a night counts wherever it ran."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run, end_run
from noojee_ingest.pipeline.status import status
from noojee_ingest.settings import Settings, load
from tests.integration.postgres_server import PostgresServer

CONFIG = """
[sites.here]
zone = "Australia/Perth"
url = "http://127.0.0.1:9"
by_hour = false
"""

_numbers = count()


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """A new one."""
    name = f"shared_{next(_numbers)}"
    with postgres_server.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def shared(postgres_server: PostgresServer, database: str, tmp_path: Path) -> Iterator[tuple[Catalogue, Settings]]:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    url = postgres_server.url(database)
    settings = load(
        config, {"NOOJEE_INGEST_CATALOGUE__URL": url, "NOOJEE_INGEST_SITES__HERE__API_KEY": "5b0f2c1e-7a11-11ec"}
    )
    with closing(Catalogue.open(url)) as catalogue:
        yield catalogue, settings


def elsewhere(server: PostgresServer, database: str) -> None:
    """All runs were those of another machine, whose processes nobody here can see."""
    with server.connect(database) as connection:
        connection.execute("UPDATE noojee_ingest.run SET host = 'elsewhere', pid = 1, started = 1.0")


@pytest.mark.parametrize(("days", "alarm"), [(0, ""), (2, "2 days wait")], ids=["today", "the day before yesterday"])
def test_a_night_of_another_machine_counts(
    shared: tuple[Catalogue, Settings], postgres_server: PostgresServer, database: str, days: int, alarm: str
) -> None:
    catalogue, settings = shared
    began = datetime.now(UTC) - timedelta(days=days)
    run_id = begin_run(catalogue, site="here", flow="nightly", began=began)
    end_run(catalogue, run_id, ended=began, exit_code=0, summary="complete")
    elsewhere(postgres_server, database)
    told = status(catalogue, settings, "here")
    assert told.alarm.endswith(alarm)
    assert (told.exit_code, bool(told.alarm)) == ((3, True) if alarm else (0, False))


def test_a_night_that_died_on_another_machine_is_told(
    shared: tuple[Catalogue, Settings], postgres_server: PostgresServer, database: str
) -> None:
    catalogue, settings = shared
    begin_run(catalogue, site="here", flow="nightly", began=datetime.now(UTC))
    elsewhere(postgres_server, database)
    told = status(catalogue, settings, "here")
    assert told.exit_code == 3
    assert told.alarm.startswith("no night has come to its end yet: the latest, of ")
    assert told.alarm.endswith(", died")
