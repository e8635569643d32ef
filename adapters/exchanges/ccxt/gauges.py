"""What is known of the connection to a venue: its clock, what its rate limit has left, prices in dollars."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.market_data import CcxtMarketView
from adapters.exchanges.ccxt.problems import RequestFailed
from application.ports.market_view import MarketDataUnavailable

DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "DAI", "TUSD", "PYUSD", "GUSD"})
"""Counted as one dollar each."""

_QUOTES = ("USDT", "USDC", "USD")
_SHARE = Decimal("0.0001")


class CcxtGauges:
    """As VenueGauges, of one venue; None: it could not be asked."""

    def __init__(self, connection: VenueConnection) -> None:
        self._venue, self._market = connection, CcxtMarketView(connection)

    def clock_offset_ms(self) -> Decimal | None:
        if not self._is_there():
            return None
        return Decimal(round(self._venue.clock.offset.ms))

    def rate_budget_left(self) -> Decimal | None:
        if not self._is_there():
            return None
        return max(Decimal(0), Decimal(str(self._venue.run(self._left()))).quantize(_SHARE))

    def usd_price(self, asset: str) -> Decimal | None:
        if asset in DOLLARS:
            return Decimal(1)
        for quote in _QUOTES:
            with suppress(MarketDataUnavailable):
                last = self._market.ticker(f"{asset}/{quote}").last
                if last is not None:
                    return last
        return None

    async def _left(self) -> float:
        """On the venue's loop, where the budget is used."""
        return self._venue.asker.budget.left

    def _is_there(self) -> bool:
        try:
            self._venue.run(self._venue.public())
        except RequestFailed:
            return False
        return self._venue.clock.was_measured
