"""A night while its bucket or its database fails: what it reports, and that the archive is true then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.pipeline import record as recording
from noojee_ingest.storage import s3_client, s3_proof
from noojee_ingest.storage.errors import StoreUnavailable
from tests.functional.pipeline.truth import untruths
from tests.integration import postgres_server as postgres
from tests.integration.faulty_proxy import FaultyProxy, with_the_right_checksum
from tests.integration.pipeline.conftest import RealParts, conclusions

if TYPE_CHECKING:
    from tests.functional.pipeline.conftest import Site

PASSING: dict[str, Callable[[FaultyProxy], None]] = {
    "SlowDown": lambda proxy: proxy.answer("PUT", 503, "SlowDown", times=2),
    "500": lambda proxy: proxy.answer("PUT", 500, "InternalError", times=2),
    "cut in mid-body": lambda proxy: proxy.cut_request("PUT", times=2),
    "answer lost": lambda proxy: proxy.lose_answer("PUT", times=2),
    "done and called failed": lambda proxy: proxy.fail_after("PUT", 500, "InternalError", times=2),
    "conflict": lambda proxy: proxy.answer("PUT", 409, "ConditionalRequestConflict", times=2),
}
"""What befalls two puts, then again two, and so on."""


@pytest.fixture
def proxied(site: Site, faulty_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose bucket is behind the proxy, opened once without a fault; who waits for it waits shortly."""
    monkeypatch.setattr(s3_client, "_FIRST_PAUSE", 0.001)
    site.environ = {**site.environ, "STORE__ENDPOINT": faulty_proxy.endpoint, "STORE__ATTEMPTS": "8"}
    with site.work():
        pass
    return site


def lies(site: Site, parts: RealParts, report: Any) -> list[str]:
    return untruths(site, report, objects=parts.objects(""))


@pytest.mark.parametrize("name", PASSING)
def test_a_bucket_that_fails_for_a_while_costs_nothing_but_requests(
    proxied: Site, parts: RealParts, faulty_proxy: FaultyProxy, name: str
) -> None:
    for _ in range(15):
        PASSING[name](faulty_proxy)
        faulty_proxy.before("PUT", lambda: None, times=3)
    report = proxied.night(ARCHIVE__WORKERS="1")
    assert (report.exit_code, report.problems) == (0, [])
    assert {state for state, *_ in conclusions(parts.url).values()} == {"archived"}
    assert set(proxied.simulator.counters().audio_requests().values()) == {1}
    keys = [key for key, _ in parts.s3.versions(parts.bucket, "archive/")]
    assert len(keys) == len(set(keys))  # nothing was put twice
    assert lies(proxied, parts, report) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda proxy: proxy.answer("PUT", 503, "SlowDown", times=10_000), "slow down"),
        (lambda proxy: proxy.cut_request("PUT", times=10_000), "connection was lost"),
    ],
    ids=["SlowDown", "cut in mid-body"],
)
def test_a_bucket_that_fails_for_ever_ends_the_run_and_the_next_does_the_rest(
    proxied: Site, parts: RealParts, faulty_proxy: FaultyProxy, fault: Callable[[FaultyProxy], None], said: str
) -> None:
    begun: list[bool] = []

    def fail_later() -> None:
        if not begun and sum("/audio/" in request.path for request in faulty_proxy.asked("PUT")) > 15:
            begun.append(True)
            fault(faulty_proxy)

    faulty_proxy.before("PUT", fail_later, times=40)
    with pytest.raises(StoreUnavailable, match=said):
        proxied.night(STORE__ATTEMPTS="2", ARCHIVE__BATCH="8")
    stored = [state for state, *_ in conclusions(parts.url).values()].count("archived")
    assert stored
    assert lies(proxied, parts, None) == []
    proxied.environ["STORE__ENDPOINT"] = parts.s3.endpoint
    proxied.simulator.reset_counters()
    report = proxied.night()
    assert {state for state, *_ in conclusions(parts.url).values()} == {"archived"}
    adopted = report.recovery.adopted
    assert proxied.simulator.counters().audio_requests().total() == len(conclusions(parts.url)) - stored - adopted
    assert lies(proxied, parts, report) == []


def test_a_store_that_takes_a_wrong_checksum_is_refused_before_anything_is_asked(
    site: Site, parts: RealParts, faulty_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_proof, "_proven", set())
    faulty_proxy.rewrite("PUT", with_the_right_checksum)
    site.environ = {**site.environ, "STORE__ENDPOINT": faulty_proxy.endpoint}
    with pytest.raises(StoreUnavailable, match="checksum"):
        site.night()
    assert site.requests() == {}
    assert parts.objects("archive/") == {}


@pytest.mark.parametrize("moment", ["before it is put", "when it is put", "when it is applied"])
def test_a_database_that_is_restarted_in_mid_batch_loses_and_doubles_nothing(
    make_site: Callable[..., Site], parts: RealParts, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    site = make_site()
    name = {"before it is put": "open_segment", "when it is put": "put", "when it is applied": "apply"}[moment]
    really, number = getattr(recording, name), [0]

    def restarting(*told: Any) -> Any:
        number[0] += 1
        if number[0] % 9 == 0 and number[0] < 40:
            server.restart()
        return really(*told)

    with postgres.running() as server:
        site.environ = parts.environ(CATALOGUE__URL=server.url(), ARCHIVE__BATCH="5")
        with monkeypatch.context() as patch:
            patch.setattr(recording, name, restarting)
            untrue: list[str] = []
            for _ in range(8):  # it may go on, or end and say so
                try:
                    report = site.night()
                    break
                except CatalogueError:
                    untrue += lies(site, parts, None)
        assert number[0] > 9
        assert untrue == []
        assert {state for state, *_ in conclusions(server.url()).values()} == {"archived"}
        assert set(site.simulator.counters().audio_requests().values()) == {1}
        assert (report.exit_code, lies(site, parts, report)) == (0, [])
