"""Orders, trades, balances and events as Binance writes them. Amounts are strings with 8 places."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from adapters.simulator.core.accounts import Account
from adapters.simulator.core.book import Level, OrderBook
from adapters.simulator.core.orders import (
    CANCELED,
    MARKET,
    ORDER_TYPES,
    Fill,
    Order,
)
from adapters.simulator.core.outcomes import (
    ListReport,
    MoneyReport,
    OrderList,
    OrderReport,
    PositionReport,
    Report,
)
from adapters.simulator.core.symbols import Symbol
from adapters.simulator.core.tape import INTERVALS_MS, Kline, Tape, Trade

Json = dict[str, Any]


def amount(value: Decimal) -> str:
    return f"{value:.8f}"


def order(one: Order) -> Json:
    """As openOrders and GET order show it."""
    return {
        "symbol": one.symbol,
        "orderId": one.order_id,
        "orderListId": one.order_list_id,
        "clientOrderId": one.client_order_id,
        "price": amount(one.price),
        "origQty": amount(one.quantity),
        "executedQty": amount(one.executed),
        "origQuoteOrderQty": amount(one.quote_order_quantity),
        "cummulativeQuoteQty": amount(one.executed_quote),
        "status": one.status,
        "timeInForce": one.time_in_force,
        "type": one.type,
        "side": one.side,
        "stopPrice": amount(one.stop_price),
        "icebergQty": "0.00000000",
        "time": one.created_at_ms,
        "updateTime": one.updated_at_ms,
        "isWorking": one.is_working,
        "workingTime": -1 if one.working_at_ms is None else one.working_at_ms,
        "selfTradePreventionMode": "NONE",
    }


def placed(one: Order, answer: str) -> Json:
    """What POST order answers: ACK, RESULT or FULL."""
    known = {
        "symbol": one.symbol,
        "orderId": one.order_id,
        "orderListId": one.order_list_id,
        "clientOrderId": one.client_order_id,
        "transactTime": one.updated_at_ms,
    }
    if answer == "ACK":
        return known
    later = {"time", "updateTime", "isWorking", "icebergQty"}
    known |= {name: value for name, value in order(one).items() if name not in later}
    if not one.stop_price:
        del known["stopPrice"]
    return known if answer == "RESULT" else {**known, "fills": [_fill(fill) for fill in one.fills]}


def canceled(one: Order, cancel_id: str | None) -> Json:
    later = {"time", "updateTime", "isWorking", "workingTime", "icebergQty"}
    shown = {name: value for name, value in order(one).items() if name not in later}
    return {
        **shown,
        "origClientOrderId": one.client_order_id,
        "clientOrderId": cancel_id or _cancel_id(one),
        "transactTime": one.updated_at_ms,
    }


def _cancel_id(one: Order) -> str:
    """What the exchange calls a cancellation whose client did not name it."""
    return f"simulated-cancel-{one.order_id}"


def _fill(fill: Fill) -> Json:
    return {
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "commission": amount(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def own_trade(one: Order, fill: Fill) -> Json:
    return {
        "symbol": one.symbol,
        "id": fill.trade_id,
        "orderId": one.order_id,
        "orderListId": one.order_list_id,
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "quoteQty": amount(fill.price * fill.quantity),
        "commission": amount(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "isBuyer": one.side == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def order_list(one: OrderList) -> Json:
    return {
        "orderListId": one.order_list_id,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if one.is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if one.is_done else "EXECUTING",
        "listClientOrderId": one.client_id,
        "transactionTime": one.at_ms,
        "symbol": one.symbol,
        "orders": [
            {"symbol": leg.symbol, "orderId": leg.order_id, "clientOrderId": leg.client_order_id}
            for leg in one.orders
        ],
    }


def listed(one: OrderList) -> Json:
    """What placing or canceling a list answers: with both orders."""
    return {**order_list(one), "orderReports": [placed(leg, "RESULT") for leg in one.orders]}


# -- market data


def levels(some: Iterable[Level]) -> list[list[str]]:
    return [[amount(price), amount(quantity)] for price, quantity in some]


def depth(book: OrderBook, limit: int) -> Json:
    return {
        "lastUpdateId": book.last_update_id,
        "bids": levels(book.bids.levels(limit)),
        "asks": levels(book.asks.levels(limit)),
    }


def trade(one: Trade) -> Json:
    return {
        "id": one.trade_id,
        "price": amount(one.price),
        "qty": amount(one.quantity),
        "quoteQty": amount(one.price * one.quantity),
        "time": one.at_ms,
        "isBuyerMaker": one.buyer_is_maker,
        "isBestMatch": True,
    }


def aggregates(trades: Iterable[Trade]) -> list[list[Trade]]:
    """Trades of one taker at one price, together."""
    grouped: dict[int, list[Trade]] = {}
    for one in trades:
        grouped.setdefault(one.aggregate_id, []).append(one)
    return list(grouped.values())


def aggregate(trades: list[Trade]) -> Json:
    first, last = trades[0], trades[-1]
    return {
        "a": first.aggregate_id,
        "p": amount(first.price),
        "q": amount(sum((one.quantity for one in trades), Decimal(0))),
        "f": first.trade_id,
        "l": last.trade_id,
        "T": first.at_ms,
        "m": first.buyer_is_maker,
        "M": True,
    }


def kline(one: Kline, interval: str) -> list[Any]:
    return [
        one.open_time_ms,
        *(amount(value) for value in (one.open, one.high, one.low, one.close, one.volume)),
        one.open_time_ms + INTERVALS_MS[interval] - 1,
        amount(one.quote_volume),
        one.trades,
        amount(one.taker_buy_volume),
        amount(one.taker_buy_quote_volume),
        "0",
    ]


def day_ticker(book: OrderBook, tape: Tape, now_ms: int) -> Json:
    day = tape.day(now_ms)
    (bid, ask), last = best(book), tape.trades[-1].quantity if tape.trades else Decimal(0)
    change = day.close - day.open
    return {
        "symbol": book.symbol,
        "priceChange": amount(change),
        "priceChangePercent": f"{change / day.open * 100 if day.open else Decimal(0):.3f}",
        "weightedAvgPrice": amount(day.quote_volume / day.volume if day.volume else day.close),
        "prevClosePrice": amount(day.open),
        "lastPrice": amount(tape.last_price),
        "lastQty": amount(last),
        "bidPrice": amount(bid[0]),
        "bidQty": amount(bid[1]),
        "askPrice": amount(ask[0]),
        "askQty": amount(ask[1]),
        "openPrice": amount(day.open),
        "highPrice": amount(day.high),
        "lowPrice": amount(day.low),
        "volume": amount(day.volume),
        "quoteVolume": amount(day.quote_volume),
        "openTime": day.open_time_ms,
        "closeTime": now_ms,
        "firstId": day.first_trade_id,
        "lastId": day.last_trade_id,
        "count": day.trades,
    }


def best(book: OrderBook) -> tuple[Level, Level]:
    """Best bid and ask; zeros where a side is empty."""
    nothing = (Decimal(0), Decimal(0))
    bids, asks = book.bids.levels(1), book.asks.levels(1)
    return bids[0] if bids else nothing, asks[0] if asks else nothing


def book_ticker(book: OrderBook) -> Json:
    bid, ask = best(book)
    return {
        "symbol": book.symbol,
        "bidPrice": amount(bid[0]),
        "bidQty": amount(bid[1]),
        "askPrice": amount(ask[0]),
        "askQty": amount(ask[1]),
    }


def symbol(one: Symbol, *, halted: bool) -> Json:
    """An exchangeInfo entry."""
    return {
        "symbol": one.name,
        "status": "BREAK" if halted else "TRADING",
        "baseAsset": one.base,
        "baseAssetPrecision": 8,
        "quoteAsset": one.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(one),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(one: Symbol) -> list[Json]:
    tick, step = amount(one.tick_size), amount(one.step_size)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": amount(one.max_price), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": amount(one.max_quantity), "stepSize": step},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": amount(one.max_market_quantity),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": str(one.percent_up),
            "multiplierDown": str(one.percent_down),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(one.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(one.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": one.max_stop_orders},
    ]


# -- accounts


def account(one: Account, *, omit_zero: bool) -> Json:
    rates = [
        amount(rate if rate is not None else Decimal("0.001"))
        for rate in (one.maker_fee_rate, one.taker_fee_rate)
    ]
    return {
        "makerCommission": int(Decimal(rates[0]) * 10_000),
        "takerCommission": int(Decimal(rates[1]) * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": rates[0],
            "taker": rates[1],
            "buyer": amount(Decimal(0)),
            "seller": amount(Decimal(0)),
        },
        "canTrade": one.can_trade,
        "canWithdraw": one.can_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": one.updated_at_ms,
        "accountType": "SPOT",
        "balances": balances(one, omit_zero=omit_zero),
        "permissions": ["SPOT"],
        "uid": one.uid,
    }


def balances(one: Account, *, omit_zero: bool) -> list[Json]:
    return [
        {"asset": asset, "free": amount(held.free), "locked": amount(held.locked)}
        for asset, held in sorted(one.balances.items())
        if not omit_zero or held.free or held.locked
    ]


# -- events


def report(one: Report) -> Json:
    match one:
        case OrderReport():
            return _execution_report(one)
        case PositionReport():
            return {
                "e": "outboundAccountPosition",
                "E": one.at_ms,
                "u": one.at_ms,
                "B": [
                    {"a": asset, "f": amount(free), "l": amount(locked)}
                    for asset, free, locked in one.balances
                ],
            }
        case MoneyReport():
            return {
                "e": "balanceUpdate",
                "E": one.at_ms,
                "a": one.asset,
                "d": amount(one.change),
                "T": one.at_ms,
            }
        case ListReport():
            listing = order_list(one.order_list)
            return {
                "e": "listStatus",
                "E": one.at_ms,
                "s": listing["symbol"],
                "g": listing["orderListId"],
                "c": listing["contingencyType"],
                "l": listing["listStatusType"],
                "L": listing["listOrderStatus"],
                "r": "NONE",
                "C": listing["listClientOrderId"],
                "T": one.at_ms,
                "O": [
                    {"s": leg["symbol"], "i": leg["orderId"], "c": leg["clientOrderId"]}
                    for leg in listing["orders"]
                ],
            }


def _execution_report(one: OrderReport) -> Json:
    this, fill = one.order, one.fill
    ended = one.execution == CANCELED
    zero = amount(Decimal(0))
    return {
        "e": "executionReport",
        "E": one.at_ms,
        "s": this.symbol,
        "c": (one.cancel_id or _cancel_id(this)) if ended else this.client_order_id,
        "S": this.side,
        "o": this.type,
        "f": this.time_in_force,
        "q": amount(this.quantity),
        "p": amount(this.price),
        "P": amount(this.stop_price),
        "F": zero,
        "g": this.order_list_id,
        "C": this.client_order_id if ended else "",
        "x": one.execution,
        "X": this.status,
        "r": "NONE",
        "i": this.order_id,
        "l": amount(fill.quantity) if fill else zero,
        "z": amount(this.executed),
        "L": amount(fill.price) if fill else zero,
        "n": amount(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": one.at_ms,
        "t": fill.trade_id if fill else -1,
        "I": this.order_id * 1_000 + len(this.fills),
        "w": this.is_working and this.is_open and this.type != MARKET,
        "m": fill.is_maker if fill else False,
        "M": False,
        "O": this.created_at_ms,
        "Z": amount(this.executed_quote),
        "Y": amount(fill.price * fill.quantity) if fill else zero,
        "Q": amount(this.quote_order_quantity),
        "W": -1 if this.working_at_ms is None else this.working_at_ms,
        "V": "NONE",
    }
