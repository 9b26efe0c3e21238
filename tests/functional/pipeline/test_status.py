"""Status is red when a night did not run, or did not come to its end; a green day or site hides nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run
from noojee_ingest.cli.program import app
from noojee_ingest.noojee import AuthenticationFailed
from noojee_ingest.pipeline.status import SiteStatus, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Site

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"


def status_of(site: Site, slug: str = "here", **environ: Any) -> SiteStatus:
    settings = site.settings(**environ)
    with closing(Catalogue.open(settings.catalogue.url)) as catalogue:
        return status(catalogue, settings, slug)


def without_the_list(site: Site) -> None:
    site.environ["SITES__HERE__BY_HOUR"] = "false"


def with_the_list(_: Site) -> None:
    pass


both_kinds = pytest.mark.parametrize("of_kind", [with_the_list, without_the_list], ids=["by hour", "without the list"])


@both_kinds
def test_a_site_that_never_had_a_night_is_red(site: Site, of_kind: Callable[[Site], None]) -> None:
    of_kind(site)
    told = status_of(site)
    assert (told.exit_code, told.alarm, told.days) == (3, "no night has run yet", [])
    site.poll()
    assert status_of(site).alarm == "no night has run yet"


@both_kinds
def test_it_is_green_after_a_good_night_and_red_when_the_next_one_does_not_run(
    site: Site, of_kind: Callable[[Site], None]
) -> None:
    of_kind(site)
    assert site.night().exit_code == 0
    told = status_of(site)
    assert (told.exit_code, told.alarm) == (0, "")
    site.pass_time(hours=24)
    told = status_of(site)
    assert told.exit_code == 3
    assert told.alarm == "no night has come to its end since that of 2026-03-11 03:30 AEDT, 1 day waits"
    site.pass_time(hours=48)
    assert status_of(site).alarm.endswith(", 3 days wait")


def test_a_night_with_gaps_did_run(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=2)
    assert site.night().exit_code == 3
    told = status_of(site)
    assert (told.exit_code, told.alarm) == (3, "")


def test_a_day_that_was_asked_for_by_name_is_no_night(site: Site) -> None:
    assert site.night(day=date(2026, 3, 10)).exit_code == 0
    told = status_of(site)
    assert (told.exit_code, told.alarm) == (3, "no night has run yet")
    assert told.runs[0].flow == "nightly --day"
    site.night()
    assert status_of(site).exit_code == 0


@both_kinds
def test_a_night_that_failed_did_not_run_and_its_fate_is_told(site: Site, of_kind: Callable[[Site], None]) -> None:
    of_kind(site)
    site.simulator.set_key("c0ffee00-7a11-11ec-9d3c-00163e1a2b3c")
    with pytest.raises(AuthenticationFailed):
        site.night()
    told = status_of(site)
    assert told.exit_code == 3
    fate = "the latest, of 2026-03-11 03:30 AEDT, ended with exit code 1"
    assert told.alarm == f"no night has come to its end yet: {fate}"


@both_kinds
def test_a_night_that_failed_after_a_good_one_is_told_until_one_is_good_again(
    site: Site, of_kind: Callable[[Site], None]
) -> None:
    of_kind(site)
    site.night()
    site.pass_time(hours=24)
    site.simulator.set_key("c0ffee00-7a11-11ec-9d3c-00163e1a2b3c")
    with pytest.raises(AuthenticationFailed):
        site.night()
    told = status_of(site)
    since = "no night has come to its end since that of 2026-03-11 03:30 AEDT, 1 day waits"
    assert told.alarm == f"{since}: the latest, of 2026-03-12 03:30 AEDT, ended with exit code 1"
    site.simulator.set_key(KEY)
    site.night()
    assert status_of(site).alarm == ""


def test_a_night_that_died_or_still_runs_is_told_so(site: Site) -> None:
    site.night()
    site.pass_time(hours=24)
    with site.catalogue() as catalogue:
        run_id = begin_run(catalogue, site="here", flow="nightly", began=site.now())
    assert status_of(site).alarm.endswith(": the latest, of 2026-03-12 03:30 AEDT, is running")
    with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
        database.execute("update run set started = 1.0 where run_id = ?", [run_id])  # another process has its id now
    told = status_of(site)
    assert (told.exit_code, told.alarm[-4:]) == (3, "died")


@both_kinds
def test_a_night_is_wanting_from_its_deadline_on_where_it_has_one(site: Site, of_kind: Callable[[Site], None]) -> None:
    of_kind(site)
    site.night()
    site.pass_time(hours=24)
    told = status_of(site, NIGHTLY__DEADLINE="06:00")
    assert (told.exit_code, told.alarm) == (0, "")
    assert told.days[-1].gaps == 0
    site.pass_time(hours=3)
    told = status_of(site, NIGHTLY__DEADLINE="06:00")
    assert told.exit_code == 3
    assert told.alarm.endswith("1 day waits")


def test_a_catalogue_that_was_rebuilt_knows_of_no_run_and_goes_by_the_hours(site: Site) -> None:
    site.night()
    with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
        database.execute("delete from run")
    told = status_of(site)
    assert (told.exit_code, told.alarm) == (0, "")
    site.pass_time(hours=24)
    assert [day.unlisted_hours for day in status_of(site).days] == [0, 24]


def test_all_sites_are_shown_and_a_green_one_hides_no_red_one(site: Site) -> None:
    site.night()
    site.environ |= {
        "SITES__OTHER__ZONE": "Australia/Perth",
        "SITES__OTHER__URL": "http://127.0.0.1:9",
        "SITES__OTHER__API_KEY": KEY,
    }
    assert (status_of(site).exit_code, status_of(site, "other").exit_code) == (0, 3)
    variables = {"SITES__HERE__API_KEY": KEY, **site.environ}
    config = str(site.folder.parent / "config.toml")
    environ = {f"NOOJEE_INGEST_{name}": text for name, text in variables.items()}
    for more, code in (((), 3), (("--site", "here"), 0), (("--site", "other"), 3)):
        said = CliRunner().invoke(app, ["status", "--json", "--config", config, *more], env=environ)
        assert said.exit_code == json.loads(said.stdout)["exit_code"] == code
    said = CliRunner().invoke(app, ["status", "--config", config], env=environ)
    assert "here, days of Australia/Melbourne" in said.stdout
    assert "other: no night has run yet. Run `noojee-ingest nightly --site other`." in said.stdout


def test_yesterday_is_that_of_the_site(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.night()
    site.pass_time(hours=20)  # 23:30
    assert status_of(site).alarm == ""
    site.set_clock(site.now() + timedelta(hours=1))  # half past midnight: another day waits for its night
    assert status_of(site).alarm.endswith("1 day waits")
