"""The bare loop: fetch, write, forget. It checks nothing, notes nothing, and would not know what it had lost.

A process of its own: standard input tells what to do, standard output what it took, both in JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from bench.figures import Instant, peak_bytes

Keep = Callable[[str, bytes], object]


def into_folder(path: Path, *, fsync: bool) -> Keep:
    path.mkdir(parents=True)

    def keep(name: str, content: bytes) -> None:
        with (path / name).open("wb") as file:
            file.write(content)
            if fsync:
                file.flush()
                os.fsync(file.fileno())

    return keep


def into_bucket(endpoint: str, bucket: str, threads: int) -> Keep:
    config = Config(s3={"addressing_style": "path"}, max_pool_connections=threads)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    return lambda name, content: client.put_object(Bucket=bucket, Key=name, Body=content)


def keeper(told: dict[str, Any]) -> Keep:
    if "folder" in told:
        return into_folder(Path(told["folder"]), fsync=told["fsync"])
    if "bucket" in told:
        return into_bucket(told["endpoint"], told["bucket"], told["threads"])
    return lambda _name, _content: None


def main() -> None:
    told = json.load(sys.stdin)
    keep, own = keeper(told), threading.local()

    def copy(recording: tuple[str, str]) -> int:
        name, url = recording
        if not hasattr(own, "session"):
            own.session = requests.Session()
        content: bytes = own.session.get(url).content
        keep(name, content)
        return len(content)

    with ThreadPoolExecutor(told["threads"]) as workers:
        began = Instant.now()
        sizes = list(workers.map(copy, told["recordings"]))
        ended = Instant.now()
    print(
        json.dumps(
            {
                "legs": len(sizes),
                "bytes": sum(sizes),
                "seconds": ended.wall - began.wall,
                "cpu_seconds": ended.cpu - began.cpu,
                "peak_bytes": peak_bytes(),
            }
        )
    )


if __name__ == "__main__":
    main()
