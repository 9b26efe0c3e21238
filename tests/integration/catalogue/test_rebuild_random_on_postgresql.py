"""The same tests, on PostgreSQL."""

from __future__ import annotations

from tests.functional.catalogue.test_rebuild_random import *  # noqa: F403
