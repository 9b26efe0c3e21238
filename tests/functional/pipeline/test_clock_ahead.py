"""A machine whose clock is ahead would take what is still to come for nothing: it stops, and says why."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.pipeline.errors import ClockAhead

from .truth import untruths

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)
LISTS = ("getCampaignTemplateList", "getCallRecordList", "retrieveMetaDataByHour")


def ahead(site: Site, **by: float) -> None:
    """Our clock alone."""
    there = site.now()
    site.pass_time(**by)
    site.simulator.set_clock(there)


@pytest.mark.parametrize("by", [{"minutes": 7}, {"days": 1}, {"days": 8}], ids=str)
def test_a_night_by_a_clock_that_is_ahead_asks_and_notes_nothing(site: Site, by: dict[str, float]) -> None:
    site.night()
    right, files = site.now(), site.files()
    ahead(site, **by)
    with pytest.raises(ClockAhead, match=r"clock is .* ahead of the phone system's") as told:
        site.night()
    assert "time server" in str(told.value)
    assert site.files() == files
    site.set_clock(right + timedelta(days=1))
    report = site.night()
    assert (report.exit_code, untruths(site, report)) == (0, [])


def test_a_clock_that_is_ahead_by_less_than_an_hour_settles_in_does_no_harm(site: Site) -> None:
    ahead(site, minutes=4)
    report = site.night()
    assert (report.exit_code, untruths(site, report)) == (0, [])


def test_answers_of_a_time_to_come_are_none_where_the_phone_system_tells_no_date(site: Site) -> None:
    site.night()
    right = site.now()
    for name in LISTS:
        site.rule(name, headers={"Date": "today"})
    ahead(site, days=8)
    site.night()
    site.simulator.clear_rules()
    for night in range(1, 6):
        site.set_clock(right + timedelta(days=night))
        report = site.night()
        assert report.exit_code == 0
        known = {key for key, row in site.legs().items() if row["state"] == "archived"}
        assert {leg.key for leg in site.simulator.truth().ended(report.main_day)} <= known, night
