"""``noojee-ingest recording``"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from noojee_ingest.cli.exits import EXITS_HELP, Exit
from noojee_ingest.cli.options import Config, Json, SiteName, bytes_text, plain, print_json
from noojee_ingest.cli.phone import phone_line, print_answer, print_done
from noojee_ingest.cli.progress import shown
from noojee_ingest.model import LegEntry
from noojee_ingest.pipeline.download import By, File, NotGot, download, download_by_number, wanted

app = typer.Typer(
    help="Phone system: start, stop, tag, list and get recordings.", epilog=EXITS_HELP, no_args_is_help=True
)

Call = Annotated[str, typer.Argument(help="The extension that talks, or the unique id of the call.")]
Agent = Annotated[str, typer.Option("--agent", help="The login name of the user to whom the recording belongs.")]
NewTag = Annotated[str, typer.Option("--tag", help="The tag that the recording gets.")]
TheTag = Annotated[str, typer.Argument(help="The tag.")]
ByTag = Annotated[str | None, typer.Option("--tag", help="By this tag.")]
ByUniqueId = Annotated[str | None, typer.Option("--unique-id", help="By this unique id.")]
ByCallRecordId = Annotated[str | None, typer.Option("--call-record-id", help="By this call record id.")]
ByHour = Annotated[
    str | None, typer.Option("--hour", help="Those whose legs ended in this hour, site time: 2026-03-10T09.")
]
LegNumber = Annotated[str | None, typer.Option("--leg", help="Which leg of the call.")]
AllLegs = Annotated[bool, typer.Option("--all-legs", help="All legs of the call.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")]

Name = TypeVar("Name", bound=str)

COLUMNS = ("start_text", "call_record_id", "unique_id", "leg", "duration", "direction", "source", "destination", "tag")


@app.command(epilog=EXITS_HELP)
def start(
    call: Call,
    *,
    agent: Agent = "",
    tag: NewTag = "",
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: start to record a call that goes on.

    It is sent once and never repeated by itself.
    """
    with phone_line(config, site, needs_budget=False) as line:
        done = line.noojee.recordings.start(call, agent=agent, tag=tag)
    print_done(done, f"Recording of {call} started", as_json=as_json)


@app.command(epilog=EXITS_HELP)
def stop(call: Call, *, agent: Agent = "", site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: stop recording a call; the call goes on.

    It is sent once and never repeated by itself.
    """
    with phone_line(config, site, needs_budget=False) as line:
        done = line.noojee.recordings.stop(call, agent=agent)
    print_done(done, f"Recording of {call} stopped", as_json=as_json)


@app.command("tag", epilog=EXITS_HELP)
def tag_(
    call: Call,
    tag: TheTag,
    *,
    agent: Agent = "",
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: tag the recording of a call that goes on.

    It is sent once and never repeated by itself. That there is such a method is documented, how it is called is not.
    """
    with phone_line(config, site, needs_budget=False) as line:
        done = line.noojee.recordings.tag(call, tag, agent=agent)
    print_done(done, f"Recording of {call} tagged {tag}", as_json=as_json)


@app.command(epilog=EXITS_HELP)
def get(
    *,
    tag: ByTag = None,
    call_record_id: ByCallRecordId = None,
    unique_id: ByUniqueId = None,
    leg: LegNumber = None,
    all_legs: AllLegs = False,
    output: Output = Path(),
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: copy the audio of a leg, or of all legs of a call, into files, past the archive.

    By tag or unique id the phone system is asked first which legs there are. For a call record id it cannot be: say
    --leg, or --all-legs, which asks for leg 1, 2, ... until two in a row are not there. A file appears when it is
    whole and is audio; one that is there stays as it is. Exits with 3 when a leg of the call could not be got.
    """
    by, name = _one_of({By.TAG: tag, By.CALL_RECORD_ID: call_record_id, By.UNIQUE_ID: unique_id})
    if leg == "":
        raise typer.BadParameter("--leg is empty: say which leg, or leave it out")
    if leg is not None and all_legs:
        raise typer.BadParameter("say --leg or --all-legs, not both")
    if by is By.CALL_RECORD_ID and leg is None and not all_legs:
        raise typer.BadParameter("say --leg or --all-legs: the phone system cannot list the legs of a call record id")
    got: list[File] = []
    missed: list[NotGot] = []
    try:
        with phone_line(config, site) as line:
            how: dict[str, Any] = {"folder": output, "largest": line.settings.archive.max_recording_bytes}
            if by is By.CALL_RECORD_ID and leg is None:
                each = download_by_number(line.noojee, name, **how)
            else:
                legs = wanted(line.noojee, by, name, leg=leg)
                if len(legs) > 1 and not all_legs:
                    numbers = ", ".join(sorted({ascii(one.leg)[1:-1] for one in legs}))
                    raise typer.BadParameter(f"there are {len(legs)} legs ({numbers}): say --leg N or --all-legs")
                each = download(legs, name, **how)
            for one in each:
                if isinstance(one, File):
                    got.append(one)
                else:
                    missed.append(one)
    finally:
        if got or missed:  # also where a later leg ended it all: what was written is told
            _print_got(got, missed, as_json=as_json)
    if by is By.CALL_RECORD_ID and leg is None:
        told = "The phone system cannot list the legs of a call record id: whether there are more is not known."
        typer.echo(told, err=True)
    raise typer.Exit(Exit.GAPS if missed else Exit.COMPLETE)


def _print_got(got: list[File], missed: list[NotGot], *, as_json: bool) -> None:
    if as_json:
        print_json({"files": [_file(one) for one in got], "not_got": missed})
    else:
        for one in got:
            there = ", was there already" if one.was_there else ""
            typer.echo(f"{one.path}  {bytes_text(one.size)}, {one.audio.seconds:.1f} s, SHA-256 {one.sha256}{there}")
    for one in got:
        for fault in one.audio.faults:
            typer.echo(f"Not sound: {one.path.name}: {plain(fault)}", err=True)
    for miss in missed:
        typer.echo(f"Not got: leg {plain(miss.leg)}: {plain(miss.why)}", err=True)


def _file(one: File) -> dict[str, object]:
    return {
        "path": one.path,
        "leg": one.leg,
        "call_record_id": one.call_record_id,
        "unique_id": one.unique_id,
        "size": one.size,
        "sha256": one.sha256,
        "seconds": one.audio.seconds,
        "codec": one.audio.codec,
        "faults": one.audio.faults,
        "was_there": one.was_there,
    }


@app.command("list", epilog=EXITS_HELP)
def list_(
    *,
    tag: ByTag = None,
    unique_id: ByUniqueId = None,
    hour: ByHour = None,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: list the legs of recordings by tag, by unique id, or by the hour in which they ended.

    The phone system allows one list by hour a minute, for the site as a whole: this waits for its turn. Ask some
    minutes after the hour is over.
    """
    by, name = _one_of({"tag": tag, "unique id": unique_id, "hour": hour})
    when = _read_hour(name) if by == "hour" else None
    with phone_line(config, site) as line:
        recordings = line.noojee.recordings
        if when is not None:
            with shown(lambda: "waiting for the turn of a list by hour, and for the list"):
                answer = recordings.by_hour(when.date(), when.hour)
        else:
            answer = recordings.by_tag(name) if by == "tag" else recordings.by_unique_id(name)
    print_answer(answer, COLUMNS, _leg, as_json=as_json)


def _leg(entry: LegEntry) -> dict[str, object]:
    return {
        "call_record_id": entry.call_record_id,
        "unique_id": entry.unique_id,
        "leg": entry.leg,
        "start": entry.start.utc,
        "start_text": entry.start.text,
        "start_mark": entry.start.mark,
        "end": entry.end.utc,
        "end_text": entry.end.text,
        "end_mark": entry.end.mark,
        "duration": entry.duration,
        "source": entry.source,
        "destination": entry.destination,
        "did": entry.did,
        "direction": entry.direction,
        "tag": entry.tag,
        "username": entry.username,
        "unreadable": entry.unreadable,
        "raw": entry.raw.text,
    }


def _one_of(given: Mapping[Name, str | None]) -> tuple[Name, str]:
    named = [(by, text) for by, text in given.items() if text is not None]
    if len(named) != 1 or not named[0][1]:
        options = ", ".join(f"--{by.replace(' ', '-')}" for by in given)
        raise typer.BadParameter(f"say one of {options}, and what it is")
    return named[0]


def _read_hour(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H")  # noqa: DTZ007  it is the site's
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no hour; write it as 2026-03-10T09") from None
