"""The venue: the matching core of the simulated exchange, behind a network that loses, delays and repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from adapters.simulator.core import commands as c
from adapters.simulator.core import orders as matched
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.exchange import Exchange as Core
from adapters.simulator.core.outcomes import OrderReport as CoreReport
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.core.tape import Tape, Trade
from application.ports.exchange import (
    WHILE_OPEN,
    AccountTrade,
    Exchange,
    Guarantees,
    OpenOrder,
    OrderReport,
    OrderRequest,
    VenueBalance,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
)
from domain.market import Market
from domain.money import EXACT, ZERO, Money, floor_to_step
from domain.orders.order import BUY, GTC, LIMIT, MARKET, Fill
from domain.reconciliation.statement import AccountStatement
from tests.simulation.faults import Faults
from tests.simulation.scheduler import BEGIN, Life, Scheduler

T = TypeVar("T")

TradeKey = tuple[str, str, str, str]
"""Account, symbol, trade id, side: two orders of one account may trade with each other."""

VENUE = "simvenue"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SYMBOLS = ("BTC/USDT", "ETH/USDT")
VISIBLE_WITHIN = timedelta(seconds=3)
CREATE_TIMEOUT_MS, READ_TIMEOUT_MS = 10_000, 5_000
OTHERS = "others-"
"""How the client order ids of orders on our accounts begin that are not ours."""

_STATUS = {matched.NEW: "open", matched.PARTIALLY_FILLED: "open", matched.FILLED: "filled"}


@dataclass(eq=False)
class Venue:
    """The venue's own truth. It loses no order, takes no request after its time, knows every fill."""

    scheduler: Scheduler
    faults: Faults
    requests_expire: bool = True
    prevents_self_trades: bool = True  # where a venue does not, see docs/adr/0034
    core: Core = field(default_factory=Core)
    placed: dict[str, list[matched.Order]] = field(default_factory=dict)  # by our client order id
    fills: dict[TradeKey, tuple[matched.Order, matched.Fill]] = field(default_factory=dict)
    visible_from_ms: dict[str, int] = field(default_factory=dict)
    told_from_ms: dict[str, int] = field(default_factory=dict)  # by trade id
    away_until_ms: int = 0
    before_place: Callable[[OrderRequest], None] = lambda request: None
    after_place: Callable[[matched.Order], None] = lambda order: None
    listeners: list[Callable[[str, OrderReport], None]] = field(default_factory=list)
    foreign: dict[tuple[str, str], Decimal] = field(
        default_factory=dict
    )  # by account and asset, what others did
    requests: int = 0

    def __post_init__(self) -> None:
        self.guarantees = Guarantees(
            requests_expire=self.requests_expire,
            client_ids_unique=WHILE_OPEN,
            not_found_after=VISIBLE_WITHIN,
            order_types=frozenset({MARKET, LIMIT}),
            times_in_force=frozenset({GTC}),
            streams_orders=True,
        )
        self.prices: dict[str, Decimal] = {}
        for name in SYMBOLS:
            symbol, price = USUAL[code(name)]
            self.prices[name] = price
            self.do(c.ListSymbol(symbol=symbol, price=price))
        bnb, price = USUAL["BNBUSDT"]
        self.do(c.ListSymbol(symbol=bnb, price=price))
        for listed, tape in self.core.tapes.items():
            self.core.tapes[listed] = _TapeOfPrices(tape.symbol, last_price=tape.last_price)

    # -- what the world does to it -------------------------------------------------------------------------

    def open(self, account: str, fee_asset: str, balances: Mapping[str, Decimal]) -> None:
        self.do(c.OpenAccount(account=account))
        self.do(c.SetTerms(account=account, fee_asset=fee_asset))  # type: ignore[arg-type]
        for asset, amount in balances.items():
            self.do(
                c.MoveMoney(account=account, asset=asset, amount=amount, transfer_id=f"{account}-{asset}")
            )

    def move(self, symbol: str, price: Decimal, takes: Sequence[c.Take] = ()) -> None:
        """Its market quotes around another price, and others trade."""
        self.prices[symbol] = price
        tick = self.core.symbols[code(symbol)].tick_size
        self.do(
            c.MoveMarket(
                symbol=code(symbol),
                price=price,
                half_spread=floor_to_step(price / 2000, tick),
                gap=floor_to_step(price / 1000, tick),
                levels=3,
                quantity=self._depth(symbol),
                takes=tuple(takes),
            )
        )

    def _depth(self, symbol: str) -> Decimal:
        """At one price: now and then less than an order of ours wants."""
        least, most = (2, 60) if symbol.startswith("BTC") else (50, 1500)
        return Decimal(self.scheduler.rng.randint(least, most)) / 1000

    def trade_of_others(self, account: str, symbol: str, side: str, quantity: Decimal, id: str) -> None:
        """Somebody else with a key of this account trades."""
        new = matched.NewOrder(
            symbol=code(symbol), side=side.upper(), type="MARKET", quantity=quantity, client_order_id=id
        )
        try:
            self._require_no_self_trade(account, new)
            self.do(c.PlaceOrder(account=account, order=new))
        except (Rejected, VenueRefused) as refusal:
            self.scheduler.note(f"venue: an order of others is refused: {refusal}")

    def do(self, command: c.Command) -> Any:
        """Apply it, and tell what it did to accounts."""
        outcome = self.core.apply(command, self._now_ms())
        for report in outcome.reports:
            if isinstance(report, CoreReport):
                self._happened(report)
        return outcome.answer

    def _happened(self, report: CoreReport) -> None:
        order, fill = report.order, report.fill
        id = order.client_order_id
        if fill is not None:
            key = (order.account, order.symbol, str(fill.trade_id), order.side.lower())
            self.fills[key] = (order, fill)
            late_ms = self.scheduler.rng.randint(500, 40_000) if self.faults.strikes("trades_late") else 0
            self.told_from_ms[str(fill.trade_id)] = self.scheduler.now_ms + late_ms
            if id.startswith(OTHERS):
                self._count_foreign(order, fill)
        words = f"venue: {id} {report.execution} {order.executed}/{order.quantity} {order.side}"
        self.scheduler.note(words)
        if not id.startswith(OTHERS):
            said = told(order, () if fill is None else (as_fill(fill),))
            for listener in self.listeners:
                listener(order.account, said)

    def _count_foreign(self, order: matched.Order, fill: matched.Fill) -> None:
        for asset, amount in effect(order, fill, self.core).items():
            key = (order.account, asset)
            self.foreign[key] = EXACT.add(self.foreign.get(key, ZERO), amount)

    def _now_ms(self) -> int:
        return int(BEGIN.timestamp()) * 1000 + self.scheduler.now_ms

    # -- requests as they arrive ---------------------------------------------------------------------------

    def place(self, request: OrderRequest) -> OrderReport:
        self.requests += 1
        expires = request.expires_at_utc
        if self.requests_expire and expires is not None and self.scheduler.now() >= expires:
            raise VenueRefused("-1021 the request came too late")
        new = self._as_new(request)
        try:
            self.core.check_new(request.venue_account, new)
            self._require_no_self_trade(request.venue_account, new)
            self.before_place(request)
            order = self.do(c.PlaceOrder(account=request.venue_account, order=new))
        except Rejected as refusal:
            raise VenueRefused(str(refusal)) from None
        id = request.client_order_id
        kept = self.core.accounts[request.venue_account].by_client_id[id]
        self.placed.setdefault(id, []).append(kept)
        if self.faults.strikes("invisible"):
            most_ms = VISIBLE_WITHIN // timedelta(milliseconds=1)
            self.visible_from_ms[id] = self.scheduler.now_ms + self.scheduler.rng.randint(1, most_ms)
        self.after_place(kept)
        return self.told(order)

    def cancel(self, account: str, symbol: str, id: str) -> OrderReport:
        order = self._find(account, symbol, id)
        with suppress(Rejected):  # it has ended: told as it stands
            self.do(c.CancelOrder(account=account, symbol=code(symbol), client_order_id=id))
        return self.told(order)

    def report(self, account: str, symbol: str, id: str) -> OrderReport:
        return self.told(self._find(account, symbol, id))

    def open_orders(self, account: str) -> Sequence[OpenOrder]:
        return [
            OpenOrder(
                report=self.told(order),
                symbol=name(order.symbol),
                side=order.side.lower(),
                base_quantity=order.quantity,
                limit_price=order.price or None,
            )
            for order in self.core.accounts[account].open_orders.values()
            if self._is_visible(order.client_order_id)
        ]

    def trades_since(self, account: str, symbol: str, since: datetime) -> Sequence[AccountTrade]:
        since_ms, found = (since - EPOCH) / timedelta(milliseconds=1), []
        for (of_account, of_symbol, trade_id, side), (order, fill) in self.fills.items():
            if of_account != account or of_symbol != code(symbol) or fill.at_ms < since_ms:
                continue
            if self._is_told(trade_id):
                trade = AccountTrade(
                    fill=as_fill(fill), symbol=symbol, side=side, venue_order_id=str(order.order_id)
                )
                found.append(trade)
        return found

    def balances(self, account: str) -> Mapping[str, VenueBalance]:
        return {
            asset: VenueBalance(free=one.free, locked=one.locked)
            for asset, one in self.core.accounts[account].balances.items()
        }

    def told(self, order: matched.Order) -> OrderReport:
        """An order with the fills that it tells by now."""
        fills = [as_fill(each) for each in order.fills if self._is_told(str(each.trade_id))]
        return told(order, fills)

    def ours(self, id: str) -> matched.Order | None:
        """The order of that client id, whether it shows it or not."""
        placed = self.placed.get(id)
        return placed[-1] if placed else None

    def _find(self, account: str, symbol: str, id: str) -> matched.Order:
        order = self.core.find(account, code(symbol), None, id)
        if order is None or not self._is_visible(id):
            raise VenueOrderNotFound(id)
        return order

    def _is_visible(self, id: str) -> bool:
        return self.scheduler.now_ms >= self.visible_from_ms.get(id, 0)

    def _is_told(self, trade_id: str) -> bool:
        return self.faults.are_healed or self.scheduler.now_ms >= self.told_from_ms.get(trade_id, 0)

    def _require_no_self_trade(self, account: str, new: matched.NewOrder) -> None:
        """As venues do it that prevent them: what would meet an order of its own account is not taken."""
        if not self.prevents_self_trades:
            return
        for own in self.core.accounts[account].open_orders.values():
            if own.symbol != new.symbol or own.side == new.side:
                continue
            meets = new.price is None or (
                new.price >= own.price if new.side == matched.BUY else new.price <= own.price
            )
            if meets:
                raise VenueRefused("-2010 the order would trade with another one of this account")

    def _as_new(self, request: OrderRequest) -> matched.NewOrder:
        """At the market; or, as venues do that protect from slippage, with a limit that may have to wait."""
        terms = request.terms
        symbol = self.core.symbols[code(terms.symbol)]
        side = terms.side.upper()
        if not self.faults.strikes("resting"):
            return matched.NewOrder(
                symbol=symbol.name,
                side=side,
                type="MARKET",
                quantity=terms.base_quantity,
                quote_order_quantity=terms.quote_budget,
                client_order_id=request.client_order_id,
            )
        away = self.prices[terms.symbol] * self.scheduler.rng.randint(-15, 5) / 1000
        price = self.prices[terms.symbol] + (away if terms.side == BUY else -away)
        price = floor_to_step(price, symbol.tick_size)
        quantity = terms.base_quantity
        if quantity is None:
            budget = (terms.quote_budget or ZERO) * Decimal("0.995")
            quantity = floor_to_step(budget / price, symbol.step_size)
        return matched.NewOrder(
            symbol=symbol.name,
            side=side,
            type="LIMIT",
            time_in_force="GTC",
            quantity=quantity,
            price=price,
            client_order_id=request.client_order_id,
        )


class _TapeOfPrices(Tape):
    """Keeps no candles: nobody asks for them here, and they are half of what a trade costs."""

    def record(self, trade: Trade) -> None:
        self.last_price = trade.price


# -- how one process reaches it ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Reply:
    is_there: bool = False
    value: Any = None
    problem: Exception | None = None


@dataclass(eq=False)
class VenueClient(Exchange):
    """One process's requests: each may be lost, late, refused or done without an answer."""

    venue: Venue
    life: Life
    scheduler: Scheduler
    faults: Faults
    name: str = VENUE
    reached: list[str] = field(default_factory=list)

    @property
    def guarantees(self) -> Guarantees:
        return self.venue.guarantees

    def market(self, venue_account: str, symbol: str) -> Market:
        listed = self.venue.core.symbols[code(symbol)]
        return Market(
            symbol=symbol,
            tick_size=listed.tick_size,
            lot_size=listed.step_size,
            min_notional=listed.min_notional,
            base_scale=8,
            quote_scale=8,
        )

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        return self.venue.core.symbols[code(symbol)].taker_fee_rate

    def submit(self, request: OrderRequest) -> OrderReport:
        if self.faults.strikes("pause"):
            self._pause()
        if self.faults.strikes("refused"):
            self._travels()
            raise VenueRefused("-2010 the venue does not want it")
        return self._ask("create", lambda: self.venue.place(request))

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._ask("cancel", lambda: self.venue.cancel(venue_account, symbol, client_order_id))

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        said = self._ask("report", lambda: self.venue.report(venue_account, symbol, client_order_id))
        return hostile(said, self.scheduler) if self.faults.strikes("hostile") else said

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        return self._ask("open orders", lambda: self.venue.open_orders(venue_account))

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        return self._ask("trades", lambda: self.venue.trades_since(venue_account, symbol, since_utc))

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        return self._ask("balances", lambda: self.venue.balances(venue_account))

    def statement(self, venue_account: str) -> AccountStatement:
        told = self.balances(venue_account)
        balances = {asset: balance.total for asset, balance in told.items()}
        return AccountStatement(venue_account=venue_account, balances=balances, lines=None)

    # -- the wire ------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        """The whole process stands still, in the middle of this."""
        pause_ms = self.scheduler.rng.randint(1_000, 40_000)
        self.scheduler.note(f"{self.life.name}: stands still for {pause_ms} ms")
        self.life.paused_until_ms = self.scheduler.now_ms + pause_ms
        self.scheduler.wait(self.life, pause_ms)

    def _travels(self) -> None:
        self.scheduler.wait(self.life, self.scheduler.rng.randint(5, 100))

    def _ask(self, what: str, act: Callable[[], T]) -> T:
        self.life.require()
        timeout_ms = CREATE_TIMEOUT_MS if what == "create" else READ_TIMEOUT_MS
        rng, times = self.scheduler.rng, 3 if what in ("create", "cancel") else 1

        def strikes(name: str) -> bool:
            return self.faults.strikes(name, times)

        if strikes("too_often"):
            self._travels()
            problem = "429 too many requests"
            raise VenueRefused(problem) if what == "create" else VenueOutcomeUnknown(problem)
        if strikes("request_lost"):
            self._give_up(what, timeout_ms)
        reply = _Reply()
        there_ms = rng.randint(2_000, 25_000) if strikes("slow") else rng.randint(5, 150)
        fails = strikes("server_error")
        is_done = not fails or rng.random() < 0.5
        back_ms = timeout_ms * 3 if strikes("answer_lost") else rng.randint(5, 150)

        def arrive() -> None:
            self._arrive(reply, act, what=what, fails=fails, is_done=is_done, back_ms=back_ms)

        self.scheduler.after(there_ms, None, "", arrive)
        self.scheduler.wait(self.life, timeout_ms, lambda: reply.is_there)
        if not reply.is_there:
            self.scheduler.note(f"{self.life.name}: no answer ({what})")
            raise VenueOutcomeUnknown("timed out")
        if reply.problem is not None:
            raise reply.problem
        answer: T = reply.value
        return answer

    def _arrive(
        self, reply: _Reply, act: Callable[[], Any], *, what: str, fails: bool, is_done: bool, back_ms: int
    ) -> None:
        if self.scheduler.now_ms < self.venue.away_until_ms:
            reply.problem = VenueOutcomeUnknown("503 maintenance")
        elif is_done:
            try:
                reply.value = act()
            except (VenueRefused, VenueOrderNotFound, VenueOutcomeUnknown) as said:
                reply.problem = said
        if fails:
            reply.value, reply.problem = None, VenueOutcomeUnknown("500 internal error")
        self.scheduler.note(f"venue: {what} of {self.life.name} arrives: {reply.problem or 'done'}")

        def come_back() -> None:
            reply.is_there = True

        self.scheduler.after(back_ms, None, "", come_back)

    def _give_up(self, what: str, timeout_ms: int) -> None:
        self.scheduler.note(f"{self.life.name}: a request is lost ({what})")
        self.scheduler.wait(self.life, timeout_ms)
        raise VenueOutcomeUnknown("timed out")


# -- words -------------------------------------------------------------------------------------------------


@cache
def code(symbol: str) -> str:
    return symbol.replace("/", "")


def name(core_symbol: str) -> str:
    return f"{core_symbol.removesuffix('USDT')}/USDT"


def as_fill(fill: matched.Fill) -> Fill:
    return Fill(
        venue_trade_id=str(fill.trade_id),
        base_quantity=fill.quantity,
        price_quote_per_base=fill.price,
        quote_amount=EXACT.multiply(fill.price, fill.quantity),
        fee=Money(fill.fee, fill.fee_asset),
        traded_at_utc=EPOCH + timedelta(milliseconds=fill.at_ms),
    )


def told(order: matched.Order, fills: Sequence[Fill]) -> OrderReport:
    status = _STATUS.get(order.status, "canceled")
    return OrderReport(
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        status=status,
        fills=tuple(fills),
        reason="" if status in ("open", "filled") else order.status.lower(),
        filled_base=order.executed,
    )


def effect(order: matched.Order, fill: matched.Fill, exchange: Core) -> dict[str, Decimal]:
    """What a fill did to its account's balances, to the last unit."""
    symbol = exchange.symbols[order.symbol]
    base, quote = fill.quantity, EXACT.multiply(fill.price, fill.quantity)
    sign = 1 if order.side == matched.BUY else -1
    moved = {symbol.base: base * sign, symbol.quote: quote * -sign}
    moved[fill.fee_asset] = EXACT.subtract(moved.get(fill.fee_asset, ZERO), fill.fee)
    return moved


def hostile(report: OrderReport, scheduler: Scheduler) -> OrderReport:
    """The report with a figure in it that cannot be: of a fill that there is, or of one that there is not."""
    rng = scheduler.rng
    fills = list(report.fills)
    price = Decimal(rng.choice(["-50000", "0", "1e25"]))
    if fills and rng.random() < 0.5:
        number = rng.randrange(len(fills))
        fills[number] = replace(fills[number], price_quote_per_base=price)
    elif rng.random() < 0.5:
        id = rng.choice(["", "x1", "x2"])
        fills.append(
            Fill(
                venue_trade_id=id,
                base_quantity=Decimal("0.5"),
                price_quote_per_base=price,
                quote_amount=Decimal(1),
                fee=Money(ZERO, "USDT"),
                traded_at_utc=scheduler.now(),
            )
        )
    else:
        return replace(report, filled_base=Decimal(rng.choice(["-1", "1e30"])))
    return replace(report, status=rng.choice(["filled", "canceled", report.status]), fills=tuple(fills))
