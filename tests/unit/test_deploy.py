"""What deploy/ promises, against the production example, the exit codes and the settings."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from typer.main import get_command

from noojee_ingest.cli.exits import Exit
from noojee_ingest.cli.program import app
from noojee_ingest.settings import load
from noojee_ingest.settings_store import S3Store
from noojee_ingest.stopping import LAST_RESORT
from noojee_ingest.storage.policy import ALLOWED, Act
from noojee_ingest.storage.root import RootName

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
SETTINGS = load(
    ROOT / "config" / "production.example.toml",
    {"NOOJEE_INGEST_SITES__MELBOURNE__API_KEY": KEY, "NOOJEE_INGEST_SITES__PERTH__API_KEY": KEY},
)
ZONES = {slug: site.zone.key for slug, site in SETTINGS.sites.items()}

# -- times of day


def minutes(hours: str, minute: str) -> set[int]:
    """The minutes of a day that hours (``1``, ``*/3`` as in cron, ``00/3`` as in systemd) and a minute name."""
    first, _, step = hours.replace("*", "0").partition("/")
    return {hour * 60 + int(minute) for hour in (range(int(first), 24, int(step)) if step else (int(first),))}


def of_cron(cron: str) -> set[int]:
    minute, hours, *every_day = cron.split()
    assert every_day == ["*", "*", "*"]
    return minutes(hours, minute)


def of_calendar(told: str) -> tuple[set[int], str]:
    """Of systemd's OnCalendar: the minutes of a day, and the zone."""
    found = re.fullmatch(r"\*-\*-\* (\d\d(?:/\d+)?):(\d\d):00 (\S+)", told)
    assert found, told
    return minutes(found[1], found[2]), found[3]


def check_night(at: set[int]) -> None:
    (minute,) = at
    assert minute >= SETTINGS.nightly.settle_minutes
    assert SETTINGS.nightly.deadline is not None
    assert minute < SETTINGS.nightly.deadline.hour * 60
    check_summer_time(at)


def check_polls(at: set[int]) -> None:
    assert len(at) == 8
    check_summer_time(at)


def check_summer_time(at: set[int]) -> None:
    assert not [minute for minute in at if 60 + 59 <= minute <= 3 * 60 + 1]


def test_the_hours_that_are_kept_free_are_those_that_summer_time_takes_or_repeats() -> None:
    for slug in SETTINGS.sites:
        zone = ZoneInfo(ZONES[slug])
        start = datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))
        local = [(start + timedelta(hours=number)).astimezone(zone) for number in range(24 * 366)]
        changes = [after for before, after in pairwise(local) if before.utcoffset() != after.utcoffset()]
        assert all(change.hour in {2, 3} for change in changes)


# -- deploy/prefect.yaml


@dataclass(frozen=True)
class Deployment:
    flow: str
    told: dict[str, Any]

    @property
    def site(self) -> str:
        return str(self.told["parameters"]["site"])


TEXT = (ROOT / "deploy" / "prefect.yaml").read_text()
DEPLOYMENTS = [Deployment(told["entrypoint"], told) for told in yaml.safe_load(TEXT)["deployments"]]
NIGHT, POLL = "flows.nightly.nightly", "flows.poll_call_records.poll_call_records"
each_deployment = pytest.mark.parametrize("one", DEPLOYMENTS, ids=lambda one: f"{one.flow}-{one.site}")


def test_prefect_has_a_night_and_a_poll_for_each_site_and_no_other() -> None:
    wanted = {(flow, slug) for flow in (NIGHT, POLL) for slug in SETTINGS.sites}
    assert {(one.flow, one.site) for one in DEPLOYMENTS} == wanted
    assert len(DEPLOYMENTS) == len(wanted)


@each_deployment
def test_a_deployment_calls_a_flow_that_is_there_with_parameters_that_it_takes(one: Deployment) -> None:
    module, _, name = one.flow.rpartition(".")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    (flow,) = (
        node
        for node in ast.parse(Path(spec.origin).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    arguments = [argument.arg for argument in flow.args.args]
    required = set(arguments[: len(arguments) - len(flow.args.defaults)])
    assert required <= one.told["parameters"].keys() <= set(arguments)
    assert one.told["name"] == one.site


@each_deployment
def test_a_deployment_runs_in_its_sites_zone_at_a_time_that_every_day_has_once(one: Deployment) -> None:
    (schedule,) = one.told["schedules"]
    assert schedule["timezone"] == ZONES[one.site]
    (check_night if one.flow == NIGHT else check_polls)(of_cron(schedule["cron"]))


@each_deployment
def test_a_deployment_runs_once_at_a_time_and_for_so_long_that_a_stop_has_time(one: Deployment) -> None:
    assert one.told["concurrency_limit"]["limit"] == 1
    variables = one.told["work_pool"]["job_variables"]
    assert one.told["work_pool"]["name"] == "archive"
    assert variables.keys() == {"command"}  # no environment, and so no secrets
    command = r"timeout --signal=TERM --kill-after=(\d+) \d+[hm] python -m prefect\.engine"
    limit = re.fullmatch(command, variables["command"])
    assert limit
    assert int(limit[1]) > LAST_RESORT + 5


def test_nothing_of_a_checkout_is_needed() -> None:
    assert yaml.safe_load(TEXT)["pull"] == []


# -- deploy/systemd


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, ``Section.Name`` to its values in order."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in (SYSTEMD / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[f"{section}.{key}"].append(value)
    return dict(found)


RUNS = ("noojee-ingest-nightly@.service", "noojee-ingest-poll@.service")
SERVICES = (*RUNS, "noojee-ingest-status.service")


WORKER = "noojee-ingest-worker.service"


def codes(told: list[str]) -> set[int | str]:
    return {int(code) if code.isdigit() else code for line in told for code in line.split()}


KNOWN = {
    "Unit": "After Description OnFailure StartLimitBurst StartLimitIntervalSec Wants",
    "Install": "WantedBy",
    "Timer": "AccuracySec OnCalendar Persistent",
    "Service": (
        "CapabilityBoundingSet Environment EnvironmentFile ExecStart Group KillMode LockPersonality NoNewPrivileges "
        "PrivateDevices PrivateTmp ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs "
        "ProtectKernelModules ProtectKernelTunables ProtectSystem Restart RestartPreventExitStatus RestartSec "
        "RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID StateDirectory "
        "StateDirectoryMode SuccessExitStatus SystemCallArchitectures SystemCallFilter TimeoutStartSec TimeoutStopSec "
        "Type UMask User WorkingDirectory"
    ),
}
"""What systemd.unit(5), .timer(5), .service(5), .exec(5) and .kill(5) know, as far as it is used: it only warns of the
rest and goes on without."""


@pytest.mark.parametrize(
    "name", [str(path.relative_to(SYSTEMD)) for path in sorted(SYSTEMD.rglob("*.*")) if path.is_file()]
)
def test_systemd_knows_every_directive(name: str) -> None:
    known = {f"{section}.{one}" for section, all_of in KNOWN.items() for one in all_of.split()}
    assert unit(name).keys() <= known
    assert unit(name)


def test_the_worker_has_the_programs_python_first_and_the_server_and_settings_named() -> None:
    told = unit(WORKER)
    environment = dict(one.split("=", 1) for one in told["Service.Environment"])
    assert told["Service.ExecStart"] == ["/opt/noojee-ingest/bin/prefect worker start --pool archive"]
    assert environment["PATH"].startswith("/opt/noojee-ingest/bin:")
    assert environment["NOOJEE_INGEST_CONFIG"] == "/etc/noojee-ingest.toml"
    assert Path(environment["PREFECT_HOME"]).is_relative_to(SETTINGS.data)
    assert told["Service.EnvironmentFile"] == ["/etc/noojee-ingest/environment"]  # PREFECT_API_URL is in it
    assert told["Service.Restart"] == ["always"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_calls_a_verb_with_options_that_it_has(name: str) -> None:
    (command,) = unit(name)["Service.ExecStart"]
    program, verb, *options = command.split()
    assert program == "/opt/noojee-ingest/bin/noojee-ingest"
    known = get_command(app).commands[verb]  # type: ignore[attr-defined]
    assert {word for word in options if word.startswith("-")} <= {name for one in known.params for name in one.opts}
    assert ("--site %i" in command) == (name in RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_gaps_are_no_failure_and_what_may_pass_is_tried_again(name: str) -> None:
    told = unit(name)
    assert codes(told["Service.SuccessExitStatus"]) == {Exit.GAPS, Exit.TERMINATED, "SIGTERM"}
    assert told["Service.Restart"] == ["on-failure"]
    for_good = codes(told["Service.RestartPreventExitStatus"])
    assert for_good == {Exit.USAGE, Exit.DAMAGE, Exit.TERMINATED, "SIGTERM"}
    assert Exit.FAILED not in for_good | codes(told["Service.SuccessExitStatus"])
    assert told["Service.Type"] == ["oneshot"]
    assert {"Service.RestartSec", "Unit.StartLimitIntervalSec", "Unit.StartLimitBurst"} <= told.keys()
    assert "Service.RuntimeMaxSec" not in told  # it does nothing for a oneshot service; TimeoutStartSec does
    assert "Service.TimeoutStartSec" in told


def test_a_person_may_start_a_night_again_and_so_may_the_next_timer() -> None:
    told = unit(RUNS[0])
    assert told["Unit.StartLimitIntervalSec"] == ["2h"]
    assert int(told["Unit.StartLimitBurst"][0]) * 10 < 120  # all of them, ten minutes apart, are within it


def test_status_fails_when_anything_is_red_so_that_somebody_is_told_of_gaps_too() -> None:
    told = unit("noojee-ingest-status.service")
    assert "Service.SuccessExitStatus" not in told
    assert "Service.Restart" not in told


@pytest.mark.parametrize("name", [*SERVICES, WORKER])
def test_a_failure_is_told_to_somebody(name: str) -> None:
    assert unit(name)["Unit.OnFailure"] == ["noojee-ingest-alert@%n.service"]
    assert "%i" in unit("noojee-ingest-alert@.service")["Service.ExecStart"][0]


@pytest.mark.parametrize("name", [*RUNS, WORKER])
def test_a_stop_goes_to_the_run_alone_and_has_the_time_it_was_promised(name: str) -> None:
    told = unit(name)
    assert told["Service.KillMode"] == ["mixed"]
    assert int(told["Service.TimeoutStopSec"][0]) > LAST_RESORT + 5


@pytest.mark.parametrize("name", [*SERVICES, WORKER])
def test_a_service_may_write_where_the_example_says_and_nowhere_else(name: str) -> None:
    told = unit(name)
    assert Path("/var/lib") / told["Service.StateDirectory"][0] == SETTINGS.data
    assert told["Service.User"] == ["archive"]
    assert told["Service.ProtectSystem"] == ["strict"]
    assert told["Service.NoNewPrivileges"] == told["Service.PrivateTmp"] == told["Service.ProtectHome"] == ["yes"]
    assert "NOOJEE_INGEST_CONFIG=/etc/noojee-ingest.toml" in told["Service.Environment"]
    assert not re.search(r"key|secret|password", (SYSTEMD / name).read_text(), re.IGNORECASE)


@pytest.mark.parametrize("slug", ZONES)
@pytest.mark.parametrize(("run", "check"), [("nightly", check_night), ("poll", check_polls)])
def test_each_site_has_its_timers_in_its_own_zone(slug: str, run: str, check: Any) -> None:
    timer = unit(f"noojee-ingest-{run}@.timer")
    assert timer["Timer.Persistent"] == ["true"]
    assert "Timer.OnCalendar" not in timer  # no time is right for every zone
    assert timer["Install.WantedBy"] == ["timers.target"]
    (when,) = unit(f"noojee-ingest-{run}@{slug}.timer.d/when.conf")["Timer.OnCalendar"]
    at, zone = of_calendar(when)
    assert zone == ZONES[slug]
    check(at)


def test_systemd_and_prefect_agree_when_a_night_begins() -> None:
    for one in DEPLOYMENTS:
        run = "nightly" if one.flow == NIGHT else "poll"
        (when,) = unit(f"noojee-ingest-{run}@{one.site}.timer.d/when.conf")["Timer.OnCalendar"]
        assert of_calendar(when)[0] == of_cron(one.told["schedules"][0]["cron"])


def test_status_is_asked_when_the_deadline_of_every_site_is_over() -> None:
    (when,) = unit("noojee-ingest-status.timer")["Timer.OnCalendar"]
    (minute,), zone = of_calendar(when)
    deadline = SETTINGS.nightly.deadline
    assert deadline is not None
    for month in (1, 7):
        asked = datetime(2026, month, 10, minute // 60, minute % 60, tzinfo=ZoneInfo(zone))
        for site in SETTINGS.sites.values():
            assert asked > datetime.combine(asked.astimezone(site.zone).date(), deadline, site.zone)


def test_every_timer_starts_a_service_that_is_there() -> None:
    timers = [path.name for path in SYSTEMD.glob("*.timer")]
    assert len(timers) == 3
    assert all((SYSTEMD / name.replace(".timer", ".service")).is_file() for name in timers)


# -- buckets


def test_the_policy_lets_the_program_delete_only_where_it_may() -> None:
    policy = json.loads((ROOT / "deploy" / "s3-policy.json").read_text())
    allowed: dict[str, set[str]] = defaultdict(set)
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            allowed[resource.removeprefix("arn:aws:s3:::").removesuffix("/*")].update(statement["Action"])
    assert isinstance(SETTINGS.store, S3Store)
    buckets = {name: SETTINGS.store.roots[name].bucket for name in RootName}
    assert set(allowed) == set(buckets.values())
    for name in RootName:
        may = allowed[buckets[name]]
        assert {"s3:ListBucket", "s3:PutObject", "s3:GetObject"} <= may
        assert ("s3:DeleteObject" in may) == (Act.DELETE in ALLOWED[name])
        assert ("s3:GetObjectVersion" in may) == (name is RootName.ARCHIVE)
    assert "deploy/s3-policy.json" in (ROOT / "docs" / "operations.md").read_text()
