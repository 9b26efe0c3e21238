"""The processes that help a rebuild may die, hang, be too many or not be had: it goes on without, and none stays."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from noojee_ingest.catalogue import cores, workers
from noojee_ingest.catalogue import rebuild as module
from noojee_ingest.catalogue.anew import folded_anew
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.workers import Objects, Workers
from noojee_ingest.journal.errors import DamagedSegment
from noojee_ingest.journal.segment import keys
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents
from tests.functional.catalogue.written import spoil, write_story

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]
Started = Callable[[], "subprocess.Popen[bytes]"]

DIALECT: Dialect = SQLiteDialect_pysqlite()
NOTHING = frozenset[str]()


def program(text: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts what is folded in this process, and checks that it is one batch at a time."""
    count: list[int] = []
    at_work = threading.Lock()

    def counted(*told: object) -> object:
        assert at_work.acquire(blocking=False)
        try:
            count.append(1)
            time.sleep(0.05)  # else two would rarely meet
            return folded_anew(*told)  # type: ignore[arg-type]
        finally:
            at_work.release()

    monkeypatch.setattr(workers, "folded_anew", counted)
    return count


@pytest.fixture
def objects(archive: Root) -> Objects:
    write_story(archive, into=1)
    return module._objects(archive, list(keys(archive))[:1])


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Fails, instead of hanging, when the block does not end."""

    def too_long(*_: object) -> None:
        pytest.fail(f"it did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# -- one rebuild


USELESS = {
    "ends at once": "",
    "ends when it is asked": "import sys; sys.stdin.buffer.read(1)",
    "answers nonsense": "import sys; sys.stdout.buffer.write(b'nonsense'); sys.stdout.flush(); sys.stdin.buffer.read()",
    "hangs": "import time; time.sleep(600)",
    "hangs in mid-answer": (
        "import sys, time; sys.stdout.buffer.write(b'\\x80\\x05\\x95\\xff'); sys.stdout.flush(); time.sleep(600)"
    ),
}


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("text", USELESS.values(), ids=USELESS)
def test_processes_that_cannot_help_are_done_without(
    *,
    monkeypatch: pytest.MonkeyPatch,
    helped: list[bool],
    here: list[int],
    address_of: AddressOf,
    opened: Opened,
    archive: Root,
    text: str,
) -> None:
    monkeypatch.setattr(workers, "_start", lambda: program(text))
    monkeypatch.setattr(workers, "ANSWER_SECONDS", 1.0)
    for one in write_story(archive):
        apply(opened("night-by-night"), one)
    with ends_within(60):
        rebuild(archive, **address_of("rebuilt"))
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))
    assert helped == [False, False]  # each was asked once and no more
    assert len(here) > 2


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("start", [0, 1])
def test_processes_that_cannot_be_started_are_done_without(
    *,
    monkeypatch: pytest.MonkeyPatch,
    helped: list[bool],
    here: list[int],
    address_of: AddressOf,
    opened: Opened,
    archive: Root,
    start: int,
) -> None:
    real, left = workers._start, iter(range(start))

    def few() -> subprocess.Popen[bytes]:
        if next(left, None) is None:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()

    monkeypatch.setattr(workers, "_start", few)
    for one in write_story(archive):
        apply(opened("night-by-night"), one)
    rebuild(archive, **address_of("rebuilt"))
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))
    assert (len(helped) > 0, len(here) > 0) == (start == 1, start == 0)


@pytest.mark.usefixtures("apart", "helped")
def test_a_damaged_segment_is_named_and_no_process_stays(
    tmp_path: Path, address: dict[str, str], archive: Root
) -> None:
    write_story(archive)
    key = spoil(archive, tmp_path)
    before = set(psutil.Process().children())
    with pytest.raises(DamagedSegment, match=key):
        rebuild(archive, **address)
    assert set(psutil.Process().children()) == before


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_what_collects_garbage_is_as_it_was_before(
    *, tmp_path: Path, address: dict[str, str], archive: Root, before: bool, sound: bool
) -> None:
    write_story(archive)
    if not sound:
        spoil(archive, tmp_path)
    (gc.enable if before else gc.disable)()
    try:
        if sound:
            rebuild(archive, **address)
        else:
            with pytest.raises(DamagedSegment):
                rebuild(archive, **address)
        assert gc.isenabled() is before
    finally:
        gc.enable()


KILLED = """
import os, signal, sys
from pathlib import Path
import psutil
from noojee_ingest.catalogue import rebuild
from noojee_ingest.storage.folder import open_folder_store
rebuild.AT_ONCE, rebuild.WORTH_WORKERS = 1, 0
root = open_folder_store(Path(sys.argv[1]) / "store").archive
def die(_):
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
rebuild.rebuild(root, sys.argv[2], schema=sys.argv[3], progress=die)
"""


def test_the_processes_of_a_rebuild_that_is_killed_end(tmp_path: Path, address: dict[str, str], archive: Root) -> None:
    write_story(archive)
    command = [sys.executable, "-c", KILLED, str(tmp_path), *address.values()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    processes = [int(pid) for pid in done.stdout.split()]
    assert len(processes) > 0
    for _ in range(600):
        if not any(psutil.pid_exists(pid) for pid in processes):
            return
        time.sleep(0.1)
    pytest.fail("they live")


# -- the processes themselves


def test_one_of_two_that_dies_is_asked_no_more_and_the_other_does_the_rest(
    objects: Objects, here: list[int], helped: list[bool]
) -> None:
    with Workers(2, DIALECT) as those, ends_within(120):
        assert those.fold(lambda: objects, NOTHING).result().rows["leg"]
        those._helpers[0]._process.kill()
        folded = [those.fold(lambda: objects, NOTHING) for _ in range(20)]
        assert all(one.result().rows["leg"] for one in folded)
    assert len(here) <= 1
    assert helped.count(False) == len(here)


def test_one_that_is_stopped_is_killed_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, objects: Objects, here: list[int]
) -> None:
    with Workers(1, DIALECT) as those, ends_within(120):
        assert those.fold(lambda: objects, NOTHING).result().rows["leg"]
        monkeypatch.setattr(workers, "ANSWER_SECONDS", 0.5)
        helper = those._helpers[0]._process
        os.kill(helper.pid, signal.SIGSTOP)
        large = [*objects, *((f"none/{number}", os.urandom(200_000)) for number in range(2))]  # more than a pipe holds
        with pytest.raises(DamagedSegment, match="none/0"):
            those.fold(lambda: large, NOTHING).result()
        assert helper.wait(timeout=30) == -signal.SIGKILL
        assert those.fold(lambda: objects, NOTHING).result().rows["leg"]
    assert len(here) == 2


def test_more_time_is_given_for_more_to_fold() -> None:
    small, large = workers._patience([("a", b"")]), workers._patience([("a", bytes(2**20)), ("b", bytes(2**20))])
    assert (small, large) == (60.0, 180.0)


def test_twice_as_many_questions_as_processes_are_on_their_way(objects: Objects) -> None:
    """So that each has its next one when it has answered."""
    for number in (0, 1, 3):
        with Workers(number, DIALECT) as those:
            assert those.ahead == (2 * number or 1)
    asked = threading.Barrier(4)

    def read() -> Objects:
        asked.wait(timeout=60)  # until all four are read
        return objects

    with Workers(2, DIALECT) as those:
        assert all(one.result() for one in [those.fold(read, NOTHING) for _ in range(4)])


@pytest.mark.parametrize("number", [0, 2])
def test_what_is_not_answered_when_it_ends_is_dropped(number: int, here: list[int]) -> None:
    """Ctrl-C must not wait until what the processes had in hand is folded here."""
    read = threading.Semaphore(0)
    ending = threading.Event()

    def slow() -> Objects:
        read.release()
        ending.wait(timeout=60)
        return [("none", b"no segment")]

    with ends_within(60), Workers(number, DIALECT) as those:
        asked = [those.fold(slow, NOTHING) for _ in range(8)]
        for _ in range(those.ahead):
            read.acquire()
        threading.Timer(0.5, ending.set).start()
    assert all(one.cancelled() or isinstance(one.exception(), workers._Ending) for one in asked)
    assert len(here) == 0


@pytest.mark.parametrize("hanging", [True, False])
def test_what_is_being_asked_when_it_ends_is_dropped_too(
    monkeypatch: pytest.MonkeyPatch, objects: Objects, *, hanging: bool
) -> None:
    """And a batch that this process folds ends at its next segment."""
    if hanging:
        monkeypatch.setattr(workers, "_start", lambda: program("import time; time.sleep(600)"))
    begun = threading.Event()

    def folded(segments: Iterator[object], *_: object) -> None:
        next(segments)
        begun.set()
        assert ended.wait(timeout=60)
        next(segments)
        pytest.fail("it went on")

    ended = threading.Event()
    monkeypatch.setattr(workers, "folded_anew", folded)
    with ends_within(60), Workers(int(hanging), DIALECT) as those:
        asked = those.fold(lambda: [*objects, *objects], NOTHING)
        if not hanging:
            assert begun.wait(timeout=60)
        threading.Timer(0.5, ended.set).start()
    assert isinstance(asked.exception(), workers._Ending)


# -- how many


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize(("usable", "days", "number"), [(1, 9, 1), (3, 9, 3), (64, 20, 8), (64, 2, 2)])
def test_no_more_processes_than_cores_batches_and_eight(
    *, monkeypatch: pytest.MonkeyPatch, address: dict[str, str], archive: Root, usable: int, days: int, number: int
) -> None:
    from tests.functional.catalogue.test_rebuild_apart import told  # noqa: PLC0415
    from tests.unit.journal.story import leg_seen  # noqa: PLC0415

    told(archive, *([leg_seen(day)] for day in range(days)))
    asked_for: list[int] = []

    def noted(wanted: int, dialect: Dialect) -> Workers:
        asked_for.append(wanted)
        return Workers(0, dialect)

    monkeypatch.setattr(module, "Workers", noted)
    monkeypatch.setattr(module, "usable_cores", lambda: usable)
    rebuild(archive, **address)
    assert asked_for == [0]  # little to do
    monkeypatch.setattr(module, "WORTH_WORKERS", 1)
    rebuild(archive, **address)
    assert asked_for == [0, number]


@pytest.mark.parametrize(
    ("own", "limits", "most"),
    [
        ("0::/", {}, 16),
        ("0::/", {"": "max 100000"}, 16),
        ("0::/", {"": "250000 100000"}, 3),
        ("0::/", {"": "1000 100000"}, 1),
        ("0::/", {"": "nonsense"}, 16),
        ("0::/", {"": "5 0"}, 16),
        ("0::/a/b", {"a": "200000 100000", "a/b": "max 100000"}, 2),
        ("0::/not/seen/here", {"": "400000 100000"}, 4),
        ("0::/../up", {"": "400000 100000"}, 4),
        ("11:cpu:/a\n0::/b", {"a": "100000 100000", "b": "500000 100000"}, 5),
        ("", {"": "400000 100000"}, 4),
    ],
)
def test_a_containers_limit_on_cpu_time_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str, limits: dict[str, str], most: int
) -> None:
    for group, limit in limits.items():
        (tmp_path / "groups" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / group / "cpu.max").write_text(f"{limit}\n")
    (tmp_path / "own").write_text(f"{own}\n")
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "OWN", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert cores.usable_cores() == most
    monkeypatch.delattr(os, "sched_getaffinity")  # as where it is not Linux
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert cores.usable_cores() == most
