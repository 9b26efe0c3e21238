"""The four verbs by which people decide: one signature, and of each its own words and verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from noojee_ingest.cli.deciding import By, DryRun, Manner, Reason, Yes, carry_out
from noojee_ingest.cli.deciding_calls import carry_out_for_calls
from noojee_ingest.cli.filters import Filters, filtered
from noojee_ingest.cli.options import Config, Json
from noojee_ingest.journal.events import Verdict
from noojee_ingest.pipeline.decide_calls import ON_CALLS

Calls = Annotated[bool, typer.Option("--calls", help="Calls without a recording, in place of legs.")]

WHICH = """

    Which legs: those that fit every filter and are in such a state; one filter at least must be given. More than one
    leg has to be confirmed, by an answer or --yes. Reason and name are in the journal for ever, and in `show`.
    """


def decision(verdict: Verdict, told: str) -> Callable[..., None]:
    """The verb of a verdict. ``told``: what its help says before it says which legs are meant."""

    def of_legs(
        filters: Filters,
        *,
        reason: Reason = None,
        by: By = None,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
        config: Config = None,
    ) -> None:
        carry_out(verdict, filters, reason=reason, by=by, manner=Manner(dry_run, yes, as_json, config))

    def of_legs_or_calls(
        filters: Filters,
        *,
        calls: Calls = False,
        reason: Reason = None,
        by: By = None,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
        config: Config = None,
    ) -> None:
        do = carry_out_for_calls if calls else carry_out
        do(verdict, filters, reason=reason, by=by, manner=Manner(dry_run, yes, as_json, config))

    verb: Callable[..., None] = of_legs_or_calls if verdict in ON_CALLS else of_legs
    verb.__name__, verb.__doc__ = verdict.value, told.rstrip() + WHICH
    return filtered(verb)
