"""A venue's filters, as our Market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no py.typed

from adapters.exchanges.ccxt.exact import NonsenseAnswer, figure, places
from application.ports.exchange import VenueRefused
from domain.market import Market
from domain.money import ZERO

TRADING = "TRADING"


def require_trading(client: Any, symbol: str) -> None:
    """Raises VenueRefused while the venue does not trade the pair."""
    listed = client.markets.get(symbol)
    if listed is not None and listed.get("active") is False:
        status = listed["info"].get("status") if isinstance(listed["info"], dict) else None
        raise VenueRefused(f"{symbol} is not trading now ({status or 'inactive'})")


def market_of(client: Any, symbol: str) -> Market:
    """The pair's filters and scales; raises VenueRefused for what is not listed there, or is not spot.

    Filters that the venue writes as text are taken from it (Binance); elsewhere ccxt has made a number of
    them, whose shortest decimal is what was written. NonsenseAnswer where one makes no sense.
    """
    listed = client.markets.get(symbol)
    if listed is None:
        raise VenueRefused(f"{symbol!r} is not listed at this venue")
    if not listed.get("spot"):
        raise VenueRefused(f"{symbol} is no spot market: nothing else is traded here")
    written = _written_filters(listed["info"])
    limits, precision = listed["limits"], listed["precision"]
    mode = client.precisionMode
    return Market(
        symbol=symbol,
        tick_size=_step(written.get("tickSize"), precision.get("price"), mode, "tick size"),
        lot_size=_step(written.get("stepSize"), precision.get("amount"), mode, "lot size"),
        min_notional=_limit(written.get("minNotional"), limits, "cost", "min"),
        max_quantity=_limit(written.get("maxQty"), limits, "amount", "max"),
        max_market_quantity=_limit(written.get("maxMarketQty"), limits, "market", "max"),
        base_scale=_scale(client, listed, "base"),
        quote_scale=_scale(client, listed, "quote"),
    )


_WRITTEN = {
    "PRICE_FILTER": {"tickSize": "tickSize"},
    "LOT_SIZE": {"stepSize": "stepSize", "maxQty": "maxQty"},
    "MARKET_LOT_SIZE": {"maxQty": "maxMarketQty"},
    "NOTIONAL": {"minNotional": "minNotional"},
    "MIN_NOTIONAL": {"minNotional": "minNotional"},
}
"""Binance's filters: what they call their figures, and what we do."""


def _written_filters(info: object) -> dict[str, object]:
    filters = info.get("filters") if isinstance(info, dict) else None
    found: dict[str, object] = {}
    for one in filters if isinstance(filters, list) else ():
        kind = one.get("filterType") if isinstance(one, dict) else None
        for theirs, ours in (_WRITTEN.get(kind, {}) if isinstance(kind, str) else {}).items():
            found[ours] = one.get(theirs)
    return found


def _step(written: object, number: object, mode: int, name: str) -> Decimal:
    if written is not None:
        return figure(written, name)
    value = _number(number, name)
    if value is None or mode == ccxt.SIGNIFICANT_DIGITS:
        return ZERO
    return Decimal(1).scaleb(-int(value)) if mode == ccxt.DECIMAL_PLACES else value


def _limit(written: object, limits: Any, of: str, which: str) -> Decimal:
    if written is not None:
        return figure(written, f"{which} {of}")
    return _number((limits.get(of) or {}).get(which), f"{which} {of}") or ZERO


def _scale(client: Any, listed: Any, side: str) -> int:
    """Decimal places of an asset: the market's, else the currency's, else as many as any may have."""
    number = listed["precision"].get(side)
    if number is None:
        number = (client.currencies.get(listed[side]) or {}).get("precision")
    if number is None or client.precisionMode == ccxt.SIGNIFICANT_DIGITS:
        return places(ZERO)
    value = _number(number, f"precision of {listed[side]}")
    if value is None:
        return places(ZERO)
    if client.precisionMode == ccxt.DECIMAL_PLACES:
        return min(int(value), places(ZERO))
    return places(value)


def _number(raw: object, name: str) -> Decimal | None:
    """ccxt's number, by its shortest decimal."""
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise NonsenseAnswer(f"{name} is no number")
    return figure(str(raw), name)
