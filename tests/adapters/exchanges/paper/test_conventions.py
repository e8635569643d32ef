"""How the paper venue fills and charges, with numbers worked out by hand (docs/paper-venue.md)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.exchanges.paper.matching import is_drawn
from application.ports.exchange import VenueRefused
from application.ports.paper_accounts import CLOSE, FEE_IN_RECEIVED, PaperTerms
from tests.adapters.exchanges.paper.venues import (
    FREE_OF_CHARGE,
    at,
    balances,
    candle,
    fills,
    funded,
    limit_buy,
    limit_sell,
    market_buy,
    market_sell,
    report,
    request,
    show,
)

CENTS = PaperTerms(base_scale=4, quote_scale=2)
AT_CLOSE = replace(FREE_OF_CHARGE, fill_convention=CLOSE)


def test_a_market_buy_spends_its_budget_with_the_fee_in_it_and_gets_the_rest_back() -> None:
    venue = funded(CENTS)
    venue.submit(request(market_buy("1000")))
    assert balances(venue) == {"USDT": ("0", "1000")}

    show(venue, candle(1, "300", "400"))

    # 1000 / (300 × 1.001) = 3.3300033…; 3.33 × 300 = 999, fee 0.999 up to 1.00; nothing is left
    assert fills(venue) == [("3.33", "300", "1 USDT")]
    assert balances(venue) == {"BTC": ("3.33", "0")}
    assert report(venue).status == "filled"


def test_what_the_budget_did_not_buy_is_unlocked() -> None:
    venue = funded(replace(CENTS, lot_size=Decimal("0.5")))
    venue.submit(request(market_buy("1000")))

    show(venue, candle(1, "300"))

    assert fills(venue) == [("3", "300", "0.9 USDT")]
    assert balances(venue) == {"BTC": ("3", "0"), "USDT": ("99.1", "0")}


def test_a_fee_in_the_received_asset_comes_off_the_base_on_a_buy_and_off_the_quote_on_a_sell() -> None:
    """Safety #14: what may be sold afterwards is what was received, not what was bought."""
    venue = funded(PaperTerms(fee_asset=FEE_IN_RECEIVED))
    venue.submit(request(market_buy("1000")))
    show(venue, candle(1, "100"))
    assert fills(venue) == [("10", "100", "0.01 BTC")]
    assert balances(venue) == {"BTC": ("9.99", "0")}

    with pytest.raises(VenueRefused, match=r"needs 10 BTC, free 9\.99 BTC"):
        venue.submit(request(market_sell("10"), "o-2", minute=2))
    venue.submit(request(market_sell("9.99"), "o-2", minute=2))
    show(venue, candle(2, "200"))

    assert fills(venue, "o-2") == [("9.99", "200", "1.998 USDT")]
    assert balances(venue) == {"USDT": ("1996.002", "0")}


def test_next_open_fills_at_the_open_of_the_candle_that_opens_when_the_order_was_sent() -> None:
    venue = funded(FREE_OF_CHARGE)
    show(venue, candle(0, "90", "95"))
    venue.submit(request(market_buy("1000")))
    show(venue, candle(0, "90", "95"))
    assert report(venue).status == "open"

    show(venue, candle(1, "100", "110"))

    assert fills(venue) == [("10", "100", "0 USDT")]
    assert report(venue).fills[0].traded_at_utc == at(1)


def test_close_fills_at_once_at_the_close_of_the_candle_shown_last() -> None:
    venue = funded(AT_CLOSE)
    show(venue, candle(0, "90", "80"))

    answer = venue.submit(request(market_buy("1000")))

    assert answer.status == "filled"
    assert fills(venue) == [("12.5", "80", "0 USDT")]
    assert answer.fills[0].traded_at_utc == at(1)


def test_close_needs_a_candle_to_have_been_shown() -> None:
    with pytest.raises(VenueRefused, match="no candle of BTC/USDT has been shown yet"):
        funded(AT_CLOSE).submit(request(market_buy("1000")))


def test_close_with_latency_fills_at_the_first_close_after_the_order_arrived() -> None:
    venue = funded(replace(AT_CLOSE, latency_ms=60_001))
    show(venue, candle(0, "90", "80"))
    venue.submit(request(market_buy("1000")))

    show(venue, candle(1, "80", "50"), candle(2, "50", "40"))

    assert fills(venue) == [("25", "40", "0 USDT")]


def test_next_open_with_latency_waits_for_a_candle_that_opens_after_the_order_arrived() -> None:
    venue = funded(replace(FREE_OF_CHARGE, latency_ms=1))
    venue.submit(request(market_buy("1000")))

    show(venue, candle(1, "100"), candle(2, "200"))

    assert fills(venue) == [("5", "200", "0 USDT")]


@pytest.mark.parametrize(
    ("terms", "side", "price"),
    [
        ({"slippage_bps": Decimal(50)}, "buy", "100.5"),
        ({"slippage_bps": Decimal(50)}, "sell", "99.5"),
        ({"slippage_bps": Decimal(50), "tick_size": Decimal(1)}, "buy", "101"),
        ({"slippage_bps": Decimal(50), "tick_size": Decimal(1)}, "sell", "99"),
        ({"tick_size": Decimal("0.3")}, "buy", "100.2"),
        ({"tick_size": Decimal("0.3")}, "sell", "99.9"),
    ],
)
def test_slippage_and_tick_go_against_the_trader(terms: dict[str, Decimal], side: str, price: str) -> None:
    venue = funded(replace(FREE_OF_CHARGE, **terms), btc="1")  # type: ignore[arg-type]
    venue.submit(request(market_buy("1000") if side == "buy" else market_sell("1")))

    show(venue, candle(1, "100"))

    assert fills(venue)[0][1] == price


def test_a_limit_order_fills_only_when_the_price_trades_through_it() -> None:
    venue = funded(PaperTerms(maker_fee_rate=Decimal("0.0005")))
    venue.submit(request(limit_buy("1", "100")))
    show(venue, candle(1, "105", low="100"), candle(2, "104", low="100"))
    assert report(venue).status == "open"
    assert balances(venue) == {"USDT": ("899.9", "100.1")}

    show(venue, candle(3, "103", low="99.99"))

    assert fills(venue) == [("1", "100", "0.05 USDT")]
    assert report(venue).fills[0].traded_at_utc == at(4)
    assert balances(venue) == {"BTC": ("1", "0"), "USDT": ("899.95", "0")}


def test_a_limit_sell_is_the_mirror() -> None:
    venue = funded(FREE_OF_CHARGE, usdt="", btc="2")
    venue.submit(request(limit_sell("2", "100")))

    show(venue, candle(1, "95", high="100"))
    assert report(venue).status == "open"
    show(venue, candle(2, "95", high="100.01"))

    assert fills(venue) == [("2", "100", "0 USDT")]


def test_a_limit_order_that_is_marketable_on_arrival_pays_the_taker_fee_at_the_better_price() -> None:
    venue = funded(PaperTerms(maker_fee_rate=Decimal(0), taker_fee_rate=Decimal("0.01")))
    venue.submit(request(limit_buy("1", "100")))

    show(venue, candle(1, "90"))

    assert fills(venue) == [("1", "90", "0.9 USDT")]
    assert balances(venue) == {"BTC": ("1", "0"), "USDT": ("909.1", "0")}


def test_a_resting_limit_order_fills_at_its_limit_even_when_a_later_candle_opens_beyond_it() -> None:
    venue = funded(FREE_OF_CHARGE)
    venue.submit(request(limit_buy("1", "100")))

    show(venue, candle(1, "105"), candle(2, "80"))

    assert fills(venue) == [("1", "100", "0 USDT")]


def test_under_close_a_marketable_limit_order_fills_at_the_last_close() -> None:
    venue = funded(AT_CLOSE)
    show(venue, candle(0, "90", "95"))

    assert venue.submit(request(limit_buy("1", "96"))).status == "filled"
    assert fills(venue) == [("1", "95", "0 USDT")]
    assert venue.submit(request(limit_buy("1", "95"), "o-2")).status == "open"  # a touch is not enough


def test_a_rebate_is_paid_to_the_trader_and_rounded_down() -> None:
    """Safety #15."""
    venue = funded(PaperTerms(maker_fee_rate=Decimal("-0.00015"), quote_scale=2, base_scale=8))
    venue.submit(request(limit_buy("1", "100")))

    show(venue, candle(1, "101", low="99"))

    assert fills(venue) == [("1", "100", "-0.01 USDT")]
    assert balances(venue) == {"BTC": ("1", "0"), "USDT": ("900.01", "0")}


def test_the_volume_cap_fills_part_by_part() -> None:
    """Safety #13: the parts add up to the order and the budget exactly."""
    venue = funded(replace(FREE_OF_CHARGE, volume_cap=Decimal("0.1"), lot_size=Decimal("0.01")))
    venue.submit(request(market_buy("1000")))

    show(venue, candle(1, "100", volume="40"), candle(2, "200", volume="0"))
    assert report(venue).status == "open"
    assert balances(venue) == {"BTC": ("4", "0"), "USDT": ("0", "600")}
    show(venue, candle(3, "70", volume="1000"))

    # 600 / 70 = 8.5714…, in lots 8.57, which cost 599.90
    assert fills(venue) == [("4", "100", "0 USDT"), ("8.57", "70", "0 USDT")]
    assert balances(venue) == {"BTC": ("12.57", "0"), "USDT": ("0.1", "0")}
    assert report(venue).status == "filled"


def test_under_close_the_rest_continues_at_the_following_closes() -> None:
    venue = funded(replace(AT_CLOSE, volume_cap=Decimal("0.5")), usdt="", btc="3")
    show(venue, candle(0, "90", "100", volume="4"))
    venue.submit(request(market_sell("3")))
    show(venue, candle(0, "90", "100", volume="4"))
    assert report(venue).status == "open"

    show(venue, candle(1, "100", "110", volume="4"))

    assert fills(venue) == [("2", "100", "0 USDT"), ("1", "110", "0 USDT")]
    assert balances(venue) == {"USDT": ("310", "0")}


def test_many_small_fills_never_cost_more_than_the_limit_order_locked() -> None:
    """Every fee is rounded up to a cent; the last ones are cut to what the lock has left (safety #13)."""
    venue = funded(replace(CENTS, volume_cap=Decimal("0.01")), usdt="10.01")
    venue.submit(request(limit_buy("10", "1")))

    show(venue, *(candle(minute, "1.5", low="0.5", volume="33") for minute in range(1, 60)))

    assert report(venue).status == "filled"
    paid = sum((fill.quote_amount + fill.fee.amount for fill in report(venue).fills), Decimal(0))
    assert paid <= Decimal("10.01")
    assert balances(venue)["BTC"] == ("10", "0")


def test_a_budget_that_buys_no_lot_ends_the_order_with_its_reason() -> None:
    venue = funded(replace(FREE_OF_CHARGE, lot_size=Decimal(1)), usdt="50")
    venue.submit(request(market_buy("50")))

    show(venue, candle(1, "100"))

    assert (report(venue).status, report(venue).reason) == ("canceled", "the budget left buys nothing at 100")
    assert balances(venue) == {"USDT": ("50", "0")}


def test_nothing_is_bought_for_nothing() -> None:
    """A quantity worth less than the smallest amount of quote does not change hands."""
    venue = funded(replace(FREE_OF_CHARGE, quote_scale=2), usdt="", btc="0.001")
    venue.submit(request(market_sell("0.001")))

    show(venue, candle(1, "1"))

    assert report(venue).status == "canceled"
    assert balances(venue) == {"BTC": ("0.001", "0")}


def test_fill_probability_is_drawn_from_seed_order_and_candle() -> None:
    half = replace(FREE_OF_CHARGE, fill_probability=Decimal("0.5"), seed=7)
    drawn = [minute for minute in range(1, 2001) if is_drawn(half, "o-1", minute * 60_000)]
    assert 900 < len(drawn) < 1100
    assert drawn != [m for m in range(1, 2001) if is_drawn(replace(half, seed=8), "o-1", m * 60_000)]
    assert drawn != [m for m in range(1, 2001) if is_drawn(half, "o-2", m * 60_000)]

    venue = funded(half)
    venue.submit(request(market_buy("1000")))
    show(venue, *(candle(minute, "100") for minute in range(1, 100)))

    assert report(venue).fills[0].traded_at_utc == at(drawn[0])


def test_a_probability_of_zero_never_fills() -> None:
    venue = funded(replace(FREE_OF_CHARGE, fill_probability=Decimal(0)))
    venue.submit(request(market_buy("1000")))

    show(venue, *(candle(minute, "100") for minute in range(1, 50)))

    assert report(venue).status == "open"


def test_an_older_candle_changes_nothing() -> None:
    venue = funded(FREE_OF_CHARGE)
    venue.submit(request(limit_buy("1", "100")))

    show(venue, candle(5, "105"), candle(4, "105", low="90"), candle(5, "105"))

    assert report(venue).status == "open"


def test_a_filled_order_s_trade_id_is_derived() -> None:
    """SHA-256 of client order id, candle open time and the fill's number, 32 hex digits (safety #10)."""
    venue = funded(FREE_OF_CHARGE)
    venue.submit(request(market_buy("1000")))

    show(venue, candle(1, "100"))

    assert report(venue).fills[0].venue_trade_id == "7f34f9f2f02caef3c279e2562d561b9f"
