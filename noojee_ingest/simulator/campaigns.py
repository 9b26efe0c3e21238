"""The lists of campaigns and of their calls (reference, 17.0 to 22.0)."""

from __future__ import annotations

from . import site, wire
from .asked import Asked
from .phone_system import PhoneSystem
from .wire import Listing


def templates(_system: PhoneSystem, asked: Asked) -> Listing:
    return Listing(wire.named({number: name for number, name in site.TEMPLATES.items() if sees(asked, number)}))


def campaigns(_system: PhoneSystem, asked: Asked) -> Listing:
    template = asked.number("fTemplateId")
    return Listing(wire.named(site.campaigns_of(template) if sees(asked, template) else {}))


def allocations(_system: PhoneSystem, asked: Asked) -> Listing:
    campaign = asked.number("fCampaignId")
    chosen = (one for one in site.ALLOCATIONS if one.campaign_id == campaign and sees(asked, one.template_id))
    return Listing(wire.named({one.id: one.name for one in chosen}))


def dispositions(_system: PhoneSystem, asked: Asked) -> Listing:
    """(proposed)"""
    template = asked.number("fTemplateId")
    return Listing(wire.named(site.dispositions_of(template) if sees(asked, template) else {}))


def lead_fields(_system: PhoneSystem, asked: Asked) -> Listing:
    """(proposed)"""
    template = asked.number("fTemplateId")
    known = site.fields_of(template) if sees(asked, template) else {}
    return Listing(
        [
            {"id": str(number), "name": wire.text(name), "displayType": wire.text(display)}
            for number, (name, display) in enumerate(known.items(), start=1)
        ]
    )


def call_records(system: PhoneSystem, asked: Asked) -> Listing:
    """``fTemplateId`` must be given; ``campaignId`` and ``allocationId`` may be (proposed)."""
    template = asked.number("fTemplateId")
    wanted = {"template_id": template}
    if "campaignId" in asked:
        wanted["campaign_id"] = asked.number("campaignId")
    if "allocationId" in asked:
        wanted["id"] = asked.number("allocationId")
    if not sees(asked, template):
        return Listing([])
    now = system.clock.now()
    return Listing(
        [
            wire.call_record(system.leads.as_it_is(one), system.world.zone)
            for one in system.world.disposed(now - 3600 * system.scenario.recent_hours, now)
            if all(getattr(one.allocation, name) == value for name, value in wanted.items())
        ]
    )


def sees(asked: Asked, template: int) -> bool:
    """Whether the asker may see a template: what a user may not see is left out, not refused [inferred]."""
    return asked.who is None or site.TEAM_OF.get(template) in asked.who.teams
