"""How commands tell of the entries that they post."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.ledger.events import EntryPosted
from domain.money import text


def told(events: Iterable[object]) -> list[dict[str, Any]]:
    """The journal entries among the events; assets as they are stored."""
    return [
        {
            "entry_id": entry.entry_id,
            "kind": entry.kind,
            "reference": entry.reference,
            "postings": [
                {"account": leg.account, "asset": leg.asset, "amount": text(leg.amount)}
                for leg in entry.postings
            ],
        }
        for entry in events
        if isinstance(entry, EntryPosted)
    ]
