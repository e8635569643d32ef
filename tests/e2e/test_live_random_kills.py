"""SIGKILL at random moments under load: of the platform, of the venue, and of both, again and again.

Safety §3 #8, #9; §4 rows 1-5. The moments are drawn from a seed, which is printed, as is every kill: with
EVENKEEL_KILL_SEED the same are drawn again. What a machine does between two of them is its own.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e import books
from tests.e2e.live_house import FUNDS, PRICES, REST_S, WHY, LiveHouse, Trader
from tests.e2e.processes import in_the_end

pytestmark = pytest.mark.slow

SEED = "EVENKEEL_KILL_SEED"
PAIRS = ("BTC/USDT", "ETH/USDT", "BNB/USDT")
PLATFORM, VENUE = "platform", "venue"
KILLED = ((PLATFORM,), (VENUE,), (PLATFORM, VENUE), (VENUE, PLATFORM))
"""Which of them, and in which order they are started again."""
SWINGS, INTENDED, ARRIVED = "the market swings", "an order is intended", "an order has arrived"
MOMENTS = ((SWINGS, 3.0), (INTENDED, 0.1), (ARRIVED, 0.1), (ARRIVED, 0.8))
"""After what the first kill of a round comes, and within how many seconds of it."""
BOUGHT = 3
"""So many purchases, and there are new people: nobody may buy more than five times an hour."""
TENTH, THOUSANDTH = Decimal("0.1"), Decimal("0.001")
ENDED = {"filled", "refused"}


def test_killed_three_times_nothing_is_doubled_or_lost(live_house: Callable[..., LiveHouse]) -> None:
    load = Load(live_house(), seed=_seed(113), number=1, pairs=PAIRS[:2])
    load.new_people()

    load.round(strikes=3)


@pytest.mark.night
@pytest.mark.timeout(2_400)
def test_killed_forty_times_nothing_is_doubled_or_lost(live_house: Callable[..., LiveHouse]) -> None:
    survive(live_house(), kills=40)


@pytest.mark.night
@pytest.mark.timeout(1_200)
def test_killed_ten_times_on_postgresql_nothing_is_doubled_or_lost(
    live_house: Callable[..., LiveHouse], postgres_url: str
) -> None:
    survive(live_house(database_url=postgres_url), kills=10)


def survive(house: LiveHouse, *, kills: int) -> None:
    """In rounds of one kill mostly; the others of a round come while the platform recovers from the first."""
    load = Load(house, seed=_seed(time.time_ns() % 1_000_000))
    while load.kills < kills:
        if load.most_bought() >= BOUGHT or not load.people:
            load.new_people()
        load.round(strikes=min(load.draw.choice((1, 1, 1, 1, 2, 3)), kills - load.kills))


def _seed(otherwise: int) -> int:
    seed = int(os.environ.get(SEED, otherwise))
    print(f"{SEED}={seed}")
    return seed


class Person(Trader):
    """With an account of their own at the venue, where everybody has one."""

    @property
    def name(self) -> str:
        return self.email.partition("@")[0]

    def has_an_account(self, house: LiveHouse) -> None:
        balances = dict(each.split("=") for each in FUNDS.split(","))
        key = {"key": f"{self.name}-key", "secret": f"{self.name}-secret"}
        house.venue.control.post("accounts", account=self.name, balances=balances, **key)

    def connects(self, venue: str = "simulator") -> None:
        self.venue = venue
        self.account = self.post("/v1/venue-accounts", {"venue": venue})["venue_account_id"]
        given = {"api_key": f"{self.name}-key", "secret": f"{self.name}-secret"}
        self.post(f"/v1/venue-accounts/{self.account}/keys", given)
        limits = {"max_daily_loss_bps": 500, "reason": WHY}
        put = self.client.put("/v1/risk/limits", json=limits, headers={"Idempotency-Key": str(uuid4())})
        assert put.is_success, put.text


@dataclass
class Load:
    """A platform and a venue, people whose bots trade, and what was drawn."""

    house: LiveHouse
    seed: int
    thin: bool = False  # whether an order takes several levels, which is as many fills
    number: int = 2  # of people at a time
    pairs: tuple[str, ...] = PAIRS
    draw: random.Random = field(init=False)
    kills: int = 0
    people: list[Person] = field(default_factory=list)
    everybody: list[Person] = field(default_factory=list)  # also those who do not trade any more

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.house.serve()
        self.operator = self.house.trader("bob@example.org", "operator")

    def new_people(self) -> None:
        """In the place of those who traded until now."""
        self.house.signed_in(self.operator)
        for person in self.people:
            self.house.signed_in(person)
            for bot in person.bots.values():
                person.post(f"/v1/bots/{bot}/stops")
        self.people = [self._new_person() for _ in range(self.number)]
        self._until(self._is_open, "the new accounts to open")

    def _new_person(self) -> Person:
        email = f"ann{len(self.everybody)}@example.org"
        person = Person(email, self.house.cli("users", "create", email, "--role", "trader")["password"])
        self.everybody.append(person)
        self.house.signed_in(person)
        person.has_an_account(self.house)
        person.connects()
        person.trades_live(*self.pairs, approver=self.operator)
        return person

    def most_bought(self) -> int:
        """How many purchases one of the people has made."""
        buys = [order["venue_account"] for order in self.house.orders() if order["side"] == "buy"]
        return max((buys.count(person.account) for person in self.people), default=0)

    # -- one round -----------------------------------------------------------------------------------------

    def round(self, *, strikes: int) -> None:
        """Trade, be killed, recover; everything agrees, and everybody trades on."""
        pair, self.thin = self.draw.choice(self.pairs), self.draw.choice((False, True))
        slow, ms = self.draw.choice(("slow", "slow_before")), self.draw.choice((0, 50, 200, 600))
        self.house.venue.control.fault(slow, on="place", ms=ms)
        self._moment(pair)
        for number in range(strikes):
            if number:
                _pass(self.draw.uniform(0, 4))
            self._strike()
        self.house.venue.control.heal()
        self._until(self._is_open, "every account to open")
        self._is_quiet()
        in_the_end(self._agree, patience_s=REST_S)

        before = self._sent()
        self._until(lambda: self._have_sent_more(before, pair), "everybody to trade on")
        self._is_quiet()
        self.house.sound()
        in_the_end(self._agree, patience_s=REST_S)

    def _moment(self, pair: str) -> None:
        """A drawn time after something drawn is seen, while the market swings."""
        what, within_s = self.draw.choice(MOMENTS)
        delay_s = self.draw.uniform(0, within_s)
        before = self._seen(what)

        def is_seen() -> bool:
            self._swing(pair)
            return what == SWINGS or self._seen(what) > before

        self._until(is_seen, what)
        deadline = time.monotonic() + delay_s
        while (left_s := deadline - time.monotonic()) > 0:
            self._swing(pair)
            _pass(min(left_s, 0.1))
        print(f"{delay_s:.3f} s after {what}, {pair}:", end=" ")

    def _swing(self, pair: str) -> None:
        """As of Venue, with what is on each level there as drawn."""
        price = (Decimal(PRICES[pair]) * Decimal("1.1" if time.time() % 4 < 2 else "1")).quantize(TENTH)
        level = (Decimal(600) / price).quantize(THOUSANDTH) if self.thin else Decimal(10)
        self.house.venue.control.price(pair.replace("/", ""), str(price), quantity=str(level))

    def _strike(self) -> None:
        killed = self.draw.choice(KILLED)
        print(f"kill {self.kills + 1}: {' and '.join(killed)}")
        for name in killed:
            process = self.house.server.process if name == PLATFORM else self.house.venue.process
            process.kill()
        for name in killed:
            _pass(self.draw.uniform(0, 1.5))
            if name == PLATFORM:
                self.house.serve()
            else:
                self.house.venue.start()
        self.kills += 1

    # -- what is seen --------------------------------------------------------------------------------------

    def _until(self, condition: Callable[[], Any], what: str) -> None:
        self.house.until(condition, what)

    def _seen(self, what: str) -> int:
        if what == ARRIVED:
            return sum(self._sent().values())
        query = "SELECT count(*) FROM stored_events WHERE originator_id LIKE 'order:%'"
        ((number,),) = books.rows(self.house.database_url, query + " AND originator_version = 1")
        return int(number)

    def _sent(self) -> dict[str, int]:
        """How many orders the venue has of each."""
        return {person.name: len(self._truth(person)["orders"]) for person in self.people}

    def _have_sent_more(self, before: dict[str, int], pair: str) -> bool:
        self._swing(pair)
        return all(number > before[name] for name, number in self._sent().items())

    def _truth(self, person: Person) -> Any:
        return self.house.venue.control.account(person.name)

    def _is_open(self) -> bool:
        log = self.house.server.process.err
        return all(f"venue account {person.account} is open" in log for person in self.people)

    def _is_quiet(self) -> None:
        self._until(lambda: {order["status"] for order in self.house.orders()} <= ENDED, "all to be quiet")

    def _agree(self) -> None:
        """Nobody's orders, fills and balances are others than at the venue, and nothing is left over."""
        for person in self.everybody:
            self.house.agrees(person.account, self._truth(person))
        held = [each for each in self.house.owed() if each[1].startswith("owner:held:") and Decimal(each[3])]
        assert not held, "O3: nothing is under way that funds are held for"
        assert not [order for order in self.house.orders() if order["needs_review"]]


def _pass(seconds: float) -> None:
    """Time, which was drawn."""
    time.sleep(seconds)
