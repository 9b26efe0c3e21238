"""Noojee's API over HTTP, as the fault plan lets it answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from . import wire
from .asked import Asked, Refusal, User
from .body import Body
from .calls import Leg
from .endpoints import AnyEndpoint, AudioEndpoint, CallEndpoint, Endpoint, endpoints_of
from .faults import Answer, Edit, FaultPlan
from .phone_system import PhoneSystem
from .recording import pcm_of_size
from .recordings import audio, other_audio
from .reply import Reply, deliver, not_found, sound
from .wire import Entry, Listing

FORM = b"application/x-www-form-urlencoded"
AS_USUAL = Answer()


class Api:
    """An ASGI application. It runs in one event loop, so nothing in it needs a lock."""

    def __init__(self, system: PhoneSystem, plan: FaultPlan) -> None:
        self._system = system
        self._plan = plan
        self._endpoints = endpoints_of(system.scenario.dialect)
        self._under_way: Counter[bool] = Counter()  # for audio or not -> requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await deliver(not_found(), AS_USUAL, self._system.clock.now(), receive, send)
            return
        with self._counted(endpoint):
            asked = replace(await _asked(scope, receive), capitalised=endpoint.capitalised)
            try:
                reply, manner = await self._reply(endpoint, scope["method"], asked)
            except Refusal as refusal:
                reply, manner = refusal.reply, AS_USUAL
            self._system.counters.statuses.setdefault(endpoint.name, Counter())[str(reply.status)] += 1
            await deliver(reply, manner, self._system.clock.now(), receive, send)

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

    async def _reply(self, endpoint: AnyEndpoint, method: str, asked: Asked) -> tuple[Reply, Answer]:
        if method not in endpoint.methods:
            write = wire.capitalised if endpoint.capitalised else wire.failure
            allow = {"allow": ", ".join(endpoint.methods)}
            raise Refusal(Reply(Body.of(write(-1, f"{method} is not allowed")), status=405, headers=allow))
        if not (isinstance(endpoint, CallEndpoint) and endpoint.free):
            asked = replace(asked, who=self._admitted(endpoint, asked))
        if isinstance(endpoint, AudioEndpoint):
            return self._audio(endpoint, asked)
        if isinstance(endpoint, CallEndpoint):
            return await self._done(endpoint, asked)
        listing = endpoint.list(self._system, asked)
        answer, edits = self._ruled(endpoint, asked, asked.parameters)
        return self._instead(answer, None) or self._listed(endpoint, listing, edits), answer or AS_USUAL

    def _admitted(self, endpoint: Endpoint, asked: Asked) -> User | None:
        return self._system.keys.admit(asked.parameters, campaign=endpoint.campaign, capitalised=endpoint.capitalised)

    def _ruled(self, endpoint: Endpoint, asked: Asked, facts: Mapping[str, str]) -> tuple[Answer | None, list[Edit]]:
        """What the fault plan says to a request; it may end with the key."""
        answer, edits = self._plan.serve(endpoint.name, facts)
        if answer is not None and answer.revoke_key:
            self._system.keys.revoke()
            self._admitted(endpoint, asked)
        return answer, edits

    def _audio(self, endpoint: AudioEndpoint, asked: Asked) -> tuple[Reply, Answer]:
        name = asked.get(endpoint.leg) if endpoint.leg in asked else None
        leg = endpoint.find(self._system, asked.text(endpoint.by), name)
        # what names no leg is counted by what it names
        key = leg.key if leg else "/".join(filter(None, (asked.get(endpoint.by), name)))
        self._system.counters.legs.setdefault(endpoint.name, Counter())[key] += 1
        answer, _ = self._ruled(endpoint, asked, {**asked.parameters, **_ids(leg)})
        return self._instead(answer, leg) or audio(self._system, leg), answer or AS_USUAL

    async def _done(self, endpoint: CallEndpoint, asked: Asked) -> tuple[Reply, Answer]:
        """What changes something is done first, unless the rule says ``before_change``."""
        answer, _ = self._ruled(endpoint, asked, asked.facts())
        instead = self._instead(answer, None)
        if answer is not None and (answer.before_change or not endpoint.changes) and (instead or answer.before_change):
            return instead or Reply(Body.of(wire.failure(0, "OK"))), answer
        try:
            reply = await endpoint.do(self._system, asked)
        except Refusal as refusal:
            reply = refusal.reply
        return instead or reply, answer or AS_USUAL

    def _instead(self, answer: Answer | None, leg: Leg | None) -> Reply | None:
        """The reply that a rule puts in place of the ordinary one, if it does."""
        if answer is None or not answer.speaks:
            return None
        status = answer.status or 200
        if answer.audio_bytes is not None:
            number = leg.number if leg else 0
            return sound(pcm_of_size(answer.audio_bytes, number, seed=self._system.scenario.seed), status)
        if answer.other_audio is not None:
            return other_audio(self._system, leg, answer.other_audio.version, answer.other_audio.seconds)
        return Reply(Body.of(answer.content() or b""), status=status)

    def _listed(self, endpoint: Endpoint, listing: Listing, edits: list[Edit]) -> Reply:
        entries: list[Entry | str] = list(listing.entries)
        for edit in edits:
            entries = edit.apply(entries)
        turn = self._system.counters.requests[endpoint.name]
        texts = [
            entry if isinstance(entry, str) else wire.turned(entry, turn + place) for place, entry in enumerate(entries)
        ]
        return Reply(Body.of(wire.bare_array(texts) if listing.bare else wire.entities(texts, turn, listing.kind)))


def _ids(leg: Leg | None) -> dict[str, str]:
    return {"callRecordId": leg.record_id, "uniqueId": leg.unique_id, "leg": leg.name} if leg else {}


async def _asked(scope: Scope, receive: Receive) -> Asked:
    """Parameters come from the query and, for form posts, from the body also; the query wins."""
    parameters: dict[str, str] = {}
    headers = dict(scope["headers"])
    body = b""
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        body = await Request(scope, receive).body()
    if headers.get(b"content-type", b"").startswith(FORM):
        parameters.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        body = b""
    parameters.update(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Asked(parameters, body)
