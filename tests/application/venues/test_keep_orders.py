"""Orders at a real venue survive whatever the network does: looked for, never sent twice, ended by proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.persistence.read_models import MemoryReadModels
from application.orders.not_found import REQUEST_LASTS
from application.orders.record_report import RecordUnknownOutcome, RecordVenueRefusal
from application.orders.review_order import FlagOrder, ReviewOrder
from application.ports.bot_observer import SilentObserver
from application.ports.exchange import OrderReport, OrderRequest, StreamGap, VenueOutcomeUnknown, VenueRefused
from application.venues.keep_orders import DOUBT_LOOK, OPEN_LOOK, TRADES_LOOK, OrderKeeper
from application.venues.kept_exchange import KeptExchange
from tests.application.harness import Store, held_order, with_second_order
from tests.application.venues.real_venue import ACCOUNT, GUARANTEES, SYMBOL, RealVenue
from tests.builders import START, limit_buy, usdt

LONG_AFTER = timedelta(minutes=2)


@dataclass
class Desk:
    """Order o-1 is intended, with 501 USDT held for it; a venue, its keeper, and a clock to move."""

    store: Store = field(default_factory=lambda: held_order(usdt("501")))
    lease_until: datetime = START + timedelta(days=1)

    def __post_init__(self) -> None:
        self.clock = self.store.clock
        self.venue = RealVenue(self.clock)
        self.views = MemoryReadModels(self.store.log)
        self.restart()

    def restart(self) -> None:
        """The process dies and another one begins: only the log and the venue are left."""
        self.keeper = OrderKeeper(
            ACCOUNT,
            exchange=self.venue,
            log=self.store.log,
            bus=self.store.bus,
            views=self.views,
            clock=self.clock,
            observer=SilentObserver(),
        )
        self.exchange = KeptExchange(
            self.venue,
            self.keeper,
            log=self.store.log,
            clock=self.clock,
            lease_until=lambda: self.lease_until,
        )

    def wait(self, time: timedelta) -> None:
        self.clock.move_to(self.clock.now() + time)

    def send(self) -> None:
        """As a bot does it."""
        request = OrderRequest(
            client_order_id="o-1", venue_account=ACCOUNT, terms=limit_buy(), sent_at_utc=self.clock.now()
        )
        try:
            self.keeper.record(self.exchange.submit(request))
        except VenueRefused as refusal:
            self.store.do(RecordVenueRefusal("o-1", str(refusal)))
        except VenueOutcomeUnknown as unknown:
            self.store.do(RecordUnknownOutcome("o-1", str(unknown)))

    def look_for(self, time: timedelta, *, every: timedelta = DOUBT_LOOK) -> None:
        until = self.clock.now() + time
        while self.clock.now() < until:
            self.wait(every)
            self.keeper.look()

    @property
    def status(self) -> str:
        return self.store.order("o-1").status

    @property
    def held(self) -> str:
        return str(self.store.book().held_total("USDT"))

    @property
    def bought(self) -> str:
        return self.store.owed("owner:bot:bot-1", "BTC")

    @property
    def flags(self) -> list[str]:
        return sorted(kind for kind, _ in self.store.order("o-1").flags)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("on_submit", "status", "bought"),
    [
        ("accepted", "open", "0 BTC"),
        ("filled", "filled", "0.01 BTC"),
        ("partly filled", "partially_filled", "0.004 BTC"),
        ("rejected", "refused", "0 BTC"),
    ],
)
def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_sent_twice(
    desk: Desk, on_submit: str, status: str, bought: str, restarts: bool
) -> None:  # safety §3 #6, #8
    desk.venue.on_submit, desk.venue.lost_answers = on_submit, 1
    desk.send()
    assert (desk.status, desk.held) == ("unknown", "501 USDT")
    if restarts:
        desk.restart()
        desk.keeper.recover()

    desk.look_for(LONG_AFTER)

    assert (desk.status, desk.bought) == (status, bought)
    assert len(desk.venue.requests) == 1
    assert desk.keeper.unfinished() == ([] if status in ("filled", "refused") else ["o-1"])


def test_a_request_that_was_lost_ends_by_proof_alone_and_its_hold_goes_back(desk: Desk) -> None:
    desk.venue.lost_requests = 1
    desk.send()

    desk.look_for(REQUEST_LASTS)
    assert (desk.status, desk.held) == ("unknown", "501 USDT")  # it may still arrive

    desk.look_for(timedelta(seconds=8))
    assert (desk.status, desk.held) == ("refused", "0 USDT")
    assert len(desk.venue.requests) == 1


def test_an_intent_whose_process_died_before_it_asked_ends_by_proof(desk: Desk) -> None:  # safety §4 #3
    desk.restart()

    assert desk.keeper.recover() is False
    assert desk.keeper.in_doubt() == ["o-1"]
    desk.wait(LONG_AFTER)

    assert desk.keeper.recover() is True
    assert (desk.status, desk.held, desk.venue.requests) == ("refused", "0 USDT", [])


def test_an_order_that_shows_late_is_found(desk: Desk) -> None:
    desk.venue.lost_answers = 1
    desk.venue.hidden.add("o-1")
    desk.send()
    desk.look_for(timedelta(seconds=6))
    assert desk.status == "unknown"

    desk.venue.hidden.clear()
    desk.look_for(DOUBT_LOOK)

    assert desk.status == "open"


def test_without_expiry_not_found_proves_nothing_and_a_person_is_asked(desk: Desk) -> None:
    desk.venue.guarantees = replace(GUARANTEES, requests_expire=False)
    desk.venue.lost_requests = 1
    desk.send()

    desk.look_for(LONG_AFTER)

    assert (desk.status, desk.held, desk.flags) == ("unknown", "501 USDT", ["no_proof"])
    assert len(desk.venue.requests) == 1


def test_what_nothing_proves_ends_by_a_persons_word(desk: Desk) -> None:
    """Else its funds were held, and its bot could not sell, for ever."""
    desk.venue.guarantees = replace(GUARANTEES, requests_expire=False)
    desk.venue.lost_requests = 1
    desk.send()
    word = ReviewOrder("o-1", "neither order nor trade there", by="op", never_opened=True)
    assert desk.store.refused(word)[0] == "invalid_value"  # nobody was asked yet
    desk.look_for(LONG_AFTER)
    assert (desk.status, desk.held, desk.flags) == ("unknown", "501 USDT", ["no_proof"])

    desk.store.do(word)

    assert (desk.status, desk.held) == ("refused", "0 USDT")
    assert not desk.store.order("o-1").needs_review
    assert desk.keeper.recover()
    assert desk.keeper.has_nothing_open()
    assert desk.store.refused(word)[0] == "invalid_value"  # it has ended


def test_an_order_that_the_venue_has_shown_does_not_end_by_a_persons_word(desk: Desk) -> None:
    desk.send()
    desk.store.do(FlagOrder("o-1", "no_proof", "the venue does not show it"))
    word = ReviewOrder("o-1", "not there", by="op", never_opened=True)
    assert desk.store.refused(word)[0] == "invalid_value"


def test_not_found_proves_nothing_while_a_trade_may_be_of_the_order(desk: Desk) -> None:  # safety §3 #7
    desk.venue.on_submit, desk.venue.lost_answers = "filled", 1
    desk.venue.hidden.add("o-1")
    desk.send()

    desk.look_for(LONG_AFTER)

    assert (desk.held, desk.flags) == ("501 USDT", ["no_proof"])
    desk.venue.hidden.clear()
    desk.look_for(TRADES_LOOK)
    assert (desk.status, desk.bought) == ("filled", "0.01 BTC")


def test_a_venue_out_of_reach_for_ten_minutes_ends_nothing(desk: Desk) -> None:  # safety §3 #7
    desk.send()
    desk.venue.is_away = True
    desk.venue.fill("o-1", "t-1", "0.01", ends=True)
    desk.look_for(timedelta(minutes=10))
    assert (desk.status, desk.held) == ("open", "501 USDT")
    assert desk.keeper.problem

    desk.venue.is_away = False
    desk.look_for(TRADES_LOOK)

    assert (desk.status, desk.held, desk.bought) == ("filled", "0 USDT", "0.01 BTC")


def test_an_order_that_the_venue_had_shown_and_forgot_stays_held_and_is_looked_at(desk: Desk) -> None:
    desk.send()
    desk.venue.hidden.add("o-1")

    desk.look_for(LONG_AFTER)

    assert (desk.status, desk.held, desk.flags) == ("open", "501 USDT", ["no_proof"])


def test_a_fill_that_nobody_told_is_found_in_the_trades_of_an_order_that_ended(desk: Desk) -> None:
    desk.send()
    desk.keeper.record(desk.venue.cancel(ACCOUNT, SYMBOL, "o-1"))
    assert desk.status == "canceled"
    desk.venue.fill("o-1", "t-late", "0.004")

    desk.look_for(TRADES_LOOK)

    assert (desk.bought, desk.flags) == ("0.004 BTC", ["fill_after_end"])  # safety §3 #11


def test_an_end_whose_fills_come_later_waits_for_them(desk: Desk) -> None:
    desk.send()
    desk.venue.fill("o-1", "t-1", "0.004")
    desk.venue.without_fills.add("t-2")
    desk.venue.fill("o-1", "t-2", "0.006", ends=True)
    desk.look_for(timedelta(seconds=20))
    assert (desk.status, desk.bought) == ("partially_filled", "0.004 BTC")

    desk.venue.without_fills.clear()
    desk.look_for(DOUBT_LOOK)

    assert (desk.status, desk.bought) == ("filled", "0.01 BTC")


def test_after_a_gap_of_the_stream_every_open_order_is_asked_for(desk: Desk) -> None:
    desk.send()
    desk.venue.fill("o-1", "t-1", "0.01", ends=True)

    desk.keeper.take(StreamGap(problem="connection lost"))
    desk.keeper.look()

    assert desk.status == "filled"


def test_what_the_stream_says_of_a_foreign_order_touches_nothing(desk: Desk) -> None:  # safety §3 #46
    desk.send()
    before = desk.store.log.head()
    foreign = replace(desk.venue.fill("o-1", "t-9", "0.01", ends=True), client_order_id="x-1")

    desk.keeper.take(foreign)

    assert desk.store.log.head() == before


def test_an_order_placed_by_hand_under_the_id_of_another_accounts_is_not_taken_for_it(desk: Desk) -> None:
    """Safety §3 #46: a fill on somebody's own account, of any pair they like, is none of a pooled order."""
    desk.send()
    views, log = desk.views, desk.store.log
    elsewhere = RealVenue(desk.clock, orders=dict(desk.venue.orders))
    theirs = OrderKeeper(
        "binance.mine.0badcafe",
        exchange=elsewhere,
        log=log,
        bus=desk.store.bus,
        views=views,
        clock=desk.clock,
        observer=SilentObserver(),
    )
    before = log.head()

    theirs.take(elsewhere.fill("o-1", "t-9", "0.01", ends=True))
    theirs.follow_symbol(SYMBOL)
    theirs.look()

    assert log.head() == before
    assert desk.bought == "0 BTC"


def test_a_trade_that_two_orders_claim_is_booked_once_and_flagged(desk: Desk) -> None:
    desk.send()
    desk.keeper.take(desk.venue.fill("o-1", "t-1", "0.004"))
    with_second_order(desk.store)
    desk.keeper.take(
        OrderReport(
            client_order_id="o-2",
            venue_order_id="v-2",
            status="open",
            fills=desk.venue.orders["o-1"].fills,
        )
    )
    assert desk.bought == "0.004 BTC"
    assert [kind for kind, _ in desk.store.order("o-2").flags] == ["fill_of_another_order"]


@pytest.mark.parametrize("late", ["intent", "lease"])
def test_a_worker_that_was_paused_sends_nothing_when_it_goes_on(desk: Desk, late: str) -> None:
    if late == "intent":  # safety §3 #31, §4 #7
        desk.wait(REQUEST_LASTS)
    else:
        desk.lease_until = START
    desk.send()

    assert desk.venue.requests == []
    assert desk.status == "unknown"
    desk.look_for(LONG_AFTER)
    assert (desk.status, desk.held) == ("refused", "0 USDT")


def test_a_request_says_when_it_is_over(desk: Desk) -> None:
    desk.lease_until = START + timedelta(seconds=2)
    desk.send()
    assert [one.expires_at_utc for one in desk.venue.requests] == [desk.lease_until]


def test_an_order_that_was_asked_for_is_not_asked_for_again(desk: Desk) -> None:
    desk.send()
    desk.send()
    desk.restart()
    desk.send()
    assert len(desk.venue.requests) == 1
    assert desk.status == "open"


FILLS = (("t-1", "0.002"), ("t-2", "0.003"), ("t-3", "0.005"))


@given(order=st.lists(st.sampled_from(range(len(FILLS))), max_size=12), gaps=st.sets(st.integers(0, 12)))
def test_fills_in_any_order_twice_or_missing_come_to_the_same(order: Sequence[int], gaps: set[int]) -> None:
    """Safety §3 #9, #11: whatever the stream does, what is booked is what the venue matched."""
    desk = Desk()
    desk.send()
    told = [
        desk.venue.fill("o-1", trade_id, quantity, ends=trade_id == "t-3") for trade_id, quantity in FILLS
    ]
    for step, number in enumerate(order):
        if step in gaps:
            desk.keeper.take(StreamGap())
        desk.keeper.take(told[number])

    desk.look_for(timedelta(minutes=1))

    order_now = desk.store.order("o-1")
    assert (order_now.status, order_now.filled_base) == ("filled", Decimal("0.01"))
    assert (desk.bought, desk.held, desk.flags) == ("0.01 BTC", "0 USDT", [])


def test_what_was_said_before_a_doubt_ends_it_when_it_is_said_again(desk: Desk) -> None:  # safety §3 #6
    desk.venue.lost_answers = 1
    desk.send()
    desk.look_for(DOUBT_LOOK)
    assert desk.status == "open"
    desk.store.do(RecordUnknownOutcome("o-1", "a cancel was not answered"))
    assert desk.status == "unknown"

    desk.look_for(DOUBT_LOOK)

    assert desk.status == "open"  # nothing is new of the order, and yet it is known again where it stands


def test_a_true_fill_is_booked_after_an_impossible_one_of_the_same_trade(desk: Desk) -> None:  # safety API10
    desk.send()
    true = desk.venue.fill("o-1", "t-1", "0.01", ends=True)
    impossible = replace(true.fills[0], price_quote_per_base=Decimal(-50000))
    desk.keeper.take(replace(true, fills=(impossible,)))
    assert (desk.bought, desk.flags) == ("0 BTC", ["impossible_fill"])

    desk.keeper.take(true)

    assert (desk.status, desk.bought) == ("filled", "0.01 BTC")


def test_a_match_without_its_fill_is_missed_though_nothing_else_is_new(desk: Desk) -> None:  # safety §3 #11
    desk.send()
    desk.venue.fill("o-1", "t-1", "0.004")
    desk.venue.without_fills = {"t-1"}
    desk.look_for(OPEN_LOOK)
    desk.venue.without_fills = set()

    desk.look_for(timedelta(seconds=1), every=timedelta(seconds=1))  # it is asked for at once, not when due

    assert desk.bought == "0.004 BTC"


def test_what_is_said_again_of_an_order_that_has_ended_costs_no_commit(desk: Desk) -> None:
    desk.venue.on_submit = "filled"
    desk.send()
    assert desk.status == "filled"
    keys = desk.store.store.recorder._keys  # type: ignore[union-attr]
    before = dict(keys)

    desk.keeper.take(replace(desk.venue.orders["o-1"], status="open", fills=()))
    desk.keeper.take(desk.venue.orders["o-1"])

    assert keys == before
    assert desk.keeper.unfinished() == []


def test_trades_of_others_from_before_the_intent_leave_no_doubt(desk: Desk) -> None:
    desk.clock.move_to(START - timedelta(minutes=1))
    theirs = OrderRequest(
        client_order_id="theirs", venue_account=ACCOUNT, terms=limit_buy(), sent_at_utc=START
    )
    desk.venue.submit(theirs)
    desk.venue.fill("theirs", "t-9", "0.01", ends=True)
    desk.clock.move_to(START + LONG_AFTER)
    desk.restart()

    assert desk.keeper.recover() is True
    assert (desk.status, desk.flags) == ("refused", [])


def test_an_order_that_nothing_proves_keeps_its_account_closed_until_a_person_looked(desk: Desk) -> None:
    desk.venue.guarantees = replace(GUARANTEES, requests_expire=False)
    desk.restart()
    desk.wait(LONG_AFTER)
    assert desk.keeper.recover() is False
    assert desk.flags == ["no_proof"]

    desk.store.do(ReviewOrder("o-1", "asked the venue: it never had it", "operator"))

    assert desk.keeper.recover() is True
    assert (desk.status, desk.held) == ("unknown", "501 USDT")
