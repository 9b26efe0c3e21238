"""The command ``noojee-ingest``: one file a verb, each calling one public function that Python users can call too."""

from __future__ import annotations

import sys

from noojee_ingest.stopping import end_within

END_SECONDS = 10.0
"""What is left to libraries, once all is said, to end their threads."""


def main() -> None:
    """The process of the command, from its imports, which take a second, until it ends: that, too, is bounded."""
    code: str | int | None = 1
    try:
        from noojee_ingest.cli.program import main as program  # noqa: PLC0415  Ctrl-C may come meanwhile

        program()
    except SystemExit as end:
        code = end.code
        raise
    except KeyboardInterrupt:
        code = 130
        sys.exit(code)
    finally:
        end_within(END_SECONDS, code if isinstance(code, int) else int(code is not None))
