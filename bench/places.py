"""Where the recordings go: a new, empty place for every run, so that no run finds what another left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from tests.integration import postgres_server, s3_server

BUCKET = "recordings"


@dataclass(frozen=True)
class Kind:
    """A store and a catalogue, by the words of the settings."""

    store: str  # "folder" or "s3"
    catalogue: str  # "sqlite" or "postgresql"

    @property
    def name(self) -> str:
        store = {"folder": "folder", "s3": "S3"}[self.store]
        return f"{store}, {'SQLite' if self.catalogue == 'sqlite' else 'PostgreSQL'}"


KINDS = (Kind("folder", "sqlite"), Kind("s3", "sqlite"), Kind("s3", "postgresql"))


@dataclass(frozen=True)
class Place:
    """``settings``: sections of a settings file; ``loop``: the same store as the bare loop is told of it."""

    folder: Path
    settings: str
    loop: dict[str, Any]
    environ: dict[str, str]


@contextmanager
def new(kind: Kind, below: Path) -> Iterator[Place]:
    """A place of this kind in a folder ``below``.

    The files of a folder store stay there until all runs are done: ext4 searches long for a free inode while many were
    freed a minute ago, which would burden whoever comes second.
    """
    folder = Path(mkdtemp(dir=below))
    with ExitStack() as stack:
        os.sync()  # or this run would pay for what the one before wrote
        environ: dict[str, str] = {}
        settings, loop = f'[store]\npath = "{folder}/store"\n', {"folder": str(folder / "loop"), "fsync": False}
        if kind.store == "s3":
            (folder / "s3").mkdir()
            server = stack.enter_context(s3_server.running(folder / "s3"))
            server.owner.create_bucket(Bucket=BUCKET)
            settings = f'[store]\nkind = "s3"\nendpoint = "{server.endpoint}"\nbucket = "{BUCKET}"\npath_style = true\n'
            loop = {"endpoint": server.endpoint, "bucket": BUCKET}
            environ = {"AWS_ACCESS_KEY_ID": s3_server.OWNER.access, "AWS_SECRET_ACCESS_KEY": s3_server.OWNER.secret}
        if kind.catalogue == "postgresql":
            stack.enter_context(patch.dict(postgres_server.SETTINGS, fsync="on"))  # the tests do without
            database = stack.enter_context(postgres_server.running())
            settings += f'[catalogue]\nurl = "{database.url()}"\n'
        yield Place(folder, settings, loop, environ)
    if kind.store == "s3":
        shutil.rmtree(folder)
