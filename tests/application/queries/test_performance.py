"""A position at average cost, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from application.queries.performance import Holding
from application.views.rows import FillRow

D = Decimal


def fill(side: str, quantity: str, price: str, fee: str = "0", fee_asset: str = "USDT") -> FillRow:
    return FillRow(
        venue_account="a", symbol="BTC/USDT", venue_trade_id="t", position=1, owner_id="o", book_id="b",
        bot_id="bot", client_order_id="c", side=side, base_quantity=D(quantity),
        price_quote_per_base=D(price), fee_asset=fee_asset, fee_amount=D(fee), slippage_bps=D(0),
        traded_at_utc=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip


def after(*fills: FillRow) -> tuple[Decimal, Decimal, Decimal]:
    holding = Holding()
    for one in fills:
        holding.take(one)
    return holding.base, holding.cost, holding.realised


def test_two_buys_average_and_a_part_sold_takes_its_share_of_the_cost() -> None:
    bought = fill("buy", "1", "100", "0.1"), fill("buy", "1", "200", "0.2")
    assert after(*bought) == (D(2), D("300.3"), D(0))
    assert after(*bought, fill("sell", "1", "180", "0.18")) == (D(1), D("150.15"), D("29.67"))


def test_a_fee_in_base_makes_what_was_received_dearer() -> None:
    assert after(fill("buy", "1", "100", "0.001", "BTC")) == (D("0.999"), D(100), D(0))


def test_a_rebate_is_a_gain() -> None:
    assert after(fill("buy", "1", "100", "-0.5"), fill("sell", "1", "100", "-0.5")) == (D(0), D(0), D(1))


def test_a_fee_in_a_third_asset_is_no_part_of_the_cost() -> None:
    assert after(fill("buy", "1", "100", "0.01", "BNB")) == (D(1), D(100), D(0))
