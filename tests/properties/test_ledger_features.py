"""Batches, holds with an end, partial settlements and reversals of them all, in any order, on the log."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.persistence.read_models import MemoryReadModels
from application.ledger.expire_holds import ExpireHolds
from application.ledger.holds import PlaceHold, ReleaseHold, SettleHold
from application.ledger.post_batch import NewEntry, NewLeg, PostBatch
from application.ledger.reverse_entry import ReverseEntry
from application.paper.accounts import FundPaperBook, OpenPaperBook
from application.ports.commands import Command
from application.ports.paper_accounts import PaperTerms
from application.queries.holds import holds_page
from application.queries.moments import Moment
from application.queries.totals import totals_of
from application.rehearsal import rehearse
from domain.errors import DomainError
from domain.ledger.events import EntryPosted
from domain.ledger.postings import HELD_PREFIX
from domain.money import ZERO, Money, add
from entrypoints.auditor import verify as auditor
from tests.application.harness import Store, with_account
from tests.builders import usdt
from tests.entrypoints.auditor.exports import SIGNER, export, sealed
from tests.properties.test_ledger import require_sound

BOOKS = ("book-1", "book-2")
CONTRA = ("equity:adjustment", "suspense", "revenue:dispute", "expense:goodwill", "in_transit:t-1")
books = st.sampled_from(BOOKS)
amounts = st.integers(1, 400).map(lambda n: Decimal(n).scaleb(-1))


class Corrections(RuleBasedStateMachine):
    """Whatever operators do by hand; every command is rehearsed first and must answer the same."""

    @initialize()
    def begin(self) -> None:
        self.store: Store = with_account()
        for book in BOOKS:
            self.store.do(OpenPaperBook(book, "acc-1", (usdt("100"),), PaperTerms()))
        self.views = MemoryReadModels(self.store.log)
        self.holds: dict[str, str] = {}  # hold: book
        self.number = 0

    def attempt(self, command: Command) -> bool:
        store, head = self.store, self.store.log.head()
        try:
            told, code = rehearse(store.log, store.clock, command), ""
        except DomainError as refusal:
            told, code = {}, refusal.code
        assert store.log.head() == head
        outcome = store.run(command)
        if outcome.refusal is not None:
            assert (outcome.refusal.code, store.log.head()) == (code, head)
            return False
        assert told == {**outcome.unwrap(), "dry_run": True}
        return True

    def next_id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}-{self.number}"

    @rule(book=books, amount=amounts)
    def fund(self, book: str, amount: Decimal) -> None:
        self.store.do(FundPaperBook(book, "acc-1", Money(amount, "USDT"), self.next_id("d")))

    @rule(
        moves=st.lists(
            st.tuples(books, st.sampled_from(CONTRA), amounts, st.sampled_from((1, -1)), st.booleans()),
            min_size=1,
            max_size=4,
        ),
        again=st.booleans(),
    )
    def batch(self, moves: list[tuple[str, str, Decimal, int, bool]], again: bool) -> None:
        """Some balanced, some spoiled, some with what stays in transit, some with an id that is taken."""
        entries = [
            NewEntry(
                book_id=book,
                reason="a mistake",
                legs=(
                    NewLeg(contra, "USDT", amount * sign),
                    NewLeg("owner:available", "USDT", -amount * sign + (0 if sound else 1)),
                ),
            )
            for book, contra, amount, sign, sound in moves
        ]
        batch_id = f"b-{self.number}" if again else self.next_id("b")
        done = self.attempt(PostBatch(batch_id=batch_id, entries=entries))
        assert not done or all(sound for *_, sound in moves)

    @rule(amount=amounts)
    def transfer(self, amount: Decimal) -> None:
        source, target = BOOKS
        legs = [
            (source, NewLeg("owner:available", "USDT", amount), NewLeg("in_transit:t", "USDT", -amount)),
            (target, NewLeg("in_transit:t", "USDT", amount), NewLeg("owner:available", "USDT", -amount)),
        ]
        there = self.store.book(source).owed("owner:available", "USDT").amount
        entries = [NewEntry(book_id=book, reason="moved", legs=pair) for book, *pair in legs]
        assert self.attempt(PostBatch(batch_id=self.next_id("t"), entries=entries)) == (amount <= there)

    @rule(book=books, amount=amounts, minutes=st.one_of(st.none(), st.integers(0, 90)))
    def hold(self, book: str, amount: Decimal, minutes: int | None) -> None:
        hold_id, now = self.next_id("hold"), self.store.clock.now()
        expires = None if minutes is None else now + timedelta(minutes=minutes)
        there = self.store.book(book).owed("owner:available", "USDT").amount
        command = PlaceHold(
            hold_id=hold_id, book_id=book, amount=Money(amount, "USDT"), reason="x", expires_at=expires
        )
        done = self.attempt(command)
        assert done == (amount <= there and minutes != 0)
        if done:
            self.holds[hold_id] = book

    @rule(
        data=st.data(), amount=st.one_of(st.none(), amounts), to=st.sampled_from((*CONTRA, "owner:available"))
    )
    def settle(self, data: st.DataObject, amount: Decimal | None, to: str) -> None:
        if not self.holds:
            return
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        hold, book = self.store.load(f"hold:{hold_id}").state, self.holds[hold_id]
        left = self.store.book(book).owed(HELD_PREFIX + hold_id, "USDT").amount
        money = None if amount is None else Money(amount, "USDT")
        done = self.attempt(SettleHold(hold_id=hold_id, book_id=book, to=to, reason="lost", amount=money))
        fits = amount is None or amount <= left
        paid = to in ("suspense", "revenue:dispute", "expense:goodwill")
        in_time = not hold.is_over(self.store.clock.now())
        assert done == (hold.status == "open" and in_time and fits and paid)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.holds:
            hold_id = data.draw(st.sampled_from(sorted(self.holds)))
            is_open = self.store.load(f"hold:{hold_id}").state.status == "open"
            command = ReleaseHold(hold_id=hold_id, book_id=self.holds[hold_id], reason="won")
            assert self.attempt(command) == is_open

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes: int) -> None:
        """Every hold whose time is over ends, once."""
        self.store.clock.move_to(self.store.clock.now() + timedelta(minutes=minutes, seconds=1))
        now = self.store.clock.now()
        over = [
            name
            for name in self.holds
            if (hold := self.store.load(f"hold:{name}").state).status == "open" and hold.is_over(now)
        ]
        look = ExpireHolds(self.views, self.store.bus, self.store.clock)
        assert (look(), look()) == (len(over), 0)
        assert {self.store.load(f"hold:{name}").state.status for name in over} <= {"expired"}

    @rule(data=st.data(), book=books)
    def take_back(self, data: st.DataObject, book: str) -> None:
        recorded = self.store.log.stream(f"book:{book}")
        entries = [one.event for one in recorded if isinstance(one.event, EntryPosted)]
        entry = data.draw(st.sampled_from(entries))
        done = self.attempt(ReverseEntry(book, entry, "a mistake"))
        assert not done or (entry.kind not in ("hold", "release", "reversal"))

    # -- after every step ----------------------------------------------------------------------------------

    @invariant()
    def the_books_are_sound_and_only_open_holds_hold(self) -> None:
        for name in BOOKS:
            book = self.store.book(name)
            require_sound(book)
            for account, _ in book.balances:
                if account.startswith(HELD_PREFIX):
                    hold = self.store.load(f"hold:{account.removeprefix(HELD_PREFIX)}").state
                    assert (hold.status, hold.book_id) == ("open", name)

    @invariant()
    def lists_and_totals_say_the_same(self) -> None:
        left = ZERO
        for one in holds_page(self.views, limit=500).rows:
            left = add(left, Decimal(one.left))
            assert (one.status == "open") == (one.left != "0")
        made = totals_of(self.store.log, self.views)
        held = [Decimal(line.held) for line in made.totals] or [ZERO]  # no line where all was taken back
        assert (held, made.balanced) == ([left], True)
        # the same place, reached from the log's beginning
        afresh = totals_of(self.store.log, MemoryReadModels(), Moment(self.store.log.head()))
        assert afresh.totals == made.totals

    def teardown(self) -> None:
        """An auditor who knows only the exported bytes agrees."""
        if not hasattr(self, "store"):
            return
        stored = self.store.store.recorder
        assert stored is not None
        lines = [row.state for row in stored.page(0, 10**9, 10**9)]
        with tempfile.TemporaryDirectory() as place:
            report = auditor.verify(
                export(Path(place) / "log", lines, sealed(lines, len(lines))),
                [auditor.Key.parse(str(SIGNER.key), "the key")],
                [],
                progress=lambda *_: None,
            )
        assert report["ok"], report


Corrections.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestCorrections = Corrections.TestCase
