"""The simulated call centre: its people, numbers, campaigns and words. All invented; numbers are kept for fiction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    login: str
    extension: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """The part of a campaign's leads that some agents were given, with the campaign and template it belongs to."""

    id: int
    name: str
    campaign_id: int
    campaign: str
    template_id: int


AGENTS = tuple(
    Agent(login, str(205 + number))
    for number, login in enumerate(
        ("kim", "priya", "jose", "siobhan", "wei", "anna", "tom", "fatima", "lachlan", "mele", "jörg", "o'brien")
    )
)
QUEUE = "600"
DIDS = ("7700", "7701", "7710", "7725")
TRUNK = "0355500100"

TEMPLATES = {12: "Energy renewals", 14: "Members' survey", 17: "Überfällige Konten"}
_CAMPAIGNS = {
    12: {31: "Renewals autumn", 34: "Renewals winter"},
    14: {41: "Survey east", 42: "Survey west"},
    17: {51: "Reminders", 52: "Reminders – second letter"},
}
ALLOCATIONS = tuple(
    Allocation(campaign_id * 10 + number, name, campaign_id, campaign, template_id)
    for template_id, campaigns in _CAMPAIGNS.items()
    for campaign_id, campaign in campaigns.items()
    for number, name in enumerate(("Team Yarra", "Team Otway", "Overflow")[: 2 + campaign_id % 2], start=1)
)


TEAMS = {"Sales": AGENTS[:5], "Research": AGENTS[5:9], "Collections": AGENTS[9:]}
TEAM_OF = {12: "Sales", 14: "Research", 17: "Collections"}
"""The team that each template is set to: whose users see it."""


def campaigns_of(template_id: int) -> dict[int, str]:
    return _CAMPAIGNS.get(template_id, {})


def dispositions_of(template_id: int) -> dict[int, str]:
    """The template's set: the built-in ones, and one of its own."""
    own = {12: "Contract sent", 14: "Survey completed", 17: "Promise to pay"}
    if template_id not in own:
        return {}
    return dict(enumerate(("No Answer", *DISPOSITIONS, own[template_id]), start=1))


def fields_of(template_id: int) -> dict[str, str]:
    """The user fields of a template's leads, with their display types."""
    return FIELDS if template_id in TEMPLATES else {}


FIELDS = {
    "Name": "Text",
    "FirstPhone": "Phone Number",
    "full_name": "Text",
    "email": "Text",
    "mobile_number": "Phone Number",
    "suburb": "Drop list",
    "notes": "Text Area",
    "recording": "Text",
}
DO_NOT_CALL = frozenset({"0370100104"})
BUSY, NO_ANSWER = "0370100486", "0370100487"
"""What becomes of a call to these numbers."""

FIRST_NAMES = ("Kim", "Zoë", "Jörg", "Siobhán", "Nguyễn", "Mary-Jane", "李", "Ana", "Dmitri", "Aroha", "Sam", "Günther")
LAST_NAMES = (
    "Lee",
    "O'Brien",
    "Müller",
    "D'Arcy",
    "Nowak",
    "Smith 🙂",
    "van der Berg",
    "Þórsson",
    "Papadopoulos",
    "Tan",
)
SUBURBS = ("Footscray", "Box Hill", "Geelong", "St Kilda", "Mount Beauty", "Hawthorn")
TAGS = ("INV-{0}", "CLAIM/2026/{0}", "ORD {0}", "Rückruf {0}")

DISPOSITIONS = {
    "Sale": 22,
    "Pitch No Sale": 34,
    "Callback": 20,
    "Do not call": 7,
    "Answering Machine": 12,
    "Fax": 1,
}
"""What agents choose after a recorded call, and how often in 96."""
