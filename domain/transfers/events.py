"""What happens to a transfer. Its money moves by entries in the two books, under the same reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSent:
    """The amount left the sender's free balance; it is in transit until one of the two below."""

    transfer_id: str
    sender_id: str
    from_book_id: str
    receiver_id: str
    to_book_id: str
    purse: str
    amount: Money
    sent_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompleted:
    """The receiver's book has it."""

    transfer_id: str
    completed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReturned:
    """The receiver's book refused it, so the sender has it back."""

    transfer_id: str
    code: str  # of the refusal
    reason: str  # its words
    returned_at_utc: datetime


TransferEvent = TransferSent | TransferCompleted | TransferReturned
