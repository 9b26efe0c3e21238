"""Noojee's API over HTTP, as the fault plan lets it answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from . import wire
from .body import Body
from .calls import Leg
from .faults import Answer, Edit, FaultPlan
from .phone_system import (
    ENDPOINTS,
    AudioEndpoint,
    Endpoint,
    ListEndpoint,
    Listing,
    PhoneSystem,
    Refusal,
    not_found,
    sound,
)
from .recording import pcm_of_size
from .reply import Reply, deliver
from .wire import Entry

FORM = "application/x-www-form-urlencoded"
AS_USUAL = Answer()


class Api:
    """An ASGI application. It runs in one event loop, so nothing in it needs a lock."""

    def __init__(self, system: PhoneSystem, plan: FaultPlan) -> None:
        self._system = system
        self._plan = plan
        self._under_way: Counter[bool] = Counter()  # for audio or not -> requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = ENDPOINTS.get(scope["path"])
        if endpoint is None:
            await deliver(not_found(), AS_USUAL, receive, send)
            return
        with self._counted(endpoint):
            asked = await _parameters(scope, receive)
            try:
                reply, manner = self._reply(endpoint, scope["method"], asked)
            except Refusal as refusal:
                reply, manner = refusal.reply, AS_USUAL
            self._system.counters.statuses.setdefault(endpoint.name, Counter())[str(reply.status)] += 1
            await deliver(reply, manner, receive, send)

    @contextmanager
    def _counted(self, endpoint: Endpoint) -> Iterator[None]:
        counters, audio = self._system.counters, isinstance(endpoint, AudioEndpoint)
        counters.requests[endpoint.name] += 1
        self._under_way[audio] += 1
        counters.most_at_once = max(counters.most_at_once, self._under_way.total())
        counters.most_audio_at_once = max(counters.most_audio_at_once, self._under_way[True])
        try:
            yield
        finally:
            self._under_way[audio] -= 1

    def _reply(
        self, endpoint: ListEndpoint | AudioEndpoint, method: str, asked: Mapping[str, str]
    ) -> tuple[Reply, Answer]:
        if method not in endpoint.methods:
            allow = {"allow": ", ".join(endpoint.methods)}
            raise Refusal(Reply(Body.of(wire.failure(-1, f"{method} is not allowed")), status=405, headers=allow))
        if asked.get("apiKey", "") != self._system.key:
            raise Refusal(Reply(Body.of(wire.failure(-1, "Invalid apiKey")), status=401))
        if isinstance(endpoint, AudioEndpoint):
            leg = endpoint.find(self._system, asked)
            self._count_leg(endpoint, leg, asked)
            answer, _ = self._plan.serve(endpoint.name, {**asked, **_ids(leg)})
            return self._instead(answer, leg) or self._system.audio(leg), answer or AS_USUAL
        listing = endpoint.list(self._system, asked)
        answer, edits = self._plan.serve(endpoint.name, asked)
        return self._instead(answer, None) or self._listed(endpoint, listing, edits), answer or AS_USUAL

    def _count_leg(self, endpoint: Endpoint, leg: Leg | None, asked: Mapping[str, str]) -> None:
        """What names no leg is counted by what it names."""
        names = (asked.get(name, "") for name in ("callRecordId", "uniqueId", "tag", "leg"))
        key = leg.key if leg else "/".join(name for name in names if name)
        self._system.counters.legs.setdefault(endpoint.name, Counter())[key] += 1

    def _instead(self, answer: Answer | None, leg: Leg | None) -> Reply | None:
        """The reply that a rule puts in place of the ordinary one, if it does."""
        if answer is None:
            return None
        status = answer.status or 200
        if answer.audio_bytes is not None:
            number = leg.number if leg else 0
            return sound(pcm_of_size(answer.audio_bytes, number, seed=self._system.scenario.seed), status)
        content = answer.content()
        if content is None and answer.status is None:
            return None
        return Reply(Body.of(content or b""), status=status)

    def _listed(self, endpoint: Endpoint, listing: Listing, edits: list[Edit]) -> Reply:
        entries: list[Entry | str] = list(listing.entries)
        for edit in edits:
            entries = edit.apply(entries)
        turn = self._system.counters.requests[endpoint.name]
        texts = [
            entry if isinstance(entry, str) else wire.turned(entry, turn + place) for place, entry in enumerate(entries)
        ]
        return Reply(Body.of(wire.bare_array(texts) if listing.bare else wire.entities(texts, turn)))


def _ids(leg: Leg | None) -> dict[str, str]:
    return {"callRecordId": leg.record_id, "uniqueId": leg.unique_id, "leg": leg.name} if leg else {}


async def _parameters(scope: Scope, receive: Receive) -> dict[str, str]:
    """From the query and, for form posts, from the body also; the query wins."""
    asked: dict[str, str] = {}
    headers = dict(scope["headers"])
    if headers.get(b"content-length", b"0") != b"0" and headers.get(b"content-type", b"").startswith(FORM.encode()):
        body = await Request(scope, receive).body()
        asked.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    asked.update(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return asked
