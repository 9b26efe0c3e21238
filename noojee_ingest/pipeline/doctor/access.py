"""Is the key accepted, by which generation's rules, and what time is it there."""

from __future__ import annotations

from collections.abc import Iterator

from noojee_ingest.noojee import Answer, AuthenticationMethod, Interrupted, Named, NoojeeError, Transient
from noojee_ingest.pipeline.doctor.asking import ONCE, Asking, short, with_lines
from noojee_ingest.pipeline.doctor.line import Line
from noojee_ingest.pipeline.doctor.report import PUT_TOML, Check, Result
from noojee_ingest.pipeline.doctor.variants import BY_UNIQUE_ID, NOBODY

API_KEY, KEY, CLOCK = "API key", "key accepted", "clock"
SETTLED = 30.0
"""Seconds that the two clocks may differ without a word."""

WORDS = {AuthenticationMethod.KEY: "the API key", AuthenticationMethod.HASH: "a hash of it with a time stamp"}


def examine_key(asking: Asking, templates: list[Named]) -> Iterator[Check]:
    """Ask for the campaign templates, which every kind of key opens [doc]; where that is refused, the other way.

    A refusal may mean another thing than the key, so any final one is a reason to try the other way, and then to ask
    for meta data instead: a phone system may have no campaigns. Puts the templates into ``templates``.
    """
    first = asking.method
    second = AuthenticationMethod.HASH if first is AuthenticationMethod.KEY else AuthenticationMethod.KEY
    refusals: dict[AuthenticationMethod, NoojeeError] = {}
    for method in (first, second):
        answer = _templates(asking, method)
        if isinstance(answer, Answer):
            templates += answer.entries
            yield _let_in(asking, method, first, f"with {WORDS[method]}", refusals.get(first))
            return
        refusals[method] = answer
        if isinstance(answer, Transient):  # this says nothing of the key
            break
    for method, refusal in refusals.items():
        if _answers_about_recordings(asking, method):
            told = f"with {WORDS[method]}, for recordings; not for campaigns: {short(refusal)}"
            yield _let_in(asking, method, first, told, refusals[first])
            return
    hint = (
        "Check the key with whoever made it, that the vendor admits this machine's IP address, and that the address "
        "is the phone system's."
    )
    told = "; ".join(f"with {WORDS[method]}: {short(error)}" for method, error in refusals.items())
    yield Check(KEY, Result.FAILED, told, hint)


def _let_in(
    asking: Asking,
    method: AuthenticationMethod,
    configured: AuthenticationMethod,
    told: str,
    refusal: NoojeeError | None,
) -> Check:
    asking.method, asking.is_let_in = method, True
    if method is configured or refusal is None:
        return Check(KEY, Result.OK, told)
    asking.corrections.keys["authentication"] = method.value
    told += f"; not with {WORDS[configured]}, as configured: {short(refusal)}"
    return Check(KEY, Result.FAILED, told, PUT_TOML)


def _templates(asking: Asking, method: AuthenticationMethod) -> Answer[Named] | NoojeeError:
    try:
        with asking.client(method=method) as client:
            return client.campaigns.templates()
    except Interrupted:
        raise
    except NoojeeError as error:
        return error


def _answers_about_recordings(asking: Asking, method: AuthenticationMethod) -> bool:
    for path in dict.fromkeys((asking.contract.by_unique_id.path, *BY_UNIQUE_ID)):
        contract = with_lines(asking.contract, "by_unique_id", path=path)
        try:
            with asking.client(contract=contract, method=method, patience=ONCE) as client:
                client.recordings.by_unique_id(NOBODY)
        except Interrupted:
            raise
        except NoojeeError:
            continue
        return True
    return False


def examine_clock(asking: Asking, line: Line) -> Iterator[Check]:
    """By the phone system's own time, else by the header of its web server."""
    try:
        with asking.client() as client:
            there, here, source = client.server_time(), asking.phone.clock(), "its own clock"
    except Interrupted:
        raise
    except NoojeeError as error:
        if line.date is None:
            yield Check(CLOCK, Result.SKIPPED, f"it tells no time: {short(error)}", needed=False)
            return
        (there, here), source = line.date, "its web server's header"
    seconds = (there - here).total_seconds()
    told = f"{abs(seconds):.0f} s {'ahead of' if seconds >= 0 else 'behind'} ours, by {source}"
    if abs(seconds) <= SETTLED:
        yield Check(CLOCK, Result.OK, told)
        return
    hint = "Set both by a time server: an hour is asked for when it is over by our clock."
    yield Check(CLOCK, Result.WARNING, told, hint)
