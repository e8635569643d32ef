"""One run: a world drawn from a seed, a phase in which anything fails, one in which all comes right."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.persistence.event_log import StoredEventLog
from adapters.persistence.leases import MemoryLeases
from adapters.simulator.core import commands as c
from application import failpoints
from application.ports.exchange import OrderReport
from domain.bots.bot import RUNNING, Bot
from domain.market import Candle
from domain.money import floor_to_step
from tests.simulation.faults import Faults
from tests.simulation.oracles import Oracles
from tests.simulation.people import People
from tests.simulation.process import CANDLE_MS, Process
from tests.simulation.sabotage import WHOLE, Broken
from tests.simulation.scheduler import BEGIN, Scheduler, Violation
from tests.simulation.store import ENVELOPES, SharedStore, SharedViews
from tests.simulation.venue import OTHERS, SYMBOLS, Venue, code
from tests.simulation.world import World

CHAOS_MS = 6 * CANDLE_MS
HEALING_MS = 4 * CANDLE_MS
LEAST_STEPS, LEAST_FAULTS = 100, 2
EPOCH_MS = int(BEGIN.timestamp()) * 1000


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    faults: str
    steps: int
    events: int
    checks: int
    struck: dict[str, int]
    digest: str
    orders: int
    fills: int
    violation: Violation | None = None
    problem: BaseException | None = None
    last: list[str] = field(default_factory=list)
    dials: tuple[str, ...] = ()
    trace_back: str = ""
    enough: tuple[str, ...] = ()  # faults with which it fails as well, where that was tried

    @property
    def is_well(self) -> bool:
        return self.violation is None and self.problem is None


class Sim:
    """The whole world of one seed."""

    def __init__(
        self,
        seed: int,
        *,
        broken: Broken = WHOLE,
        only: Collection[str] | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """`only`: of the faults that the seed turns on, no others strike."""
        self.seed, self.broken = seed, broken
        self.rng = rng = random.Random(seed)
        self.scheduler = Scheduler(rng)
        self.scheduler.trace = trace
        self.faults = Faults.drawn(rng, only)
        self.store = SharedStore()
        self.views = SharedViews(StoredEventLog(self.store, ENVELOPES))
        self.venue = Venue(self.scheduler, self.faults, requests_expire=rng.random() > 0.1)
        self.paper_store = MemoryPaperStore(exclusive=False)
        self.leases = MemoryLeases(self.scheduler, self.store.leases)
        self.candles: dict[str, list[Candle]] = {symbol: [] for symbol in SYMBOLS}
        self.accounts: list[str] = []
        self.processes: list[Process] = []
        self.oracles = Oracles(self)
        self._ids = 0
        self._slowness = rng.uniform(0.7, 2.0)
        self.world = World(self)
        self.people = People(self)

    # -- running -------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """The safety phase, then the liveness phase; what was violated is in the outcome."""
        violation: Violation | None = None
        problem: BaseException | None = None
        with self.broken.patched(), self._failpoints_armed():
            try:
                self._run()
            except Violation as e:
                violation = e
            except Exception as e:  # noqa: BLE001 - told with the seed
                problem = e
        return Outcome(
            seed=self.seed,
            faults=self.faults.words(),
            steps=self.scheduler.steps,
            events=len(self.store.recorded),
            checks=self.oracles.checks,
            struck=dict(sorted(self.faults.counted.items())),
            digest=self.digest(),
            orders=len(self.venue.placed),
            fills=len(self.oracles.booked),
            violation=violation,
            problem=problem,
            last=list(self.scheduler.last),
            dials=tuple(sorted(self.faults.dials)),
        )

    def _run(self) -> None:
        self.faults.are_healed = True  # setting up is not what is tested
        self.world.build()
        self.faults.are_healed = False
        self.store.listeners.append(self.oracles.committed)
        self.venue.before_place = self.oracles.before_place
        self.venue.listeners.append(self._push)
        for number in range(self.rng.randint(2, 3)):
            skew_ms = self.rng.randint(-950, 950) if self.faults.is_on("clock_skew") else 0
            process = Process(self, f"w-{number + 1}", timedelta(milliseconds=skew_ms))
            self.processes.append(process)
            process.start()
        self._move_markets()
        self._close_candles()
        self._look_at_faults()
        self.people.begin()
        self._seal()
        self.scheduler.run(lambda: self.scheduler.now_ms >= CHAOS_MS and self._is_enough())
        self.heal()
        end_ms = self.scheduler.now_ms + HEALING_MS
        self.scheduler.run(lambda: self.scheduler.now_ms >= end_ms)
        self.oracles.at_the_end()

    def _is_enough(self) -> bool:
        return self.scheduler.steps >= LEAST_STEPS

    def heal(self) -> None:
        """Everything works from here on, and people put right what is theirs to put right."""
        self.scheduler.note("-- all is healed --")
        self.faults.heal()
        self.venue.away_until_ms = 0
        for process in self.processes:
            process.life.paused_until_ms = 0
            process.connection.away_until_ms = 0
            process.views.behind_until_ms = 0
        self.people.heal()

    def not_at_rest(self) -> Iterator[str]:
        """What a healed world still lacks."""
        for bot_id in self.world.bots:
            bot: Bot = self.store.state(f"bot:{bot_id}")
            if bot.status == RUNNING:
                hosts = [one.name for one in self.processes if bot_id in one.worker.hosted()]
                if len(hosts) != 1:
                    yield f"bot {bot_id} runs in {hosts or 'no worker'}"
        for process in self.processes:
            if process.life.is_over:
                yield f"{process.name} is not back"
            if process.worker.outage:
                yield f"{process.name} has an outage: {process.worker.outage}"
            for kept in process.desk.kept():
                if kept.problem or not kept.is_open:
                    yield f"{process.name} keeps {kept.account[1]}, and: {kept.problem or 'it is not open'}"

    # -- what is of use to others --------------------------------------------------------------------------

    def next_id(self) -> str:
        self._ids += 1
        return f"{self.seed}-{self._ids}"

    def pace(self, pause_s: float) -> int:
        """Milliseconds until a thread's next turn: it is never punctual."""
        return int(pause_s * 1000 * self._slowness * self.rng.uniform(0.8, 1.6))

    def until_next_candle(self) -> int:
        return CANDLE_MS - self.scheduler.now_ms % CANDLE_MS

    def digest(self) -> str:
        """Of every byte that was stored: the same for the same seed."""
        import hashlib

        digest = hashlib.sha256()
        for rows in self.store.streams().values():
            for row in rows:
                digest.update(row.state)
        return digest.hexdigest()[:16]

    # -- what happens by itself ----------------------------------------------------------------------------

    def _push(self, account: str, report: OrderReport) -> None:
        for process in self.processes:
            process.hears(account, report)

    def _move_markets(self) -> None:
        for symbol in SYMBOLS:
            price = self.venue.prices[symbol]
            tick = self.venue.core.symbols[code(symbol)].tick_size
            to = floor_to_step(price * (1000 + self._drift(symbol)) / 1000, tick)
            self.venue.move(symbol, to, self._takes())
        self.scheduler.after(self.rng.randint(5_000, 15_000), None, "", self._move_markets)

    def _drift(self, symbol: str) -> int:
        """Up in one minute and down in the next, as a rule: markets that make these strategies trade."""
        rises = (self.scheduler.now_ms // CANDLE_MS + len(symbol) + SYMBOLS.index(symbol)) % 2
        return self.rng.randint(-4, 10) if rises else self.rng.randint(-10, 4)

    def _takes(self) -> list[c.Take]:
        if self.rng.random() < 0.5:
            return []
        side = self.rng.choice(["BUY", "SELL"])
        return [c.Take(side=side, quantity=Decimal(self.rng.randint(1, 300)) / 100)]

    def _close_candles(self) -> None:
        opened_ms = EPOCH_MS + self.scheduler.now_ms
        for symbol in SYMBOLS:
            self.close_candle(symbol, opened_ms - CANDLE_MS)
        self.scheduler.after(CANDLE_MS, None, "", self._close_candles)

    def close_candle(self, symbol: str, opened_ms: int) -> None:
        close = self.venue.prices[symbol]
        known = self.candles[symbol]
        opened = known[-1].close if known else close
        high, low = max(opened, close), min(opened, close)
        known.append(Candle(opened_ms, opened, high, low, close, Decimal(self.rng.randint(1, 50))))

    def _look_at_faults(self) -> None:
        """Faults of processes, the store and the venue that come at any time."""
        strikes, rng, now_ms = self.faults.strikes, self.rng, self.scheduler.now_ms
        for process in self.processes:
            if process.life.is_over:
                continue
            if strikes("kill"):
                process.kill("killed")
            elif strikes("store_away"):
                process.connection.away_until_ms = now_ms + rng.randint(500, 20_000)
                self.scheduler.note(f"{process.name}: the store is away")
            elif strikes("views_behind"):
                process.views.fall_behind(now_ms + rng.randint(500, 20_000))
            elif strikes("pause"):
                process.life.paused_until_ms = now_ms + rng.randint(1_000, 40_000)
                self.scheduler.note(f"{process.name} stands still")
        if strikes("maintenance"):
            self.venue.away_until_ms = now_ms + rng.randint(1_000, 40_000)
            self.scheduler.note("venue: maintenance")
        if strikes("foreign") and self.accounts:
            self._trade_of_others()
        self.scheduler.after(rng.randint(2_000, 8_000), None, "", self._look_at_faults)

    def _trade_of_others(self) -> None:
        account, symbol = self.rng.choice(self.accounts), self.rng.choice(SYMBOLS)
        quantity = Decimal(self.rng.randint(1, 20)) / 1000
        self.venue.trade_of_others(
            account, symbol, self.rng.choice(["buy", "sell"]), quantity, f"{OTHERS}{self.next_id()}"
        )

    def _seal(self) -> None:
        self.oracles.seal()
        self.scheduler.after(60_000, None, "", self._seal)

    @contextmanager
    def _failpoints_armed(self) -> Iterator[None]:
        def hit(name: str) -> None:
            current = self.scheduler.current
            for process in self.processes:
                if process.life is current:
                    process.crash_here(name)

        failpoints._armed = hit
        try:
            yield
        finally:
            failpoints._armed = None
