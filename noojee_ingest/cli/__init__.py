"""The command ``noojee-ingest``: one file a verb, each calling one public function that Python users can call too."""

from noojee_ingest.cli.program import main

__all__ = ["main"]
