"""Opens a simulated exchange from its journal and the options it is started with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as FilePath
from random import Random

from adapters.simulator.core import commands as c
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.core.tape import INTERVALS_MS
from adapters.simulator.journal import Journal
from adapters.simulator.market import HISTORY_MINUTES, Mover, Path, Replay, Walk, history, recorded_history
from adapters.simulator.server.clock import Clock
from adapters.simulator.server.faults import Fault, Faults
from adapters.simulator.server.limits import Limits
from adapters.simulator.server.venue import Venue
from domain.errors import InvalidValue
from domain.market import Candle
from domain.money import floor_to_step

STEP_MS = 1_000
USUAL_SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account to open, if it is not there yet, with its key."""

    name: str
    key: str
    secret: str
    balances: dict[str, Decimal]
    can_withdraw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Candles that a symbol's price follows."""

    interval_ms: int
    candles: Sequence[Candle]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketOptions:
    """`speed`: seconds of market time a second. Symbols without candles walk at random."""

    speed: Decimal = Decimal(1)
    recorded: Mapping[str, Recorded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Symbols and customers that the journal knows already stay as they are."""

    journal: FilePath
    symbols: Sequence[str] = USUAL_SYMBOLS
    customers: Sequence[Customer] = ()
    faults: Sequence[Fault] = ()
    seed: int = 0
    market: MarketOptions | None = None  # None: still, prices move when they are told to
    skew_ms: int = 0
    weight_a_minute: int = 6_000
    orders_in_ten_seconds: int = 100


def opened(
    options: Options,
    wall_ms: Callable[[], int],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Venue:
    """`progress` is called with bytes of the journal read and all there are.

    Errors: JournalUnusable; InvalidValue where a symbol is not known. `close` its journal afterwards.
    """
    for name in options.symbols:
        if name not in USUAL:
            raise InvalidValue("symbols", f"{name!r} is not one of {', '.join(USUAL)}")
    journal = Journal(options.journal)
    try:
        return _opened(options, wall_ms, journal, progress)
    except BaseException:
        journal.close()
        raise


def _opened(
    options: Options, wall_ms: Callable[[], int], journal: Journal, progress: Callable[[int, int], None]
) -> Venue:
    exchange = journal.replay(progress)
    clock = Clock(wall_ms)
    clock.not_before(exchange.now_ms)
    clock.skew_ms = options.skew_ms
    faults = Faults(options.seed)
    for fault in options.faults:
        faults.set(fault)
    venue = Venue(
        exchange=exchange,
        journal=journal,
        clock=clock,
        faults=faults,
        limits=Limits(
            weight_a_minute=options.weight_a_minute, orders_in_ten_seconds=options.orders_in_ten_seconds
        ),
        seed=options.seed,
    )
    with journal.together():
        for name in options.symbols:
            if name not in exchange.symbols:
                _list(venue, name, options.market)
        for customer in options.customers:
            _introduce(venue, customer)
    venue.freeze_depth()
    return venue


def _list(venue: Venue, name: str, market: MarketOptions | None) -> None:
    """With some history where the market moves, so that bots need not wait for their averages."""
    symbol, price = USUAL[name]
    recorded = market.recorded.get(name) if market else None
    if recorded is not None:
        price = recorded.candles[_history_length(recorded)].open
    venue.execute(c.ListSymbol(symbol=symbol, price=floor_to_step(price, symbol.tick_size)))
    if market is None:
        return
    if recorded is None:
        minutes = history(symbol, price, venue.now_ms(), _random(venue, name, "history"))
    else:
        minutes = recorded_history(recorded.candles[: _history_length(recorded)], venue.now_ms())
    if minutes:
        venue.execute(c.LoadCandles(symbol=name, minutes=minutes))


def _history_length(recorded: Recorded) -> int:
    """How many of the candles were before: half of them at most, and only minutes."""
    if recorded.interval_ms != INTERVALS_MS["1m"]:
        return 0
    return min(HISTORY_MINUTES, len(recorded.candles) // 2)


def movers(venue: Venue, market: MarketOptions) -> list[Mover]:
    """Each symbol's market from where its price stands."""
    exchange = venue.exchange
    found = []
    for name, symbol in exchange.symbols.items():
        random = _random(venue, name, str(exchange.tapes[name].last_trade_id))
        recorded = market.recorded.get(name)
        path: Path = (
            Walk(random)
            if recorded is None
            else Replay(recorded.candles[_history_length(recorded) :], recorded.interval_ms)
        )
        in_dollars = exchange.tapes.get(symbol.quote + "USDT")
        found.append(
            Mover(
                symbol=symbol,
                path=path,
                random=random,
                price=exchange.tapes[name].last_price,
                quote_worth=in_dollars.last_price if in_dollars else Decimal(1),
            )
        )
    return found


async def move(venue: Venue, market: MarketOptions) -> None:
    """Until it is canceled, or the journal fails: a step of every symbol once a second."""
    moving = movers(venue, market)
    step_ms = max(1, int(STEP_MS * market.speed))
    while True:
        for mover in moving:
            if mover.symbol.name not in venue.halted:
                venue.execute(mover.step(step_ms))
        await asyncio.sleep(STEP_MS / 1_000)


def _random(venue: Venue, symbol: str, what: str) -> Random:
    return Random(f"{venue.seed}|{symbol}|{what}")  # noqa: S311  # repeatable on purpose


def _introduce(venue: Venue, customer: Customer) -> None:
    known = venue.exchange.accounts.get(customer.name)
    if known is not None and known.is_internal:
        raise InvalidValue("account", f"{customer.name!r} is the market's own; choose another key")
    if known is not None:
        return
    venue.execute(c.OpenAccount(account=customer.name))
    venue.execute(
        c.IssueKey(
            account=customer.name,
            key=customer.key,
            secret=customer.secret,
            can_withdraw=customer.can_withdraw,
        )
    )
    for number, (asset, amount) in enumerate(customer.balances.items(), start=1):
        venue.execute(
            c.MoveMoney(
                account=customer.name,
                asset=asset,
                amount=amount,
                transfer_id=f"{customer.name}-opening-{number}",
            )
        )
