"""Account statements as venues export them: what each row says, or why it was not understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from application.records import record
from domain.errors import DomainError
from domain.ledger.postings import AVAILABLE
from domain.money import Money

CUSTODY, TRANSIT = "custody", "in_transit"
OWNER = AVAILABLE
OUTSIDE, TRADED, OPENING = "equity:outside", "equity:traded", "equity:opening"

DEPOSIT, WITHDRAWAL, TRADE, FEE = "deposit", "withdrawal", "trade", "fee"
REWARD, PAYMENT, TRANSFER, CONVERSION = "reward", "payment", "transfer", "conversion"
FUNDING_FEE, REALISED_PNL, OPENING_BALANCE = "funding_fee", "realised_pnl", "opening"


@record
class Move:
    """A signed amount that comes into one account and out of another (the other way round below zero).

    `custody` and `in_transit` stand for the venue account's own; `custody:earn` is a place within it.
    """

    money: Money
    into: str = CUSTODY
    out_of: str = OWNER


@record
class StatedRow:
    """What one row of a statement says, exactly as the venue states it."""

    row: int  # its first line in the file, or its place in a list, counted from 1
    at: datetime  # the venue's time, in UTC
    kind: str
    moves: tuple[Move, ...]
    content: str  # what makes the row itself, however it was saved: equal rows have equal content
    fee: Money | None = (
        None  # what the venue charged (rebates are negative), included in the moves or stated beside
    )
    group: str = ""  # rows of one time and group are one entry; "" stands alone
    venue_id: str = ""  # the venue's own id of the row, where it has one
    reference: str = ""  # the venue's id of the trade or transfer that it belongs to


@record
class RowProblem:
    """A row that was not understood: nothing of it is posted."""

    row: int
    field: str
    value: str
    problem: str
    way_out: str


class Statement(Protocol):
    """One file of a venue's. It may be gone through any number of times.

    Ordering: oldest first, as in the file within one moment; rows that have no time that can be read come
    before all. Errors: StatementUnreadable, also when the file changed meanwhile.
    """

    @property
    def name(self) -> str: ...

    @property
    def format(self) -> str: ...

    @property
    def venue(self) -> str:
        """What its venue account is called where nothing else is said."""
        ...

    def __len__(self) -> int:
        """How many rows it has."""
        ...

    def rows(self) -> Iterator[StatedRow | RowProblem]: ...

    def close(self) -> None: ...


class OpenStatement(Protocol):
    """Opens a file, plain or gzip, or a text. Close what it gives.

    The format is found out where it is not named; `zone` is that of times without one, `fiat` where purchases
    were paid from. Errors: StatementUnreadable, InvalidValue, OSError.
    """

    def __call__(
        self,
        *,
        path: str | None = None,
        text: str | None = None,
        name: str = "",
        file_format: str | None = None,
        zone: str | None = None,
        fiat: str | None = None,
    ) -> Statement: ...


class StatementUnreadable(DomainError, code="statement_unreadable"):
    """A file is no statement that we know, or is damaged: nothing of it can be judged row by row."""

    def __init__(self, *, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file, self.problem = file, problem
