"""The vendor's samples as plain curl lines work against the simulator."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests

from noojee_ingest.simulator import Dialect, RunningSimulator
from noojee_ingest.simulator.endpoints import endpoints_of

SAMPLES = Path(__file__).with_name("vendor_samples.txt").read_text()
CURL = shutil.which("curl")
Send = Callable[[str], bytes]


def samples() -> Iterator[tuple[str, str]]:
    """Each line with the pattern below it."""
    lines = [line for line in SAMPLES.splitlines() if line and not line.startswith("#")]
    for line, pattern in zip(lines[::2], lines[1::2], strict=True):
        assert line.startswith("curl "), line
        assert pattern.startswith("  "), pattern
        yield line, pattern.strip()


def filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def by_curl(line: str) -> bytes:
    """The line as it stands, by curl itself."""
    command = shlex.split(line)
    assert CURL is not None
    done = subprocess.run(
        [CURL, "--silent", "--show-error", "--noproxy", "*", "--max-time", "30", *command[1:]],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_requests(line: str) -> bytes:
    """The same request without curl."""
    words = iter(shlex.split(line)[1:])
    method, headers, data, url = "GET", {}, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        else:
            url = word
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers=headers, data=data, timeout=30).content


@pytest.mark.parametrize("send", [by_requests, *([by_curl] if CURL else [])], ids=lambda send: send.__name__)
def test_the_vendors_samples_work(
    send: Send, start_simulator: Callable[..., RunningSimulator], simulator_key: str
) -> None:
    simulator = start_simulator(calls_a_day=245, lead_call_seconds=0.0, ring_seconds=1, talk_seconds=60)
    leg = next(leg for leg in simulator.truth().ended() if (leg.leg, leg.form) == ("1", "pcm"))
    values = {"host": simulator.url, "key": simulator_key, "call": leg.unique_id, "record": leg.call_record_id}
    values["live"] = simulator.call_in("207", "0370100002")
    done = 0
    for line, pattern in samples():
        if "{stamp}" in line:
            stamp = send(f"curl -X POST '{simulator.url}/servicemanager/rest/Time'").decode()
            values |= {"stamp": stamp, "hash": hashlib.sha256(f"{simulator_key}:{stamp}".encode()).hexdigest()}
        answer = send(filled(line, values)).decode("latin-1")
        assert re.search(filled(pattern, values), answer, re.DOTALL), (line, answer[:500])
        done += 1
    assert done >= 30
    assert not simulator.complaints()


def test_every_endpoint_has_a_sample() -> None:
    asked = {re.search(r"\{host\}(/[^?']+)", line) for line, _ in samples()}
    paths = {found[1] for found in asked if found}
    assert paths == set(endpoints_of(Dialect.PROPOSED))
