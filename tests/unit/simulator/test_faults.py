"""The fault plan: which rule serves which request, and what edits do to a list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from noojee_ingest.simulator import Answer, Edit, OtherAudio, Rule
from noojee_ingest.simulator.faults import FaultPlan
from noojee_ingest.simulator.wire import Entry

ENTRIES: list[Entry | str] = [{"Leg": '"1"', "id": "7"}, {"Leg": '"2"', "id": "8"}]


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (Edit(), ENTRIES),
        (Edit(append=("1700000123.10", '"\\ud800"')), [*ENTRIES, "1700000123.10", '"\\ud800"']),
        (Edit(where={"Leg": "2"}, replace="null"), [ENTRIES[0], "null"]),
        (Edit(where={"id": "8"}, drop=True), ENTRIES[:1]),
        (Edit(where={"Leg": "1"}, double=True), [ENTRIES[0], *ENTRIES]),
        (Edit(reverse=True), ENTRIES[::-1]),
        (
            Edit(where={"Leg": "1"}, set={"id": "1.10", "x": "[]"}),
            [{"Leg": '"1"', "id": "1.10", "x": "[]"}, ENTRIES[1]],
        ),
        (Edit(unset=("Leg",)), [{"id": "7"}, {"id": "8"}]),
        (Edit(where={"nothing": "7"}, drop=True), ENTRIES),
        (Edit(drop=True, append=("1",)), ["1"]),
    ],
)
def test_an_edit_changes_the_entries_it_names(edit: Edit, wanted: list[Entry | str]) -> None:
    assert edit.apply(list(ENTRIES)) == wanted


def answered(plan: FaultPlan, endpoint: str, **facts: str) -> int | None:
    answer, _ = plan.serve(endpoint, facts)
    return answer and answer.status


def test_a_rule_serves_its_endpoint_and_values_as_often_as_it_says() -> None:
    plan = FaultPlan(7)
    plan.add(Rule(endpoint="retrieve", match={"leg": "2"}, times=2, answer=Answer(status=503)))
    assert [answered(plan, "retrieve", leg=leg) for leg in "1222"] == [None, 503, 503, None]
    assert answered(plan, "retrieveMetaData", leg="2") is None
    assert plan.told()[0]["served"] == 2


def test_the_first_answer_that_fits_wins_and_edits_add_up() -> None:
    plan = FaultPlan(7)
    plan.add(Rule(endpoint="*", edit=Edit(reverse=True)))
    plan.add(Rule(endpoint="list", edit=Edit(drop=True)))
    plan.add(Rule(endpoint="list", times=1, answer=Answer(status=500)))
    plan.add(Rule(endpoint="*", answer=Answer(status=502)))
    assert [answered(plan, "list"), answered(plan, "list"), answered(plan, "other")] == [500, 502, 502]
    assert len(plan.serve("list", {})[1]) == 2
    plan.clear()
    assert plan.serve("list", {}) == (None, [])


def test_chance_is_drawn_by_the_seed() -> None:
    def drawn(seed: int) -> list[int | None]:
        plan = FaultPlan(seed)
        plan.add(Rule(endpoint="*", probability=0.5, answer=Answer(status=503)))
        return [answered(plan, "retrieve") for _ in range(64)]

    assert drawn(7) == drawn(7) != drawn(8)
    assert 16 < sum(status == 503 for status in drawn(7)) < 48


def test_a_rule_lets_as_many_pass_as_it_says_and_holds_between_two_instants_of_the_clock() -> None:
    now = [1000.0]
    plan = FaultPlan(7, lambda: now[0])
    plan.add(Rule(endpoint="list", after=2, times=1, answer=Answer(status=500)))
    since, until = datetime.fromtimestamp(2000, UTC), datetime.fromtimestamp(3000, UTC)
    plan.add(Rule(endpoint="list", since=since, until=until, answer=Answer(status=404)))
    assert [answered(plan, "list") for _ in range(4)] == [None, None, 500, None]
    for now[0], status in ((1999, None), (2000, 404), (2999, 404), (3000, None)):
        assert answered(plan, "list") == status
    assert [told["served"] for told in plan.told()] == [1, 2]


def test_a_rule_survives_the_wire() -> None:
    rule = Rule(
        endpoint="list", since=datetime(2026, 3, 10, tzinfo=UTC), answer=Answer(other_audio=OtherAudio(version=0))
    )
    assert Rule.model_validate_json(json.dumps(rule.model_dump(mode="json"))) == rule


@pytest.mark.parametrize(
    "rule",
    [
        {"endpoint": "retrieve"},
        {"endpoint": "retrieve", "answer": {}, "edit": {}},
        {"endpoint": "retrieve", "answer": {"stauts": 503}},
        {"endpoint": "retrieve", "answer": {"text": "a", "base64": "YQ=="}},
        {"endpoint": "retrieve", "answer": {"base64": "not base64"}},
        {"endpoint": "retrieve", "answer": {"audio_bytes": 1001}},
        {"endpoint": "dial", "answer": {"before_change": True}},
        {"endpoint": "dial", "answer": {"before_change": True, "delay": 1}},
        {"endpoint": "dial", "answer": {"before_change": True, "cut_after": 5}},
        {"endpoint": "retrieve", "answer": {"text": "a", "other_audio": {"version": 1}}},
        {"endpoint": "retrieve", "answer": {"other_audio": {"version": -1}}},
        {"endpoint": "retrieve", "answer": {"retry_after": {"seconds": 1, "form": "week"}}},
        {"endpoint": "retrieve", "answer": {}, "since": "2026-03-10T00:00:00"},
        {"endpoint": "retrieve", "answer": {}, "times": 0},
        {"endpoint": "retrieve", "answer": {}, "probability": 2},
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)
