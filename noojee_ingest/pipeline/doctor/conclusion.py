"""What the archive will and will not be able to do, with things as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from noojee_ingest.pipeline.doctor import access, audio, catalogue, legs, line, lists, store
from noojee_ingest.pipeline.doctor.report import PUT_TOML, Check, Examination, Result

GOOD = {Result.OK, Result.WARNING}


@dataclass(frozen=True)
class Ability:
    """``needs``: the checks that all must be good; one that was not made says nothing."""

    needs: tuple[str, ...]
    can: str
    cannot: str


ENTRY = (line.REACHABLE, line.SECURE, access.KEY)
ABILITIES = (
    Ability(
        (access.API_KEY, *ENTRY),
        "The phone system can be asked.",
        "The phone system cannot be asked, so no night can run.",
    ),
    Ability((*ENTRY, lists.RECORDS), "Calls that were made are known.", "Calls that were made are not known."),
    Ability(
        (*ENTRY, legs.BY_HOUR),
        "Every recording is found, also of inbound and internal calls.",
        "Recordings of calls without a call record, inbound and internal ones, are not found.",
    ),
    Ability(
        (*ENTRY, legs.BY_UNIQUE_ID),
        "The legs of a call are found by its unique id.",
        "A call's legs are not found by its unique id.",
    ),
    Ability((*ENTRY, audio.AUDIO), "Recordings are fetched.", "No recording is fetched."),
    Ability(
        (store.CHECKSUM, store.CREATE_ONLY, "store: archive can be read", "store: archive can be written"),
        "What is stored is checked by the store, and nothing is overwritten.",
        "Nothing can be archived: the store does not do what the archive rests on.",
    ),
    Ability(
        (store.LOCKS,),
        "The store can make recordings that nobody may delete.",
        "The store was not seen to lock: who has its rights can delete a recording.",
    ),
    Ability(
        (catalogue.REACHABLE, catalogue.RIGHT_REVISION, catalogue.WRITABLE, catalogue.OF_THIS_STORE),
        "What is archived is found again with search, show and status.",
        "No night can run: the catalogue cannot be used.",
    ),
)


def conclude(found: Examination) -> None:
    """Fill ``will``, ``will_not`` and ``unproven``; what was not examined is in none of them."""
    for ability in ABILITIES:
        results = {found.of(need) for need in ability.needs} - {None}
        if results and _is_good(found, ability, results):
            found.will.append(ability.can)
        elif results and _is_unproven(found, ability):
            found.unproven.append(ability.can)
        elif results:
            found.will_not.append(_until(found, ability))
    if room := [check for check in found.checks if check.name.startswith("room: ") and check.result is Result.FAILED]:
        found.will_not.append(f"A night of the usual size does not fit ({room[0].name.removeprefix('room: ')}).")


def _bad(found: Examination, needs: Iterable[str]) -> list[Check]:
    return [check for check in found.checks if check.name in needs and check.result not in GOOD]


def _is_unproven(found: Examination, ability: Ability) -> bool:
    """Whether nothing was seen either way: what it needs beside the way in was skipped, for whatever reason."""
    bad = _bad(found, set(ability.needs) - set(ENTRY))
    return bool(bad) and all(check.result is Result.SKIPPED for check in bad)


def _until(found: Examination, ability: Ability) -> str:
    """Says so where the TOML is all that it lacks."""
    bad = _bad(found, ability.needs)
    if bad and all(check.hint == PUT_TOML for check in bad):
        return f"{ability.cannot.removesuffix('.')}, until the TOML is in the configuration."
    return ability.cannot


def _is_good(found: Examination, ability: Ability, results: set[Result | None]) -> bool:
    if ability.needs == (store.LOCKS,):
        return results == {Result.OK}
    if legs.BY_HOUR in ability.needs and found.of(legs.BY_HOUR) is Result.WARNING:
        return False
    return results <= GOOD
