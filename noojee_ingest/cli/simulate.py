"""``noojee-ingest simulate``"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated

import typer

from noojee_ingest.simulator import Dialect, Scenario, serve
from noojee_ingest.simulator.running import KEY_VARIABLE

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same calls and audio.")]
Now = Annotated[str | None, typer.Option("--now", help="Where its clock starts, with offset; else the present.")]
Zone = Annotated[str, typer.Option("--zone", help="The phone system's time zone, an IANA name.")]
Days = Annotated[int, typer.Option("--days", min=0, help="Full days of calls before today.")]
Interval = Annotated[
    float, typer.Option("--by-hour-interval", min=0, help="Least seconds between two by-hour requests.")
]
Speaks = Annotated[Dialect, typer.Option("--dialect", help="How it speaks where nothing is documented.")]


def simulate(
    *,
    port: Port = 8080,
    seed: Seed = 7,
    now: Now = None,
    zone: Zone = "Australia/Melbourne",
    days: Days = 4,
    by_hour_interval: Interval = 60.0,
    dialect: Speaks = Dialect.PROPOSED,
) -> None:
    """Phone system: run a simulated one on this machine until Ctrl-C, to try things out against.

    Its API key is what the environment variable NOOJEE_SIMULATOR_KEY holds. `python -m noojee_ingest.simulator --help`
    has all its options. It imports nothing of the archive, and knows only what is known of the vendor's API.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise typer.BadParameter(f"set the API key in the environment variable {KEY_VARIABLE}; any text will do")
    try:
        start = datetime.fromisoformat(now) if now is not None else datetime.now().astimezone()
        scenario = Scenario(
            dialect=dialect, seed=seed, zone=zone, now=start, days=days, by_hour_interval=by_hour_interval
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        serve(scenario, port, key)
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on port {port}: {error.strerror}; choose another --port") from error
