"""The control API under /control, loopback only: the truth to compare with, and the hand on the market."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from adapters.simulator.core import commands as c
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.orders import BUY, SELL, Order
from adapters.simulator.server import wire
from adapters.simulator.server.faults import parse_fault
from adapters.simulator.server.parameters import Parameters
from adapters.simulator.server.streams import Hub
from adapters.simulator.server.venue import Venue
from domain.errors import InvalidValue
from domain.money import parse_asset, text

Handler = Callable[[web.Request], Awaitable[Any]]
_LEVELS = 10


class Control:
    def __init__(self, venue: Venue, hub: Hub) -> None:
        self._venue, self._hub = venue, hub

    def routes(self) -> list[web.RouteDef]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/control/state", self._state),
            ("GET", "/control/journal", self._journal),
            ("GET", "/control/requests", self._requests),
            ("GET", "/control/accounts/{account}", self._account),
            ("POST", "/control/accounts", self._open_account),
            ("POST", "/control/keys", self._issue_key),
            ("DELETE", "/control/keys/{key}", self._revoke_key),
            ("POST", "/control/terms", self._set_terms),
            ("POST", "/control/transfers", self._move_money),
            ("POST", "/control/orders", self._place),
            ("DELETE", "/control/orders/{account}/{symbol}/{order_id}", self._cancel),
            ("POST", "/control/price", self._price),
            ("POST", "/control/market", self._market),
            ("POST", "/control/advance", self._advance),
            ("POST", "/control/clock", self._clock),
            ("POST", "/control/halt", self._halt),
            ("GET", "/control/faults", self._faults),
            ("POST", "/control/faults", self._set_fault),
            ("DELETE", "/control/faults", self._take_back),
            ("DELETE", "/control/faults/{id}", self._take_back),
            ("POST", "/control/disconnect", self._disconnect),
        ]
        return [web.route(method, path, self._answered(handler)) for method, path, handler in table]

    def _answered(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if not _is_loopback(request.remote):
                return _json({"error": "the control API answers on loopback only"}, 403)
            try:
                return _json(await handler(request), 200)
            except InvalidValue as error:
                return _json({"error": str(error), "field": error.field}, 422)
            except Rejected as error:
                return _json({"error": error.message, "code": error.code}, 409)

        return answer

    # -- looking

    async def _state(self, _: web.Request) -> Any:
        venue, exchange = self._venue, self._venue.exchange
        return {
            "now_ms": venue.now_ms(),
            "skew_ms": venue.clock.skew_ms,
            "advanced_ms": venue.clock.advanced_ms,
            "seed": venue.seed,
            "journal": {"path": str(venue.journal.path), "lines": venue.journal.lines},
            "ids": dict(zip(("order", "list", "trades", "updates"), exchange.ids(), strict=True)),
            "symbols": {
                name: {
                    "last_price": text(exchange.tapes[name].last_price),
                    "bid": text(wire.best(book)[0][0]),
                    "ask": text(wire.best(book)[1][0]),
                    "halted": name in venue.halted,
                }
                for name, book in exchange.books.items()
            },
            "accounts": [name for name, account in exchange.accounts.items() if not account.is_internal],
            "faults": venue.faults.shown(),
            "connections": {
                "user": sum(bool(one.accounts) for one in self._hub.connections),
                "market": sum(bool(one.streams) for one in self._hub.connections),
            },
        }

    async def _journal(self, _: web.Request) -> Any:
        exchange = self._venue.exchange
        return {
            "accounts": {
                name: self._shown(name)
                for name, account in exchange.accounts.items()
                if not account.is_internal
            },
            "totals": {asset: text(total) for asset, total in exchange.totals().items()},
            "fees": {
                asset: text(balance.free) for asset, balance in exchange.accounts["house"].balances.items()
            },
        }

    async def _requests(self, _: web.Request) -> Any:
        return {"counts": dict(self._venue.counts), "newest": list(self._venue.requests)}

    async def _account(self, request: web.Request) -> Any:
        return self._shown(request.match_info["account"])

    def _shown(self, name: str) -> dict[str, Any]:
        account = self._venue.exchange.account(name)
        return {
            "balances": {
                asset: {"free": text(held.free), "locked": text(held.locked)}
                for asset, held in account.balances.items()
            },
            "orders": [wire.order(order) for order in account.orders.values()],
            "trades": [
                wire.own_trade(order, fill) for order in account.orders.values() for fill in order.fills
            ],
            "transfers": [
                {
                    "id": one.transfer_id,
                    "asset": one.asset,
                    "amount": text(one.amount),
                    "network": one.network,
                    "at_ms": one.at_ms,
                }
                for one in account.transfers
            ],
            "keys": [key.key for key in self._venue.exchange.keys.values() if key.account == name],
        }

    # -- accounts

    async def _open_account(self, request: web.Request) -> Any:
        body = await _body(request)
        name = body.word("account")
        self._venue.execute(c.OpenAccount(account=name))
        if "key" in body.given:
            self._venue.execute(body.key(name))
        for asset, amount in body.mapping("balances").items():
            self._deposit(name, asset, _amount("balances", amount))
        return self._shown(name)

    def _deposit(self, account: str, asset: str, amount: Decimal, **where: str) -> str:
        taken = sum(len(one.transfers) for one in self._venue.exchange.accounts.values())
        transfer_id = f"{'deposit' if amount > 0 else 'withdrawal'}-{taken + 1}"
        self._venue.execute(
            c.MoveMoney(
                account=account,
                asset=parse_asset(asset),
                amount=amount,
                transfer_id=where.get("transfer_id") or transfer_id,
                network=where.get("network", ""),
                address=where.get("address", ""),
            )
        )
        return where.get("transfer_id") or transfer_id

    async def _issue_key(self, request: web.Request) -> Any:
        body = await _body(request)
        command = body.key(body.word("account"))
        self._venue.execute(command)
        return {"key": command.key, "account": command.account}

    async def _revoke_key(self, request: web.Request) -> Any:
        self._venue.execute(c.RevokeKey(key=request.match_info["key"]))
        return {}

    async def _set_terms(self, request: web.Request) -> Any:
        body = await _body(request)
        fee_asset = body.given.get("fee_asset", "received")
        if fee_asset not in ("received", "quote", "BNB"):
            raise InvalidValue("fee_asset", f"{fee_asset!r} is not one of received, quote, BNB")
        command = c.SetTerms(
            account=body.word("account"),
            maker_fee_rate=body.amount("maker_fee_rate"),
            taker_fee_rate=body.amount("taker_fee_rate"),
            fee_asset=fee_asset,
            can_trade=body.flag("can_trade", usual=True),
            can_withdraw=body.flag("can_withdraw", usual=True),
        )
        self._venue.execute(command)
        return asdict(command) | {
            "maker_fee_rate": body.given.get("maker_fee_rate"),
            "taker_fee_rate": body.given.get("taker_fee_rate"),
        }

    async def _move_money(self, request: web.Request) -> Any:
        body = await _body(request)
        where = {
            name: body.word(name) for name in ("transfer_id", "network", "address") if name in body.given
        }
        amount = body.needed_amount("amount")
        return {"id": self._deposit(body.word("account"), body.word("asset"), amount, **where)}

    # -- the market

    async def _place(self, request: web.Request) -> Any:
        body = await _body(request)
        given = Parameters({name: str(value) for name, value in body.given.items() if name != "account"})
        command = c.PlaceOrder(account=body.word("account"), order=given.new_order())
        order = self._venue.answer(command, Order)
        return wire.placed(order, "FULL")

    async def _cancel(self, request: web.Request) -> Any:
        order_id = request.match_info["order_id"]
        if not order_id.isdecimal():
            raise InvalidValue("order_id", f"{order_id!r} is no order id")
        command = c.CancelOrder(
            account=request.match_info["account"],
            symbol=request.match_info["symbol"],
            order_id=int(order_id),
        )
        order = self._venue.answer(command, Order)
        return wire.canceled(order, None)

    async def _price(self, request: web.Request) -> Any:
        """Quote around a price and trade once on either side: the last price is the best ask."""
        body = await _body(request)
        symbol = self._venue.exchange.symbol(body.word("symbol"))
        price = body.needed_amount("price")
        spread = body.amount("half_spread")
        quantity = body.amount("quantity")
        spread = symbol.tick_size if spread is None else spread
        command = c.MoveMarket(
            symbol=symbol.name,
            price=price,
            half_spread=spread,
            gap=symbol.tick_size,
            levels=_LEVELS,
            quantity=Decimal(10) if quantity is None else quantity,
            takes=(c.Take(side=SELL, quantity=symbol.step_size), c.Take(side=BUY, quantity=symbol.step_size)),
        )
        self._venue.execute(command)
        return {"last_price": text(self._venue.exchange.tapes[symbol.name].last_price)}

    async def _market(self, request: web.Request) -> Any:
        """The maker quotes as it is told; levels of 0 take all quotes away."""
        body = await _body(request)
        symbol = self._venue.exchange.symbol(body.word("symbol"))
        levels = body.given.get("levels", _LEVELS)
        if not isinstance(levels, int) or isinstance(levels, bool) or not 0 <= levels <= 1_000:
            raise InvalidValue("levels", "must be a whole number from 0 to 1000")
        takes = [
            c.Take(side=str(take.get("side")), quantity=_amount("takes", take.get("quantity")))
            for take in body.given.get("takes", [])
            if isinstance(take, dict)
        ]
        gap, quantity, spread = body.amount("gap"), body.amount("quantity"), body.amount("half_spread")
        command = c.MoveMarket(
            symbol=symbol.name,
            price=body.needed_amount("price"),
            half_spread=symbol.tick_size if spread is None else spread,
            gap=symbol.tick_size if gap is None else gap,
            levels=levels,
            quantity=Decimal(10) if quantity is None else quantity,
            takes=tuple(takes),
        )
        outcome = self._venue.execute(command)
        return {"trades": [wire.trade(one) for one in outcome.trades]}

    async def _advance(self, request: web.Request) -> Any:
        """Move the clock ahead."""
        self._venue.clock.advanced_ms += (await _body(request)).whole("ms", least=0)
        return {"now_ms": self._venue.now_ms()}

    async def _clock(self, request: web.Request) -> Any:
        """Set the clock wrong by so much."""
        self._venue.clock.skew_ms = (await _body(request)).whole("skew_ms", least=-(10**9))
        return {"now_ms": self._venue.now_ms()}

    async def _halt(self, request: web.Request) -> Any:
        """Stop, or resume, trading in a symbol."""
        body = await _body(request)
        symbol = self._venue.exchange.symbol(body.word("symbol")).name
        if body.flag("halted", usual=True):
            self._venue.halted.add(symbol)
        else:
            self._venue.halted.discard(symbol)
        return {"halted": sorted(self._venue.halted)}

    # -- faults

    async def _faults(self, _: web.Request) -> Any:
        return self._venue.faults.shown()

    async def _set_fault(self, request: web.Request) -> Any:
        fault = parse_fault((await _body(request)).given)
        if fault.do == "stale_depth":
            self._venue.freeze_depth()
        return {"id": self._venue.faults.set(fault)}

    async def _take_back(self, request: web.Request) -> Any:
        named = request.match_info.get("id")
        if named is not None and not named.isdecimal():
            raise InvalidValue("id", f"{named!r} is no fault's id")
        self._venue.faults.take_back(None if named is None else int(named))
        return self._venue.faults.shown()

    async def _disconnect(self, request: web.Request) -> Any:
        which = (await _body(request)).given.get("streams", "all")
        if which not in ("user", "market", "all"):
            raise InvalidValue("streams", f"{which!r} is not one of user, market, all")
        return {"closed": await self._hub.disconnect(users=which != "market", markets=which != "user")}


class Body:
    """A JSON object; InvalidValue names the member that is wrong."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    def word(self, name: str) -> str:
        value = self.given.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidValue(name, "must be a string that is not empty")
        return value

    def amount(self, name: str) -> Decimal | None:
        return _amount(name, self.given[name]) if self.given.get(name) is not None else None

    def needed_amount(self, name: str) -> Decimal:
        return _amount(name, self.given.get(name))

    def flag(self, name: str, *, usual: bool) -> bool:
        value = self.given.get(name, usual)
        if not isinstance(value, bool):
            raise InvalidValue(name, "must be true or false")
        return value

    def whole(self, name: str, *, least: int) -> int:
        value = self.given.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 10**10:
            raise InvalidValue(name, f"must be a whole number, at least {least}")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.given.get(name, {})
        if not isinstance(value, dict):
            raise InvalidValue(name, "must be an object")
        return value

    def key(self, account: str) -> c.IssueKey:
        return c.IssueKey(
            account=account,
            key=self.word("key"),
            secret=self.word("secret"),
            can_trade=self.flag("can_trade", usual=True),
            can_withdraw=self.flag("can_withdraw", usual=False),
        )


async def _body(request: web.Request) -> Body:
    try:
        given = json.loads(await request.text())
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise InvalidValue("body", "must be a JSON object")
    return Body(given)


def _amount(name: str, value: Any) -> Decimal:
    """A finite number of at most 8 places, written as a string."""
    try:
        amount = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or abs(amount) >= 10**15 or amount != round(amount, 8):
        raise InvalidValue(
            name, f"{value!r} is no amount; write it as a string such as '1500.25', at most 8 places"
        )
    return amount


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _json(body: Any, status: int) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")
