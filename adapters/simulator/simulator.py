"""Opens a simulated exchange from its journal and the options it is started with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from adapters.simulator.core import commands as c
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.journal import Journal
from adapters.simulator.server.clock import Clock
from adapters.simulator.server.faults import Fault, Faults
from adapters.simulator.server.limits import Limits
from adapters.simulator.server.venue import Venue
from domain.errors import InvalidValue

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
class Options:
    """Symbols and customers that the journal knows already stay as they are."""

    journal: Path
    symbols: Sequence[str] = USUAL_SYMBOLS
    customers: Sequence[Customer] = ()
    faults: Sequence[Fault] = ()
    seed: int = 0
    weight_a_minute: int = 6_000
    orders_in_ten_seconds: int = 100


def opened(options: Options, wall_ms: Callable[[], int]) -> Venue:
    """Errors: JournalUnusable; InvalidValue where a symbol is not known. `close` its journal afterwards."""
    for name in options.symbols:
        if name not in USUAL:
            raise InvalidValue("symbols", f"{name!r} is not one of {', '.join(USUAL)}")
    journal = Journal(options.journal)
    try:
        exchange = journal.replay()
    except BaseException:
        journal.close()
        raise
    clock = Clock(wall_ms)
    clock.not_before(exchange.now_ms)
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
    for name in options.symbols:
        if name not in exchange.symbols:
            symbol, price = USUAL[name]
            venue.execute(c.ListSymbol(symbol=symbol, price=price))
    for customer in options.customers:
        _introduce(venue, customer)
    venue.freeze_depth()
    return venue


def _introduce(venue: Venue, customer: Customer) -> None:
    if customer.name in venue.exchange.accounts:
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
