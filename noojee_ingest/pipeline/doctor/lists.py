"""Each list of the campaigns, how far back the call record list reaches, and whether two polls of it overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.model import CallEntry, View, call_id, identity_digest
from noojee_ingest.noojee import Answer, Interrupted, Named, Noojee, NoojeeError
from noojee_ingest.pipeline.doctor.asking import Asking, short
from noojee_ingest.pipeline.doctor.report import Check, Result

MOST_TEMPLATES = 50
"""Call record lists that are asked for; a night asks for them all."""

RECORDS, REACH, OVERLAP = "call record list", "call record list: reach", "call record list: overlap"


def examine_lists(asking: Asking, templates: list[Named], catalogue: Catalogue | None) -> Iterator[Check]:
    """Templates, campaigns, allocations, call records. What the archive does not use is asked once, and not needed."""
    told = f"{len(templates)} templates"
    hint = "Calls by hand have no call record; else ask which templates the key's user may see."
    if templates:
        yield Check("campaign templates", Result.OK, told)
    else:
        yield Check("campaign templates", Result.WARNING, f"{told}: no call record will be known", hint)
    with asking.client() as client:
        yield from _campaigns(client, templates)
        answers: dict[str, Answer[CallEntry]] = {}
        problems: list[str] = []
        for template in templates[:MOST_TEMPLATES]:
            try:
                answers[template.id] = client.campaigns.call_records(template.id)
            except Interrupted:
                raise
            except NoojeeError as error:
                problems.append(f"template {template.id}: {short(error)}")
    yield from _records(asking, answers, problems, catalogue)


def _campaigns(client: Noojee, templates: list[Named]) -> Iterator[Check]:
    campaigns: list[Named] = []
    if not templates:
        return
    about = f"of template {templates[0].id}"
    yield _named("campaigns", about, lambda: client.campaigns.campaigns(templates[0].id), campaigns)
    if campaigns:
        about = f"of campaign {campaigns[0].id}"
        yield _named("allocations", about, lambda: client.campaigns.allocations(campaigns[0].id), [])


def _named(name: str, about: str, ask: Callable[[], Answer[Named]], found: list[Named]) -> Check:
    try:
        found += ask().entries
    except Interrupted:
        raise
    except NoojeeError as error:
        return Check(name, Result.WARNING, f"{about}: {short(error)}", "The archive does not ask for it.", needed=False)
    return Check(name, Result.OK, f"{len(found)} {about}", needed=False)


def _records(
    asking: Asking, answers: dict[str, Answer[CallEntry]], problems: list[str], catalogue: Catalogue | None
) -> Iterator[Check]:
    calls = [entry for answer in answers.values() for entry in answer.entries]
    asking.calls = calls
    refused = sum(len(answer.refused) for answer in answers.values())
    told = "; ".join([f"{len(calls)} calls of {len(answers)} templates", *problems])
    if problems:
        yield Check(RECORDS, Result.FAILED, told, "Without it no call without a recording is noticed.")
    elif refused or (calls and not any(call.unique_id for call in calls)):
        hint = "Look at one entry (`callrecord list --json`) and set contract.call_keys."
        yield Check(RECORDS, Result.WARNING, f"{told}; {refused} cannot be read, or none has a unique id", hint)
    elif answers:
        yield Check(RECORDS, Result.OK, told)
    else:
        yield Check(RECORDS, Result.SKIPPED, "there is no template to ask for")
    if answers:
        yield _reach(calls, asking.phone.clock())
        yield _overlap(asking, answers, catalogue)


def _reach(calls: list[CallEntry], now: datetime) -> Check:
    dated = [call.date.utc for call in calls if call.date.utc is not None]
    if not calls:
        return Check(REACH, Result.SKIPPED, "it is empty: ask again while calls are made", needed=False)
    if not dated:
        hint = "Look at one entry (`callrecord list --json`) and set contract.call_keys.date."
        return Check(REACH, Result.WARNING, "none of its entries has a date that can be read", hint)
    back = now - min(dated)
    told = f"the oldest of {len(dated)} calls began {_hours(back)} ago, the latest {_hours(now - max(dated))} ago"
    return Check(REACH, Result.OK, f"{told}; run `poll` at least every {_hours(max(back, timedelta()) / 2)}")


def _overlap(asking: Asking, answers: dict[str, Answer[CallEntry]], catalogue: Catalogue | None) -> Check:
    """Whether what is told now and what the last poll told have a call in common, for each template."""
    slug = asking.phone.slug
    if catalogue is None:
        told = "there is no earlier poll to compare with"
        return Check(OVERLAP, Result.SKIPPED, told, "Run `poll` or `nightly`, then ask again.", needed=False)
    apart, shared, latest = [], 0, None
    try:
        for template, answer in answers.items():
            scope = identity_digest(slug, "template", template)
            before = queries.answers(catalogue, slug, View.CALL_RECORDS, [scope]).get(scope, [])
            if not before or not before[-1].entries or not answer.entries:
                continue
            latest = max(before[-1].at, latest or before[-1].at)
            ids = [call_id(slug, entry) for entry in answer.entries]
            if queries.told_last(catalogue, View.CALL_RECORDS, ids):
                shared += 1
            else:
                apart.append(template)
    except CatalogueError as error:
        return Check(OVERLAP, Result.SKIPPED, str(error), needed=False)
    if latest is None:
        told = "no earlier poll told of any call, or there is none now"
        return Check(OVERLAP, Result.SKIPPED, told, "Run `poll` or `nightly`, then ask again.", needed=False)
    ago = f"the last poll, {_hours(asking.phone.clock() - latest)} ago"
    if apart:
        told = f"nothing in common with {ago}, for template {', '.join(apart)}"
        return Check(OVERLAP, Result.WARNING, f"{told}: calls between were in neither", "Run `poll` more often.")
    return Check(OVERLAP, Result.OK, f"{ago}, told calls that are still there, for all of {shared} templates")


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:.1f} h"
