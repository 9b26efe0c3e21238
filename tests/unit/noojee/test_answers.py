"""Entries are read forgivingly: one bad entry never spoils an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.model import CallEntry, LegEntry, TimeMark, View, WireTime, call_id, leg_end, leg_id
from noojee_ingest.noojee import CONTRACT, Answer, contract_from
from noojee_ingest.noojee.answers import Named, call_reader, leg_reader, named_reader, read_answer
from noojee_ingest.noojee.wire import array, text_of

MELBOURNE = ZoneInfo("Australia/Melbourne")
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

LEG = (
    '{"Destination":"210","UniqueId":"1700000123.7","Username":"kim","Start":"Tue Nov 14 09:15:23 AEDT 2023",'
    '"Duration":"31","Tag":"INV-77","Direction":"Inbound","CallRecordId":"200417","DID":"7700","Source":"205",'
    '"callend":"Tue Nov 14 09:15:54 AEDT 2023","Leg":"1"}'
)
CALL = (
    '{"id":200417,"name":"Kim","njLeadId":"40123","njExternalLeadId":"A-100","njCallDate":"2019/03/04 09:15:17",'
    '"njCallDuration":"31","njDisposition":"Callback","njDialAttempts":"3","njDialedNumber":"0355500123",'
    '"njUniqueCallId":"1500000123.7","njCampaignName":"Spring","njAllocationName":"North","njAction":"",'
    '"CallRecordId":"200418","email":"kim@example.com","mobile_number":61400000123}'
)


def legs(*raw: str) -> Answer[LegEntry]:
    body = f"[{','.join(raw)}]".encode(errors="surrogatepass")
    return read_answer(array(text_of(body)), View.BY_HOUR, AT, leg_reader(CONTRACT.leg_keys, MELBOURNE))


def leg(**fields: str) -> LegEntry:
    """A leg with an id, and the given wire keys set to raw JSON."""
    members = {"CallRecordId": '"1"', **fields}
    answer = legs("{" + ",".join(f'"{key}":{value}' for key, value in members.items()) + "}")
    assert answer.refused == ()
    return answer.entries[0]


def calls(*raw: str) -> Answer[CallEntry]:
    reader = call_reader(CONTRACT.call_keys, MELBOURNE, "12")
    return read_answer(array(f"[{','.join(raw)}]"), View.CALL_RECORDS, AT, reader)


def test_a_leg_is_read_whole() -> None:
    answer = legs(LEG)
    (entry,) = answer.entries

    assert entry == LegEntry(
        raw=entry.raw,
        call_record_id="200417",
        unique_id="1700000123.7",
        leg="1",
        start=WireTime("Tue Nov 14 09:15:23 AEDT 2023", datetime(2023, 11, 13, 22, 15, 23, tzinfo=UTC), TimeMark.CLEAR),
        end=WireTime("Tue Nov 14 09:15:54 AEDT 2023", datetime(2023, 11, 13, 22, 15, 54, tzinfo=UTC), TimeMark.CLEAR),
        duration=31.0,
        source="205",
        destination="210",
        did="7700",
        direction="Inbound",
        tag="INV-77",
        username="kim",
    )
    assert (entry.raw.view, entry.raw.text) == (View.BY_HOUR, LEG)
    assert answer.at == AT


def test_a_call_is_read_whole_with_its_user_fields() -> None:
    (entry,) = calls(CALL).entries

    assert entry == CallEntry(
        raw=entry.raw,
        template_id="12",
        call_record_id="200418",
        unique_id="1500000123.7",
        lead_id="40123",
        external_lead_id="A-100",
        date=WireTime("2019/03/04 09:15:17", datetime(2019, 3, 3, 22, 15, 17, tzinfo=UTC), TimeMark.CLEAR),
        duration=31.0,
        disposition="Callback",
        dial_attempts="3",
        dialled_number="0355500123",
        campaign="Spring",
        allocation="North",
        fields={"email": "kim@example.com", "mobile_number": "61400000123"},
    )


def test_numbers_for_texts_are_taken_by_their_text() -> None:
    entry = leg(UniqueId="1700000123.10", CallRecordId="200417", Leg="1", Duration="31.50", Start="1551651300123")

    assert (entry.unique_id, entry.call_record_id, entry.leg) == ("1700000123.10", "200417", "1")
    assert entry.duration == 31.5
    assert entry.start.mark is TimeMark.CLEAR
    assert entry.unreadable == ()


@pytest.mark.parametrize(
    ("key", "value", "field", "kept"),
    [
        ("Tag", "true", "tag", "true"),
        ("Tag", '["INV"]', "tag", ""),
        ("Username", '{"name":"kim"}', "username", ""),
        ("UniqueId", "[1]", "unique_id", ""),
        ("Duration", '"abc"', "duration", None),
        ("Duration", "-1", "duration", None),
        ("Duration", '"-31"', "duration", None),
        ("Duration", "NaN", "duration", None),
        ("Duration", "1e400", "duration", None),
        ("Duration", "1e30", "duration", None),
        ("Duration", '"Infinity"', "duration", None),
        ("Duration", '"٣١"', "duration", None),
        ("Duration", "[31]", "duration", None),
        ("Duration", "9" * 5000, "duration", None),
        ("Start", '"2019-02-30 09:15:00.0"', "start", WireTime("2019-02-30 09:15:00.0", None, TimeMark.UNREADABLE)),
        ("Start", "17", "start", WireTime("17", None, TimeMark.UNREADABLE)),
        ("callend", "[]", "end", WireTime("", None, TimeMark.UNREADABLE)),
        ("callend", "true", "end", WireTime("true", None, TimeMark.UNREADABLE)),
    ],
)
def test_an_unreadable_field_is_named_and_keeps_its_text_where_there_is_one(
    key: str, value: str, field: str, kept: Any
) -> None:
    entry = leg(**{key: value})

    assert entry.unreadable == (key,)
    assert getattr(entry, field) == kept
    assert f'"{key}":{value}' in entry.raw.text


@pytest.mark.parametrize("value", ["null", '""'])
def test_null_and_empty_are_absent_not_unreadable(value: str) -> None:
    entry = leg(Tag=value, Duration=value, Start=value, callend=value, UniqueId=value)

    assert (entry.tag, entry.unique_id, entry.duration, entry.start, entry.end) == (
        "",
        "",
        None,
        WireTime(),
        WireTime(),
    )
    assert entry.unreadable == ()


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("7", "not an object"),
        ('"text"', "not an object"),
        ("null", "not an object"),
        ("[1]", "not an object"),
        ("{}", "neither"),
        ('{"Leg":"1","Tag":"x"}', "neither"),
        ('{"CallRecordId":"","UniqueId":null}', "neither"),
        ('{"CallRecordId":["200417"]}', "neither"),
        ('{"x":' * 3000 + "1" + "}" * 3000, "deeper"),
    ],
)
def test_what_is_no_leg_is_refused_with_a_reason_and_the_others_are_read(element: str, reason: str) -> None:
    answer = legs(LEG, element, LEG.replace('"Leg":"1"', '"Leg":"2"'))

    assert [entry.leg for entry in answer.entries] == ["1", "2"]
    (refused,) = answer.refused
    assert reason in refused.reason
    assert refused.raw.text == element
    assert refused.raw.digest


@pytest.mark.parametrize("element", ["{}", '{"njDisposition":"Sale"}', '{"njLeadId":""}'])
def test_a_call_without_any_identity_is_refused(element: str) -> None:
    answer = calls(element, CALL)

    assert len(answer.entries) == len(answer.refused) == 1


@pytest.mark.parametrize(
    ("raw", "identity"),
    [
        ('{"CallRecordId":1}', ("1", "", "")),
        ('{"callRecordId":"1"}', ("1", "", "")),
        ('{"CallRecordId":null,"callRecordId":"1"}', ("1", "", "")),
        ('{"njUniqueCallId":"1.7"}', ("", "1.7", "")),
        ('{"uniqueCallId":1.70}', ("", "1.70", "")),
        ('{"UniqueId":"1.7","uniqueCallId":"1.8"}', ("", "1.8", "")),
        ('{"njUniqueCallId":[],"UniqueId":"1.7"}', ("", "1.7", "")),
        ('{"leadId":"5","id":6}', ("", "", "5")),
        ('{"id":6}', ("", "", "6")),
    ],
)
def test_the_first_alias_that_holds_something_wins(raw: str, identity: tuple[str, str, str]) -> None:
    (entry,) = calls(raw).entries

    assert (entry.call_record_id, entry.unique_id, entry.lead_id) == identity


def test_user_fields_are_all_that_is_neither_known_nor_the_systems_own() -> None:
    (entry,) = calls('{"id":1,"njNew":"x","name":"y","Colour":"red","n":2.50,"ok":true,"none":null,"list":[1]}').entries

    assert entry.fields == {"Colour": "red", "n": "2.50", "ok": "true", "none": ""}
    assert entry.unreadable == ("ok", "list")


def test_keys_come_from_the_contract() -> None:
    contract = contract_from({"leg_keys": {"unique_id": ["Unique", "UniqueId"], "tag": ["Reference"]}})
    reader = leg_reader(contract.leg_keys, MELBOURNE)

    answer = read_answer(array('[{"Unique":"1.7","Reference":"x","Tag":"y"}]'), View.BY_UNIQUE_ID, AT, reader)

    assert (answer.entries[0].unique_id, answer.entries[0].tag) == ("1.7", "x")


def test_ids_keep_what_no_path_and_no_database_could_hold() -> None:
    entry = leg(CallRecordId='"../../etc\\u0000"', UniqueId='"1\\ud800"', Tag='"a&b=c/😀\\"\'"')

    assert entry.call_record_id == "../../etc\\u0000"
    assert entry.unique_id == "1\\ud800"
    assert entry.tag == "a&b=c/😀\"'"
    assert len(leg_id("site", entry.call_record_id, entry.unique_id, entry.leg)) == 32


def test_a_tag_of_5000_characters_is_kept_whole() -> None:
    tag = "é😀" * 2500

    assert leg(Tag=f'"{tag}"').tag == tag


def test_a_repeated_key_is_named_and_its_last_value_counts() -> None:
    answer = legs('{"CallRecordId":"1","Tag":"a","Tag":"b"}')

    assert (answer.entries[0].tag, answer.entries[0].unreadable) == ("b", ("Tag",))


@pytest.mark.parametrize("text", ["2999-12-31 23:59:59.0", "1970-01-02 00:00:00.0"])
def test_a_start_and_a_duration_that_were_read_can_always_be_added(text: str) -> None:
    entry = leg(Start=f'"{text}"', Duration=str(366 * 86_400))

    assert leg_end(entry) is not None


def test_the_digest_of_an_answer_ignores_order_key_order_and_repeats_and_counts_what_was_refused() -> None:
    other = LEG.replace('"Leg":"1"', '"Leg":"2"')
    turned = '{"CallRecordId":"1","Leg":1}', '{"Leg":"1","CallRecordId":1}'

    assert legs(LEG, other).digest == legs(other, LEG, LEG).digest
    assert legs(turned[0]).digest == legs(turned[1]).digest
    assert legs(LEG).digest != legs(LEG, other).digest
    assert legs(LEG).digest != legs(LEG, "7").digest
    assert legs().digest == legs().digest != legs("7").digest


def test_named_things_have_their_id_as_text_and_their_raw_text() -> None:
    elements = array('[{"id":12,"name":"Spring","extra":[1]}, {"id":"13"}, {"name":"x"}, 7]')

    answer = read_answer(elements, View.CALL_RECORDS, AT, named_reader(CONTRACT.named_keys))

    assert answer.entries == (
        Named("12", "Spring", '{"id":12,"name":"Spring","extra":[1]}'),
        Named("13", "", '{"id":"13"}'),
    )
    assert [refused.reason for refused in answer.refused] == ["it has no id", "it is not an object"]


nonsense = st.recursive(
    st.sampled_from(
        ["null", "true", "false", "NaN", "-Infinity", "1e400", "-1", "0", '""', '"abc"', '"\\ud800"', '"\\u0000"']
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(["CallRecordId", "Tag", "x"]), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)
wire_keys = st.sampled_from(
    ["CallRecordId", "UniqueId", "Leg", "Start", "callend", "Duration", "Tag", "njLeadId", "njCallDate",
     "njCallDuration", "id", "email", "\\u0000", "\\udfff"]
)  # fmt: skip
objects = st.lists(st.tuples(wire_keys, nonsense), max_size=8).map(
    lambda pairs: "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
)


@given(st.lists(objects | nonsense, max_size=5))
def test_no_nonsense_makes_reading_fail_and_every_element_is_accounted_for(elements: list[str]) -> None:
    for answer in (legs(*elements), calls(*elements)):
        assert len(answer.entries) + len(answer.refused) == len(elements)
        for entry in answer.entries:
            assert repr(entry).encode()
            assert all("\0" not in key for key in entry.unreadable)
            if isinstance(entry, CallEntry):
                assert call_id("site", entry)
                assert all(f"{key}{value}".encode() is not None for key, value in entry.fields.items())
            else:
                assert leg_id("site", entry.call_record_id, entry.unique_id, entry.leg)
                leg_end(entry)
