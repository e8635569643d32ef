"""Each shard is sealed for itself: there is no tree over several, and so nothing to ask about all of them."""

from __future__ import annotations

from typing import NoReturn

from application.ports.event_log import OneShardOnly


class OfNoShard:
    """Stands where one shard's own part would: whatever it is asked, it says whom to ask (OneShardOnly)."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise OneShardOnly(what=self._what)
