"""``noojee-ingest call``"""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, SiteName, console, print_json, safe
from noojee_ingest.cli.phone import phone_line, print_done, warn
from noojee_ingest.cli.watching import show_as_lines, show_as_table
from noojee_ingest.noojee import States
from noojee_ingest.noojee import auto_answer as auto_answer_of
from noojee_ingest.settings import Site

app = typer.Typer(help="Phone system: place, watch, answer and end calls.", epilog=EXITS_HELP, no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The number to call, or an extension.")]
Agent = Annotated[str, typer.Argument(help="The extension that rings first: SIP/205, or 205, which means the same.")]
Extensions = Annotated[list[str], typer.Argument(help="Extensions, without technology: 205 206.")]
CallName = Annotated[str, typer.Argument(help="The unique id of a call, which is safer, or an extension.")]
UniqueId = Annotated[str, typer.Argument(help="The unique id of the ringing call, as `call watch` tells it.")]
On = Annotated[str, typer.Argument(help="The extension to answer on: SIP/205 or 205, sent as given.")]
Handset = Annotated[
    str | None,
    typer.Option("--handset", help="The maker of the handset, so that it answers by itself: yealink, snom, ..."),
]
AutoAnswer = Annotated[
    str | None, typer.Option("--auto-answer", help="The string itself that makes the handset answer.")
]
CallerId = Annotated[str, typer.Option("--caller-id", help="The number that the called party is shown.")]
Caption = Annotated[str, typer.Option("--caption", help="A line of text on the handset.")]
Monitored = Annotated[bool, typer.Option("--monitored", help="Let `call watch` see this extension.")]
Record = Annotated[bool, typer.Option("--record", help="Record from the answer on.")]
Tag = Annotated[str, typer.Option("--tag", help="The tag of that recording; with --record.")]
StateTimeout = Annotated[float, typer.Option("--timeout", min=0, help="Seconds that the phone system may take.")]
WatchTimeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that one question stays open.")]
Since = Annotated[int, typer.Option("--since", min=0, help="Go on behind this `seq` of an earlier watch.")]


@app.command(epilog=EXITS_HELP)
def dial(
    number: Number,
    extension: Agent,
    *,
    handset: Handset = None,
    auto_answer: AutoAnswer = None,
    caller_id: CallerId = "",
    caption: Caption = "",
    monitored: Monitored = False,
    record: Record = False,
    tag: Tag = "",
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: ring an extension, then the number, and join the two.

    This places a real call. It is sent once and never repeated by itself: where its answer is lost, look whether the
    handset rings before you dial again.
    """
    if tag and not record:
        raise typer.BadParameter("--tag is the tag of a recording: say --record too")
    with phone_line(config, site, needs_budget=False) as line:
        done = line.noojee.calls.dial(
            number,
            extension,
            caller_id=caller_id,
            caption=caption,
            auto_answer=_auto_answer(handset, auto_answer, line.site),
            monitored=monitored,
            record=record,
            tag=tag,
        )
    print_done(
        done,
        f"Dialling {number} from {extension}, session {done.session_id or 'untold'}",
        as_json=as_json,
        session_id=done.session_id,
    )


@app.command(epilog=EXITS_HELP)
def state(
    extensions: Extensions,
    *,
    timeout: StateTimeout = 10.0,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: show what extensions are doing now.

    The vendor has marked this question as outdated: `call watch` knows more.
    """
    with phone_line(config, site, needs_budget=False) as line:
        states = line.noojee.calls.state(extensions, timeout=timeout)
    if as_json:
        told = [
            {"extension": name, "state": one.message, "unique_call_id": one.unique_call_id, "code": one.code}
            for name, one in states.items()
        ]
        print_json({"extensions": told, "warning": states.warning})
    else:
        _print_states(states)
    warn(states.warning)


def _print_states(states: States) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("extension", "state", "unique id"):
        table.add_column(column)
    for name, one in states.items():
        code = f" (code {one.code})" if one.code else ""  # 0: all is well
        table.add_row(safe(name), safe(f"{one.message or 'nothing to tell'}{code}"), safe(one.unique_call_id))
    console().print(table)


@app.command(epilog=EXITS_HELP)
def hangup(call: CallName, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: end a call, by its unique id or by an extension.

    By extension the wrong call may be cut where the handset has more than one. It is sent once.
    """
    with phone_line(config, site, needs_budget=False) as line:
        done = line.noojee.calls.hangup(call)
    print_done(done, f"Hung up {call}", as_json=as_json)


@app.command(epilog=EXITS_HELP)
def watch(
    extensions: Extensions,
    *,
    since: Since = 0,
    timeout: WatchTimeout = 30.0,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: watch what happens on extensions until Ctrl-C, which ends it with 130.

    A table that moves, or with --json a line for each event. Where events may have been missed, because a question
    broke off or the phone system began to count anew, a gap is told and the present state is read again. Its one open
    request is not counted among the site's concurrent requests.
    """
    with phone_line(config, site, listening=True) as line:
        events = line.noojee.calls.watch(extensions, since=since, timeout=timeout)
        (show_as_lines if as_json else show_as_table)(events, extensions)
        if line.stop.exit_code is not None:
            raise typer.Exit(line.stop.exit_code)


@app.command(epilog=EXITS_HELP)
def answer(
    unique_id: UniqueId,
    extension: On,
    *,
    handset: Handset = None,
    auto_answer: AutoAnswer = None,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: answer a ringing call on an extension.

    The handset must be told how: name its maker with --handset, or give the string. It is sent once.
    """
    with phone_line(config, site, needs_budget=False) as line:
        string = _auto_answer(handset, auto_answer, line.site)
        if not string:
            raise typer.BadParameter("say --handset, or --auto-answer: the handset must be told to answer")
        done = line.noojee.calls.answer(unique_id, extension, auto_answer=string)
    print_done(done, f"Answered {unique_id} on {extension}", as_json=as_json)


def _auto_answer(handset: str | None, string: str | None, site: Site) -> str:
    if handset is not None and string is not None:
        raise typer.BadParameter("say --handset or --auto-answer, not both")
    return string or ("" if handset is None else auto_answer_of(handset, site.handsets))
