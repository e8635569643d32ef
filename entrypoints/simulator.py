"""`evenkeel simulator`: the simulated exchange as a process."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

from adapters.market_data.files import read_candles
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.server.app import Server
from adapters.simulator.server.faults import parse_fault_text
from adapters.simulator.server.venue import Venue
from adapters.simulator.simulator import (
    Customer,
    MarketOptions,
    Options,
    Recorded,
    move,
    opened,
)
from domain.errors import InvalidValue
from domain.market import interval_ms
from domain.money import parse_asset, parse_positive_amount

USUAL_CUSTOMER = "simulator-key:simulator-secret:USDT=100000,BTC=1,BNB=10"
_PROGRESS_S = 0.5
_MAX_SPEED = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line's words, not yet judged."""

    host: str
    port: int
    seed: int
    journal: Path
    symbols: str
    accounts: Sequence[str]
    candles: Sequence[str]
    speed: str
    still: bool
    faults: Sequence[str]
    skew_ms: int
    weight_limit: int
    order_limit: int
    expose: bool


def judged(wanted: Wanted) -> Options:
    """Errors: InvalidValue names the option; CandleFileRefused or OSError for a file of candles."""
    _check_host(wanted.host, expose=wanted.expose)
    if wanted.still and wanted.candles:
        raise InvalidValue("candles", "a market that is --still follows none; leave one of the two out")
    symbols = _symbols(wanted.symbols)
    market = None
    if not wanted.still:
        market = MarketOptions(speed=_speed(wanted.speed), recorded=_recorded(wanted.candles, symbols))
    return Options(
        journal=wanted.journal,
        symbols=symbols,
        customers=[parse_customer(text) for text in wanted.accounts or [USUAL_CUSTOMER]],
        faults=[parse_fault_text(text) for text in wanted.faults],
        seed=wanted.seed,
        skew_ms=wanted.skew_ms,
        market=market,
        weight_a_minute=wanted.weight_limit,
        orders_in_ten_seconds=wanted.order_limit,
    )


def parse_customer(text: str) -> Customer:
    """`key:secret:BTC=1,USDT=10000`; the account is named as its key."""
    key, _, rest = text.partition(":")
    secret, _, balances = rest.partition(":")
    if not key or not secret or not balances:
        raise InvalidValue("account", f"{text!r} is not key:secret:ASSET=AMOUNT,ASSET=AMOUNT")
    amounts: dict[str, Decimal] = {}
    for part in balances.split(","):
        asset, _, amount = part.partition("=")
        found = parse_positive_amount(amount, "account")
        if found != round(found, 8):
            raise InvalidValue("account", f"{amount!r} has more than the exchange's 8 decimal places")
        amounts[parse_asset(asset, "account")] = found
    return Customer(name=key, key=key, secret=secret, balances=amounts)


def run(
    wanted: Wanted,
    options: Options,
    *,
    started: Callable[[Venue, str], None],
    progress: Callable[[int, int], None],
) -> None:
    """Until SIGTERM or SIGINT. Errors: JournalUnusable; OSError where the port is taken."""
    venue = opened(options, _wall_ms, progress)
    try:
        asyncio.run(_serve(wanted, options, venue, started, progress))
        if venue.broken is not None:
            raise venue.broken
    finally:
        venue.journal.close()


async def _serve(
    wanted: Wanted,
    options: Options,
    venue: Venue,
    started: Callable[[Venue, str], None],
    progress: Callable[[int, int], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(venue)
    beats = [] if options.market is None else [partial(move, venue, options.market)]
    await server.start(wanted.host, wanted.port, *beats)
    try:
        started(venue, f"http://{_shown(wanted.host)}:{server.port}")
        while not stop.is_set() and venue.broken is None:
            server.check()
            progress(sum(venue.counts.values()), 0)
            try:
                await asyncio.wait_for(stop.wait(), _PROGRESS_S)
            except TimeoutError:
                continue
    finally:
        await server.stop()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_host(host: str, *, expose: bool) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback and not expose:
        raise InvalidValue(
            "host", f"{host!r} is not loopback: others could trade here; say --expose if that is meant"
        )


def _symbols(text: str) -> list[str]:
    names = [name.strip().upper().replace("/", "") for name in text.split(",")]
    for name in names:
        if name not in USUAL:
            raise InvalidValue("symbols", f"{name!r} is not one of {', '.join(USUAL)}")
    return names


def _speed(text: str) -> Decimal:
    speed = parse_positive_amount(text, "speed")
    if speed > _MAX_SPEED:
        raise InvalidValue("speed", f"must be at most {_MAX_SPEED} seconds of market time a second")
    return speed


def _recorded(named: Sequence[str], symbols: Sequence[str]) -> dict[str, Recorded]:
    """`FILE`, or `SYMBOL=FILE` where the file's name does not say which."""
    found: dict[str, Recorded] = {}
    for text in named:
        symbol, equals, path = text.partition("=")
        file = read_candles(path if equals else text)
        file.require_clean()
        name = (symbol if equals else file.symbol_guess or "").upper().replace("/", "")
        if name not in symbols:
            raise InvalidValue(
                "candles", f"{text!r}: {name or 'nothing'} is not among --symbols; write SYMBOL=FILE"
            )
        candles = list(file.candles)
        if not candles:
            raise InvalidValue("candles", f"{text!r} has no candles")
        most = USUAL[name][0].max_price
        if any(candle.high > most or candle.low <= 0 for candle in candles):
            raise InvalidValue("candles", f"{text!r}: {name} trades above 0 and up to {most} only")
        found[name] = Recorded(interval_ms=interval_ms(file.interval), candles=candles)
    return found
