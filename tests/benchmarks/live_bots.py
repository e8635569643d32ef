"""Bots with real orders at a simulated exchange, on a worker made as in production."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from tempfile import mkdtemp
from typing import Any, cast

from dependency_injector import providers

from adapters.observability.logs import configure_logging
from application.accounts.commands import RegisterAccount
from application.bots.bot_worker import BotWorker
from application.bots.manage_bots import StartBot
from application.live.approval import ApproveLiveTrading, RequestLiveTrading
from application.live.modes import ChangeBotMode, RecordPreflight
from application.live.venue_bots import CreateVenueBot
from application.ports.candle_store import Series
from application.ports.commands import Caller, Command, Outcome
from application.ports.step_up import StepUpProof, mode_act
from application.ports.vault import PLATFORM, Credentials
from application.streams import book_stream
from application.venue_accounts.commands import OpenLiveBook, OpenPooledAccount
from application.work import Work
from domain import strategies
from domain.bots.events import BotTerms, PreflightCheck
from domain.bots.modes import LIVE, PASS
from domain.market import Candle, interval_ms
from domain.money import Money
from domain.orders.order import BUY, SELL
from domain.strategies.base import Signal, Strategy
from entrypoints.composition import Container, Plan, opened
from entrypoints.running import worker_running
from entrypoints.settings import Settings
from tests.benchmarks.bench import CHECKOUT
from tests.benchmarks.simulators import CASH, PRICE
from tests.simulators import ANN

SYMBOL = "BTC/USDT"
VENUE, OPERATOR, ON_ITS_TURN = "simulator", "operator", "on_its_turn"
SET_UP_S = 60.0


class Turns:
    """Which bots want to trade on which candle, and when each of them said so."""

    def __init__(self) -> None:
        self.of: dict[int, frozenset[str]] = {}  # by a candle's open time
        self.closed_ns: dict[int, int] = {}
        self.decided_ns: dict[tuple[str, int], int] = {}
        self.last_seen_ns: dict[int, int] = {}  # when the last bot so far decided on the candle, trade or not
        self.seen: Counter[int] = Counter()  # how many bots have
        self._lock = threading.Lock()

    def see(self, open_ms: int) -> None:
        with self._lock:
            self.last_seen_ns[open_ms] = time.monotonic_ns()
            self.seen[open_ms] += 1

    @contextmanager
    def as_strategy(self) -> Iterator[None]:
        """For the length of the block there is a strategy that keeps to the turns."""
        known = cast("dict[str, Callable[[Mapping[str, str]], Strategy]]", strategies.STRATEGIES)
        known[ON_ITS_TURN] = lambda parameters: _OnItsTurn(self, parameters["bot"])
        try:
            yield
        finally:
            del known[ON_ITS_TURN]


class _OnItsTurn:
    def __init__(self, turns: Turns, bot_id: str) -> None:
        self._turns, self._bot_id = turns, bot_id

    def on_candle(self, candle: Candle, *, in_position: bool) -> Signal | None:
        self._turns.see(candle.open_time_ms)
        if self._bot_id not in self._turns.of.get(candle.open_time_ms, ()):
            return None
        self._turns.decided_ns[self._bot_id, candle.open_time_ms] = time.monotonic_ns()
        return Signal(SELL if in_position else BUY, "it is its turn")


class PushedFeed:
    """A CandleFeed of candles as they are pushed; nothing is known of before."""

    def __init__(self) -> None:
        self._coming: SimpleQueue[Candle | None] = SimpleQueue()

    def push(self, candle: Candle) -> None:
        self._coming.put(candle)

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        return iter(())

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        while (candle := self._coming.get()) is not None:
            yield candle

    def close(self) -> None:
        self._coming.put(None)


@dataclass(frozen=True, slots=True)
class Credit:
    """An operator credits what an owner brought in."""

    book_id: str
    amount: Money

    def decide(self, work: Work) -> dict[str, Any]:
        credited = work.book(self.book_id).credit_deposit(self.amount, entry_id="opening", at=work.now)
        work.record(book_stream(self.book_id), credited)
        return {}


@dataclass
class LiveBots:
    """A worker with running LIVE bots, an owner and a book each, on one pooled account."""

    container: Container
    worker: BotWorker
    bot_ids: Sequence[str]
    turns: Turns
    feeds: dict[str, PushedFeed]
    interval: str
    _open_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self._open_ms = int(datetime.now(UTC).timestamp()) * 1_000

    def close_candle(self, bot_ids: Sequence[str], *sources: str) -> int:
        """The next candle of these series, all where none is named; these bots want to trade."""
        self._open_ms += interval_ms(self.interval)
        candle = Candle(
            open_time_ms=self._open_ms, open=PRICE, high=PRICE, low=PRICE, close=PRICE, volume=Decimal(1)
        )
        self.turns.of[self._open_ms] = frozenset(bot_ids)
        self.turns.closed_ns[self._open_ms] = time.monotonic_ns()
        for source in sources or self.feeds:
            self.feeds[source].push(candle)
        return self._open_ms

    def asked_for(self) -> dict[tuple[str, int], str]:
        """Client order ids by bot and candle."""
        found = {}
        for recorded in self.container.log().read(names=("bots.signal_raised",)):
            event: Any = recorded.event
            found[recorded.stream.partition(":")[2], event.candle_open_time_ms] = event.client_order_id
        return found

    def wait_for(self, name: str, number: int) -> None:
        """Until the log has so many events of that name."""
        until = time.monotonic() + SET_UP_S
        while sum(1 for _ in self.container.log().read(names=(name,))) < number:
            if time.monotonic() > until:
                raise TimeoutError(f"{number} × {name} did not come: {self._troubles()}")
            time.sleep(0.1)  # between two looks at the log, which take the cores from what is measured

    def wait_until_seen(self, open_ms: int) -> None:
        """Until every bot has decided on the candle."""
        until = time.monotonic() + SET_UP_S
        while self.turns.seen[open_ms] < len(self.bot_ids):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.turns.seen[open_ms]} bots saw it: {self._troubles()}")
            time.sleep(0.01)  # between two looks

    def _troubles(self) -> str:
        tripped = [str(one.event) for one in self.container.log().read(names=("bots.guardrail_tripped",))]
        states = [f"{one.name}: {one.status} {one.detail}" for one in self.worker.connectors()]
        return "; ".join([*tripped[:3], *states])


@contextmanager
def live_bots(
    folder: Path, database: str, url: str, number: int, *, series: int, interval: str = "1m"
) -> Iterator[LiveBots]:
    """So many bots, spread over so many series of the same pair ("bench-0", "bench-1", …).

    `url` is the simulator's; the files of the worker go to a folder of their own.
    """
    turns, feeds = Turns(), {f"bench-{one}": PushedFeed() for one in range(series)}
    data_dir = Path(mkdtemp(prefix="live-", dir=folder))
    settings = Settings(database_url=database, simulators=f"{VENUE}={url}", data_dir=data_dir)
    configure_logging(level="WARNING", log_format="console")
    with turns.as_strategy(), opened(settings, Plan()) as container, projecting(database):
        container.open_feed.override(providers.Object(lambda one: feeds[one.source]))
        bot_ids = _set_up(container, number, list(feeds), interval)
        head = container.log().head().number
        if not container.views().wait_for(head, timeout_s=SET_UP_S):
            raise TimeoutError("the projector did not catch up")
        with worker_running(container, settings, worker_id="bench") as (worker,):
            until = time.monotonic() + SET_UP_S
            while len(worker.hosted()) < number:
                if time.monotonic() > until:
                    raise TimeoutError(f"{len(worker.hosted())} bots run: {worker.connectors()}")
                time.sleep(0.1)  # between two looks
            yield LiveBots(container, worker, bot_ids, turns, feeds, interval)
            for feed in feeds.values():
                feed.close()


@contextmanager
def projecting(database: str) -> Iterator[None]:
    """The read models follow in a process of their own, as they do on PostgreSQL."""
    program = "from entrypoints.cli import main; main()"
    options = ["projector", "--database-url", database, "--metrics-port", "0"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *options],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _set_up(container: Container, number: int, sources: Sequence[str], interval: str) -> list[str]:
    done = _Done(container)
    done.all([RegisterAccount(OPERATOR, ("trader", "admin"), "commitment")])
    (opened_account,) = done.all([OpenPooledAccount(VENUE, "main", OPERATOR)])
    account = str(opened_account.unwrap()["venue_account_id"])
    keys = container.services().venue_keys
    keys.take(account, PLATFORM, Credentials(ANN.key, ANN.secret), done.caller()).unwrap()
    owners = [f"owner-{one}" for one in range(number)]
    done.all(RegisterAccount(owner, ("trader",), "commitment") for owner in owners)
    done.all(RequestLiveTrading(owner, "bench") for owner in owners)
    done.all(ApproveLiveTrading(owner, "bench", OPERATOR) for owner in owners)
    books = [str(one.unwrap()["book_id"]) for one in done.all(OpenLiveBook(o, account) for o in owners)]
    each = Money(CASH / number, "USDT")
    done.all(Credit(book_id, each) for book_id in books)
    bot_ids = [f"bot-{one}" for one in range(number)]
    bots = list(zip(bot_ids, owners, strict=True))
    done.all(
        CreateVenueBot(
            bot_id=bot_id,
            owner_id=owner,
            venue_account_id=account,
            terms=BotTerms(
                name=bot_id,
                strategy=ON_ITS_TURN,
                parameters={"bot": bot_id},
                venue=VENUE,
                symbol=SYMBOL,
                interval=interval,
                source=sources[nth % len(sources)],
                allocation=Money(Decimal(1_000), "USDT"),
                stop_loss_bps=300,
            ),
            asked_from="bench",
        )
        for nth, (bot_id, owner) in enumerate(bots)
    )
    check = PreflightCheck(name="all", verdict=PASS, message="for a benchmark", figures={})
    done.all(
        RecordPreflight(
            bot_id=bot_id, owner_id=owner, preflight_id=bot_id, for_mode=LIVE, checks=(check,), by=owner
        )
        for bot_id, owner in bots
    )
    done.all(_goes_live(bot_id, owner) for bot_id, owner in bots)
    done.all(StartBot(bot_id, owner, after_candle_ms=None) for bot_id, owner in bots)
    return bot_ids


def _goes_live(bot_id: str, owner: str) -> ChangeBotMode:
    proof = StepUpProof(
        step_up_id=f"step-up-{bot_id}",
        session_sha256="",
        account_id=owner,
        act_sha256=mode_act(bot_id, LIVE, bot_id, "for a benchmark"),
        address="",
        proved_at_utc=datetime.now(UTC),
    )
    return ChangeBotMode(
        bot_id=bot_id,
        owner_id=owner,
        to_mode=LIVE,
        reason="for a benchmark",
        by=owner,
        asked_from="bench",
        preflight_id=bot_id,
        step_up=proof,
    )


class _Done:
    """Commands, a batch at a time."""

    def __init__(self, container: Container) -> None:
        self._bus, self._numbers = container.bus(), count(1)

    def all(self, commands: Any) -> list[Outcome]:
        """Raises the first refusal."""
        made: list[Command] = list(commands)
        futures = [self._bus.submit(command, self.caller()) for command in made]
        outcomes = [future.result(60) for future in futures]
        for outcome in outcomes:
            outcome.unwrap()
        return outcomes

    def caller(self) -> Caller:
        command_id = f"set-up-{next(self._numbers)}"
        return Caller(actor=OPERATOR, command_id=command_id, correlation_id=command_id)
