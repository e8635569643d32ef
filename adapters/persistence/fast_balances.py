"""The balances fold, short-cut: of each entry's bytes only the postings are read.

Equal to the fold in application/views/balances.py; a test holds the two against each other.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from adapters.persistence.codec import Codec
from adapters.persistence.envelope import Envelopes
from adapters.persistence.log_pages import StoredEvent
from application.ports.read_models import Rows
from application.views.balances import BOOK_STREAM
from application.views.rows import BalanceRow

ENTRY_POSTED = "ledger.entry_posted"
_SAME_POSTINGS_SINCE = 1
"""The first schema whose postings are read as today's are."""


class _Posting(msgspec.Struct, gc=False):
    account: str
    asset: str
    amount: Decimal


class _Data(msgspec.Struct, gc=False):
    postings: list[_Posting]


class _Entry(msgspec.Struct, gc=False):
    schema: int
    data: _Data


class FastBalances:
    """Folds stored entries into balances."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Entry).decode
        self._read_any = Envelopes().read
        self._newest = Codec().named(ENTRY_POSTED).schema

    def fold(self, rows: Rows, stored: StoredEvent) -> None:
        book_id = stored.stream.removeprefix(BOOK_STREAM)
        entry = self._decode(stored.state)
        known = _SAME_POSTINGS_SINCE <= entry.schema <= self._newest
        data = entry.data if known else self._read_any(stored.name, stored.state).data
        increase = rows.increase
        for posting in data.postings:
            increase(BalanceRow, (book_id, posting.account, posting.asset), posting.amount)
