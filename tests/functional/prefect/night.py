"""A small night, run by the tests in a process of its own: ``night.py HOME [complete|gaps|broken|endless] [API_URL]``.

It is also the recipe for a flow that ends truthfully when it is asked to stop. What it says on standard output is one
JSON object a line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from noojee_ingest.embedded_prefect import EmbeddedPrefectError, embedded_prefect
from noojee_ingest.stopping import Stop, stop_on_signals


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def night(kind: str) -> tuple[str, str]:
    """Run the flow; the name and type of its final state."""
    # Prefect reads its settings when it is imported: only now is it time.
    from prefect import flow, get_run_logger, task  # noqa: PLC0415
    from prefect.artifacts import (  # noqa: PLC0415
        create_progress_artifact,
        create_table_artifact,
        update_progress_artifact,
    )
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415
    from prefect.futures import wait  # noqa: PLC0415
    from prefect.runtime import flow_run  # noqa: PLC0415
    from prefect.states import Cancelled, Completed, Failed, State  # noqa: PLC0415
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415

    @task(cache_policy=NO_CACHE)  # otherwise Prefect would hash what a task is given
    def batch(number: int, stop: Stop) -> int:
        """Between two legs it asks whether to stop; what it has done by then is done."""
        legs = 0
        while legs < 3 or kind == "endless":
            if stop.wait(0.02):
                break
            legs += 1
        get_run_logger().info("batch %s archived %s legs", number, legs)
        return legs

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def nightly() -> State[None]:
        with stop_on_signals() as stop:
            progress = create_progress_artifact(0.0, key="legs")
            batches = [batch.submit(number, stop) for number in range(6)]
            say(event="running", run=flow_run.get_name(), tracking=os.environ["DO_NOT_TRACK"])
            wait(batches)
            legs = sum(one.result() for one in batches)
            update_progress_artifact(progress, 100.0)
            create_table_artifact([{"hour": "00", "archived": legs}], key="completeness")
            if stop.is_set():
                return Cancelled(message=f"asked to stop; {legs} legs are archived")
            if kind == "broken":
                return Failed(message="the store is full")
            return Completed(name="Gaps", message="2 legs are missing") if kind == "gaps" else Completed()

    state = nightly(return_state=True)
    return state.name or "", state.type.value


def main(home: str, kind: str = "complete", api_url: str = "") -> int:
    with stop_on_signals() as stop:
        try:
            with embedded_prefect(Path(home), api_url, stop) as url:
                records = [json.loads(record.read_text()) for record in Path(home).glob("server-*.json")]
                say(event="up", url=url, servers=[record["server"]["pid"] for record in records])
                name, of_type = night(kind)
                say(event="state", name=name, type=of_type)
                if kind == "broken":
                    raise OSError("the store is full")  # a run may also end by an exception
        except EmbeddedPrefectError as problem:
            say(event="refused", problem=str(problem))
            return 1
    codes = {"COMPLETED": 0, "CANCELLED": stop.exit_code}
    return 3 if name == "Gaps" else codes.get(of_type) or 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
