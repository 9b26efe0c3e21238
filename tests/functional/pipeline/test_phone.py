"""The way to a site's phone system, for verbs and for the nightly alike."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.noojee import AuthenticationFailed, Interrupted, NotFound
from noojee_ingest.pipeline.budget import end_leases_of_the_dead
from noojee_ingest.pipeline.phone import open_phone, phone_system
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import Settings, Simulator, load
from noojee_ingest.simulator import Dialect

CONFIG = """
data = "{data}"

[sites.demo]
zone = "Australia/Melbourne"
authentication = "{authentication}"
by_hour_interval_seconds = 0.01

[sites.demo.simulator]
now = 2026-03-11T03:30:00+11:00
days = 1
calls_a_day = 10
dialect = "{dialect}"
"""


def settings(folder: Path, dialect: str = "proposed", authentication: str = "key") -> Settings:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(data=folder / "data", dialect=dialect, authentication=authentication))
    return load(path, {})


def test_the_settings_know_every_dialect() -> None:
    assert get_args(Simulator.model_fields["dialect"].annotation) == tuple(Dialect)


def test_a_simulated_site_speaks_the_dialect_of_its_settings(tmp_path: Path) -> None:
    with open_phone(settings(tmp_path, "no-by-hour"), "demo", stop=threading.Event()) as noojee:
        assert noojee.campaigns.templates().entries
        with pytest.raises(NotFound):
            noojee.recordings.by_hour(noojee.server_time().date(), 1)


def test_the_hash_opens_what_the_key_does_not(tmp_path: Path) -> None:
    stop = threading.Event()
    with (
        open_phone(settings(tmp_path, "hash-only"), "demo", stop=stop) as noojee,
        pytest.raises(AuthenticationFailed),
    ):
        noojee.campaigns.templates()
    with open_phone(settings(tmp_path, "hash-only", "hash"), "demo", stop=stop) as noojee:
        assert noojee.campaigns.templates().entries
    with open_work(settings(tmp_path, "hash-only", "hash"), "demo", actor="test", stop=stop, small=True) as work:
        assert work.client.campaigns.templates().entries
        assert work.client.requests_made["time"] >= 1


def test_one_request_is_leased_and_given_back(tmp_path: Path) -> None:
    told = settings(tmp_path)
    with closing(open_budget(told.catalogue.url)) as budget:
        with open_phone(told, "demo", stop=threading.Event()):
            assert len(budget.holders("demo")) == 1
            assert budget.lease("demo", "another", 8, 8, 60.0) == 7
        assert budget.holders("demo") == ["another"]


def test_who_only_listens_leases_nothing(tmp_path: Path) -> None:
    told = settings(tmp_path)
    with (
        closing(open_budget(told.catalogue.url)) as budget,
        open_phone(told, "demo", stop=threading.Event(), counted=False) as noojee,
    ):
        assert noojee.campaigns.templates().entries
        assert budget.holders("demo") == []


def test_a_stop_ends_what_waits_for_a_request(tmp_path: Path) -> None:
    told, stop = settings(tmp_path), threading.Event()
    with closing(open_budget(told.catalogue.url)) as budget:
        budget.lease("demo", "another", 8, 8, 60.0)
        with (
            open_phone(told, "demo", stop=stop, told=lambda _: stop.set()) as noojee,
            pytest.raises(Interrupted),
        ):
            noojee.campaigns.templates()


def test_without_a_catalogue_only_who_can_do_without_gets_through(tmp_path: Path) -> None:
    told, stop = settings(tmp_path), threading.Event()
    (tmp_path / "data").write_text("no folder")
    said: list[str] = []
    with pytest.raises(CatalogueError), open_phone(told, "demo", stop=stop, told=said.append):
        pass
    assert said == []
    with open_phone(told, "demo", stop=stop, needs_budget=False, told=said.append) as noojee:
        assert noojee.campaigns.templates().entries
    (sentence,) = said
    assert sentence.startswith("Going on without the site budget, which cannot be asked: ")


LEASED = """
import sys, threading
from pathlib import Path
from noojee_ingest.pipeline.phone import open_phone
from noojee_ingest.settings import load
with open_phone(load(Path(sys.argv[1]), {}), "demo", stop=threading.Event()):
    print("leased", flush=True)
    sys.stdin.readline()
"""


def test_the_lease_of_a_verb_is_not_taken_for_that_of_a_dead_process(tmp_path: Path) -> None:
    """It has no catalogue open, by which a nightly would see that it lives."""
    told = settings(tmp_path)
    with (
        closing(open_budget(told.catalogue.url)) as budget,
        closing(Catalogue.open(told.catalogue.url)) as catalogue,
        subprocess.Popen(
            [sys.executable, "-c", LEASED, str(tmp_path / "config.toml")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "leased\n"
        before = budget.holders("demo")
        end_leases_of_the_dead(budget, "demo", catalogue)
        assert budget.holders("demo") == before
        assert len(before) == 1
        process.communicate("\n", timeout=30)


def test_the_key_is_in_no_repr(tmp_path: Path) -> None:
    with phone_system(settings(tmp_path), "demo") as phone:
        assert phone.key
        assert phone.key not in repr(phone)
