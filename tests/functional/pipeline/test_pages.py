"""A page that answers for the phone system with 200: no fault of the legs, which are archived once it is gone."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, cast

import pytest

from noojee_ingest.pipeline.work import MOST_PAGES, Pages

from .truth import untruths

if TYPE_CHECKING:
    from noojee_ingest.journal.events import AudioNotStored
    from noojee_ingest.model import Leg

    from .conftest import Site

DAY = date(2026, 3, 10)
AUDIO = "retrieveByCallRecordId"
PAGES = ["<html>Down for maintenance</html>", '{"error": "busy"}', ""]


@pytest.mark.parametrize("page", PAGES, ids=["HTML", "JSON", "nothing"])
@pytest.mark.parametrize("batch", [4, 200])
def test_a_night_of_pages_rejects_no_leg_for_good_and_says_so(site: Site, page: str, batch: int) -> None:
    site.rule(AUDIO, text=page)
    report = site.night(ARCHIVE__BATCH=batch)
    states = Counter(site.states().values())
    assert set(states) == {"pending"}
    assert states["pending"] > 2 * MOST_PAGES
    (problem,) = report.problems
    assert problem.startswith(f"{MOST_PAGES} legs in a row came as something else than audio")
    assert "noojee-ingest doctor --site here" in problem
    assert report.exit_code == 3
    assert untruths(site, report) == []
    workers = site.settings().archive.workers
    kept = list((site.folder / "store" / "evidence").rglob("*.bin"))
    assert len(kept) < MOST_PAGES + workers  # not the same page for each leg
    site.simulator.clear_rules()
    site.pass_time(hours=3)
    report = site.night()
    assert (set(site.states().values()), report.problems, report.exit_code) == ({"archived"}, [], 0)
    assert untruths(site, report) == []


def test_few_legs_that_are_no_audio_are_rejected_and_tried_once_more(site: Site) -> None:
    legs = sorted(site.simulator.truth().ended(DAY), key=lambda leg: leg.key)[: MOST_PAGES - 7]

    def answer_with_a_page() -> None:
        for leg in legs:
            site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, text="<html>")

    answer_with_a_page()
    site.night()
    first, *others = (leg.key for leg in legs)
    assert {key for key, state in site.states().items() if state == "rejected"} == {first, *others}
    site.simulator.clear_rules()
    for leg in legs[1:]:
        site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, text="<html>")
    site.simulator.reset_counters()
    site.night()
    assert sum(site.simulator.counters().audio_requests().values()) == 0  # not yet due
    site.pass_time(days=1)
    report = site.night()
    states = site.states()
    assert (states[first], {states[key] for key in others}) == ("archived", {"rejected"})
    assert untruths(site, report) == []
    site.simulator.clear_rules()
    site.simulator.reset_counters()
    site.pass_time(days=1)
    report = site.night()
    asked = site.simulator.counters().audio_requests()
    assert sum(asked[key] for key in others) == 0  # now a person decides
    assert untruths(site, report) == []


def test_one_sound_recording_in_between_and_nothing_is_taken_back() -> None:
    pages, leg, event = Pages(limit=3), cast("Leg", object()), cast("AudioNotStored", object())
    for _ in range(2):
        pages.rejected(leg, event, ValueError("a page"))
        pages.rejected(leg, event, ValueError("a page"))
        pages.broken()
    assert (pages.is_on, pages.to_take_back()) == (False, [])
    for _ in range(3):
        pages.rejected(leg, event, ValueError("a page"))
    pages.broken()
    assert pages.is_on
    assert [len(pages.to_take_back()) for _ in range(2)] == [3, 0]
