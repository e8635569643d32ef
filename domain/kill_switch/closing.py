"""The ids of the orders with which a kill switch sells what a bot holds."""

from __future__ import annotations

import hashlib

_PREFIX = "kc"


def closing_order_id(switch_id: str, bot_id: str, attempt: int, *, epoch: int) -> str:
    """Derived, so that a process that begins again finds its order; as long as every other client order id.

    `attempt` counts from 0: one that ended without selling all is followed by another.
    """
    seed = f"{epoch}|{switch_id}|{bot_id}|{attempt}"
    prefix = f"{_PREFIX}{epoch}-"
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[: 32 - len(prefix)]


def is_closing(client_order_id: str) -> bool:
    """Whether an order is a kill switch's: it trades although all else is stopped, and only ever reduces."""
    return client_order_id.startswith(_PREFIX)
