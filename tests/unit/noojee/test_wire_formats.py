"""Properties of what goes over the wire: every date form in every Australian zone, ids, and texts of every kind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noojee_ingest.model import TimeMark, WireTime
from noojee_ingest.noojee import (
    CONTRACT,
    HANDSETS,
    NO_CHANGE,
    Lead,
    LeadGeneration,
    Mark,
    Misconfigured,
    auto_answer,
)
from noojee_ingest.noojee.authentication import Signature
from noojee_ingest.noojee.leads import lead_body
from noojee_ingest.noojee.question import Question, bare_extensions, with_technology
from noojee_ingest.noojee.redaction import Redaction
from noojee_ingest.noojee.times import OFFSETS, read_time, write_date, write_minute
from noojee_ingest.noojee.wire import Members, NotJSON, array, member_texts

MELBOURNE = ZoneInfo("Australia/Melbourne")
ZONES = [
    ZoneInfo(f"Australia/{place}")
    for place in ("Sydney", "Melbourne", "Hobart", "Brisbane", "Adelaide", "Darwin", "Perth", "Eucla", "Lord_Howe")
]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

instants = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)).map(  # noqa: DTZ001
    lambda local: local.replace(microsecond=0, tzinfo=UTC)
)

FORMS = {
    "by tag and by unique id": "%Y-%m-%d %H:%M:%S.0",
    "callStartTime and njCallDate": "%Y/%m/%d %H:%M:%S",
    "njCallBackDate and backups": "%Y/%m/%d %H:%M",
}


@pytest.mark.parametrize("name", sorted(OFFSETS))
@given(instant=instants)
def test_the_by_hour_form_is_read_in_every_abbreviation(name: str, instant: datetime) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=OFFSETS[name])))
    text = f"{DAYS[local.weekday()]} {MONTHS[local.month - 1]} {local:%d %H:%M:%S} {name} {local.year}"

    for zone in ZONES:
        assert read_time(text, zone) == WireTime(text, instant, TimeMark.CLEAR)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@given(instant=instants)
def test_the_by_hour_form_is_read_as_the_phone_system_of_each_zone_writes_it(zone: ZoneInfo, instant: datetime) -> None:
    local = instant.astimezone(zone)
    name = local.tzname() or ""
    if name.isalpha():  # some zones have a mere offset for a name in Python, where Java has letters
        text = f"{DAYS[local.weekday()]} {MONTHS[local.month - 1]} {local:%d %H:%M:%S} {name} {local.year}"
        assert read_time(text, zone) == WireTime(text, instant, TimeMark.CLEAR)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zone", ZONES, ids=str)
@given(instant=instants)
def test_a_form_without_zone_is_its_instant_or_is_marked(zone: ZoneInfo, form: str, instant: datetime) -> None:
    if form == "njCallBackDate and backups":
        instant = instant.replace(second=0)
    read = read_time(instant.astimezone(zone).strftime(FORMS[form]), zone)

    if read.mark is TimeMark.TWICE:
        assert read.utc is not None
        assert instant - read.utc in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
    else:
        assert (read.utc, read.mark) == (instant, TimeMark.CLEAR)


@given(instant=instants, milliseconds=st.integers(0, 999))
def test_a_bare_number_of_milliseconds_is_its_instant_everywhere(instant: datetime, milliseconds: int) -> None:
    exact = instant + timedelta(milliseconds=milliseconds)
    text = str(int(instant.timestamp()) * 1000 + milliseconds)

    assert {read_time(text, zone).utc for zone in ZONES} == {exact}


@given(local=st.datetimes(datetime(1970, 1, 2), datetime(2999, 12, 30)))  # noqa: DTZ001
def test_what_we_write_is_read_as_it_was(local: datetime) -> None:
    to_the_minute = local.replace(second=0, microsecond=0)
    read = read_time(write_minute(local), UTC_ZONE)

    assert read.utc == to_the_minute.replace(tzinfo=UTC)
    assert write_minute(local).startswith(write_date(local.date()))
    assert len(write_minute(local)) == 16


UTC_ZONE = ZoneInfo("UTC")

awkward = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
kinds = pytest.mark.parametrize(
    "tag",
    [
        "INV-77",
        "a&b", "a=b", "a/b", "a+b", "a%20b", "a b", " a ", "'a'", '"a"', "\\", "#?;:,@", "Zoë", "顧客",
        "☎️📞👩‍💻", "\U0010ffff", "\x7f", "\0", "\r\n", "%", "%zz", "&apiKey=x",
        "x" * 5_000, "📞" * 5_000, "&=/'\"" * 1_000,
    ],
)  # fmt: skip


def decoded(tag: str) -> dict[str, str]:
    question = Question("tag", CONTRACT.tag, {"extenOrUniqueId": "1.7", "tag": tag, "": "x", "none": ""}, "tag")
    assert question.query.isascii()
    assert not set(question.query) & set(" \"'<>\\^`{|}\r\n\0#")
    pairs = parse_qsl(question.query, keep_blank_values=True, strict_parsing=True)
    assert [name for name, _ in pairs] == ["extenOrUniqueId", "tag"]
    return dict(pairs)


@kinds
def test_a_tag_arrives_as_it_was(tag: str) -> None:
    assert decoded(tag) == {"extenOrUniqueId": "1.7", "tag": tag}


@given(tag=awkward)
@example(tag="&=/'\"")
def test_any_tag_arrives_as_it_was(tag: str) -> None:
    assert decoded(tag)["tag"] == tag


@given(surrogate=st.characters(categories=("Cs",)), around=awkward)
def test_half_a_character_is_refused_and_not_bent(surrogate: str, around: str) -> None:
    with pytest.raises(Misconfigured, match="half a character"):
        _ = Question("tag", CONTRACT.tag, {"tag": around + surrogate}, "tag").query


@given(name=awkward, value=awkward)
def test_what_signs_a_request_arrives_as_it_was(name: str, value: str) -> None:
    class Request:
        url = "https://pbx.example/path?tag=x"

    signed = Signature({name: value})(Request())  # type: ignore[arg-type]

    first, _, rest = (signed.url or "").partition("?")[2].partition("&")
    assert [unquote(part) for part in first.split("=")] == [name, value]
    assert rest == "tag=x"


ids = st.from_regex(r"[0-9]{1,12}(-[0-9]{1,6})?(\.[0-9]{1,6}0{0,3})?", fullmatch=True)


@given(unique_id=ids)
@example(unique_id="1500000123.10")
def test_an_id_arrives_as_it_was(unique_id: str) -> None:
    assert decoded(unique_id)["tag"] == unique_id


@given(unique_id=st.from_regex(r"[1-9][0-9]{0,11}\.[0-9]{1,6}", fullmatch=True), quoted=st.booleans())
def test_an_id_comes_as_it_stood_be_it_a_number_or_a_text(*, unique_id: str, quoted: bool) -> None:
    raw = f'"{unique_id}"' if quoted else unique_id
    (element,) = array(f'[{{"UniqueId": {raw}}}]')

    assert isinstance(element.value, Members)
    assert element.value["UniqueId"] == unique_id


values = st.recursive(
    st.none() | st.booleans() | st.integers() | awkward,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(awkward, inner, max_size=3),
    max_leaves=10,
)


@given(members=st.dictionaries(awkward, values, max_size=5), ascii_only=st.booleans())
def test_every_member_keeps_its_own_text(members: dict[str, object], *, ascii_only: bool) -> None:
    texts = member_texts(json.dumps(members, ensure_ascii=ascii_only, indent=1))

    assert {name: json.loads(text) for name, text in texts.items()} == members


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a"}', '{"a":1', '{"a":1}x', "{1:2}", '{"a" "b"}', "null", '{"a":1,}']
)
def test_what_is_no_object_has_no_members(text: str) -> None:
    with pytest.raises(NotJSON):
        member_texts(text)


def test_of_a_repeated_member_the_last_text_counts() -> None:
    assert member_texts('{"a": 1, "b": [ 1 ], "a": {"c" : 2} }') == {"a": '{"c" : 2}', "b": "[ 1 ]"}


@given(
    fields=st.dictionaries(awkward.filter(lambda name: not name.lower().startswith("nj")), awkward, max_size=5),
    external_id=awkward,
    generation=st.sampled_from(LeadGeneration),
)
def test_a_lead_says_what_it_was_given_and_every_value_is_a_text(
    fields: dict[str, str], external_id: str, generation: LeadGeneration
) -> None:
    lead = Lead("12", "34", "56", external_id=external_id, fields=fields, priority=7)

    body = json.loads(json.dumps(lead_body(lead, CONTRACT.lead_keys, generation, "save")).encode("ascii"))

    marked = {name: NO_CHANGE if value.strip().lower() == "<no change>" else value for name, value in fields.items()}
    assert body == marked | {"njExternalLeadId": external_id, "njPriority": "7"}


@given(letters=st.lists(st.booleans(), min_size=11, max_size=11))
def test_no_change_has_one_spelling_on_the_wire(letters: list[bool]) -> None:
    spelling = "".join(letter.upper() if up else letter.lower() for letter, up in zip(NO_CHANGE, letters, strict=True))
    lead = Lead("12", "34", "56", disposition=spelling)

    assert lead_body(lead, CONTRACT.lead_keys, LeadGeneration.FAST, "update") == {"njDisposition": "<No Change>"}


@given(names=st.lists(st.from_regex(r"(SIP/|PJSIP/)?[0-9]{1,5}", fullmatch=True), min_size=1, max_size=9))
def test_extensions_lose_their_technology_and_come_once_in_their_order(names: list[str]) -> None:
    sent = bare_extensions(names, "watch").split(",")

    assert sent == list(dict.fromkeys(name.rpartition("/")[2] for name in names))


@pytest.mark.parametrize(
    ("given_as", "sent_as"),
    [("205", "SIP/205"), ("SIP/205", "SIP/205"), ("PJSIP/205", "PJSIP/205"), ("1500000123.7", "1500000123.7")],
)
def test_dial_gets_its_technology(given_as: str, sent_as: str) -> None:
    assert with_technology(given_as) == sent_as


@pytest.mark.parametrize("maker", sorted(HANDSETS))
def test_a_handset_has_a_header_and_a_mark(maker: str) -> None:
    handset = HANDSETS[maker]

    assert handset.maker == maker == maker.lower()
    assert ":" in handset.string
    assert handset.string.isascii()
    assert handset.string.isprintable()
    assert handset.mark in (Mark.DOC, Mark.CLIENT)
    assert auto_answer(maker.upper()) == handset.string


def test_the_backslashes_of_the_strings_are_those_of_the_reference() -> None:
    assert auto_answer("snom").count("\\") == 2
    assert auto_answer("yealink").count("\\") == 1
    assert auto_answer("polycom").count("\\") == 0


def test_an_override_wins_also_for_a_maker_that_we_do_not_know() -> None:
    assert auto_answer("Yealink", {"yealink": "Call-info:answer-after=0"}) == "Call-info:answer-after=0"
    assert auto_answer("tin-can", {"Tin-Can": "Alert-Info: pull"}) == "Alert-Info: pull"
    with pytest.raises(Misconfigured, match="nearest is 'yealink'"):
        auto_answer("yeelink")


@given(before=st.text(max_size=20), after=st.text(max_size=20), proof=st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_a_learnt_hash_is_blotted_out_and_another_stays(before: str, after: str, proof: str) -> None:
    redaction = Redaction("a-key-0123456789")
    other = "0" * 63 + ("1" if proof.endswith("0") else "0")
    redaction.learn_hash(proof)

    for spelling in (proof, proof.upper()):
        assert spelling not in redaction.clean(f"{before}|{spelling}|{after}")
        assert spelling.encode() not in redaction.blot(f"|{spelling}|".encode())
    assert redaction.clean(f"|{other}|") == f"|{other}|"


def test_a_hash_within_more_digits_is_blotted_out_too() -> None:
    redaction = Redaction("a-key-0123456789")
    redaction.learn_hash("ab" * 32)

    assert "ab" * 32 not in redaction.clean("1" + "ab" * 32 + "2")
    assert b"ab" * 32 not in redaction.blot(b"1" + b"ab" * 32 + b"2")


def test_so_many_hashes_are_kept_and_no_more() -> None:
    redaction = Redaction("a-key-0123456789")
    hashes = [f"{number:064x}" for number in range(5_000)]
    for each in hashes:
        redaction.learn_hash(each)

    assert redaction.clean(hashes[-1]) == "***"
    assert redaction.clean(hashes[0]) == hashes[0]
