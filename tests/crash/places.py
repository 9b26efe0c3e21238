"""Where the archives of a crash test are: each new and empty, and looked into with no code of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.runs import living_runs, open_segments
from noojee_ingest.settings import Settings, load
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from noojee_ingest.storage.s3 import open_s3_root
from tests.crash.kill_points import FOLDER, S3
from tests.functional.catalogue.recount import contents
from tests.integration import postgres_server, s3_server

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
SITE, ZONE = "here", "Australia/Melbourne"
AUDIO, JOURNAL = f"archive/audio/site={SITE}/", f"archive/journal/site={SITE}/"
HELD_AUDIO = f"evidence/quarantined/site={SITE}/"
HELD_TAGS = tuple(f"{kind}{number}" for kind in ("INV-", "ORD ") for number in range(1, 2000))
"""Audio of these goes to evidence first."""

CONFIG = f"""
data = "{{folder}}/data"

[nightly]
lateness_hours = 12
lookback_days = 30

[archive]
batch = 10

[sites.{SITE}]
zone = "{ZONE}"
url = "{{url}}"
by_hour_interval_seconds = 0.001

[[sites.{SITE}.without_recording]]
explanation = "nobody there"
dispositions = ["No Answer", "Answering Machine"]

[[sites.{SITE}.evidence_first]]
explanation = "card numbers may be spoken"
tags = {list(HELD_TAGS)}
"""

BUCKET = "recordings"
IN_S3 = """
[store]
kind = "s3"
endpoint = "{endpoint}"
bucket = "{bucket}"
path_style = true
roots = {{ archive = {{ prefix = "{prefix}/archive" }}, evidence = {{ prefix = "{prefix}/evidence" }}, """
IN_S3 += """lake = {{ prefix = "{prefix}/lake" }}, scratch = {{ prefix = "{prefix}/scratch" }} }}

[catalogue]
url = "{database}"
"""


@dataclass
class Place:
    """One archive. ``objects`` lists what is below a prefix: key and a way to read its bytes."""

    kind: str
    folder: Path
    config: Path
    environ: dict[str, str]
    settings: Settings
    objects: Callable[[str], dict[str, Callable[[], bytes]]] = field(repr=False)
    _again: str = ""

    def audio_keys(self) -> list[str]:
        return sorted((*self.objects(AUDIO), *self.objects(HELD_AUDIO)))

    def temporary_files(self) -> set[str]:
        """What is being written now, or was when its writer died."""
        store = self.folder / "data" / "store"
        return {str(path.relative_to(store)) for path in store.glob("*/.tmp/*") if path.name != "lock"}

    def left_over(self) -> list[str]:
        """What runs that are over should not have left: files, announced segments, leases, runs that seem to go on."""
        found = [f"spool file {path.name}" for path in self.settings.spool.path.glob("*")]
        found += [f"temporary file {name}" for name in sorted(self.temporary_files())]
        with closing(Catalogue.open(self.settings.catalogue.url)) as catalogue:
            found += [f"announced segment {row['key']}" for row in open_segments(catalogue)]
            found += [f"run of process {row['pid']}" for row in living_runs(catalogue, SITE)]
        with closing(open_budget(self.settings.catalogue.url)) as budget:
            found += [f"lease of {holder}" for holder in budget.holders(SITE)]
        return found

    def index_differences(self) -> list[str]:
        """The tables in which the catalogue and one made anew from the store are not the same."""
        rebuild(self._archive(), self._again)
        with closing(Catalogue.open(self.settings.catalogue.url)) as here, closing(Catalogue.open(self._again)) as anew:
            mine, other = contents(here), contents(anew)
        return [name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name)]

    def _archive(self) -> Root:
        if self.kind == FOLDER:
            return open_folder_store(self.folder / "data" / "store", reading=True).archive
        return open_s3_root(self.settings.store.options(connections=4), "archive")  # type: ignore[union-attr, arg-type]


@dataclass(frozen=True)
class Open:
    """Makes new places for the phone system at an address; ``environ`` opens the store to this process too."""

    kind: str
    new: Callable[[str], Place]
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, url: str) -> Place:
        return self.new(url)


def _written(folder: Path, text: str, environ: dict[str, str]) -> tuple[Path, Settings]:
    config = folder / "config.toml"
    config.write_text(text)
    return config, load(config, environ)


@contextmanager
def folders(below: Path) -> Iterator[Open]:
    """Places in folders with SQLite, below a folder."""
    numbers = count()

    def new(url: str) -> Place:
        folder = below / f"folder-{next(numbers)}"
        folder.mkdir()
        environ = {f"NOOJEE_INGEST_SITES__{SITE.upper()}__API_KEY": KEY}
        config, settings = _written(folder, CONFIG.format(folder=folder, url=url), environ)
        store = folder / "data" / "store"

        def objects(prefix: str) -> dict[str, Callable[[], bytes]]:
            paths = (path for path in (store / prefix).rglob("*") if path.is_file() and ".tmp" not in path.parts)
            return {str(path.relative_to(store)): path.read_bytes for path in paths if path.suffix != ".json"}

        return Place(FOLDER, folder, config, environ, settings, objects, f"sqlite:///{folder}/again.db")

    yield Open(FOLDER, new)


@contextmanager
def buckets(below: Path) -> Iterator[Open]:
    """Places in a real S3 server with a real PostgreSQL, which end with the block."""
    numbers = count()
    with ExitStack() as stack:
        (below / "s3").mkdir()
        stack.callback(shutil.rmtree, below / "s3", ignore_errors=True)
        server = stack.enter_context(s3_server.running(below / "s3"))
        server.owner.create_bucket(Bucket=BUCKET)
        database = stack.enter_context(postgres_server.running())
        credentials = {
            "AWS_ACCESS_KEY_ID": s3_server.OWNER.access,
            "AWS_SECRET_ACCESS_KEY": s3_server.OWNER.secret,
            "AWS_CONFIG_FILE": str(below / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(below / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

        def new(url: str) -> Place:
            number = next(numbers)
            folder = below / f"buckets-{number}"
            folder.mkdir()
            names = f"crash_{number}", f"crash_{number}_again"
            with database.connect() as connection:
                for name in names:
                    connection.execute(f"CREATE DATABASE {name}")
            environ = {f"NOOJEE_INGEST_SITES__{SITE.upper()}__API_KEY": KEY, **credentials}
            here = IN_S3.format(
                endpoint=server.endpoint, bucket=BUCKET, prefix=str(number), database=database.url(names[0])
            )
            config, settings = _written(folder, CONFIG.format(folder=folder, url=url) + here, environ)

            def objects(prefix: str) -> dict[str, Callable[[], bytes]]:
                pages = server.owner.get_paginator("list_objects_v2").paginate(
                    Bucket=BUCKET, Prefix=f"{number}/{prefix}"
                )
                keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
                return {key.removeprefix(f"{number}/"): _reading(server.owner, key) for key in keys}

            return Place(S3, folder, config, environ, settings, objects, database.url(names[1]))

        yield Open(S3, new, credentials)


def _reading(client: Any, key: str) -> Callable[[], bytes]:
    def read() -> bytes:
        data: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    return read


KINDS = {FOLDER: folders, S3: buckets}
