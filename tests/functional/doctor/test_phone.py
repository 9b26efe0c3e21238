"""What the doctor says of a phone system that is not as it should be, and how it asks."""

from __future__ import annotations

import base64
import io
import socket
import sqlite3
import threading
import wave
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.noojee import Interrupted
from noojee_ingest.pipeline import budget as site_budget
from noojee_ingest.pipeline.doctor import Examination, Result, variants
from noojee_ingest.pipeline.errors import NoSuchSite
from tests.functional.conftest import KEY
from tests.functional.doctor.conftest import Surgery, of
from tests.functional.pipeline.conftest import NOW

Make = Callable[..., Surgery]
AUDIO, BY_HOUR, META = "audio by call record id", "by-hour list", "meta data by unique id"
BY_TAG = "meta data by tag"
AUDIO_ENDPOINTS = ("retrieveByCallRecordId", "retrieveByUniqueId", "retrieve")
READING = {
    *("Time", "getCampaignTemplateList", "getCampaignList", "getAllocationList", "getCallRecordList"),
    *("retrieveMetaDataByHour", "retrieveMetaDataByUniqueId", "retrieveMetaData", *AUDIO_ENDPOINTS),
}


def words(found: Examination) -> str:
    return repr(vars(found))


def test_a_sound_phone_system_is_found_sound(surgery: Surgery) -> None:
    found = surgery.examine()
    assert {check.result for check in found.checks if check.needed} == {Result.OK}
    assert found.exit_code == 0
    assert found.will_not == found.unproven == []
    assert [check for check in surgery.told if not isinstance(check, str)] == found.checks


def test_it_changes_nothing_and_asks_one_thing_at_a_time(make_surgery: Make) -> None:
    surgery = make_surgery(dialect="hash-only")
    found = surgery.examine()
    counters = surgery.simulator.counters()
    assert set(counters.requests) <= READING
    assert counters.most_at_once == 1
    assert sum(counters.requests.values()) <= found.requests


def test_no_key_is_told(surgery: Surgery) -> None:
    for found in (surgery.examine(), surgery.examine(SITES__HERE__API_KEY="another-key-of-the-tests")):
        assert KEY not in words(found)
        assert "another-key-of-the-tests" not in words(found)


def test_a_wrong_key_is_told_after_both_ways_were_tried(surgery: Surgery) -> None:
    found = surgery.examine(SITES__HERE__API_KEY="another-key-of-the-tests")
    key = of(found, "key accepted")
    assert key.result is Result.FAILED
    assert "with the API key: " in key.told
    assert "with a hash of it" in key.told
    assert of(found, AUDIO).result is Result.SKIPPED
    assert (found.exit_code, found.toml) == (1, "")


def test_the_hash_is_configured_and_the_key_is_what_works(surgery: Surgery) -> None:
    """A phone system that takes the key takes the hash too [doc], so nothing is to be changed."""
    found = surgery.examine(SITES__HERE__AUTHENTICATION="hash")
    assert of(found, "key accepted").told == "with a hash of it with a time stamp"
    assert found.exit_code == 0


def test_a_phone_system_without_the_time_is_asked_with_the_key_instead_of_the_hash(surgery: Surgery) -> None:
    surgery.rule("Time", status=404, text="<html>")
    found = surgery.examine(SITES__HERE__AUTHENTICATION="hash")
    assert of(found, "key accepted").result is Result.FAILED
    surgery.configure(found.toml)
    assert surgery.settings().sites["here"].authentication == "key"
    assert surgery.examine().of(AUDIO) is Result.OK


def test_without_campaigns_the_recordings_are_examined_all_the_same(surgery: Surgery) -> None:
    surgery.rule("getCampaignTemplateList", status=404, text="<html>")
    found = surgery.examine()
    assert "for recordings; not for campaigns" in of(found, "key accepted").told
    assert of(found, "campaign templates").result is Result.WARNING
    assert of(found, BY_HOUR).result is Result.OK


def test_a_user_key_is_told_for_what_it_is(surgery: Surgery) -> None:
    surgery.simulator.set_user_key("a-user-key-of-the-tests", ["Team Yarra"])
    found = surgery.examine(SITES__HERE__API_KEY="a-user-key-of-the-tests")
    assert of(found, "key accepted").result is Result.OK
    kind = of(found, "key kind")
    assert kind.result is Result.FAILED
    assert "user key" in kind.hint
    assert "user key" in of(found, BY_HOUR).hint
    assert (found.exit_code, found.toml) == (1, "")


def test_nobody_at_the_address_is_told_and_the_store_is_examined_all_the_same(surgery: Surgery) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = surgery.examine(store=True, SITES__HERE__URL=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert of(found, "reachable").result is Result.FAILED
    assert (of(found, AUDIO).result, of(found, AUDIO).told) == (Result.SKIPPED, "the phone system cannot be reached")
    assert of(found, "store: create-only").result is Result.OK
    assert found.exit_code == 1
    assert surgery.simulator.counters().requests == {}


def test_a_port_that_speaks_no_tls_is_told(surgery: Surgery) -> None:
    found = surgery.examine(SITES__HERE__URL=surgery.simulator.url.replace("http:", "https:"))
    assert of(found, "reachable").result is Result.OK
    tls = of(found, "TLS")
    assert (tls.result, tls.told) == (Result.FAILED, "no secure connection: wrong version number")
    key = of(found, "key accepted")
    assert (key.result, key.told) == (Result.SKIPPED, "there is no secure connection")


def test_what_was_skipped_is_not_proven_whatever_the_reason(surgery: Surgery) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = [
            surgery.examine(SITES__HERE__API_KEY=""),
            surgery.examine(SITES__HERE__API_KEY="another-key-of-the-tests"),
            surgery.examine(SITES__HERE__URL=surgery.simulator.url.replace("http:", "https:")),
            surgery.examine(SITES__HERE__URL=f"http://127.0.0.1:{taken.getsockname()[1]}"),
        ]
    for one in found:
        assert one.will == []
        assert one.will_not == ["The phone system cannot be asked, so no night can run."]
        assert one.unproven == found[0].unproven
    assert "Calls that were made are known." in found[0].unproven


def test_who_waits_for_a_request_is_told_why_and_once(surgery: Surgery) -> None:
    with closing(open_budget(surgery.settings().catalogue.url)) as budget:
        budget.lease("here", "another", 8, 8, 600.0)
        done = threading.Timer(1.5, lambda: budget.give_back("another"))
        done.start()
        found = surgery.examine()
        done.join()
    assert found.exit_code == 0
    assert surgery.told.count("Waiting: all 8 requests that here allows at once are in use.") == 1


def test_a_tag_that_gives_nothing_is_told_and_counts_for_nothing(surgery: Surgery) -> None:
    surgery.rule("retrieveMetaData", text="[]")
    found = surgery.examine()
    assert (of(found, BY_TAG).result, found.exit_code, found.toml) == (Result.WARNING, 0, "")
    assert of(found, BY_TAG).told.startswith("0 legs of a tag; ")


def test_where_no_tag_is_known_the_path_is_still_tried(make_surgery: Make) -> None:
    found = make_surgery(dialect="hash-only", calls_a_day=0).examine()
    assert "no tag is known" in of(found, BY_TAG).told
    assert "[sites.here.contract.by_tag]" in found.toml


def test_without_a_key_the_store_is_examined_all_the_same(surgery: Surgery) -> None:
    found = surgery.examine(store=True, SITES__HERE__API_KEY="")
    assert of(found, "API key").result is Result.FAILED
    assert "SITES__HERE__API_KEY" in of(found, "API key").told
    assert of(found, "catalogue: writable").result is Result.OK


def test_a_wrong_contract_is_told_and_the_examination_goes_on_without_it(surgery: Surgery) -> None:
    surgery.configure('[sites.here.contract.by_our]\npath = "/x"\n')
    found = surgery.examine()
    assert "by_hour" in of(found, "contract").told
    assert of(found, AUDIO).result is Result.OK
    assert found.exit_code == 1


def test_a_clock_that_is_off_is_told(surgery: Surgery) -> None:
    surgery.simulator.set_clock(NOW + timedelta(minutes=10))
    clock = of(surgery.examine(), "clock")
    assert clock.result is Result.WARNING
    assert "600 s ahead of ours, by its own clock" in clock.told.replace("601", "600")


def test_the_web_servers_clock_serves_where_the_phone_system_tells_none(surgery: Surgery) -> None:
    surgery.rule("Time", status=404, text="<html>")
    assert "by its web server's header" in of(surgery.examine(), "clock").told


def test_the_by_hour_list_is_asked_after_a_turn_of_the_site_budget(
    make_surgery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_budget, "MARGIN_SECONDS", 0.1)
    surgery = make_surgery(by_hour_interval=1.0)
    for _ in range(2):
        found = surgery.examine(SITES__HERE__BY_HOUR_INTERVAL_SECONDS=1.0)
        assert of(found, BY_HOUR).result is Result.OK
    first, second = surgery.simulator.counters().by_hour_instants
    assert second - first >= 1.0
    assert any(isinstance(one, str) and "may wait" in one for one in surgery.told)
    with closing(sqlite3.connect(surgery.folder / "data" / "budget.sqlite")) as budget:
        assert budget.execute("select kind from turn").fetchall() == [("by-hour",)]
        assert budget.execute("select count(*) from lease").fetchone() == (0,)


def test_without_a_site_budget_the_by_hour_list_is_left_alone(surgery: Surgery) -> None:
    (surgery.folder / "data").write_text("a file where the folder should be")
    found = surgery.examine()
    assert of(found, "site budget").result is Result.FAILED
    assert of(found, BY_HOUR).result is Result.SKIPPED
    assert of(found, AUDIO).result is Result.OK
    assert "retrieveMetaDataByHour" not in surgery.simulator.counters().requests


def test_a_by_hour_list_that_is_busy_is_not_taken_for_none(surgery: Surgery) -> None:
    surgery.rule("retrieveMetaDataByHour", status=429, text="{}", headers={"retry-after": "3600"})
    found = surgery.examine()
    assert of(found, BY_HOUR).result is Result.SKIPPED
    assert (found.exit_code, found.toml) == (3, "")
    assert found.unproven == ["Every recording is found, also of inbound and internal calls."]
    assert found.will_not == []


def test_a_by_hour_list_that_the_configuration_denies_is_found(surgery: Surgery) -> None:
    found = surgery.examine(SITES__HERE__BY_HOUR="false")
    assert found.exit_code == 3
    assert "by_hour = true" in found.toml


def test_a_call_without_audio_does_not_mislead(make_surgery: Make) -> None:
    surgery = make_surgery(never_legs=12)
    found = surgery.examine()
    assert found.of(AUDIO) in {Result.OK, Result.WARNING}
    assert found.toml == ""


def test_what_is_no_audio_is_never_taken_for_it(surgery: Surgery) -> None:
    for endpoint in AUDIO_ENDPOINTS:
        surgery.rule(endpoint, text='{"Code": 0, "Message": "OK"}')
    found = surgery.examine()
    assert of(found, AUDIO).result is Result.FAILED
    assert found.toml == ""
    assert not any(one.is_right for one in found.variants if one.what.startswith("audio"))
    assert any("no audio but JSON" in one.told for one in found.variants)


def test_the_same_audio_for_every_leg_is_not_taken_for_the_legs(surgery: Surgery) -> None:
    """As of a phone system whose parameter for the leg is none that we know: it always gives the first leg."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(bytes(range(256)) * 200)
    for endpoint in AUDIO_ENDPOINTS:
        surgery.rule(endpoint, base64=base64.b64encode(sound.getvalue()).decode())
    found = surgery.examine()
    assert of(found, AUDIO).result is Result.FAILED
    assert any("the same for leg" in one.told for one in found.variants)


def test_the_legs_parameter_is_found_by_a_second_leg(make_surgery: Make) -> None:
    surgery = make_surgery(dialect="other-audio")
    lines = surgery.examine().toml.replace('leg = "Leg"', 'leg = "nobody"')
    surgery.configure(lines)
    again = surgery.examine()
    assert of(again, AUDIO).result is Result.FAILED
    assert 'leg = "Leg"' in again.toml


def test_the_search_is_bounded(make_surgery: Make) -> None:
    surgery = make_surgery(dialect="other-audio")
    surgery.rule("retrieveByCallRecordId", status=404, text="<html>")
    found = surgery.examine()
    assert of(found, AUDIO).result is Result.FAILED
    tried = [one for one in found.variants if one.what == AUDIO]
    assert 100 < len(tried) <= variants.MOST_REQUESTS
    assert found.of(META) is Result.OK


def test_a_phone_system_that_falls_silent_is_left_in_peace(surgery: Surgery) -> None:
    for endpoint in AUDIO_ENDPOINTS:
        surgery.rule(endpoint, status=500)
    found = surgery.examine()
    assert "stopped answering" in of(found, AUDIO).told
    assert surgery.simulator.counters().requests["retrieveByCallRecordId"] <= 6


def test_an_empty_phone_system_leaves_things_unproven(make_surgery: Make) -> None:
    found = make_surgery(calls_a_day=0).examine()
    assert of(found, AUDIO).result is Result.SKIPPED
    assert of(found, "call record list: reach").result is Result.SKIPPED
    assert found.exit_code == 3


def edited(**what: Any) -> dict[str, Any]:
    return {"edit": what}


def test_call_records_that_cannot_be_joined_are_told(surgery: Surgery) -> None:
    surgery.rule("getCallRecordList", **edited(unset=["njUniqueCallId"]))
    records = of(surgery.examine(), "call record list")
    assert records.result is Result.WARNING
    assert "call_keys" in records.hint


def test_call_records_without_a_date_are_told(surgery: Surgery) -> None:
    surgery.rule("getCallRecordList", **edited(set={"njCallDate": '"soon"'}))
    assert of(surgery.examine(), "call record list: reach").result is Result.WARNING


def test_how_far_back_the_call_record_list_reaches_is_told(make_surgery: Make) -> None:
    reach = of(make_surgery(recent_hours=6.0).examine(), "call record list: reach")
    hours = float(reach.told.split(" ago")[0].split()[-2])
    assert 3 < hours <= 6.1


def test_two_polls_that_overlap_and_two_that_do_not(surgery: Surgery) -> None:
    assert of(surgery.examine(), "call record list: overlap").result is Result.SKIPPED
    surgery.poll()
    overlap = of(surgery.examine(), "call record list: overlap")
    assert (overlap.result, "for all of 3 templates" in overlap.told) == (Result.OK, True)
    surgery.simulator.set_clock(NOW + timedelta(days=3))
    overlap = of(surgery.examine(), "call record list: overlap")
    assert overlap.result is Result.WARNING
    assert "calls between were in neither" in overlap.told


def test_it_makes_no_catalogue_unless_asked_about_it(surgery: Surgery) -> None:
    surgery.examine()
    assert [path.name for path in (surgery.folder / "data").iterdir()] == ["budget.sqlite"]


def test_it_stops_when_told_to(surgery: Surgery) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        surgery.examine(stop=stop)


def test_a_site_that_is_not_there_is_a_matter_of_usage(surgery: Surgery) -> None:
    from noojee_ingest.pipeline.doctor import examine  # noqa: PLC0415

    with pytest.raises(NoSuchSite):
        examine(surgery.settings(), "there", store=False, stop=threading.Event())
