"""What a venue says again is neither recorded nor counted twice; other news is never taken for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from application.ports.bot_observer import SilentObserver
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperTerms
from domain.market import Candle
from domain.orders.events import OrderFilled, OrderPartiallyFilled
from domain.orders.order import FILLED
from tests.application.bots.market import CrashingVenue, CrashPoint, World, walk
from tests.application.harness import with_running_bot

CANDLES = walk(3)


@dataclass
class Counts(SilentObserver):
    """Every order report told, and the fills of all of them."""

    told: list[tuple[str, str]] = field(default_factory=list)
    fills: int = 0

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None:
        self.told.append((client_order_id, status))
        self.fills += new_fills


def capped(cap: str) -> World:
    return World(with_running_bot(paper=PaperTerms(volume_cap=Decimal(cap))))


def run(
    world: World, candles: list[Candle], observer: SilentObserver, venue: CrashingVenue | None = None
) -> None:
    exchange = venue or world.venue()
    market = world.market(world.feed(candles), exchange)
    market.join(world.runner(exchange=exchange, observer=observer))
    market.run()


def fills(world: World) -> int:
    return sum(isinstance(event, OrderFilled | OrderPartiallyFilled) for event in world.store.events())


def first_fill(world: World) -> int:
    """The number of the candle that the first order began to fill on, at the end of its run."""
    filled = next(event for event in world.store.events() if isinstance(event, OrderPartiallyFilled))
    return int(filled.traded_at_utc.timestamp()) // 3_600


def test_candles_on_which_nothing_traded_count_no_fill_again() -> None:
    tried = capped("0.1")
    run(tried, CANDLES, SilentObserver())
    until = first_fill(tried) + 1
    price = CANDLES[until - 1].close
    quiet = [
        replace(each, open=price, high=price, low=price, close=price, volume=Decimal(0))
        for each in CANDLES[until:]
    ]
    world, counts = capped("0.1"), Counts()

    run(world, [*CANDLES[:until], *quiet], counts)

    assert counts.fills == fills(world) == 1
    assert [status for _, status in counts.told] == ["open", "partially_filled"]


def test_every_fill_is_counted_once_and_every_end_once() -> None:
    world, counts = capped("0.5"), Counts()

    run(world, CANDLES, counts)

    assert counts.fills == fills(world) > 4
    ends = [order_id for order_id, status in counts.told if status == FILLED]
    assert len(ends) == len(set(ends)) > 1


def test_a_run_that_begins_again_counts_nothing_again() -> None:
    world = capped("0.1")
    run(world, CANDLES, SilentObserver())
    counts = Counts()

    run(world, CANDLES, counts)

    assert counts.fills == 0


class TellsOnlyTheNewestFill(CrashingVenue):
    """Each report has as many fills as the one before, and other ones."""

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        report = super().report(venue_account, symbol, client_order_id)
        return replace(report, fills=report.fills[-1:])


def test_a_report_with_as_many_fills_as_the_last_one_and_other_ones_is_news() -> None:
    world, unharmed = capped("0.2"), capped("0.2")
    run(world, CANDLES, SilentObserver(), TellsOnlyTheNewestFill(world.venue(), CrashPoint()))
    run(unharmed, CANDLES, SilentObserver())

    assert fills(world) == fills(unharmed) > 4
    assert dict(world.store.book().balances) == dict(unharmed.store.book().balances)
