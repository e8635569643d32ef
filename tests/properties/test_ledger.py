"""Whatever happens to a book: nothing is created or destroyed, and a refusal changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from domain.errors import DomainError
from domain.ledger.book import PAPER, Book, Settlement
from domain.ledger.errors import InsufficientFunds, InvalidPosting, UnbalancedEntry
from domain.ledger.events import BookEvent, EntryPosted
from domain.ledger.postings import DUE, Balances, Posting, added, imbalance
from domain.money import EXACT, ZERO, Money, add, subtract
from tests.builders import START

ASSETS = ("USDT", "BTC", "BNB")
BOTS = ("bot-1", "bot-2")
ACCOUNTS = (
    "owner:available",
    "owner:bot:bot-1",
    "owner:held:o-1",
    "owner:due",
    "custody:paper",
    "revenue:fee",
)

whole = st.integers(1, 10**36)
amounts = st.one_of(whole.map(lambda n: Decimal(n).scaleb(-18)), st.integers(1, 10_000).map(Decimal))
small = st.integers(1, 10**21).map(lambda n: Decimal(n).scaleb(-18))
maybe = st.one_of(st.just(ZERO), small)
assets = st.sampled_from(ASSETS)
bots = st.sampled_from(BOTS)


@st.composite
def balanced_legs(draw: st.DrawFn) -> list[Posting]:
    legs = draw(
        st.lists(st.builds(Posting, st.sampled_from(ACCOUNTS), assets, amounts), min_size=1, max_size=5)
    )
    legs = [Posting(leg.account, leg.asset, leg.amount * draw(st.sampled_from((1, -1)))) for leg in legs]
    rest = imbalance(legs)
    return [*legs, *(Posting("suspense", asset, subtract(ZERO, amount)) for asset, amount in rest.items())]


@st.composite
def journal_entries(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Balanced ones and, on purpose, unbalanced, one-sided, zero and endless ones."""
    legs = draw(balanced_legs())
    spoil = draw(st.sampled_from(("no", "no", "no", "drop", "change", "asset", "zero", "endless")))
    if spoil == "drop":
        legs = legs[1:]
    elif spoil == "change":
        legs[0] = Posting(legs[0].account, legs[0].asset, add(legs[0].amount, draw(small)))
    elif spoil == "asset":
        legs[0] = Posting(legs[0].account, "DOGE", legs[0].amount)
    elif spoil == "zero":
        legs.append(Posting("suspense", "USDT", ZERO))
    elif spoil == "endless":
        legs += [
            Posting("suspense", "USDT", Decimal("Infinity")),
            Posting("rounding", "USDT", Decimal("-Infinity")),
        ]
    return tuple(legs)


def sums(balances: Balances) -> dict[str, Decimal]:
    """What all accounts come to, per asset."""
    totals: dict[str, Decimal] = {}
    for (_, asset), amount in balances.items():
        totals[asset] = add(totals.get(asset, ZERO), amount)
    return totals


def require_sound(book: Book) -> None:
    assert not any(sums(book.balances).values())
    for (account, _), amount in book.balances.items():
        assert amount
        assert amount < 0 or not account.startswith("owner:") or account == DUE


@given(st.lists(journal_entries(), max_size=40))
def test_no_asset_is_created_or_destroyed(entries: list[tuple[Posting, ...]]) -> None:
    book = Book()
    for number, legs in enumerate(entries):
        before = book
        is_balanced = len(legs) >= 2 and all(leg.amount.is_finite() and leg.amount for leg in legs)
        is_balanced = is_balanced and not imbalance(legs)
        with suppress(UnbalancedEntry, InvalidPosting, InsufficientFunds):
            events = book.post(entry_id=str(number), kind="any", postings=legs, at=START)
            assert is_balanced
            book = reduce(Book.evolve, events, book)
        assert book is before or is_balanced
        require_sound(book)


class Bookkeeping(RuleBasedStateMachine):
    """Any sequence of commands, right and wrong ones, beside a model that is only sums."""

    holds = Bundle("holds")
    spent = Bundle("spent")

    @initialize()
    def open(self) -> None:
        self.book = Book(book_id="book-1")
        self.deposited: dict[str, Decimal] = {}
        self.open_holds: dict[str, Money] = {}
        self.number = 0
        self.do(
            lambda: self.book.open(
                book_id="book-1", owner_id="acc-1", purse=PAPER, venue_account="paper", at=START
            )
        )

    # -- how a command is run ------------------------------------------------------------------------------

    def do(self, command: Callable[[], Sequence[BookEvent]]) -> Sequence[BookEvent] | None:
        """Its events, folded; None when it was refused, and then nothing may have changed."""
        before, balances = self.book, dict(self.book.balances)
        try:
            events = command()
        except DomainError:
            assert self.book is before
            assert dict(before.balances) == balances
            return None
        for event in events:
            if isinstance(event, EntryPosted):
                assert imbalance(event.postings) == {}
                assert all(leg.amount for leg in event.postings)
            self.book = self.book.evolve(event)
        assert dict(before.balances) == balances  # the old state is a value, too
        return events

    def next_id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}-{self.number}"

    # -- right and wrong commands --------------------------------------------------------------------------

    @rule(amount=amounts, asset=assets, factor=st.sampled_from((1, 1, 1, 0, -1)))
    def deposit(self, amount: Decimal, asset: str, factor: int) -> None:
        money = Money(amount * factor, asset)
        done = self.do(lambda: self.book.credit_deposit(money, entry_id=self.next_id("d"), at=START))
        assert (done is not None) == (factor == 1 and self.book.is_open and amount < 10**18)
        if done:
            self.deposited[asset] = add(self.deposited.get(asset, ZERO), amount)

    @rule(share=st.fractions(-1, 2), asset=assets, bot=bots, back=st.booleans())
    def allocate(self, share: Fraction, asset: str, bot: str, back: bool) -> None:
        source = f"owner:bot:{bot}" if back else "owner:available"
        there = self.book.owed(source, asset)
        wanted = Money(_share(there.amount, share), asset)
        command = self.book.deallocate if back else self.book.allocate
        done = self.do(lambda: command(wanted, bot_id=bot, entry_id=self.next_id("a"), at=START))
        allowed = 0 < wanted.amount <= there.amount and (back or self.book.is_open)
        assert (done is not None) == allowed

    @rule(target=holds, share=st.fractions(-1, 2), asset=assets, bot=bots)
    def hold(self, share: Fraction, asset: str, bot: str) -> object:
        there = self.book.owed(f"owner:bot:{bot}", asset)
        wanted, hold_id = Money(_share(there.amount, share), asset), self.next_id("o")
        done = self.do(lambda: self.book.place_hold(hold_id, wanted, source=f"owner:bot:{bot}", at=START))
        assert (done is not None) == (0 < wanted.amount <= there.amount and self.book.is_open)
        if not done:
            return multiple()
        self.open_holds[hold_id] = wanted
        return hold_id, bot

    @rule(one=holds, extra=st.sampled_from((ZERO, Decimal(1))))
    def hold_again(self, one: tuple[str, str], extra: Decimal) -> None:
        left = self.open_holds.get(one[0])
        if left is None or not self.book.is_open:
            return
        again = Money(add(left.amount, extra), left.asset)
        source = f"owner:bot:{one[1]}"
        done = self.do(lambda: self.book.place_hold(one[0], again, source=source, at=START))
        assert done == (None if extra else [])

    @rule(
        one=holds,
        share=st.fractions(0, 3),
        got=small,
        received=assets,
        fee=maybe,
        fee_asset=assets,
        sign=st.sampled_from((1, -1)),
        ours=maybe,
    )
    def fill(
        self,
        one: tuple[str, str],
        share: Fraction,
        got: Decimal,
        received: str,
        fee: Decimal,
        fee_asset: str,
        sign: int,
        ours: Decimal,
    ) -> None:
        """Partial, full, over; late, when the hold is gone; rebates; fees in any asset."""
        hold_id, bot = one
        left = self.open_holds.get(hold_id, Money(ZERO, "USDT"))
        cost = _share(left.amount, share) or Decimal(5)
        if received == left.asset:
            return
        fill = Settlement(
            trade_id=self.next_id("t"),
            order_id=hold_id,
            bot_id=bot,
            received=Money(got, received),
            paid=Money(cost, left.asset),
            venue_fee=Money(fee * sign, fee_asset),
            platform_fee=Money(ours, left.asset),
            traded_at_utc=START,
        )
        custody = sum_of(self.book, "custody:paper")
        done = self.do(lambda: self.book.settle_fill(fill))
        assert done is not None
        moved = {received: got}
        for money in (fill.paid, fill.venue_fee):
            moved[money.asset] = subtract(moved.get(money.asset, ZERO), money.amount)
        for asset in ASSETS:  # what the venue exchanged and charged, no more and no less
            before = custody.get(asset, ZERO)
            now = self.book.balances.get(("custody:paper", asset), ZERO)
            assert subtract(now, before) == moved.get(asset, ZERO)
        self._take_from_hold(hold_id, done)

    @rule(one=consumes(holds))
    def release(self, one: tuple[str, str]) -> None:
        left = self.open_holds.pop(one[0], None)
        there = {asset: self.book.owed(f"owner:bot:{one[1]}", asset) for asset in ASSETS}
        done = self.do(lambda: self.book.release_hold(one[0], to=f"owner:bot:{one[1]}", at=START))
        assert bool(done) == (left is not None)
        if left is not None:
            assert self.book.owed(f"owner:bot:{one[1]}", left.asset) == there[left.asset] + left
        assert self.do(lambda: self.book.release_hold(one[0], to=f"owner:bot:{one[1]}", at=START)) == []

    @rule(legs=balanced_legs(), spoiled=st.booleans())
    def adjust(self, legs: list[Posting], spoiled: bool) -> None:
        legs = [leg for leg in legs if not leg.account.startswith("owner:held")]
        if spoiled:
            legs = legs[1:]
        if not spoiled and imbalance(legs):
            return
        done = self.do(
            lambda: self.book.post(entry_id=self.next_id("x"), kind="any", postings=tuple(legs), at=START)
        )
        assert done is None or not imbalance(legs)

    @rule(really=st.integers(0, 30))
    def close(self, really: int) -> None:
        if not really:
            self.do(lambda: self.book.close(reason="reset", at=START))

    # -- after every step ----------------------------------------------------------------------------------

    @invariant()
    def nothing_is_created_and_nobody_is_overdrawn(self) -> None:
        require_sound(self.book)

    @invariant()
    def what_is_held_is_what_is_left_of_open_holds(self) -> None:
        for asset in ASSETS:
            expected = _total(hold.amount for hold in self.open_holds.values() if hold.asset == asset)
            assert self.book.held_total(asset).amount == expected

    def _take_from_hold(self, hold_id: str, events: Sequence[BookEvent]) -> None:
        """The hold pays first: what a fill took from it is all of the cost, or all of the hold."""
        for event in events:
            assert isinstance(event, EntryPosted)
            taken = {leg.account: leg for leg in event.postings if leg.account == f"owner:held:{hold_id}"}
            others = {
                leg.asset
                for leg in event.postings
                if leg.account.startswith("owner:") and leg.amount > 0 and leg.account not in taken
            }
            for leg in taken.values():
                left = subtract(self.open_holds[hold_id].amount, leg.amount)
                assert left >= 0
                assert not left or leg.asset not in others
                if left:
                    self.open_holds[hold_id] = Money(left, leg.asset)
                else:
                    del self.open_holds[hold_id]


def sum_of(book: Book, account: str) -> dict[str, Decimal]:
    return {asset: amount for (name, asset), amount in book.balances.items() if name == account}


def _share(amount: Decimal, share: Fraction) -> Decimal:
    """That share of an amount, cut to 18 places."""
    scaled = int(amount.scaleb(18, EXACT)) * share.numerator // share.denominator
    return Decimal(scaled).scaleb(-18, EXACT)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(add, amounts, ZERO)


Bookkeeping.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestBookkeeping = Bookkeeping.TestCase


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32))
def test_a_book_stays_sound_over_thousands_of_commands(seed: int) -> None:
    rng = random.Random(seed)
    book, holds = Bookkeeping(), list[tuple[str, str]]()
    book.open()

    def share(least: int, most: int) -> Fraction:
        return Fraction(rng.randint(least * 4, most * 4), 4)

    def amount() -> Decimal:
        return Decimal(rng.randint(1, 10 ** rng.randint(1, 36))).scaleb(-18, EXACT)

    refused = 0
    for _ in range(3_000):
        one = rng.choice(holds) if holds else ("o-0", "bot-1")
        asset, bot, sign = rng.choice(ASSETS), rng.choice(BOTS), rng.choice((1, -1))
        match rng.randrange(8):
            case 0:
                book.deposit(amount(), asset, rng.choice((1, 1, 1, 0, -1)))
            case 1 | 2:
                book.allocate(share(-1, 2), asset, bot, back=rng.random() < 0.3)
            case 3 | 4:
                made = book.hold(share(-1, 2), asset, bot)
                if isinstance(made, tuple):
                    holds.append(made)
                else:
                    refused += 1
            case 5:
                book.hold_again(one, rng.choice((ZERO, Decimal(1))))
            case 6:
                got, fee = amount(), rng.choice((ZERO, amount()))
                book.fill(one, share(0, 3), got, rng.choice(ASSETS), fee, asset, sign, amount())
            case _:
                book.release(one)
                holds = [hold for hold in holds if hold != one]
        book.nothing_is_created_and_nobody_is_overdrawn()
        book.what_is_held_is_what_is_left_of_open_holds()
    assert refused > 50
    assert book.number > 1_500


@given(st.data(), st.lists(journal_entries(), max_size=20))
def test_everything_taken_back_from_the_last_to_the_first_leaves_nothing(
    data: st.DataObject, entries: list[tuple[Posting, ...]]
) -> None:
    """Deposits, allocations, fills and any other entry; what is held meanwhile follows its order."""
    book = Book(book_id="b", owner_id="o", purse=PAPER, venue_account="paper", is_open=True)
    done: list[EntryPosted] = []

    def take(command: Callable[[], Sequence[BookEvent]]) -> None:
        nonlocal book
        with suppress(DomainError):
            for event in command():
                assert isinstance(event, EntryPosted)
                book = book.evolve(event)
                done.append(event)

    for number, legs in enumerate(entries):
        money = Money(data.draw(small), data.draw(assets))
        take(lambda n=number, m=money: book.credit_deposit(m, entry_id=f"d-{n}", at=START))  # type: ignore[misc]
        part = Money(data.draw(small), money.asset)
        take(lambda n=number, m=part: book.allocate(m, bot_id="bot-1", entry_id=f"a-{n}", at=START))  # type: ignore[misc]
        trade = Settlement(
            trade_id=str(number),
            order_id="o-1",
            bot_id="bot-1",
            received=Money(data.draw(small), data.draw(assets)),
            paid=Money(data.draw(small), data.draw(assets)),
            venue_fee=Money(data.draw(maybe), data.draw(assets)),
            platform_fee=Money(data.draw(maybe), "USDT"),
            traded_at_utc=START,
        )
        take(lambda t=trade: book.settle_fill(t))  # type: ignore[misc]
        after = added(book.balances, legs)
        if any(account == DUE and amount < 0 for (account, _), amount in after.items()):
            continue  # no command leaves less than nothing due, and no reversal goes back there
        take(lambda n=number, p=legs: book.post(entry_id=f"e-{n}", kind="any", postings=p, at=START))  # type: ignore[misc]

    for entry in reversed(done):
        (reversal,) = book.reverse(entry, reason="all of it", at=START)
        assert isinstance(reversal, EntryPosted)
        assert (reversal.reverses, reversal.reference) == (entry.entry_id, entry.reference)
        book = book.evolve(reversal)
        require_sound(book)
    assert book.balances == {}
