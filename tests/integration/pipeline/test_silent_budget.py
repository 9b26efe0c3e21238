"""A site budget whose server falls silent: what was leased is not used for longer than the lease lasts."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress

import pytest

from noojee_ingest.catalogue.budget import Budget, open_budget
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.noojee import Interrupted
from noojee_ingest.pipeline.budget import SiteBudget
from tests.integration.postgres_server import TESTS, PostgresServer
from tests.integration.relay import Relay


def test_a_lease_that_cannot_be_renewed_because_nobody_answers_ends_the_run_before_others_get_it(
    postgres_server: PostgresServer, postgres_schema: str
) -> None:
    stop, seen = threading.Event(), []

    def use(limiter: SiteBudget, relay: Relay, others: Budget) -> None:
        """Asserts nothing: leaving the limiter raises an error of its own."""
        with limiter:
            with limiter.slot():
                relay.silence.set()
            if not stop.wait(30):
                return
            seen.append("stopped")
            if not others.lease("acme", "others", wanted=2, allowed=2, seconds=60):
                seen.append("ours still")
            while not others.lease("acme", "others", wanted=2, allowed=2, seconds=60):
                time.sleep(0.05)
            with suppress(Interrupted), limiter.slot():
                seen.append("ours again")

    with (
        Relay(postgres_server.port) as relay,
        closing(open_budget(f"postgresql://postgres@127.0.0.1:{relay.port}/{TESTS}", postgres_schema)) as budget,
        closing(open_budget(postgres_server.url(), postgres_schema)) as others,
    ):
        limiter = SiteBudget(budget, "acme", allowed=2, wanted=2, lease_seconds=6.0, intervals={}, stop=stop)
        with pytest.raises(CatalogueUnavailable, match="did not answer in time"):
            use(limiter, relay, others)
    assert seen == ["stopped", "ours still"]
