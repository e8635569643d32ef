"""From matched orders to what is stored, and from what is stored to what the venue says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.exchanges.paper.matching import Matched
from application.ports.exchange import AccountTrade, OpenOrder, OrderReport, OrderRequest, VenueRefused
from application.ports.paper_accounts import PaperAccount
from application.ports.paper_store import (
    OPEN,
    AccountChange,
    AccountHistory,
    AccountState,
    Balance,
    PaperOrder,
)
from domain.ledger.errors import InsufficientFunds
from domain.money import ZERO, Money, add
from domain.orders.order import Fill, moved_by
from domain.reconciliation.statement import TRADE, TRANSFER, AccountLine, AccountStatement


def changed(
    state: AccountState,
    balances: Mapping[str, Balance],
    orders: Mapping[str, PaperOrder],
    *,
    new_orders: tuple[PaperOrder, ...] = (),
    updated_orders: tuple[PaperOrder, ...] = (),
    new_fills: tuple[tuple[str, int, Fill], ...] = (),
    deposits: tuple[tuple[str, Money], ...] = (),
) -> AccountChange:
    """The commit that takes an account from `state` to these balances and open orders."""
    before = state.balances
    return AccountChange(
        after=AccountState(
            venue_account=state.venue_account,
            terms=state.terms,
            version=state.version + 1,
            balances=balances,
            orders=orders,
        ),
        new_balances=tuple(asset for asset in balances if asset not in before),
        updated_balances=tuple(a for a in balances if a in before and balances[a] is not before[a]),
        new_orders=new_orders,
        updated_orders=updated_orders,
        new_fills=new_fills,
        deposits=deposits,
    )


def credited(state: AccountState, deposits: Mapping[str, Money]) -> AccountChange:
    """The commit of these deposits, by id, to one account. Raises InsufficientFunds."""
    balances = dict(state.balances)
    for amount in deposits.values():
        balance = balances.get(amount.asset, Balance())
        balances[amount.asset] = replace(balance, free=add(balance.free, amount.amount))
    for amount in deposits.values():
        if balances[amount.asset].free < ZERO:
            free = state.balances.get(amount.asset, Balance()).free
            raise InsufficientFunds(required=-amount, available=Money(free, amount.asset))
    return changed(state, balances, state.orders, deposits=tuple(deposits.items()))


def put(orders: dict[str, PaperOrder], order: PaperOrder) -> None:
    """Keep an open order among an account's orders, drop one that has ended."""
    if order.status == OPEN:
        orders[order.client_order_id] = order
    else:
        orders.pop(order.client_order_id, None)


def numbered(matched: Matched) -> Sequence[tuple[str, int, Fill]]:
    """The new fill, if any, as it is stored: with its order and its number there."""
    if matched.fill is None:
        return ()
    return ((matched.order.client_order_id, len(matched.order.fills), matched.fill),)


def reported(order: PaperOrder) -> OrderReport:
    """What the venue says of an order."""
    return OrderReport(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        status=order.status,
        fills=order.fills,
        reason=order.reason,
    )


def still_open(order: PaperOrder) -> OpenOrder:
    """An order among those that the venue works on."""
    return OpenOrder(
        report=reported(order),
        symbol=order.terms.symbol,
        side=order.terms.side,
        base_quantity=order.terms.base_quantity,
        limit_price=order.terms.limit_price,
    )


def traded(history: AccountHistory, symbol: str, since_utc: datetime) -> list[AccountTrade]:
    """An account's matches of one pair from then on, oldest first."""
    trades = [
        AccountTrade(
            fill=fill,
            symbol=symbol,
            side=order.terms.side,
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
        )
        for order in history.orders
        if order.terms.symbol == symbol
        for fill in order.fills
        if fill.traded_at_utc >= since_utc
    ]
    return sorted(trades, key=lambda trade: trade.fill.traded_at_utc)


def same_or_refused(order: PaperOrder, request: OrderRequest) -> OrderReport:
    """The order's report when it was asked for with these terms; VenueRefused when with others."""
    if order.terms != request.terms:
        raise VenueRefused(f"client order id {order.client_order_id} is in use for other terms")
    return reported(order)


def shown_account(state: AccountState) -> PaperAccount:
    """An account as its owner sees it."""
    return PaperAccount(
        venue_account=state.venue_account,
        terms=state.terms,
        free={asset: balance.free for asset, balance in sorted(state.balances.items())},
        locked={asset: balance.locked for asset, balance in sorted(state.balances.items())},
    )


def stated(venue_account: str, history: AccountHistory) -> AccountStatement:
    """An account with every deposit and every fill, as a venue's statement has them."""
    lines = [
        AccountLine(kind=TRANSFER, line_id=deposit_id, moved={amount.asset: amount.amount})
        for deposit_id, amount in history.deposits.items()
    ]
    fills = [(order, fill) for order in history.orders for fill in order.fills]
    for order, fill in sorted(fills, key=lambda one: one[1].traded_at_utc):
        lines.append(
            AccountLine(
                kind=TRADE,
                line_id=fill.venue_trade_id,
                symbol=order.terms.symbol,
                client_order_id=order.client_order_id,
                moved=moved_by(fill, order.terms.symbol, order.terms.side),
                at_utc=fill.traded_at_utc,
            )
        )
    totals = {asset: add(balance.free, balance.locked) for asset, balance in history.balances.items()}
    return AccountStatement(
        venue_account=venue_account,
        balances={asset: total for asset, total in sorted(totals.items()) if total},
        lines=lines,
    )


def venue_order_id(request: OrderRequest) -> str:
    """Derived, so that a request repeated after a crash is the same order by either id."""
    seed = f"{request.venue_account}|{request.client_order_id}"
    return "paper-" + hashlib.sha256(seed.encode()).hexdigest()[:24]
