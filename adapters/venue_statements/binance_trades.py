"""Own trades of a Binance account as a JSON list: one object a fill, with its fee."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any

from adapters.venue_statements.cells import Unclear, asset, moment, plain
from adapters.venue_statements.formats.base import content
from adapters.venue_statements.sources import Source
from application.ports.venue_statements import TRADE, Move, RowProblem, StatedRow, StatementUnreadable
from domain.money import Money, fits, text

NAME = "binance-trades"
LARGEST = 64 * 1024 * 1024
_QUOTES = (
    *("AUD", "BIDR", "BKRW", "BNB", "BRL", "BTC", "BUSD", "BVND", "DAI", "DOGE", "ETH", "EUR", "FDUSD"),
    *("GBP", "IDRT", "NGN", "PAX", "PLN", "RON", "RUB", "TRX", "TRY", "TUSD", "UAH", "USDC", "USDS", "USDT"),
    *("VAI", "XRP", "ZAR"),
)
_NEEDED = ("id", "symbol", "side", "quantity", "quoteQuantity", "tradedAt", "fee", "feeCurrency")


class TradeList:
    """See application.ports.venue_statements.Statement."""

    def __init__(self, source: Source) -> None:
        self.name, self.format, self.venue = source.name, NAME, "binance"
        self._source = source
        try:
            found = json.loads(source.text(LARGEST), parse_float=Decimal, parse_int=Decimal)
        except (ValueError, RecursionError) as e:
            raise StatementUnreadable(file=source.name, problem=f"is not JSON that we can read: {e}") from e
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise StatementUnreadable(
                file=source.name, problem="is no list of trades; docs/import.md has one"
            )
        said = [_said(number, trade) for number, trade in enumerate(found, start=1)]
        self._rows: list[StatedRow | RowProblem] = [
            *(row for row in said if isinstance(row, RowProblem)),
            *sorted((row for row in said if isinstance(row, StatedRow)), key=lambda row: row.at),
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[StatedRow | RowProblem]:
        return iter(self._rows)

    def close(self) -> None:
        self._source.close()


def _said(number: int, trade: Mapping[str, Any]) -> StatedRow | RowProblem:
    try:
        return _read(number, trade)
    except Unclear as e:
        return RowProblem(
            row=number, field=e.field, value=e.value[:200], problem=e.problem, way_out=e.way_out
        )


def _read(number: int, trade: Mapping[str, Any]) -> StatedRow:
    for name in _NEEDED:
        if not isinstance(trade.get(name), str | Decimal):
            raise Unclear(name, str(trade.get(name, "")), "is missing or no text or number")
    side, symbol = str(trade["side"]), str(trade["symbol"])
    at = moment(str(trade["tradedAt"]), "tradedAt", UTC)
    if side not in ("BUY", "SELL"):
        raise Unclear("side", side, "is neither BUY nor SELL")
    if trade.get("isBuyer", side == "BUY") != (side == "BUY"):
        raise Unclear("isBuyer", str(trade["isBuyer"]), f"contradicts that it is a {side}")
    base, quote = _split(symbol)
    bought = Money(_amount(trade, "quantity", above_zero=True), base)
    paid = Money(_amount(trade, "quoteQuantity", above_zero=True), quote)
    bought, paid = (bought, -paid) if side == "BUY" else (-bought, paid)
    fee = Money(_amount(trade, "fee"), asset(str(trade["feeCurrency"]), "feeCurrency"))
    trade_id = (
        text(trade["id"]) if isinstance(trade["id"], Decimal) and fits(trade["id"]) else str(trade["id"])
    )
    venue_id = f"{symbol}:{trade_id}"
    moves = [Move(money=bought), Move(money=paid), *([Move(money=-fee)] if fee.amount else [])]
    parts = (venue_id, plain(at), side, bought.amount, paid.amount, fee.amount, fee.asset)
    return StatedRow(
        row=number,
        at=at,
        kind=TRADE,
        moves=tuple(moves),
        fee=fee if fee.amount else None,
        content=content(*parts),
        venue_id=venue_id,
        reference=trade_id,
    )


def _split(symbol: str) -> tuple[str, str]:
    """Base and quote, where the name of the pair can be read one way only."""
    ways = [
        (symbol.removesuffix(quote), quote) for quote in _QUOTES if symbol.endswith(quote) and symbol != quote
    ]
    if len(ways) != 1:
        raise Unclear("symbol", symbol, "is no pair that can be read one way only")
    base, quote = ways[0]
    return asset(base, "symbol"), quote


def _amount(trade: Mapping[str, Any], name: str, *, above_zero: bool = False) -> Decimal:
    value = trade[name]
    if not isinstance(value, Decimal) or not fits(value):
        raise Unclear(name, str(value), "is no number with at most 18 digits before and after the point")
    if above_zero and value <= 0:
        raise Unclear(name, str(value), "is not above zero")
    return value
