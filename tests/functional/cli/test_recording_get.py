"""``recording get``: files of the phone system's audio, whole, each under its own name, or told why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.simulator import RunningSimulator
from tests.functional.cli.phone_calls import answers, rule

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]


class TestGet:
    @pytest.fixture
    def call(self, phone: RunningSimulator) -> list[Any]:
        """The legs of a call that has several."""
        legs = phone.truth().legs
        unique = next(leg.unique_id for leg in legs if leg.leg == "3")
        return [leg for leg in legs if leg.unique_id == unique]

    def test_all_legs_come_as_files_and_a_second_time_nothing_is_written(
        self, program: Program, call: list[Any]
    ) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls", "--json")
        assert said.code == 0
        files = [Path(file["path"]) for file in said.document["files"]]
        assert [file["leg"] for file in said.document["files"]] == [leg.leg for leg in call]
        assert sorted(files) == sorted(Path("calls").iterdir())
        before = {file: file.stat().st_mtime_ns for file in files}
        again = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls", "--json")
        assert again.code == 0
        assert all(file["was_there"] for file in again.document["files"])
        assert {file: file.stat().st_mtime_ns for file in Path("calls").iterdir()} == before

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_both_ids_give_the_same_bytes(self, program: Program, call: list[Any], way: str) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        said = program("recording", "get", way, name, "--all-legs", "--json")
        told = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "2", "--json", "-o", "x").document
        assert said.document["files"][1]["sha256"] == told["files"][0]["sha256"]
        assert len(said.document["files"]) == len(call)

    def test_another_file_of_that_name_stays_as_it_is(self, program: Program, call: list[Any]) -> None:
        name = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "--json").document
        path = Path(name["files"][0]["path"])
        path.write_text("mine")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1")
        assert said.code == 1
        assert f"writing {path}: it is there with other bytes than its name says: it was changed or cut" in said.err
        assert "Move it away" in said.err
        assert path.read_text() == "mine"
        assert [entry.name for entry in Path().iterdir() if entry.name.endswith(".part")] == []

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_what_was_written_is_told_though_another_leg_fails(
        self, program: Program, call: list[Any], way: str
    ) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        first = program("recording", "get", way, name, "--all-legs", "--json").document["files"]
        for file in first:
            Path(file["path"]).unlink()
        Path(first[2]["path"]).write_text("mine")
        said = program("recording", "get", way, name, "--all-legs", "--json")
        assert said.code == 3
        assert said.document["files"] == [first[0], first[1], *first[3:]]
        (missed,) = said.document["not_got"]
        assert missed["leg"] == "3"
        assert "it was changed or cut" in missed["why"]

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_one_leg_too_large_does_not_cost_the_others(
        self, program: Program, call: list[Any], way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        sizes = [
            file["size"] for file in program("recording", "get", way, name, "--all-legs", "--json").document["files"]
        ]
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__MAX_RECORDING_BYTES", str(max(sizes) - 1))
        said = program("recording", "get", way, name, "--all-legs", "--json", "-o", "x")
        assert said.code == 3
        assert len(said.document["files"]) == sum(size < max(sizes) for size in sizes) > 0
        assert "Raise archive.max_recording_bytes" in said.document["not_got"][0]["why"]

    def test_what_was_written_is_told_though_an_error_ends_it(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        where = {"leg": "2"}
        rule(phone, "retrieveByUniqueId", match=where, answer={"status": 401, "text": '{"Code": -1}'})
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "--json", "-o", "x")
        assert said.code == 1
        assert [file["path"] for file in said.document["files"]] == [str(path) for path in Path("x").iterdir()]
        assert "does not accept the key" in said.err

    def test_an_output_that_is_no_folder_is_told_before_anything_is_fetched(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        Path("calls").write_text("mine")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls")
        assert said.code == 1
        assert "writing calls: it is no folder. Choose another folder with --output" in said.err
        assert phone.counters().requests["retrieveByUniqueId"] == 0

    def test_a_link_of_that_name_is_not_followed(self, program: Program, call: list[Any], tmp_path: Path) -> None:
        told = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "--json").document
        path = Path(told["files"][0]["path"])
        path.rename("elsewhere")
        path.symlink_to("elsewhere")
        assert program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1").code == 1

    def test_several_legs_want_a_word_more(self, program: Program, call: list[Any]) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id)
        assert said.code == 2
        assert "say --leg N or --all-legs" in " ".join(said.err.replace("│", " ").split())

    def test_a_leg_that_is_not_there_is_told_and_the_others_come(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        where = {"leg": "2"}
        rule(phone, "retrieveByUniqueId", match=where, answer={"status": 404, "text": "<html>none</html>"})
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "--json")
        assert said.code == 3
        assert [miss["leg"] for miss in said.document["not_got"]] == ["2"]
        assert len(said.document["files"]) == len(call) - 1
        assert "Not got: leg 2" in said.err
        assert "<html>" not in said.err

    @pytest.mark.parametrize("body", ['{"Code": -3, "Message": "still recording"}', "<html>log in</html>", ""])
    def test_what_is_no_audio_is_not_written(
        self, program: Program, phone: RunningSimulator, call: list[Any], body: str
    ) -> None:
        answers(phone, "retrieveByUniqueId", body)
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "-o", "calls")
        assert said.code == 1
        assert "what came is no audio" in said.err
        assert list(Path("calls").iterdir()) == []

    def test_a_hostile_tag_and_leg_make_no_path(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        tag = "../../etc/x\n\x1b[31m& = '/ 🙂"
        entry = f'[{{"CallRecordId": "{call[0].call_record_id}", "UniqueId": "1.2", "Leg": "../1"}}]'
        answers(phone, "retrieveMetaData", entry)
        refused = program("recording", "get", "--tag", tag, "--leg", "../1", "-o", "calls")
        assert refused.code == 1  # the simulator knows no leg of that name
        assert "\x1b" not in refused.err
        assert list(Path("calls").iterdir()) == []
        rule(phone, "retrieve", answer={"audio_bytes": 2000})
        said = program("recording", "get", "--tag", tag, "--leg", "../1", "-o", "calls")
        assert said.code == 0
        (path,) = Path("calls").iterdir()
        assert re.fullmatch(r"etc_x_31m-leg1-[0-9a-f]{16}\.wav", path.name)
        assert sorted(entry.name for entry in Path().iterdir()) == ["calls", "config.toml", "data"]

    @pytest.mark.parametrize("way", ["--unique-id", "--tag"])
    def test_what_nobody_knows_is_told(self, program: Program, phone: RunningSimulator, way: str) -> None:
        said = program("recording", "get", way, "nobody-knows", "--all-legs")
        assert said.code == 1
        assert f"knows no recording of {way[2:].replace('-', ' ')} 'nobody-knows'" in said.err

    def test_an_unknown_leg_is_told_with_those_there_are(self, program: Program, call: list[Any]) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "9")
        assert said.code == 1
        assert "It has the legs '1', '2', '3'" in said.err

    def test_one_too_large_is_refused(self, program: Program, call: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__MAX_RECORDING_BYTES", "1000")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "-o", "calls")
        assert said.code == 1
        assert "Raise archive.max_recording_bytes" in said.err
        assert list(Path("calls").iterdir()) == []
