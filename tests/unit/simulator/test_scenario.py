"""A scenario's own rules."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import datetime

import pytest

from noojee_ingest.simulator import Dialect, Scenario
from noojee_ingest.simulator.scenario import TROUBLES


def test_a_scenario_survives_the_command_line() -> None:
    scenario = Scenario(
        dialect=Dialect.HASH_ONLY,
        lead_call_seconds=0.5,
        seed=-3,
        zone="Australia/Perth",
        by_hour_interval=0.25,
        late_legs=0,
        leg_bytes=200_000,
    )
    parser = argparse.ArgumentParser()
    Scenario.add_arguments(parser)
    assert Scenario.from_arguments(parser.parse_args(scenario.arguments())) == scenario


def test_a_dialect_may_be_given_as_its_word() -> None:
    assert Scenario(dialect="hash-only").dialect is Dialect.HASH_ONLY  # type: ignore[arg-type]


def test_every_field_is_explained_on_the_command_line() -> None:
    assert [one.name for one in fields(Scenario) if not one.metadata.get("help")] == []


def test_a_clean_scenario_has_no_trouble_and_every_trouble_is_on_by_default() -> None:
    assert {name: getattr(Scenario.clean(), name) for name in TROUBLES} == dict.fromkeys(TROUBLES, 0)
    assert all(getattr(Scenario(), name) > 0 for name in TROUBLES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"now": datetime(2026, 3, 11, 3, 30)}, "no offset"),  # noqa: DTZ001
        ({"zone": "Australia/Atlantis"}, "IANA name"),
        ({"zone": "../etc/passwd"}, "IANA name"),
        ({"days": -1}, "days is -1"),
        ({"by_hour_interval": -0.5}, "by_hour_interval is -0.5"),
        ({"calls_a_day": 7001}, "at most 7000"),
        ({"lead_calls_at_once": 0}, "no lead call could ever run"),
        ({"lead_queue_seconds": -1.0}, "lead_queue_seconds is -1"),
        ({"dialect": "klingon"}, "none of proposed, other-audio, no-by-hour, hash-only"),
    ],
)
def test_nonsense_is_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Scenario(**change)  # type: ignore[arg-type]
