"""The same tests, on PostgreSQL."""

from __future__ import annotations

from tests.functional.catalogue.test_concurrency import *  # noqa: F403
