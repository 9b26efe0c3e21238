"""What ends a leg's way or a run's, besides the errors of the rooms below.

::

    PipelineError
    ├── RecordingTooLarge   ends the leg's way, not the run
    ├── SpoolFull           ends the leg's way, not the run
    ├── SpoolFailed         ends the run: the spool's folder cannot be written
    ├── PhoneSystemDown     ends the run: nobody answers
    ├── NightUnderWay       nothing was begun
    ├── NoSuchDay           nothing was begun
    ├── NotKnown            no call or leg has this id
    ├── NotArchived         there is no audio to give
    ├── BadSelection        what is to be checked is not told as it can be understood
    ├── NothingToDecide     none of the legs named is in a state that the decision changes
    ├── CannotRelease       the bytes of a quarantined leg are no more
    ├── OutputProblem       what was got cannot be written where it was asked for
    │   └── NameTaken       something else has the file's name
    ├── AudioDamaged        what the store gives is not what was archived
    ├── NoRecording         the phone system knows no recording of this name
    ├── NotARecording       the phone system gave something else than audio
    └── NoSuchSite          nothing was begun
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from errno import EEXIST
from pathlib import Path


class PipelineError(Exception):
    """``hint`` says what a person can do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}. {hint}")
        self.hint = hint


class RecordingTooLarge(PipelineError):
    def __init__(self, leg_id: str, size: int, largest: int) -> None:
        super().__init__(
            f"fetching leg {leg_id}: the recording has {size:,} bytes or more, the limit is {largest:,}",
            "Raise archive.max_recording_bytes.",
        )


class SpoolFull(PipelineError):
    def __init__(self, leg_id: str, size: int, free: int) -> None:
        super().__init__(
            f"fetching leg {leg_id}: {size:,} bytes do not fit into the {free:,} free ones of the spool",
            "Raise spool.disk_bytes.",
        )


class SpoolFailed(PipelineError):
    def __init__(self, path: Path, leg_id: str, error: OSError) -> None:
        super().__init__(
            f"fetching leg {leg_id}: the spool {path} cannot be written: {error.strerror or error}",
            "Make room there, or name another folder in spool.path.",
        )


class PhoneSystemDown(PipelineError):
    def __init__(self, site: str, last: str, tries: int) -> None:
        super().__init__(
            f"site {site}: the phone system did not answer {tries} requests in a row, the last one: {last}",
            "What was stored before is kept; run again when it answers.",
        )


class ClockAhead(PipelineError):
    """What is asked for as over may not be over: what is missing from the answer would be taken for nothing."""

    def __init__(self, site: str, ahead: timedelta) -> None:
        super().__init__(
            f"site {site}: this machine's clock is {ahead} ahead of the phone system's",
            "Nothing more was asked. Set both by a time server, then run again; hours that come are listed when they"
            " are over.",
        )


class NightUnderWay(PipelineError):
    def __init__(self, site: str, who: str) -> None:
        super().__init__(
            f"beginning a night of site {site}: another is under way, {who}",
            "Nothing was done, for nothing is needed. If that one hangs, end it (SIGTERM) and run again.",
        )


class NoSuchDay(PipelineError):
    def __init__(self, site: str, day: date, today: date) -> None:
        why = "is still to come" if day > today else "is before any recording"
        super().__init__(
            f"archiving {day} of site {site}: this day {why}; today is {today} there",
            "Name a day up to today, as in --day 2026-03-10.",
        )


class NoSuchSite(PipelineError):
    def __init__(self, slug: str, known: list[str]) -> None:
        super().__init__(f"there is no site {slug!r} in the configuration", f"Sites: {', '.join(known)}.")


class NotKnown(PipelineError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no call or leg has the id {name!r}", "Look for it with `noojee-ingest search`.")


class NotArchived(PipelineError):
    def __init__(self, name: str, why: str, hint: str) -> None:
        super().__init__(f"there is no audio of {name!r}: {why}", hint)


class AudioDamaged(PipelineError):
    def __init__(self, leg_id: str, key: str, what: str) -> None:
        super().__init__(
            f"audio of leg {leg_id} is damaged ({key}): {what}",
            "Restore the object from a copy of the store; do not use what was written.",
        )


class NothingToDecide(PipelineError):
    """``without_recording``: the names are those of calls that have no legs."""

    def __init__(
        self,
        verdict: str,
        names: Sequence[str],
        states: Mapping[str, int],
        *,
        what: str = "leg",
        without_recording: bool = False,
    ) -> None:
        told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        hint = "See `noojee-ingest show` for their history, docs/format.md for the way from each state."
        if without_recording and verdict in {"excuse", "retry"}:
            hint = f"A call without a recording has this id: `noojee-ingest {verdict} --calls` is about such calls."
        super().__init__(
            f"to {verdict} {', '.join(map(repr, names))}: "
            f"{f'its {what}s are {told}' if told else f'no {what} has this id'}",
            hint,
        )


class BadSelection(PipelineError):
    def __init__(self, text: str, hint: str) -> None:
        super().__init__(f"{text!a} does not say what is to be checked", f"{hint[0].upper()}{hint[1:]}.")


class CannotRelease(PipelineError):
    def __init__(self, leg_id: str, key: str) -> None:
        super().__init__(
            f"releasing leg {leg_id}: its audio was withdrawn, and evidence/{key} is there no more",
            "It stays quarantined. Put that object back from a copy of the store, if there is one, and release again.",
        )


class OutputProblem(PipelineError):
    def __init__(self, path: Path, error: OSError, hint: str = "Choose another folder with --output.") -> None:
        super().__init__(f"writing {path}: {error.strerror or error}", hint)


class NameTaken(OutputProblem):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, FileExistsError(EEXIST, f"it {why}"), "Move it away, and ask again.")


class NoRecording(PipelineError):
    def __init__(self, by: str, name: str, *, leg: str = "", known: Sequence[str] = ()) -> None:
        what = f"leg {leg!a} of {by} {name!a}" if leg else f"{by} {name!a}"
        hint = f"It has the legs {', '.join(ascii(one) for one in known)}." if known else "Check it letter by letter."
        super().__init__(f"the phone system knows no recording of {what}", hint)


class NotARecording(PipelineError):
    def __init__(self, what: str, looks_like: str) -> None:
        super().__init__(
            f"fetching {what}: what came is no audio, it looks like this: {looks_like}",
            "Ask again later: it may not be finished. If it stays so, run `noojee-ingest doctor`.",
        )
