"""The process: how it starts, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from noojee_ingest.simulator import RunningSimulator, Scenario, SimulatorError, start
from noojee_ingest.simulator.running import KEY_VARIABLE

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "noojee_ingest.simulator"]
PARENT = """
import sys, time
from noojee_ingest.simulator import Scenario, start
running = start(Scenario.clean(days=0), "key")
print(running.pid, flush=True)
time.sleep(600)
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def ended(pid: int, within: float = 20) -> bool:
    """Whether a process that may not be our child is gone, or only waits to be reaped."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def parent() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of its own session that has started a simulator, and that simulator's id."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment(), start_new_session=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        yield process, pid
        process.kill()
        if not ended(pid):
            os.kill(pid, signal.SIGKILL)


def test_it_prints_its_address_and_ends_on_a_signal() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            [*COMMAND, "--days", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**{KEY_VARIABLE: "key"}),
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
            process.send_signal(number)
            assert process.wait(20) in {signal.SIGTERM: (-15, 143), signal.SIGINT: (-2, 130)}[number]
            assert process.stderr.read() == b""


@pytest.mark.parametrize("command", [COMMAND, [str(Path(sys.executable).with_name("noojee-ingest")), "simulate"]])
def test_both_command_lines_choose_the_dialect(command: list[str]) -> None:
    with subprocess.Popen(
        [*command, "--days", "0", "--port", "0", "--dialect", "hash-only"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**{KEY_VARIABLE: "key"}),
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[-1]
        try:
            with requests.Session() as session:
                session.trust_env = False
                lists = url + "/servicemanager/rest/CampaignAPI/getCampaignTemplateList"
                answer = session.get(lists, params={"apiKey": "key"}, timeout=30)
            assert (answer.status_code, answer.json()["message"]) == (401, "Invalid hash")
        finally:
            process.terminate()


def test_it_does_not_outlive_a_parent_that_is_killed(parent: tuple[subprocess.Popen[bytes], int]) -> None:
    process, pid = parent
    assert psutil.pid_exists(pid)
    process.kill()
    assert ended(pid)


def test_ctrl_c_in_the_terminal_does_not_reach_it(parent: tuple[subprocess.Popen[bytes], int]) -> None:
    process, pid = parent
    assert os.getpgid(process.pid) == process.pid
    assert os.getsid(pid) == os.getpgid(pid) == pid


def test_it_ends_when_its_standard_input_does() -> None:
    with subprocess.Popen(
        [*COMMAND, "--days", "0", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(**{KEY_VARIABLE: "key"}),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"what is written there means nothing")
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"listening")
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 0


def test_stop_ends_it_even_while_a_request_hangs_and_may_be_said_twice(
    start_simulator: Callable[..., RunningSimulator],
) -> None:
    simulator = start_simulator()
    address = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(b"POST /njadmin/rest/RecordingAPI/retrieve HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        simulator.stop()
        assert ended(simulator.pid)
        simulator.stop()


def test_the_key_is_in_neither_the_command_line_nor_the_handle(
    clean_simulator: RunningSimulator, simulator_key: str
) -> None:
    assert simulator_key not in " ".join(psutil.Process(clean_simulator.pid).cmdline())
    assert simulator_key not in repr(clean_simulator)
    assert simulator_key not in repr(vars(clean_simulator))


def test_a_simulator_that_does_not_start_says_why() -> None:
    with pytest.raises(SimulatorError, match=KEY_VARIABLE):
        start(Scenario(), "")


@pytest.mark.parametrize(
    ("options", "key", "code", "said"),
    [
        ([], "", 2, KEY_VARIABLE),
        (["--zone", "Nowhere/Land"], "key", 2, "IANA name"),
        (["--now", "2026-03-11T03:30:00"], "key", 2, "no offset"),
        (["--now", "yesterday"], "key", 2, "--now"),
        (["--never-legs", "-1"], "key", 2, "never_legs is -1"),
        (["--dialect", "klingon"], "key", 2, "hash-only"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(options: list[str], key: str, code: int, said: str) -> None:
    done = subprocess.run(
        [*COMMAND, *options], env=environment(**{KEY_VARIABLE: key}), capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port],
            env=environment(**{KEY_VARIABLE: "key"}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
