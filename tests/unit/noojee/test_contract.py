"""The contract: marked line by line, corrected in one place."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.noojee import CONTRACT, GENERATION_A, ContractError, contract_from
from noojee_ingest.noojee.contract import marks
from noojee_ingest.noojee.endpoints import Endpoint
from noojee_ingest.noojee.marked import Mark


def test_every_line_has_its_mark() -> None:
    lines = {name: mark for name, _, mark in marks()}

    assert len(lines) > 150
    assert all(isinstance(mark, Mark) for mark in lines.values())
    assert lines["by_hour.path"] is Mark.DOC
    assert lines["templates.method"] is Mark.CLIENT
    assert lines["call_keys.disposition"] is Mark.PROPOSED


def test_every_mark_is_the_one_that_was_read_in_the_reference() -> None:
    """``marks.txt`` was compared with the reference line by line: who changes a mark says why there."""
    told = Path(__file__).with_name("marks.txt").read_text().splitlines()
    assert [f"{name} {mark}" for name, _, mark in marks()] == told


def test_nothing_of_the_audio_calls_is_presented_as_documented() -> None:
    assert {mark for name, _, mark in marks() if name.startswith("audio_")} == {Mark.PROPOSED}


ENDPOINTS = {
    "time", "dial", "state", "hangup", "subscribe", "answer", "start", "stop", "tag",
    "by_hour", "by_unique_id", "by_tag", "audio_by_call_record_id", "audio_by_unique_id", "audio_by_tag",
    "templates", "campaigns", "allocations", "dispositions", "fields", "call_records",
    "save_fast", "save_old", "update_fast", "update_old", "rosters", "health",
}  # fmt: skip


def test_every_endpoint_of_the_reference_has_its_section() -> None:
    endpoints = {each.name: getattr(CONTRACT, each.name) for each in dataclasses.fields(CONTRACT)}

    assert {name for name, section in endpoints.items() if isinstance(section, Endpoint)} == ENDPOINTS
    assert len({section.path for name, section in endpoints.items() if name in ENDPOINTS}) == len(ENDPOINTS)


def test_what_only_a_name_is_known_of_is_marked_as_proposed() -> None:
    for section in ("tag", "audio_by_tag", "dispositions", "fields"):
        assert {mark for name, _, mark in marks() if name.startswith(f"{section}.")} == {Mark.PROPOSED}


def test_generation_a_puts_recordings_beside_the_calls() -> None:
    contract = contract_from(GENERATION_A)

    changed = {name for (name, new, _), (_, old, _) in zip(marks(contract), marks(), strict=True) if new != old}
    assert changed == {f"{section}.path" for section in GENERATION_A}
    assert "by_hour" not in GENERATION_A
    assert contract.by_tag.path == "/servicemanager/rest/CallManagementAPI/retrieveMetaData"


def test_overrides_from_toml_replace_their_lines_and_no_others() -> None:
    overrides = tomllib.loads("""
        [audio_by_call_record_id]
        path = "/njadmin/rest/RecordingAPI/get"
        method = "GET"
        leg = "legNo"

        [call_keys]
        disposition = ["outcome", "njDisposition"]
    """)

    contract = contract_from(overrides)

    assert contract.audio_by_call_record_id.path == "/njadmin/rest/RecordingAPI/get"
    assert contract.audio_by_call_record_id.method == "GET"
    assert contract.audio_by_call_record_id.leg == "legNo"
    assert contract.audio_by_call_record_id.call_record_id == "callRecordId"
    assert contract.call_keys.disposition == ("outcome", "njDisposition")
    changed = {name for (name, new, _), (_, old, _) in zip(marks(contract), marks(), strict=True) if new != old}
    assert changed == {
        "audio_by_call_record_id.path",
        "audio_by_call_record_id.method",
        "audio_by_call_record_id.leg",
        "call_keys.disposition",
    }


def test_no_overrides_leave_the_contract_as_it_is() -> None:
    assert contract_from({}) == CONTRACT


@pytest.mark.parametrize(
    ("overrides", "named", "nearest"),
    [
        ({"by_hours": {}}, "'by_hours'", "The nearest is 'by_hour'"),
        ({"audio_unique_id": {"path": "/x"}}, "'audio_unique_id'", "The nearest is 'audio_by_unique_id'"),
        ({"by_hour": {"methd": "GET"}}, "'by_hour.methd'", "The nearest is 'method'"),
        ({"call_keys": {"dispositions": ["x"]}}, "'call_keys.dispositions'", "The nearest is 'disposition'"),
        ({"leg_keys": {"": ["x"]}}, "'leg_keys.'", "there are: call_record_id"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_that_exists(
    overrides: dict[str, Any], named: str, nearest: str
) -> None:
    with pytest.raises(ContractError) as caught:
        contract_from(overrides)

    assert named in str(caught.value)
    assert nearest in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"by_hour": "GET"}, "by_hour"),
        ({"by_hour": {"method": "get"}}, "by_hour.method"),
        ({"by_hour": {"method": "DELETE"}}, "by_hour.method"),
        ({"by_hour": {"path": "njadmin"}}, "by_hour.path"),
        ({"by_hour": {"path": "//elsewhere.example/x"}}, "by_hour.path"),
        ({"by_hour": {"path": "https://elsewhere.example/x"}}, "by_hour.path"),
        ({"by_hour": {"path": "/x?apiKey=y"}}, "by_hour.path"),
        ({"by_hour": {"path": "/x\r\nHost: y"}}, "by_hour.path"),
        ({"by_hour": {"path": 7}}, "by_hour.path"),
        ({"authentication": {"api_key": ""}}, "authentication.api_key"),
        ({"authentication": {"hash": ""}}, "authentication.hash"),
        ({"lead_keys": {"no_change": ["x"]}}, "lead_keys.no_change"),
        ({"leg_keys": {"tag": "Tag"}}, "leg_keys.tag"),
        ({"leg_keys": {"tag": []}}, "leg_keys.tag"),
        ({"leg_keys": {"tag": ["Tag", 7]}}, "leg_keys.tag"),
        ({"leg_keys": {"tag": {"a": 1}}}, "leg_keys.tag"),
    ],
)
def test_an_impossible_value_is_named(overrides: dict[str, Any], named: str) -> None:
    with pytest.raises(ContractError, match=f"'{named}'"):
        contract_from(overrides)


def test_a_parameter_may_be_switched_off() -> None:
    assert contract_from({"audio_by_unique_id": {"leg": ""}}).audio_by_unique_id.leg == ""
