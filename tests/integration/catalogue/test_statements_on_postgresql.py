"""The same tests, on PostgreSQL."""

from __future__ import annotations

from tests.functional.catalogue.test_statements import *  # noqa: F403
