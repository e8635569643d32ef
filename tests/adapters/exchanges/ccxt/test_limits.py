"""What Binance says its limits are, and what is made of it."""

from __future__ import annotations

import pytest

from adapters.exchanges.ccxt.limits import Limits, told_limits
from tests.adapters.exchanges.ccxt.scripted import (
    ACCOUNT,
    Said,
    ScriptedVenue,
    binance_order,
    binance_symbol,
    limit_buy,
    request,
)


def limit(kind: str, interval: str, number: int, most: object) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most}


WEIGHT, ORDERS = limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000), limit("ORDERS", "SECOND", 10, 100)


def test_the_tightest_of_each_kind_is_heeded() -> None:
    tighter = limit("ORDERS", "MINUTE", 1, 300)

    assert told_limits({"rateLimits": [WEIGHT, ORDERS, limit("RAW_REQUESTS", "MINUTE", 5, 1)]}) == Limits(
        100, 10
    )
    assert told_limits({"rateLimits": [WEIGHT, ORDERS, tighter]}) == Limits(100, 5)
    assert told_limits({"rateLimits": [WEIGHT, ORDERS, limit("ORDERS", "DAY", 1, 10)]}) == Limits(100, 10)


@pytest.mark.parametrize("most", [0, -1, True, "6000", None, 10**400, 1.5])
def test_limits_that_cannot_be_are_not_heeded(most: object) -> None:
    """Safety §2 API10: a hostile figure neither opens the gates nor shuts them."""
    assert told_limits({"rateLimits": [limit("REQUEST_WEIGHT", "MINUTE", 1, most), ORDERS]}) is None


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"rateLimits": {}}, {"rateLimits": [None]}, {"rateLimits": [WEIGHT]}]
)
def test_what_tells_no_limits_changes_none(answer: object) -> None:
    assert told_limits(answer) is None


def test_a_venue_that_takes_more_is_asked_more_often(binance: ScriptedVenue) -> None:
    told = [limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000_000), limit("ORDERS", "SECOND", 10, 100_000)]
    symbols = [binance_symbol("BTC", "USDT")]
    binance.says("GET /api/v3/exchangeInfo", Said({"rateLimits": told, "symbols": symbols}))
    binance.says("POST /api/v3/order", Said(binance_order()))
    connection = binance.connection()
    connection.run(connection.account(ACCOUNT))

    budget, orders = connection.asker.budget, connection._orders[ACCOUNT]

    assert budget._per_s == pytest.approx(6_000_000 / 60 / 5 * 0.9)
    assert orders._per_s == pytest.approx(9_000)


def test_limits_that_change_reach_accounts_that_are_open(binance: ScriptedVenue) -> None:
    connection = binance.connection()
    connection.run(connection.account(ACCOUNT))
    connection._heed(Limits(1_000, 50))

    assert connection._orders[ACCOUNT]._per_s == pytest.approx(45)


def test_orders_are_paced_by_the_accounts_own_limit(binance: ScriptedVenue) -> None:
    told = [limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000_000), limit("ORDERS", "SECOND", 10, 10)]
    symbols = [binance_symbol("BTC", "USDT")]
    binance.says("GET /api/v3/exchangeInfo", Said({"rateLimits": told, "symbols": symbols}))
    exchange = binance.open()
    for n in range(6):
        binance.says("POST /api/v3/order", Said(binance_order(n + 1, f"o-{n}")))
        exchange.submit(request(limit_buy(), f"o-{n}"))

    sent = [int(heard.params["timestamp"]) for heard in binance.asked("POST /api/v3/order")]
    assert sent[-1] - sent[0] >= 1_000  # four at once, and then 0.9 a second
