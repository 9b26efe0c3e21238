"""Days of a site by its clocks, held against the phone system's own truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.pipeline.status import DayStatus, status
from noojee_ingest.simulator import TrueLeg

if TYPE_CHECKING:
    from noojee_ingest.pipeline.report import NightReport

    from .conftest import Site

MELBOURNE = ZoneInfo("Australia/Melbourne")
BACK, FORWARD = date(2026, 4, 5), date(2026, 10, 4)
"""The days of 2026 on which Melbourne's clocks go back, and forward."""
LISTS, AUDIO = "retrieveMetaDataByHour", "retrieveByCallRecordId"


def at(zone: ZoneInfo, day: date, hour: int, minute: int, *, fold: int = 0) -> datetime:
    """A time by a site's clocks; ``fold=1``: the second of two."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold)


def open_at(make_site: Callable[..., Site], now: datetime, **scenario: object) -> Site:
    """A site in the zone of ``now`` (which is not UTC's), where it is that time."""
    zone = str(now.tzinfo)
    plain = datetime.fromisoformat(now.isoformat())
    site = make_site(**{"zone": zone, "now": plain, **scenario})
    site.environ["SITES__HERE__ZONE"] = zone
    return site


def morning_after(day: date, zone: ZoneInfo) -> datetime:
    """Half past midnight, when a day's night begins."""
    return at(zone, day + timedelta(days=1), 0, 30)


def hours_asked(site: Site, day: date) -> Counter[int]:
    """How often each hour of a day was listed, as the journal has it."""
    scopes = [one["object"]["id"] for one in site.events("metadata extraction") if one["view"] == "by-hour"]
    return Counter(int(scope[11:]) for scope in scopes if scope.startswith(f"{day}T"))


def truth_of(site: Site, day: date) -> dict[str, TrueLeg]:
    return {leg.key: leg for leg in site.simulator.truth().ended(day)}


def check_complete(site: Site, day: date, zone: ZoneInfo, report: NightReport) -> None:
    """Every leg of a day is archived, once, under the day and hour at which it ended by the site's clocks."""
    truth = truth_of(site, day)
    legs = {key: leg for key, leg in site.legs().items() if leg["day"] == day}
    assert truth
    assert legs.keys() == truth.keys()
    assert {leg["state"] for leg in legs.values()} == {"archived"}
    for key, leg in legs.items():
        assert (leg["start"], leg["end"]) == (truth[key].start, truth[key].end)
        assert leg["hour"] == truth[key].end.astimezone(zone).hour
    files = [path for path in site.audio_files() if f"day={day}" in path.parts]
    assert len(files) == len(truth)
    (told,) = (one for one in report.days if one.day == day)
    assert told.unlisted_hours == 0
    by_hour = {hour: line.expected for hour, line in told.hours.items() if hour is not None and line.expected}
    assert by_hour == Counter(leg.end.astimezone(zone).hour for leg in truth.values())
    assert told.total.expected == told.total.states["archived"] == len(truth)
    assert report.exit_code == 0


def status_of_day(site: Site, day: date) -> DayStatus:
    settings = site.settings()
    with closing(Catalogue.open(settings.catalogue.url)) as catalogue:
        told = status(catalogue, settings, "here")
    (found,) = (one for one in told.days if one.day == day)
    return found
