"""What a real venue says of an account of ours: balances, open orders, and the trades of late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from application.ports.clock import Clock
from application.ports.exchange import (
    AccountTrade,
    Exchange,
    OpenOrder,
    OrderReport,
    VenueOutcomeUnknown,
    VenueRefused,
)
from application.ports.read_models import ReadModels
from application.views.rows import OrderRow
from domain.ledger.book import PAPER
from domain.money import ZERO, add, subtract
from domain.orders.order import moved_by
from domain.reconciliation.statement import TRADE, AccountLine, AccountStatement, Amounts, WorkingOrder

LOOK_BACK = timedelta(days=1)
"""How far back trades are compared line by line; what happened before is in the balances."""


@dataclass(frozen=True, slots=True)
class AccountStatements:
    """Accounts at one real venue, as a counterparty of our books; see StatementSource.

    Deposits and withdrawals are not told as lines: they show in the balances. Trades are asked for of the
    pairs that we ever had an order of on the account.
    """

    exchange: Exchange
    held: Callable[[], Sequence[str]]  # the accounts, as their books name them
    views: ReadModels
    clock: Clock
    dust: Amounts = field(default_factory=dict)
    is_complete: bool = False
    names_orders: bool = True

    @property
    def name(self) -> str:
        return self.exchange.name

    def accounts(self) -> Sequence[str]:
        return self.held()

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        if purse == PAPER:
            return None
        since = self.clock.now() - LOOK_BACK
        try:
            trades = [
                trade
                for symbol in self._symbols(venue_account)
                for trade in self.exchange.trades_since(venue_account, symbol, since)
            ]
            working = self.exchange.open_orders(venue_account)
            balances = self.exchange.balances(venue_account)
        except VenueRefused as refusal:
            raise VenueOutcomeUnknown(f"{self.name} does not answer for {venue_account}: {refusal}") from None
        return AccountStatement(
            venue_account=venue_account,
            balances={asset: balance.total for asset, balance in balances.items() if balance.total},
            lines=self._told_apart(venue_account, trades),
            since_utc=since,
            kinds=frozenset({TRADE}),
            working=[_working(order) for order in working],
            dust=self.dust,
        )

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self.exchange.report(venue_account, symbol, client_order_id)

    def _symbols(self, venue_account: str) -> list[str]:
        return sorted({row.symbol for row in self._orders(venue_account)})

    def _orders(self, venue_account: str) -> Iterable[OrderRow]:
        return self.views.where(OrderRow, venue_account=venue_account)

    def _told_apart(self, venue_account: str, trades: Sequence[AccountTrade]) -> Sequence[AccountLine]:
        """A match of two orders of the account has one trade id: the side that is no order of ours gets one
        of its own, or it might stand for the fill that we booked.
        """
        lines = [self._line(venue_account, trade) for trade in trades]
        times = Counter(line.key for line in lines)
        return [
            line
            if times[line.key] == 1 or self._is_ours(line)
            else replace(line, line_id=f"{line.line_id}:{trade.venue_order_id}")
            for line, trade in zip(lines, trades, strict=True)
        ]

    def _is_ours(self, line: AccountLine) -> bool:
        return bool(line.client_order_id) and self.views.get(OrderRow, line.client_order_id) is not None

    def _line(self, venue_account: str, trade: AccountTrade) -> AccountLine:
        order_id = trade.client_order_id
        if not order_id and trade.venue_order_id:
            same = self.views.where(
                OrderRow, venue_account=venue_account, venue_order_id=trade.venue_order_id
            )
            order_id = same[0].client_order_id if same else ""
        return AccountLine(
            kind=TRADE,
            line_id=trade.fill.venue_trade_id,
            symbol=trade.symbol,
            client_order_id=order_id,
            moved=moved_by(trade.fill, trade.symbol, trade.side),
            at_utc=trade.fill.traded_at_utc,
        )


def _working(order: OpenOrder) -> WorkingOrder:
    asked, report = order.base_quantity, order.report
    matched = report.filled_base
    if matched is None:
        matched = ZERO
        for fill in report.fills:
            matched = add(matched, fill.base_quantity)
    return WorkingOrder(
        client_order_id=report.client_order_id or report.venue_order_id,
        symbol=order.symbol,
        base_left=None if asked is None else subtract(asked, matched),
    )
