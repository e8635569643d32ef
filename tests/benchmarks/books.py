"""Order books of three venues, from each one's push to a decision on all three."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.exchanges.ccxt.books import CcxtOrderBooks
from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from application.ports.market_view import BookView, MarketDataUnavailable, OrderBooks
from tests.benchmarks.bench import Bench
from tests.benchmarks.quantiles import Latencies
from tests.benchmarks.report import Case, Section, ratio
from tests.benchmarks.simulators import Simulators, bare_client, simulators

VENUES = 3
SYMBOL = "BTC/USDT"
PAUSE_S = 0.1  # as often as Binance pushes depth
LOOK_S = 0.0005
SECONDS = 10.0
MUST_P99_MS = 10.0
BASELINE = "bare ccxt.pro"


def measure(bench: Bench) -> Section:
    section = Section("books", "order books of three venues, from a venue's push to a decision, ms")
    section.conditions = [
        f"{VENUES} simulators in one other process, each book changed every {PAUSE_S * 1000:.0f} ms;",
        f"{VENUES} CcxtOrderBooks, each with its ccxt.pro client and loop; a thread looks at all three books",
        f"every {LOOK_S * 1000:g} ms and decides which venue to buy at and which to sell at",
        "from the venue's push (before its socket) to the end of the first decision on the new book",
        f"baseline: one {BASELINE} client on a loop of its own, until watch_order_book answers",
    ]
    found: dict[str, list[Latencies]] = defaultdict(list)
    with _at_work(bench) as (venues, books):
        for _ in bench.turns(60):
            moves = int(bench.seconds(SECONDS) / PAUSE_S)
            found[BASELINE].append(asyncio.run(_bare(venues, moves)))
            found["three books to a decision"].append(_decided(venues, books, moves))
    baseline = [one.ms(0.5) for one in found[BASELINE]]
    for name, runs in found.items():
        for share in (0.5, 0.99):
            samples = tuple(one.ms(share) for one in runs)
            ratios = (ratio(BASELINE, samples, baseline),) if share == 0.5 and name != BASELINE else ()
            must = MUST_P99_MS if share == 0.99 and name != BASELINE else None
            notes = {"updates": f"{sum(len(one) for one in runs):,}", "worst": f"{runs[-1].ms(1):.1f} ms"}
            label = f"{name}: p{share * 100:.0f}"
            section.cases.append(Case(label, samples, "ms", ratios, must=must, at_most=True, notes=notes))
    return section


@contextmanager
def _at_work(bench: Bench) -> Iterator[tuple[Simulators, list[CcxtOrderBooks]]]:
    with TemporaryDirectory(dir=memory(bench)) as folder, simulators(Path(folder), VENUES) as venues:
        connections = [
            VenueConnection(VenueAddress(name=f"simulator-{number}", exchange="binance", url=url))
            for number, url in enumerate(venues.urls)
        ]
        books = [CcxtOrderBooks(connection) for connection in connections]
        try:
            for each in books:
                each.follow(SYMBOL)
            while not all(_view(each) for each in books):
                venues.move(1, PAUSE_S)
            yield venues, books
        finally:
            for each in books:
                each.close()
            for connection in connections:
                connection.close()


def _decided(venues: Simulators, books: list[CcxtOrderBooks], moves: int) -> Latencies:
    """Looks at the books while they move."""
    venues.stamps()
    seen: dict[Decimal, int] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            views = [_view(each) for each in books]
            if None in views:
                continue
            shown = [view for view in views if view is not None]
            _decide(shown)
            now = time.monotonic_ns()
            for view in shown:
                seen.setdefault(view.best_bid, now)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        venues.move(moves, PAUSE_S)
        time.sleep(3 * PAUSE_S)  # the last ones are still on their way
    finally:
        over.set()
        thread.join()
    return _latencies(venues, seen)


def _decide(views: list[BookView]) -> tuple[int, int]:
    """Where to buy and where to sell: the arbitrageur's first question."""
    places = range(len(views))
    return min(places, key=lambda n: views[n].best_ask), max(places, key=lambda n: views[n].best_bid)


async def _bare(venues: Simulators, moves: int) -> Latencies:
    """The same updates of one venue, as ccxt.pro hands them out."""
    client = bare_client(venues.urls[0])
    seen: dict[Decimal, int] = {}

    async def watch() -> None:
        while True:
            book: Any = await client.watch_order_book(SYMBOL)
            now = time.monotonic_ns()
            seen.setdefault(Decimal(str(book["bids"][0][0])), now)

    watching = asyncio.create_task(watch())
    try:
        while not seen:
            await asyncio.to_thread(venues.move, 1, PAUSE_S)
        venues.stamps()
        seen.clear()
        await asyncio.to_thread(venues.move, moves, PAUSE_S)
        await asyncio.sleep(3 * PAUSE_S)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await client.close()
    return _latencies(venues, seen)


def _latencies(venues: Simulators, seen: dict[Decimal, int]) -> Latencies:
    pushed = {Decimal(price): at for price, at in venues.stamps().items()}
    return Latencies.of((at - pushed[price]) / 1e9 for price, at in seen.items() if price in pushed)


def _view(books: OrderBooks) -> BookView | None:
    try:
        return books.view(SYMBOL)
    except MarketDataUnavailable:
        return None


def memory(bench: Bench) -> Path:
    """Where a simulator's own writing costs nothing."""
    shared = Path("/dev/shm")  # a directory of its own is made in it
    return shared if shared.is_dir() else bench.data_dir
