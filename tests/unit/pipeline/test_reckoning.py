"""Rules, sums and percentages."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from noojee_ingest.model import State
from noojee_ingest.noojee import BadAnswer, Busy, CutBody, Refused, ServerFault, TimedOut
from noojee_ingest.pipeline.archive import told
from noojee_ingest.pipeline.completeness import Line
from noojee_ingest.pipeline.explain import explanation
from noojee_ingest.pipeline.report import Bounds
from noojee_ingest.pipeline.store import audio_key
from noojee_ingest.settings import WithoutRecording

RULES = (
    WithoutRecording(explanation="nobody answered", dispositions=("No Answer",)),
    WithoutRecording(explanation="a machine", dispositions=("Answering Machine", "Fax"), max_duration_seconds=10),
    WithoutRecording(explanation="a long machine", dispositions=("Answering Machine",), max_duration_seconds=60),
)


@pytest.mark.parametrize(
    ("disposition", "duration", "expected"),
    [
        ("No Answer", 0.0, "nobody answered"),
        ("No Answer", None, "nobody answered"),
        ("NO ANSWER", 5000.0, "nobody answered"),
        ("Answering Machine", 10.0, "a machine"),
        ("Answering Machine", 10.5, "a long machine"),
        ("Answering Machine", 61.0, ""),
        ("Answering Machine", None, ""),
        ("fax", 3.0, "a machine"),
        ("Sale", 3.0, ""),
        ("No Answer ", 0.0, ""),
        ("", 0.0, ""),
        (None, 0.0, ""),
    ],
)
def test_the_first_rule_that_fits_explains_a_call(
    disposition: str | None, duration: float | None, expected: str
) -> None:
    work: Any = SimpleNamespace(of_site=SimpleNamespace(without_recording=RULES))
    assert explanation(work, {"disposition": disposition, "duration": duration}) == expected


def test_completeness_counts_what_should_be_there() -> None:
    line = Line(states=Counter(archived=8, missing=1, excused=5, pending=1), calls_unexplained=2, calls_explained=9)
    assert line.expected == 15
    assert line.gaps == 3
    assert line.complete == 66.6  # 8 of 12
    assert Line().complete is None
    assert Line(states=Counter(excused=3)).complete is None


def test_what_was_never_tried_is_a_gap_and_what_is_awaited_is_none() -> None:
    states = dict.fromkeys(State, 0)
    gaps = {state for state in State if Line(states={**states, state: 1}).gaps}
    assert gaps == {State.MISSING, State.REJECTED, State.FAILED, State.DISCOVERED}


@pytest.mark.parametrize(
    ("archived", "missing", "percent"),
    [(7, 0, 100.0), (9999, 1, 99.9), (99999, 1, 99.9), (0, 1, 0.0), (2, 1, 66.6), (29, 71, 29.0), (57, 43, 57.0)],
)
def test_a_percentage_is_rounded_down(archived: int, missing: int, percent: float) -> None:
    assert Line(states=Counter(archived=archived, missing=missing)).complete == percent


def bounds(**seconds: float) -> Bounds:
    kinds = ("waiting_for_turns", "fetching", "storing", "recording", "publishing")
    nothing = {f"seconds_{kind}": 0.0 for kind in kinds}
    counts = dict.fromkeys(("hours_asked", "calls_asked", "polls", "audio_requests", "fetched_bytes"), 0)
    return Bounds(
        seconds=10.0,
        requests={},
        by_hour_interval=60.0,
        workers=8,
        requests_at_once=6,
        **counts,
        **{**nothing, **seconds},
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (
            {"seconds_waiting_for_turns": 9.0, "seconds_fetching": 48.0},
            "the limit of one by-hour request every 60 s (9.0",
        ),
        ({"seconds_waiting_for_turns": 1.0, "seconds_fetching": 48.0}, "fetching audio, 6 at once (8.0 of 10.0 s)"),
        ({"seconds_storing": 16.0, "seconds_fetching": 8.0}, "writing to the store, 8 at once (2.0 of 10.0 s)"),
        ({"seconds_publishing": 4.0, "seconds_recording": 3.0}, "publishing to the lake (4.0 of 10.0 s)"),
        ({"seconds_recording": 3.0, "seconds_fetching": 16.0}, "the journal and the catalogue (3.0 of 10.0 s)"),
        ({}, "nothing: there was nothing to do"),
    ],
)
def test_what_bound_a_run_is_what_it_spent_most_of_its_time_on(seconds: dict[str, float], said: str) -> None:
    assert bounds(**seconds).what_bound.startswith(said)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimedOut("x secret"), "timed out"),
        (Busy("x secret"), "phone system busy"),
        (ServerFault("x secret", status=502), "phone system fault (502)"),
        (CutBody("x secret"), "cut on the way"),
        (Refused("x secret", status=400), "refused (400)"),
        (BadAnswer("x secret"), "unreadable answer"),
    ],
)
def test_a_cause_never_repeats_what_the_phone_system_wrote(error: Any, words: str) -> None:
    assert told(error) == words


def test_an_audio_key_is_made_of_slug_day_and_digests_only() -> None:
    leg: Any = SimpleNamespace(site="here", day="2026-03-10", leg_id="a" * 32, call_record_id="../..", tag="/etc")
    leg.day = SimpleNamespace(isoformat=lambda: "2026-03-10")
    assert audio_key(leg, "b" * 64, "wav") == f"audio/site=here/day=2026-03-10/{'a' * 32}-{'b' * 16}.wav"
