"""The demo on one file of candles: which database, which candles, which terms."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter

from adapters.market_data.files import read_candles
from application.demo import Demo, DemoResult, DemoSettings
from application.paper.terms import terms_from_text
from application.ports.bot_observer import SilentObserver
from application.ports.clock import ManualClock
from domain.market import parse_symbol
from entrypoints.composition import Plan, opened
from entrypoints.running import settle_memory
from entrypoints.schema import give_tables
from entrypoints.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNNAMED_PAIR = "BASE/QUOTE"
"""What is traded where neither the command nor the file's name says it: prices and profit are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrder:
    """What was asked for on the command line."""

    candles: Path
    symbol: str | None
    interval: str | None
    cash: Decimal
    parameters: dict[str, str]
    terms: dict[str, str]
    force_close: bool


def run_demo(
    order: DemoOrder, settings: Settings, *, throwaway: bool, progress: Callable[[int, int], None]
) -> tuple[DemoResult, DemoSettings]:
    """Run it through the real platform; on a throwaway SQLite file, or durably where a database is named.

    Errors: CandleFileRefused, InvalidValue, those of the database.
    """
    file = read_candles(str(order.candles), interval=order.interval)
    file.require_clean()
    symbol = order.symbol or file.symbol_guess or UNNAMED_PAIR
    asked = DemoSettings(
        symbol=parse_symbol(symbol),
        interval=file.interval,
        cash=order.cash,
        parameters=order.parameters,
        terms=terms_from_text(order.terms),
        force_close=order.force_close,
    )
    clock = ManualClock(_EPOCH)
    plan = Plan(
        inline=True,
        observed=False,
        clock=clock,
        synchronous="OFF" if throwaway else "FULL",
        unchecked=throwaway,
        own_paper_accounts=True,
    )
    with _database(settings, throwaway=throwaway) as chosen, opened(chosen, plan) as container:
        demo = Demo(
            log=container.log(),
            bus=container.bus(),
            views=container.views(),
            exchange=container.exchange(),
            venue=container.exchange(),
            paper_accounts=container.paper_accounts(),
            maintenance=container.maintenance(),
            clock=clock,
            observer=SilentObserver(),
            stopwatch=perf_counter,
        )
        total = len(file.candles)
        settle_memory()
        result = demo(
            file.candles,
            asked,
            data_fingerprint=_digest(order.candles),
            progress=lambda done: progress(done, total),
        )
    return result, asked


@contextmanager
def _database(settings: Settings, *, throwaway: bool) -> Iterator[Settings]:
    if not throwaway:
        give_tables(settings)
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="evenkeel-demo-") as folder:
        chosen = settings.model_copy(update={"database_url": f"sqlite:///{folder}/demo.db", "shards": 1})
        give_tables(chosen)
        yield chosen


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
