"""Prefect with no server configured, tidily: its own folder, its own server, nothing sent out, nothing left behind.

Prefect can start a temporary server by itself, but that one shares the terminal's process group (Ctrl-C ends it before
the run has said its last word), reads the user's own profile and keeps running when the run is killed. Here the same
application runs in a session of its own, behind a password of its own, and is written down in the folder, so that the
next run can end what a killed one left.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from noojee_ingest.stopping import Stop

START_SECONDS = 120.0  # the first start in a folder also makes Prefect's database
STOP_SECONDS = 10.0
SEND_SECONDS = 5.0
LOG_BYTES = 1024 * 1024

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # errors are told by who called; all is in Prefect's database
}

_RECORD = "EMBEDDED_PREFECT_RECORD"
"""The variable that tells a server the record of its run: it is found by it where the record does not name it yet."""
_NOT_ITS_BUSINESS = ("NOOJEE_INGEST_", "PYTHONWARNINGS")  # API keys; warnings as errors would stop the server


class EmbeddedPrefectError(Exception):
    """Prefect cannot be had here: what was being done, and what a person can do."""


@contextlib.contextmanager
def embedded_prefect(home: Path, api_url: str = "", stop: threading.Event | None = None) -> Iterator[str]:
    """Prefect ready for use inside the block; yields the address of its API.

    Enter it before anything imports Prefect: Prefect reads its settings on import. ``home`` is Prefect's folder, made
    where absent; two runs may share one, each with its own server. With ``api_url`` that server is used and none is
    started; only then do the PREFECT_* variables of the surroundings count. ``stop``, once set, cuts a start short, and
    its last resort ends the server too.

    Whatever ends the block (a result, an exception, Ctrl-C, a signal that a handler turned into either), Prefect's logs
    and events are sent first and the server is stopped and awaited. Raises EmbeddedPrefectError, with the end of the
    server's log, when it does not come up, and when Prefect was imported with another folder.
    """
    home = home.absolute()
    _refuse_other_home(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise EmbeddedPrefectError(
            f"making Prefect's folder {home}: {problem.strerror}; name a writable one in prefect.home"
        ) from problem
    with contextlib.ExitStack() as stack:
        if api_url:
            stack.enter_context(_environment({**_SETTINGS, "PREFECT_HOME": str(home), "PREFECT_API_URL": api_url}))
        else:
            password = f"noojee-ingest:{secrets.token_urlsafe(24)}"  # other users of this machine reach the port too
            stack.enter_context(_environment(_own_settings(home, password), without="PREFECT_"))
            api_url = stack.enter_context(_server(home, password, stop or threading.Event()))
            os.environ["PREFECT_API_URL"] = api_url
        _load_prefect(home)
        stack.callback(_send_what_waits)
        yield api_url


def _own_settings(home: Path, password: str) -> dict[str, str]:
    """All that decides where Prefect reads and writes, so that no profile or file of the surroundings does."""
    beside = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    no_proxy = f"{beside},127.0.0.1" if beside else "127.0.0.1"
    return {
        **_SETTINGS,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db",
        "PREFECT_CLIENT_MAX_RETRIES": "2",  # a server on this machine answers, or is gone
        "PREFECT_API_REQUEST_TIMEOUT": "30",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # or a late call would start a second server
    }


def _refuse_other_home(home: Path) -> None:
    if "prefect" not in sys.modules:
        return
    known = importlib.import_module("prefect.settings").get_current_settings().home
    if known.absolute() != home:
        raise EmbeddedPrefectError(
            f"Prefect was imported before embedded_prefect, with the folder {known} and not {home}; import flows inside"
        )


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str], without: str | None = None) -> Iterator[None]:
    """The environment with ``wanted``, and without other variables of that prefix, until the block ends."""
    before = dict(os.environ)
    for name in before:
        if without and name.startswith(without):
            del os.environ[name]
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _load_prefect(home: Path) -> None:
    """Let Prefect read the environment now, and no prefect.toml, pyproject.toml or .env of the current folder."""
    with contextlib.chdir(home):
        importlib.import_module("prefect.main")
        importlib.import_module("prefect.context").refresh_global_settings_context()


def _send_what_waits() -> None:
    """Logs and events leave in batches, from threads that would find the server gone."""
    for module, name in (("prefect.events.worker", "EventsWorker"), ("prefect.logging.handlers", "APILogWorker")):
        getattr(importlib.import_module(module), name).drain_all(timeout=SEND_SECONDS)


@contextlib.contextmanager
def _server(home: Path, password: str, stop: threading.Event) -> Iterator[str]:
    record = home / f"server-{os.getpid()}.json"
    deadline = time.monotonic() + START_SECONDS
    with contextlib.ExitStack() as stack:
        with _start_lock(home, deadline, stop):
            end_leftovers(home)
            with _log(home) as log, socket.create_server(("127.0.0.1", 0)) as listener:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
                began = log.tell()
                _write_record(record, None)  # who is killed from here on has left one that names it
                server = _start(password, listener, log, record)
            stack.callback(record.unlink, missing_ok=True)
            stack.callback(_stop, server)
            if isinstance(stop, Stop):
                stack.enter_context(stop.ending(server.kill))
            _write_record(record, server.pid)
            while not _answers(url):
                trouble = _trouble(server, deadline, stop)
                if trouble:
                    raise EmbeddedPrefectError(
                        f"starting Prefect's server: it {trouble}{_end_of(Path(log.name), began)}"
                    )
                time.sleep(0.05)
        yield url


@contextlib.contextmanager
def _start_lock(home: Path, deadline: float, stop: threading.Event) -> Iterator[None]:
    """One start at a time in a folder: two first ones would both make the database."""
    with (home / "start.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.is_set() or time.monotonic() > deadline:
                    raise EmbeddedPrefectError(
                        f"starting Prefect's server: another run in {home} is starting one; try again later"
                    ) from None
                time.sleep(0.05)
        yield


def _log(home: Path) -> BinaryIO:
    """The log of this folder's servers, opened to add to it; begun anew when it has grown."""
    log = home / "server.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.unlink()
    return log.open("ab")


def _start(password: str, listener: socket.socket, log: BinaryIO, record: Path) -> subprocess.Popen[bytes]:
    """The process of the server, listening on a port that is ours already, so that nobody can take it meanwhile."""
    return subprocess.Popen(  # noqa: S603 (our own interpreter)
        [
            *(sys.executable, "-P", "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"),
            *("--fd", str(listener.fileno()), "--lifespan", "on", "--log-level", "error"),
        ],
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith(_NOT_ITS_BUSINESS)},
            "PREFECT_SERVER_API_AUTH_STRING": password,
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",  # into its log, which is shown when it does not start
            "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",  # runs older than 90 days, or it would grow for ever
            "PREFECT_UI_ENABLED": "false",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
            _RECORD: str(record),
        },
        cwd=record.parent,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/health", timeout=1.0):
            return True
    except OSError:
        return False


def _trouble(server: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> str:
    """Why there is nothing more to wait for, or nothing."""
    if server.poll() is not None:
        return f"ended with code {server.returncode}"
    if stop.is_set():
        return "was not up yet when the run was asked to stop"
    return f"did not answer within {START_SECONDS:.0f} seconds" if time.monotonic() > deadline else ""


def _end_of(log: Path, began: int) -> str:
    with log.open("rb") as text:
        text.seek(max(began, log.stat().st_size - 2000))
        tail = text.read().decode(errors="replace").strip()
    return f"; its log, {log}, ends with:\n{tail}" if tail else f"; its log, {log}, is empty"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _identity(pid: int) -> dict[str, float] | None:
    """Process id and start, in seconds after boot (the wall clock may be set); ``None`` when no such process lives."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return {"pid": pid, "started": round(process.create_time() - psutil.boot_time(), 2)}
    except psutil.NoSuchProcess:
        return None


def _write_record(record: Path, server_pid: int | None) -> None:
    """``None``: it is about to be started."""
    server = None if server_pid is None else _identity(server_pid)
    text = json.dumps({"owner": _identity(os.getpid()), "server": server})
    draft = record.with_suffix(".new")
    draft.write_text(text)
    draft.replace(record)


def _unnamed(record: Path) -> dict[str, Any] | None:
    """The server of a run that died between starting it and writing down its id."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_RECORD) == str(record):
                return _identity(process.pid)
    return None


def end_leftovers(home: Path) -> int:
    """End the servers that dead runs left in ``home``; the number ended.

    A server counts as left when the run in its record is dead, and is ended only when both its process id and its start
    are those of the record: the id may belong to another process by now.
    """
    ended = 0
    for record in sorted(home.glob("server-*.json")):
        try:
            told = json.loads(record.read_text())
            owner, server = told["owner"], told["server"]
            if owner is not None and _identity(owner["pid"]) == owner:
                continue
            left: Any = server or _unnamed(record)
            if left is not None and _identity(left["pid"]) == left:
                process = psutil.Process(left["pid"])
                process.terminate()
                if psutil.wait_procs([process], STOP_SECONDS)[1]:
                    process.kill()
                    psutil.wait_procs([process], STOP_SECONDS)
                ended += 1
        except (ValueError, TypeError, KeyError, psutil.NoSuchProcess):
            pass  # an unreadable record names nobody, or the server ended by itself
        record.unlink(missing_ok=True)
    return ended
