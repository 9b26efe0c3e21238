"""``noojee-ingest get``"""

from __future__ import annotations

import os
import pwd
import re
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.cli.exits import Exit
from noojee_ingest.cli.options import Config, Json, SiteName, bytes_text, one_site, print_json
from noojee_ingest.pipeline.download import mode_of_new_files
from noojee_ingest.pipeline.errors import OutputProblem
from noojee_ingest.pipeline.get import ArchivedAudio, GivenOut, find_audio, is_hidden
from noojee_ingest.pipeline.get import get as give_out
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import load
from noojee_ingest.storage.root import Root

Name = Annotated[str, typer.Argument(help="A leg id, or a call record id or unique id.")]
LegNumber = Annotated[str | None, typer.Option("--leg", help="Which leg of the call.")]
AllLegs = Annotated[bool, typer.Option("--all-legs", help="All archived legs of the call.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words for those who read the journal later.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who gets it; without it, the login name of the operating system.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")]


def get(
    name: Name,
    *,
    reason: Reason,
    by: By = None,
    leg: LegNumber = None,
    all_legs: AllLegs = False,
    output: Output = Path(),
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive: copy the audio of a leg out of it, or of a call with --all-legs; the checksum is verified on the way.

    Who gets it and why is in the journal for ever, before the first byte is given out, and in `show`. A file appears
    under its name only when it is whole and verified. Exits with 4 when the archive's copy is damaged,
    with 3 when a leg of the call is not archived: it is named with its state.
    """
    settings = load(config)
    if site is not None:
        one_site(settings, site)
    with closing(open_catalogue(settings)) as catalogue:
        found, without = find_audio(catalogue, name, leg=leg, site=site)
        legs = {audio.leg_id for audio in found}
        if len(legs) > 1 and not all_legs:
            numbers = ", ".join(sorted({audio.leg for audio in found}))
            raise typer.BadParameter(f"{name} has {len(legs)} archived legs ({numbers}): say --leg N or --all-legs")
        try:
            given = give_out(settings, catalogue, found, reason=reason, name=by if by is not None else login_name())
        except BadSearch as error:
            raise typer.BadParameter(str(error)) from None
        written = [{"path": str(_write(given, audio, output)), **_facts(given.archive, audio)} for audio in found]
    if as_json:
        print_json({"files": written, "not_archived": without})
    else:
        for file in written:
            typer.echo(f"{file['path']}  {bytes_text(float(str(file['size'])))}, SHA-256 {file['sha256']} verified")
    for file in written:
        if file["hidden"]:
            typer.echo(f"Hidden in the store, by a delete marker or another object on top: {file['key']}", err=True)
    for one in without:
        typer.echo(f"Not archived: leg {one.leg!a} ({one.leg_id}), {one.state} {one.cause}".rstrip(), err=True)
    raise typer.Exit(Exit.GAPS if without else Exit.COMPLETE)


def login_name() -> str:
    """The name by which the operating system knows who is at work. Raises typer.BadParameter where it knows none.

    No variable is asked: anyone may set ``LOGNAME``.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without an entry, as in some containers
        raise typer.BadParameter("this account has no name: say who gets the audio with --by") from None


def _facts(archive: Root, audio: ArchivedAudio) -> dict[str, object]:
    told = {name: getattr(audio, name) for name in ("leg_id", "leg", "size", "sha256", "seconds", "key", "version_id")}
    return {**told, "hidden": is_hidden(archive, audio)}


def file_name(audio: ArchivedAudio) -> str:
    """A name that tells the call, made of harmless characters only, and unique by the leg's id and digest."""
    call = re.sub(r"[^0-9A-Za-z.]+", "_", audio.call_record_id or audio.unique_id).strip("._")[:40]
    number = re.sub(r"[^0-9A-Za-z]+", "_", audio.leg).strip("_")[:8]
    return "-".join(part for part in (call, number and f"leg{number}", audio.leg_id[:8], audio.sha256[:8]) if part) + (
        f".{audio.extension}"
    )


def _write(given: GivenOut, audio: ArchivedAudio, folder: Path) -> Path:
    path = folder / file_name(audio)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
            try:
                given.copy(audio, cast(BinaryIO, part))
                part.flush()
                os.chmod(part.name, mode_of_new_files())
                os.replace(part.name, path)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise OutputProblem(path, error) from error
    return path
