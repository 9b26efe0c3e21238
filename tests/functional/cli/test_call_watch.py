"""``call ...`` as a process: watching, and being stopped."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest

from noojee_ingest.simulator import RunningSimulator
from tests.functional.cli.phone_calls import Called, rule


class TestWatch:
    @pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_ends_as_asked_to_though_a_question_is_open(
        self, phone: RunningSimulator, ending: signal.Signals, code: int
    ) -> None:
        with Called("watch", "206", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            unique_id = phone.call_in("206", "0355500123")
            assert process.stdout is not None
            assert process.stdout.readline().startswith("206: Ringing, with 0355500123, inbound, " + unique_id)
            process.send_signal(ending)
            assert process.wait(20) == code
            assert process.stderr is not None
            assert process.stderr.read() == ""

    def test_a_gap_is_told_and_the_state_read_again(self, phone: RunningSimulator) -> None:
        unique_id = phone.call_in("206", "0355500123")
        with Called("watch", "206", "--json", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert '"kind": "state"' in process.stdout.readline()
            phone.set_sequence(0)
            phone.move_call(unique_id, "Connected")
            said = [process.stdout.readline() for _ in range(2)]
            assert any('"kind": "gap"' in line for line in said)

    def test_in_a_terminal_it_is_a_table(self, phone: RunningSimulator) -> None:
        ours, theirs = pty.openpty()
        seen = b""
        try:
            with Called("watch", "206", "207", stdout=theirs, stderr=subprocess.DEVNULL) as process:
                os.close(theirs)
                phone.call_in("206", "0355500123")
                while b"Ringing" not in seen:
                    seen += os.read(ours, 4096)
                process.send_signal(signal.SIGINT)
                assert process.wait(20) == 130
        finally:
            os.close(ours)
        assert b"extension" in seen
        assert b"nothing to tell" in seen

    def test_a_refused_key_ends_it_with_1(self, phone: RunningSimulator) -> None:
        phone.set_key("another")
        with Called("watch", "206", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.wait(30) == 1


class TestCtrlC:
    @pytest.mark.parametrize(
        ("verb", "endpoint", "told"),
        [
            (["state", "205"], "checkState", ""),
            (["dial", "0355500123", "205"], "dial", "before you dial again"),
        ],
        ids=["what only reads", "what changes something"],
    )
    def test_it_ends_what_hangs_with_130_and_tells_what_may_have_been_done(
        self, phone: RunningSimulator, verb: list[str], endpoint: str, told: str
    ) -> None:
        rule(phone, endpoint, answer={"hang": True})
        with Called(*verb, stderr=subprocess.PIPE) as process:
            while not phone.counters().requests[endpoint]:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert process.stderr is not None
            said = process.stderr.read()
            assert told in said
            assert "Traceback" not in said
        assert phone.counters().requests[endpoint] == 1
