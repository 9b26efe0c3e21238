"""The verbs that read the archive: status, show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
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


class TestStatus:
    def test_every_day_has_a_line_and_gaps_end_it_with_3(self, program: Program, truth: Truth) -> None:
        said = program("status")
        assert said.code == 3
        (line,) = [line for line in said.out.splitlines() if line.startswith("  Tue 2026-03-10")]
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

    def test_a_site_of_which_nothing_is_known_waits_for_its_first_night(
        self, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_DATA", str(tmp_path / "new"))
        said = program("status")
        assert (said.code, said.out) == (3, "here: no night has run yet. Run `noojee-ingest nightly --site here`.\n")

    @pytest.mark.parametrize("days", ["0", "-1", "36501", "800000"])
    def test_days_without_end_are_usage(self, program: Program, days: str) -> None:
        said = program("status", "--days", days)
        assert (said.code, said.out) == (2, "")
        assert program("status", "--days", "36500").code == 3


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

    def test_a_segment_that_is_gone_is_damage(self, program: Program, folder: Path, truth: Truth) -> None:
        name = truth.ended(DAY.date())[7].call_record_id
        for path in (folder / "data/store/archive/journal").rglob("*.jsonl.gz"):
            path.unlink()
        said = program("show", name)
        assert (said.code, said.out) == (4, "")
        assert "lacks 1 journal segments that the catalogue knows (the first is journal/site=here/" in said.err
        assert "[store] in the settings names the right place" in said.err
        assert "restore them from a copy of the store" in said.err

    @pytest.mark.parametrize("verb", [["show"], ["get", "--reason", "why"]], ids=" ".join)
    def test_an_unknown_id_is_named_with_what_to_do(self, program: Program, verb: list[str]) -> None:
        said = program(*verb, "no-such-call")
        assert said.code == 1
        assert said.out == ""
        assert said.err.startswith("noojee-ingest: ")
        assert "'no-such-call'" in said.err
        assert "noojee-ingest search" in said.err
