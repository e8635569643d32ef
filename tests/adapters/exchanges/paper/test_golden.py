"""One strategy over 5,760 real candles ends at the cent where the reference loop and four engines end."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.exchanges.paper.matching import EPOCH
from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.ports.exchange import OrderRequest
from application.ports.paper_accounts import (
    CLOSE,
    FEE_IN_QUOTE,
    FEE_IN_RECEIVED,
    NEXT_OPEN,
    PaperTerms,
    VenueDeposit,
)
from domain.market import Candle
from domain.money import Money
from domain.orders.events import OrderTerms
from domain.strategies.ema_crossover import EmaCrossover
from tests.shared_data import shared

ACCOUNT, SYMBOL, FIVE_MINUTES = "golden", "ETH/USDT", 300_000
TOLERANCE = Decimal("0.00001")


@pytest.fixture(scope="module")
def candles() -> list[Candle]:
    """ETH/BTC of January 2018 as the peers' benchmark scales it: prices × 10,000, volumes × 1,000,000."""
    with gzip.open(shared("candles/bittrex_ETHBTC_5m_2018-01.csv.gz"), "rt") as file:
        return [_scaled(row) for row in csv.DictReader(file)]


def _scaled(row: dict[str, str]) -> Candle:
    first, high, low, last = (
        Decimal(f"{round(float(row[name]) * 10_000, 4):.4f}") for name in ("open", "high", "low", "close")
    )
    volume = Decimal(round(float(row["volume"]) * 1_000_000))
    return Candle(
        int(row["timestamp_ms"]), first, max(high, first, last), min(low, first, last), last, volume
    )


@dataclass
class Trader:
    """All in, all out, on the strategy's signals; no ledger, no log, only the venue."""

    venue: PaperExchange
    orders: int = 0

    def run(self, candles: list[Candle]) -> None:
        strategy = EmaCrossover()
        for candle in candles:
            self.venue.show("bittrex", SYMBOL, "5m", candle)
            signal = strategy.on_candle(candle, in_position=self.free("ETH") > 0)
            if signal is not None:
                self.send(signal.side, candle)

    def send(self, side: str, candle: Candle) -> None:
        self.orders += 1
        self.venue.submit(
            OrderRequest(
                client_order_id=f"order-{self.orders}",
                venue_account=ACCOUNT,
                terms=OrderTerms(
                    symbol=SYMBOL,
                    side=side,
                    order_type="market",
                    quote_budget=self.free("USDT") if side == "buy" else None,
                    base_quantity=self.free("ETH") if side == "sell" else None,
                ),
                sent_at_utc=EPOCH + timedelta(milliseconds=candle.open_time_ms + FIVE_MINUTES),
            )
        )

    def free(self, asset: str) -> Decimal:
        return self.venue.account(ACCOUNT).free.get(asset, Decimal(0))

    def equity(self, price: Decimal) -> Decimal:
        account = self.venue.account(ACCOUNT)
        total = {asset: account.free[asset] + account.locked[asset] for asset in account.free}
        return total["USDT"] + total["ETH"] * price

    def closed_trades(self) -> int:
        reports = [self.venue.report(ACCOUNT, SYMBOL, f"order-{n}") for n in range(2, self.orders + 1, 2)]
        return sum(report.status == "filled" for report in reports)


@pytest.mark.parametrize(
    ("convention", "fee_asset", "close_at_end", "equity", "trades"),
    [
        (NEXT_OPEN, FEE_IN_QUOTE, False, "6989.553217", 117),
        (CLOSE, FEE_IN_QUOTE, False, "5926.272084", 117),
        (CLOSE, FEE_IN_RECEIVED, True, "5919.647252", 118),
    ],
)
def test_the_reference_s_final_equity_to_the_cent(
    candles: list[Candle], convention: str, fee_asset: str, close_at_end: bool, equity: str, trades: int
) -> None:
    venue = PaperExchange(MemoryPaperStore())
    venue.open_account(ACCOUNT, PaperTerms(fill_convention=convention, fee_asset=fee_asset))
    venue.deposit([VenueDeposit(ACCOUNT, "cash", Money(Decimal(10_000), "USDT"))])
    trader = Trader(venue)

    trader.run(candles)
    if close_at_end and trader.free("ETH"):
        trader.send("sell", candles[-1])

    assert len(candles) == 5760
    assert abs(trader.equity(candles[-1].close) - Decimal(equity)) < TOLERANCE
    assert trader.closed_trades() == trades
