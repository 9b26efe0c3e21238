"""What the verbs by which people decide have in common: first say which legs or calls, then ask, then do."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.cli.exits import TOLD, exit_of
from noojee_ingest.cli.filters import Filters
from noojee_ingest.cli.options import console, plain, print_json, site_time, zone_of
from noojee_ingest.cli.search import legs_table
from noojee_ingest.journal.events import Verdict
from noojee_ingest.pipeline.decide import CHANGES, Decided, Selection, decide, exit_code, select
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import Settings, load

Reason = Annotated[str | None, typer.Option("--reason", help="Why, in words for those who read the journal later.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides: the name of a person.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the legs that are meant.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, however many legs are meant.")]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a decision is asked for and told of."""

    dry_run: bool
    yes: bool
    as_json: bool
    config: Path | None


def carry_out(verdict: Verdict, filters: Filters, *, reason: str | None, by: str | None, manner: Manner) -> None:
    """Show which legs are meant, ask where there is more than one, decide, and say what became of each."""
    refuse_nameless(reason, by, manner)
    settings = load(manner.config)
    decided: list[Decided] = []
    with closing(open_catalogue(settings)) as catalogue:
        try:
            meant = select(catalogue, verdict, filters.search(settings))
            _show(settings, verdict, meant, as_json=manner.as_json)
            if meant.legs and not manner.dry_run:
                ask(verdict, len(meant.legs), manner)
                leg_ids = [row["leg_id"] for row in meant.legs]
                for one in decide(settings, catalogue, verdict, leg_ids, reason=reason or "", name=by or ""):
                    decided.append(one)
                    if not manner.as_json:
                        _tell(settings, one)
        except BadSearch as error:
            raise typer.BadParameter(str(error)) from None
        except TOLD as error:
            if not decided:
                raise
            _conclude(verdict, meant, decided, manner, exit_of(error))
            raise
    code = exit_code(decided)
    _conclude(verdict, meant, decided, manner, code)
    raise typer.Exit(code)


def _conclude(verdict: Verdict, meant: Selection, decided: Sequence[Decided], manner: Manner, code: int) -> None:
    """Say what was decided, though an error ended the work: it is in force."""
    if manner.as_json:
        print_json(_document(verdict, meant, decided, dry_run=manner.dry_run, code=code))
    elif not manner.dry_run:
        results = Counter(one.result for one in decided)
        rest = f", {results['decided']} decided and not finished" if results["decided"] else ""
        print(f"{verdict}: {results['done']} of {len(meant.legs)} done{rest}")


def refuse_nameless(reason: str | None, by: str | None, manner: Manner) -> None:
    """Raises typer.BadParameter."""
    if not manner.dry_run and not all(text and text.strip() for text in (reason, by)):
        raise typer.BadParameter("a decision needs --reason and --by; only --dry-run does without")


def _show(settings: Settings, verdict: Verdict, meant: Selection, *, as_json: bool) -> None:
    others = ", ".join(f"{number} {state}" for state, number in meant.left.items())
    if others:
        print(f"Left as they are, for {verdict} is not for them: {others}", file=sys.stderr)
    if not as_json:
        out = console()
        out.print(legs_table(settings, meant.legs, with_id=True))
        states = ", ".join(state.value for state in CHANGES[verdict])
        number = "1 leg is" if len(meant.legs) == 1 else f"{len(meant.legs)} legs are"
        out.print(f"{number} meant" + ("" if meant.legs else f": none that fits is {states}"))


def ask(verdict: Verdict, number: int, manner: Manner, what: str = "legs") -> None:
    """Have it confirmed where more than one is meant. Raises BadSearch where nobody can answer."""
    if number == 1 or manner.yes:
        return
    if manner.as_json or not sys.stdin.isatty():
        raise BadSearch(f"{number} {what} are meant: look with --dry-run, then say --yes")
    typer.confirm(f"{verdict} these {number} {what}?", abort=True)


def _tell(settings: Settings, one: Decided) -> None:
    told = f"{one.leg_id}: {one.was} -> {one.state}"
    if one.result == "left":
        told = f"{one.leg_id}: left, it is {one.was} by now"
    if one.result == "overtaken":
        told += "; somebody decided otherwise at the same time"
    if one.result == "held":
        until = site_time(one.held_until, zone_of(settings, one.site)) or "whoever placed it lifts it"
        told += f"; a lock holds its audio in the archive until {until}. Nobody gets it; a later night withdraws it."
    if one.problem:
        print(plain(f"{told}; {one.problem}"), file=sys.stderr)
    else:
        print(told)


def _document(
    verdict: Verdict, meant: Selection, decided: Sequence[Decided], *, dry_run: bool, code: int
) -> Mapping[str, Any]:
    fates = {one.leg_id: asdict(one) for one in decided}
    unknown = dict.fromkeys(("state", "result", "event_id", "held_until", "problem"))
    legs = [
        {
            **{name: row[name] for name in ("leg_id", "site", "day", "call_record_id", "unique_id", "leg")},
            "was": row["state"],
            **unknown,
            **fates.get(row["leg_id"], {}),
        }
        for row in meant.legs
    ]
    return {"verdict": verdict.value, "dry_run": dry_run, "legs": legs, "left": meant.left, "exit_code": code}
