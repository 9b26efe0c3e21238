"""The program broken on purpose, in the process of a run alone: what a crash test must notice."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from noojee_ingest.journal.events import AudioStored
from noojee_ingest.pipeline import archive, record, recover, store
from noojee_ingest.storage.root import RootName, Stored
from noojee_ingest.storage.staging import Staging


def journal_before_audio() -> None:
    """A recording is put only once its segment is applied."""
    waiting: list[Callable[[], Any]] = []
    put, recording = store.create_or_adopt, archive.record

    def later(root: Any, key: str, body: Any, *, sha256: str, metadata: Any) -> Stored:
        if root.name is not RootName.ARCHIVE:
            return put(root, key, body, sha256=sha256, metadata=metadata)
        body.seek(0)
        data = body.read()
        waiting.append(lambda: put(root, key, io.BytesIO(data), sha256=sha256, metadata=metadata))
        return Stored(root.name, "", key, len(data), sha256, "sha256-full-object", "", metadata)

    def recorded(work: Any, events: Sequence[Any]) -> None:
        recording(work, events)
        while waiting:
            waiting.pop()()

    _replace(store, "create_or_adopt", later)
    _replace(archive, "record", recorded)


def some_forgotten() -> None:
    """Of each batch one recording is never journalled."""
    recording = archive.record

    def recorded(work: Any, events: Sequence[Any]) -> None:
        stored = [event for event in events if isinstance(event, AudioStored)]
        recording(work, [event for event in events if event not in stored[-1:]])

    _replace(archive, "record", recorded)
    nothing_adopted()


def keys_by_chance() -> None:
    """A recording has another key each time that it is stored."""
    named = store.audio_key

    def by_chance(*given: Any) -> str:
        path, _, name = named(*given).rpartition("/")
        leg_id, _, rest = name.partition("-")
        return f"{path}/{leg_id}-{secrets.token_hex(2)}{rest[4:]}"

    _replace(store, "audio_key", by_chance)
    nothing_adopted()


def nothing_held_back() -> None:
    """The rules of evidence first are not asked."""
    _replace(archive, "held_back", lambda *_: {})


def nothing_announced() -> None:
    """A segment is put that nobody was told of."""
    _replace(record, "open_segment", lambda *_: None)


def nothing_adopted() -> None:
    """What is in the store and in no segment is nobody's."""
    _replace(recover, "audio_in", lambda _: None)


def nothing_applied_late() -> None:
    """A segment that was put and not applied stays so."""
    _replace(recover, "apply", lambda *_: False)


def nothing_swept() -> None:
    """Temporary files of dead writers stay."""
    _replace(Staging, "_sweep", lambda _: None)


def all_swept() -> None:
    """Temporary files of living writers go too."""

    def sweep(self: Staging) -> None:
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink(missing_ok=True)

    _replace(Staging, "_sweep", sweep)


def _replace(owner: Any, name: str, broken: Any) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no {name} any more: a mutant has to be written anew")
    setattr(owner, name, broken)


MUTANTS = {
    mutant.__name__: mutant
    for mutant in (
        journal_before_audio,
        some_forgotten,
        keys_by_chance,
        nothing_held_back,
        nothing_announced,
        nothing_adopted,
        nothing_applied_late,
        nothing_swept,
        all_swept,
    )
}
