"""Bots that trade real money (a pooled LIVE book) or paper, for tests of limits and kill switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import StartBot
from application.orders.trade_signal import TradeSignal
from application.ports.commands import Command, Result
from application.ports.exchange import OrderReport
from application.risk.set_limits import SetAccountLimits
from application.streams import bot_stream, risk_stream
from application.work import Work
from domain.bots.events import BotTerms
from domain.ledger.book import LIVE
from domain.market import Market
from domain.risk.limits import Limits
from domain.risk.risk import Risk
from tests.application.harness import Store
from tests.builders import EPOCH, HOUR_MS, START, Allocate, Decide, OpenBook, bot_terms, fill, usdt

BTC = Market(symbol="BTC/USDT", quote_scale=2, min_notional=Decimal(10))
START_MS = int((START - EPOCH) / timedelta(milliseconds=1))


def make_bot(
    bot_id: str,
    terms: BotTerms,
    *,
    owner_id: str = "acc-1",
    book_id: str = "live-1",
    venue_account: str = "paper",
) -> Command:
    """A bot on any book, with all of its allocation."""

    def decide(work: Work) -> Result:
        created = work.bot(bot_id).create(
            bot_id=bot_id,
            owner_id=owner_id,
            book_id=book_id,
            venue_account=venue_account,
            terms=terms,
            at=work.now,
        )
        work.record(bot_stream(bot_id), created)
        return {}

    return Decide(decide)


def live_commands(
    *bots: str, cash: str = "10000", terms: BotTerms | None = None, allocation: str = "1000"
) -> list[Command]:
    """An account with a LIVE book of that much, and running bots with so much allocated to each."""
    commands: list[Command] = [
        RegisterAccount("acc-1", ("trader",), "commitment"),
        OpenBook("live-1", usdt(cash), purse=LIVE),
    ]
    for bot_id in bots:
        own = terms or bot_terms(allocation="0 USDT")
        commands += [
            make_bot(bot_id, own),
            Allocate("live-1", usdt(allocation), f"a-{bot_id}", bot_id=bot_id),
            StartBot(bot_id, "acc-1", after_candle_ms=None),
        ]
    return commands


def live_store(*bots: str, **options: Any) -> Store:
    store = Store()
    for command in live_commands(*(bots or ("bot-1",)), **options):
        store.do(command)
    return store


def stopped_at(bps: int, **more: Any) -> BotTerms:
    """Terms of a bot with a stop."""
    return replace(bot_terms(allocation="0 USDT"), stop_loss_bps=bps, **more)


def buy(
    bot_id: str = "bot-1",
    *,
    hours: int = 0,
    price: str = "100",
    side: str = "buy",
    market: Market = BTC,
    reference: str | None = None,
) -> TradeSignal:
    """A signal on the hour that closes so many hours after START."""
    opened = START_MS + (hours - 1) * HOUR_MS
    return TradeSignal(
        bot_id=bot_id,
        side=side,
        candle_open_time_ms=opened,
        price=Decimal(price),
        why="a test wants it",
        feed_now_ms=opened + HOUR_MS,
        market=market,
        venue="paper",
        reference=None if reference is None else Decimal(reference),
    )


def limit_account(store: Store, limits: Limits, *, paper: bool = False) -> None:
    store.do(SetAccountLimits("acc-1", limits, paper, "a test wants it", "acc-1"))


def risk_of(store: Store, owner_id: str = "acc-1") -> Risk:
    risk: Risk = store.load(risk_stream(owner_id)).state
    return risk


def later(store: Store, *, seconds: float = 0, hours: int = 0, days: int = 0) -> None:
    """Our clock goes on."""
    store.clock.move_to(store.clock.now() + timedelta(seconds=seconds, hours=hours, days=days))


def filled(
    store: Store, result: Mapping[str, Any], quantity: str, price: str, *, fee: str = "0 USDT"
) -> None:
    """The order of a signal is filled whole, now."""
    order_id = result["client_order_id"]
    seconds = (store.clock.now() - START).total_seconds()
    done = fill(f"t-{order_id}", quantity, price, fee=fee, seconds=seconds)
    store.tell(OrderReport(client_order_id=order_id, venue_order_id="v", status="filled", fills=(done,)))


def round_trip(store: Store, *, hours: int, bought: str, sold: str, bot_id: str = "bot-1") -> None:
    """One BTC/USDT position of 1 BTC in and out again."""
    filled(store, store.do(buy(bot_id, hours=hours, price=bought)), "1", bought)
    filled(store, store.do(buy(bot_id, hours=hours + 1, price=sold, side="sell")), "1", sold)
