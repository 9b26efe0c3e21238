"""Facts: what the journal's events say, each under a key of its own.

What is said of one leg or call is merged under these keys (audio by digest, what a view told by view and digest,
conclusions and decisions by event id); where one key comes twice the earlier (time, event id, segment) stays, with all
that both supersede. So what is known depends neither on order nor on repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    Event,
    LegAppraised,
    LegSeen,
)

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Fact(Generic[E]):
    """An event and the segment that names it. ``last_*``: the latest event that said the same, and its segment.

    Who supersedes a fact names its ``last_event_id``: what is said again after that is in force again.
    """

    event: E
    segment: str
    last_time: datetime
    last_event_id: str
    last_segment: str

    @classmethod
    def of(cls, event: E, segment: str) -> Fact[E]:
        return cls(event, segment, event.time, event.event_id, segment)

    @property
    def key(self) -> str:
        return fact_key(self.event)

    @property
    def first(self) -> tuple[datetime, str, str]:
        return self.event.time, self.event.event_id, self.segment

    @property
    def last(self) -> tuple[datetime, str, str]:
        return self.last_time, self.last_event_id, self.last_segment

    def merged(self, other: Fact[E]) -> Fact[E]:
        """One fact for both: the earlier event, the later last sighting, and what any of them supersedes."""
        first = self if self.first <= other.first else other
        event, superseded = first.event, {*self.event.supersedes, *other.event.supersedes}
        if superseded != set(event.supersedes):
            event = replace(event, supersedes=tuple(sorted(superseded)))
        return Fact(event, first.segment, *max(self.last, other.last))


Facts = dict[str, Fact[E]]


def fact_key(event: Event) -> str:
    """The key under which a fact is merged, unique among the facts of its object and kind."""
    if isinstance(event, AudioStored):
        return event.content_sha256
    if isinstance(event, LegSeen | CallSeen) and event.digest is not None:
        return f"{event.view}:{event.digest}"
    return event.event_id


def put_fact(facts: Facts[E], fact: Fact[E]) -> Fact[E] | None:
    """Merge a fact in. Gives what is now kept under its key, or ``None`` when that did not change."""
    key = fact.key
    known = facts.get(key)
    merged = fact if known is None else known.merged(fact)
    if merged == known:
        return None
    facts[key] = merged
    return merged


@dataclass(slots=True)
class LegFacts:
    """All that the journal says of one leg."""

    seen: Facts[LegSeen] = field(default_factory=dict)
    stored: Facts[AudioStored] = field(default_factory=dict)
    not_stored: Facts[AudioNotStored] = field(default_factory=dict)
    appraised: Facts[LegAppraised] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        for facts in (self.seen, self.stored, self.not_stored, self.appraised):
            for fact in facts.values():
                yield fact.event


@dataclass(slots=True)
class CallFacts:
    """All that the journal says of one call record."""

    seen: Facts[CallSeen] = field(default_factory=dict)
    appraised: Facts[CallAppraised] = field(default_factory=dict)
