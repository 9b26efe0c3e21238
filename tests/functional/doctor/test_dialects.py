"""The doctor finds its way in every dialect, and what it prints makes the next night complete."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from noojee_ingest.cli.program import app
from noojee_ingest.pipeline.doctor import Result
from noojee_ingest.simulator import Dialect
from tests.functional.conftest import KEY
from tests.functional.doctor.conftest import Surgery

Make = Callable[..., Surgery]
AUDIO = "audio by call record id"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_what_it_prints_makes_the_next_night_complete(make_surgery: Make, dialect: Dialect) -> None:
    surgery = make_surgery(dialect=dialect)
    found = surgery.examine()
    assert (found.toml == "") == (dialect is Dialect.PROPOSED)
    surgery.configure(found.toml)
    again = surgery.examine()
    assert again.toml == ""
    assert again.of(AUDIO) is Result.OK
    report = surgery.night()
    assert (report.exit_code, report.problems) == (0, [])
    states = [day.total.states for day in report.days]
    assert sum(of_day["archived"] for of_day in states) == sum(map(sum, (of_day.values() for of_day in states)))
    assert sum(of_day["archived"] for of_day in states) >= 12
    assert not any(day.findings for day in report.days)  # no leg has another one's audio: lengths are as told


@pytest.mark.parametrize("dialect", list(Dialect))
def test_what_it_prints_makes_both_tag_verbs_work(make_surgery: Make, dialect: Dialect) -> None:
    surgery = make_surgery(dialect=dialect)
    surgery.configure(surgery.examine().toml)
    legs = surgery.simulator.truth().legs
    one = next(
        leg
        for leg in legs
        if leg.tag and {other.unique_id for other in legs if other.tag == leg.tag} == {leg.unique_id}
    )
    for verb in (["list"], ["get", "--leg", one.leg, "--output", str(surgery.folder / "got")]):
        arguments = ["recording", *verb, "--tag", one.tag, "--json", "--config", str(surgery.config)]
        said = CliRunner().invoke(app, arguments, env={"NOOJEE_INGEST_SITES__HERE__API_KEY": KEY})
        assert said.exit_code == 0, said.stderr
        assert one.leg in {entry["leg"] for entry in next(iter(json.loads(said.stdout).values()))}
    again = surgery.examine()
    assert (again.of("meta data by tag"), again.of("audio by tag")) == (Result.OK, Result.OK)


@pytest.mark.parametrize("dialect", [one for one in Dialect if one is not Dialect.PROPOSED])
def test_without_what_it_prints_the_night_is_not_complete(make_surgery: Make, dialect: Dialect) -> None:
    surgery = make_surgery(dialect=dialect)
    assert surgery.examine().exit_code == 1
    try:
        code = surgery.night().exit_code
    except Exception:
        code = 1
    assert code != 0


@pytest.mark.parametrize(
    ("dialect", "before", "after"),
    [("proposed", 0, 0), ("other-audio", 1, 0), ("no-by-hour", 1, 3), ("hash-only", 1, 3)],
)
def test_the_exit_code_tells_as_configured(make_surgery: Make, dialect: str, before: int, after: int) -> None:
    surgery = make_surgery(dialect=dialect)
    found = surgery.examine()
    assert found.exit_code == before
    surgery.configure(found.toml)
    assert surgery.examine().exit_code == after
