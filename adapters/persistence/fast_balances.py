"""The balances fold, short-cut: of each entry's bytes only the postings are read, sums are kept in a dict.

Equal to the fold in application/views/balances.py; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

import msgspec

from adapters.persistence.codec import Codec
from adapters.persistence.envelope import Envelopes
from adapters.persistence.log_pages import StoredEvent
from adapters.persistence.row_store import StoredRows
from application.views.balances import BOOK_STREAM
from application.views.rows import BalanceRow
from domain.money import EXACT, ZERO, add

ENTRY_POSTED = "ledger.entry_posted"


class _Posting(msgspec.Struct, gc=False):
    account: str
    asset: str
    amount: Decimal


class _Data(msgspec.Struct, gc=False):
    postings: list[_Posting]


class _Entry(msgspec.Struct, gc=False):
    schema: int
    data: _Data


class Leg(Protocol):
    """A posting, of the domain or of the short cut."""

    @property
    def account(self) -> str: ...
    @property
    def asset(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...


class FastBalances:
    """Sums of postings by book, account and asset, on top of what the rows hold."""

    def __init__(self, rows: StoredRows) -> None:
        self._rows = rows
        self._sums: dict[tuple[str, str, str], Decimal] = {}
        self._decode = msgspec.json.Decoder(_Entry).decode
        self._read_any = Envelopes().read
        self._schema = Codec().named(ENTRY_POSTED).schema

    def add(self, stored: StoredEvent) -> None:
        """Add a stored entry's legs."""
        entry = self._decode(stored.state)
        if entry.schema == self._schema:
            self.add_postings(stored.stream, entry.data.postings)
        else:
            self.add_postings(stored.stream, self._read_any(stored.name, stored.state).data.postings)

    def add_postings(self, stream: str, postings: Iterable[Leg]) -> None:
        book_id = stream.removeprefix(BOOK_STREAM)
        sums, plus = self._sums, EXACT.add
        for posting in postings:
            key = (book_id, posting.account, posting.asset)
            sums[key] = plus(sums[key], posting.amount) if key in sums else posting.amount

    def size(self) -> int:
        return len(self._sums)

    def flush(self) -> None:
        """Bring the sums into the rows (which are then to be flushed too)."""
        self._rows.prefetch(BalanceRow, self._sums)
        for key, summed in self._sums.items():
            row = self._rows.get(BalanceRow, *key)
            amount = add(row.amount if row else ZERO, summed)
            if amount:
                book_id, account, asset = key
                self._rows.put(BalanceRow(book_id=book_id, account=account, asset=asset, amount=amount))
            elif row:
                self._rows.delete(BalanceRow, *key)
        self._sums.clear()
