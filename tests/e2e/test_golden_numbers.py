"""One strategy on 5,760 real candles, through the whole platform, ends to the cent where its peers end.

The figures come from outside: a plain loop that defines them, and trading engines that agree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.market import Candle
from tests.e2e import candles
from tests.e2e.processes import Evenkeel

TOLERANCE = Decimal("0.00001")
CASH, FEE = Decimal(10_000), Decimal("0.001")
FAST, SLOW, WARM = 12, 26, 26
KEYS = [
    "candles",
    "signals",
    "orders",
    "fills",
    "fees",
    "profit",
    "buy_and_hold",
    "trial_balance",
    "chain_verified",
    "rebuild_identical",
    "seconds",
]


@dataclass(frozen=True)
class Convention:
    """How orders fill, and what the peers end with then."""

    name: str
    words: tuple[str, ...]
    at_open: bool
    equity: Decimal
    closed: int
    fee_received: bool = False
    force_close: bool = False


CONVENTIONS = [
    Convention("next_open", ("--fill", "next_open"), True, Decimal("6989.553217"), 117),
    Convention("close", ("--fill", "close"), False, Decimal("5926.272084"), 117),
    Convention(
        "close_received_forced",
        ("--fill", "close", "--fee-asset", "received", "--force-close"),
        False,
        Decimal("5919.647252"),
        118,
        fee_received=True,
        force_close=True,
    ),
]


@dataclass
class Expected:
    """What the definition gives."""

    signals: int = 0
    prices: list[tuple[str, Decimal]] = field(default_factory=list)  # every entry and exit
    fees: dict[str, Decimal] = field(default_factory=dict)
    equity: Decimal = Decimal(0)
    hold: Decimal = Decimal(0)
    holds_base: bool = False
    waits: bool = False


def definition(given: Sequence[Candle], convention: Convention) -> Expected:
    """The peers' loop: EMA in floats, money in Decimals; no code of ours but the candles."""
    exact, found = Context(prec=40), Expected(fees={"USDT": Decimal(0), "ETH": Decimal(0)})
    cash, base, pending = CASH, Decimal(0), ""
    fast = slow = float(given[0].close)

    def trade(side: str, price: Decimal) -> None:
        nonlocal cash, base
        if side == "buy" and convention.fee_received:
            bought = exact.divide(cash, price)
            fee, asset, cash = bought * FEE, "ETH", Decimal(0)
            base = bought - fee
        elif side == "buy":
            base = exact.divide(cash, price * (1 + FEE))
            fee, asset, cash = base * price * FEE, "USDT", Decimal(0)
        else:
            fee, asset = base * price * FEE, "USDT"
            cash, base = base * price - fee, Decimal(0)
        found.fees[asset] += fee
        found.prices.append((side, price))

    for index, candle in enumerate(given):
        if pending and convention.at_open:
            trade(pending, candle.open)
            pending = ""
        if index:
            fast_before, slow_before, close = fast, slow, float(candle.close)
            fast += 2 / (FAST + 1) * (close - fast)
            slow += 2 / (SLOW + 1) * (close - slow)
            if index >= WARM:
                if not base and fast > slow and fast_before <= slow_before:
                    pending = "buy"
                elif base and fast < slow and fast_before >= slow_before:
                    pending = "sell"
                found.signals += bool(pending)
        if pending and not convention.at_open:
            trade(pending, candle.close)
            pending = ""
    last = given[-1].close
    if convention.force_close and base:
        found.signals += 1
        trade("sell", last)
    found.equity, found.holds_base, found.waits = cash + base * last, bool(base), bool(pending)
    first = found.prices[0][1]
    if convention.fee_received:
        found.hold = exact.divide(CASH, first) * (1 - FEE) * last
    else:
        found.hold = exact.divide(CASH, first * (1 + FEE)) * last
    return found


@pytest.fixture(scope="module")
def given() -> list[Candle]:
    return candles.golden()


@pytest.fixture(scope="module")
def file(given: list[Candle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return candles.write(tmp_path_factory.mktemp("golden") / "bittrex_ETHUSDT_5m.csv", given)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_the_definition_agrees_with_the_published_figures(
    given: list[Candle], convention: Convention
) -> None:
    found = definition(given, convention)
    assert len(given) == 5_760
    assert abs(found.equity - convention.equity) < TOLERANCE
    assert sum(side == "sell" for side, _ in found.prices) == convention.closed


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_the_demo_ends_where_the_peers_end(
    evenkeel: Evenkeel, given: list[Candle], file: Path, convention: Convention
) -> None:
    result = evenkeel.json("demo", "--candles", str(file), *convention.words)
    agrees(result, definition(given, convention), convention)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_every_entry_and_exit_is_at_the_peers_price(
    evenkeel: Evenkeel, given: list[Candle], file: Path, convention: Convention, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    trades_as_the_peers_do(evenkeel, given, file, convention, url)


@pytest.mark.parametrize(
    "convention", [CONVENTIONS[0], CONVENTIONS[-1]], ids=lambda convention: convention.name
)
def test_on_postgresql_too(
    evenkeel: Evenkeel, given: list[Candle], file: Path, convention: Convention, postgres_url: str
) -> None:
    trades_as_the_peers_do(evenkeel, given, file, convention, postgres_url)


def trades_as_the_peers_do(
    evenkeel: Evenkeel, given: list[Candle], file: Path, convention: Convention, database_url: str
) -> None:
    where = ("--database-url", database_url)
    result = evenkeel.json("demo", "--candles", str(file), *convention.words, *where)
    expected = definition(given, convention)
    agrees(result, expected, convention)
    (bot,) = evenkeel.json("bots", "list", *where)
    fills = evenkeel.json("bots", "fills", bot["bot_id"], "--limit", "1000", *where)
    assert [(fill["side"], Decimal(fill["price"])) for fill in reversed(fills)] == expected.prices


def agrees(result: dict[str, Any], expected: Expected, convention: Convention) -> None:
    assert list(result)[: len(KEYS)] == KEYS
    assert result["candles"] == 5_760
    assert result["signals"] == result["orders"] == expected.signals
    assert result["fills"] == len(expected.prices)
    assert result["trades_closed"] == convention.closed
    assert ("order" in result["open_at_end"]) is expected.waits
    assert ("position" in result["open_at_end"]) is expected.holds_base

    profit, equity = Decimal(result["profit"]), Decimal(result["equity"])
    assert abs(equity - convention.equity) < TOLERANCE
    assert abs(equity - expected.equity) < TOLERANCE
    assert profit == equity - CASH
    assert abs(Decimal(result["buy_and_hold"]) - expected.hold) < TOLERANCE
    fees = {f"{asset}.PAPER": fee for asset, fee in expected.fees.items() if fee}
    assert set(result["fees"]) == set(fees)
    for asset, fee in fees.items():
        assert abs(Decimal(result["fees"][asset]) - fee) < TOLERANCE

    assert set(result["trial_balance"]) == {"ETH.PAPER", "USDT.PAPER"}
    assert set(result["trial_balance"].values()) == {"0"}
    assert result["chain_verified"] is True
    assert result["rebuild_identical"] is True
