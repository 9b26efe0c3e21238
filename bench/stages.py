"""``python -m bench.stages``: what each stage takes by itself, in one thread, undisturbed by the others.

CPU of that thread in microseconds for a recording of 200,000 bytes, or for its events; the least of several rounds.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from zoneinfo import ZoneInfo

import boto3
import requests
from botocore.config import Config

from bench import places
from bench.__main__ import DAY, KEY, KINDS, SETTINGS, SIZE, address, phone_system
from noojee_ingest.audio import check
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal.segment import Segment
from noojee_ingest.noojee import Noojee
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.settings import load
from noojee_ingest.storage.root import Root
from tests.unit.journal.story import leg_seen, stored

ROUNDS, OF_ROUND = 10, 50
BATCH = 100


def least(do: Callable[[int], object], *, each: int = 1) -> float:
    """Microseconds of CPU for one of the ``each`` things that ``do`` does at a time; it is told its turn."""
    found = math.inf
    for first in range(0, ROUNDS * OF_ROUND, OF_ROUND):
        began = time.thread_time()
        for turn in range(first, first + OF_ROUND):
            do(turn)
        found = min(found, time.thread_time() - began)
    return found / OF_ROUND / each * 1e6


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="noojee-bench-")))
        phone = stack.enter_context(phone_system(2_000))
        legs = phone.truth().ended(DAY)
        session = stack.enter_context(requests.Session())
        noojee = stack.enter_context(Noojee(phone.url, KEY, zone=ZoneInfo("Australia/Melbourne")))

        def fetch(turn: int) -> None:
            with noojee.recordings.audio_by_call_record_id(legs[turn].call_record_id, legs[turn].leg) as audio:
                for _ in audio:
                    pass

        told("fetching: the client", least(fetch))
        told("          the bare loop's session", least(lambda turn: session.get(address(phone, legs[turn])).content))
        audio = session.get(address(phone, legs[0])).content
        spool = Spool(folder / "spool", memory_bytes=2**20, disk_bytes=SIZE, largest=SIZE)

        def spooled(_: int) -> None:
            with spool.recording(SIZE, leg_id="leg") as one:
                one.write(audio)

        told("spool", least(spooled))
        told("checking", least(lambda _: check(io.BytesIO(audio), SIZE)))

        digest = hashlib.sha256(audio).hexdigest()

        def create(root: Root, turn: int) -> None:
            root.create(f"audio/{turn}.wav", io.BytesIO(audio), size=SIZE, sha256=digest, metadata={"leg-id": digest})

        for words in ("folder+sqlite", "s3+sqlite"):
            place = stack.enter_context(places.new(KINDS[words], folder))
            stack.enter_context(patch.dict(os.environ, place.environ))
            config = place.folder / "config.toml"
            config.write_text(
                SETTINGS.format(folder=place.folder, url=phone.url, threads=1, requests=3) + place.settings
            )
            archive = open_store(load(config, {})).archive
            told(
                f"storing: {KINDS[words].store}",
                least(lambda turn, to=archive: create(to, turn)),
            )
        client = boto3.client(
            "s3",
            endpoint_url=place.loop["endpoint"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        bare = least(lambda turn: client.put_object(Bucket=place.loop["bucket"], Key=f"bare/{turn}", Body=audio))
        told("          the bare loop's put_object", bare)
        with closing(Catalogue.open(f"sqlite:///{folder}/catalogue.db")) as catalogue:
            numbers = [range(turn * BATCH, (turn + 1) * BATCH) for turn in range(ROUNDS * OF_ROUND)]

            def listed(turn: int) -> None:
                apply(catalogue, Segment(f"journal/listed-{turn}", tuple(leg_seen(number) for number in numbers[turn])))

            def archived(turn: int) -> None:
                apply(catalogue, Segment(f"journal/stored-{turn}", tuple(stored(number) for number in numbers[turn])))

            told("recording: that a leg was listed, in SQLite", least(listed, each=BATCH))
            told("           that its audio is stored", least(archived, each=BATCH))


def told(stage: str, microseconds: float) -> None:
    print(f"{stage:<50} {microseconds:6.0f} µs", flush=True)


if __name__ == "__main__":
    main()
