"""A recording of 1 GiB goes in and comes out in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3_options import S3Options

CHECKOUT = Path(__file__).parents[3]
GIB = 1024**3
BOUND = 8 * 1024**2  # bytes; a piece of 256 KiB and what boto3, TLS and the allocator hold besides

CHILD = """
import hashlib, io, json, resource, sys
from pathlib import Path
from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3 import S3Root
from noojee_ingest.storage.s3_client import make_client
from noojee_ingest.storage.s3_options import Place, S3Options

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def put_and_read(archive, key, path):
    with path.open("rb") as body:
        sha256 = hashlib.file_digest(body, "sha256").hexdigest()
        body.seek(0)
        stored = archive.create(key, body, size=path.stat().st_size, sha256=sha256, metadata={})
    assert archive.head(key) == stored
    with archive.open(key) as body:  # whole, so that its checksum is verified on the way
        assert sum(map(len, iter(lambda: body.read(1024 * 1024), b""))) == stored.size

endpoint, bucket, prefix, small, large = sys.argv[1:]
options = S3Options({name: Place(bucket, f"{prefix}/{name}") for name in RootName}, endpoint=endpoint, path_style=True)
archive = S3Root(RootName.ARCHIVE, make_client(options), options)
put_and_read(archive, "small", Path(small))
before = peak()
put_and_read(archive, "large", Path(large))
print(json.dumps(peak() - before))
"""


@pytest.mark.large
def test_a_recording_of_1_gib_takes_no_more_memory_than_one_of_2_mib(
    s3_options: Callable[..., S3Options], tmp_path: Path
) -> None:
    options = s3_options("plain")
    place = options.places[RootName.ARCHIVE]
    for name, size in (("small", 2 * 1024**2), ("large", GIB)):
        with (tmp_path / name).open("wb") as file:
            file.write(os.urandom(1024**2))
            file.truncate(size)
    arguments = [options.endpoint, place.bucket, place.prefix.partition("/")[0], tmp_path / "small", tmp_path / "large"]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert json.loads(done.stdout) < BOUND
