"""deploy/prefect.yaml on a real Prefect server: its deployments, and a real worker that runs nights of two sites."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from noojee_ingest import simulator
from tests.functional.conftest import KEY
from tests.integration.s3_server import free_ports

DEPLOYMENTS = Path(__file__).parents[3] / "deploy" / "prefect.yaml"
WRONG_KEY = "c0ffee00-7a11-11ec-9d3c-00163e1a2b3c"
WORKER = ("worker", "start", "--pool", "archive", "--run-once")
WANTED = ("nightly/melbourne", "nightly/perth", "poll-call-records/melbourne")

CONFIG = """
data = "{folder}/data"

[sites.melbourne]
zone = "{zone}"
url = "{melbourne}"
by_hour_interval_seconds = 0.001

[sites.perth]
zone = "{zone}"
url = "{perth}"
by_hour_interval_seconds = 0.001
"""


@dataclass
class Server:
    """A Prefect server that is nobody's child but the test's."""

    folder: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOOJEE_"))}
        scripts = str(Path(sys.executable).parent)
        return {
            **kept,
            "PATH": f"{scripts}{os.pathsep}{kept['PATH']}",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
        }

    def ask(self, method: str, path: str, told: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = None if told is None else json.dumps(told)
            connection.request(method, f"/api/{path}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, text
        return json.loads(text)

    def command(self, *words: str, **variables: str) -> str:
        """What a command of Prefect's says, run from a folder that is no checkout."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder, free_ports(1)[0])
    words = (
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(server.port),
        "--no-services",
        "--no-ui",
    )
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=folder, env=server.environment, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    server.ask("GET", "health")
                    break
                except OSError:
                    assert process.poll() is None, (folder / "server.log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, zone: str) -> Iterator[SimpleNamespace]:
    """All is deployed, and a worker has run two nights and a poll; the key of one site is wrong."""
    folder = tmp_path_factory.mktemp("deployed")
    with ExitStack() as stack:
        small = {"calls_a_day": 24, "days": 1, "by_hour_interval": 0.0, "zone": zone, "now": datetime.now(UTC)}
        melbourne, perth = (
            stack.enter_context(simulator.start(simulator.Scenario.clean(**{**small, **more}), KEY))
            for more in ({"not_audio_legs": 1}, {})
        )
        config = folder / "noojee-ingest.toml"
        config.write_text(CONFIG.format(folder=folder, zone=zone, melbourne=melbourne.url, perth=perth.url))
        server = stack.enter_context(serving(folder))
        server.command("work-pool", "create", "--type", "process", "archive")
        server.command("--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS))
        found = {name: server.ask("GET", f"deployments/name/{name}") for name in WANTED}
        for deployment in found.values():
            server.ask("POST", f"deployments/{deployment['id']}/create_flow_run", {})
        variables = {
            "NOOJEE_INGEST_CONFIG": str(config),
            "NOOJEE_INGEST_SITES__MELBOURNE__API_KEY": KEY,
            "NOOJEE_INGEST_SITES__PERTH__API_KEY": WRONG_KEY,
        }
        said = server.command(*WORKER, **variables)
        runs = {
            name: server.ask("POST", "flow_runs/filter", {"deployments": {"id": {"any_": [deployment["id"]]}}})
            for name, deployment in found.items()
        }
        audio = list((folder / "data/store/archive/audio/site=melbourne").glob("day=*/*.json"))
        yield SimpleNamespace(
            server=server,
            variables=variables,
            melbourne=melbourne,
            deployments=found,
            said=said,
            runs=runs,
            audio=audio,
            folder=folder,
        )


def ending(deployed: SimpleNamespace, name: str) -> tuple[str, str, str]:
    """Name, type and message of the state of a deployment's only run."""
    (run,) = deployed.runs[name]
    state = run["state"]
    return state["name"], state["type"], state["message"]


def test_one_sites_wrong_key_does_not_stop_the_other_sites_night(deployed: SimpleNamespace) -> None:
    name, of_type, message = ending(deployed, "nightly/melbourne")
    assert (name, of_type) == ("Gaps", "COMPLETED")
    assert message.startswith("finished with gaps: ")
    assert len(deployed.audio) > 20


def test_a_wrong_key_is_a_failure_that_says_so_and_is_repeated_nowhere(deployed: SimpleNamespace) -> None:
    name, of_type, message = ending(deployed, "nightly/perth")
    assert (name, of_type) == ("Failed", "FAILED")
    assert "AuthenticationFailed" in message
    written = {str(path): path.read_bytes() for path in deployed.folder.rglob("*") if path.is_file()}
    for key in (KEY, WRONG_KEY):
        assert [path for path, data in written.items() if key.encode() in data] == []
        assert key not in deployed.said


def test_a_poll_runs_beside_the_nights(deployed: SimpleNamespace) -> None:
    name, of_type, message = ending(deployed, "poll-call-records/melbourne")
    assert (name, of_type) == ("Completed", "COMPLETED")
    assert "3 call record lists polled" in message


def test_the_server_has_each_deployment_with_its_zone_its_limit_and_what_becomes_of_a_second_run(
    deployed: SimpleNamespace,
) -> None:
    known = {
        name: (
            *((one["schedule"]["cron"], one["schedule"]["timezone"]) for one in told["schedules"]),
            told["global_concurrency_limit"]["limit"],
            told["concurrency_options"]["collision_strategy"],
        )
        for name, told in deployed.deployments.items()
    }
    assert known == {
        "nightly/melbourne": (("30 0 * * *", "Australia/Melbourne"), 1, "ENQUEUE"),
        "nightly/perth": (("30 0 * * *", "Australia/Perth"), 1, "ENQUEUE"),
        "poll-call-records/melbourne": (("10 */3 * * *", "Australia/Melbourne"), 1, "CANCEL_NEW"),
    }


def test_a_time_limit_ends_a_run_that_hangs_as_cancelled(deployed: SimpleNamespace) -> None:
    """SIGALRM is what tells ``timeout`` that its time is over: it ends the run, and exits with 124 itself."""
    site, server = deployed.melbourne, deployed.server
    site.reset_counters()
    endpoint = "getCampaignTemplateList"
    site.add_rule(simulator.Rule.model_validate({"endpoint": endpoint, "answer": {"hang": True}}))
    poll = server.ask("POST", f"deployments/{deployed.deployments[WANTED[2]]['id']}/create_flow_run", {})
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", *WORKER],
        cwd=deployed.folder,
        env={**server.environment, **deployed.variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not site.counters().requests[endpoint]:
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (limit,) = (one for one in psutil.Process(worker.pid).children(recursive=True) if one.name() == "timeout")
        limit.send_signal(signal.SIGALRM)
        worker.wait(60)
    finally:
        worker.kill()
        worker.wait()
        site.clear_rules()
    state = server.ask("GET", f"flow_runs/{poll['id']}")["state"]
    assert (state["name"], state["type"]) == ("Cancelled", "CANCELLED")
    assert state["message"].startswith("interrupted: ")
