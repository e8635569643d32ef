"""Paper venues on every store, and short words for candles and orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from adapters.exchanges.paper.matching import EPOCH
from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.database import open_database
from adapters.persistence.paper_store import SqlPaperStore
from adapters.persistence.paper_tables import metadata
from application.ports.exchange import OrderReport, OrderRequest
from application.ports.paper_accounts import PaperTerms, VenueDeposit
from application.ports.paper_store import PaperStore
from domain.market import Candle
from domain.money import Money
from domain.orders.events import OrderTerms

ACCOUNT, SYMBOL, SOURCE, INTERVAL = "book-1", "BTC/USDT", "binance", "1m"
MINUTE = 60_000
FREE_OF_CHARGE = PaperTerms(maker_fee_rate=Decimal(0), taker_fee_rate=Decimal(0))


@contextmanager
def open_store(kind: str, tmp_path: Path, postgres_url: str = "") -> Iterator[PaperStore]:
    """An empty store: memory, sqlite or postgresql."""
    if kind == "memory":
        yield MemoryPaperStore()
        return
    url = postgres_url if kind == "postgresql" else f"sqlite:///{tmp_path}/paper.db"
    with open_database(url, check_schema=False) as database:
        with database.transaction() as connection:
            metadata.create_all(connection)
        yield SqlPaperStore(database)


def at(minute: int) -> datetime:
    """The moment at which a minute begins and the candle before it closes."""
    return EPOCH + timedelta(minutes=minute)


def candle(
    minute: int, open: str, close: str = "", *, low: str = "", high: str = "", volume: str = "1000"
) -> Candle:
    """The candle that opens at that minute; it goes straight from open to close unless said otherwise."""
    first, last = Decimal(open), Decimal(close or open)
    return Candle(
        minute * MINUTE,
        first,
        Decimal(high) if high else max(first, last),
        Decimal(low) if low else min(first, last),
        last,
        Decimal(volume),
    )


def market_buy(budget: str) -> OrderTerms:
    return OrderTerms(symbol=SYMBOL, side="buy", order_type="market", quote_budget=Decimal(budget))


def market_sell(quantity: str) -> OrderTerms:
    return OrderTerms(symbol=SYMBOL, side="sell", order_type="market", base_quantity=Decimal(quantity))


def limit_buy(quantity: str, price: str) -> OrderTerms:
    return replace(limit_sell(quantity, price), side="buy")


def limit_sell(quantity: str, price: str) -> OrderTerms:
    return OrderTerms(
        symbol=SYMBOL,
        side="sell",
        order_type="limit",
        base_quantity=Decimal(quantity),
        limit_price=Decimal(price),
    )


def request(
    terms: OrderTerms, order_id: str = "o-1", *, minute: int = 1, account: str = ACCOUNT
) -> OrderRequest:
    """Sent when that minute begins."""
    return OrderRequest(client_order_id=order_id, venue_account=account, terms=terms, sent_at_utc=at(minute))


def funded(
    terms: PaperTerms | None = None, *, store: PaperStore | None = None, usdt: str = "1000", btc: str = ""
) -> PaperExchange:
    """A venue with one account that has that much."""
    venue = PaperExchange(store or MemoryPaperStore())
    venue.open_account(ACCOUNT, terms or PaperTerms())
    for asset, amount in (("USDT", usdt), ("BTC", btc)):
        if amount:
            venue.deposit([VenueDeposit(ACCOUNT, f"deposit-{asset}", Money(Decimal(amount), asset))])
    return venue


def show(venue: PaperExchange, *candles: Candle) -> None:
    for each in candles:
        venue.show(SOURCE, SYMBOL, INTERVAL, each)


def report(venue: PaperExchange, order_id: str = "o-1") -> OrderReport:
    return venue.report(ACCOUNT, SYMBOL, order_id)


def balances(venue: PaperExchange) -> dict[str, tuple[str, str]]:
    """Free and locked by asset, as plain text; assets of which there is nothing are left out."""
    account = venue.account(ACCOUNT)
    return {
        asset: (f"{account.free[asset].normalize():f}", f"{account.locked[asset].normalize():f}")
        for asset in sorted(account.free)
        if account.free[asset] or account.locked[asset]
    }


def fills(venue: PaperExchange, order_id: str = "o-1") -> list[tuple[str, str, str]]:
    """Quantity, price and fee of every fill."""
    return [
        (
            f"{fill.base_quantity.normalize():f}",
            f"{fill.price_quote_per_base.normalize():f}",
            f"{fill.fee.amount.normalize():f} {fill.fee.asset}",
        )
        for fill in report(venue, order_id).fills
    ]
