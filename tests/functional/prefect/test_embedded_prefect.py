"""Real runs in processes of their own, each with a real Prefect server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest

import noojee_ingest
from noojee_ingest.embedded_prefect import EmbeddedPrefectError, embedded_prefect, end_leftovers

NIGHT = Path(__file__).with_name("night.py")
SECRET = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"


class Run:
    """A night in a process of its own, marked so that everything that it starts can be found."""

    def __init__(self, home: Path, user: Path, *arguments: str, **variables: str) -> None:
        self.mark = uuid4().hex
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(NIGHT), str(home), *arguments],
            env={**surroundings(user), "NIGHT_OF_THE_TEST": self.mark, **variables},
            cwd=user,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, event: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if self.said[-1]["event"] == event:
                return self.said[-1]
        raise AssertionError(f"it never said {event!r}: {self.said} {self.process.communicate()[1]}")

    def end(self, seconds: float = 60) -> int:
        """Wait for the end; the exit code. What it said is then all in ``said`` and ``errors``."""
        output, self.errors = self.process.communicate(timeout=seconds)
        self.said += [json.loads(line) for line in output.splitlines()]
        return self.process.returncode

    def heard(self, event: str) -> dict[str, Any]:
        return next(said for said in self.said if said["event"] == event)

    def living(self) -> list[psutil.Process]:
        """Every living process that this run started, or that one of those did."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("NIGHT_OF_THE_TEST") == self.mark:
                    found.append(process)
        return found

    def clear(self) -> None:
        """End what is left, also after a test that failed."""
        for process in self.living():
            process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def nothing_is_left(self) -> bool:
        return not self.living() and not port_is_open(self.heard("up")["url"])


def surroundings(user: Path) -> dict[str, str]:
    """What a hostile user has lying about: a profile, settings files, variables and a proxy, all leading nowhere."""
    nowhere = "http://127.0.0.1:9/api"
    (user / ".prefect").mkdir(exist_ok=True)
    (user / ".prefect" / "profiles.toml").write_text(
        f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{nowhere}"\nPREFECT_HOME = "{user}/elsewhere"\n'
    )
    (user / "prefect.toml").write_text(f'home = "{user}/elsewhere"\n[api]\nurl = "{nowhere}"\nkey = "k"\n')
    (user / ".env").write_text(f"PREFECT_API_URL={nowhere}\nPREFECT_SERVER_ANALYTICS_ENABLED=true\n")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOOJEE_"))}
    return {
        **kept,
        "HOME": str(user),
        "PYTHONPATH": str(Path(noojee_ingest.__file__).parents[1]),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "PREFECT_API_URL": nowhere,
        "PREFECT_PROFILE": "mine",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "true",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "NOOJEE_INGEST_SITES__DEMO__API_KEY": SECRET,
    }


def port_is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


def identity(process: psutil.Process) -> dict[str, float]:
    return {"pid": process.pid, "started": round(process.create_time() - psutil.boot_time(), 2)}


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all runs: only the first start has to make Prefect's database."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture
def start(home: Path, user: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*arguments: str, at: Path = home, **variables: str) -> Run:
        runs.append(Run(at, user, *arguments, **variables))
        return runs[-1]

    yield begin
    for run in runs:
        run.clear()


@pytest.fixture(scope="module")
def gaps(home: Path, user: Path) -> Iterator[SimpleNamespace]:
    """One whole run, looked at by several tests: its server's environment is read while it works."""
    run = Run(home, user, "gaps")
    try:
        server = psutil.Process(run.until("up")["servers"][0])
        environ = server.environ()
        session = os.getsid(server.pid)
        yield SimpleNamespace(run=run, code=run.end(), environ=environ, session=session)
    finally:
        run.clear()


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        return database.execute(query).fetchall()


def state_of(run: Run, home: Path) -> tuple[Any, ...]:
    """Name, type and message of the flow run's state, as Prefect's database has them."""
    return rows(
        home,
        "select state.name, state.type, state.message from flow_run join flow_run_state as state"
        f" on flow_run.state_id = state.id where flow_run.name = '{run.heard('running')['run']}'",
    )[0]


def test_a_run_with_gaps_says_so_and_leaves_no_process_and_no_open_port(gaps: SimpleNamespace, home: Path) -> None:
    assert gaps.code == 3
    assert state_of(gaps.run, home) == ("Gaps", "COMPLETED", "2 legs are missing")
    assert gaps.run.nothing_is_left()
    assert not list(home.glob("server-*.json"))


def test_tasks_artifacts_and_logs_are_in_prefects_database(gaps: SimpleNamespace, home: Path) -> None:
    assert rows(home, "select state_name, count(*) from task_run group by 1") == [("Completed", 6)]
    assert dict(rows(home, "select key, type from artifact")) == {"legs": "progress", "completeness": "table"}
    messages = [message for (message,) in rows(home, "select message from log")]
    assert len([message for message in messages if message.endswith("archived 3 legs")]) == 6


def test_the_console_stays_quiet_and_no_warning_is_given(gaps: SimpleNamespace) -> None:
    assert gaps.run.errors == ""


def test_the_server_lives_in_a_session_of_its_own(gaps: SimpleNamespace) -> None:
    assert gaps.session == gaps.run.heard("up")["servers"][0] != gaps.run.process.pid


def test_no_analytics_setting_is_on_and_no_api_key_reaches_the_server(gaps: SimpleNamespace) -> None:
    assert gaps.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert gaps.environ["DO_NOT_TRACK"] == gaps.run.heard("running")["tracking"] == "1"
    assert not [name for name, text in gaps.environ.items() if SECRET in text]


def test_nothing_is_written_to_the_users_own_prefect_folder(gaps: SimpleNamespace, user: Path, home: Path) -> None:
    assert sorted(path.name for path in user.iterdir()) == [".env", ".prefect", "prefect.toml"]
    assert [path.name for path in (user / ".prefect").iterdir()] == ["profiles.toml"]
    assert not (home / ".sdk_telemetry").exists()


@pytest.fixture(scope="module")
def stopped(home: Path, user: Path, gaps: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Two endless runs at once in one folder; one gets a SIGTERM, and when it is gone the other one a Ctrl-C."""
    first, second = Run(home, user, "endless"), Run(home, user, "endless")
    try:
        for run in (first, second):
            run.until("running")
        first.process.terminate()
        codes = [first.end(30)]
        left = first.living()
        second_still_there = port_is_open(second.heard("up")["url"])
        os.killpg(second.process.pid, signal.SIGINT)
        codes.append(second.end(30))
        yield SimpleNamespace(runs=[first, second], codes=codes, left=left, second_still_there=second_still_there)
    finally:
        first.clear()
        second.clear()


@pytest.mark.parametrize(("which", "code"), [(0, 143), (1, 130)], ids=["SIGTERM", "Ctrl-C to the whole group"])
def test_a_run_asked_to_stop_commits_and_says_that_it_was_cancelled(
    stopped: SimpleNamespace, home: Path, which: int, code: int
) -> None:
    run = stopped.runs[which]
    assert stopped.codes[which] == code
    name, of_type, message = state_of(run, home)
    assert (name, of_type) == ("Cancelled", "CANCELLED")
    assert message.startswith("asked to stop; ")
    assert run.errors == ""
    assert run.nothing_is_left()


def test_two_runs_at_once_share_a_folder_each_with_its_own_server(stopped: SimpleNamespace) -> None:
    first, second = stopped.runs
    assert first.heard("up")["url"] != second.heard("up")["url"]
    assert not stopped.left
    assert stopped.second_still_there


@pytest.fixture(scope="module")
def killed(home: Path, user: Path, gaps: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """A run that is killed; while it lives a guest uses its server, and after it another run fails."""
    runs = [host := Run(home, user, "endless")]
    try:
        up = host.until("up")
        host.until("running")
        password = psutil.Process(up["servers"][0]).environ()["PREFECT_API_AUTH_STRING"]
        credentials = {"PREFECT_API_AUTH_STRING": password, "NO_PROXY": "*"}
        runs.append(guest := Run(user.parent / "guest", user, "complete", up["url"], **credentials))
        guest.until("up")
        of_the_guest = guest.living()
        guest_code = guest.end()
        host.process.kill()
        host.process.wait()
        left = host.living()
        still_open = port_is_open(up["url"])
        runs.append(following := Run(home, user, "broken"))
        yield SimpleNamespace(
            host=host,
            guest=guest,
            of_the_guest=of_the_guest,
            guest_code=guest_code,
            left=left,
            still_open=still_open,
            following=following,
            following_code=following.end(),
        )
    finally:
        for run in runs:
            run.clear()


def test_a_given_server_is_used_and_none_is_started(killed: SimpleNamespace, home: Path) -> None:
    told = killed.guest.heard("up")
    assert (told["url"], told["servers"]) == (killed.host.heard("up")["url"], [])
    assert [process.pid for process in killed.of_the_guest] == [killed.guest.process.pid]
    assert killed.guest_code == 0
    assert state_of(killed.guest, home)[0] == "Completed"


def test_what_a_killed_run_left_is_ended_by_the_next(killed: SimpleNamespace) -> None:
    assert [process.pid for process in killed.left] == killed.host.heard("up")["servers"]
    assert killed.still_open
    assert killed.host.nothing_is_left()


def test_a_failed_run_leaves_nothing(killed: SimpleNamespace, home: Path) -> None:
    run = killed.following
    assert killed.following_code == 1
    assert state_of(run, home) == ("Failed", "FAILED", "the store is full")
    assert "OSError: the store is full" in run.errors
    assert run.nothing_is_left()


def test_a_server_that_does_not_come_up_is_told_with_the_end_of_its_log(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "prefect.db").write_bytes(b"this is no database" * 500)
    run = start("complete", at=tmp_path)
    assert run.end() == 1
    problem = run.heard("refused")["problem"]
    assert problem.startswith("starting Prefect's server: it ended with code 3; its log, ")
    assert "file is not a database" in problem
    assert not run.living()


def test_a_start_is_cut_short_when_the_run_is_asked_to_stop(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start("complete", at=tmp_path)  # a new folder: the start takes seconds
    while not list(tmp_path.glob("server-*.json")):
        assert run.process.poll() is None
        time.sleep(0.02)
    run.process.terminate()
    assert run.end(30) == 1
    assert "asked to stop" in run.heard("refused")["problem"]
    assert not run.living()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(EmbeddedPrefectError, match=r"taken/prefect: Not a directory; name a writable one"):  # noqa: SIM117
        with embedded_prefect(tmp_path / "taken" / "prefect"):
            pass


def test_prefect_imported_before_with_another_folder_is_refused(user: Path, tmp_path: Path) -> None:
    code = f"""if True:
        import prefect.main
        from pathlib import Path
        from noojee_ingest.embedded_prefect import embedded_prefect
        with embedded_prefect(Path({str(tmp_path)!r})):
            pass
    """
    environ = {name: text for name, text in surroundings(user).items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Prefect was imported before embedded_prefect, with the folder" in done.stderr
    assert not list(tmp_path.iterdir())


class TestLeftovers:
    """Records as dead runs leave them, about a process that has nothing to do with Prefect."""

    @pytest.fixture
    def bystander(self) -> Iterator[psutil.Process]:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        yield psutil.Process(child.pid)
        child.kill()
        child.wait()

    @pytest.fixture
    def dead(self) -> dict[str, float]:
        child = subprocess.Popen([sys.executable, "-c", ""])
        gone = identity(psutil.Process(child.pid))
        child.wait()
        return gone

    @staticmethod
    def record(folder: Path, **told: object) -> Path:
        path = folder / "server-1.json"
        path.write_text(json.dumps(told))
        return path

    def test_a_process_that_took_over_the_id_is_left_alone(
        self, tmp_path: Path, bystander: psutil.Process, dead: dict[str, float]
    ) -> None:
        reused = {**identity(bystander), "started": identity(bystander)["started"] - 60}
        record = self.record(tmp_path, owner=dead, server=reused)
        assert end_leftovers(tmp_path) == 0
        assert bystander.is_running()
        assert not record.exists()

    def test_the_server_of_a_living_run_is_left_alone(self, tmp_path: Path, bystander: psutil.Process) -> None:
        record = self.record(tmp_path, owner=identity(psutil.Process()), server=identity(bystander))
        assert end_leftovers(tmp_path) == 0
        assert bystander.is_running()
        assert record.exists()

    def test_the_server_of_a_run_whose_id_was_taken_over_is_ended(
        self, tmp_path: Path, bystander: psutil.Process
    ) -> None:
        other = {**identity(psutil.Process()), "started": 1.0}
        self.record(tmp_path, owner=other, server=identity(bystander))
        assert end_leftovers(tmp_path) == 1
        assert not psutil.pid_exists(bystander.pid) or bystander.status() == psutil.STATUS_ZOMBIE

    @pytest.mark.parametrize(
        "text", ["", "{}", "[]", '{"owner": 1, "server": 2}', '{"owner": {"pid": "x"}, "server": 1}']
    )
    def test_an_unreadable_record_ends_nothing_and_goes(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "server-1.json").write_text(text)
        assert end_leftovers(tmp_path) == 0
        assert not list(tmp_path.iterdir())
