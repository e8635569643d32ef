"""A worker keeps a real venue's accounts: by lease, recovered and clean before a bot gets the exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from adapters.persistence.leases import MemoryLeases
from adapters.persistence.read_models import MemoryReadModels
from application.ports.bot_observer import SilentObserver
from application.ports.candle_source import UnknownExchange
from application.ports.commands import Result
from application.ports.exchange import (
    Exchange,
    OrderReport,
    OrderRequest,
    StreamGap,
    VenueOutcomeUnknown,
)
from application.reconciliation.cases import AcceptCase, RecordBreaks
from application.streams import cases_stream, venue_account_stream
from application.venues.desk import CHECK_AGAIN, LEASE, RealVenue, VenueDesk, VenueSilent, _Kept
from application.venues.keep_orders import DOUBT_LOOK, TRADES_LOOK
from application.work import Work
from domain.reconciliation.breaks import BALANCE, Break
from domain.reconciliation.statement import AccountStatement
from domain.venue_accounts.events import VenueAccountConnected, VenueKeyImported
from tests.application.harness import Store, held_order, with_second_order
from tests.application.venues import real_venue
from tests.application.venues.real_venue import ACCOUNT, SYMBOL
from tests.builders import Decide, limit_buy, usdt

AT = ("elsewhere", ACCOUNT)


@dataclass
class Stream:
    """Says what a test hands it."""

    said: list[OrderReport | StreamGap] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    taken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_closed: bool = False

    def say(self, news: OrderReport | StreamGap) -> None:
        with self.changed:
            self.said.append(news)
            self.changed.notify_all()

    def follow(self, venue_account: str) -> Iterator[OrderReport | StreamGap]:
        number = 0
        while True:
            with self.changed:
                while len(self.said) <= number and not self.is_closed:
                    self.changed.wait(timeout=10)
                if self.is_closed:
                    return
            yield self.said[number]
            number += 1
            self.taken.release()

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()


class SteppedDesk(VenueDesk):
    """Looks after its account when it is told to, in no thread."""

    def _start(self, kept: _Kept) -> None:
        pass

    def look(self) -> None:
        self._look_once(self._kept[AT])


D = TypeVar("D", bound=VenueDesk)


class World:
    def __init__(self) -> None:
        self.store: Store = held_order(usdt("501"))
        self.clock = self.store.clock
        self.venue = real_venue.RealVenue(self.clock)
        self.stream = Stream()
        self.leases = MemoryLeases(self.clock, self.store.store.recorder.leases)  # type: ignore[union-attr]
        self.why_not = ""
        self.is_silent = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.compared_at: list[datetime] = []
        self.looked = threading.Semaphore(0)
        self.desks: list[VenueDesk] = []

    def desk(self, worker_id: str = "w-1") -> VenueDesk:
        return self.desk_of(VenueDesk, worker_id)

    def stepped_desk(self) -> SteppedDesk:
        """It keeps the account, and has not looked yet."""
        desk = self.desk_of(SteppedDesk, "w-1")
        assert desk.exchange_for(AT, SYMBOL) is None
        return desk

    def desk_of(self, kind: type[D], worker_id: str) -> D:
        desk = kind(
            worker_id=worker_id,
            open_venue=self.open_venue,
            is_clean=self.is_clean,
            log=self.store.log,
            bus=self.store.bus,
            views=MemoryReadModels(self.store.log),
            leases=self.leases,
            clock=self.clock,
            observer=SilentObserver(),
        )
        self.desks.append(desk)
        return desk

    def open_venue(self, name: str) -> RealVenue:
        if name != AT[0]:
            raise UnknownExchange(exchange=name, did_you_mean=[])
        return RealVenue(self.venue, self.stream)

    def is_clean(self, account: tuple[str, str]) -> str:
        self.looked.release()
        self.may_answer.wait(timeout=10)
        self.compared_at.append(self.clock.now())
        if self.is_silent:
            raise VenueSilent("the venue did not answer")
        return self.why_not

    def look_for(self, desk: SteppedDesk, seconds: int) -> list[int]:
        """A look a second; at which of them the books were compared."""
        began = self.clock.now()
        self.compared_at.clear()
        for second in range(seconds):
            self.clock.move_to(began + timedelta(seconds=second))
            desk.look()
        self.clock.move_to(began + timedelta(seconds=seconds))
        return [round((at - began).total_seconds()) for at in self.compared_at]

    def send(self) -> None:
        """Order o-1 is at the venue, and the log knows it."""
        request = OrderRequest(
            client_order_id="o-1", venue_account=ACCOUNT, terms=limit_buy(), sent_at_utc=self.clock.now()
        )
        self.store.tell(self.venue.submit(request))

    def rotate(self, key_id: str) -> None:
        """The account's key is that one now."""
        opened = VenueAccountConnected(
            venue_account_id=ACCOUNT,
            owner_id="acc-1",
            venue="elsewhere",
            name="main",
            book_id="book-1",
            connected_at_utc=self.clock.now(),
        )
        key = VenueKeyImported(
            key_id=key_id,
            fingerprint=key_id,
            rights=("read", "trade"),
            is_ip_restricted=True,
            imported_by="acc-1",
            imported_at_utc=self.clock.now(),
        )

        def decide(work: Work) -> Result:
            is_known = work.venue_account(ACCOUNT).exists
            work.record(venue_account_stream(ACCOUNT), [key] if is_known else [opened, key])
            return {}

        self.store.do(Decide(decide))

    def difference(self, amount: str, name: str = ACCOUNT) -> None:
        """A reconciliation, whoever's, finds that the account's custody lacks so much."""
        lacks = Break(
            key="balance:USDT",
            kind=BALANCE,
            here=(),
            there=(usdt(amount),),
            purse="LIVE",
            book_id="book-1",
            owner_id="acc-1",
        )
        told = AccountStatement(venue_account=name, balances={}, lines=None)
        self.store.do(RecordBreaks(name, (lacks,), told, f"run-{amount}", "system"))

    def is_given_back(self, desk: VenueDesk) -> bool:
        """After another tick, to which nobody needs the account."""
        desk.tick(self.clock.now(), set())
        return not self.leases.holders("venue-account:")

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(200):
            if is_so():
                return
            self.looked.acquire(timeout=0.05)
        raise AssertionError("it does not come to that")

    def opened(self, desk: VenueDesk) -> Exchange:
        for _ in range(200):
            exchange = desk.exchange_for(AT, SYMBOL)
            if exchange is not None:
                return exchange
            self.looked.acquire(timeout=0.05)
        raise AssertionError("the account does not open")


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.send()
    yield world
    world.stream.close()
    for desk in world.desks:
        desk.stop()


def test_an_account_opens_once_it_is_recovered_and_its_books_agree(world: World) -> None:  # safety §3 #8
    world.venue.fill("o-1", "t-1", "0.01", ends=True)
    world.why_not = "custody lacks 1 USDT"
    desk = world.desk()
    assert desk.exchange_for(AT, SYMBOL) is None
    assert world.looked.acquire(timeout=10)
    assert desk.exchange_for(AT, SYMBOL) is None
    assert world.store.order("o-1").status == "filled"
    assert "custody lacks 1 USDT" in desk.connectors()[0].detail

    world.why_not = ""
    world.clock.move_to(world.clock.now() + CHECK_AGAIN)

    assert world.opened(desk).name == "elsewhere"


def test_an_account_is_kept_by_one_worker_until_its_lease_is_over(world: World) -> None:  # safety §3 #30
    first, second = world.desk("w-1"), world.desk("w-2")
    world.opened(first)
    assert second.exchange_for(AT, SYMBOL) is None
    assert not second.has(AT)

    world.clock.move_to(world.clock.now() + LEASE * 2)  # w-1 was paused
    world.opened(second)
    first.tick(world.clock.now(), {AT})

    assert not first.has(AT)
    assert second.has(AT)


def test_what_the_stream_says_is_booked_as_it_comes(world: World) -> None:
    world.opened(world.desk())
    world.stream.say(world.venue.fill("o-1", "t-1", "0.004"))
    world.stream.say(world.venue.fill("o-1", "t-2", "0.006", ends=True))
    for _ in range(2):
        assert world.stream.taken.acquire(timeout=10)

    assert world.store.order("o-1").status == "filled"


def test_an_account_at_a_venue_that_nobody_knows_keeps_no_other_from_its_keeper(world: World) -> None:
    """Anybody may connect an account at a venue of any name, and start a bot on it."""
    desk = world.desk()

    desk.tick(world.clock.now(), {("a-venue-of-no-such-name", "mine"), AT})

    assert desk.has(AT)
    with pytest.raises(UnknownExchange):
        desk.exchange_for(("a-venue-of-no-such-name", "mine"), SYMBOL)


def test_an_account_that_nobody_needs_is_let_go_once_nothing_is_open(world: World) -> None:
    desk = world.desk()
    world.opened(desk)
    desk.tick(world.clock.now(), set())
    assert desk.has(AT)  # o-1 is open

    world.stream.say(world.venue.fill("o-1", "t-1", "0.01", ends=True))
    assert world.stream.taken.acquire(timeout=10)

    world.wait_until(lambda: world.is_given_back(desk))
    assert not desk.has(AT)


def test_an_account_that_never_opened_is_let_go_too_when_nobody_needs_it(world: World) -> None:
    world.why_not = "1 balance"
    desk = world.stepped_desk()
    desk.tick(world.clock.now(), set())
    assert desk.has(AT)  # whether an order is open is not known yet
    desk.look()
    desk.tick(world.clock.now(), set())
    assert desk.has(AT)  # o-1 is

    world.venue.fill("o-1", "t-1", "0.01", ends=True)
    world.clock.move_to(world.clock.now() + CHECK_AGAIN)
    desk.look()
    desk.tick(world.clock.now(), {AT})
    assert desk.has(AT)
    desk.tick(world.clock.now(), set())

    assert not desk.has(AT)
    assert world.leases.holders("venue-account:") == {}


def test_an_account_is_given_back_once_its_venue_has_answered_and_nobody_waits_for_that(world: World) -> None:
    world.venue.fill("o-1", "t-1", "0.01", ends=True)
    world.may_answer.clear()
    desk = world.desk()
    assert desk.exchange_for(AT, SYMBOL) is None
    assert world.looked.acquire(timeout=10)

    desk.tick(world.clock.now(), set())
    assert not desk.has(AT)
    assert len(world.leases.holders("venue-account:")) == 1  # what was asked may be booked still

    world.may_answer.set()
    world.wait_until(lambda: world.is_given_back(desk))


def test_with_another_key_nothing_is_sent_before_the_books_agree_again(world: World) -> None:
    """It may be the key of another account at that venue."""
    world.rotate("k-1")
    desk = world.desk()
    exchange = world.opened(desk)
    world.why_not = "1 balance"
    world.rotate("k-2")
    world.wait_until(lambda: desk.exchange_for(AT, SYMBOL) is None)
    sent = len(world.venue.requests)

    again = OrderRequest(
        client_order_id="o-2", venue_account=ACCOUNT, terms=limit_buy(), sent_at_utc=world.clock.now()
    )
    with_second_order(world.store)
    with pytest.raises(VenueOutcomeUnknown, match="not sent"):
        exchange.submit(again)
    assert len(world.venue.requests) == sent

    world.why_not = ""
    world.clock.move_to(world.clock.now() + CHECK_AGAIN + DOUBT_LOOK)
    world.opened(desk)


def test_an_account_that_stays_closed_is_reconciled_less_and_less_often(world: World) -> None:
    world.why_not = "1 balance"

    compared = world.look_for(world.stepped_desk(), 1300)

    assert compared == [0, 10, 30, 70, 150, 310, 610, 910, 1210]  # 5 minutes apart at most
    assert world.venue.trades_asked <= len(compared) + 1300 // TRADES_LOOK.total_seconds()


def accept(world: World) -> None:
    (case_id,) = world.store.load(cases_stream(ACCOUNT)).state.open
    world.store.do(AcceptCase(ACCOUNT, case_id, "the venue's own gift", by="op"))


def another_amount(world: World) -> None:
    world.difference("2")


def other_words(world: World) -> None:
    world.why_not = "2 balance"


@pytest.mark.parametrize(("change", "is_noticed"), [(accept, 0), (another_amount, 0), (other_words, 150)])
def test_it_is_reconciled_quickly_again_once_something_changed(
    world: World, change: Callable[[World], None], is_noticed: int
) -> None:
    """By an operator, by a reconciliation of somebody else's, or found by its own."""
    world.why_not = "1 balance"
    world.difference("1")
    desk = world.stepped_desk()
    assert world.look_for(desk, 160) == [0, 10, 30, 70, 150]

    change(world)

    again = world.look_for(desk, is_noticed + 60)
    assert again == [is_noticed + after for after in (0, 10, 30)]


def test_with_another_key_it_is_reconciled_at_once(world: World) -> None:
    world.why_not = "1 balance"
    world.rotate("k-1")
    desk = world.stepped_desk()
    world.look_for(desk, 100)

    world.rotate("k-2")

    assert world.look_for(desk, 60) == [0, 10, 30]


def test_a_connected_accounts_cases_are_those_of_its_book(world: World) -> None:
    world.why_not = "1 balance"
    world.rotate("k-1")
    desk = world.stepped_desk()
    world.look_for(desk, 100)

    world.difference("2", f"{ACCOUNT}@book-1")

    assert world.look_for(desk, 40) == [0, 10, 30]


def test_a_venue_that_does_not_answer_is_asked_as_often_as_ever(world: World) -> None:
    """Nothing is known to differ: the account opens as soon as it answers."""
    world.is_silent = True
    desk = world.stepped_desk()
    assert world.look_for(desk, 45) == [0, 10, 20, 30, 40]
    assert desk.connectors()[0].last_problem == "the venue did not answer"


def test_a_silent_venue_keeps_the_account_closed_and_says_why(world: World) -> None:
    world.venue.is_away = True
    desk = world.desk()
    assert desk.exchange_for(AT, SYMBOL) is None
    for _ in range(200):
        if desk.connectors()[0].last_problem:
            break
        world.looked.acquire(timeout=0.05)
    assert "no route to the venue" in desk.connectors()[0].last_problem

    world.venue.is_away = False
    world.opened(desk)
