"""One transfer from an owner's book to another's: sent, then either completed or returned, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.ledger.book import CONNECTED
from domain.money import ZERO, Money
from domain.transfers.errors import TransferIdReused, UnknownTransfer
from domain.transfers.events import TransferCompleted, TransferEvent, TransferReturned, TransferSent

SENT, COMPLETED, RETURNED = "sent", "completed", "returned"
_NOTHING = Money(ZERO, "")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Who sends what to whom, and how far it is. Its stream is the sender's."""

    transfer_id: str = ""
    owner_id: str = ""  # the sender
    from_book_id: str = ""
    receiver_id: str = ""
    to_book_id: str = ""
    purse: str = ""
    amount: Money = _NOTHING
    status: str = ""
    code: str = ""  # of the refusal that sent it back
    reason: str = ""
    sent_at_utc: datetime | None = None

    @property
    def is_in_transit(self) -> bool:
        return self.status == SENT

    def require_sent(self) -> None:
        """Raises UnknownTransfer for one that never was."""
        if not self.status:
            raise UnknownTransfer(transfer_id=self.transfer_id)

    def send(
        self,
        *,
        sender_id: str,
        from_book_id: str,
        receiver_id: str,
        to_book_id: str,
        purse: str,
        amount: Money,
        at: datetime,
    ) -> Sequence[TransferEvent]:
        """The same again is answered with no events."""
        if to_book_id == from_book_id:
            raise InvalidValue("to", "is the book that the money comes from; name another one")
        if purse == CONNECTED:
            raise InvalidValue("from", "a connected account is moved at its venue, not here")
        if self.status:
            before = (self.owner_id, self.from_book_id, self.receiver_id, self.to_book_id, self.amount)
            if before != (sender_id, from_book_id, receiver_id, to_book_id, amount):
                raise TransferIdReused(transfer_id=self.transfer_id)
            return []
        return [
            TransferSent(
                transfer_id=self.transfer_id,
                sender_id=sender_id,
                from_book_id=from_book_id,
                receiver_id=receiver_id,
                to_book_id=to_book_id,
                purse=purse,
                amount=amount,
                sent_at_utc=at,
            )
        ]

    def complete(self, *, at: datetime) -> Sequence[TransferEvent]:
        """No events where it has ended already, however it did."""
        self.require_sent()
        if not self.is_in_transit:
            return []
        return [TransferCompleted(transfer_id=self.transfer_id, completed_at_utc=at)]

    def give_back(self, *, code: str, reason: str, at: datetime) -> Sequence[TransferEvent]:
        """No events where it has ended already, however it did."""
        self.require_sent()
        if not self.is_in_transit:
            return []
        return [TransferReturned(transfer_id=self.transfer_id, code=code, reason=reason, returned_at_utc=at)]

    def evolve(self, event: TransferEvent) -> Transfer:
        match event:
            case TransferSent():
                return Transfer(
                    transfer_id=event.transfer_id,
                    owner_id=event.sender_id,
                    from_book_id=event.from_book_id,
                    receiver_id=event.receiver_id,
                    to_book_id=event.to_book_id,
                    purse=event.purse,
                    amount=event.amount,
                    status=SENT,
                    sent_at_utc=event.sent_at_utc,
                )
            case TransferCompleted():
                return replace(self, status=COMPLETED)
            case TransferReturned():
                return replace(self, status=RETURNED, code=event.code, reason=event.reason)
            case _:
                assert_never(event)
