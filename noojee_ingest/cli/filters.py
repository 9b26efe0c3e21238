"""The filters of ``search``, for every verb that is about legs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, get_type_hints
from zoneinfo import ZoneInfo

import typer

from noojee_ingest.catalogue.search import Search
from noojee_ingest.cli.options import one_site, read_day, read_time, zone_of
from noojee_ingest.model import FindingKind, State
from noojee_ingest.settings import Settings

Texts = list[str] | None
Sites = Annotated[Texts, typer.Option("--site", help="A site's slug; else all.")]
Since = Annotated[str | None, typer.Option("--since", help="Start at or after this day or time (site time).")]
Until = Annotated[str | None, typer.Option("--until", help="Start before this day or time (site time).")]
Days = Annotated[Texts, typer.Option("--day", help="The archive day: the site's date of the leg's end.")]
Ids = Annotated[Texts, typer.Option("--id", help="A call record id, unique id or leg id, exactly.")]
States = Annotated[list[State] | None, typer.Option("--state", help="The state of the leg.")]
Numbers = Annotated[Texts, typer.Option("--number", help="A number that called or was called, in any spelling.")]
Directions = Annotated[Texts, typer.Option("--direction", help="As the phone system calls it: Inbound, ...")]
Users = Annotated[Texts, typer.Option("--user", help="The whole user name.")]
Tags = Annotated[Texts, typer.Option("--tag", help="The whole tag, exactly.")]
Campaigns = Annotated[Texts, typer.Option("--campaign", help="The whole campaign name, of the call record.")]
Templates = Annotated[Texts, typer.Option("--template", help="The id of the call record's template.")]
Allocations = Annotated[Texts, typer.Option("--allocation", help="The whole allocation name, of the call record.")]
Dispositions = Annotated[Texts, typer.Option("--disposition", help="The whole disposition, of the call record.")]
Findings = Annotated[list[FindingKind] | None, typer.Option("--finding", help="Something found of the leg.")]
Shortest = Annotated[float | None, typer.Option("--min-duration", min=0, help="Seconds, as listed.")]
Longest = Annotated[float | None, typer.Option("--max-duration", min=0, help="Seconds, as listed.")]
Parts = Annotated[
    Texts,
    typer.Option(
        "--text",
        help="Part of a tag, a user name, or a name or user field of the call record: three letters or digits in a row "
        "at least. All that are given must be found.",
    ),
]


@dataclass(frozen=True, slots=True)
class Filters:
    """What was typed."""

    site: Sites = None
    since: Since = None
    until: Until = None
    day: Days = None
    ids: Ids = None
    state: States = None
    number: Numbers = None
    direction: Directions = None
    user: Users = None
    tag: Tags = None
    campaign: Campaigns = None
    template: Templates = None
    allocation: Allocations = None
    disposition: Dispositions = None
    finding: Findings = None
    min_duration: Shortest = None
    max_duration: Longest = None
    text: Parts = None

    def search(self, settings: Settings) -> Search:
        """What they mean: times are those of the one site there is or is named, else UTC.

        Raises NoSuchSite, BadSearch, and typer.BadParameter for what is no day or time.
        """
        sites = [one_site(settings, slug) for slug in self.site or ()]
        zone = zone_of(settings, one_site(settings, None)) if len(settings.sites) == 1 else ZoneInfo("UTC")
        if len(sites) == 1:
            zone = zone_of(settings, sites[0])
        return Search(
            sites=sites,
            since=_time(self.since, zone),
            until=_time(self.until, zone),
            days=[read_day(one) for one in self.day or ()],
            ids=self.ids or (),
            states=self.state or (),
            numbers=self.number or (),
            directions=self.direction or (),
            users=self.user or (),
            tags=self.tag or (),
            campaigns=self.campaign or (),
            templates=self.template or (),
            allocations=self.allocation or (),
            dispositions=self.disposition or (),
            findings=self.finding or (),
            shortest=self.min_duration,
            longest=self.max_duration,
            texts=self.text or (),
        )


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    return read_time(text, zone) if text is not None else None


def filtered(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose first argument is ``Filters``: on the command line it has an option for each of them instead."""
    names = [one.name for one in fields(Filters)]
    hints = get_type_hints(Filters, include_extras=True)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hints[name]) for name in names
    ]
    signature = inspect.signature(verb, eval_str=True)
    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in list(signature.parameters.values())[1:]]

    @wraps(verb)
    def called(**typed: Any) -> None:
        verb(Filters(**{name: typed.pop(name, None) for name in names}), **typed)

    told: Any = called
    told.__signature__ = signature.replace(parameters=[*options, *own])
    told.__annotations__ = {one.name: one.annotation for one in (*options, *own)}
    return called
