"""One leg whose audio cannot be had, or is not what it should be: it alone suffers."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.pipeline import archive

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)
AUDIO = "retrieveByCallRecordId"


@pytest.fixture
def one(site: Site) -> SimpleNamespace:
    """A site and one leg of it, long enough to be cut, with the bytes of its sound recording."""
    leg = max(site.simulator.truth().ended(DAY), key=lambda leg: leg.seconds if leg.form == "pcm" else 0)
    sound = site.sent(*leg.key.split("/"))
    assert len(sound) > 200_000
    site.simulator.reset_counters()
    match = {"callRecordId": leg.call_record_id, "leg": leg.leg}

    def rule(**answer: Any) -> None:
        site.rule(AUDIO, match=match, **answer)

    def asked() -> int:
        return site.simulator.counters().audio_requests()[leg.key]

    def row() -> dict[str, Any]:
        return site.legs()[leg.key]

    return SimpleNamespace(site=site, leg=leg, sound=sound, rule=rule, asked=asked, row=row)


def others_are_archived(one: SimpleNamespace) -> bool:
    states = {key: state for key, state in one.site.states().items() if key != one.leg.key}
    return set(states.values()) == {"archived"}


def found(one: SimpleNamespace) -> dict[str, str]:
    return dict(one.site.findings(one.row()["leg_id"]))


BAD: list[tuple[dict[str, Any], str, int]] = [
    ({"status": 500}, "phone system fault (500)", 5),
    ({"status": 502, "text": "<html>"}, "phone system fault (502)", 5),
    ({"status": 429, "headers": {"Retry-After": "3600"}}, "phone system busy", 1),
    ({"status": 503}, "phone system busy", 5),
    ({"status": 400, "text": "no"}, "refused (400)", 1),
    ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, "unreadable answer", 1),
    ({"hang": True}, "timed out", 5),
    ({"cut_after": 100_000, "hang": True}, "timed out", 1),
    ({"cut_after": 100_000}, "cut on the way", 3),
    ({"cut_after": 1_000}, "cut on the way", 5),
    ({"content_length": 10_000_000}, "cut on the way", 3),
]
"""What the phone system does, the cause that is told, and the requests that one run makes."""


@pytest.fixture(scope="module")
def bad(site_at: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Three runs in which each of these happens to another leg, and what was so after each run."""
    with site_at(tmp_path_factory.mktemp("bad"), leg_bytes=200_044) as site:
        legs = sorted(site.simulator.truth().ended(DAY), key=lambda leg: leg.end)[-len(BAD) :]
        for leg, (answer, _, _) in zip(legs, BAD, strict=True):
            site.rule(AUDIO, match={"callRecordId": leg.call_record_id, "leg": leg.leg}, **answer)
        found = []
        for days in (0, 2.1, 3.1):  # in time, after the lateness allowance, and once more
            site.set_clock(legs[-1].end + timedelta(hours=4, days=days))
            site.simulator.reset_counters()
            soon = {"SITES__HERE__READ_TIMEOUT_SECONDS": 0.4}
            report = site.night(day=DAY, NIGHTLY__LATENESS_HOURS=48, **soon)
            asked = site.simulator.counters().audio_requests()
            found.append(SimpleNamespace(report=report, rows=site.legs(), asked=asked))
        yield SimpleNamespace(site=site, legs=legs, in_time=found[0], late=found[1], after=found[2])


@pytest.mark.parametrize("which", range(len(BAD)), ids=[str(answer) for answer, _, _ in BAD])
def test_a_leg_that_cannot_be_had_is_pending_then_failed_and_then_left_alone(bad: SimpleNamespace, which: int) -> None:
    leg, (_, cause, requests) = bad.legs[which], BAD[which]
    row = bad.in_time.rows[leg.key]
    assert (row["state"], row["cause"], row["tries"]) == ("pending", cause, 1)
    assert bad.in_time.asked[leg.key] == requests
    row = bad.late.rows[leg.key]
    assert (row["state"], row["cause"], row["tries"]) == ("failed", cause, 2)
    assert bad.late.asked[leg.key] == requests
    assert bad.after.rows[leg.key] == row
    assert bad.after.asked[leg.key] == 0


def test_legs_that_cannot_be_had_stop_no_other_and_are_gaps_only_when_they_are_late(bad: SimpleNamespace) -> None:
    others = {row["state"] for key, row in bad.in_time.rows.items() if key not in {leg.key for leg in bad.legs}}
    assert others == {"archived"}
    assert bad.in_time.report.exit_code == 0  # only pending, within the allowance
    assert bad.late.report.exit_code == 3
    gaps = {f"{gap.call_record_id}/{gap.leg}": (gap.state, gap.cause) for gap in bad.late.report.days[0].gaps}
    assert gaps == {leg.key: ("failed", cause) for leg, (_, cause, _) in zip(bad.legs, BAD, strict=True)}


def test_a_leg_of_long_ago_is_tried_twice_before_it_is_given_up_and_overdue_in_between(one: SimpleNamespace) -> None:
    one.rule(status=500)
    one.site.set_clock(one.leg.end + timedelta(days=5))
    report = one.site.night(day=DAY)
    assert (one.row()["state"], report.days[0].overdue, report.exit_code) == ("pending", 1, 3)
    one.site.pass_time(hours=2)
    report = one.site.night(day=DAY)
    assert (one.row()["state"], report.days[0].overdue, report.exit_code) == ("failed", 0, 3)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_leg_that_is_told_to_wait_is_waited_for_in_the_same_run(one: SimpleNamespace, form: str) -> None:
    one.rule(status=429, retry_after={"seconds": 1, "form": form}, times=2)
    one.site.night()
    assert (one.row()["state"], one.asked()) == ("archived", 3)


@pytest.mark.parametrize("answer", [{"cut_after": 100_000}, {"cut_after": 10}, {"status": 500}], ids=str)
def test_a_passing_trouble_costs_nothing_but_another_request(one: SimpleNamespace, answer: dict[str, Any]) -> None:
    one.rule(times=1, **answer)
    one.site.night()
    assert (one.row()["state"], one.asked()) == ("archived", 2)
    assert not found(one)
    assert one.row()["content_size"] == len(one.sound)


def test_a_recording_that_is_gone_at_the_source_is_missing_at_once(one: SimpleNamespace) -> None:
    one.rule(status=410)
    report = one.site.night(NIGHTLY__LATENESS_HOURS=48)
    assert (one.row()["state"], one.row()["cause"]) == ("missing", "gone at source (410)")
    assert report.exit_code == 3
    assert others_are_archived(one)


def test_unsound_audio_that_comes_sound_the_second_time_is_just_archived(one: SimpleNamespace) -> None:
    one.rule(times=1, base64=b64encode(one.sound[:150_000]).decode())
    one.site.night()
    assert (one.row()["content_size"], one.asked()) == (len(one.sound), 2)
    assert not found(one)
    assert len([path for path in one.site.audio_files() if one.row()["leg_id"] in path.name]) == 1


def test_an_error_in_place_of_audio_that_comes_sound_the_second_time_is_just_archived(one: SimpleNamespace) -> None:
    one.rule(times=1, text='{"Code":-1,"Message":"try again"}')
    one.site.night()
    assert (one.row()["state"], one.asked()) == ("archived", 2)
    assert not (one.site.folder / "store" / "evidence" / "rejected").exists()


def test_unsound_audio_that_differs_every_time_is_archived_as_it_came_last(one: SimpleNamespace) -> None:
    for size in (150_000, 160_000, 170_000):
        one.rule(times=1, base64=b64encode(one.sound[:size]).decode())
    one.site.night()
    assert (one.row()["state"], one.row()["content_size"], one.asked()) == ("archived", 170_000, 3)
    assert found(one)["unsound"].endswith("(other bytes each time)")


def test_of_a_large_rejected_answer_only_the_beginning_is_kept_and_the_rest_told(one: SimpleNamespace) -> None:
    page = "<html>" + "x" * 500_000
    one.rule(text=page)
    one.site.night(ARCHIVE__EVIDENCE_BYTES=1000)
    assert one.row()["state"] == "rejected"
    (kept,) = (one.site.folder / "store" / "evidence").rglob("*.bin")
    assert kept.read_text() == page[:1000]
    assert '"whole-size":"500006"' in kept.with_name(f"{kept.name}.json").read_text().replace(" ", "")


def test_a_recording_larger_than_the_limit_fails_with_the_setting_to_raise(one: SimpleNamespace) -> None:
    one.rule(audio_bytes=9_000_000)
    report = one.site.night(ARCHIVE__MAX_RECORDING_BYTES=8_000_000)
    row = one.row()
    assert row["state"] == "failed"
    assert row["cause"] == (
        f"fetching leg {row['leg_id']}: the recording has 9,000,000 bytes or more, the limit is 8,000,000. "
        "Raise archive.max_recording_bytes."
    )
    assert report.exit_code == 3
    assert others_are_archived(one)


def test_recordings_that_do_not_fit_the_spool_together_wait_for_each_other(make_site: Callable[..., Site]) -> None:
    site = make_site(leg_bytes=600_000)
    small = {"SPOOL__MEMORY_BYTES_PER_WORKER": 1000, "SPOOL__DISK_BYTES": 1024**2}
    report = site.night(ARCHIVE__MAX_RECORDING_BYTES=1024**2, **small)
    assert set(site.states().values()) == {"archived"}
    assert report.exit_code == 0


def test_what_nobody_expected_of_one_leg_keeps_no_other_from_the_archive(
    one: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = archive.checked

    def broken(spooled: Any) -> Any:
        if spooled.size == len(one.sound):
            raise ZeroDivisionError("a defect of ours")
        return checked(spooled)

    monkeypatch.setattr(archive, "checked", broken)
    with pytest.raises(ZeroDivisionError):
        one.site.night(ARCHIVE__BATCH=5)
    assert one.row()["state"] == "discovered"
    assert others_are_archived(one)


def test_a_file_in_the_place_of_a_recording_fails_that_leg_and_is_left_alone(one: SimpleNamespace) -> None:
    one.rule(status=404)
    one.site.night(NIGHTLY__LATENESS_HOURS=48)
    one.site.simulator.clear_rules()
    row = one.row()
    name = f"{row['leg_id']}-{hashlib.sha256(one.sound).hexdigest()[:16]}.wav"
    squatter = one.site.archive / "audio" / "site=here" / f"day={DAY}" / name
    squatter.write_bytes(b"not what its name says")
    one.site.pass_time(hours=2)
    report = one.site.night(NIGHTLY__LATENESS_HOURS=48)
    assert one.row()["state"] == "failed"
    assert name in one.row()["cause"]
    assert squatter.read_bytes() == b"not what its name says"
    assert report.exit_code == 3
    assert [kind for kind, _ in one.site.findings()] == ["orphan object"]
