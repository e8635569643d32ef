"""One module a format: each says by which columns it is known, and reads one row."""

from __future__ import annotations

from adapters.venue_statements.formats import (
    binance,
    bittytax,
    coinbase,
    coinbase_pro,
    coinbase_wallet,
    gemini,
    opening,
)
from adapters.venue_statements.formats.base import TableFormat

TABLES: tuple[TableFormat, ...] = (
    binance.FORMAT,
    coinbase.FORMAT,
    coinbase_wallet.FORMAT,
    coinbase_pro.FORMAT,
    gemini.FORMAT,
    bittytax.FORMAT,
    opening.FORMAT,
)
