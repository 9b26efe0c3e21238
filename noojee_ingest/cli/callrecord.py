"""``noojee-ingest callrecord``"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, SiteName
from noojee_ingest.cli.phone import Template, phone_line, print_answer, print_done
from noojee_ingest.model import CallEntry
from noojee_ingest.noojee import NO_CHANGE, Lead, LeadGeneration

app = typer.Typer(
    help="Phone system: list, save and update call records, which the vendor also calls leads.",
    epilog=EXITS_HELP,
    no_args_is_help=True,
)

OfCampaign = Annotated[str, typer.Option("--campaign", help="The id of a campaign; without it those of all.")]
OfAllocation = Annotated[str, typer.Option("--allocation", help="The id of an allocation; without it those of all.")]
Campaign = Annotated[str, typer.Option("--campaign", help="The id of the campaign.")]
Allocation = Annotated[str, typer.Option("--allocation", help="The id of the allocation.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", help="A field as Name=value, repeated; one must be a phone number."),
]
ExternalId = Annotated[str, typer.Option("--external-id", help="Your own reference, by which it is updated later.")]
Known = Annotated[str, typer.Option("--external-id", help="Your own reference, as it was saved.")]
FirstDisposition = Annotated[str, typer.Option("--disposition", help="By name; only the old generations take one.")]
Disposition = Annotated[str, typer.Option("--disposition", help="By name; without it, it stays as it is.")]
Callback = Annotated[
    str | None,
    typer.Option("--callback", help="When to call (2026-03-12T14:30), in the zone of the lead's contact hours."),
]
Priority = Annotated[int | None, typer.Option("--priority", min=0, max=100, help="0 to 100; lower is sooner.")]
ContactHours = Annotated[str, typer.Option("--contact-hours", help="The name of a set of contact hours.")]
Duplicates = Annotated[
    bool, typer.Option("--allow-duplicates", help="Save it also where one with this phone number is there.")
]
Generation = Annotated[
    LeadGeneration, typer.Option("--generation", help="The method's: fast is today's, old and hash are before it.")
]

COLUMNS = ("date_text", "dialled_number", "disposition", "duration", "campaign", "allocation", "unique_id", "lead_id")


@app.command("list", epilog=EXITS_HELP)
def list_(
    template: Template,
    *,
    campaign: OfCampaign = "",
    allocation: OfAllocation = "",
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: list the calls that were given a disposition recently.

    How recently is not documented, nor what the phone system tells of each.
    """
    with phone_line(config, site) as line:
        answer = line.noojee.campaigns.call_records(template, campaign, allocation)
    print_answer(answer, COLUMNS, _call, as_json=as_json)


@app.command(epilog=EXITS_HELP)
def save(
    template: Template,
    campaign: Campaign,
    allocation: Allocation,
    *,
    field: Fields = None,
    external_id: ExternalId = "",
    disposition: FirstDisposition = "",
    callback: Callback = None,
    priority: Priority = None,
    contact_hours: ContactHours = "",
    allow_duplicates: Duplicates = False,
    generation: Generation = LeadGeneration.FAST,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: save a new call record: someone to be called.

    This changes the phone system. It is sent once and never repeated by itself: where its answer is lost, look for the
    call record before you save it again, or there may be two.
    """
    lead = read_lead(
        (template, campaign, allocation),
        external_id=external_id,
        field=field,
        disposition=disposition,
        callback=callback,
        priority=priority,
        contact_hours=contact_hours,
    )
    with phone_line(config, site) as line:
        done = line.noojee.leads.save(lead, allow_duplicates=allow_duplicates, generation=generation)
    told = f"Call record {external_id} saved" if external_id else "Call record saved"
    print_done(done, f"{told} to allocation {allocation} of campaign {campaign}", as_json=as_json)


@app.command(epilog=EXITS_HELP)
def update(
    template: Template,
    campaign: Campaign,
    allocation: Allocation,
    external_id: Known,
    *,
    field: Fields = None,
    disposition: Disposition = NO_CHANGE,
    callback: Callback = None,
    priority: Priority = None,
    contact_hours: ContactHours = "",
    generation: Generation = LeadGeneration.FAST,
    site: SiteName = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Phone system: update a call record; its disposition's actions are triggered, as after a call.

    This changes the phone system, and may close a call record without its ever being called. It is sent once and never
    repeated by itself: where its answer is lost, look at the call record before you update it again. A field that shall
    stay as it is has the value <No Change>.
    """
    lead = read_lead(
        (template, campaign, allocation),
        external_id=external_id,
        field=field,
        disposition=disposition,
        callback=callback,
        priority=priority,
        contact_hours=contact_hours,
    )
    with phone_line(config, site) as line:
        done = line.noojee.leads.update(lead, generation=generation)
    print_done(done, f"Call record {external_id} updated, disposition {disposition}", as_json=as_json)


def read_lead(
    place: tuple[str, str, str],
    *,
    external_id: str,
    field: list[str] | None,
    disposition: str,
    callback: str | None,
    priority: int | None,
    contact_hours: str,
) -> Lead:
    """What was typed, as a lead. ``place``: the ids of its template, campaign and allocation."""
    return Lead(
        *place,
        external_id=external_id,
        fields=read_fields(field or []),
        disposition=disposition,
        callback=read_callback(callback),
        priority=priority,
        contact_hours=contact_hours,
    )


def read_fields(texts: list[str]) -> dict[str, str]:
    """``Name=value``, as often as it was said; a value may hold ``=``."""
    read: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--field {text!r} is not of the form Name=value")
        if name in read:
            raise typer.BadParameter(f"--field {name!r} is there twice")
        read[name] = value
    return read


def read_callback(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--callback {text!r} is not a time; write it as 2026-03-12T14:30") from None
    if moment.tzinfo is not None:
        raise typer.BadParameter(f"--callback {text!r} has an offset: it is read in the zone of the contact hours")
    if "T" not in text and " " not in text:
        raise typer.BadParameter(f"--callback {text!r} has no time; write it as 2026-03-12T14:30")
    return moment


def _call(entry: CallEntry) -> dict[str, object]:
    return {
        "call_record_id": entry.call_record_id,
        "unique_id": entry.unique_id,
        "lead_id": entry.lead_id,
        "external_lead_id": entry.external_lead_id,
        "date": entry.date.utc,
        "date_text": entry.date.text,
        "date_mark": entry.date.mark,
        "duration": entry.duration,
        "disposition": entry.disposition,
        "dial_attempts": entry.dial_attempts,
        "dialled_number": entry.dialled_number,
        "campaign": entry.campaign,
        "allocation": entry.allocation,
        "fields": entry.fields,
        "unreadable": entry.unreadable,
        "raw": entry.raw.text,
    }
