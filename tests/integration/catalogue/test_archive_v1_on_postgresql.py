"""The same tests, on PostgreSQL."""

from __future__ import annotations

from tests.functional.catalogue.test_archive_v1 import *  # noqa: F403
