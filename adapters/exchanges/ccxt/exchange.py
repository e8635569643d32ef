"""The exchange port on any ccxt spot venue: words, units and errors translated, nothing decided."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any, TypeVar

from adapters.exchanges.ccxt.binance_words import fills_at_once
from adapters.exchanges.ccxt.budget import Priority
from adapters.exchanges.ccxt.clients import EXPIRES_AT_MS
from adapters.exchanges.ccxt.connection import NoSuchAccount, VenueAccount, VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer, figure, milliseconds, moment
from adapters.exchanges.ccxt.lookup import find_order
from adapters.exchanges.ccxt.markets import market_of, require_trading
from adapters.exchanges.ccxt.orders import (
    OPEN,
    Parsed,
    balances_of,
    filled_of,
    oldest_first,
    open_order_of,
    report_of,
    trades_of,
)
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.profiles import BY_ID
from adapters.exchanges.ccxt.requests import CcxtOrder, ccxt_order, require_takeable
from adapters.exchanges.ccxt.trade_history import trades_from
from adapters.exchanges.ccxt.verdicts import Verdict
from application.ports.exchange import (
    AccountTrade,
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
from domain.orders.events import OrderTerms
from domain.orders.order import Fill
from domain.reconciliation.statement import AccountStatement

T = TypeVar("T")

FEE_RATE_KEPT_S = 3_600.0


class CcxtExchange:
    """An Exchange; see there for what it promises. One connection is shared by all who use the venue.

    A create is sent once. An id that this process has sent already is looked for instead, and while it is
    not found nothing is known: VenueOutcomeUnknown. So is a create that was not sent now (its time has
    passed, the rate budget is used up, the venue fails): a process before this one may have sent it.
    VenueRefused is the venue's word, or terms that it takes from nobody.
    """

    def __init__(self, connection: VenueConnection) -> None:
        self._venue = connection
        self.name = connection.name

    @property
    def guarantees(self) -> Guarantees:
        return self._venue.profile.guarantees

    def close(self) -> None:
        self._venue.close()

    def market(self, venue_account: str, symbol: str) -> Market:  # noqa: ARG002  # the same for all accounts
        return self._run(self._market(symbol))

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        """Of the account's tier, asked for once an hour; ccxt's figure where the venue tells none."""
        return self._run(self._taker_fee_rate(venue_account, symbol))

    def submit(self, request: OrderRequest) -> OrderReport:
        return self._run(self._submit(request))

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._run(self._cancel(venue_account, symbol, client_order_id))

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._run(self._report(venue_account, symbol, client_order_id))

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        return self._run(self._open_orders(venue_account))

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        return self._run(self._trades_since(venue_account, symbol, since_utc))

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        return self._run(self._balances(venue_account))

    def statement(self, venue_account: str) -> AccountStatement:
        """The balances, of now. Its lines are not told: venues tell trades by pair only, see trades_since."""
        try:
            told = self.balances(venue_account)
        except NoSuchAccount as e:
            raise VenueRefused(str(e)) from None
        balances = {asset: balance.total for asset, balance in told.items()}
        return AccountStatement(venue_account=venue_account, balances=balances, lines=None)

    # -- on the venue's loop -------------------------------------------------------------------------------

    async def report_later(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        """As `report`, for who is on the loop already."""
        return await _translated(self._report(venue_account, symbol, client_order_id))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._venue.run(_translated(work))

    async def _market(self, symbol: str) -> Market:
        client = await self._venue.public()
        require_trading(client, symbol)
        return market_of(client, symbol)

    async def _taker_fee_rate(self, name: str, symbol: str) -> Decimal:
        account = await self._venue.account(name)
        market_of(account.client, symbol)
        kept = account.fee_rates.get(symbol)
        if kept is not None and kept[0] > monotonic():
            return Decimal(kept[1])
        rate = await self._ask_fee_rate(account.client, symbol)
        account.fee_rates[symbol] = (monotonic() + FEE_RATE_KEPT_S, rate)
        return rate

    async def _ask_fee_rate(self, client: Any, symbol: str) -> Decimal:
        if client.has.get("fetchTradingFee") is True:
            answer = await self._venue.read(lambda: client.fetch_trading_fee(symbol))
        elif client.has.get("fetchTradingFees"):
            answer = (await self._venue.read(client.fetch_trading_fees)).get(symbol) or {}
        else:
            answer = {"taker": client.markets[symbol].get("taker")}
        raw = answer.get("taker")
        rate = figure(str(raw) if isinstance(raw, float) else raw, "taker fee", negative=True)
        if rate >= 1:
            raise NonsenseAnswer("a taker fee of the whole notional or more")
        return max(rate, Decimal(0))

    async def _submit(self, request: OrderRequest) -> OrderReport:
        account = await self._venue.account(request.venue_account)
        order_id, terms = request.client_order_id, request.terms
        if order_id in account.sent:
            return await self._sent_before(account, request)
        order = await self._in_words(request, account)
        if (
            order_id in account.sent
        ):  # somebody else was faster: from here to the request nobody comes between
            return await self._sent_before(account, request)
        account.remember(order_id, terms)
        try:
            answer = await self._venue.create(lambda: _create(account.client, order, request.expires_at_utc))
        except RequestFailed as failed:
            if failed.verdict is Verdict.DUPLICATE and failed.has_answer:
                return await self._sent_before(account, request)
            if failed.nothing_was_done:
                account.sent.pop(order_id, None)
            if failed.nothing_was_done and failed.was_sent:
                raise VenueRefused(failed.words) from None
            raise VenueOutcomeUnknown(failed.words) from None
        return await self._accepted(account, request, answer)

    async def _in_words(self, request: OrderRequest, account: VenueAccount) -> CcxtOrder:
        terms, profile = request.terms, self._venue.profile
        market = market_of(account.client, terms.symbol)
        require_takeable(terms, profile.guarantees, market)
        rate = Decimal(0)
        if terms.quote_budget is not None and not profile.buys_pay_fee_in_base:
            rate = await self._taker_fee_rate(request.venue_account, terms.symbol)
        return ccxt_order(terms, request.client_order_id, market, profile, rate)

    async def _accepted(self, account: VenueAccount, request: OrderRequest, answer: Parsed) -> OrderReport:
        """The venue has it; what it makes of it is asked for where the answer does not say."""
        order_id = request.client_order_id
        venue_order_id = answer.get("id")
        if isinstance(venue_order_id, str) and venue_order_id:
            account.sent[order_id].venue_order_id = venue_order_id
        try:
            if answer.get("status") == OPEN and not filled_of(answer):
                return report_of(answer, (), order_id)
            if answer.get("status") is None:
                return await self._report_in(account, request.terms.symbol, order_id)
            if (fills := self._told_at_once(answer, request.terms.symbol)) is not None:
                return replace(report_of(answer, (), order_id), fills=fills)
            return await self._with_fills(account, answer, request.terms.symbol, order_id)
        except (NonsenseAnswer, RequestFailed) as e:
            raise VenueOutcomeUnknown(f"it was taken, and what became of it is not known: {e}") from None

    def _told_at_once(self, answer: Parsed, symbol: str) -> Sequence[Fill] | None:
        """The fills that came with the answer to a new order, where the venue tells all of them in it."""
        if not self._venue.profile.answers_with_fills:
            return None
        return fills_at_once(answer, symbol.partition("/")[2])

    async def _sent_before(self, account: VenueAccount, request: OrderRequest) -> OrderReport:
        """The order that this id opened; raises VenueRefused where that has other terms."""
        order_id, terms = request.client_order_id, request.terms
        known = account.sent.get(order_id)
        in_use = VenueRefused(f"client order id {order_id} is in use by an order with other terms")
        if known is not None and known.terms != terms:
            raise in_use
        try:
            order = await find_order(self._venue, account, terms.symbol, order_id)
        except RequestFailed as failed:
            raise VenueOutcomeUnknown(f"it was sent before, and is not found: {failed.words}") from None
        if not _same(order, terms):
            raise in_use
        return await self._with_fills(account, order, terms.symbol, order_id)

    async def _cancel(self, name: str, symbol: str, order_id: str) -> OrderReport:
        """Where the venue takes a client id, the request is sent at once, and the order looked for after."""
        account = await self._venue.account(name)
        market_of(account.client, symbol)
        if self._venue.profile.lookup == BY_ID:
            venue_id, params = None, {"origClientOrderId": order_id}
        else:
            order = await self._found(account, symbol, order_id, Priority.CANCEL)
            venue_id, params = order["id"], {}
            if report_of(order, (), order_id).status != OPEN:
                return await self._with_fills(account, order, symbol, order_id, Priority.CANCEL)
        try:
            await self._venue.read(
                lambda: account.client.cancel_order(venue_id, symbol, dict(params)), Priority.CANCEL
            )
        except RequestFailed as failed:
            if failed.verdict not in (Verdict.NOT_FOUND, Verdict.REFUSED) or not failed.was_sent:
                raise VenueOutcomeUnknown(failed.words) from None
        return await self._report_in(account, symbol, order_id, Priority.CANCEL)

    async def _report(self, name: str, symbol: str, order_id: str) -> OrderReport:
        account = await self._venue.account(name)
        market_of(account.client, symbol)
        return await self._report_in(account, symbol, order_id)

    async def _report_in(
        self, account: VenueAccount, symbol: str, order_id: str, priority: Priority = Priority.QUERY
    ) -> OrderReport:
        order = await self._found(account, symbol, order_id, priority)
        return await self._with_fills(account, order, symbol, order_id, priority)

    async def _found(self, account: VenueAccount, symbol: str, order_id: str, priority: Priority) -> Parsed:
        try:
            return await find_order(self._venue, account, symbol, order_id, priority)
        except RequestFailed as failed:
            if failed.verdict is Verdict.NOT_FOUND and failed.was_sent and failed.has_answer:
                raise VenueOrderNotFound(f"{order_id}: {failed.words}") from None
            raise VenueOutcomeUnknown(failed.words) from None

    async def _with_fills(
        self,
        account: VenueAccount,
        order: Parsed,
        symbol: str,
        order_id: str,
        priority: Priority = Priority.QUERY,
    ) -> OrderReport:
        return report_of(order, await self._fills(account, order, symbol, priority), order_id)

    async def _fills(
        self, account: VenueAccount, order: Parsed, symbol: str, priority: Priority = Priority.QUERY
    ) -> Sequence[AccountTrade]:
        """By the venue's own list of trades."""
        if not filled_of(order):
            return ()
        client, venue_id = account.client, order["id"]
        if client.has.get("fetchOrderTrades") is True:
            raw = await self._venue.read(lambda: client.fetch_order_trades(venue_id, symbol), priority)
            trades: Sequence[AccountTrade] = trades_of(raw, symbol)
        else:
            since_ms = milliseconds(moment(order.get("timestamp"), "time of an order"))
            trades = await trades_from(self._venue, client, symbol, since_ms, priority)
        return [trade for trade in trades if trade.venue_order_id == venue_id]

    async def _open_orders(self, name: str) -> Sequence[OpenOrder]:
        account = await self._venue.account(name)
        orders = oldest_first(await self._venue.read(account.client.fetch_open_orders))
        found = []
        for order in orders:
            trades = await self._fills(account, order, order["symbol"]) if filled_of(order) else ()
            found.append(open_order_of(order, trades))
        return found

    async def _trades_since(self, name: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        account = await self._venue.account(name)
        market_of(account.client, symbol)
        found = await trades_from(self._venue, account.client, symbol, milliseconds(since_utc))
        names = {
            sent.venue_order_id: order_id for order_id, sent in account.sent.items() if sent.venue_order_id
        }
        return [_named(trade, names) for trade in found if trade.fill.traded_at_utc >= since_utc]

    async def _balances(self, name: str) -> Mapping[str, VenueBalance]:
        account = await self._venue.account(name)
        return balances_of(
            await self._venue.read(account.client.fetch_balance), self._venue.profile.balances_key
        )


async def _create(client: Any, order: CcxtOrder, expires_at: datetime | None) -> Parsed:
    EXPIRES_AT_MS.set(None if expires_at is None else float(milliseconds(expires_at)))
    try:
        answer: Parsed = await client.create_order(
            order.symbol, order.order_type, order.side, order.amount, order.price, dict(order.params)
        )
    finally:
        EXPIRES_AT_MS.set(None)
    if not isinstance(answer, dict):
        raise NonsenseAnswer("the answer is no order")
    return answer


def _same(order: Parsed, terms: OrderTerms) -> bool:
    """Whether an order at the venue is the one asked for, as far as the venue tells."""
    asked = (
        (order.get("symbol"), terms.symbol),
        (order.get("side"), terms.side),
        (order.get("amount") if terms.base_quantity is not None else None, terms.base_quantity),
        (order.get("price") if terms.limit_price is not None else None, terms.limit_price),
    )
    return all(
        told is None or (Decimal(told) == meant if isinstance(meant, Decimal) else told == meant)
        for told, meant in asked
    )


def _named(trade: AccountTrade, names: Mapping[str, str]) -> AccountTrade:
    known = names.get(trade.venue_order_id)
    return replace(trade, client_order_id=known) if known and not trade.client_order_id else trade


async def _translated(work: Coroutine[Any, Any, T]) -> T:
    """The port's errors, and no other: what is not proven is not known."""
    try:
        return await work
    except RequestFailed as failed:
        words = failed.words
    except NonsenseAnswer as nonsense:
        words = f"the venue's answer makes no sense: {nonsense}"
    raise VenueOutcomeUnknown(words)
