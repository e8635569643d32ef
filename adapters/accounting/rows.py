"""The tables' rows: one a leg."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from adapters.accounting.names import Chart
from application.queries.asset_codes import shown_asset
from application.queries.journal import JournalEntry
from domain.money import text


class Row(NamedTuple):
    """One leg of an entry, with the entry. Names are ours but `journal_account` and `commodity`."""

    position: str
    leg: int  # from 1
    recorded_at: datetime
    effective_at: datetime
    book: str
    owner: str
    purse: str
    entry: str
    kind: str
    reference: str
    reverses: str  # of a reversal: the entry that it takes back
    reason: str
    venue_fee: str  # on an entry's first leg, so that a column can be summed
    venue_fee_asset: str
    account: str
    asset: str
    amount: str
    journal_account: str
    commodity: str
    metadata: str  # a JSON object, keys in order; none where there is nothing


def rows_of(entry: JournalEntry, chart: Chart) -> Iterator[Row]:
    charged = entry.venue_fee
    for number, leg in enumerate(entry.postings, start=1):
        first = charged if number == 1 else None
        yield Row(
            str(entry.position),
            number,
            entry.recorded_at_utc,
            entry.effective_at_utc,
            entry.book_id,
            entry.owner_id,
            entry.purse,
            entry.entry_id,
            entry.kind,
            entry.reference,
            entry.reverses,
            entry.reason,
            text(first.amount) if first else "",
            shown_asset(first.asset, entry.purse) if first else "",
            leg.account,
            shown_asset(leg.asset, entry.purse),
            text(leg.amount),
            chart.account(entry.purse, entry.book_id, leg.account).name,
            chart.commodity(entry.purse, leg.asset),
            json.dumps(dict(entry.metadata), ensure_ascii=False) if entry.metadata else "",
        )
