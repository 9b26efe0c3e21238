"""Recordings by hour and by unique id: which legs there are, and which kind the key is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

from noojee_ingest.model import LegEntry
from noojee_ingest.noojee import (
    Answer,
    AuthenticationFailed,
    AuthenticationMethod,
    Contract,
    Interrupted,
    NoojeeError,
    NotFound,
    Transient,
)
from noojee_ingest.pipeline.doctor import variants
from noojee_ingest.pipeline.doctor.asking import ONCE, Asking, short, with_lines
from noojee_ingest.pipeline.doctor.report import PUT_TOML, Check, Result, Told, Variant
from noojee_ingest.pipeline.hours import hours_of

BY_HOUR, BY_UNIQUE_ID, BY_TAG, KIND = "by-hour list", "meta data by unique id", "meta data by tag", "key kind"
SETTLED = timedelta(minutes=10)
"""After an hour's end; the vendor says some minutes [doc]."""

NOT_FOUND_THEN = "Recordings of calls without a call record (inbound, internal) will not be found."
MOST_HOURS, MOST_CALLS = 2, 6

USER_KEY = "It looks like a user key, which opens the campaign calls only [doc]: recordings need a global key."


def examine_hours(asking: Asking, told: Told, variants_tried: list[Variant]) -> Iterator[Check]:
    """Ask for an hour in which there were calls. Each request waits for its turn in the site's budget."""
    site = asking.phone.site
    if not asking.may_ask_hours:
        yield Check(BY_HOUR, Result.SKIPPED, "the site budget cannot be asked for a turn", "Mend the catalogue first.")
        return
    told(
        f"asking the by-hour list: all runs together may do so once every {site.by_hour_interval_seconds:g} s, "
        "so each request may wait that long"
    )
    paths = [asking.contract.by_hour.path]
    if asking.method is AuthenticationMethod.HASH:
        paths += [path for path in variants.BY_HOUR if path not in paths]
    missing: NoojeeError | None = None
    for path in paths:
        contract = with_lines(asking.contract, "by_hour", path=path)
        legs: list[LegEntry] = []
        hours = []
        try:
            with asking.client(contract=contract) as client:
                for day, hour in _hours(asking):
                    legs += client.recordings.by_hour(day, hour).entries
                    hours.append(f"{day} {hour:02d}:00")
                    if legs:
                        break
        except Interrupted:
            raise
        except NotFound as error:
            missing = error
            variants_tried.append(Variant("by-hour list", f"POST {path}", short(error), False))
            continue
        except NoojeeError as error:
            result = Result.SKIPPED if isinstance(error, Transient) else Result.FAILED
            yield Check(BY_HOUR, result, short(error), USER_KEY if _is_denied(error) else error.hint)
            return
        variants_tried.append(Variant("by-hour list", f"POST {path}", f"{len(legs)} legs", True))
        asking.legs += legs
        yield from _listed(asking, contract, path != paths[0], f"{len(legs)} legs of {' and '.join(hours)}")
        return
    yield from _not_listed(asking, short(missing) if missing else "")


def _listed(asking: Asking, contract: Contract, moved: bool, told: str) -> Iterator[Check]:
    site, result, hint = asking.phone.site, Result.OK, ""
    if not site.by_hour:
        asking.corrections.keys["by_hour"] = True
        told += ", though the configuration says that there is no such list"
        result, hint = Result.WARNING, f"{PUT_TOML} It finds recordings without a call record."
    if moved:
        asking.adopt("by_hour", contract)
        told += f", at {contract.by_hour.path}; as configured there is nothing"
        result, hint = Result.FAILED, PUT_TOML
    yield Check(BY_HOUR, result, told, hint)


def _not_listed(asking: Asking, told: str) -> Iterator[Check]:
    if not asking.phone.site.by_hour:
        told += "; the archive lives on the call record list and meta data by unique id, as configured"
        yield Check(BY_HOUR, Result.WARNING, told, NOT_FOUND_THEN)
        return
    asking.corrections.keys["by_hour"] = False
    yield Check(BY_HOUR, Result.FAILED, f"there is none: {told}", f"{PUT_TOML} {NOT_FOUND_THEN}")


def _hours(asking: Asking) -> list[tuple[date, int]]:
    """Hours (site time) that are over, the likeliest to hold a recording first."""
    zone, now = asking.phone.site.zone, asking.phone.clock()
    ends = sorted(
        (call.date.utc + timedelta(seconds=call.duration or 0) for call in asking.calls if call.date.utc), reverse=True
    )
    local = [end.astimezone(zone) for end in ends] + [
        (now - timedelta(hours=1)).astimezone(zone),
        datetime.combine((now - timedelta(days=1)).astimezone(zone).date(), time(11), zone),
    ]
    over = [
        (moment.date(), moment.hour) for moment in local if hours_of(moment.date(), zone)[moment.hour] + SETTLED <= now
    ]
    return list(dict.fromkeys(over))[:MOST_HOURS]


def examine_meta_data(asking: Asking, variants_tried: list[Variant]) -> Iterator[Check]:
    """Ask by unique id, at the configured path and, where nothing is there, at the others that are documented."""
    ids = _unique_ids(asking)
    first = asking.contract.by_unique_id.path
    refusals = []
    for path in dict.fromkeys((first, *variants.BY_UNIQUE_ID)):
        contract = with_lines(asking.contract, "by_unique_id", path=path)
        try:
            legs = list(_by_unique_id(asking, contract, ids or [variants.NOBODY]))
        except Interrupted:
            raise
        except NoojeeError as error:
            variants_tried.append(Variant("meta data", f"POST {path}", short(error), False))
            refusals.append(error)
            continue
        variants_tried.append(Variant("meta data", f"POST {path}", f"{len(legs)} legs", True))
        asking.legs += legs
        yield from _told(asking, contract, path == first, legs, ids)
        yield _examine_tags(asking, variants_tried)
        yield Check(KIND, Result.OK, "a global key: it opens recordings")
        return
    yield Check(BY_UNIQUE_ID, Result.FAILED, short(refusals[0]), refusals[0].hint)
    if any(map(_is_denied, refusals)):
        yield Check(KIND, Result.FAILED, "the campaign calls are open, recordings are not", USER_KEY)
    else:
        yield Check(KIND, Result.SKIPPED, "no way to ask for recordings was found")


def _examine_tags(asking: Asking, variants_tried: list[Variant]) -> Check:
    """Ask by a tag as configured, and where that gives nothing, first of all where the unique ids are asked for."""
    tag = next((leg.tag for leg in asking.legs if leg.tag), "")
    first, base = asking.contract.by_tag.path, variants.base_of(asking.contract.by_unique_id.path)
    answers = []
    for path in dict.fromkeys((first, *sorted(variants.BY_TAG, key=lambda one: not one.startswith(base)))):
        contract = with_lines(asking.contract, "by_tag", path=path)
        is_right = False
        try:
            with asking.client(contract=contract, patience=ONCE) as client:
                legs = client.recordings.by_tag(tag or variants.NOBODY).entries
        except Interrupted:
            raise
        except NoojeeError as error:
            answers.append(short(error))
        else:
            answers.append(f"{len(legs)} legs of a tag" if tag else "it answers; no tag is known to ask about")
            is_right = bool(legs) or not tag
        variants_tried.append(Variant(BY_TAG, f"POST {path}", answers[-1], is_right))
        if not is_right:
            continue
        if path == first:
            return Check(BY_TAG, Result.OK, answers[-1], needed=False)
        asking.adopt("by_tag", contract)
        told = f"{answers[-1]}, at {path}; as configured there is nothing"
        return Check(BY_TAG, Result.WARNING, told, PUT_TOML, needed=False)
    told = f"{answers[0]}; only `recording list --tag` and `recording get --tag` need it"
    return Check(BY_TAG, Result.WARNING, told, needed=False)


def _told(
    asking: Asking, contract: Contract, is_as_configured: bool, legs: list[LegEntry], ids: list[str]
) -> Iterator[Check]:
    told = f"{len(legs)} legs of {len(ids)} calls" if ids else "it answers; no call is known to ask about"
    if not is_as_configured:
        asking.adopt("by_unique_id", contract)
        told += f", at {contract.by_unique_id.path}; as configured there is nothing"
        yield Check(BY_UNIQUE_ID, Result.FAILED, told, PUT_TOML)
    elif ids and not legs:
        hint = "Ask again after some recorded calls; else the unique ids of the two lists are not the same."
        yield Check(BY_UNIQUE_ID, Result.WARNING, told, hint)
    else:
        yield Check(BY_UNIQUE_ID, Result.OK, told)


def _unique_ids(asking: Asking) -> list[str]:
    """Of calls that may have several legs, and of calls at all, the ones that are over for longest first."""
    of_legs = [leg.unique_id for leg in asking.legs if leg.unique_id]
    several = [one for one in dict.fromkeys(of_legs) if of_legs.count(one) > 1]
    dated = sorted((call for call in asking.calls if call.unique_id), key=lambda call: -(call.duration or 0))
    return list(dict.fromkeys([*several, *of_legs, *(call.unique_id for call in dated)]))[:MOST_CALLS]


def _by_unique_id(asking: Asking, contract: Contract, ids: Iterable[str]) -> Iterator[LegEntry]:
    with asking.client(contract=contract) as client:
        for unique_id in ids:
            answer: Answer[LegEntry] = client.recordings.by_unique_id(unique_id)
            yield from answer.entries


def _is_denied(error: NoojeeError) -> bool:
    return isinstance(error, AuthenticationFailed)
