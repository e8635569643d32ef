"""Processes: what a worker is made of, in one thread and in virtual time; it may die at any moment."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.writer import GroupCommitWriter
from application.bots.bot_worker import BotWorker
from application.bots.followed_series import Followed
from application.kill_switch.engaged import EngagedSwitches
from application.kill_switch.process import KillSwitchProcess
from application.paper.accounts import PaperAccountService
from application.ports.bot_observer import SilentObserver
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_store import Series
from application.ports.exchange import Exchange, OrderReport, StreamGap
from application.reconciliation.reconcile import Reconcile
from application.venues.check_account import CheckAccount
from application.venues.desk import LOOK_S, RealVenue, VenueDesk, _Kept
from application.venues.statements import AccountStatements
from domain.market import Candle
from tests.simulation.scheduler import Crash, Life, LocalClock
from tests.simulation.store import ENVELOPES, Connection, LaggingViews, SharedLeases, SharedLog
from tests.simulation.venue import VENUE, VenueClient, hostile

if TYPE_CHECKING:
    from tests.simulation.sim import Sim

SOURCE = "simvenue"
PAPER_SOURCE = "replay"
CANDLE_MS = 60_000
_RETRY_S = 5.0


class Feed:
    """Closed candles as they come; where there is none yet it says so, and is asked again."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        for candle in self._sim.candles[series.symbol]:
            if until_ms is None or candle.open_time_ms < until_ms:
                yield candle

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        for candle in self._sim.candles[series.symbol]:
            if after_ms is None or candle.open_time_ms > after_ms:
                yield candle
        raise FeedUnavailable("no candle has closed since")

    def close(self) -> None: ...


class SteppedDesk(VenueDesk):
    """The desk, with its threads as steps of the simulation."""

    process: Process

    def _start(self, kept: _Kept) -> None:
        self.process.listens(kept)
        self.process.every(LOOK_S * 1.5, f"look {kept.account[1]}", self._looking(kept))

    def _looking(self, kept: _Kept) -> Callable[[], bool]:
        def look() -> bool:
            if kept.is_over.is_set():
                return False
            self._look_once(kept)
            return True

        return look

    def hear(self, kept: _Kept, news: OrderReport | StreamGap) -> None:
        if not kept.is_over.is_set():
            self._hear(kept, news)

    def kept(self) -> list[_Kept]:
        return list(self._kept.values())


class SteppedWorker(BotWorker):
    """The worker of bots, with the threads of its markets as steps of the simulation."""

    process: Process

    def look(self) -> bool:
        """As `run` does it."""
        try:
            self.tick()
            self.outage = ""
        except Exception as problem:  # noqa: BLE001 - as in run()
            self._tell_outage(problem)
        return True

    def _start_markets(self) -> None:
        for followed in self._series.all().values():
            self.process.follows(followed, self._market_steps)

    def is_busy_with(self, followed: Followed) -> bool:
        """Whether a step of one of its bots is under way, in another thread."""
        market = followed.market
        runners = [*market._runners.values(), *market._joining]  # who joins is warmed up in its next step
        return any(runner._working.locked() for runner in runners)

    def follows(self, followed: Followed) -> bool:
        return any(one is followed for one in self._series.all().values())


class Process:
    """A worker: started, killed and started again under its name, with nothing kept but the log."""

    def __init__(self, sim: Sim, name: str, skew: timedelta) -> None:
        self.sim, self.name = sim, name
        self.clock = LocalClock(sim.scheduler, skew)
        self.life = Life(name, is_over=True)
        self.problems: list[str] = []

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        sim = self.sim
        self.life = life = Life(self.name)
        self.connection = Connection(sim.store, life, sim.scheduler, sim.faults)
        self.log = SharedLog(self.connection)
        self.bus = sim.broken.bus(GroupCommitWriter(self.connection, ENVELOPES, self.clock))
        self.views = LaggingViews(sim.views, self.connection, sim.scheduler)
        self.leases = SharedLeases(sim.leases, self.connection, sim.faults)
        self.client = VenueClient(sim.venue, life, sim.scheduler, sim.faults)
        self.exchange: Exchange = sim.broken.exchange(self.client)
        paper = PaperExchange(sim.paper_store)
        self.desk = SteppedDesk(
            worker_id=self.name,
            open_venue=lambda name: RealVenue(self.exchange),
            is_clean=self._check(),
            log=self.log,
            bus=self.bus,
            views=self.views,
            leases=self.leases,
            clock=self.clock,
            observer=SilentObserver(),
        )
        self.desk.process = self
        self.worker = SteppedWorker(
            worker_id=self.name,
            log=self.log,
            bus=self.bus,
            views=self.views,
            leases=self.leases,
            exchange=paper,
            venue=paper,
            paper_accounts=PaperAccountService(self.bus, self.log, paper),
            open_feed=lambda series: Feed(sim),
            wall_clock_sources=frozenset({SOURCE}),
            clock=self.clock,
            observer=SilentObserver(),
            desk=self.desk,
        )
        self.worker.process = self
        self.kill_switch = KillSwitchProcess(
            log=self.log,
            bus=self.bus,
            views=self.views,
            exchange_of=lambda venue, _owner: self.exchange if venue == VENUE else paper,
            clock=self.clock,
            engaged=EngagedSwitches(self.log),
        )
        self._followed: list[Followed] = []
        self._listening: dict[str, _Kept] = {}
        sim.scheduler.note(f"{self.name} starts")
        self.every(3.0, "tick", self.worker.look)
        self.every(5.0, "kill switch", self._work_on_kill_switches)

    def kill(self, why: str) -> None:
        """It is gone at once, with all it had in memory; another one starts later under its name."""
        if self.life.is_over:
            return
        self.life.is_over = True
        self.sim.scheduler.note(f"{self.name} dies: {why}")
        back_ms = 500 if self.sim.faults.are_healed else self.sim.scheduler.rng.randint(500, 45_000)
        self.sim.scheduler.after(back_ms, None, "", self.start)

    def crash_here(self, name: str) -> None:
        """A named point of the code was passed; see application/failpoints.py."""
        if self.sim.faults.strikes("crash"):
            self.kill(f"at {name}")
            raise Crash

    # -- threads -------------------------------------------------------------------------------------------

    def every(self, pause_s: float, thread: str, step: Callable[[], bool]) -> None:
        """What a thread does again and again, more or less every so often, as long as it says so."""
        life = self.life

        def act() -> None:
            if step():
                self.sim.scheduler.after(self.sim.pace(pause_s), life, thread, act)

        self.sim.scheduler.after(self.sim.pace(pause_s) // 4, life, thread, act)

    def listens(self, kept: _Kept) -> None:
        """From now on it is told what happens to the account's orders."""
        self._listening[kept.account[1]] = kept
        self.tells(kept, StreamGap())

    def hears(self, account: str, news: OrderReport) -> None:
        """The venue pushes something to whoever listens; on the way that may be lost, repeated or late."""
        kept, faults, rng = self._listening.get(account), self.sim.faults, self.sim.scheduler.rng
        if self.life.is_over or kept is None or kept.is_over.is_set() or faults.strikes("news_lost"):
            return
        for _ in range(2 if faults.strikes("news_twice") else 1):
            late_ms = rng.randint(500, 30_000) if faults.strikes("news_late") else rng.randint(5, 100)
            self.tells(kept, news, late_ms)
        if faults.strikes("hostile"):
            self.tells(kept, hostile(news, self.sim.scheduler), rng.randint(5, 5_000))
        if faults.strikes("stream_gap"):
            self.tells(kept, StreamGap(problem="the stream was away"), rng.randint(5, 5_000))

    def tells(self, kept: _Kept, news: OrderReport | StreamGap, late_ms: int = 0) -> None:
        def act() -> None:
            self.desk.hear(kept, news)

        self.sim.scheduler.after(late_ms, self.life, f"listen {kept.account[1]}", act)

    def follows(self, followed: Followed, steps_of: Callable[..., Generator[float]]) -> None:
        """A market begins, once: candle by candle, and again when the next one has closed."""
        if any(one is followed for one in self._followed):
            return
        self._followed.append(followed)
        steps = steps_of(followed.market, followed.feed)
        life, thread = self.life, f"market {followed.market.series.symbol} {id_of(followed, self._followed)}"

        def act() -> None:
            if not self.worker.follows(followed):
                steps.close()
                return
            if self.worker.is_busy_with(followed):  # the thread would wait for a runner's lock
                self.sim.scheduler.after(200, life, thread, act)
                return
            pause_s = next(steps, None)
            if pause_s is None:
                return
            rng = self.sim.scheduler.rng
            pause_ms = (
                rng.randint(1, 20) if not pause_s else self.sim.until_next_candle() + rng.randint(50, 1500)
            )
            self.sim.scheduler.after(pause_ms, life, thread, act)

        self.sim.scheduler.after(1, life, thread, act)

    def _work_on_kill_switches(self) -> bool:
        try:
            self.kill_switch()
        except Exception as problem:  # noqa: BLE001 - the store is away: tried again
            self.sim.scheduler.note(f"{self.name}: kill switch: {problem!r}")
        return True

    # -- inside --------------------------------------------------------------------------------------------

    def _check(self) -> CheckAccount:
        sim = self.sim

        def wait(seconds: float) -> None:
            sim.scheduler.wait(self.life, int(seconds * 1000))

        def statements(account: tuple[str, str]) -> AccountStatements:
            return AccountStatements(self.exchange, lambda: [account[1]], self.views, self.clock)

        reconcile = Reconcile(self.log, self.bus, self.clock, wait)
        return CheckAccount(self.log, reconcile, statements, sim.next_id)


def id_of(followed: Followed, all_of_them: list[Followed]) -> int:
    return next(number for number, one in enumerate(all_of_them) if one is followed)
