"""What this process has just committed, for its own sealer: the hashes are known, so nothing is read back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

ROOM = 100_000
"""Leaves that are kept for a sealer that does not come: some megabytes. More are the log's to tell."""


class FreshLeaves:
    """Leaf hashes by log id, as commits handed them over (adr 0027).

    Ids are drawn in commit order, so between an id and the next number nothing will ever stand, whoever
    writes. Where a number is missing, another process's, drawn in vain or forgotten, this has nothing to say.
    One thread commits; any may take.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._coming: deque[tuple[Sequence[int], Sequence[bytes]]] = deque()
        self._kept: deque[tuple[int, bytes]] = deque()
        self._taking = threading.Lock()  # never waited for by who commits
        self._came = self._left = 0

    def committed(self, ids: Sequence[int], leaves: Sequence[bytes]) -> None:
        """These events are in the log now, in this order."""
        if self._came - self._left < self._room:
            self._came += len(ids)
            self._coming.append((ids, leaves))

    def following(self, last_id: int, limit: int) -> tuple[list[int], list[bytes]]:
        """At most so many that stand right after an id, without a gap: ids and leaves. Earlier ones, which
        are sealed, are forgotten."""
        with self._taking:
            while self._coming:
                self._kept.extend(zip(*self._coming.popleft(), strict=True))
            while self._kept and self._kept[0][0] <= last_id:
                self._kept.popleft()
                self._left += 1
            ids: list[int] = []
            leaves: list[bytes] = []
            for id, leaf in self._kept:
                last_id += 1
                if id != last_id or len(ids) == limit:
                    break
                ids.append(id)
                leaves.append(leaf)
            return ids, leaves
