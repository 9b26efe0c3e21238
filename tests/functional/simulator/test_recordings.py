"""The audio: sound in every format, as long as promised, unlike any other; and damaged as named."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
import soundfile

from noojee_ingest.simulator import RunningSimulator, Scenario, TrueLeg, Truth, start
from noojee_ingest.simulator.recording import SPEECH, Format, pcm_of_size, recording

DAY = date(2026, 3, 10)
KINDS = {
    "pcm": ("WAV", "PCM_16", 1),
    "pcm-stereo": ("WAV", "PCM_16", 2),
    "ulaw": ("WAV", "ULAW", 1),
    "alaw": ("WAV", "ALAW", 1),
    "gsm": ("WAV", "GSM610", 1),
    "mp3": ("MP3", "MPEG_LAYER_III", 1),
}
FMT_SIZES = {"pcm": 16, "pcm-stereo": 16, "ulaw": 18, "alaw": 18, "gsm": 20}


def chunks_of(wav: bytes) -> dict[bytes, tuple[int, bytes]]:
    """A WAV's chunks: name -> size in its header, and the bytes that are there."""
    chunks, at = {}, 12
    while at + 8 <= len(wav):
        size = int.from_bytes(wav[at + 4 : at + 8], "little")
        chunks[wav[at : at + 4]] = size, wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return chunks


def seconds_of(audio: bytes) -> tuple[tuple[str, str, int], float]:
    with soundfile.SoundFile(io.BytesIO(audio)) as file:
        assert file.samplerate == 8000
        read = len(file.read(file.frames))  # GSM cannot seek, so the number must be said
        return (file.format, file.subtype, file.channels), read / 8000


@pytest.mark.parametrize("seconds", [1, 2, 7, 60, 149])
@pytest.mark.parametrize("number", [1_372_000, 1_372_001])
@pytest.mark.parametrize("form", Format)
def test_every_format_opens_and_is_as_long_as_promised(form: Format, number: int, seconds: int) -> None:
    body = recording(form, number, seconds, seed=7)
    audio = body.content()
    assert len(audio) == body.size
    kind, read = seconds_of(audio)
    assert kind == KINDS[form]
    # libsndfile takes off an MP3 decoder's delay of 529 samples, and counts GSM's pad byte as a block of 320
    assert read == pytest.approx(seconds, abs={"mp3": 0.103, "gsm": 0.041}.get(form, 0))


@pytest.mark.parametrize("seconds", [1, 7])
@pytest.mark.parametrize("form", [form for form in Format if form is not Format.MP3])
def test_wav_headers_are_right(form: Format, seconds: int) -> None:
    wav = recording(form, 5, seconds, seed=7).content()
    chunks = chunks_of(wav)
    assert wav[:4] + wav[8:12] == b"RIFFWAVE"
    assert int.from_bytes(wav[4:8], "little") == len(wav) - 8
    assert len(wav) % 2 == 0
    assert chunks[b"fmt "][0] == FMT_SIZES[form]
    assert chunks[b"data"][0] == len(chunks[b"data"][1])
    if form in (Format.PCM, Format.STEREO):
        assert b"fact" not in chunks
    else:
        assert int.from_bytes(chunks[b"fact"][1], "little") == 8000 * seconds


@pytest.mark.parametrize("number", [4, 5])
def test_an_mp3_is_whole_frames_after_an_info_frame_and_sometimes_a_tag(number: int) -> None:
    audio = recording(Format.MP3, number, 20, seed=7).content()
    if number % 2:
        assert audio[:3] == b"ID3"
        audio = audio[10 + int.from_bytes(audio[6:10], "big") :]
    frames = [audio[at : at + 144] for at in range(0, len(audio), 144)]
    assert {frame[:2] for frame in frames} == {b"\xff\xe3"}
    assert {len(frame) for frame in frames} == {144}
    assert frames[0][13:17] == b"Info"
    assert int.from_bytes(frames[0][21:25], "big") == len(frames) - 1 == round(20 * 8000 / 576)


@pytest.mark.parametrize("form", Format)
def test_recordings_are_speech_and_not_silence(form: Format) -> None:
    with soundfile.SoundFile(io.BytesIO(recording(form, 9, 20, seed=7).content())) as file:
        assert abs(file.read(file.frames)).mean() > 0.01


@pytest.mark.parametrize("form", Format)
def test_even_thousands_of_one_second_recordings_differ(form: Format) -> None:
    numbers = range(1_372_000, 1_375_000)
    assert len({sha256(recording(form, number, 1, seed=7).content()).digest() for number in numbers}) == len(numbers)


@pytest.mark.parametrize("size", [1000, 16_044, 1_000_000])
def test_a_recording_of_an_exact_size_is_sound(size: int) -> None:
    body = pcm_of_size(size, 3, seed=7)
    audio = body.content()
    assert len(audio) == body.size == size
    assert seconds_of(audio) == (("WAV", "PCM_16", 1), (size - 44) / 16_000)


def test_the_committed_speech_is_small() -> None:
    assert (SPEECH / "LICENCE").is_file()
    assert sum(file.stat().st_size for file in SPEECH.iterdir() if file.is_file()) < 1.6 * 1024**2


def test_a_days_recordings_differ_are_the_same_again_and_weigh_what_was_promised(
    clean_simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any]
) -> None:
    caller = caller_of(clean_simulator)
    digests, total = {}, 0
    legs = clean_simulator.truth().ended(DAY)
    for leg in legs:
        audio = caller.audio(leg)
        assert audio.status_code == 200
        assert audio.headers["content-type"] == "audio/x-wav"
        digests[leg.key] = sha256(audio.content).digest()
        total += len(audio.content)
    assert len(set(digests.values())) == len(legs) >= 560
    assert 60_000_000 <= total <= 100_000_000
    for leg in legs[::20]:
        assert sha256(caller.audio(leg).content).digest() == digests[leg.key]


def test_what_comes_over_the_wire_is_as_long_as_its_duration(
    clean_simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any]
) -> None:
    caller = caller_of(clean_simulator)
    by_form: dict[str, list[TrueLeg]] = defaultdict(list)
    for leg in clean_simulator.truth().ended(DAY):
        by_form[leg.form].append(leg)
    assert set(by_form) == set(KINDS)
    for form, legs in by_form.items():
        for leg in legs[:8]:
            kind, read = seconds_of(caller.audio(leg).content)
            assert kind == KINDS[form]
            assert read == pytest.approx(leg.seconds, abs=0.11)


@pytest.fixture(scope="module")
def troubled(simulator_key: str) -> Iterator[RunningSimulator]:
    with start(Scenario(by_hour_interval=0, days=2), simulator_key) as running:
        yield running


@pytest.fixture(scope="module")
def troubles(troubled: RunningSimulator) -> dict[str, list[TrueLeg]]:
    found: dict[str, list[TrueLeg]] = defaultdict(list)
    truth: Truth = troubled.truth()
    for leg in truth.ended():
        if leg.day >= date(2026, 3, 9):
            found[leg.trouble].append(leg)
    return found


@pytest.fixture
def answers(
    troubled: RunningSimulator, troubles: dict[str, list[TrueLeg]], caller_of: Callable[[RunningSimulator], Any]
) -> Callable[[str], list[tuple[TrueLeg, bytes]]]:
    caller = caller_of(troubled)

    def got(trouble: str) -> list[tuple[TrueLeg, bytes]]:
        said = [(leg, caller.audio(leg)) for leg in troubles[trouble]]
        assert len(said) >= 2
        for _, answer in said:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/x-wav")
            assert int(answer.headers["content-length"]) == len(answer.content)
        return [(leg, answer.content) for leg, answer in said]

    return got


Answers = Callable[[str], list[tuple[TrueLeg, bytes]]]


def test_legs_without_audio_are_404_for_ever_and_late_ones_until_it_comes(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(calls_a_day=100, never_legs=3, late_legs=4)
    caller = caller_of(simulator)
    legs = simulator.truth().ended(DAY)
    never = [leg for leg in legs if leg.trouble == "never"]
    late = [leg for leg in legs if leg.trouble == "late"]
    assert (len(never), len(late)) == (3, 4)
    assert {caller.audio(leg).status_code for leg in never + late} == {404}
    assert {leg.audio_from for leg in never} == {None}
    for leg in sorted(late, key=lambda leg: leg.end):
        assert leg.audio_from is not None
        simulator.set_clock(leg.audio_from)
        assert caller.audio(leg).status_code == 200
    assert {caller.audio(leg).status_code for leg in never} == {404}


def test_json_comes_with_status_200(answers: Answers) -> None:
    for _, content in answers("json"):
        assert content == b'{"Message":"Recording is not available","Code":-1}'


def test_a_login_page_and_nothing_come_with_status_200(answers: Answers) -> None:
    assert all(content.startswith(b"<!DOCTYPE html>") for _, content in answers("login page"))
    assert {content for _, content in answers("empty")} == {b""}


def test_a_cut_wav_promises_more_than_comes(answers: Answers) -> None:
    for _, content in answers("cut wav"):
        assert content[:4] == b"RIFF"
        promised, there = chunks_of(content)[b"data"]
        assert 0.5 < len(there) / promised < 0.65


def test_a_cut_mp3_ends_half_way_within_a_frame(answers: Answers) -> None:
    for leg, content in answers("cut mp3"):
        frames = content[content.index(b"\xff\xe3") :]
        assert len(frames) % 144 != 0
        assert int.from_bytes(frames[21:25], "big") == round(leg.seconds * 8000 / 576)
        assert len(frames) // 144 < 0.7 * leg.seconds * 8000 / 576


def test_an_unclosed_wav_has_sizes_that_no_recorder_filled_in(answers: Answers) -> None:
    for leg, content in answers("unclosed wav"):
        at = content.index(b"data")
        sizes = {int.from_bytes(content[place : place + 4], "little") for place in (4, at + 4)}
        assert sizes in ({0}, {0xFFFFFFFF})
        sound = recording(Format(leg.form), 0, leg.seconds, seed=7)
        assert len(content) == sound.size


def test_a_wrong_length_is_sound_and_over_five_seconds_off(answers: Answers) -> None:
    for leg, content in answers("wrong length"):
        kind, read = seconds_of(content)
        assert kind == KINDS[leg.form]
        assert abs(read - leg.seconds) > 5


def test_a_clean_night_has_no_trouble(clean_simulator: RunningSimulator) -> None:
    truth = clean_simulator.truth()
    assert {leg.trouble for leg in truth.legs} == {"none"}
    assert all(call.explained for call in truth.calls)
