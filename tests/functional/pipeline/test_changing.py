"""What comes late, changes or goes away at the phone system after it was told of."""

from __future__ import annotations

import json
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.search import Search
from noojee_ingest.journal.events import LegSeen, Verdict
from noojee_ingest.pipeline.decide import decide, select
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.pipeline.show import show
from noojee_ingest.storage.root import RootName

from .truth import untruths

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Site

DAY = date(2026, 3, 10)
HOURS, AUDIO = "retrieveMetaDataByHour", "retrieveByCallRecordId"


@pytest.fixture
def changing(site: Site) -> SimpleNamespace:
    """A site after its first night, and one leg of it."""
    leg = max(site.simulator.truth().ended(DAY), key=lambda leg: leg.seconds if leg.form == "pcm" else 0)
    assert site.night().exit_code == 0
    site.requests()

    def audio_rule(**answer: Any) -> None:
        site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, **answer)

    def told_as(**values: str) -> None:
        where = {"CallRecordId": leg.call_record_id, "Leg": leg.leg}
        site.rule(HOURS, edit={"where": where, "set": values})

    def asked() -> int:
        count: int = site.simulator.counters().audio_requests()[leg.key]
        site.simulator.reset_counters()
        return count

    def row() -> dict[str, Any]:
        return site.legs()[leg.key]

    def found() -> dict[str, str]:
        return dict(site.findings(row()["leg_id"]))

    def kept() -> int:
        return len([path for path in site.audio_files() if row()["leg_id"] in path.name])

    return SimpleNamespace(
        site=site, leg=leg, audio_rule=audio_rule, told_as=told_as, asked=asked, row=row, found=found, kept=kept
    )


def lookback(changing: SimpleNamespace) -> Any:
    """The night that lists the first day's hours a second time."""
    changing.site.pass_time(days=4)
    return changing.site.night(day=DAY)


def test_a_recording_that_grew_at_the_source_is_kept_in_both_versions(changing: SimpleNamespace) -> None:
    first = changing.row()["content_sha256"]
    changing.audio_rule(other_audio={"version": 1, "seconds": changing.leg.seconds + 20})
    changing.told_as(Duration=f'"{changing.leg.seconds + 20}"')
    report = lookback(changing)
    assert (changing.row()["state"], changing.kept(), changing.asked()) == ("archived", 2, 1)
    assert changing.row()["content_sha256"] == first  # what was archived first stays what is in force
    found = changing.found()
    assert found["conflict"] == "2 different audios are kept"
    grown, before = changing.leg.seconds + 20, changing.leg.seconds
    assert found["changed later"] == f"once archived, told otherwise: its length: {grown} s, {before} s before"
    (day,) = [day for day in report.days if day.day == DAY]
    assert (day.findings["conflict"], day.findings["changed later"], report.exit_code) == (1, 1, 0)
    assert untruths(changing.site, report) == []
    changing.site.pass_time(days=1)
    again = changing.site.night(day=DAY)  # the lookback differed, so its hour is listed once more
    assert (changing.asked(), changing.kept()) == (0, 2)
    assert untruths(changing.site, again) == []


@pytest.mark.parametrize("field", ["Duration", "callend"])
def test_a_length_that_changed_is_followed_by_one_more_download_and_equal_bytes_conclude_it(
    changing: SimpleNamespace, field: str
) -> None:
    zone = changing.site.settings().sites["here"].zone
    later = (changing.leg.end + timedelta(seconds=1)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.0")
    changing.told_as(**{field: f'"{changing.leg.seconds + 1}"' if field == "Duration" else f'"{later}"'})
    report = lookback(changing)
    assert (changing.asked(), changing.kept()) == (1, 1)
    assert "changed later" in changing.found()
    assert "conflict" not in changing.found()
    assert untruths(changing.site, report) == []
    for _ in range(3):
        changing.site.pass_time(days=1)
        report = changing.site.night(day=DAY)
        assert changing.asked() == 0
    assert untruths(changing.site, report) == []


def test_what_changed_otherwise_is_not_fetched_again_and_its_history_is_shown(changing: SimpleNamespace) -> None:
    changing.told_as(Tag='"second look"', Username='"somebody"')
    report = lookback(changing)
    assert changing.asked() == 0
    assert (changing.row()["tag"], changing.row()["username"]) == ("second look", "somebody")
    with changing.site.catalogue() as catalogue:
        archive = open_root(changing.site.settings(), RootName.ARCHIVE)
        history = show(catalogue, archive, changing.row()["leg_id"]).history
    one = changing.row()["leg_id"]
    told = [event.tag for event in history if isinstance(event, LegSeen) and event.leg_id == one]
    assert told == [changing.leg.tag, "second look"]
    assert untruths(changing.site, report) == []


@pytest.mark.parametrize("days", [4, 40])
def test_a_day_that_is_over_for_long_and_was_listed_before_the_run_died_is_still_fetched_again(
    changing: SimpleNamespace, days: int
) -> None:
    changing.told_as(Duration=f'"{changing.leg.seconds + 3}"')
    changing.audio_rule(hang=True)
    changing.site.pass_time(days=days)
    report = changing.site.night(day=DAY, SITES__HERE__READ_TIMEOUT_SECONDS=0.2)
    assert changing.row()["state"] == "archived"
    assert report.exit_code == 0  # nothing that was archived is lost by it
    assert untruths(changing.site, report) == []
    changing.asked()
    changing.site.simulator.clear_rules()
    changing.site.night(day=DAY)
    assert changing.asked() == 0  # not yet due
    changing.site.pass_time(hours=2)
    report = changing.site.night()  # an ordinary night, to whose lists the day does not belong any more
    assert changing.asked() == 1
    assert untruths(changing.site, report) == []


def grown(changing: SimpleNamespace) -> None:
    """Another length is told, and other audio given."""
    longer = changing.leg.seconds + 20
    changing.audio_rule(other_audio={"version": 1, "seconds": longer})
    changing.told_as(Duration=f'"{longer}"')


def in_evidence(changing: SimpleNamespace) -> int:
    kept = changing.site.folder.glob(f"store/evidence/quarantined/**/{changing.row()['leg_id']}-*.wav")
    return len(list(kept))


def decide_of(changing: SimpleNamespace, verdict: Verdict) -> None:
    site, leg = changing.site, changing.row()["leg_id"]
    with site.catalogue() as catalogue:
        (one,) = decide(site.settings(), catalogue, verdict, [leg], reason="card number", name="Kim")
    assert one.result == "done"


def test_a_recording_that_changes_while_its_leg_is_quarantined_is_kept_where_nobody_gets_it(
    changing: SimpleNamespace,
) -> None:
    decide_of(changing, Verdict.QUARANTINE)
    grown(changing)
    report = lookback(changing)
    assert changing.asked() == 1
    assert (changing.row()["state"], changing.kept(), in_evidence(changing)) == ("quarantined", 0, 2)
    assert untruths(changing.site, report) == []
    changing.site.pass_time(days=1)
    changing.site.night(day=DAY)
    assert (changing.asked(), changing.kept(), in_evidence(changing)) == (0, 0, 2)
    decide_of(changing, Verdict.RELEASE)
    assert (changing.row()["state"], changing.kept()) == ("archived", 2)
    assert changing.found()["conflict"] == "2 different audios are kept"


@pytest.mark.parametrize("other_bytes", [True, False])
def test_what_a_rule_holds_back_is_held_back_again_when_it_changes_after_its_release(
    changing: SimpleNamespace, *, other_bytes: bool
) -> None:
    rule = {"tags": [changing.leg.tag], "explanation": "card numbers may be spoken"}
    assert changing.leg.tag
    changing.site.environ["SITES__HERE__EVIDENCE_FIRST"] = json.dumps([rule])
    if other_bytes:
        grown(changing)
    else:
        changing.told_as(Duration=f'"{changing.leg.seconds + 1}"')
    lookback(changing)
    assert (changing.asked(), changing.kept()) == (1, 1)
    if not other_bytes:
        assert changing.row()["state"] == "archived"
        return
    assert (changing.row()["state"], in_evidence(changing)) == ("quarantined", 1)
    changing.site.pass_time(days=1)
    report = changing.site.night()
    assert (changing.kept(), in_evidence(changing)) == (0, 2)  # a quarantine is of the leg, and takes the first one too
    assert untruths(changing.site, report) == []


@pytest.mark.parametrize(
    ("answer", "outcomes"),
    [
        ({"status": 404}, ["not yet", "gave up"]),
        ({"status": 410}, ["gone"]),
        ({"status": 500}, ["not yet", "gave up"]),
        ({"text": "<html>Log in</html>"}, ["rejected"]),
    ],
    ids=str,
)
def test_a_recording_that_changed_and_cannot_be_had_leaves_the_leg_archived(
    changing: SimpleNamespace, answer: dict[str, Any], outcomes: list[str]
) -> None:
    before = changing.row()["content_sha256"]
    changing.told_as(Duration=f'"{changing.leg.seconds + 3}"')
    changing.audio_rule(**answer)
    report = lookback(changing)
    for _ in range(3):
        changing.site.pass_time(hours=26)
        report = changing.site.night(day=DAY)
    assert (changing.row()["state"], changing.row()["content_sha256"]) == ("archived", before)
    assert report.exit_code == 0
    of_leg = [event for event in changing.site.events("capture") if event["object"]["id"] == changing.row()["leg_id"]]
    assert [event["outcome"] for event in of_leg] == outcomes
    assert untruths(changing.site, report) == []
    changing.asked()
    changing.site.pass_time(days=1)
    changing.site.night(day=DAY)
    assert changing.asked() == 0


def test_a_changed_leg_whose_object_is_gone_is_a_finding_and_not_put_back_in_silence(changing: SimpleNamespace) -> None:
    (path,) = [path for path in changing.site.audio_files() if changing.row()["leg_id"] in path.name]
    path.unlink()
    changing.told_as(Duration=f'"{changing.leg.seconds + 3}"')
    report = lookback(changing)
    assert (changing.kept(), changing.asked(), report.exit_code) == (0, 0, 4)


def test_recordings_purged_at_the_source_after_they_were_listed_are_told_apart(make_site: Callable[..., Site]) -> None:
    """404 may be late, so it is missing only after the allowance; 410 is gone at once; what is archived stays."""
    site = make_site()
    legs = site.simulator.truth().ended(DAY)
    purged, gone = legs[3], legs[5]
    for leg, status in ((purged, 404), (gone, 410)):
        site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, status=status)
    report = site.night(NIGHTLY__LATENESS_HOURS=48)
    states = site.states()
    assert (states[purged.key], states[gone.key], report.exit_code) == ("pending", "missing", 3)
    assert untruths(site, report) == []
    site.simulator.clear_rules()
    site.rule(AUDIO, status=410)  # everything else goes too, when it is archived
    site.pass_time(days=3)
    report = site.night(day=DAY, NIGHTLY__LATENESS_HOURS=48)
    rows = site.legs()
    assert (rows[purged.key]["state"], rows[purged.key]["cause"]) == ("missing", "gone at source (410)")
    assert {row["state"] for key, row in rows.items() if key not in (purged.key, gone.key)} == {"archived"}
    assert untruths(site, report) == []


def test_a_recording_that_is_late_is_asked_for_over_nights_at_growing_distances_and_then_missing(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    leg = site.simulator.truth().ended(DAY)[4]
    until = (site.began + timedelta(days=3)).isoformat()
    site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, until=until, status=404)
    states, asked = [], []
    for _ in range(20):
        report = site.night(day=DAY, NIGHTLY__LATENESS_HOURS=48)
        states.append(site.states()[leg.key])
        asked.append(site.simulator.counters().audio_requests()[leg.key])
        site.simulator.reset_counters()
        site.pass_time(hours=3)
    assert asked[:8] == [1, 1, 1, 0, 1, 0, 0, 1]  # due after one, two, four, eight hours
    assert sum(asked[8:]) == 1  # when the allowance is over
    first = states.index("missing")
    assert set(states[:first]) == {"pending"}
    assert set(states[first:]) == {"missing"}
    assert untruths(site, report) == []
    site.pass_time(days=2)  # it is there now, and nobody asks for what is missing until a person does
    with site.catalogue() as catalogue:
        wanted = Search(ids=[site.legs()[leg.key]["leg_id"]])
        (found,) = select(catalogue, Verdict.RETRY, wanted).legs
        told = list(decide(site.settings(), catalogue, Verdict.RETRY, [found["leg_id"]], reason="came", name="Ann"))
    assert [one.result for one in told] == ["done"]
    report = site.night(day=DAY)
    assert site.states()[leg.key] == "archived"
    assert untruths(site, report) == []


def first_night_short(site: Site) -> Any:
    """A leg whose recording was still being written when the first night fetched it."""
    leg = max(site.simulator.truth().ended(DAY), key=lambda leg: leg.seconds if leg.form == "pcm" else 0)
    match = {"callRecordId": leg.call_record_id, "leg": leg.leg}
    site.rule(AUDIO, match=match, other_audio={"version": 1, "seconds": leg.seconds - 10})
    site.night()
    return leg


def audio_of(site: Site, key: str) -> list[dict[str, Any]]:
    leg_id = site.legs()[key]["leg_id"]
    return site.rows(f"select * from audio where leg_id = '{leg_id}' order by time")


def test_a_recording_that_came_short_is_fetched_once_more_when_the_lookback_has_passed(site: Site) -> None:
    leg = first_night_short(site)
    assert "duration mismatch" in dict(site.findings(site.legs()[leg.key]["leg_id"]))
    site.simulator.clear_rules()
    site.simulator.reset_counters()
    site.pass_time(days=2)
    site.night()
    assert site.simulator.counters().audio_requests()[leg.key] == 0
    site.pass_time(days=2)
    report = site.night()
    assert site.simulator.counters().audio_requests()[leg.key] == 1
    assert [round(row["seconds"]) for row in audio_of(site, leg.key)] == [leg.seconds - 10, leg.seconds]
    assert dict(site.findings(site.legs()[leg.key]["leg_id"]))["conflict"] == "2 different audios are kept"
    assert untruths(site, report) == []
    site.pass_time(days=1)
    site.night()
    assert site.simulator.counters().audio_requests()[leg.key] == 1


@pytest.mark.parametrize("answer", [None, {"status": 410}, {"text": "<html>"}], ids=str)
def test_one_that_stays_short_or_is_gone_is_asked_for_once_and_kept(site: Site, answer: dict[str, Any] | None) -> None:
    leg = first_night_short(site)
    (before,) = audio_of(site, leg.key)
    if answer is not None:
        site.simulator.clear_rules()
        site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, **answer)
    for _ in range(3):
        site.pass_time(days=4)
        report = site.night()
        assert untruths(site, report) == []
    (after,) = audio_of(site, leg.key)
    assert (after["key"], site.states()[leg.key]) == (before["key"], "archived")
    site.simulator.reset_counters()
    site.pass_time(days=1)
    site.night()
    assert site.simulator.counters().audio_requests()[leg.key] == 0
