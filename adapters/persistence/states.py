"""The writer's cache of states, and what one batch makes of them before it is committed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from adapters.persistence.envelope import Envelopes
from adapters.persistence.recorders.base import Recorder, Row
from adapters.persistence.snapshots import Loaded, fold, follows, load
from application.work import Versioned

CAPACITY = 20_000
"""Streams whose states are kept."""


class States:
    """Committed states of the streams used last; one thread changes it, any may peek."""

    def __init__(self, recorder: Recorder, envelopes: Envelopes, *, capacity: int = CAPACITY) -> None:
        self._recorder, self._envelopes, self._capacity = recorder, envelopes, capacity
        self._known: OrderedDict[str, Loaded] = OrderedDict()

    def peek(self, stream: str) -> Loaded | None:
        return self._known.get(stream)

    def get(self, stream: str) -> Loaded:
        """The cached state, or the stored one. Raises StoreUnavailable."""
        loaded = self._known.get(stream)
        if loaded is None:
            loaded = load(stream, self._recorder, self._envelopes)
            self.put(stream, loaded)
        else:
            self._known.move_to_end(stream)
        return loaded

    def put(self, stream: str, loaded: Loaded) -> None:
        self._known[stream] = loaded
        self._known.move_to_end(stream)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def expected(self, read: Mapping[str, Loaded], changed: Mapping[str, Loaded]) -> dict[str, int]:  # noqa: ARG002
        """The versions at which the append must find the streams that were read."""
        return {stream: loaded.version for stream, loaded in read.items()}

    def evict(self, streams: Iterable[str]) -> None:
        for stream in streams:
            self._known.pop(stream, None)

    def refresh(self, streams: Iterable[str]) -> None:
        """Fold in what others appended to these streams, by one query; what does not fit is dropped."""
        cached = {stream: self._known[stream] for stream in streams if stream in self._known}
        newer: dict[str, list[Row]] = {}
        for row in self._recorder.newer({stream: loaded.version for stream, loaded in cached.items()}):
            newer.setdefault(row.stream, []).append(row)
        for stream, rows in newer.items():
            if follows(cached[stream], rows, self._envelopes):
                self._known[stream] = fold(cached[stream], rows, self._envelopes)
            else:
                self.evict((stream,))


class Overlay:
    """States as one batch sees them: as it found them, and on top what its own commands have decided."""

    def __init__(self, states: States, below: Overlay | None = None) -> None:
        self._states, self._below = states, below.changed if below is not None else {}
        self.base: dict[str, Loaded] = {}  # as found, of every stream read or written: committed, or about to
        self.changed: dict[str, Loaded] = {}

    def get(self, stream: str) -> Loaded:
        loaded = self.changed.get(stream) or self.base.get(stream)
        if loaded is None:
            loaded = self.base[stream] = self._below.get(stream) or self._states.get(stream)
        return loaded

    def load(self, stream: str) -> Versioned:
        """What a command's Work reads."""
        loaded = self.get(stream)
        return Versioned(loaded.version, loaded.state)
