"""One small simulated night, archived by the program itself, for all tests of the documents."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from noojee_ingest.cli.program import app

SETTINGS = """
data = "data"

[nightly]
lateness_hours = 12

[sites.demo]
zone = "Australia/Melbourne"
by_hour_interval_seconds = 0.01

[[sites.demo.without_recording]]
explanation = "nobody answered"
dispositions = ["No Answer"]

[sites.demo.simulator]
seed = 7
now = 2026-03-11T03:30:00+11:00
days = 1
calls_a_day = 30
"""


@dataclass(frozen=True)
class Night:
    """An archive with one night: a folder with settings and ``data``, and the program to work in it.

    ``said`` is what ``nightly --json`` said of the night.
    """

    folder: Path
    said: Any = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> Path:
        return self.data / "store"

    def flow(self, verb: str, *, code: int) -> Any:
        """What a verb that runs a flow prints as JSON, in a process of its own; it must end with ``code``."""
        environ = {name: text for name, text in os.environ.items() if not name.startswith(("NOOJEE_", "PYTHONWARN"))}
        done = subprocess.run(
            [sys.executable, "-c", "from noojee_ingest.cli import main; main()", verb, "--json"],
            cwd=self.folder,
            env={**environ, "NOOJEE_INGEST_CONFIG": "settings.toml"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a verb that reads the archive prints as JSON; it must end with ``code``."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(app, [*arguments, "--json", "--config", "settings.toml"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night of some 75 legs, with legs in every state that one night can give. Only to be read."""
    archive = Night(tmp_path_factory.mktemp("night"))
    (archive.folder / "settings.toml").write_text(SETTINGS)
    return replace(archive, said=archive.flow("nightly", code=3))


CHECKS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: type(value) is str,
    "whole number": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "true or false": lambda value: type(value) is bool,
    "instant": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value) is not None,
    "day": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None,
    "texts": lambda value: type(value) is list and all(type(item) is str for item in value),
    "object": lambda value: type(value) is dict,
    "object of whole numbers": lambda value: type(value) is dict and all(type(item) is int for item in value.values()),
    "object of texts": lambda value: type(value) is dict and all(type(item) is str for item in value.values()),
}


@pytest.fixture(scope="session")
def decided(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A copy of that night about which people decided. ``said`` has what each verb said as JSON. Only to be read."""
    archive = replace(
        night, folder=shutil.copytree(night.folder, tmp_path_factory.mktemp("decided") / "night"), said={}
    )
    why = ("--reason", "as people do", "--by", "Kim Doe", "--yes")
    first, second = (leg["leg_id"] for leg in archive.json("search", "--state", "archived", "--limit", "2")["legs"])
    failing = archive.json("search", "--state", "missing", "--limit", "1")["legs"][0]["call_record_id"]
    archive.said["retry"] = archive.json("retry", "--state", "rejected", *why)
    archive.said["look"] = archive.json("retry", "--state", "missing", "--dry-run")
    archive.said["excuse"] = archive.json("excuse", "--id", failing, *why)
    archive.said["quarantine"] = archive.json("quarantine", "--id", first, "--id", second, *why)
    archive.said["release"] = archive.json("release", "--id", second, *why)
    archive.said["calls"] = archive.json("excuse", "--calls", "--day", "2026-03-10", *why)
    return archive


@pytest.fixture(scope="session")
def is_of() -> Callable[[Any, str], bool]:
    """Whether a value is of a type as the documents call it, ``... or null`` included."""

    def check(value: Any, told: str) -> bool:
        return told.endswith(" or null") if value is None else CHECKS[told.removesuffix(" or null")](value)

    return check
