"""The nights after the first: what is asked again, what is fetched again, and above all what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest import model
from noojee_ingest.pipeline.errors import NoSuchDay, NoSuchSite
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.pipeline.reconcile import reconcile
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from .conftest import Site

DAY = date(2026, 3, 10)
LISTS = {"getCampaignTemplateList": 1, "getCallRecordList": 3}
"""What every night asks, whatever it knows: the call record list holds only what is recent."""


def test_a_second_run_asks_fetches_and_changes_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(never_legs=2, late_legs=2, not_audio_legs=3, cut_wav_legs=1, unexplained_calls=2)
    first = site.night()
    before = site.files()
    site.requests()
    second = site.night()
    assert site.requests() == LISTS
    assert site.files() == before
    assert second.nothing_needed
    assert not first.nothing_needed
    assert second.exit_code == first.exit_code == 3
    totals = [[day.total for day in report.days if day.day == DAY] for report in (first, second)]
    assert totals[0] == totals[1]


def test_a_simulated_site_does_not_see_the_calendar_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'data = "{tmp_path}/data"\n[sites.demo]\nzone = "Australia/Melbourne"\nby_hour_interval_seconds = 0.001\n'
        "[sites.demo.simulator]\nnow = 2026-03-11T03:30:00+11:00\ndays = 1\ncalls_a_day = 20\n"
    )
    reports = []
    for days in (0, 1, 400):
        with monkeypatch.context() as patch:
            patch.setattr(model, "now_utc", lambda days=days: datetime.now().astimezone() + timedelta(days=days))
            with open_work(load(config, {}), "demo", actor="test", stop=stop) as work:
                reports.append(run_night(work))
    assert not reports[0].nothing_needed
    assert [report.nothing_needed for report in reports[1:]] == [True, True]
    assert {report.main_day for report in reports} == {DAY}


def test_what_was_late_is_fetched_when_it_is_there_and_only_that(make_site: Callable[..., Site]) -> None:
    site = make_site(late_legs=3, never_legs=2)
    site.night()
    late = {leg.key for leg in site.simulator.truth().legs if leg.trouble == "late" and leg.day == DAY}
    waiting = {key for key, state in site.states().items() if state == "pending"}
    assert late <= waiting
    site.simulator.reset_counters()
    site.pass_time(hours=21)
    report = site.night()
    of_day = {key: row["state"] for key, row in site.legs().items() if row["day"] == DAY}
    assert {of_day[key] for key in late} == {"archived"}
    assert "pending" not in of_day.values()
    asked = site.simulator.counters().audio_requests()
    assert {key: number for key, number in asked.items() if key in of_day} == dict.fromkeys(waiting, 1)
    assert next(day for day in report.days if day.day == DAY).total.states["missing"] == 2


def test_a_leg_that_is_not_there_is_asked_for_again_only_when_it_is_due(make_site: Callable[..., Site]) -> None:
    site = make_site(late_legs=1)
    site.night()
    (key,) = [key for key, state in site.states().items() if state == "pending"]
    for minutes, expected in ((30, 0), (35, 1), (60, 0), (65, 1)):  # first after one hour, then after two
        site.requests()
        site.pass_time(minutes=minutes)
        site.night(NIGHTLY__LATENESS_HOURS=48)
        assert site.requests().get("retrieveByCallRecordId", 0) == expected, minutes
    assert site.legs()[key]["tries"] == 3


def test_a_leg_is_called_missing_only_by_a_look_after_the_lateness_allowance(site: Site) -> None:
    leg = max((leg for leg in site.simulator.truth().ended(DAY)), key=lambda leg: leg.end)
    site.rule("retrieveByCallRecordId", match={"callRecordId": leg.call_record_id, "leg": leg.leg}, status=404)
    for hours in (6, 8, 11.5):  # the waits double: the next one is due 15.5 hours after the end
        site.set_clock(leg.end + timedelta(hours=hours))
        site.night(day=DAY)
        assert site.states()[leg.key] == "pending"
    site.simulator.clear_rules()  # it has come at last, and the allowance of 12 hours is over
    site.set_clock(leg.end + timedelta(hours=12.5))
    site.night(day=DAY)
    assert site.states()[leg.key] == "archived"


def test_reconciling_alone_calls_no_leg_missing_that_was_not_asked_for_since(site: Site) -> None:
    leg = max((leg for leg in site.simulator.truth().ended(DAY)), key=lambda leg: leg.end)
    site.rule("retrieveByCallRecordId", match={"callRecordId": leg.call_record_id, "leg": leg.leg}, status=404)
    site.night()
    site.set_clock(leg.end + timedelta(hours=12.5))
    with site.work() as work:
        reconcile(work, DAY)
    assert site.states()[leg.key] == "pending"
    site.night(day=DAY)
    assert site.states()[leg.key] == "missing"


def test_a_leg_that_is_pending_for_longer_than_the_allowance_is_overdue_and_that_is_a_gap(site: Site) -> None:
    leg = min(site.simulator.truth().ended(DAY), key=lambda leg: leg.end)
    site.rule("retrieveByCallRecordId", match={"callRecordId": leg.call_record_id, "leg": leg.leg}, status=500)
    assert site.night(NIGHTLY__LATENESS_HOURS=48).exit_code == 0
    site.pass_time(minutes=10)  # by now the allowance is lower, but the leg is not due
    report = site.night(NIGHTLY__LATENESS_HOURS=1)
    assert site.states()[leg.key] == "pending"
    assert next(day for day in report.days if day.day == DAY).overdue == 1
    assert report.exit_code == 3


def listed(site: Site) -> dict[str, list[datetime]]:
    """When each hour (``2026-03-10T21``) was listed, by the journal."""
    found: dict[str, list[datetime]] = {}
    for event in site.events("metadata extraction"):
        if event["view"] == "by-hour":
            found.setdefault(event["object"]["id"], []).append(datetime.fromisoformat(event["asked_at"]))
    return found


def test_every_hour_is_listed_when_it_is_over_and_once_more_when_the_lookback_has_passed(site: Site) -> None:
    for _ in range(3):
        site.night(NIGHTLY__LOOKBACK_DAYS=1)
        site.pass_time(days=1)
    looks = listed(site)
    assert len(looks) == 3 * 24
    assert {len(times) for times in looks.values()} == {1, 2}
    zone = site.settings().sites["here"].zone
    for hour, times in looks.items():
        over = datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=zone) + timedelta(hours=1)
        passed, last_night = over + timedelta(days=1), site.now() - timedelta(days=1)
        assert times[0] > over
        if times[0] < passed < last_night:  # what is first listed after the lookback is listed once
            assert len(times) == 2
            assert times[1] > passed
        else:
            assert len(times) == 1


def test_a_lookback_that_differed_is_followed_by_another_until_two_agree(site: Site) -> None:
    busy = max(site.simulator.truth().ended(DAY), key=lambda leg: leg.start).end.astimezone(site.began.tzinfo).hour
    first = site.began
    looks = []
    for days, tag in ((0, ""), (4, "one"), (5, "two"), (6, "two"), (7, "three")):
        site.set_clock(first + timedelta(days=days))
        site.simulator.clear_rules()
        if tag:
            hour = {"date": "2026/03/10", "hour": str(busy)}
            site.rule("retrieveMetaDataByHour", match=hour, edit={"set": {"Tag": f'"{tag}"'}})
        site.requests()
        site.night(day=DAY)
        looks.append(site.requests().get("retrieveMetaDataByHour", 0))
    assert looks == [24, 24, 1, 1, 0]
    assert {row["tag"] for row in site.legs().values() if row["day"] == DAY and row["hour"] == busy} == {"two"}


def test_a_lookback_longer_than_the_catch_up_comes_all_the_same(site: Site) -> None:
    waits = {"NIGHTLY__LOOKBACK_DAYS": 2, "NIGHTLY__CATCH_UP_DAYS": 0}
    site.night(**waits)
    site.requests()
    site.pass_time(days=3)
    site.night(**waits)
    assert {len(times) for hour, times in listed(site).items() if hour.startswith("2026-03-10")} == {2}


def test_a_missed_night_is_caught_up(site: Site) -> None:
    site.night()
    site.pass_time(days=2)
    report = site.night()
    days = [DAY + timedelta(days=number) for number in (1, 2)]
    truth = {leg.key for leg in site.simulator.truth().ended() if leg.day in days}
    archived = {key for key, row in site.legs().items() if row["state"] == "archived" and row["day"] in days}
    assert archived == truth
    assert [day.day for day in report.days if day.day in days] == days
    assert report.exit_code == 0


def test_no_more_days_are_caught_up_than_the_setting_says(site: Site) -> None:
    site.night()
    site.requests()
    site.pass_time(days=4)
    site.night(NIGHTLY__CATCH_UP_DAYS=1, NIGHTLY__LOOKBACK_DAYS=0)
    assert site.requests()["retrieveMetaDataByHour"] == 2 * 24


def test_one_day_alone_can_be_asked_for(make_site: Callable[..., Site]) -> None:
    site = make_site(days=4)
    wanted = date(2026, 3, 8)
    report = site.night(day=wanted)
    truth = {leg.key for leg in site.simulator.truth().ended(wanted)}
    assert {key for key, row in site.legs().items() if row["state"] == "archived"} == truth
    assert report.main_day == wanted
    assert site.requests()["retrieveMetaDataByHour"] == 24
    assert site.night(day=wanted).nothing_needed  # first listed after the lookback: once is enough
    assert site.requests().get("retrieveMetaDataByHour", 0) == 0


def test_a_site_that_is_not_in_the_settings_is_named_beside_those_that_are(site: Site, stop: threading.Event) -> None:
    with pytest.raises(NoSuchSite, match=r"there is no site 'nowhere' in the configuration. Sites: here\."):  # noqa: SIM117
        with open_work(site.settings(), "nowhere", actor="test", stop=stop):
            pass


def test_without_the_by_hour_list_the_site_lives_on_call_records_and_unique_ids(make_site: Callable[..., Site]) -> None:
    site = make_site(unexplained_calls=2)
    report = site.night(SITES__HERE__BY_HOUR="false")
    asked = site.requests()
    assert "retrieveMetaDataByHour" not in asked
    told = {row["unique_id"] for row in site.rows(f"select unique_id from call where day = '{DAY}'")}
    truth = {leg.key for leg in site.simulator.truth().ended() if leg.unique_id in told}
    assert truth
    assert {key for key, row in site.legs().items() if row["state"] == "archived"} == truth
    assert next(day for day in report.days if day.day == DAY).total.calls_unexplained == 2
    site.night(SITES__HERE__BY_HOUR="false")
    assert site.requests() == LISTS


def test_the_by_hour_list_where_there_is_none_is_told_once_with_the_setting_to_change(site: Site) -> None:
    site.rule("retrieveMetaDataByHour", status=404)
    report = site.night()
    (problem,) = report.problems
    assert "from 00 of 2026-03-10 on" in problem
    assert "sites.here.by_hour = false" in problem
    assert report.exit_code == 3
    assert site.requests()["retrieveMetaDataByHour"] == 1


def test_a_call_across_midnight_completes_and_each_leg_is_of_the_day_of_its_end(site: Site) -> None:
    site.night()
    calls: dict[str, list[Any]] = {}
    for leg in site.simulator.truth().legs:
        calls.setdefault(leg.call_record_id, []).append(leg)
    across = [legs for legs in calls.values() if {leg.day for leg in legs} == {DAY, DAY + timedelta(days=1)}]
    assert across
    site.set_clock(datetime.fromisoformat("2026-03-12T03:30:00+11:00"))
    site.night()
    known = site.legs()
    for legs in across:
        assert [(known[leg.key]["state"], known[leg.key]["day"]) for leg in legs] == [
            ("archived", leg.day) for leg in legs
        ]


@pytest.mark.parametrize(
    ("day", "now", "hours"),
    [
        (date(2026, 4, 5), "2026-04-06T03:30:00+10:00", 25),
        (date(2025, 10, 5), "2025-10-06T03:30:00+11:00", 23),
    ],
    ids=["an hour that happens twice", "an hour that never happens"],
)
def test_a_day_on_which_the_clocks_change_completes(
    make_site: Callable[..., Site], day: date, now: str, hours: int
) -> None:
    site = make_site(now=datetime.fromisoformat(now), calls_a_day=150)
    report = site.night()
    truth = {leg.key: leg for leg in site.simulator.truth().ended(day)}
    span = max(leg.end for leg in truth.values()) - min(leg.end for leg in truth.values())
    assert span <= timedelta(hours=hours)
    legs = {key: row for key, row in site.legs().items() if row["day"] == day}
    assert {key: row["state"] for key, row in legs.items()} == dict.fromkeys(truth, "archived")
    assert {key: row["end"] for key, row in legs.items()} == {key: leg.end for key, leg in truth.items()}
    assert report.exit_code == 0
    assert site.requests()["retrieveMetaDataByHour"] == min(hours, 24)  # the hour that happens twice is one list
    assert site.night().nothing_needed


def test_a_change_of_the_clocks_between_first_look_and_lookback_lists_every_hour_again(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(now=datetime.fromisoformat("2026-04-04T03:30:00+11:00"))
    site.night()
    site.set_clock(datetime.fromisoformat("2026-04-07T03:30:00+10:00"))
    site.night()
    again = sorted(hour for hour, times in listed(site).items() if len(times) == 2)
    assert again == [f"2026-04-03T{hour:02d}" for hour in range(24)]


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-03-12", "this day is still to come; today is 2026-03-11 there"),
        ("9999-12-31", "is still to come"),
        ("1969-12-31", "is before any recording"),
        ("0001-01-01", "is before any recording"),
    ],
)
def test_a_day_of_which_there_can_be_nothing_is_refused_before_a_run_begins(site: Site, day: str, said: str) -> None:
    with pytest.raises(NoSuchDay, match=said):
        site.night(day=date.fromisoformat(day))
    assert site.rows("select * from run") == []
    assert site.simulator.counters().requests == {}


@pytest.mark.parametrize("day", ["2026-03-11", "1970-01-01"])
def test_the_first_day_and_today_can_be_asked_for(site: Site, day: str) -> None:
    assert site.night(day=date.fromisoformat(day)).main_day == date.fromisoformat(day)
