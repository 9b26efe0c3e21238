"""``python -m bench``: every kind of place, three alternating pairs each, and what came of it."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import psutil

from bench import places
from bench.results import Rounds, document, written
from bench.table import told
from noojee_ingest import simulator

CHECKOUT = Path(__file__).parents[1]
KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
NOW = datetime.fromisoformat("2026-03-11T03:30:00+11:00")
DAY = date(2026, 3, 10)
LEGS_OF_A_CALL = 2.7
SIZE = 200_000  # bytes of a recording
AUDIO = "retrieveByCallRecordId"
KINDS = {f"{kind.store}+{kind.catalogue}": kind for kind in places.KINDS}
SERVERS = ("weed", "postgres")
DEFAULT = ("folder+sqlite", "s3+postgresql")

SETTINGS = """
data = "{folder}/data"

[archive]
workers = {threads}

[sites.bench]
zone = "Australia/Melbourne"
url = "{url}"
by_hour_interval_seconds = 0.001
concurrent_requests = {requests}

[[sites.bench.without_recording]]
explanation = "nobody answered"
dispositions = ["No Answer"]

[[sites.bench.without_recording]]
explanation = "an answering machine"
dispositions = ["Answering Machine"]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--legs", type=int, default=10_000, help="about so many (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=3, help="of each kind (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=8, help="recordings at once (default: %(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=DEFAULT, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where the stores are made; else the system's place for such")
    parser.add_argument("--results", type=Path, default=CHECKOUT / "bench" / "results.json", help="the file to write")
    wanted = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="noojee-bench-", dir=wanted.folder) as folder, phone_system(wanted.legs) as phone:
        bench = Bench(Path(folder), phone, wanted.threads)
        alone = bench.loop({}, {})
        kinds = [bench.rounds(KINDS[word], wanted.pairs) for word in dict.fromkeys(wanted.kinds)]
    text = written(document(wanted.threads, alone, kinds))
    wanted.results.write_text(text)
    print(told(json.loads(text)))
    return 0


@contextmanager
def phone_system(legs: int) -> Iterator[simulator.RunningSimulator]:
    """A night of sound recordings of ``SIZE`` bytes, no two the same, made as they are sent."""
    calls = max(1, round(legs / LEGS_OF_A_CALL))
    scenario = simulator.Scenario.clean(now=NOW, days=1, calls_a_day=calls, leg_bytes=SIZE, by_hour_interval=0.0)
    with simulator.start(scenario, KEY) as running:
        running.add_rule(simulator.Rule(endpoint=AUDIO, answer=simulator.Answer(audio_bytes=SIZE)))
        yield running


class Bench:
    """Runs the two programs, each in a process of its own, beside one phone system."""

    def __init__(self, folder: Path, phone: simulator.RunningSimulator, threads: int) -> None:
        self._folder = folder
        self._phone = phone
        self._threads = threads
        legs = phone.truth().ended(DAY)
        self._recordings = [(f"{leg.call_record_id}-{leg.leg}.wav", address(phone, leg)) for leg in legs]

    def rounds(self, kind: places.Kind, count: int) -> Rounds:
        """``count`` alternating pairs, each run in a new place of this kind; what they keep on disk goes at the end."""
        done = Rounds(kind.name)
        with TemporaryDirectory(dir=self._folder) as folder:
            for _ in range(count):
                with places.new(kind, Path(folder)) as place:
                    done.nights.append(self._told(f"{kind.name}: pipeline", self._night(place)))
                with places.new(kind, Path(folder)) as place:
                    done.loops.append(self._told(f"{kind.name}: loop", self.loop(place.loop, place.environ)))
                if kind.store != "folder":
                    continue
                with places.new(kind, Path(folder)) as place:
                    figures = self.loop({**place.loop, "fsync": True}, place.environ)
                    done.loops_with_fsync.append(self._told(f"{kind.name}: loop with fsync", figures))
        return done

    def _told(self, what: str, figures: dict[str, Any]) -> dict[str, Any]:
        print(f"{what}: {figures['legs_a_second']:.0f} legs/s", file=sys.stderr, flush=True)
        return figures

    def loop(self, place: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
        wanted = {**place, "threads": self._threads, "recordings": self._recordings}
        return self._measured(["bench.loop"], environ, json.dumps(wanted))

    def _night(self, place: places.Place) -> dict[str, Any]:
        config = place.folder / "config.toml"
        general = SETTINGS.format(
            folder=place.folder, url=self._phone.url, threads=self._threads, requests=self._threads + 2
        )
        config.write_text(general + place.settings)
        self._phone.set_clock(NOW)
        key = {"NOOJEE_INGEST_SITES__BENCH__API_KEY": KEY}
        figures = self._measured(["bench.night", str(config), NOW.isoformat()], {**place.environ, **key}, "")
        if figures["exit_code"] or figures["legs"] < len(self._recordings):  # one may end on the day after
            raise RuntimeError(f"the night archived {figures['legs']} of {len(self._recordings)} legs")
        with closing(sqlite3.connect(place.folder / "data" / "prefect" / "prefect.db")) as database:
            (figures["task_runs"],) = database.execute("SELECT count(*) FROM task_run").fetchone()
        return figures

    def _measured(self, module: list[str], environ: dict[str, str], told: str) -> dict[str, Any]:
        """What the process tells of itself, and what others spent meanwhile."""
        self._phone.reset_counters()
        others = {"simulator": psutil.Process(self._phone.pid)}
        others.update({child.name(): child for child in psutil.Process().children() if child.name() in SERVERS})
        before = {name: _cpu(process) for name, process in others.items()}
        done = subprocess.run(  # noqa: S603 (our own programs)
            [sys.executable, "-m", *module],
            cwd=CHECKOUT,
            env={**os.environ, **environ, "AWS_EC2_METADATA_DISABLED": "true"},
            input=told,
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        figures: dict[str, Any] = json.loads(done.stdout)
        figures["cpu_seconds_of_others"] = {name: _cpu(process) - before[name] for name, process in others.items()}
        figures["requests"] = self._phone.counters().requests.total()
        figures["load_average"] = os.getloadavg()[0]
        figures["legs_a_second"] = figures["legs"] / figures["seconds"]
        return figures


def address(phone: simulator.RunningSimulator, leg: simulator.TrueLeg) -> str:
    """Where the audio of a leg is."""
    query = urlencode({"apiKey": KEY, "callRecordId": leg.call_record_id, "leg": leg.leg})
    return f"{phone.url}/njadmin/rest/RecordingAPI/{AUDIO}?{query}"


def _cpu(process: psutil.Process) -> float:
    """Seconds that a process and its children spent so far, those that ended among them."""
    times = process.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return float(own + sum(_cpu(child) for child in process.children()))


if __name__ == "__main__":
    sys.exit(main())
