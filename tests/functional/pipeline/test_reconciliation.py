"""``reconcile --day``: the views of a day side by side, and what does not fit."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.journal.events import Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline.errors import NoSuchDay, NoSuchSite
from noojee_ingest.pipeline.reconciliation import Reconciliation, reconcile_day

from .test_matching import call_of

if TYPE_CHECKING:
    from tests.functional.pipeline.decisions import Archive

    from .conftest import Site

DAY = date(2026, 3, 10)


def reconciled(site: Site, day: date = DAY, **environ: Any) -> Reconciliation:
    return reconcile_day(site.settings(**environ), "here", day)


def of_day(site: Site) -> list[dict[str, Any]]:
    return [row for row in site.legs().values() if row["day"] == DAY]


def test_the_views_of_a_sound_day_add_up(site: Site) -> None:
    site.night()
    legs = of_day(site)
    site.requests()
    found = reconciled(site)
    assert site.requests() == {}, "the phone system is asked nothing"
    assert found.exit_code == 0
    assert found.views.told_by == {("by-hour",): len(legs)}
    assert found.views.states["archived"] == sum(found.views.states.values()) == len(legs)
    assert (found.objects.named, found.objects.there) == (len(legs), len(legs))
    assert (found.objects.gone, found.objects.orphans, found.objects.under_way, found.objects.withdrawn) == (0, 0, 0, 0)
    calls = site.rows("select record_link, unique_link, judged from call")
    links = {row[name] for row in calls for name in ("record_link", "unique_link")} - {""}
    assert found.views.legs_with_call == sum(bool({row["record_link"], row["unique_link"]} & links) for row in legs)
    assert 0 < found.views.legs_with_call < len(legs)
    assert (found.contradictions, found.hours_due, found.calls_due) == ((), 0, 0)
    assert found.summary == f"complete: {len(legs)} of {len(legs)} legs archived"


def test_gaps_are_3_and_the_states_are_those_of_the_truth(make_site: Callable[..., Site]) -> None:
    site = make_site(never_legs=2, not_audio_legs=3, unexplained_calls=2)
    site.night()
    found = reconciled(site)
    assert found.exit_code == 3
    counted = Counter(row["state"] for row in of_day(site))
    assert {state: number for state, number in found.views.states.items() if number} == counted
    assert found.summary.startswith("gaps: ")


def test_what_is_due_is_told_and_not_asked(site: Site) -> None:
    site.night()
    site.pass_time(hours=80)
    site.requests()
    assert reconciled(site).hours_due == 24
    assert site.requests() == {}


def test_an_object_that_is_gone_is_4_and_noted_once(site: Site) -> None:
    site.night()
    next(path for path in site.audio_files() if f"day={DAY}" in str(path)).unlink()
    found = reconciled(site)
    assert (found.exit_code, found.objects.gone, found.objects.there) == (4, 1, found.objects.named - 1)
    assert found.report.findings["gone object"] == 1
    assert found.is_new
    again = reconciled(site)
    assert (again.exit_code, again.objects.gone, again.events) == (4, 1, 0)


def test_an_object_of_a_dead_run_is_adopted_and_one_of_nobody_is_told(site: Site) -> None:
    site.night()
    row = of_day(site)[0]
    (audio,) = site.archive.glob(f"audio/*/*/{row['leg_id']}-*.wav")
    stray = audio.with_name(f"{'0' * 32}-{audio.name.partition('-')[2]}")
    for one, other in ((audio, stray), (audio.with_name(audio.name + ".json"), stray.with_name(stray.name + ".json"))):
        other.write_bytes(one.read_bytes())
    found = reconciled(site)
    assert (found.exit_code, found.objects.orphans, found.recovery.orphans) == (0, 1, 1)
    assert found.objects.there == found.objects.named + 1
    assert found.report.findings["orphan object"] == 1


def test_sums_that_are_not_those_of_the_rows_are_4(site: Site) -> None:
    site.night()
    with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
        database.execute("update day set archived = archived + 1, calls_explained = 77 where day = '2026-03-10'")
    found = reconciled(site)
    assert found.exit_code == 4
    told = len(of_day(site))
    assert found.contradictions[0].startswith(f"the catalogue's sum of archived is {told + 1}, its rows are {told}: ")
    assert found.contradictions[1].startswith("the catalogue's sum of calls explained is 77, ")


def test_a_day_of_which_nothing_is_known_has_no_statement(site: Site) -> None:
    site.night()
    found = reconciled(site, date(2026, 3, 2))
    assert (found.statement, found.is_new, found.events, found.report.unlisted_hours) == (0, False, 0, 24)
    assert found.exit_code == 3


def test_a_day_to_come_and_a_site_that_is_none_are_refused(site: Site) -> None:
    site.night()
    with pytest.raises(NoSuchDay):
        reconciled(site, date(2026, 3, 12))
    with pytest.raises(NoSuchSite):
        reconcile_day(site.settings(), "there", DAY)


def test_it_needs_no_key_and_no_phone_system(site: Site) -> None:
    site.night()
    assert reconciled(site, SITES__HERE__URL="http://127.0.0.1:9").exit_code == 0


def test_beside_a_night_it_does_no_harm(site: Site) -> None:
    """In the midst of a night: what is stored and not journalled yet is taken over, and counts once."""
    seen: list[Reconciliation] = []

    from noojee_ingest.pipeline.night import Done, run_night  # noqa: PLC0415

    def submit(legs: Any) -> Done:
        done = Done(work, legs)
        seen.append(reconciled(site))
        return done

    with site.work(ARCHIVE__BATCH="5") as work:
        report = run_night(work, submit=submit)
    assert len(seen) > 3
    assert report.exit_code == 0
    known = site.legs()
    assert {row["state"] for row in known.values()} == {"archived"}
    assert len(site.audio_files()) == len(known)
    assert site.findings() == [finding for finding in site.findings() if finding[0] == "statement conflict"]
    assert reconciled(site).exit_code == 0


def test_two_lists_that_tell_different_things_of_a_leg_are_a_finding(site: Site) -> None:
    hours = "retrieveMetaDataByHour"
    one, other = call_of(site, 2, dialled=True)
    site.rule(hours, edit={"where": {"UniqueId": one.unique_id}, "drop": True})  # so it is asked about by its unique id
    site.night()
    site.simulator.clear_rules()
    site.rule(hours, edit={"where": {"UniqueId": one.unique_id}, "set": {"Username": '"somebody"'}})
    site.pass_time(days=4)
    site.night(day=DAY)
    found = reconciled(site)
    known = site.legs()
    expected = {known[leg.key]["leg_id"]: "otherwise than by-unique-id: username" for leg in (one, other)}
    rows = site.rows("select * from finding where kind = 'view disagreement'")
    assert {row["object_id"]: row["detail"] for row in rows} == expected
    assert found.report.findings["view disagreement"] == 2
    assert found.views.told_by["by-hour", "by-unique-id"] == 2


def test_a_day_with_pending_legs_is_complete_but_for_them(make_site: Callable[..., Site]) -> None:
    site = make_site(late_legs=2)
    site.night(NIGHTLY__LATENESS_HOURS=48)
    pending = sum(state == "pending" for state in site.states().values())
    assert pending
    found = reconciled(site, NIGHTLY__LATENESS_HOURS=48)
    assert (found.exit_code, found.summary.partition(":")[0]) == (0, f"complete but for {pending} pending")


def test_a_day_that_is_not_over_is_complete_so_far(site: Site) -> None:
    site.night()
    found = reconciled(site, date(2026, 3, 11))
    assert found.summary.startswith("complete so far"), found.summary


def test_what_a_quarantine_took_out_is_not_gone(archive: Archive) -> None:
    archive.decide(Verdict.QUARANTINE, archive.first(State.ARCHIVED)["leg_id"])
    found = reconciled(archive.site)
    assert (found.objects.gone, found.objects.withdrawn, found.exit_code) == (0, 1, 0)
