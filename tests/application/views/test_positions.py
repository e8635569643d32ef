"""Average cost, by example."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from application.views.positions import after_fill, no_position
from application.views.rows import FillRow, PositionRow


def fill(
    side: str, quantity: str, price: str, fee: str = "0", fee_asset: str = "USDT", *, quote: str = ""
) -> FillRow:
    return FillRow(
        venue_account="paper-1",
        symbol="BTC/USDT",
        venue_trade_id="t",
        position=1,
        owner_id="ann",
        book_id="book",
        bot_id="bot",
        client_order_id="o",
        side=side,
        base_quantity=Decimal(quantity),
        price_quote_per_base=Decimal(price),
        quote_amount=Decimal(quote) if quote else Decimal(quantity) * Decimal(price),
        fee_asset=fee_asset,
        fee_amount=Decimal(fee),
        slippage_bps=Decimal(0),
        traded_at_utc=datetime(2026, 1, 1, tzinfo=UTC),
    )


def position(*fills: FillRow) -> PositionRow:
    standing = no_position(fills[0])
    for one in fills:
        standing = after_fill(standing, one)
    return standing


def figures(row: PositionRow) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return row.base_quantity, row.cost_quote, row.realised_quote, row.fees_quote


def test_two_buys_have_an_average_cost() -> None:
    held = position(fill("buy", "1", "100", "0.1"), fill("buy", "1", "200", "0.2"))
    assert figures(held) == (Decimal(2), Decimal("300.3"), Decimal(0), Decimal("0.3"))
    assert (held.buys, held.sells) == (2, 0)


def test_a_sale_realises_its_share() -> None:
    sold = position(fill("buy", "2", "100", "0.2"), fill("sell", "1", "150", "0.15"))
    assert figures(sold) == (Decimal(1), Decimal("100.1"), Decimal("49.75"), Decimal("0.35"))


def test_what_the_venue_booked_counts_not_quantity_times_price() -> None:
    """A venue that books whole cents: the owner's books have them, and so has the profit."""
    bought = fill("buy", "0.0333", "100.07", quote="3.33")
    sold = position(bought, fill("sell", "0.0333", "103.33", quote="3.44"))
    assert figures(position(bought)) == (Decimal("0.0333"), Decimal("3.33"), Decimal(0), Decimal(0))
    assert figures(sold) == (Decimal(0), Decimal(0), Decimal("0.11"), Decimal(0))


cents = st.integers(0, 10**6).map(lambda n: Decimal(n).scaleb(-2))
quantities = st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-4))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("buy", "sell")), quantities, cents, cents, st.sampled_from(("USDT", "BNB"))
        )
    )
)
def test_realised_and_unrealised_are_what_came_in_and_went_out(
    trades: list[tuple[str, Decimal, Decimal, Decimal, str]],
) -> None:
    """Whatever rounding the venue does: to the last digit, as long as no more is sold than was bought."""
    held, moved, fills, mark = Decimal(0), Decimal(0), [], Decimal("103.21")
    for side, quantity, quote, fee, fee_asset in trades:
        if side == "sell" and quantity > held:
            continue
        fills.append(fill(side, str(quantity), "100.07", str(fee), fee_asset, quote=str(quote)))
        held += quantity if side == "buy" else -quantity
        moved += (quote if side == "sell" else -quote) - (fee if fee_asset == "USDT" else 0)
    if not fills:
        return

    standing = position(*fills)

    assert standing.base_quantity == held
    assert standing.realised_quote + (held * mark - standing.cost_quote) == moved + held * mark


def test_a_fee_in_base_is_quantity_that_is_gone() -> None:
    """Safety §3.14."""
    held = position(fill("buy", "10", "100", "0.01", "BTC"))
    assert figures(held) == (Decimal("9.99"), Decimal(1000), Decimal(0), Decimal(1))


def test_a_fee_in_a_third_asset_is_in_neither() -> None:
    held = position(fill("buy", "1", "100", "0.001", "BNB"))
    assert figures(held) == (Decimal(1), Decimal(100), Decimal(0), Decimal(0))


def test_a_rebate_makes_a_buy_cheaper() -> None:
    """Safety §3.15."""
    held = position(fill("buy", "1", "100", "-0.02"))
    assert figures(held) == (Decimal(1), Decimal("99.98"), Decimal(0), Decimal("-0.02"))


def test_thirds_leave_no_dust_behind() -> None:
    """Safety §3.13: what cutting leaves stays with what is still held."""
    thirds = [fill("sell", "1", "100") for _ in range(3)]
    flat = position(fill("buy", "3", "33.333333333333333333"), *thirds)
    assert figures(flat) == (Decimal(0), Decimal(0), Decimal("200.000000000000000001"), Decimal(0))


def test_more_sold_than_held_is_shown_not_hidden() -> None:
    short = position(fill("buy", "1", "100"), fill("sell", "2", "110"))
    assert figures(short) == (Decimal(-1), Decimal(0), Decimal(120), Decimal(0))
