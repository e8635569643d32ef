"""Books, balances at any moment, and paper accounts, folded from the book's stream: always fresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce

from application.paper.accounts import UnknownPaperAccount
from application.ports.event_log import EventLog
from application.ports.read_models import ReadModels
from application.queries.asset_codes import shown_asset
from application.queries.moments import Moment, events_until, state_at
from application.streams import book_stream, empty_state
from application.views.rows import BookRow, BotRow
from domain.ledger.book import PAPER, Book
from domain.ledger.errors import UnknownBook as UnknownBook
from domain.ledger.events import BookClosed, EntryPosted
from domain.ledger.postings import AVAILABLE, BOT_PREFIX, DUE, HELD_PREFIX, OWNER_PREFIX
from domain.money import ZERO, add, subtract, text


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletView:
    """What one paper account holds of one asset. total = available + allocated + held − due."""

    paper_account_id: str
    asset: str
    available: str
    allocated: str  # to bots, and not held for an order now
    held: str
    due: str
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One ledger account's balance; debit is positive, credit negative."""

    account: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookBalances:
    """Every balance of a book, and per asset the sum over all of them: always zero."""

    book_id: str
    purse: str
    status: str
    balances: Sequence[LedgerLine]
    sums: Mapping[str, str]
    balanced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAccountView:
    """A paper account: how it fills and charges, and what is in it."""

    paper_account_id: str
    status: str  # open or closed
    terms: Mapping[str, str]
    wallets: Sequence[WalletView] = field(default_factory=tuple)
    version: int


def book_at(log: EventLog, book_id: str, moment: Moment | None, effective_at: datetime | None = None) -> Book:
    """A book as of either axis, or both: of what was recorded by a moment, what took effect by a time."""
    stream = book_stream(book_id)
    if effective_at is None:
        book: Book = state_at(log, stream, moment)
        return book
    book = empty_state(stream)
    for recorded in events_until(log, stream, moment):
        match recorded.event:
            case EntryPosted(effective_at_utc=then) | BookClosed(closed_at_utc=then) if then > effective_at:
                continue
        book = book.evolve(recorded.event)
    return book


def owned_book(
    log: EventLog,
    book_id: str,
    owner_id: str,
    moment: Moment | None = None,
    effective_at: datetime | None = None,
) -> Book:
    """The owner's book as it stood, or UnknownBook (also when it is somebody else's)."""
    book = book_at(log, book_id, moment, effective_at)
    if book.owner_id != owner_id:
        raise UnknownBook(book_id=book_id)
    return book


def balances_of(
    log: EventLog,
    book_id: str,
    owner_id: str,
    moment: Moment | None,
    effective_at: datetime | None = None,
) -> BookBalances:
    """A book's balances with their sums: also its trial balance."""
    book = owned_book(log, book_id, owner_id, moment, effective_at)
    sums: dict[str, Decimal] = {}
    for (_, asset), amount in book.balances.items():
        sums[asset] = add(sums.get(asset, ZERO), amount)
    return BookBalances(
        book_id=book_id,
        purse=book.purse,
        status="open" if book.is_open else "closed",
        balances=[
            LedgerLine(account=account, asset=shown_asset(asset, book.purse), amount=text(amount))
            for (account, asset), amount in sorted(book.balances.items())
        ],
        sums={shown_asset(asset, book.purse): text(amount) for asset, amount in sorted(sums.items())},
        balanced=not any(sums.values()),
    )


def wallets_of(
    log: EventLog, views: ReadModels, owner_id: str, moment: Moment | None = None
) -> list[WalletView]:
    """Every wallet of the owner's open paper accounts, those at zero that a bot trades in included."""
    traded = traded_assets(views, owner_id, moment)
    wallets: list[WalletView] = []
    for row in views.where(BookRow, owner_id=owner_id, purse=PAPER):
        book: Book = state_at(log, book_stream(row.book_id), moment)
        if book.is_open:
            wallets += wallets_in(book, also=traded.get(row.book_id, frozenset()))
    return wallets


def traded_assets(
    views: ReadModels, owner_id: str, moment: Moment | None = None
) -> Mapping[str, AbstractSet[str]]:
    """What the owner's bots trade in, by paper account: there is a wallet for it, if only at zero."""
    traded: dict[str, set[str]] = {}
    for bot in views.where(BotRow, owner_id=owner_id):
        if moment is None or bot.position <= moment.position.number:
            traded.setdefault(bot.book_id, set()).update(bot.symbol.split("/"))
    return traded


def wallets_in(book: Book, *, also: AbstractSet[str] = frozenset()) -> list[WalletView]:
    """A book's wallets by asset: whatever the owner has, had or, where `also` names it, may get there."""
    sums: dict[str, dict[str, Decimal]] = {asset: {} for asset in also}
    for (account, asset), amount in book.balances.items():
        if account.startswith(OWNER_PREFIX):
            column = _column(account)
            of_asset = sums.setdefault(asset, {})
            of_asset[column] = subtract(of_asset.get(column, ZERO), amount)  # unary minus would round
    return [
        WalletView(
            paper_account_id=book.book_id,
            asset=shown_asset(asset, book.purse),
            available=text(of.get("available", ZERO)),
            allocated=text(of.get("allocated", ZERO)),
            held=text(of.get("held", ZERO)),
            due=text(subtract(ZERO, of.get("due", ZERO))),
            total=text(reduce(add, of.values(), ZERO)),
        )
        for asset, of in sorted(sums.items())
    ]


def paper_account(
    log: EventLog, book_id: str, owner_id: str, *, also: AbstractSet[str] = frozenset()
) -> PaperAccountView:
    """One paper account, fresh from its stream; `also` as in wallets_in.

    Errors: UnknownPaperAccount, for foreign ones too.
    """
    versioned = log.load(book_stream(book_id))
    book: Book = versioned.state
    if not book.book_id or book.owner_id != owner_id or book.purse != PAPER:
        raise UnknownPaperAccount(paper_account_id=book_id)
    return PaperAccountView(
        paper_account_id=book_id,
        status="open" if book.is_open else "closed",
        terms=dict(book.venue_terms),
        wallets=wallets_in(book, also=also),
        version=versioned.version,
    )


def newest_open_paper_book(views: ReadModels, owner_id: str) -> str | None:
    """The paper account a new bot gets when none is named."""
    rows = [row for row in views.where(BookRow, owner_id=owner_id, purse=PAPER) if row.status == "open"]
    return max(rows, key=lambda row: row.position).book_id if rows else None


def _column(account: str) -> str:
    if account == AVAILABLE:
        return "available"
    if account.startswith(BOT_PREFIX):
        return "allocated"
    if account.startswith(HELD_PREFIX):
        return "held"
    return "due" if account == DUE else "other"
