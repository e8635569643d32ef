"""Refusals of the ledger."""

from __future__ import annotations

from domain.errors import DomainError
from domain.money import Money


class InsufficientFunds(DomainError, code="insufficient_funds"):
    """The balance does not cover the amount; only new funds can change that."""

    def __init__(self, *, required: Money, available: Money, purse: str = "") -> None:
        super().__init__(f"required {required}, available {available}")
        self.required, self.available = required, available
        if purse:  # whose money it is, where it is not paper money
            self.purse = purse


class UnbalancedEntry(DomainError, code="unbalanced_entry"):
    """An entry's legs do not sum to zero in an asset."""

    def __init__(self, *, entry_id: str, left_over: Money) -> None:
        super().__init__(f"entry {entry_id} leaves {left_over} over")
        self.entry_id, self.left_over = entry_id, left_over


class InvalidPosting(DomainError, code="invalid_posting"):
    """A leg has no amount or an infinite one, or an entry fewer than two legs."""

    def __init__(self, *, entry_id: str, problem: str) -> None:
        super().__init__(f"entry {entry_id}: {problem}")
        self.entry_id, self.problem = entry_id, problem


class EntryNotReversible(DomainError, code="entry_not_reversible"):
    """The entry is itself a reversal, or belongs to a hold, which ends by itself."""

    def __init__(self, *, entry_id: str, problem: str) -> None:
        super().__init__(f"entry {entry_id} {problem}")
        self.entry_id, self.problem = entry_id, problem


class AdjustmentNotAllowed(DomainError, code="adjustment_not_allowed"):
    """Nobody posts that by hand: the account follows something else, or the money would come from nowhere."""

    def __init__(self, *, account: str, problem: str) -> None:
        super().__init__(f"{account}: {problem}")
        self.account, self.problem = account, problem


class PursesMixed(DomainError, code="purses_mixed"):
    """The books of one batch are of two purses; paper money and real money never meet."""

    def __init__(self, *, book_id: str, purse: str, other: str) -> None:
        super().__init__(
            f"book {book_id} is a {purse} one, the batch began with a {other} one; post two batches"
        )
        self.book_id, self.purse, self.other = book_id, purse, other


class TransferUnfinished(DomainError, code="transfer_unfinished"):
    """A batch sends what it does not deliver: what is in transit must come to zero within it."""

    def __init__(self, *, transfer: str, left_over: Money) -> None:
        super().__init__(f"in_transit:{transfer} is left with {left_over}; it must come to zero in the batch")
        self.transfer, self.left_over = transfer, left_over


class HoldConflict(DomainError, code="hold_conflict"):
    """A hold of that id stands already, for another amount."""

    def __init__(self, *, hold_id: str, held: Money, requested: Money) -> None:
        super().__init__(f"hold {hold_id} stands at {held}, requested {requested}")
        self.hold_id, self.held, self.requested = hold_id, held, requested


class BookNotOpen(DomainError, code="book_not_open"):
    """The book was never opened, or was closed (a reset paper account): use the owner's current one."""

    def __init__(self, *, book_id: str) -> None:
        super().__init__(f"book {book_id} is not open")
        self.book_id = book_id


class BookAlreadyOpen(DomainError, code="book_already_open"):
    """A book of that id is open already, for another owner, purse or venue account."""

    def __init__(self, *, book_id: str) -> None:
        super().__init__(f"book {book_id} is open already")
        self.book_id = book_id


class UnknownBook(DomainError, code="unknown_book"):
    """The owner has no book of that id."""

    def __init__(self, *, book_id: str) -> None:
        super().__init__(f"no book {book_id}")
        self.book_id = book_id
