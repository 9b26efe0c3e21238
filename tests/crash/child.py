"""Runs of the pipeline in processes of their own: forked from one that has imported all, so that each begins at once.

``python -m tests.crash.child`` reads orders from standard input and answers each with a line, both JSON. It ends, and
with it every run, when that input is closed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import traceback
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3  # noqa: F401  # imported so that no run has to
import psycopg  # noqa: F401

import noojee_ingest.lake.publish
import noojee_ingest.storage.s3  # noqa: F401
from noojee_ingest import model
from noojee_ingest.noojee import Noojee, Patience
from noojee_ingest.pipeline import budget, phone
from noojee_ingest.pipeline.night import NIGHTLY, run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load
from tests.crash import kill_points, mutants
from tests.crash.kill_points import BY_NAME

PR_SET_PDEATHSIG = 1


def night(order: dict[str, Any]) -> dict[str, Any]:
    """An ordinary night, or one that an order of it spoils."""
    model.now_utc = clock_from(datetime.fromisoformat(order["now"]))
    budget.MARGIN_SECONDS = 0.0
    phone.Noojee = partial(Noojee, patience=Patience(first=0.01, total=5.0))  # type: ignore[misc]
    if mutant := order["mutant"]:
        mutants.MUTANTS[mutant]()
    counted = kill_points.count(kill_points.at(order["place"])) if order.get("count") else {}
    if point := order.get("point"):
        act = kill_points.hold_still if order.get("hold") else kill_points.die
        kill_points.install(BY_NAME[point], order["nth"], act)
    day = date.fromisoformat(order["day"]) if order.get("day") else None
    actor = NIGHTLY if day is None else f"{NIGHTLY} --day"
    with open_work(load(Path(order["config"])), "here", actor=actor, stop=threading.Event()) as work:
        report = run_night(work, day=day)
    return {
        "exit_code": report.exit_code,
        "problems": report.problems,
        "adopted": report.recovery.adopted,
        "applied": report.recovery.applied,
        "passed": counted,
    }


def begin(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for stream, path, how in (
            (0, os.devnull, os.O_RDONLY),
            (1, os.devnull, os.O_WRONLY),
            (2, order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        ):
            os.dup2(os.open(path, how, 0o640), stream)
        os.environ.update(order["environ"])
        told = night(order)
        draft = Path(order["told"] + ".new")
        draft.write_text(json.dumps(told))
        draft.replace(order["told"])
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    assert threading.active_count() == 1, "a fork would copy one thread only"
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "begin":
            answer = begin(order)
        else:
            _, status = os.waitpid(order["pid"], 0)
            answer = os.waitstatus_to_exitcode(status)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
