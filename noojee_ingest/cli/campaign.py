"""``noojee-ingest campaign``"""

from __future__ import annotations

from typing import Annotated

import typer

from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, SiteName
from noojee_ingest.cli.phone import Template, phone_line, print_answer
from noojee_ingest.noojee import FieldEntry, Named

app = typer.Typer(
    help="Phone system: the dialler's templates, campaigns, allocations, dispositions and fields.",
    epilog=EXITS_HELP,
    no_args_is_help=True,
)

Campaign = Annotated[str, typer.Option("--campaign", help="The id of a campaign.")]


@app.command(epilog=EXITS_HELP)
def templates(site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list the campaign templates that the key may see."""
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.templates()
    print_answer(answer, ("id", "name"), _named, as_json=as_json)


@app.command("list", epilog=EXITS_HELP)
def list_(template: Template, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list the campaigns of a template."""
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.campaigns(template)
    print_answer(answer, ("id", "name"), _named, as_json=as_json)


@app.command(epilog=EXITS_HELP)
def allocations(campaign: Campaign, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list the allocations of a campaign: who gets which part of its leads."""
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.allocations(campaign)
    print_answer(answer, ("id", "name"), _named, as_json=as_json)


@app.command(epilog=EXITS_HELP)
def dispositions(template: Template, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list the dispositions of a template.

    `callrecord update` takes their names. That there is such a list is documented, how it is asked for is not.
    """
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.dispositions(template)
    print_answer(answer, ("id", "name"), _named, as_json=as_json)


@app.command(epilog=EXITS_HELP)
def fields(template: Template, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list the fields of a template.

    `callrecord save` takes their names. That there is such a list is documented, how it is asked for is not.
    """
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.fields(template)
    print_answer(answer, ("id", "name", "display_type"), _field, as_json=as_json)


def _named(entry: Named) -> dict[str, object]:
    return {"id": entry.id, "name": entry.name, "raw": entry.raw}


def _field(entry: FieldEntry) -> dict[str, object]:
    return {"id": entry.id, "name": entry.name, "display_type": entry.display_type, "raw": entry.raw}
