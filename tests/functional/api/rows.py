"""Every method of the vendor's API, once: as a Python method, as a verb, and where the request goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from noojee_ingest.noojee import NO_CHANGE, Lead, LeadGeneration, Noojee, auto_answer
from noojee_ingest.simulator import RunningSimulator, TrueLeg

TEMPLATE, CAMPAIGN, ALLOCATION = "12", "31", "311"
LEAD = ["--template", TEMPLATE, "--campaign", CAMPAIGN, "--allocation", ALLOCATION]
NAME = "Kim Lee"


@dataclass(frozen=True)
class World:
    """A simulated phone system, and something to name in requests to it."""

    simulator: RunningSimulator
    recorded: TrueLeg
    tagged: TrueLeg

    def ringing(self) -> str:
        """The unique id of a call that has just come in on 206."""
        return self.simulator.call_in("206", "0355500123")

    def talking(self) -> str:
        """The unique id of a call that is talked on 206."""
        unique_id = self.ringing()
        self.simulator.move_call(unique_id, "Connected")
        return unique_id

    def recording(self) -> str:
        """The same, and it is recorded."""
        unique_id = self.talking()
        with self.client() as noojee:
            noojee.recordings.start(unique_id)
        return unique_id

    def saved(self) -> str:
        """The external id of a call record that is there."""
        external_id = f"A-{len(self.simulator.leads())}"
        with self.client() as noojee:
            noojee.leads.save(lead(external_id, NAME, f"03555{len(self.simulator.leads()):05}"), allow_duplicates=True)
        return external_id

    client: Callable[[], Noojee] = field(kw_only=True)


@dataclass(frozen=True)
class Row:
    """``seed`` and the section of the contract; ``method`` is called by ``python``, ``verb`` with its arguments."""

    seed: str
    section: str
    method: str
    verb: str
    python: Callable[[Noojee, World], Any]
    arguments: Callable[[World], list[str]]


def lead(external_id: str, name: str, phone: str, disposition: str = "") -> Lead:
    fields = {"Name": name, "FirstPhone": phone}
    return Lead(TEMPLATE, CAMPAIGN, ALLOCATION, external_id=external_id, fields=fields, disposition=disposition)


def audio(stream: Any) -> bytes:
    with stream as pieces:
        return b"".join(pieces)


def save(section: str, generation: LeadGeneration) -> Row:
    return Row(
        "23.0",
        section,
        "leads.save",
        "callrecord save",
        lambda n, _: n.leads.save(lead("P-1", NAME, "0355511111"), allow_duplicates=True, generation=generation),
        lambda _: [*LEAD, "--field", "FirstPhone=0355511111", "--allow-duplicates", "--generation", generation.value],
    )


def update(section: str, generation: LeadGeneration) -> Row:
    return Row(
        "24.0",
        section,
        "leads.update",
        "callrecord update",
        lambda n, w: n.leads.update(lead(w.saved(), "Lee", NO_CHANGE, disposition="Sale"), generation=generation),
        lambda w: [*LEAD, "--external-id", w.saved(), "--field", f"FirstPhone={NO_CHANGE}", "--disposition", "Sale",
                   "--generation", generation.value],
    )  # fmt: skip


ROWS = (
    Row("01.0", "time", "server_time", "", lambda n, _: n.server_time(), lambda _: ["campaign", "templates"]),
    Row(
        "02.0", "dial", "calls.dial", "call dial",
        lambda n, _: n.calls.dial("0355500123", "SIP/205", auto_answer=auto_answer("yealink"), record=True, tag="T"),
        lambda _: ["0355500123", "SIP/205", "--handset", "yealink", "--record", "--tag", "T"],
    ),
    Row("03.0", "state", "calls.state", "call state", lambda n, _: n.calls.state(["205"]), lambda _: ["205"]),
    Row(
        "04.0", "hangup", "calls.hangup", "call hangup",
        lambda n, w: n.calls.hangup(w.talking()), lambda w: [w.talking()],
    ),
    Row(
        "05.0", "subscribe", "calls.watch", "call watch",
        lambda n, w: w.talking() and list(islice(n.calls.watch(["206"]), 1)), lambda w: [w.talking() and "206"],
    ),
    Row(
        "06.0", "answer", "calls.answer", "call answer",
        lambda n, w: n.calls.answer(w.ringing(), "SIP/206", auto_answer=auto_answer("snom")),
        lambda w: [w.ringing(), "SIP/206", "--handset", "snom"],
    ),
    Row(
        "07.0", "start", "recordings.start", "recording start",
        lambda n, w: n.recordings.start(w.talking(), tag="T"), lambda w: [w.talking(), "--tag", "T"],
    ),
    Row(
        "08.0", "stop", "recordings.stop", "recording stop",
        lambda n, w: n.recordings.stop(w.recording()), lambda w: [w.recording()],
    ),
    Row(
        "tag", "tag", "recordings.tag", "recording tag",
        lambda n, w: n.recordings.tag(w.recording(), "A&B=/'\"🙂"), lambda w: [w.recording(), "A&B=/'\"🙂"],
    ),
    Row(
        "09.0", "audio_by_tag", "recordings.audio_by_tag", "recording get",
        lambda n, w: audio(n.recordings.audio_by_tag(w.tagged.tag, w.tagged.leg)),
        lambda w: ["--tag", w.tagged.tag, "--leg", w.tagged.leg],
    ),
    Row(
        "09.0", "audio_by_call_record_id", "recordings.audio_by_call_record_id", "recording get",
        lambda n, w: audio(n.recordings.audio_by_call_record_id(w.recorded.call_record_id, w.recorded.leg)),
        lambda w: ["--call-record-id", w.recorded.call_record_id, "--all-legs"],
    ),
    Row(
        "09.0", "audio_by_unique_id", "recordings.audio_by_unique_id", "recording get",
        lambda n, w: audio(n.recordings.audio_by_unique_id(w.recorded.unique_id, w.recorded.leg)),
        lambda w: ["--unique-id", w.recorded.unique_id, "--all-legs"],
    ),
    Row(
        "9.1", "by_tag", "recordings.by_tag", "recording list",
        lambda n, w: n.recordings.by_tag(w.tagged.tag), lambda w: ["--tag", w.tagged.tag],
    ),
    Row(
        "9.1", "by_unique_id", "recordings.by_unique_id", "recording list",
        lambda n, w: n.recordings.by_unique_id(w.recorded.unique_id), lambda w: ["--unique-id", w.recorded.unique_id],
    ),
    Row(
        "9.4", "by_hour", "recordings.by_hour", "recording list",
        lambda n, w: n.recordings.by_hour(w.recorded.day, 10),
        lambda w: ["--hour", f"{w.recorded.day}T10"],
    ),
    Row(
        "17.0", "templates", "campaigns.templates", "campaign templates",
        lambda n, _: n.campaigns.templates(), lambda _: [],
    ),
    Row(
        "18.0", "campaigns", "campaigns.campaigns", "campaign list",
        lambda n, _: n.campaigns.campaigns(TEMPLATE), lambda _: ["--template", TEMPLATE],
    ),
    Row(
        "19.0", "allocations", "campaigns.allocations", "campaign allocations",
        lambda n, _: n.campaigns.allocations(CAMPAIGN), lambda _: ["--campaign", CAMPAIGN],
    ),
    Row(
        "20.0", "dispositions", "campaigns.dispositions", "campaign dispositions",
        lambda n, _: n.campaigns.dispositions(TEMPLATE), lambda _: ["--template", TEMPLATE],
    ),
    Row(
        "21.0", "fields", "campaigns.fields", "campaign fields",
        lambda n, _: n.campaigns.fields(TEMPLATE), lambda _: ["--template", TEMPLATE],
    ),
    Row(
        "22.0", "call_records", "campaigns.call_records", "callrecord list",
        lambda n, _: n.campaigns.call_records(TEMPLATE), lambda _: ["--template", TEMPLATE],
    ),
    save("save_fast", LeadGeneration.FAST),
    save("save_old", LeadGeneration.OLD),
    save("save_old", LeadGeneration.HASH),
    update("update_fast", LeadGeneration.FAST),
    update("update_old", LeadGeneration.OLD),
    update("update_old", LeadGeneration.HASH),
    Row(
        "extra", "rosters", "site.rosters", "site rosters",
        lambda n, _: n.site.rosters("Sales"), lambda _: ["--team", "Sales"],
    ),
    Row("extra", "health", "site.health", "site health", lambda n, _: n.site.health(), lambda _: []),
)  # fmt: skip
