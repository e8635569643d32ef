"""The load on the command bus: transfers, and clients that wait for each answer before they ask again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from random import Random

from application.ports.commands import Caller, Command, CommandBus, Outcome, Result, fingerprint
from application.streams import book_stream
from application.work import OutboxMessage, Work
from domain.ledger.book import PAPER
from domain.ledger.postings import AVAILABLE, Posting, bot_account, revenue_account
from domain.money import Money

FUNDS = Decimal(10**9)
AMOUNT, NET, FEE = Decimal("1.00"), Decimal("0.99"), Decimal("0.01")


class SystemClock:
    """The time it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OpenFunded:
    """A book with more in it than any benchmark spends."""

    book_id: str

    def decide(self, work: Work) -> Result:
        stream = book_stream(self.book_id)
        opened = work.book(self.book_id).open(
            book_id=self.book_id,
            owner_id=f"acct-{self.book_id}",
            purse=PAPER,
            venue_account="paper",
            at=work.now,
        )
        work.record(stream, opened)
        funds = Money(FUNDS, "USDT")
        work.record(stream, work.book(self.book_id).credit_deposit(funds, entry_id="opening", at=work.now))
        return {}


@dataclass(frozen=True, slots=True)
class Transfer:
    """1 USDT from the free balance to a bot, less a fee: three legs, balance-checked, and a message about it.

    Reads the kill switch, as every money command does.
    """

    book_id: str
    entry_id: str

    def decide(self, work: Work) -> Result:
        work.platform().require_trading()
        book = work.book(self.book_id)
        postings = (
            Posting(AVAILABLE, "USDT", AMOUNT),
            Posting(bot_account("bot-1"), "USDT", -NET),
            Posting(revenue_account("transfer_fee"), "USDT", -FEE),
        )
        work.record(
            book_stream(self.book_id),
            book.post(entry_id=self.entry_id, kind="transfer", postings=postings, at=work.now),
        )
        work.tell(OutboxMessage(self.entry_id, "transfer", self.book_id, {"amount": "1.00", "asset": "USDT"}))
        return {"entry_id": self.entry_id}


def caller(command_id: str) -> Caller:
    """Who asks for a money command over HTTP: with a scope, a key and a digest of the content."""
    return Caller(
        actor="acct-1",
        command_id=command_id,
        correlation_id=command_id,
        scope="acct-1 POST /v1/transfers",
        fingerprint=fingerprint(command_id, "1.00", "USDT"),
    )


def open_books(bus: CommandBus, book_ids: Sequence[str]) -> None:
    """Open and fund them, a hundred at a time."""
    for first in range(0, len(book_ids), 100):
        some = book_ids[first : first + 100]
        for future in [bus.submit(OpenFunded(book_id), caller(f"open-{book_id}")) for book_id in some]:
            future.result(60).unwrap()


def transfers(book_ids: Sequence[str], *, run: str) -> Callable[[], tuple[Command, Caller]]:
    """An endless supply: each of a random book."""
    random, numbers = Random(run), count()

    def following() -> tuple[Command, Caller]:
        entry_id = f"{run}-{next(numbers)}"
        return Transfer(random.choice(book_ids), entry_id), caller(entry_id)

    return following


@dataclass(slots=True)
class Measured:
    """Answers, and how long each took."""

    answered: int
    seconds: float
    latencies_s: list[float] = field(repr=False)
    cpu_s: float = 0.0  # of this process, clients included
    refused: int = 0

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000 if ordered else 0.0


class ClosedLoop:
    """So many clients, each asking again when its last question is answered.

    Clients are not threads: the thread that answers asks the next question, so what clients cost is counted
    as the writer's, and no thread switch is.
    """

    def __init__(
        self, bus: CommandBus, following: Callable[[], tuple[Command, Caller]], clients: int
    ) -> None:
        self._bus, self._following, self._clients = bus, following, clients
        self._latencies: list[float] = []
        self._refused = 0
        self._until = 0.0
        self._left = clients
        self._problem: BaseException | None = None
        self._done = threading.Event()

    def run(self, seconds: float) -> Measured:
        """Raises the first error of a command; a refusal is counted."""
        began, cpu = time.perf_counter(), time.process_time()
        self._until = began + seconds
        for _ in range(self._clients):
            self._ask()
        self._done.wait(seconds + 60)
        if self._problem is not None:
            raise self._problem
        if not self._done.is_set():
            raise TimeoutError("some clients were never answered")
        return Measured(
            len(self._latencies),
            time.perf_counter() - began,
            self._latencies,
            time.process_time() - cpu,
            self._refused,
        )

    def _ask(self) -> None:
        command, who = self._following()
        asked_at = time.perf_counter()

        def answered(future: Future[Outcome]) -> None:
            now = time.perf_counter()
            problem = future.exception()
            if problem is None:
                self._latencies.append(now - asked_at)
                self._refused += future.result().refusal is not None
                if now < self._until:
                    self._ask()
                    return
            else:
                self._problem = self._problem or problem
            self._left -= 1
            if not self._left:
                self._done.set()

        self._bus.submit(command, who).add_done_callback(answered)


class SteadyLoop:
    """Questions at a steady rate, whatever the answers do; each latency counts from when it was due."""

    def __init__(self, bus: CommandBus, following: Callable[[], tuple[Command, Caller]], rate: float) -> None:
        self._bus, self._following, self._rate = bus, following, rate
        self._latencies: list[float] = []
        self._refused = self._left = 0
        self._problem: BaseException | None = None
        self._answered = threading.Condition()

    def run(self, seconds: float) -> Measured:
        """Raises the first error of a command; a refusal is counted."""
        began, cpu = time.perf_counter(), time.process_time()
        asked = self._left = int(self._rate * seconds)
        for number in range(asked):
            due = began + number / self._rate
            if (ahead := due - time.perf_counter()) > 0:
                time.sleep(ahead)  # the load itself: nothing is waited for here but the time
            self._ask(due)
        with self._answered:
            if not self._answered.wait_for(lambda: not self._left, 60):
                raise TimeoutError("some questions were never answered")
        if self._problem is not None:
            raise self._problem
        took = time.perf_counter() - began
        return Measured(asked, took, self._latencies, time.process_time() - cpu, self._refused)

    def _ask(self, due: float) -> None:
        def answered(future: Future[Outcome]) -> None:
            now, problem = time.perf_counter(), future.exception()
            with self._answered:
                if problem is None:
                    self._latencies.append(now - due)
                    self._refused += future.result().refusal is not None
                self._problem = self._problem or problem
                self._left -= 1
                if not self._left:
                    self._answered.notify_all()

        self._bus.submit(*self._following()).add_done_callback(answered)
