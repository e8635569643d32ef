"""What the paper venue refuses, as a real venue would, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from application.ports.exchange import VenueRefused
from application.ports.paper_accounts import PaperTerms
from domain.orders.events import OrderTerms
from tests.adapters.exchanges.paper.venues import (
    balances,
    candle,
    funded,
    limit_buy,
    limit_sell,
    market_buy,
    market_sell,
    request,
    show,
)

FILTERS = PaperTerms(
    tick_size=Decimal("0.5"),
    lot_size=Decimal("0.1"),
    min_notional=Decimal(10),
    base_scale=4,
    quote_scale=2,
    taker_fee_rate=Decimal("0.01"),
)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (market_buy("1000.01"), "insufficient balance: needs 1000.01 USDT, free 1000 USDT"),
        (market_buy("9.99"), "worth 9.99, the least notional is 10"),
        (market_buy("0"), "needs a quote_budget above zero"),
        (market_buy("-5"), "needs a quote_budget above zero"),
        (market_buy("1E+18"), "at most 18 digits"),
        (market_buy("NaN"), "at most 18 digits"),
        (market_sell("1.05"), "quantity 1.05 is not a multiple of the lot 0.1"),
        (market_sell("0.1"), "worth 5, the least notional is 10"),
        (market_sell("5"), "insufficient balance: needs 5 BTC, free 2 BTC"),
        (limit_buy("1", "50.2"), "price 50.2 is not a multiple of the tick 0.5"),
        (limit_buy("20", "50"), "insufficient balance: needs 1010 USDT, free 1000 USDT"),
        (limit_sell("1", "-1"), "limit_price must be above zero"),
        (limit_sell("-1", "50"), "needs a base_quantity above zero"),
        (replace(limit_sell("1", "50"), time_in_force="FOK"), "time in force 'FOK' is not offered, GTC is"),
        (replace(limit_sell("1", "50"), symbol="BTCUSDT"), "not listed"),
        (replace(limit_sell("1", "50"), side="short"), "neither buy nor sell"),
        (
            replace(limit_sell("1", "50"), order_type="stop_limit", trigger_price=Decimal(60)),
            "order type 'stop_limit' is not offered, market and limit are",
        ),
        (replace(market_buy("10"), base_quantity=Decimal(1)), "takes no base_quantity"),
    ],
)
def test_an_order_that_a_venue_would_refuse(terms: OrderTerms, reason: str) -> None:
    venue = funded(FILTERS, btc="2")
    show(venue, candle(0, "50"))

    with pytest.raises(VenueRefused, match=reason):
        venue.submit(request(terms))

    assert balances(venue) == {"BTC": ("2", "0"), "USDT": ("1000", "0")}
    assert venue.open_orders("book-1") == []


@pytest.mark.parametrize("order_id", ["", "x" * 65, "ord er", "ördér"])
def test_a_client_order_id_is_short_and_plain(order_id: str) -> None:
    with pytest.raises(VenueRefused, match="client order id"):
        funded().submit(request(market_buy("10"), order_id))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(VenueRefused, match="time zone"):
        funded().submit(replace(request(market_buy("10")), sent_at_utc=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_account_that_was_never_opened_trades_nothing() -> None:
    with pytest.raises(VenueRefused, match="no account nobody"):
        funded().submit(request(market_buy("10"), account="nobody"))


def test_a_market_is_the_account_s_filters() -> None:
    venue = funded(FILTERS)
    market = venue.market("book-1", "BTC/USDT")

    assert (market.tick_size, market.lot_size, market.min_notional) == (
        Decimal("0.5"),
        Decimal("0.1"),
        Decimal(10),
    )
    assert (market.base_scale, market.quote_scale) == (4, 2)
    assert venue.taker_fee_rate("book-1", "BTC/USDT") == Decimal("0.01")
    with pytest.raises(VenueRefused, match="not listed"):
        venue.market("book-1", "BTC/BTC")
