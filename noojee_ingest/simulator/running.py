"""A simulated phone system in a child process, and the handle to it."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

from .faults import Rule
from .figures import Counters, Truth, truth_from_json
from .leads import Write
from .scenario import Scenario
from .server import READY

KEY_VARIABLE = "NOOJEE_SIMULATOR_KEY"
START_SECONDS = 60.0


class SimulatorError(Exception):
    """The simulated phone system did not start, or refused a control."""


def start(scenario: Scenario, key: str) -> RunningSimulator:
    """Start a simulated phone system in its own process and session; return when it answers.

    It ends with ``stop``, with the ``with`` block, or when this process does, however that happens. A Ctrl-C in the
    terminal does not reach it. Raises ``SimulatorError`` with what the process said when it does not start.
    """
    package = Path(__file__).resolve().parents[2]
    complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "noojee_ingest.simulator", "--until-stdin-closes", *scenario.arguments()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env={
            **os.environ,
            KEY_VARIABLE: key,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH")))),
        },
        start_new_session=True,
    )
    running = RunningSimulator(process, complaints)
    try:
        running.url = running._ready()
    except BaseException:
        running.stop()
        raise
    return running


class RunningSimulator:
    """A running simulated phone system. Use it in a ``with`` block, or call ``stop``.

    ``url`` is its base address. The controls raise ``SimulatorError`` when they are refused and ``OSError`` when the
    process has gone.
    """

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints
        self.url = ""

    def __repr__(self) -> str:
        return f"RunningSimulator({self.url}, pid {self.pid})"

    @property
    def pid(self) -> int:
        return self._process.pid

    def counters(self) -> Counters:
        return Counters.from_json(self._ask("GET", "counters"))

    def reset_counters(self) -> None:
        self._ask("DELETE", "counters")

    def truth(self) -> Truth:
        return truth_from_json(self._ask("GET", "truth"))

    def audio(self) -> dict[str, set[str]]:
        """``CallRecordId/Leg`` of every leg that has ended -> SHA-256 (hex) of its audio, as far as it is there.

        More than one where the fault plan sent ``other_audio``; what else it sends, and what is no audio, is not among
        it.
        """
        return {key: set(digests) for key, digests in self._ask("GET", "audio").items()}

    def clock(self) -> datetime:
        """Its clock, in UTC."""
        return datetime.fromisoformat(self._ask("GET", "clock")["now"])

    def set_clock(self, now: datetime) -> None:
        """Let its clock go on from an aware instant."""
        self._ask("POST", "clock", {"now": now.isoformat()})

    def add_rule(self, rule: Rule) -> None:
        """Add to the fault plan, after the rules already there."""
        self._ask("POST", "rules", rule.model_dump(mode="json"))

    def rules(self) -> list[dict[str, Any]]:
        """The fault plan, each rule with the number of requests it has ``served``."""
        told: list[dict[str, Any]] = self._ask("GET", "rules")
        return told

    def clear_rules(self) -> None:
        self._ask("DELETE", "rules")

    def set_key(self, key: str | None) -> None:
        """From now on only this key is good; ``None``: none is."""
        self._ask("POST", "key", {"key": key})

    def set_user_key(self, key: str, teams: Iterable[str]) -> None:
        """From now on this key opens the campaign calls, for the templates of these teams only."""
        self._ask("POST", "user-keys", {"key": key, "teams": [*teams]})

    def leads(self) -> list[dict[str, Any]]:
        """All leads as they are now, oldest first."""
        told: list[dict[str, Any]] = self._ask("GET", "leads")
        return told

    def writes(self) -> list[Write]:
        """Every change that was made to a lead, in order."""
        return [Write.from_json(told) for told in self._ask("GET", "writes")]

    def edit_lead(self, lead_id: str, *, editing: bool = True) -> None:
        """A person opens the lead to edit it, or closes it: meanwhile updates are refused with code 110."""
        self._ask("POST", f"leads/{lead_id}", {"editing": editing})

    def forbid_number(self, number: str) -> None:
        """Put a number on the do-not-call list."""
        self._ask("POST", "do-not-call", {"number": number})

    def calls(self) -> list[dict[str, Any]]:
        """Every live call since the start, those that have ended too."""
        told: list[dict[str, Any]] = self._ask("GET", "calls")
        return told

    def call_in(self, extension: str, caller_id: str, *, queue: bool = False) -> str:
        """A call comes in and rings until it is answered, at most 30 s; returns its unique id."""
        unique_id: str = self._ask("POST", "calls", {"extension": extension, "caller_id": caller_id, "queue": queue})[
            "unique_id"
        ]
        return unique_id

    def move_call(self, unique_id: str, status: str) -> None:
        """Let something happen to a live call: a status of subscribe, or ``On Hold``."""
        self._ask("POST", f"calls/{unique_id}", {"status": status})

    def set_sequence(self, seq: int) -> None:
        """Forget all events and count on from ``seq``, as after a restart of the phone system."""
        self._ask("POST", "sequence", {"seq": seq})

    def complaints(self) -> str:
        """What the process wrote to its standard error, tracebacks among it; at most the last 100,000 bytes."""
        file = self._complaints.fileno()
        size = os.fstat(file).st_size
        return os.pread(file, 100_000, max(0, size - 100_000)).decode(errors="replace")

    def stop(self) -> None:
        """End the process; again is fine."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ready(self) -> str:
        """Wait for the line that tells the address."""
        out = self._process.stdout
        if out is None:
            raise SimulatorError("the simulated phone system was started without a pipe to hear it")
        deadline, line = time.monotonic() + START_SECONDS, b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([out], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(out.fileno(), 4096) if readable else b""
            if not more:
                why = "it ended" if readable else f"it was not ready after {START_SECONDS:.0f} s"
                raise SimulatorError(f"the simulated phone system did not start: {why}\n{self.complaints()}".rstrip())
            line += more
        return line.decode().strip().removeprefix(READY)

    def _ask(self, method: str, control: str, value: Any = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, f"/_simulator/{control}", None if value is None else json.dumps(value))
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise SimulatorError(f"the simulated phone system refused {method} {control}: {told.decode()}")
        return json.loads(told)
