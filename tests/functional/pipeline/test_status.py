"""Status is red when a night did not run, or did not come to its end; a green day or site hides nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run
from noojee_ingest.cli.program import app
from noojee_ingest.journal.events import Verdict
from noojee_ingest.model import State
from noojee_ingest.noojee import AuthenticationFailed
from noojee_ingest.pipeline.errors import NightUnderWay
from noojee_ingest.pipeline.night import Done, run_night
from noojee_ingest.pipeline.status import SiteStatus, status
from tests.functional.conftest import KEY
from tests.functional.pipeline.decisions import Archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Site


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
    assert status_of(site).alarm == ""
    site.pass_time(hours=3)
    late = status_of(site, NIGHTLY__DEADLINE="06:00")
    assert (late.exit_code, late.alarm[-12:]) == (3, ", is running")
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


def lists_down(site: Site) -> None:
    site.rule("retrieveMetaDataByHour", status=500)
    assert site.night().exit_code == 3


def key_refused(site: Site) -> None:
    site.simulator.set_key("c0ffee00-7a11-11ec-9d3c-00163e1a2b3c")
    with pytest.raises(AuthenticationFailed):
        site.night()


@pytest.mark.parametrize("failed", [lists_down, key_refused])
def test_the_day_of_a_first_night_that_failed_is_archived_by_the_second(
    site: Site, failed: Callable[[Site], None]
) -> None:
    failed(site)
    assert status_of(site).exit_code == 3
    assert [(day.day, day.unlisted_hours) for day in status_of(site).days[:1]] == [(date(2026, 3, 10), 24)]
    site.simulator.clear_rules()
    site.simulator.set_key(KEY)
    site.pass_time(hours=24)
    assert site.night().exit_code == 0
    known = {key for key, leg in site.legs().items() if leg["day"] == date(2026, 3, 10)}
    assert known == {leg.key for leg in site.simulator.truth().ended(date(2026, 3, 10))}
    assert [day.unlisted_hours for day in status_of(site).days] == [0, 0, None]


@both_kinds
def test_a_night_whose_lists_did_not_answer_is_red_until_one_is_good_again(
    site: Site, of_kind: Callable[[Site], None]
) -> None:
    of_kind(site)
    site.night()
    site.rule("getCampaignTemplateList", status=500)
    site.pass_time(hours=24)
    report = site.night()
    assert report.undone.startswith("1 not done, first: no call records are listed")
    told = status_of(site)
    assert (told.exit_code, sum(day.gaps for day in told.days)) == (3, 0)
    assert told.alarm == f"the latest night, of 2026-03-12 03:30 AEDT, left something: {report.undone}"
    assert told.runs[0].summary == report.summary
    assert report.undone in report.summary
    site.simulator.clear_rules()
    site.night()
    assert (status_of(site).exit_code, status_of(site).alarm) == (0, "")


def test_polls_that_fail_again_and_again_are_told(site: Site) -> None:
    site.night()
    site.rule("getCampaignTemplateList", status=500)
    site.poll()
    site.poll()
    assert status_of(site).alarm == ""
    site.poll()
    told = status_of(site)
    assert told.exit_code == 3
    assert told.alarm.startswith(
        "the latest 3 polls of the call record lists did not end well: the last one, of 2026-03"
    )
    site.simulator.clear_rules()
    site.poll()
    assert status_of(site).alarm == ""


def test_gaps_of_an_earlier_day_that_was_asked_for_by_name_are_red(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=2, days=4)
    assert site.night(day=date(2026, 3, 8)).exit_code == 3
    site.night()
    told = {day.day: (day.unlisted_hours, day.gaps) for day in status_of(site).days[:-1]}  # without today
    assert told.pop(date(2026, 3, 8)) == (0, 2)
    assert told == {date(2026, 3, 10): (0, 2)}  # nobody wanted the day between


def test_gaps_and_gone_objects_of_days_before_those_shown_stay_in_the_exit_code(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=2, days=3)
    site.night(day=date(2026, 3, 8))
    site.night()
    settings = site.settings()
    with site.catalogue() as catalogue:
        told = status(catalogue, settings, "here", days=1)
        assert (next(day.day for day in told.days), told.older_gaps) == (date(2026, 3, 10), 2)
        with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
            database.execute("update day set rejected = 0")
        assert (status(catalogue, settings, "here", days=1).exit_code) == 0
    with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
        database.execute("update day set rejected = 2 where day = '2026-03-08'")
        database.execute("insert into finding values ('object', 'a', 'gone object', 'here', '2026-03-08', '')")
        database.execute("update day set findings = findings + 1 where day = '2026-03-08'")
    with site.catalogue() as catalogue:
        told = status(catalogue, settings, "here", days=1)
    assert (told.exit_code, told.older_gaps, told.older_gone) == (4, 2, 1)
    config = str(site.folder.parent / "config.toml")
    environ = {f"NOOJEE_INGEST_{name}": text for name, text in {"SITES__HERE__API_KEY": KEY, **site.environ}.items()}
    said = CliRunner().invoke(app, ["status", "--days", "1", "--config", config], env=environ)
    assert said.exit_code == 4
    assert "Days before these: 2 gaps, 1 objects gone; see --days." in said.stdout


def test_days_below_the_target_are_told_and_change_no_exit_code(make_site: Callable[..., Site]) -> None:
    site = make_site(late_legs=2)
    site.night()
    told = status_of(site)
    day = next(day for day in told.days if day.day == date(2026, 3, 10))
    assert day.sums.complete is not None
    assert day.sums.complete < 100
    assert (told.exit_code, day.is_below, told.worst) == (0, True, day)
    told = status_of(site, NIGHTLY__TARGET_PERCENT=f"{day.sums.complete}")
    assert (told.exit_code, told.worst, [one.is_below for one in told.days]) == (0, None, [False, False])
    assert status_of(site, NIGHTLY__TARGET_PERCENT=f"{day.sums.complete + 0.1}").worst == day


def test_a_good_day_hides_no_bad_one_and_the_worst_is_named_first(make_site: Callable[..., Site]) -> None:
    site = make_site(not_audio_legs=2, days=4)
    site.night(day=date(2026, 3, 9))
    site.night()
    told = status_of(site)
    assert told.worst is not None
    assert told.worst.sums.complete == min(day.sums.complete for day in told.days if day.gaps and day.sums.complete)
    config = str(site.folder.parent / "config.toml")
    environ = {f"NOOJEE_INGEST_{name}": text for name, text in {"SITES__HERE__API_KEY": KEY, **site.environ}.items()}
    said = CliRunner().invoke(app, ["status", "--config", config], env=environ)
    first = said.stdout.splitlines()[0]
    assert first.startswith(f"here: worst is {told.worst.day:%a %Y-%m-%d}: {told.worst.sums.complete} %, ")
    assert "March 2026" in said.stdout
    assert " !" not in first
    document = json.loads(CliRunner().invoke(app, ["status", "--json", "--config", config], env=environ).stdout)
    assert document["sites"][0]["worst"] == told.worst.day.isoformat()
    assert document["sites"][0]["target"] == 100.0


def test_days_are_final_as_their_statements_say_and_a_day_without_one_is_not(site: Site) -> None:
    site.night()
    assert [(day.statement, day.is_final) for day in status_of(site).days] == [(1, False), (0, False)]
    for _ in range(3):
        site.pass_time(hours=24)
        site.night()
    assert [(day.statement, day.is_final) for day in status_of(site).days][:2] == [(2, True), (1, False)]


AT_WORK = """
import sys
from datetime import datetime
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run

catalogue = Catalogue.open(sys.argv[1])
begin_run(catalogue, site=sys.argv[2], flow="nightly", began=datetime.fromisoformat("2026-03-10T16:30:00+00:00"))
print("at work", flush=True)
sys.stdin.read()
"""


def test_a_final_day_of_which_a_leg_is_tried_again_is_final_no_more(make_site: Callable[..., Site]) -> None:
    site = make_site(never_legs=1)
    site.night(NIGHTLY__LATENESS_HOURS=1, NIGHTLY__LOOKBACK_DAYS=0)
    site.pass_time(days=1)
    site.night(NIGHTLY__LATENESS_HOURS=1, NIGHTLY__LOOKBACK_DAYS=0)
    of_day = {day.day: day for day in status_of(site).days}
    assert of_day[date(2026, 3, 10)].is_final
    archive = Archive(site)
    archive.decide(Verdict.RETRY, archive.first(State.MISSING)["leg_id"])
    of_day = {day.day: day for day in status_of(site).days}
    assert not of_day[date(2026, 3, 10)].is_final


def test_a_night_beside_another_one_does_nothing_and_says_so(site: Site) -> None:
    url = site.settings().catalogue.url
    site.poll()
    site.requests()

    def at_work(slug: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", AT_WORK, url, slug]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        return process

    with at_work("here") as one:
        try:
            with pytest.raises(NightUnderWay, match=f"night of site here: another is under way, process {one.pid} of "):
                site.night()
            assert (site.requests(), len(site.rows("select * from run"))) == ({}, 2)
            assert site.night(day=date(2026, 3, 10)).exit_code == 0
        finally:
            one.kill()
    with at_work("other") as another:
        try:
            assert site.night().exit_code == 0
        finally:
            another.kill()


def test_a_second_ctrl_c_is_noted_as_the_process_ends(site: Site) -> None:
    def interrupted(_: object) -> Done:
        raise KeyboardInterrupt

    with site.work() as work, pytest.raises(KeyboardInterrupt):
        run_night(work, submit=interrupted)
    (run,) = status_of(site).runs
    assert (run.exit_code, run.summary) == (130, "interrupted at once, by a second Ctrl-C")
