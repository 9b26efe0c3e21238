"""The steps between the phone system and the lake at which a run is killed, as functions of the program by name.

The program has no hook for this: a child replaces the function in its own process before it begins.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FOLDER, S3 = "folder", "s3"


class When(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    HALF = "half"  # of the bytes that it is to write


@dataclass(frozen=True, slots=True)
class Point:
    """``function`` as ``module:name`` or ``module:Class.name``. ``first``: the point at which the run before is killed.

    Only what was left behind there brings a run to this one.
    """

    name: str
    function: str
    when: When
    places: tuple[str, ...] = (FOLDER, S3)
    first: str = ""


def _of(place: str, name: str, function: str, when: When) -> Point:
    return Point(name, f"noojee_ingest.{function}", when, (place,))


def _both(name: str, function: str, when: When, first: str = "") -> Point:
    return Point(name, f"noojee_ingest.{function}", when, first=first)


POINTS = (
    _both("requests are leased", "pipeline.budget:SiteBudget._lease", When.AFTER),
    _both("the run is noted", "pipeline.run:begin_run", When.AFTER),
    _of(FOLDER, "a turn is taken, in SQLite", "catalogue.budget:BudgetFile.take_turn", When.AFTER),
    _of(S3, "a turn is taken, in PostgreSQL", "catalogue.budget_on_server:BudgetOnServer.take_turn", When.AFTER),
    _both("audio is in the spool", "pipeline.archive:checked", When.BEFORE),
    _both("audio is checked", "pipeline.archive:store_audio", When.BEFORE),
    _of(FOLDER, "a temporary file is made", "storage.staging:Staging.new", When.AFTER),
    _of(FOLDER, "half of a file is written", "storage.folder:write_bytes", When.HALF),
    _of(FOLDER, "a file is flushed", "storage.staging:StagedFile.settle", When.AFTER),
    Point("a sidecar has its name, its object has not", "os:link", When.BEFORE, (FOLDER,)),
    Point("an object has its name", "os:link", When.AFTER, (FOLDER,)),
    Point("a file takes another's place", "pathlib:Path.replace", When.AFTER, (FOLDER,)),
    _of(FOLDER, "a folder is flushed", "storage.folder:_settle_folder", When.AFTER),
    _of(S3, "an object is about to be sent", "storage.s3_bucket:Bucket.put", When.BEFORE),
    _of(S3, "an object is stored", "storage.s3_bucket:Bucket.put", When.AFTER),
    _both("audio is stored", "pipeline.archive:store_audio", When.AFTER),
    _both("evidence is kept", "pipeline.archive:keep_evidence", When.AFTER),
    _both("a segment is about to be announced", "pipeline.record:open_segment", When.BEFORE),
    _both("a segment is announced", "pipeline.record:open_segment", When.AFTER),
    _both("a segment is put", "pipeline.record:put", When.AFTER),
    _both("a segment is half applied", "catalogue.apply:mark_dirty", When.BEFORE),
    _both("a segment is applied and not committed", "catalogue.apply:apply_within", When.AFTER),
    _both("a segment is applied", "pipeline.record:apply", When.AFTER),
    _both("a day is about to be reconciled", "pipeline.night:reconcile", When.BEFORE),
    _both("a day is about to be published", "lake.publish:publish_day", When.BEFORE),
    _both("a table of a day is published", "lake.publish:publish_day", When.AFTER),
    _both("a day is published and marked still", "pipeline.publish:clear_dirty", When.BEFORE),
    _both("the end is about to be noted", "pipeline.run:end_run", When.BEFORE),
    _both(
        "recovery: a segment is about to be applied",
        "pipeline.recover:apply",
        When.BEFORE,
        first="a segment is put",
    ),
    _both(
        "recovery: a segment is applied",
        "pipeline.recover:apply",
        When.AFTER,
        first="a segment is half applied",
    ),
    _both(
        "recovery: a segment that never came is about to be forgotten",
        "pipeline.recover:drop_open_segments",
        When.BEFORE,
        first="a segment is announced",
    ),
    _both(
        "recovery: objects are about to be adopted",
        "pipeline.recover:record",
        When.BEFORE,
        first="audio is stored",
    ),
    _both(
        "recovery: objects are adopted",
        "pipeline.recover:record",
        When.AFTER,
        first="audio is stored",
    ),
)
BY_NAME = {point.name: point for point in POINTS}


def at(place: str) -> list[Point]:
    """The points that a run into this kind of place passes."""
    return [point for point in POINTS if place in point.places]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hold_still() -> None:
    """Until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def install(point: Point, nth: int, act: Callable[[], None] = die) -> None:
    """From now on this process dies, or whatever ``act`` does, at the ``nth`` time that it comes to ``point``."""
    owner, name = _found(point.function)
    really, counting, passed = getattr(owner, name), threading.Lock(), [0]

    def due() -> bool:
        with counting:
            passed[0] += 1
            return passed[0] == nth

    def replaced(*words: Any, **named: Any) -> Any:
        if point.when is When.AFTER:
            result = really(*words, **named)  # what fails does not count
            if due():
                act()
            return result
        if not due():
            return really(*words, **named)
        if point.when is When.HALF:
            descriptor, data = words
            really(descriptor, data[: len(data) // 2])
            act()
            return really(descriptor, data[len(data) // 2 :])
        act()
        return really(*words, **named)

    setattr(owner, name, replaced)


def count(points: Sequence[Point]) -> Mapping[str, int]:
    """From now on this process counts how often it comes to each of these functions."""
    counted: Counter[str] = Counter()
    counting = threading.Lock()

    def wrap(function: str) -> None:
        owner, name = _found(function)
        really = getattr(owner, name)

        def replaced(*words: Any, **named: Any) -> Any:
            with counting:
                counted[function] += 1
            return really(*words, **named)

        setattr(owner, name, replaced)

    for function in dict.fromkeys(point.function for point in points):
        wrap(function)
    return counted


def _found(function: str) -> tuple[Any, str]:
    module, _, path = function.partition(":")
    *outer, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for one in outer:
        owner = getattr(owner, one)
    return owner, name
