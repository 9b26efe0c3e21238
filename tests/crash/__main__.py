"""``make crash-test``: kills the program hundreds of times and says what was lost. docs/guarantees.md explains it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random, SystemRandom

from noojee_ingest.simulator import start
from tests.crash.campaign import SCENARIO, Campaign, Crashed, Tally
from tests.crash.flow import kill_flows
from tests.crash.kill_points import FOLDER, S3
from tests.crash.places import KEY, KINDS
from tests.crash.runs import Hung, started
from tests.crash.table import lines

KILLS = {FOLDER: 210, S3: 110}
FLOWS = {FOLDER: 6, S3: 2}
"""Of those, kills of the whole flow, where as many as that are asked for."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, help="draws points and times (default: another one each time, and told)")
    told = ", ".join(f"{number} for {kind}" for kind, number in KILLS.items())
    parser.add_argument("--kills", type=int, help=f"kills for each place (default: {told})")
    parser.add_argument("--places", default=",".join(KINDS), help="folder,s3 (default), or one of them")
    parser.add_argument("--folder", type=Path, help="where to work (default: memory, where the system has some)")
    wanted = parser.parse_args()
    seed = SystemRandom().randrange(10**6) if wanted.seed is None else wanted.seed
    places = wanted.places.split(",")
    if unknown := set(places) - KINDS.keys():
        parser.error(f"no such place: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    memory = Path("/dev/shm")
    below = wanted.folder or (memory if os.access(memory, os.W_OK) else None)
    began, tally = time.monotonic(), Tally()
    print(f"seed {seed}: repeat it with `python -m tests.crash --seed {seed}`", flush=True)
    failed = ""
    with tempfile.TemporaryDirectory(prefix="noojee-ingest-crash-", dir=below) as folder, ExitStack() as stack:
        runs = stack.enter_context(started(Path(folder)))
        try:
            for kind in places:
                new = stack.enter_context(KINDS[kind](Path(folder)))
                with start(SCENARIO, KEY) as simulator:
                    os.environ.update(new.environ)
                    campaign = Campaign(new, simulator, runs, tally, seed=seed)
                    kills = wanted.kills or KILLS[kind]
                    flows = FLOWS[kind] if kills >= 10 * FLOWS[kind] else 0
                    campaign.run(kills - flows)
                    print(f"{kind}: {tally.kills} kills after {time.monotonic() - began:.0f} s", flush=True)
                    if flows:
                        chance = Random(f"{seed}/{kind}/flows")
                        kill_flows(campaign.new_archive(), Path(folder) / "prefect", chance, flows)
                        campaign.close()
        except (Crashed, Hung) as problem:
            failed = f"{problem}\n{runs.log.read_text()[-4000:]}"
    print("\n".join(lines(tally)))
    for one in tally.told:
        print(one)
    if missed := sum(tally.missed.values()):
        print(f"{missed} runs were over before they were to be killed.")
    if failed:
        print(f"It ended early: {failed}", file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if tally.is_right and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
