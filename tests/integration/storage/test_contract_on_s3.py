"""The same promises, kept by buckets: the contract's tests run here with this folder's ``root_factory``."""

from __future__ import annotations

from tests.functional.storage.test_contract import *  # noqa: F403
