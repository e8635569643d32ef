"""One owner's money in one purse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from domain.errors import InvalidValue
from domain.ledger.adjustments import ADJUSTMENT, may_be_paid, require_allowed
from domain.ledger.errors import (
    AdjustmentNotAllowed,
    BookAlreadyOpen,
    BookNotOpen,
    EntryNotReversible,
    HoldConflict,
    InsufficientFunds,
    InvalidPosting,
    UnbalancedEntry,
)
from domain.ledger.events import BookClosed, BookEvent, BookOpened, EntryPosted
from domain.ledger.postings import (
    AVAILABLE,
    DUE,
    HELD_PREFIX,
    IN_TRANSIT_PREFIX,
    OWNER_PREFIX,
    Balances,
    Posting,
    added,
    bot_account,
    custody_account,
    held_account,
    imbalance,
    in_transit_account,
    moved,
    negated,
    revenue_account,
)
from domain.money import ZERO, Money, add, fits, negate, parse_asset, subtract

PAPER, LIVE, CONNECTED = "PAPER", "LIVE", "CONNECTED"
PURSES = (PAPER, LIVE, CONNECTED)
REVERSAL, SETTLEMENT = "reversal", "settlement"
_FOLLOWS_WHAT_IT_IS_FOR = ("hold", "release")
TRANSFER_SENT, TRANSFER_RECEIVED, TRANSFER_SETTLED = (
    "transfer_sent",
    "transfer_received",
    "transfer_settled",
)
_OF_A_TRANSFER = (TRANSFER_SENT, TRANSFER_RECEIVED, TRANSFER_SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One fill to be booked: what the venue exchanged and charged, as it reported it."""

    trade_id: str  # the venue's, unique per (venue account, symbol)
    order_id: str  # the client order id; its hold pays
    bot_id: str
    received: Money  # base for a buy, quote for a sell; before fees
    paid: Money  # quote for a buy, base for a sell; before fees
    venue_fee: Money  # in whatever asset the venue charged; a rebate is negative
    platform_fee: Money  # ours, in the quote asset; zero when there is none
    traded_at_utc: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """Balances per (account, asset), holds included.

    A hold is an entry to owner:held:{hold_id}. Invariants: every entry sums to zero per asset; no owner
    account but owner:due stands in debit. Commands check in this order: the book is open, the amount is
    positive, the same hold again is answered with no events, the balance covers it. Entry ids are not kept
    here: a use case that takes one from outside claims it (Work.claim), so that it is posted once. Those of
    reversals are, so that a second one is told apart from one that the funds do not cover.
    """

    book_id: str = ""
    owner_id: str = ""
    purse: str = ""
    venue_account: str = ""
    is_open: bool = False
    venue_terms: Mapping[str, str] = field(default_factory=dict)
    balances: Balances = field(default_factory=dict)
    reversals: frozenset[str] = frozenset()

    # -- queries -------------------------------------------------------------------------------------------

    def owed(self, account: str, asset: str) -> Money:
        """What the owner is owed on an account: minus the ledger amount."""
        return (
            Money(negate(self.balances[account, asset]), asset)
            if (account, asset) in self.balances
            else Money(ZERO, asset)
        )

    def held_total(self, asset: str) -> Money:
        """The sum of all holds in an asset."""
        total = ZERO
        for (account, of_asset), amount in self.balances.items():
            if of_asset == asset and account.startswith(HELD_PREFIX):
                total = subtract(total, amount)
        return Money(total, asset)

    def has_reversed(self, entry: EntryPosted) -> bool:
        return reversal_id(entry) in self.reversals

    @property
    def exists(self) -> bool:
        return bool(self.purse)

    @property
    def custody(self) -> str:
        return custody_account(self.venue_account)

    @property
    def _unless_paper(self) -> str:
        return "" if self.purse == PAPER else self.purse

    # -- commands ------------------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raises BookNotOpen for a book that was closed or never opened."""
        if not self.is_open:
            raise BookNotOpen(book_id=self.book_id)

    def open(
        self,
        *,
        book_id: str,
        owner_id: str,
        purse: str,
        venue_account: str,
        at: datetime,
        venue_terms: Mapping[str, str] | None = None,
    ) -> Sequence[BookEvent]:
        if purse not in PURSES:
            raise InvalidValue("purse", f"{purse!r} is not one of {', '.join(PURSES)}")
        if self.exists:
            if (self.owner_id, self.purse, self.venue_account) == (owner_id, purse, venue_account):
                return []
            raise BookAlreadyOpen(book_id=book_id)
        return [
            BookOpened(
                book_id=book_id,
                owner_id=owner_id,
                purse=purse,
                venue_account=venue_account,
                opened_at_utc=at,
                venue_terms=venue_terms or {},
            )
        ]

    def close(self, *, reason: str, at: datetime) -> Sequence[BookEvent]:
        if self.exists and not self.is_open:
            return []
        self.require_open()
        return [BookClosed(book_id=self.book_id, reason=reason, closed_at_utc=at)]

    def credit_deposit(
        self, amount: Money, *, entry_id: str, at: datetime, kind: str = "deposit", reference: str = ""
    ) -> Sequence[BookEvent]:
        """New funds reached the venue account and are the owner's to spend."""
        self.require_open()
        _require_positive(amount)
        if not fits(amount.amount):
            raise InvalidValue("amount", f"{amount} has more than 18 digits before or after the point")
        parse_asset(amount.asset)
        return self.post(
            entry_id=entry_id,
            kind=kind,
            postings=moved(amount, self.custody, AVAILABLE),
            at=at,
            reference=reference,
        )

    def allocate(self, amount: Money, *, bot_id: str, entry_id: str, at: datetime) -> Sequence[BookEvent]:
        """Set funds apart for one bot: it can spend these and no others."""
        self.require_open()
        _require_positive(amount)
        return self._move(amount, AVAILABLE, bot_account(bot_id), "allocation", entry_id, bot_id, at)

    def deallocate(self, amount: Money, *, bot_id: str, entry_id: str, at: datetime) -> Sequence[BookEvent]:
        """Give a bot's funds back to the free balance. Works on a closed book too: it ends what is open."""
        _require_positive(amount)
        return self._move(amount, bot_account(bot_id), AVAILABLE, "deallocation", entry_id, bot_id, at)

    def place_hold(
        self,
        hold_id: str,
        amount: Money,
        *,
        source: str,
        at: datetime,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[BookEvent]:
        """Set funds aside. The same hold again is answered with no events."""
        self.require_open()
        _require_positive(amount)
        held = self.owed(held_account(hold_id), amount.asset)
        if held.amount:
            if held == amount:
                return []
            raise HoldConflict(hold_id=hold_id, held=held, requested=amount)
        self._require_owed(source, amount)
        return self.post(
            entry_id=f"hold:{hold_id}",
            kind="hold",
            postings=moved(amount, source, held_account(hold_id)),
            at=at,
            reference=hold_id,
            reason=reason,
            metadata=metadata,
        )

    def settle_hold(
        self,
        hold_id: str,
        amount: Money,
        *,
        to: str,
        entry_id: str,
        at: datetime,
        reason: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[BookEvent]:
        """Take some or all of what a hold set aside to where it was meant for.

        Checked in this order: the book is open, there is a reason, the account may be paid, the amount is
        positive, the hold covers it.
        """
        self.require_open()
        _require_reason(reason, "the hold is settled")
        if not may_be_paid(to, custody=self.custody):
            raise InvalidValue(
                "to", f"{to!r} is not paid from a hold: name {self.custody}, suspense, revenue:… or expense:…"
            )
        _require_positive(amount)
        self._require_owed(held_account(hold_id), amount)
        return self.post(
            entry_id=entry_id,
            kind=SETTLEMENT,
            postings=moved(amount, held_account(hold_id), to),
            at=at,
            reference=hold_id,
            reason=reason,
            metadata=metadata,
        )

    def release_hold(self, hold_id: str, *, to: str, at: datetime, entry_id: str = "") -> Sequence[BookEvent]:
        """Give back exactly what is left of a hold, in every asset; nothing left, no events.

        Works on a closed book too: it ends what is open. A hold is released once, unless a correction put
        something back on it: that release has an id of its own.
        """
        account = held_account(hold_id)
        postings = tuple(
            leg
            for (name, asset), amount in sorted(self.balances.items())
            if name == account
            for leg in moved(Money(negate(amount), asset), account, to)
        )
        if not postings:
            return []
        return self.post(
            entry_id=entry_id or f"release:{hold_id}",
            kind="release",
            postings=postings,
            at=at,
            reference=hold_id,
        )

    def settle_fill(self, fill: Settlement) -> Sequence[BookEvent]:
        """Book one fill against its hold, fees included, in one entry.

        What the venue took or gave moves custody; the platform's fee moves revenue. The owner's side is
        drawn from the hold, then (a late fee or an overfill) from the bot, the free balance and at last
        owner:due; what the owner receives goes to the bot. A venue's report is never refused: the money
        has moved. A closed book takes it too.
        """
        custody: dict[str, Decimal] = {fill.received.asset: fill.received.amount}
        for money in (fill.paid, fill.venue_fee):
            custody[money.asset] = subtract(custody.get(money.asset, ZERO), money.amount)
        owner = {asset: negate(amount) for asset, amount in custody.items()}
        fee = fill.platform_fee
        if fee.amount:
            owner[fee.asset] = add(owner.get(fee.asset, ZERO), fee.amount)

        postings: list[Posting] = []
        for asset in sorted(owner):
            postings += self._owner_legs(asset, owner[asset], fill)
            if custody.get(asset):
                postings.append(Posting(self.custody, asset, custody[asset]))
        if fee.amount:
            postings.append(Posting(revenue_account("trading_fee"), fee.asset, negate(fee.amount)))
        return self.post(
            entry_id=f"fill:{fill.trade_id}",
            kind="fill",
            postings=tuple(postings),
            at=fill.traded_at_utc,
            reference=fill.order_id,
            venue_fee=fill.venue_fee if fill.venue_fee.amount else None,
        )

    def send(self, amount: Money, *, transfer_id: str, at: datetime) -> Sequence[BookEvent]:
        """Put free funds on their way to another book: owed to nobody in particular until they arrive.

        From a paper account no more than is free at its venue: what was credited by hand is not there.
        """
        self.require_open()
        _require_positive(amount)
        sent = self._move(
            amount,
            AVAILABLE,
            in_transit_account(transfer_id),
            TRANSFER_SENT,
            _leg(transfer_id, "sent"),
            transfer_id,
            at,
        )
        if self.purse == PAPER and amount > (at_venue := self._free_in_custody(amount.asset)):
            raise InsufficientFunds(required=amount, available=at_venue)
        return sent

    def receive(self, amount: Money, *, transfer_id: str, at: datetime) -> Sequence[BookEvent]:
        """What another book sent arrives: what is owed from there, and what is held for it into our custody.

        Both pass through in_transit, where they leave nothing in this book.
        """
        self.require_open()
        _require_positive(amount)
        in_transit = in_transit_account(transfer_id)
        return self.post(
            entry_id=_leg(transfer_id, "received"),
            kind=TRANSFER_RECEIVED,
            postings=(*moved(amount, in_transit, AVAILABLE), *moved(amount, self.custody, in_transit)),
            at=at,
            reference=transfer_id,
        )

    def settle_transfer(self, amount: Money, *, transfer_id: str, at: datetime) -> Sequence[BookEvent]:
        """It arrived: what was in transit goes, and what is held for it. Works on a closed book too."""
        return self.post(
            entry_id=_leg(transfer_id, "settled"),
            kind=TRANSFER_SETTLED,
            postings=moved(amount, in_transit_account(transfer_id), self.custody),
            at=at,
            reference=transfer_id,
        )

    def take_back(self, amount: Money, *, transfer_id: str, reason: str, at: datetime) -> Sequence[BookEvent]:
        """It was refused: the reversal of what sent it. Works on a closed book too."""
        sent = _leg(transfer_id, "sent")
        return self.post(
            entry_id=f"{REVERSAL}:{sent}",
            kind=REVERSAL,
            postings=negated(moved(amount, AVAILABLE, in_transit_account(transfer_id))),
            at=at,
            reference=transfer_id,
            reverses=sent,
            reason=reason,
        )

    def reverse(self, entry: EntryPosted, *, reason: str, at: datetime) -> Sequence[BookEvent]:
        """Take an entry of this book back: a new one with its legs, and its venue fee, the other way round.

        Refused where require_reversible refuses it, an owner account would be overdrawn, or less than nothing
        would be due. That it happens once is for who calls to see to: see has_reversed and, for the claim,
        reversal_id.
        """
        self.require_reversible(entry, reason=reason)
        events = self.post(
            entry_id=reversal_id(entry),
            kind=REVERSAL,
            postings=negated(entry.postings),
            at=at,
            reference=entry.reference,
            venue_fee=-entry.venue_fee if entry.venue_fee else None,
            reverses=entry.entry_id,
            reason=reason,
        )
        for asset in self._overpaid(events):
            raise EntryNotReversible(
                entry_id=entry.entry_id,
                problem=f"made {asset} due that was paid since; take back what paid it first",
            )
        return events

    def require_reversible(self, entry: EntryPosted, *, reason: str) -> None:
        """Checked in this order: the book is open, there is a reason, the entry can be taken back.

        A closed book's is taken back, too, where no account of its owner's is touched.
        """
        self._require_open_for(entry.postings)
        _require_reason(reason, "the entry is taken back")
        if entry.reverses or entry.kind == REVERSAL:
            raise EntryNotReversible(
                entry_id=entry.entry_id, problem="is a reversal itself; post what is right as a new entry"
            )
        if entry.kind in _FOLLOWS_WHAT_IT_IS_FOR:
            raise EntryNotReversible(
                entry_id=entry.entry_id,
                problem=f"is a {entry.kind}: what is held follows its order, or is released",
            )
        if entry.kind in _OF_A_TRANSFER:
            raise EntryNotReversible(
                entry_id=entry.entry_id, problem="is one side of a transfer; send the money back by another"
            )

    def adjust(
        self,
        postings: tuple[Posting, ...],
        *,
        entry_id: str,
        reason: str,
        at: datetime,
        reference: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[BookEvent]:
        """What an operator posts by hand, with a reason; see adjustments.py for what may be.

        Checked in this order: the book is open, or no account of its owner's is touched; there is a reason,
        the accounts may be adjusted, then as any entry, and that nobody is left owing less than nothing.
        """
        self._require_open_for(postings)
        _require_reason(reason, "the books are adjusted")
        require_allowed(postings, custody=self.custody)
        events = self.post(
            entry_id=entry_id,
            kind=ADJUSTMENT,
            postings=postings,
            at=at,
            reference=reference,
            reason=reason,
            metadata=metadata,
        )
        for asset in self._overpaid(events):
            due = -self.owed(DUE, asset)
            raise AdjustmentNotAllowed(account=DUE, problem=f"only {due} is due")
        return events

    def post(
        self,
        *,
        entry_id: str,
        kind: str,
        postings: tuple[Posting, ...],
        at: datetime,
        reference: str = "",
        venue_fee: Money | None = None,
        reverses: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[BookEvent]:
        """Any journal entry: refused whole when it does not balance or would overdraw an owner account."""
        if len(postings) < 2:
            raise InvalidPosting(entry_id=entry_id, problem="an entry has at least two legs")
        if any(not posting.amount for posting in postings):
            raise InvalidPosting(entry_id=entry_id, problem="a leg is never zero")
        if not all(posting.amount.is_finite() for posting in postings):
            raise InvalidPosting(entry_id=entry_id, problem="a leg is a finite amount")
        for asset, amount in imbalance(postings).items():
            raise UnbalancedEntry(entry_id=entry_id, left_over=Money(amount, asset))
        after = self._standing_after(postings)
        for posting in postings:
            if after[posting.account, posting.asset] > 0 and _may_not_stand_in_debit(posting.account):
                raise InsufficientFunds(
                    required=Money(posting.amount, posting.asset),
                    available=self.owed(posting.account, posting.asset),
                    purse=self._unless_paper,
                )
        return [
            EntryPosted(
                entry_id=entry_id,
                kind=kind,
                postings=postings,
                effective_at_utc=at,
                reference=reference,
                venue_fee=venue_fee,
                reverses=reverses,
                reason=reason,
                metadata=metadata or {},
            )
        ]

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: BookEvent) -> Book:
        """Fold one fact in. Never refuses: a rule tightened today must not break old history."""
        match event:
            case EntryPosted():
                reversals = self.reversals | {event.entry_id} if event.reverses else self.reversals
                return self._with(added(self.balances, event.postings), reversals)
            case BookOpened():
                return replace(
                    self,
                    book_id=event.book_id,
                    owner_id=event.owner_id,
                    purse=event.purse,
                    venue_account=event.venue_account,
                    venue_terms=event.venue_terms,
                    is_open=True,
                )
            case BookClosed():
                return replace(self, is_open=False)
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _with(self, balances: Balances, reversals: frozenset[str]) -> Book:
        """As replace(), in a third of the time: entries are most of a book."""
        return Book(
            self.book_id,
            self.owner_id,
            self.purse,
            self.venue_account,
            self.is_open,
            self.venue_terms,
            balances,
            reversals,
        )

    def _require_open_for(self, postings: Sequence[Posting]) -> None:
        """A closed book's suspense is explained all the same: no money of its owner's is moved by it."""
        if any(leg.account.startswith(OWNER_PREFIX) for leg in postings):
            self.require_open()

    def _overpaid(self, events: Iterable[BookEvent]) -> list[str]:
        """The assets of which less than nothing would be due after these entries."""
        legs = [leg for event in events if isinstance(event, EntryPosted) for leg in event.postings]
        after = self._standing_after(legs)
        return [asset for (account, asset), amount in after.items() if account == DUE and amount < 0]

    def _standing_after(self, postings: Sequence[Posting]) -> dict[tuple[str, str], Decimal]:
        """What an entry would leave on the accounts that it touches."""
        before, after = self.balances, dict[tuple[str, str], Decimal]()
        for posting in postings:
            key = (posting.account, posting.asset)
            standing = after[key] if key in after else before.get(key, ZERO)
            after[key] = add(standing, posting.amount)
        return after

    def _move(
        self, amount: Money, source: str, target: str, kind: str, entry_id: str, reference: str, at: datetime
    ) -> Sequence[BookEvent]:
        self._require_owed(source, amount)
        return self.post(
            entry_id=entry_id,
            kind=kind,
            postings=moved(amount, source, target),
            at=at,
            reference=reference,
        )

    def _free_in_custody(self, asset: str) -> Money:
        """What custody has beyond what is held and what is on its way out."""
        free = self.balances.get((self.custody, asset), ZERO)
        for (account, of_asset), amount in self.balances.items():
            if of_asset == asset and amount < ZERO and account.startswith((HELD_PREFIX, IN_TRANSIT_PREFIX)):
                free = add(free, amount)
        return Money(free, asset)

    def _require_owed(self, source: str, amount: Money) -> None:
        available = self.owed(source, amount.asset)
        if amount > available:
            raise InsufficientFunds(required=amount, available=available, purse=self._unless_paper)

    def _owner_legs(self, asset: str, amount: Decimal, fill: Settlement) -> list[Posting]:
        """The owner's legs of one asset: a credit to the bot, or debits from hold, bot, available, due."""
        if not amount:
            return []
        bot = bot_account(fill.bot_id)
        if amount < 0:
            return [Posting(bot, asset, amount)]
        legs: list[Posting] = []
        left = amount
        for account in (held_account(fill.order_id), bot, AVAILABLE):
            taken = min(left, self.owed(account, asset).amount)
            if taken > 0:
                legs.append(Posting(account, asset, taken))
                left = subtract(left, taken)
        if left:
            legs.append(Posting(DUE, asset, left))
        return legs


def reversal_id(entry: EntryPosted) -> str:
    """The id of an entry's one reversal. A fill's has its order in it: trade ids are a symbol's."""
    of_order = f":{entry.reference}" if entry.kind == "fill" else ""
    return f"{REVERSAL}:{entry.entry_id}{of_order}"


def _leg(transfer_id: str, step: str) -> str:
    """The id of a transfer's entry: derived, so that no step is posted twice under two ids."""
    return f"transfer:{transfer_id}:{step}"


def _may_not_stand_in_debit(account: str) -> bool:
    return account.startswith(OWNER_PREFIX) and account != DUE


def _require_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidValue("reason", f"say why {what}; its owner and auditors will read it")


def _require_positive(amount: Money) -> None:
    if not amount.amount.is_finite() or amount.amount <= 0:
        raise InvalidValue("amount", f"must be above zero, is {amount}")
