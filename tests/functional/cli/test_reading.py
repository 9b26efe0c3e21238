"""The verbs that read the archive: status, search, show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest import model

if TYPE_CHECKING:
    from noojee_ingest.simulator import Truth

    from .conftest import Said

ZONE = ZoneInfo("Australia/Melbourne")
DAY = datetime(2026, 3, 10, tzinfo=ZONE)
Program = Callable[..., "Said"]

pytestmark = pytest.mark.usefixtures("folder")


def legs_of(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said.document["legs"]
    return found


def keys_of(legs: list[dict[str, Any]]) -> list[str]:
    return [f"{leg['call_record_id']}/{leg['leg']}" for leg in legs]


class TestStatus:
    def test_every_day_has_a_line_and_gaps_end_it_with_3(self, program: Program, truth: Truth) -> None:
        said = program("status")
        assert said.code == 3
        (line,) = [line for line in said.out.splitlines() if "Tue 2026-03-10" in line]
        assert line.split()[2:6] == ["24", "of", "24", str(len(truth.ended(DAY.date())))]
        assert "here, days of Australia/Melbourne" in said.out
        assert "nightly of 2026-03-11 03:30:0" in said.out
        assert "AEDT: exit code 3. finished with gaps: " in said.out
        assert said.err == ""

    def test_json_has_the_sums_of_the_truth(self, program: Program, truth: Truth) -> None:
        said = program("status", "--json")
        (site,) = said.document["sites"]
        day = next(day for day in site["days"] if day["day"] == "2026-03-10")
        of_day = truth.ended(DAY.date())
        troubles = Counter(leg.trouble for leg in of_day)
        assert day["expected"] == sum(day["states"].values()) == len(of_day)
        assert day["states"]["rejected"] == troubles["json"] + troubles["login page"] + troubles["empty"]
        assert day["calls_unexplained"] >= 2
        assert day["complete"] < 100
        assert (said.code, site["exit_code"], site["site"]) == (3, 3, "here")
        (run,) = site["runs"]
        assert (run["flow"], run["condition"], run["exit_code"]) == ("nightly", "ended", 3)

    def test_days_limits_how_far_back_it_looks_and_leaves_no_day_out(
        self, program: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(model, "now_utc", lambda: datetime(2026, 3, 13, 3, 30, tzinfo=ZONE))
        shown = [
            [day["day"] for day in program("status", "--json", *more).document["sites"][0]["days"]]
            for more in ((), ("--days", "2"))
        ]
        assert shown == [["2026-03-10", "2026-03-11", "2026-03-12"], ["2026-03-11", "2026-03-12"]]

    def test_a_site_of_which_nothing_is_known_is_no_gap(
        self, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_DATA", str(tmp_path / "new"))
        said = program("status")
        assert (said.code, said.out) == (0, "here: nothing is known yet. Run `noojee-ingest nightly`.\n")


class TestSearch:
    def test_all_legs_come_in_order_of_their_start(self, program: Program, truth: Truth) -> None:
        legs = legs_of(program("search", "--json", "--limit", "1000"))
        of_day, ended = ({leg.key for leg in truth.ended(day)} for day in (DAY.date(), None))
        assert of_day <= set(keys_of(legs)) <= ended
        assert len(set(keys_of(legs))) == len(legs)
        order = [(leg["start"], leg["leg_id"]) for leg in legs]
        assert order == sorted(order)

    def test_pages_join_up_to_the_whole(self, program: Program) -> None:
        whole = legs_of(program("search", "--json", "--limit", "1000"))
        pages, after = [], ()
        while True:
            document = program("search", "--json", "--limit", "7", *after).document
            pages.append(document["legs"])
            if document["next"] is None:
                break
            after = ("--after", document["next"])
        assert [leg for page in pages for leg in page] == whole
        assert {len(page) for page in pages[:-1]} == {7}

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            ("2026-03-10T09:00", "2026-03-10T15:30"),
            ("2026-03-09T22:00:00+00:00", "2026-03-10T04:30:00Z"),
            ("2026-03-10", "2026-03-11"),
        ],
        ids=["site time", "with offset", "days"],
    )
    def test_a_time_range_takes_its_begin_and_leaves_its_end(
        self, program: Program, truth: Truth, since: str, until: str
    ) -> None:
        begin, end = (
            moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
            for moment in (datetime.fromisoformat(since), datetime.fromisoformat(until))
        )
        legs = legs_of(program("search", "--json", "--limit", "1000", "--since", since, "--until", until))
        of_day = [leg for leg in truth.ended(DAY.date()) if begin <= leg.start < end]
        assert legs
        assert set(keys_of(legs)) >= {leg.key for leg in of_day}
        assert all(begin <= datetime.fromisoformat(leg["start"]) < end for leg in legs)

    def test_a_range_begins_exactly_at_the_start_of_a_leg(self, program: Program, truth: Truth) -> None:
        leg = truth.ended(DAY.date())[5]
        start, next_second = leg.start.isoformat(), (leg.start + timedelta(seconds=1)).isoformat()
        assert leg.key in keys_of(legs_of(program("search", "--json", "--since", start, "--until", next_second)))
        assert leg.key not in keys_of(legs_of(program("search", "--json", "--since", next_second)))
        assert leg.key not in keys_of(legs_of(program("search", "--json", "--until", start, "--limit", "1000")))

    def test_ids_of_any_kind_find_their_legs(self, program: Program, truth: Truth) -> None:
        one, other = truth.ended(DAY.date())[0], truth.ended(DAY.date())[-1]
        legs = legs_of(program("search", "--json", "--id", one.call_record_id, "--id", other.unique_id))
        wanted = [leg for leg in truth.ended(DAY.date()) if leg.unique_id in (one.unique_id, other.unique_id)]
        assert set(keys_of(legs)) >= {leg.key for leg in wanted}
        assert {leg["unique_id"] for leg in legs} == {one.unique_id, other.unique_id}
        (again,) = legs_of(program("search", "--json", "--id", legs[0]["leg_id"]))
        assert again == legs[0]

    @pytest.mark.parametrize("state", ["archived", "pending", "missing", "rejected"])
    def test_a_state_finds_its_legs(self, program: Program, state: str) -> None:
        everything = legs_of(program("search", "--json", "--limit", "1000"))
        found = legs_of(program("search", "--json", "--limit", "1000", "--state", state))
        assert found == [leg for leg in everything if leg["state"] == state]
        assert found

    def test_the_table_has_times_of_the_site(self, program: Program, truth: Truth) -> None:
        leg = truth.ended(DAY.date())[3]
        said = program("search", "--id", leg.call_record_id)
        assert f"{leg.start.astimezone(ZONE):%Y-%m-%d %H:%M:%S} AEDT" in said.out
        assert leg.unique_id in said.out
        assert said.out.rstrip().endswith(" legs")

    def test_nothing_found_is_an_empty_answer(self, program: Program) -> None:
        said = program("search", "--json", "--id", "nobody")
        assert (said.code, said.document) == (0, {"legs": [], "next": None})

    def test_what_came_over_the_wire_is_shown_without_doing_anything(
        self, program: Program, hostile: tuple[str, str]
    ) -> None:
        name, text = hostile
        for said in (program("show", name), program("search", "--id", name)):
            assert "\x1b" not in said.out
            assert "\x07" not in said.out
        assert "[red]" in program("show", name).out
        assert legs_of(program("search", "--json", "--id", name))[0]["tag"] == text


class TestShow:
    def test_a_call_is_shown_with_its_legs_objects_findings_and_history(self, program: Program, truth: Truth) -> None:
        leg = next(leg for leg in truth.ended(DAY.date()) if leg.trouble == "cut wav")
        said = program("show", leg.call_record_id)
        assert said.code == 0
        (row,) = [
            one for one in program("show", leg.call_record_id, "--json").document["legs"] if one["leg"] == leg.leg
        ]
        assert row["leg_id"] in said.out
        assert f"archive/audio/site=here/day=2026-03-10/{row['leg_id']}-" in said.out
        assert row["content_sha256"] in said.out
        assert "unsound" in said.out
        for word in ("accession", "ingestion"):
            assert any(word in line and "AEDT" in line for line in said.out.splitlines())

    @pytest.mark.parametrize("by", ["call_record_id", "unique_id", "leg_id"])
    def test_any_of_its_ids_shows_the_same_call(self, program: Program, truth: Truth, by: str) -> None:
        leg = truth.ended(DAY.date())[7]
        whole = program("show", leg.call_record_id, "--json").document
        assert program("show", whole["legs"][0][by], "--json").document == whole

    def test_json_is_whole(self, program: Program, truth: Truth) -> None:
        leg = next(leg for leg in truth.ended(DAY.date()) if leg.direction == "Outbound" and leg.trouble == "none")
        document = program("show", leg.call_record_id, "--json").document
        assert list(document) == ["calls", "legs", "audio", "findings", "history"]
        assert [one["unique_id"] for one in document["calls"]] in ([leg.unique_id], [])
        assert {event["object"]["type"] for event in document["history"]} <= {"leg", "call"}
        kinds = Counter(event["kind"] for event in document["history"])
        assert kinds["ingestion"] == len(document["audio"]) >= 1

    def test_a_call_without_recording_shows_how_it_was_judged(self, program: Program, truth: Truth) -> None:
        call = next(call for call in truth.calls if not call.explained and not call.legs)
        said = program("show", call.unique_id)
        assert said.code == 0
        assert "unexplained" in said.out
        assert call.disposition in said.out

    @pytest.mark.parametrize("verb", ["show", "get"])
    def test_an_unknown_id_is_named_with_what_to_do(self, program: Program, verb: str) -> None:
        said = program(verb, "no-such-call")
        assert said.code == 1
        assert said.out == ""
        assert said.err.startswith("noojee-ingest: ")
        assert "'no-such-call'" in said.err
        assert "noojee-ingest search" in said.err
