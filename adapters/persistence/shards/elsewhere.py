"""Streams of other shards, as commands of one shard may read them: the platform's, its pooled
venue accounts', and accounts.

What a command writes, and what its money rests on, is its owner's and so on its own shard, where the append
checks every version. Of the others it may only know how they stood a moment ago: at most 200 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from adapters.persistence.envelope import Envelopes
from adapters.persistence.recorders.base import Reader, Recorder
from adapters.persistence.snapshots import Loaded, load
from adapters.persistence.states import States
from application.sharding import shard_of
from application.streams import PLATFORM
from domain.venue_accounts.venue_account import POOLED_PREFIX

AT_MOST_S = 0.2
_KEPT = 10_000


class ForeignStream(Exception):
    """A command would write to a stream of another shard: it was sent to the wrong one. A fault of ours."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"{stream} is on another shard")


class Elsewhere:
    """Reads other shards for one. Errors: StoreUnavailable; then the command that asks may be sent again."""

    def __init__(
        self, shard: int, readers: Sequence[Reader], *, now: Callable[[], float] = monotonic
    ) -> None:
        """`readers` by shard, its own among them; they may be filled in later."""
        self._shard, self._readers, self._now = shard, readers, now
        self._envelopes = Envelopes()
        self._known: dict[str, tuple[float, Loaded]] = {}

    def has(self, stream: str) -> bool:
        """Whether it is on another shard. Books, bots, orders and transfers are looked for here only."""
        return self._home(stream) != self._shard

    def get(self, stream: str) -> Loaded:
        """As it stood at most 200 ms ago."""
        now = self._now()
        known = self._known.get(stream)
        if known is None or now - known[0] >= AT_MOST_S:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = now, load(stream, self._readers[self._home(stream)], self._envelopes)
            self._known[stream] = known
        return known[1]

    def _home(self, stream: str) -> int:
        kind, _, name = stream.partition(":")
        if stream == PLATFORM or (kind == "venue_account" and name.startswith(POOLED_PREFIX)):
            return 0
        return shard_of(name, len(self._readers)) if kind == "account" else self._shard


class ShardStates(States):
    """States of the writer of one shard of several."""

    def __init__(self, recorder: Recorder, envelopes: Envelopes, elsewhere: Elsewhere) -> None:
        super().__init__(recorder, envelopes)
        self._elsewhere = elsewhere

    def get(self, stream: str) -> Loaded:
        return self._elsewhere.get(stream) if self._elsewhere.has(stream) else super().get(stream)

    def expected(self, read: Mapping[str, Loaded], changed: Mapping[str, Loaded]) -> dict[str, int]:
        """Raises ForeignStream."""
        for stream in changed:
            if self._elsewhere.has(stream):
                raise ForeignStream(stream)
        return {s: loaded.version for s, loaded in read.items() if not self._elsewhere.has(s)}
