"""What goes over the wire, and what comes back when all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.model import View
from noojee_ingest.noojee import LocalLimiter, Noojee, contract_from
from tests.functional.conftest import KEY

LEG = '{"CallRecordId":"200417","UniqueId":1700000123.10,"Leg":"1","Start":"2019-03-04 09:15:00.0","Duration":31}'
DAY = date(2026, 11, 22)

Client = Callable[..., Noojee]
RA = "/njadmin/rest/RecordingAPI"
CA = "/servicemanager/rest/CampaignAPI"


def audio(noojee: Noojee, call_record_id: str = "200417", leg: str = "1") -> bytes:
    with noojee.recordings.audio_by_call_record_id(call_record_id, leg) as stream:
        return b"".join(stream)


def audio_by_unique_id(noojee: Noojee) -> bytes:
    with noojee.recordings.audio_by_unique_id("1700000123.10", "2") as stream:
        return b"".join(stream)


def audio_by_tag(noojee: Noojee) -> bytes:
    with noojee.recordings.audio_by_tag("INV-77", "2") as stream:
        return b"".join(stream)


@pytest.mark.parametrize(
    ("ask", "method", "path", "parameters"),
    [
        (lambda n: n.recordings.by_hour(DAY, 3), "POST", f"{RA}/retrieveMetaDataByHour", "date=2026/11/22&hour=3"),
        (
            lambda n: n.recordings.by_unique_id("1700000123.10"),
            "POST",
            f"{RA}/retrieveMetaDataByUniqueId",
            "uniqueId=1700000123.10",
        ),
        (audio, "POST", f"{RA}/retrieveByCallRecordId", "callRecordId=200417&leg=1"),
        (lambda n: audio(n, leg=""), "POST", f"{RA}/retrieveByCallRecordId", "callRecordId=200417"),
        (audio_by_unique_id, "POST", f"{RA}/retrieveByUniqueId", "uniqueId=1700000123.10&leg=2"),
        (lambda n: n.recordings.by_tag("INV/77 &x=1"), "POST", f"{RA}/retrieveMetaData", "tag=INV/77%20%26x%3D1"),
        (audio_by_tag, "POST", f"{RA}/retrieve", "tag=INV-77&leg=2"),
        (lambda n: n.campaigns.templates(), "GET", f"{CA}/getCampaignTemplateList", ""),
        (lambda n: n.campaigns.dispositions("12"), "GET", f"{CA}/getDispositionList", "fTemplateId=12"),
        (lambda n: n.campaigns.fields("12"), "GET", f"{CA}/getFieldList", "fTemplateId=12"),
        (
            lambda n: n.site.rosters("night shift"),
            "GET",
            "/servicemanager/rest/rosterApi/getActiveRosters",
            "teamName=night%20shift",
        ),
        (lambda n: n.site.health(), "GET", "/servicemanager/rest/systemHealth/test", ""),
        (lambda n: n.campaigns.campaigns("12"), "GET", f"{CA}/getCampaignList", "fTemplateId=12"),
        (lambda n: n.campaigns.allocations("34"), "GET", f"{CA}/getAllocationList", "fCampaignId=34"),
        (lambda n: n.campaigns.call_records("12"), "GET", f"{CA}/getCallRecordList", "fTemplateId=12"),
        (
            lambda n: n.campaigns.call_records("12", "34", "56"),
            "GET",
            f"{CA}/getCallRecordList",
            "fTemplateId=12&campaignId=34&allocationId=56",
        ),
    ],
)
def test_a_question_goes_out_as_the_reference_has_it(
    *, phone: Any, client: Client, ask: Callable[[Noojee], object], method: str, path: str, parameters: str
) -> None:
    phone.answers("[]")

    ask(client())

    (asked,) = phone.asked
    assert asked.method == method
    assert asked.target == f"{path}?apiKey={KEY}{'&' if parameters else ''}{parameters}"
    assert asked.body == b""
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["user-agent"].startswith("noojee-ingest/")
    if method == "POST":
        assert asked.headers["content-type"].startswith("application/x-www-form-urlencoded")
        assert asked.headers["content-length"] == "0"


def test_a_corrected_contract_goes_out_instead(phone: Any, client: Client) -> None:
    phone.answers("RIFF")
    override = {"path": "/njadmin/rest/RecordingAPI/get", "method": "GET", "call_record_id": "recordId", "leg": "legNo"}
    contract = contract_from({"audio_by_call_record_id": override, "authentication": {"api_key": "key"}})

    audio(client(contract=contract))

    assert phone.asked[0].method == "GET"
    assert phone.asked[0].target == f"{RA}/get?key={KEY}&recordId=200417&legNo=1"


@pytest.mark.parametrize(
    "value", ["a&b=c/d?e#f", "100%", "a+b c", "é😀", "../../etc", "x" * 5000, '"quoted"', "\\u0000"]
)
def test_an_id_arrives_as_it_was_given(phone: Any, client: Client, value: str) -> None:
    phone.answers("[]")

    client().recordings.by_unique_id(value)

    assert phone.asked[0].query == [("apiKey", KEY), ("uniqueId", value)]


def test_a_key_with_signs_of_its_own_arrives_as_it_was_given(phone: Any, client: Client) -> None:
    phone.answers("[]")

    client(key="a&b=c+d/e%f-0123456789").recordings.by_unique_id("1")

    assert phone.asked[0].query[0] == ("apiKey", "a&b=c+d/e%f-0123456789")


def test_a_base_address_may_have_a_path(phone: Any, client: Client) -> None:
    phone.answers("[]")

    client(f"{phone.url}/pbx/").campaigns.templates()

    assert phone.asked[0].path == f"/pbx{CA}/getCampaignTemplateList"


def test_a_list_comes_back_typed_with_its_raw_text(phone: Any, client: Client) -> None:
    phone.answers(f'[{LEG}, {{"Leg":"9"}}]')
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    answer = client(clock=lambda: at).recordings.by_unique_id("1700000123.10")

    (entry,) = answer.entries
    assert (entry.call_record_id, entry.unique_id, entry.leg, entry.duration) == ("200417", "1700000123.10", "1", 31.0)
    assert (entry.raw.view, entry.raw.text) == (View.BY_UNIQUE_ID, LEG)
    assert answer.refused[0].raw.text == '{"Leg":"9"}'
    assert answer.at == at


def test_the_lists_of_the_dialler_come_back_typed(phone: Any, client: Client) -> None:
    phone.answers(
        '{"code":0,"message":"OK","entities":[{"id":12,"name":"Spring"}]}',
        '{"code":0,"entities":[{"njLeadId":"1","njUniqueCallId":"1.7","njDisposition":"Sale","mail":"x"}]}',
    )
    noojee = client()

    (template,) = noojee.campaigns.templates().entries
    (call,) = noojee.campaigns.call_records(template.id).entries

    assert (template.id, template.name) == ("12", "Spring")
    assert (call.template_id, call.unique_id, call.disposition, call.fields) == ("12", "1.7", "Sale", {"mail": "x"})


@pytest.mark.parametrize("body", ["[]", '{"code":0}', '{"code":0,"entities":null}', '{"code":0,"entities":[]}'])
def test_an_empty_list_is_empty(phone: Any, client: Client, body: str) -> None:
    phone.answers(body)

    answer = client().campaigns.templates()

    assert (answer.entries, answer.refused) == ((), ())


def test_a_warning_is_logged_and_its_entries_are_taken(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    phone.answers('{"code":3,"message":"list is shortened","entities":[{"id":1,"name":"x"}]}')

    assert len(client().campaigns.templates().entries) == 1
    assert "list is shortened" in caplog.text


@pytest.mark.parametrize("manner", [{}, {"chunked": True}, {"promise": None, "cut": 10**9}, {"drop": 997}])
def test_audio_comes_byte_for_byte_in_small_pieces(phone: Any, client: Client, manner: dict[str, Any]) -> None:
    body = bytes(range(256)) * 4096  # 1 MiB
    phone.answers(body, headers={"Content-Type": "audio/x-wav"}, **manner)

    with client().recordings.audio_by_call_record_id("200417", "1") as stream:
        pieces = list(stream)

    assert b"".join(pieces) == body
    assert max(len(piece) for piece in pieces) <= 128 * 1024
    assert stream.content_length == (len(body) if manner in ({}, {"drop": 997}) else None)
    assert stream.content_type == "audio/x-wav"


def test_an_empty_audio_body_is_handed_out_as_empty(phone: Any, client: Client) -> None:
    phone.answers(b"")

    assert audio(client()) == b""


@pytest.mark.parametrize("size", [100, 100_000])
def test_bytes_after_the_promised_ones_are_not_part_of_the_audio(phone: Any, client: Client, size: int) -> None:
    body = b"RIFF".ljust(size, b"\0")
    phone.answers(body + b"HTTP/1.1 200 OK\r\n", promise=str(size))

    assert audio(client()) == body


@pytest.mark.parametrize(
    "body",
    [
        '{"Code":-1,"Message":"still being recorded"}',
        '{"Code":0,"Message":"OK"}',
        '{"Code":-1,"Mess',
        "<!DOCTYPE html><html>Please log in</html>",
        "[]",
        "No such recording",
    ],
)
def test_what_is_no_audio_is_handed_out_untouched_as_evidence(phone: Any, client: Client, body: str) -> None:
    phone.answers(body)

    assert audio(client()) == body.encode()


def test_one_connection_serves_many_questions(phone: Any, client: Client) -> None:
    phone.answers("[]")
    noojee = client()

    for _ in range(5):
        noojee.campaigns.templates()
        noojee.recordings.by_unique_id("1")
        assert audio(noojee) == b"[]"

    assert phone.connections == 1


def test_threads_share_a_client_within_its_slots_and_every_request_is_counted(phone: Any, client: Client) -> None:
    phone.answers(b"RIFF\0" * 1000, drop=1000, every=0.002)
    noojee = client(limiter=LocalLimiter(4))

    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda number: audio(noojee, str(number)), range(40)))

    assert bodies == [b"RIFF\0" * 1000] * 40
    assert phone.most_under_way <= 4
    assert noojee.requests_made == {"audio_by_call_record_id": 40}
    assert sorted(dict(asked.query)["callRecordId"] for asked in phone.asked) == sorted(map(str, range(40)))


def test_nothing_is_taken_from_the_environment(
    phone: Any, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login kim password secret\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    phone.answers("[]")

    client().campaigns.templates()

    assert "authorization" not in phone.asked[0].headers


def test_cookies_are_not_kept(phone: Any, client: Client) -> None:
    phone.answers("[]", headers={"Set-Cookie": "JSESSIONID=1; Path=/"})
    noojee = client()

    noojee.campaigns.templates()
    noojee.campaigns.templates()

    assert all("cookie" not in asked.headers for asked in phone.asked)


def test_a_long_list_is_read_whole(phone: Any, client: Client) -> None:
    entries = [{"CallRecordId": str(number), "UniqueId": f"17.{number}", "Leg": "1"} for number in range(5000)]
    phone.answers(json.dumps(entries))

    answer = client().recordings.by_hour(DAY, 9)

    assert [entry.call_record_id for entry in answer.entries] == [str(number) for number in range(5000)]


@pytest.mark.parametrize("hour", [-1, 24])
def test_there_are_only_24_hours(phone: Any, client: Client, hour: int) -> None:
    with pytest.raises(ValueError, match=f"hour {hour}"):
        client().recordings.by_hour(DAY, hour)
    assert phone.asked == []
