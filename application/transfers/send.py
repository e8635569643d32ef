"""Money from one owner's book to another's: a saga, since the two books may be on different shards.

Two commits on the sender's shard and one on the receiver's, each idempotent, in this order: it leaves the
sender's free balance, with a message to the process manager in the same commit; the receiver's book takes it
or refuses; the sender's side ends accordingly. What the receiver's book said is stored there under a key of
the transfer's own and said again whenever it is asked again: so nothing is doubled, nothing is lost, and no
transfer is both received and given back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.failpoints import failpoint
from application.ports.commands import Caller, CommandBus, FactClaimed, Outcome, Result, fingerprint
from application.ports.event_log import EventLog
from application.ports.notifier import Notifier
from application.streams import book_stream, transfer_stream
from application.work import OutboxMessage, Work
from domain.ledger.book import Book
from domain.ledger.errors import UnknownBook
from domain.money import Money
from domain.transfers.errors import PurseDiffers, UnknownTransfer
from domain.transfers.transfer import Transfer

TOPIC = "transfer.sent"
SYSTEM = "system:transfers"
SCOPE = "transfer"


@dataclass(frozen=True, slots=True)
class SendTransfer:
    """Take the amount from the sender's free balance and put it in transit.

    Refusals, in order: unknown_account, account_frozen (the sender's), unknown_book, invalid_value (from and
    to are one book, a connected one), transfer_id_reused, book_not_open, invalid_value (amount),
    insufficient_funds. Whether the receiver may have it, the receiver's book says: see ReceiveTransfer.
    """

    transfer_id: str
    owner_id: str  # the sender
    from_book_id: str
    receiver_id: str
    to_book_id: str
    amount: Money

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        book = _book_of(work, self.from_book_id, self.owner_id)
        sent = work.transfer(self.transfer_id).send(
            sender_id=self.owner_id,
            from_book_id=self.from_book_id,
            receiver_id=self.receiver_id,
            to_book_id=self.to_book_id,
            purse=book.purse,
            amount=self.amount,
            at=work.now,
        )
        if sent:
            work.record(
                book_stream(self.from_book_id),
                book.send(self.amount, transfer_id=self.transfer_id, at=work.now),
            )
            work.record(transfer_stream(self.transfer_id), sent)
            body = {"transfer_id": self.transfer_id}
            work.tell(OutboxMessage(f"transfer:{self.transfer_id}", TOPIC, self.owner_id, body))
        return described(work.transfer(self.transfer_id))


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """The receiver's book takes what is in transit, once.

    Refusals, in order: unknown_account, account_frozen (the receiver's), unknown_book (also somebody
    else's), purse_differs, book_not_open.
    """

    transfer_id: str
    owner_id: str  # the receiver
    book_id: str
    purse: str
    amount: Money

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        book = _book_of(work, self.book_id, self.owner_id)
        if book.purse != self.purse:
            raise PurseDiffers(book_id=self.book_id, purse=book.purse, sent_from=self.purse)
        work.claim(f"transfer:{self.transfer_id}:received")
        work.record(
            book_stream(self.book_id), book.receive(self.amount, transfer_id=self.transfer_id, at=work.now)
        )
        return {"transfer_id": self.transfer_id}


@dataclass(frozen=True, slots=True)
class SettleTransfer:
    """The receiver's book has it: what was in transit is settled. Refusal: unknown_transfer."""

    transfer_id: str
    owner_id: str  # the sender

    def decide(self, work: Work) -> Result:
        transfer = work.transfer(self.transfer_id)
        if completed := transfer.complete(at=work.now):
            work.record(
                book_stream(transfer.from_book_id),
                work.book(transfer.from_book_id).settle_transfer(
                    transfer.amount, transfer_id=self.transfer_id, at=work.now
                ),
            )
            work.record(transfer_stream(self.transfer_id), completed)
        return described(work.transfer(self.transfer_id))


@dataclass(frozen=True, slots=True)
class ReturnTransfer:
    """The receiver's book refused it: the sender has it back, by the reversal of what sent it.

    Refusal: unknown_transfer.
    """

    transfer_id: str
    owner_id: str  # the sender
    code: str
    reason: str

    def decide(self, work: Work) -> Result:
        transfer = work.transfer(self.transfer_id)
        if returned := transfer.give_back(code=self.code, reason=self.reason, at=work.now):
            work.record(
                book_stream(transfer.from_book_id),
                work.book(transfer.from_book_id).take_back(
                    transfer.amount, transfer_id=self.transfer_id, reason=self.reason, at=work.now
                ),
            )
            work.record(transfer_stream(self.transfer_id), returned)
        return described(work.transfer(self.transfer_id))


@dataclass(frozen=True, slots=True)
class Transfers:
    """The process manager. Everything it does may be done again, by any process, at any time.

    `venue_follows` brings the books' accounts at the paper venue to where the books are.
    """

    bus: CommandBus
    log: EventLog
    venue_follows: Callable[..., None]

    def carry(self, transfer_id: str) -> Transfer:
        """Bring a sent transfer to its end; one that has ended is left as it is.

        Raises StoreUnavailable, QueueFull and what the venue raises: then it is to be tried again.
        """
        transfer = self._now(transfer_id)
        if transfer.is_in_transit:
            failpoint("transfer_sent")
            arrived = self.bus.execute(
                ReceiveTransfer(
                    transfer_id,
                    transfer.receiver_id,
                    transfer.to_book_id,
                    transfer.purse,
                    transfer.amount,
                ),
                _caller(transfer, "receive"),
            )
            failpoint("transfer_received")
            self._end(transfer, arrived)
            failpoint("transfer_ended")
        ended = self._now(transfer_id)
        self.venue_follows(transfer.from_book_id, transfer.to_book_id)
        return ended

    def _end(self, transfer: Transfer, arrived: Outcome) -> None:
        refusal = arrived.refusal
        if refusal is None or refusal.code == FactClaimed.code:  # a claimed receipt is one that was booked
            settle = SettleTransfer(transfer.transfer_id, transfer.owner_id)
            self.bus.execute(settle, _caller(transfer, "settle")).unwrap()
            return
        give_back = ReturnTransfer(transfer.transfer_id, transfer.owner_id, refusal.code, str(refusal))
        self.bus.execute(give_back, _caller(transfer, "return")).unwrap()

    def _now(self, transfer_id: str) -> Transfer:
        transfer: Transfer = self.log.load(transfer_stream(transfer_id)).state
        transfer.require_sent()
        return transfer


@dataclass(frozen=True, slots=True)
class CarryingNotifier:
    """A Notifier that carries transfers and leaves every other message to the next one.

    A message counts as told once its transfer has ended; until then the outbox keeps it, across crashes.
    """

    transfers: Transfers
    next: Notifier

    def notify(self, message: OutboxMessage) -> None:
        if message.topic == TOPIC:
            self.transfers.carry(message.body["transfer_id"])
        else:
            self.next.notify(message)


def sent_by(log: EventLog, transfer_id: str, owner_id: str) -> Transfer:
    """The owner's transfer, or UnknownTransfer (also when it is somebody else's)."""
    transfer: Transfer = log.load(transfer_stream(transfer_id)).state
    if not transfer.status or transfer.owner_id != owner_id:
        raise UnknownTransfer(transfer_id=transfer_id)
    return transfer


def described(transfer: Transfer) -> Result:
    """A transfer as its commands answer it."""
    return {
        "transfer_id": transfer.transfer_id,
        "from_book_id": transfer.from_book_id,
        "receiver_id": transfer.receiver_id,
        "to_book_id": transfer.to_book_id,
        "amount": str(transfer.amount),
        "status": transfer.status,
        "code": transfer.code,
        "reason": transfer.reason,
    }


def _book_of(work: Work, book_id: str, owner_id: str) -> Book:
    book = work.book(book_id)
    if not book.exists or book.owner_id != owner_id:
        raise UnknownBook(book_id=book_id)
    return book


def _caller(transfer: Transfer, step: str) -> Caller:
    """Under a key of the transfer's own, with a fingerprint: so refusals are stored and said again, too."""
    return Caller(
        actor=SYSTEM,
        command_id=f"{step}:{transfer.transfer_id}",
        correlation_id=transfer.transfer_id,
        causation_id=transfer.transfer_id,
        scope=SCOPE,
        fingerprint=fingerprint(transfer.transfer_id, step),
    )
