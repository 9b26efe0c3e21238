"""Kills of ``noojee-ingest nightly`` as it is: with its flow, in its own process group, beside Prefect's server."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil

from tests.crash.campaign import Archive, Crashed
from tests.crash.runs import ROOT, Ended

LABEL = "the flow, at any time"
AT_MOST = 300.0  # seconds for a flow
MARK = "RUN_OF_THE_CRASH_TEST"

PROGRAM = """
import sys
from datetime import datetime
from noojee_ingest import model
from noojee_ingest.cli import main
from noojee_ingest.pipeline import budget
from noojee_ingest.pipeline.phone import clock_from

model.now_utc = clock_from(datetime.fromisoformat(sys.argv.pop(1)))
budget.MARGIN_SECONDS = 0.0
main()
"""
COMPLETE = (0, 3)  # 3: what is no audio is a gap


class Flows:
    """Flows of one archive; all that they start carries a mark, so that nothing is left unseen."""

    def __init__(self, archive: Archive, prefect: Path) -> None:
        self._archive, self._prefect = archive, prefect
        self._mark = uuid4().hex

    def begin(self) -> subprocess.Popen[bytes]:
        order = self._archive.order()
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOOJEE_"))}
        with self._archive.runs.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(order["now"]), "nightly", "--config", str(order["config"])],
                cwd=self._archive.place.folder,
                env={
                    **kept,
                    **self._archive.place.environ,
                    "NOOJEE_INGEST_PREFECT__HOME": str(self._prefect),
                    "PYTHONPATH": str(ROOT),
                    MARK: self._mark,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> float:
        """A flow that nobody kills; its seconds. Raises Crashed."""
        began = time.monotonic()
        flow = self.begin()
        try:
            code = flow.wait(AT_MOST)
        except subprocess.TimeoutExpired:
            os.killpg(flow.pid, signal.SIGKILL)
            flow.wait()
            raise Crashed(f"a flow did not end within {AT_MOST:.0f} s") from None
        if code not in COMPLETE:
            raise Crashed(f"a flow that nobody killed ended with {code}")
        return time.monotonic() - began

    def run_killed(self, seconds: float) -> Ended:
        """A flow whose group is killed after so many seconds, unless it is over by then."""
        flow = self.begin()
        with suppress(subprocess.TimeoutExpired):
            flow.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(flow.pid, signal.SIGKILL)
        code = flow.wait()
        return Ended(0 if code in COMPLETE else code, {}, seconds)

    def living(self) -> list[psutil.Process]:
        """The processes of these flows, Prefect's servers among them, whatever their group."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self._mark:
                    found.append(process)
        return found

    def close(self) -> None:
        for process in self.living():
            with suppress(psutil.Error):
                process.kill()


def kill_flows(archive: Archive, prefect: Path, chance: random.Random, kills: int) -> None:
    """A night for each kill: the flow is killed, and a second flow is what follows."""
    flows = Flows(archive, prefect)
    kind, row = archive.place.kind, archive.tally.row(archive.place.kind, LABEL)
    try:
        archive.begin_night(LABEL)
        seconds = flows.run()  # the first makes Prefect's database
        for _ in range(kills):
            archive.begin_night(LABEL)
            if not archive.killed(flows.run_killed(chance.uniform(0.1, 0.9) * seconds), LABEL):
                archive.tally.missed[kind, LABEL] += 1
            seconds = flows.run()
            row.reruns += 1
            archive.account(LABEL)
            left = [*archive.place.left_over(), *(f"process {' '.join(one.cmdline())}" for one in flows.living())]
            for told in left:
                archive.tally.wrong(kind, LABEL, "left", told)
    finally:
        flows.close()
