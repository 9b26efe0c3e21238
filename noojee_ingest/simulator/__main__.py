"""``python -m noojee_ingest.simulator``: a simulated phone system in the foreground."""

from __future__ import annotations

import argparse
import os
import sys

from .running import KEY_VARIABLE
from .scenario import Scenario
from .server import serve


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m noojee_ingest.simulator",
        description=f"A simulated Noojee phone system on 127.0.0.1. Its API key comes from {KEY_VARIABLE}.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does")
    Scenario.add_arguments(parser)
    read = parser.parse_args()
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        parser.error(f"set the API key in the environment variable {KEY_VARIABLE}; any text will do")
    try:
        scenario = Scenario.from_arguments(read)
    except ValueError as error:
        parser.error(str(error))
    try:
        serve(scenario, read.port, key, until_stdin_closes=read.until_stdin_closes)
    except OSError as error:
        parser.exit(1, f"cannot listen on port {read.port}: {error.strerror}; choose another, or 0 for a free one\n")
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
