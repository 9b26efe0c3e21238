"""``python -m bench.rebuild``: how fast a catalogue is made anew from a folder store's journal, with all indexes.

A journal of nights of 2,000 legs each: a list's answer for every leg, a call record for every other one, and the audio
of all. The rebuild runs as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import peak_bytes
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Event
from noojee_ingest.storage.folder import open_folder_store
from tests.unit.journal.story import SITE, call_seen, leg_seen, stored

CHECKOUT = Path(__file__).parents[1]
LEGS_A_NIGHT = 2_000
FIRST = datetime(2026, 1, 1, 1, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rebuild", description=__doc__)
    parser.add_argument("--legs", type=int, nargs="+", default=[20_000, 100_000], help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="the median counts (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the stores are made; else the system's place for such")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.run:
        print(json.dumps(measured(*map(Path, wanted.run))))
        return 0
    for legs in wanted.legs:
        with TemporaryDirectory(prefix="noojee-bench-", dir=wanted.folder) as folder:
            write_journal(Path(folder), legs)
            print(told(legs, [_apart(Path(folder)) for _ in range(wanted.runs)]), flush=True)
    return 0


def write_journal(folder: Path, legs: int) -> None:
    chance = random.Random(legs)  # noqa: S311 (nothing secret)
    archive = open_folder_store(folder / "store").archive
    for first in range(0, legs, LEGS_A_NIGHT):
        start = FIRST + timedelta(days=first // LEGS_A_NIGHT)
        events = list(night(chance, range(first, min(first + LEGS_A_NIGHT, legs)), start))
        for one in segment.segments(SITE, events, start):
            segment.put(archive, one)


def night(chance: random.Random, numbers: range, start: datetime) -> Iterator[Event]:
    """Two legs to a call; numbers, names and words as many as a site has."""
    words = [f"w{chance.randrange(10**6):x}" for _ in range(500)]
    for number in numbers:
        began = start + timedelta(seconds=30.0 * (number - numbers.start))
        yield leg_seen(
            number,
            day=start.date(),
            start=began,
            end=began + timedelta(seconds=60),
            duration=float(chance.randrange(5, 900)),
            source=str(chance.randrange(200, 260)),
            destination=f"04{chance.randrange(10**8):08}",
            did=f"03955501{chance.randrange(100):02}",
            direction=chance.choice(["Inbound", "Outbound"]),
            tag=chance.choice(words),
            username=f"user{chance.randrange(60)}",
        )
    for number in numbers[::2]:
        yield call_seen(
            number // 2,
            day=start.date(),
            called=start + timedelta(seconds=30.0 * (number - numbers.start)),
            dialled_number=f"04{chance.randrange(10**8):08}",
            campaign=f"Campaign {chance.randrange(8)}",
            allocation=f"Allocation {chance.randrange(20)}",
            disposition=chance.choice(["Sale", "No", "Busy"]),
            fields={"Name": chance.choice(words), "Notes": " ".join(chance.choices(words, k=6))},
        )
    for number in numbers:
        yield stored(number, f"audio {number}", day=start.date())


def _apart(folder: Path) -> dict[str, float]:
    catalogue = folder / "catalogue.db"
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "bench.rebuild", "--run", str(folder / "store"), str(catalogue)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        check=True,
    )
    catalogue.unlink()
    os.sync()
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measured(store: Path, catalogue: Path) -> dict[str, Any]:
    archive = open_folder_store(store).archive
    before, began = _cpu(), time.perf_counter()
    rebuild(archive, f"sqlite:///{catalogue}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": _cpu() - before,
        "peak_bytes": peak_bytes(),
        "peak_bytes_of_a_helper": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "catalogue_bytes": catalogue.stat().st_size,
    }


def _cpu() -> float:
    """Seconds of this process and of those that it started and that ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(spent.ru_utime + spent.ru_stime for spent in both)


def told(legs: int, runs: Sequence[dict[str, float]]) -> str:
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    mib = 1024 * 1024
    return (
        f"rebuild of {legs:,} legs: {legs / middle['seconds']:,.0f} legs a second "
        f"(of {len(runs)} runs: {', '.join(format(legs / run['seconds'], ',.0f') for run in runs)}), "
        f"{legs / middle['cpu_seconds']:,.0f} a second of CPU; peak memory {middle['peak_bytes'] / mib:.0f} MiB, "
        f"of each helper {middle['peak_bytes_of_a_helper'] / mib:.0f} MiB; "
        f"catalogue {middle['catalogue_bytes'] / mib:,.0f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
