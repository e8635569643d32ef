"""Every request the exchange answers, by its kind, whether it came over HTTP or a WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from adapters.simulator.core import commands as c
from adapters.simulator.core.accounts import Key, Transfer
from adapters.simulator.core.errors import Rejected, bad_key, missing, no_such_order, unknown_to_cancel
from adapters.simulator.core.orders import BUY, LIMIT_MAKER, STOP_LOSS, STOP_LOSS_LIMIT, NewOrder, Order
from adapters.simulator.core.outcomes import OrderList, Replaced
from adapters.simulator.core.tape import INTERVALS_MS, Trade
from adapters.simulator.server import wire
from adapters.simulator.server.parameters import Parameters
from adapters.simulator.server.venue import Venue
from domain.money import text

_DAY_MS = 86_400_000
_DEPTHS = 5_000
_OPEN, _SIGNED, _TRADES = "open", "signed", "trades"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: of whom, with what."""

    venue: Venue
    given: Parameters
    key: Key | None = None

    @property
    def signer(self) -> Key:
        """Of a signed operation."""
        if self.key is None:
            raise bad_key()
        return self.key

    @property
    def account(self) -> str:
        return self.signer.account

    @property
    def symbol(self) -> str:
        name = self.given.required("symbol")
        self.venue.exchange.symbol(name)
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`security`: open, signed, or trades (signed by a key that may trade). `weight` of the request limit."""

    kind: str
    answer: Callable[[Asked], Any]
    security: str = _OPEN
    weight: int = 1
    counts_as_order: bool = False


def checked(operation: Operation, key: Key | None) -> None:
    """Whether the key may do this."""
    if operation.security == _TRADES and key is not None and not key.can_trade:
        raise bad_key()


# -- the exchange


def _ping(_: Asked) -> Any:
    return {}


def _time(asked: Asked) -> Any:
    return {"serverTime": asked.venue.now_ms()}


def _exchange_info(asked: Asked) -> Any:
    venue, exchange = asked.venue, asked.venue.exchange
    wanted = asked.given.text("symbol")
    names = [wanted] if wanted else _several(asked) or list(exchange.symbols)
    return {
        "timezone": "UTC",
        "serverTime": venue.now_ms(),
        "rateLimits": rate_limits(venue),
        "exchangeFilters": [],
        "symbols": [wire.symbol(exchange.symbol(name), halted=name in venue.halted) for name in names],
    }


def rate_limits(venue: Venue) -> list[dict[str, Any]]:
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": venue.limits.weight_a_minute,
        },
        {
            "rateLimitType": "ORDERS",
            "interval": "SECOND",
            "intervalNum": 10,
            "limit": venue.limits.orders_in_ten_seconds,
        },
    ]


def _several(asked: Asked) -> list[str]:
    """`symbols=["BTCUSDT","ETHUSDT"]`."""
    raw = asked.given.text("symbols")
    return [part.strip('" ') for part in raw.strip("[]").split(",") if part] if raw else []


# -- market data


def _depth(asked: Asked) -> Any:
    limit = asked.given.limit(100, _DEPTHS)
    if asked.venue.faults.is_set("stale_depth") and asked.symbol in asked.venue.stale:
        stale = asked.venue.stale[asked.symbol]
        return {**stale, "bids": stale["bids"][:limit], "asks": stale["asks"][:limit]}
    return wire.depth(asked.venue.book(asked.symbol), limit)


def _trades(asked: Asked) -> Any:
    kept = list(asked.venue.exchange.tapes[asked.symbol].trades)
    from_id = asked.given.integer("fromId")
    limit = asked.given.limit(500, 1_000)
    if from_id is not None:
        return [wire.trade(one) for one in kept if one.trade_id >= from_id][:limit]
    return [wire.trade(one) for one in kept[-limit:]]


def _agg_trades(asked: Asked) -> Any:
    given = asked.given
    kept: list[Trade] = list(asked.venue.exchange.tapes[asked.symbol].trades)
    from_id, start, end = given.integer("fromId"), given.integer("startTime"), given.integer("endTime")
    grouped = [
        group
        for group in wire.aggregates(kept)
        if (from_id is None or group[0].aggregate_id >= from_id)
        and (start is None or group[0].at_ms >= start)
        and (end is None or group[0].at_ms <= end)
    ]
    limit = given.limit(500, 1_000)
    chosen = grouped[-limit:] if from_id is None and start is None else grouped[:limit]
    return [wire.aggregate(group) for group in chosen]


def _klines(asked: Asked) -> Any:
    given, interval = asked.given, asked.given.required("interval")
    if interval not in INTERVALS_MS:
        raise Rejected(-1120, "Invalid interval.")
    start, end = given.integer("startTime"), given.integer("endTime")
    limit = given.limit(500, 1_000)
    found = [
        one
        for one in asked.venue.exchange.tapes[asked.symbol].klines(interval, asked.venue.now_ms())
        if (start is None or one.open_time_ms >= start) and (end is None or one.open_time_ms <= end)
    ]
    chosen = found[:limit] if start is not None else found[-limit:]
    return [wire.kline(one, interval) for one in chosen]


def _of_each(shape: Callable[[Venue, str], Any]) -> Callable[[Asked], Any]:
    """One symbol's, or a list of all or of those named."""

    def answer(asked: Asked) -> Any:
        wanted = asked.given.text("symbol")
        if wanted:
            return shape(asked.venue, asked.symbol)
        return [shape(asked.venue, name) for name in _several(asked) or asked.venue.exchange.symbols]

    return answer


def _day_ticker(venue: Venue, symbol: str) -> Any:
    return wire.day_ticker(venue.book(symbol), venue.exchange.tapes[symbol], venue.now_ms())


def _price(venue: Venue, symbol: str) -> Any:
    venue.exchange.symbol(symbol)
    return {"symbol": symbol, "price": wire.amount(venue.exchange.tapes[symbol].last_price)}


def _book_ticker(venue: Venue, symbol: str) -> Any:
    return wire.book_ticker(venue.book(symbol))


def _avg_price(asked: Asked) -> Any:
    tape = asked.venue.exchange.tapes[asked.symbol]
    return {"mins": 0, "price": wire.amount(tape.last_price), "closeTime": asked.venue.now_ms()}


# -- orders


def _place(asked: Asked) -> Any:
    answer = (asked.given.text("newOrderRespType") or "FULL").upper()
    if answer not in ("ACK", "RESULT", "FULL"):
        raise missing("newOrderRespType")
    new = asked.given.new_order()
    _check_trading(asked.venue, new.symbol)
    order = asked.venue.answer(c.PlaceOrder(account=asked.account, order=new), Order)
    return wire.placed(order, answer)


def _check_trading(venue: Venue, symbol: str) -> None:
    if symbol in venue.halted:
        raise Rejected(-1013, "Market is closed.")


def _test_order(asked: Asked) -> Any:
    asked.venue.exchange.check_new(asked.account, asked.given.new_order())
    return {}


def _by_id(asked: Asked) -> Order:
    order = asked.venue.exchange.order(
        asked.account,
        asked.symbol,
        asked.given.integer("orderId"),
        asked.given.text("origClientOrderId"),
    )
    if not asked.venue.is_visible(order):
        raise no_such_order()
    return order


def _query(asked: Asked) -> Any:
    return wire.order(_by_id(asked))


def _cancel_command(asked: Asked, *, order_id: str, client_id: str, cancel_id: str) -> c.CancelOrder:
    given = asked.given
    restriction = given.text("cancelRestrictions")
    statuses = {None: None, "ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}
    if restriction not in statuses:
        raise missing("cancelRestrictions")
    return c.CancelOrder(
        account=asked.account,
        symbol=asked.symbol,
        order_id=given.integer(order_id),
        client_order_id=given.text(client_id),
        cancel_id=given.client_id(cancel_id),
        only_status=statuses[restriction],
    )


def _cancel(asked: Asked) -> Any:
    command = _cancel_command(
        asked, order_id="orderId", client_id="origClientOrderId", cancel_id="newClientOrderId"
    )
    exchange = asked.venue.exchange
    found = exchange.find(command.account, command.symbol, command.order_id, command.client_order_id)
    if found is not None and not asked.venue.is_visible(found):
        raise unknown_to_cancel()
    order = asked.venue.answer(command, Order)
    return wire.canceled(order, command.cancel_id)


def _cancel_all(asked: Asked) -> Any:
    orders = asked.venue.answer(c.CancelOpenOrders(account=asked.account, symbol=asked.symbol), tuple)
    return [wire.canceled(order, None) for order in orders]


def _replace(asked: Asked) -> Any:
    mode = asked.given.required("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise missing("cancelReplaceMode")
    command = c.ReplaceOrder(
        cancel=_cancel_command(
            asked,
            order_id="cancelOrderId",
            client_id="cancelOrigClientOrderId",
            cancel_id="cancelNewClientOrderId",
        ),
        order=asked.given.new_order(),
        even_if_not_canceled=mode == "ALLOW_FAILURE",
    )
    _check_trading(asked.venue, command.order.symbol)
    try:
        replaced = asked.venue.answer(command, Replaced)
    except Rejected as refusal:
        if isinstance(refusal.data, Replaced):
            raise Rejected(
                refusal.code, refusal.message, refusal.status, _both(refusal.data, command)
            ) from None
        raise
    shown = _both(replaced, command)
    if isinstance(replaced.canceled, Order) and isinstance(replaced.placed, Order):
        return shown
    raise Rejected(-2021, "Order cancel-replace partially failed.", 409, shown)


def _both(replaced: Replaced, command: c.ReplaceOrder) -> dict[str, Any]:
    def result(part: Order | Rejected | None) -> str:
        return {Order: "SUCCESS", Rejected: "FAILURE"}.get(type(part), "NOT_ATTEMPTED")

    canceled, placed = replaced.canceled, replaced.placed
    return {
        "cancelResult": result(canceled),
        "newOrderResult": result(placed),
        "cancelResponse": wire.canceled(canceled, command.cancel.cancel_id)
        if isinstance(canceled, Order)
        else canceled and canceled.as_json(),
        "newOrderResponse": wire.placed(placed, "FULL")
        if isinstance(placed, Order)
        else placed and placed.as_json(),
    }


def _open_orders(asked: Asked) -> Any:
    account, wanted = asked.venue.exchange.account(asked.account), asked.given.text("symbol")
    if wanted:
        asked.venue.exchange.symbol(wanted)
    return [
        wire.order(order)
        for order in account.open_orders.values()
        if wanted in (None, order.symbol) and asked.venue.is_visible(order)
    ]


def _all_orders(asked: Asked) -> Any:
    given, symbol = asked.given, asked.symbol
    from_id, start, end = given.integer("orderId"), given.integer("startTime"), given.integer("endTime")
    _check_span(start, end)
    mine = [
        order
        for order in asked.venue.exchange.account(asked.account).orders.values()
        if order.symbol == symbol
        and (from_id is None or order.order_id >= from_id)
        and (start is None or order.created_at_ms >= start)
        and (end is None or order.created_at_ms <= end)
        and asked.venue.is_visible(order)
    ]
    limit = given.limit(500, 1_000)
    chosen = mine[-limit:] if from_id is None and start is None else mine[:limit]
    return [wire.order(order) for order in chosen]


def _check_span(start: int | None, end: int | None) -> None:
    if start is not None and end is not None and end - start > _DAY_MS:
        raise Rejected(-1127, "More than 24 hours between startTime and endTime.")


def _my_trades(asked: Asked) -> Any:
    given, symbol, venue = asked.given, asked.symbol, asked.venue
    order_id, from_id = given.integer("orderId"), given.integer("fromId")
    start, end = given.integer("startTime"), given.integer("endTime")
    _check_span(start, end)
    shown_until = venue.now_ms() - venue.faults.standing_ms("late_fills")
    if not venue.faults.is_set("late_fills"):
        shown_until = max(shown_until, venue.exchange.now_ms)
    mine = sorted(
        (
            (fill, order)
            for order in venue.exchange.account(asked.account).orders.values()
            if order.symbol == symbol and order_id in (None, order.order_id)
            for fill in order.fills
            if fill.at_ms <= shown_until
            and (from_id is None or fill.trade_id >= from_id)
            and (start is None or fill.at_ms >= start)
            and (end is None or fill.at_ms <= end)
        ),
        key=lambda pair: pair[0].trade_id,
    )
    limit = given.limit(500, 1_000)
    newest = from_id is None and start is None and order_id is None
    chosen = mine[-limit:] if newest else mine[:limit]
    return [wire.own_trade(order, fill) for fill, order in chosen]


# -- lists


def _place_oco(asked: Asked) -> Any:
    return _placed_oco(asked, asked.given.new_order("above"), asked.given.new_order("below"))


def _placed_oco(asked: Asked, above: NewOrder, below: NewOrder) -> Any:
    _check_trading(asked.venue, above.symbol)
    listed = asked.venue.answer(
        c.PlaceOco(
            account=asked.account,
            above=above,
            below=below,
            list_client_id=asked.given.client_id("listClientOrderId"),
        ),
        OrderList,
    )
    return wire.listed(listed)


def _place_old_oco(asked: Asked) -> Any:
    """order/oco: a limit leg, and a stop leg that is a limit order where stopLimitPrice says so."""
    given = asked.given
    limit = NewOrder(
        symbol=asked.symbol,
        side=given.required("side"),
        type=LIMIT_MAKER,
        quantity=given.amount("quantity"),
        price=given.amount("price"),
        client_order_id=given.text("limitClientOrderId"),
    )
    stop_limit_price = given.amount("stopLimitPrice")
    stop = NewOrder(
        symbol=limit.symbol,
        side=limit.side,
        type=STOP_LOSS if stop_limit_price is None else STOP_LOSS_LIMIT,
        quantity=limit.quantity,
        price=stop_limit_price,
        stop_price=given.amount("stopPrice"),
        time_in_force=given.text("stopLimitTimeInForce"),
        client_order_id=given.text("stopClientOrderId"),
    )
    return _placed_oco(asked, *((stop, limit) if limit.side == BUY else (limit, stop)))


def _list_of(asked: Asked) -> OrderList:
    list_id, client_id = asked.given.integer("orderListId"), asked.given.text("listClientOrderId")
    if client_id is None:
        client_id = asked.given.text("origClientOrderId")
    if list_id is None and client_id is None:
        raise missing("orderListId")
    for one in reversed(asked.venue.exchange.lists.values()):
        if one.account == asked.account and (one.order_list_id == list_id or one.client_id == client_id):
            return one
    raise Rejected(-2018, "Order list does not exist.")


def _query_list(asked: Asked) -> Any:
    return wire.order_list(_list_of(asked))


def _open_lists(asked: Asked) -> Any:
    return [
        wire.order_list(one)
        for one in asked.venue.exchange.lists.values()
        if one.account == asked.account and not one.is_done
    ]


def _cancel_list(asked: Asked) -> Any:
    try:
        listed = _list_of(asked)
    except Rejected as refusal:
        raise unknown_to_cancel() if refusal.code == -2018 else refusal from None
    answer = asked.venue.answer(
        c.CancelList(account=asked.account, symbol=asked.symbol, order_list_id=listed.order_list_id),
        OrderList,
    )
    return wire.listed(answer)


# -- accounts


def _account(asked: Asked) -> Any:
    account = asked.venue.exchange.account(asked.account)
    return wire.account(account, omit_zero=asked.given.flag("omitZeroBalances"))


def _commission(asked: Asked) -> Any:
    symbol = asked.venue.exchange.symbol(asked.symbol)
    account = asked.venue.exchange.account(asked.account)
    maker = symbol.maker_fee_rate if account.maker_fee_rate is None else account.maker_fee_rate
    taker = symbol.taker_fee_rate if account.taker_fee_rate is None else account.taker_fee_rate
    zero = wire.amount(Decimal(0))
    nothing = {"maker": zero, "taker": zero, "buyer": zero, "seller": zero}
    return {
        "symbol": symbol.name,
        "standardCommission": {**nothing, "maker": wire.amount(maker), "taker": wire.amount(taker)},
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": account.fee_asset == "BNB",
            "enabledForSymbol": True,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


def _trade_fee(asked: Asked) -> Any:
    wanted = asked.given.text("symbol")
    names = [wanted] if wanted else list(asked.venue.exchange.symbols)
    fees = [_commission(replace(asked, given=Parameters({"symbol": name}))) for name in names]
    return [
        {
            "symbol": fee["symbol"],
            "makerCommission": fee["standardCommission"]["maker"],
            "takerCommission": fee["standardCommission"]["taker"],
        }
        for fee in fees
    ]


def _restrictions(asked: Asked) -> Any:
    key = asked.signer
    return {
        "ipRestrict": False,
        "createTime": key.created_at_ms,
        "enableReading": True,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade,
    }


def _deposits(asked: Asked) -> Any:
    return [
        {
            "id": one.transfer_id,
            "amount": text(one.amount),
            "coin": one.asset,
            "network": one.network,
            "status": 1,
            "address": one.address,
            "addressTag": "",
            "txId": one.transfer_id,
            "insertTime": one.at_ms,
            "completeTime": one.at_ms,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 1,
            "walletType": 0,
        }
        for one in _transfers(asked)
        if one.amount > 0
    ]


def _withdrawals(asked: Asked) -> Any:
    return [
        {
            "id": one.transfer_id,
            "amount": text(-one.amount),
            "transactionFee": "0",
            "coin": one.asset,
            "network": one.network,
            "status": 6,
            "address": one.address,
            "txId": one.transfer_id,
            "applyTime": one.at_ms,
            "completeTime": one.at_ms,
            "transferType": 0,
            "walletType": 0,
        }
        for one in _transfers(asked)
        if one.amount < 0
    ]


def _transfers(asked: Asked) -> list[Transfer]:
    """Newest first."""
    given = asked.given
    coin, start, end = given.text("coin"), given.integer("startTime"), given.integer("endTime")
    found = [
        one
        for one in reversed(asked.venue.exchange.account(asked.account).transfers)
        if coin in (None, one.asset)
        and (start is None or one.at_ms >= start)
        and (end is None or one.at_ms <= end)
    ]
    offset = given.integer("offset") or 0
    return found[offset : offset + given.limit(1_000, 1_000)]


def _system_status(asked: Asked) -> Any:
    under = asked.venue.faults.is_set("maintenance")
    return {"status": 1, "msg": "system_maintenance"} if under else {"status": 0, "msg": "normal"}


def _operation(kind: str, answer: Callable[[Asked], Any], security: str, weight: int) -> Operation:
    return Operation(
        kind=kind,
        answer=answer,
        security=security,
        weight=weight,
        counts_as_order=kind in ("place", "replace", "place_oco", "place_old_oco"),
    )


OPERATIONS = {
    kind: _operation(kind, answer, security, weight)
    for kind, answer, security, weight in (
        ("ping", _ping, _OPEN, 1),
        ("time", _time, _OPEN, 1),
        ("exchange_info", _exchange_info, _OPEN, 20),
        ("depth", _depth, _OPEN, 5),
        ("trades", _trades, _OPEN, 25),
        ("agg_trades", _agg_trades, _OPEN, 4),
        ("klines", _klines, _OPEN, 2),
        ("ticker_24hr", _of_each(_day_ticker), _OPEN, 2),
        ("ticker_price", _of_each(_price), _OPEN, 2),
        ("ticker_book", _of_each(_book_ticker), _OPEN, 2),
        ("avg_price", _avg_price, _OPEN, 2),
        ("place", _place, _TRADES, 1),
        ("test_order", _test_order, _TRADES, 1),
        ("query", _query, _SIGNED, 4),
        ("cancel", _cancel, _TRADES, 1),
        ("cancel_all", _cancel_all, _TRADES, 1),
        ("replace", _replace, _TRADES, 1),
        ("open_orders", _open_orders, _SIGNED, 6),
        ("all_orders", _all_orders, _SIGNED, 20),
        ("my_trades", _my_trades, _SIGNED, 20),
        ("place_oco", _place_oco, _TRADES, 1),
        ("place_old_oco", _place_old_oco, _TRADES, 1),
        ("query_list", _query_list, _SIGNED, 4),
        ("open_lists", _open_lists, _SIGNED, 6),
        ("cancel_list", _cancel_list, _TRADES, 1),
        ("account", _account, _SIGNED, 20),
        ("commission", _commission, _SIGNED, 20),
        ("trade_fee", _trade_fee, _SIGNED, 1),
        ("restrictions", _restrictions, _SIGNED, 1),
        ("deposits", _deposits, _SIGNED, 1),
        ("withdrawals", _withdrawals, _SIGNED, 1),
        ("system_status", _system_status, _OPEN, 1),
    )
}

ROUTES = {
    ("GET", "/api/v3/ping"): "ping",
    ("GET", "/api/v3/time"): "time",
    ("GET", "/api/v3/exchangeInfo"): "exchange_info",
    ("GET", "/api/v3/depth"): "depth",
    ("GET", "/api/v3/trades"): "trades",
    ("GET", "/api/v3/historicalTrades"): "trades",
    ("GET", "/api/v3/aggTrades"): "agg_trades",
    ("GET", "/api/v3/klines"): "klines",
    ("GET", "/api/v3/uiKlines"): "klines",
    ("GET", "/api/v3/ticker/24hr"): "ticker_24hr",
    ("GET", "/api/v3/ticker/price"): "ticker_price",
    ("GET", "/api/v3/ticker/bookTicker"): "ticker_book",
    ("GET", "/api/v3/avgPrice"): "avg_price",
    ("POST", "/api/v3/order"): "place",
    ("POST", "/api/v3/order/test"): "test_order",
    ("GET", "/api/v3/order"): "query",
    ("DELETE", "/api/v3/order"): "cancel",
    ("DELETE", "/api/v3/openOrders"): "cancel_all",
    ("POST", "/api/v3/order/cancelReplace"): "replace",
    ("GET", "/api/v3/openOrders"): "open_orders",
    ("GET", "/api/v3/allOrders"): "all_orders",
    ("GET", "/api/v3/myTrades"): "my_trades",
    ("POST", "/api/v3/orderList/oco"): "place_oco",
    ("POST", "/api/v3/order/oco"): "place_old_oco",
    ("GET", "/api/v3/orderList"): "query_list",
    ("GET", "/api/v3/openOrderList"): "open_lists",
    ("DELETE", "/api/v3/orderList"): "cancel_list",
    ("GET", "/api/v3/account"): "account",
    ("GET", "/api/v3/account/commission"): "commission",
    ("GET", "/sapi/v1/asset/tradeFee"): "trade_fee",
    ("GET", "/sapi/v1/account/apiRestrictions"): "restrictions",
    ("GET", "/sapi/v1/capital/deposit/hisrec"): "deposits",
    ("GET", "/sapi/v1/capital/withdraw/history"): "withdrawals",
    ("GET", "/sapi/v1/system/status"): "system_status",
}

METHODS = {
    "ping": "ping",
    "time": "time",
    "exchangeInfo": "exchange_info",
    "depth": "depth",
    "klines": "klines",
    "trades.recent": "trades",
    "ticker.24hr": "ticker_24hr",
    "ticker.price": "ticker_price",
    "ticker.book": "ticker_book",
    "order.place": "place",
    "order.test": "test_order",
    "order.status": "query",
    "order.cancel": "cancel",
    "order.cancelReplace": "replace",
    "openOrders.status": "open_orders",
    "openOrders.cancelAll": "cancel_all",
    "allOrders": "all_orders",
    "myTrades": "my_trades",
    "orderList.place.oco": "place_oco",
    "orderList.status": "query_list",
    "orderList.cancel": "cancel_list",
    "account.status": "account",
    "account.commission": "commission",
}
