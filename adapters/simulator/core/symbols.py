"""What is traded, and the filters an order has to pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.core.errors import Rejected, filter_failure
from domain.errors import InvalidValue
from domain.money import EXACT

SCALE = 8
"""Decimal places of every amount the exchange keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """Prices in quote per base, quantities in base. Notionals are exact: tick × step has at most 8 places."""

    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_notional: Decimal
    max_notional: Decimal = Decimal(9_000_000)
    max_price: Decimal = Decimal(1_000_000)
    max_quantity: Decimal = Decimal(9_000)
    max_market_quantity: Decimal = Decimal(500)
    max_orders: int = 200
    max_stop_orders: int = 5
    percent_up: Decimal = Decimal(5)
    percent_down: Decimal = Decimal("0.2")
    maker_fee_rate: Decimal = Decimal("0.001")
    taker_fee_rate: Decimal = Decimal("0.001")

    def __post_init__(self) -> None:
        if self.tick_size <= 0 or self.step_size <= 0:
            raise InvalidValue("symbol", f"{self.name}: tick_size and step_size must be above zero")
        if -places(EXACT.multiply(self.tick_size, self.step_size)) > SCALE:
            raise InvalidValue(
                "symbol",
                f"{self.name}: tick_size × step_size has more than {SCALE} decimal places; make one larger",
            )

    @property
    def name(self) -> str:
        return self.base + self.quote

    def check_price(self, price: Decimal, reference: Decimal) -> None:
        """PRICE_FILTER, then PERCENT_PRICE around the last price, while there is one."""
        if not 0 < price <= self.max_price or price % self.tick_size:
            raise filter_failure("PRICE_FILTER")
        if reference and not reference * self.percent_down <= price <= reference * self.percent_up:
            raise filter_failure("PERCENT_PRICE")

    def check_quantity(self, quantity: Decimal, *, market: bool) -> None:
        """LOT_SIZE, and MARKET_LOT_SIZE for what takes at any price."""
        if not self.step_size <= quantity <= self.max_quantity or quantity % self.step_size:
            raise filter_failure("LOT_SIZE")
        if market and quantity > self.max_market_quantity:
            raise filter_failure("MARKET_LOT_SIZE")

    def check_notional(self, notional: Decimal, *, market: bool) -> None:
        """NOTIONAL: the maximum does not apply to market orders."""
        if notional < self.min_notional or (not market and notional > self.max_notional):
            raise filter_failure("NOTIONAL")

    def check_scale(self, **amounts: Decimal | None) -> None:
        """No parameter is finer than what the exchange keeps (-1111)."""
        for name, amount in amounts.items():
            if amount is not None and -places(amount) > SCALE:
                raise Rejected(-1111, f"Parameter '{name}' has too much precision.")


def places(amount: Decimal) -> int:
    """The exponent of an amount without trailing zeros: -2 for 1.50."""
    _, _, exponent = EXACT.normalize(amount).as_tuple()
    return int(exponent)  # amounts are finite


def _usual(base: str, quote: str, tick: str, step: str, least: str) -> Symbol:
    return Symbol(
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_notional=Decimal(least),
    )


USUAL: dict[str, tuple[Symbol, Decimal]] = {
    symbol.name: (symbol, Decimal(price))
    for symbol, price in (
        (_usual("BTC", "USDT", "0.01", "0.00001", "5"), "60000"),
        (_usual("ETH", "USDT", "0.01", "0.0001", "5"), "3000"),
        (_usual("BNB", "USDT", "0.01", "0.001", "5"), "600"),
        (_usual("SOL", "USDT", "0.01", "0.001", "5"), "150"),
        (_usual("ETH", "BTC", "0.00001", "0.001", "0.0001"), "0.05"),
    )
}
"""Symbols the simulator knows by name, each with the price it starts at."""
