"""Which shard an owner is on (design §5, adr 0025)."""

from __future__ import annotations

from hashlib import sha256


def shard_of(owner_id: str, shards: int) -> int:
    """The shard of all streams of an owner: the first eight bytes of SHA-256(id), big-endian, mod K.

    For ever: where an owner's streams are is written nowhere else.
    """
    return int.from_bytes(sha256(owner_id.encode()).digest()[:8], "big") % shards
