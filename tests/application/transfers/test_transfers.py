"""Money from one owner to another: in transit, then there or back, whoever asks and however often."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.accounts.commands import FreezeAccount, RegisterAccount
from application.ledger.post_batch import NewEntry, NewLeg, PostBatch
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.paper.accounts import OpenPaperBook, PaperAccountService, ResetPaperBook
from application.ports.event_log import StoreUnavailable
from application.ports.notifier import Notifier
from application.ports.paper_accounts import PaperTerms
from application.streams import book_stream
from application.transfers.in_transit import transfers_of
from application.transfers.send import (
    CarryingNotifier,
    ReceiveTransfer,
    ReturnTransfer,
    SendTransfer,
    SettleTransfer,
    Transfers,
    sent_by,
)
from application.work import OutboxMessage
from domain.ledger.errors import InsufficientFunds
from domain.ledger.events import EntryPosted
from domain.ledger.postings import AVAILABLE, imbalance
from domain.money import ZERO, add
from domain.transfers.errors import UnknownTransfer
from tests.application.harness import Store, with_account
from tests.builders import Decide, usdt

IN_TRANSIT = "in_transit:t-1"


def two_owners() -> Store:
    """acc-1 has 1,000 USDT in book-1; acc-2 has 50 in book-2."""
    store = with_account("acc-2", store=with_account("acc-1"))
    store.do(OpenPaperBook("book-1", "acc-1", (usdt("1000"),), PaperTerms()))
    store.do(OpenPaperBook("book-2", "acc-2", (usdt("50"),), PaperTerms()))
    return store


def sending(
    amount: str = "100", *, to_book: str = "book-2", to: str = "acc-2", id: str = "t-1"
) -> SendTransfer:
    return SendTransfer(id, "acc-1", "book-1", to, to_book, usdt(amount))


def manager(store: Store, venue: PaperExchange | None = None) -> Transfers:
    venue = venue or PaperExchange(MemoryPaperStore())
    service = PaperAccountService(store.bus, store.log, venue)
    service.make_venue_follow("book-1", "book-2")
    return Transfers(store.bus, store.log, service.make_venue_follow)


def standing(store: Store, account: str) -> Decimal:
    """What stands on an account over all books."""
    books = [store.book("book-1"), store.book("book-2")]
    return sum((book.balances.get((account, "USDT"), ZERO) for book in books), ZERO)


def balanced(store: Store) -> bool:
    """Every book for itself, and so all of them."""
    for book_id in ("book-1", "book-2"):
        total = ZERO
        for amount in store.book(book_id).balances.values():
            total = add(total, amount)
        if total:
            return False
    return all(not imbalance(e.postings) for e in store.events() if isinstance(e, EntryPosted))


def test_a_transfer_arrives_and_leaves_nothing_in_transit() -> None:
    store = two_owners()

    sent = store.do(sending())

    assert (sent["status"], store.owed(AVAILABLE)) == ("sent", "900 USDT")
    assert standing(store, IN_TRANSIT) == Decimal(-100)
    assert [one.transfer_id for one in transfers_of(store.log) if one.is_in_transit] == ["t-1"]
    assert balanced(store)

    ended = manager(store).carry("t-1")

    assert ended.status == "completed"
    assert store.owed(AVAILABLE, book_id="book-2") == "150 USDT"
    assert standing(store, IN_TRANSIT) == ZERO
    assert standing(store, "custody:book-1") == Decimal(900)
    assert standing(store, "custody:book-2") == Decimal(150)
    assert not [one for one in transfers_of(store.log) if one.is_in_transit]
    assert balanced(store)


def test_the_paper_venue_holds_what_the_books_say() -> None:
    store, venue = two_owners(), PaperExchange(MemoryPaperStore())
    store.do(sending())

    manager(store, venue).carry("t-1")

    assert venue.account("book-1").free == {"USDT": Decimal(900)}
    assert venue.account("book-2").free == {"USDT": Decimal(150)}


def test_the_paper_venue_gives_out_no_more_than_is_free() -> None:
    from application.ports.paper_accounts import VenueDeposit

    venue = PaperExchange(MemoryPaperStore())
    venue.open_account("a", PaperTerms())
    venue.deposit([VenueDeposit("a", "d-1", usdt("10"))])
    with pytest.raises(InsufficientFunds):
        venue.deposit([VenueDeposit("a", "d-2", usdt("-11"))])
    venue.deposit([VenueDeposit("a", "d-3", usdt("-10"))])
    assert venue.account("a").free == {"USDT": ZERO}


def test_carried_again_nothing_moves_again() -> None:
    """Safety §3: at least once, by any number of processes, is once."""
    store, venue = two_owners(), PaperExchange(MemoryPaperStore())
    store.do(sending())
    carrying = manager(store, venue)
    carrying.carry("t-1")
    events = store.log.head()

    for _ in range(3):
        assert carrying.carry("t-1").status == "completed"
        assert manager(store, venue).carry("t-1").status == "completed"

    assert store.log.head() == events
    assert venue.account("book-2").free == {"USDT": Decimal(150)}


def test_sent_again_with_the_same_id_it_is_sent_once() -> None:
    store = two_owners()
    store.do(sending())
    head = store.log.head()
    assert store.do(sending())["status"] == "sent"
    assert store.log.head() == head
    assert store.refused(sending("99"))[0] == "transfer_id_reused"


def _freeze(store: Store) -> None:
    store.do(FreezeAccount("acc-2", "lost phone", "op"))


def _close(store: Store) -> None:
    store.do(ResetPaperBook("book-2", "book-3", "acc-2", ()))


def _live(store: Store) -> None:
    def open_live(work: object) -> dict[str, str]:
        from application.work import Work

        assert isinstance(work, Work)
        opened = work.book("live-2").open(
            book_id="live-2", owner_id="acc-2", purse="LIVE", venue_account="pool", at=work.now
        )
        work.record(book_stream("live-2"), opened)
        return {}

    store.do(Decide(open_live))


@pytest.mark.parametrize(
    ("command", "before", "code"),
    [
        (sending(to="nobody"), None, "unknown_account"),
        (sending(), _freeze, "account_frozen"),
        (sending(to_book="book-9"), None, "unknown_book"),
        (sending(to="acc-1", to_book="book-2"), None, "unknown_book"),
        (sending(to_book="live-2"), _live, "purse_differs"),
        (sending(), _close, "book_not_open"),
    ],
)
def test_what_the_receiver_may_not_have_comes_back_by_a_linked_entry(
    command: SendTransfer, before: object, code: str
) -> None:
    store, venue = two_owners(), PaperExchange(MemoryPaperStore())
    carrying = manager(store, venue)
    if callable(before):
        before(store)
    store.do(command)

    ended = carrying.carry("t-1")

    assert (ended.status, ended.code) == ("returned", code)
    assert store.owed(AVAILABLE) == "1000 USDT"
    assert standing(store, IN_TRANSIT) == ZERO
    assert balanced(store)
    back = [e for e in store.events() if isinstance(e, EntryPosted) and e.kind == "reversal"]
    assert [(e.reverses, e.entry_id, bool(e.reason)) for e in back] == [
        ("transfer:t-1:sent", "reversal:transfer:t-1:sent", True)
    ]
    assert venue.account("book-1").free == {"USDT": Decimal(1000)}


def test_a_refusal_stands_whatever_changes_afterwards() -> None:
    """Given back once, it must not arrive as well: the receiver's first answer is the answer."""
    store = two_owners()
    store.do(sending(to="acc-3", to_book="book-2"))

    class Dies(Transfers):
        def _end(self, *_: object) -> None:
            raise StoreUnavailable("killed here")

    with pytest.raises(StoreUnavailable):
        Dies(store.bus, store.log, lambda *_: None).carry("t-1")
    store.do(RegisterAccount("acc-3", ("trader",), "c"))

    assert manager(store).carry("t-1").code == "unknown_account"
    assert store.owed(AVAILABLE) == "1000 USDT"


def test_received_and_then_frozen_it_is_settled_all_the_same() -> None:
    store = two_owners()
    store.do(sending())

    class Dies(Transfers):
        def _end(self, *_: object) -> None:
            raise StoreUnavailable("killed here")

    with pytest.raises(StoreUnavailable):
        Dies(store.bus, store.log, lambda *_: None).carry("t-1")
    assert balanced(store)
    _freeze(store)

    assert manager(store).carry("t-1").status == "completed"
    assert (store.owed(AVAILABLE), store.owed(AVAILABLE, book_id="book-2")) == ("900 USDT", "150 USDT")


def test_a_sender_whose_book_was_closed_meanwhile_gets_the_money_back_into_it() -> None:
    store = two_owners()
    store.do(sending(to="nobody"))
    store.do(ResetPaperBook("book-1", "book-4", "acc-1", ()))

    assert manager(store).carry("t-1").status == "returned"
    assert store.owed(AVAILABLE) == "1000 USDT"


def test_an_ended_transfer_neither_settles_nor_returns_again() -> None:
    store = two_owners()
    store.do(sending())
    manager(store).carry("t-1")
    head = store.log.head()
    store.do(ReturnTransfer("t-1", "acc-1", "x", "y"))
    store.do(SettleTransfer("t-1", "acc-1"))
    assert store.log.head() == head
    assert store.refused(SettleTransfer("t-9", "acc-1"))[0] == "unknown_transfer"


def test_a_receipt_is_booked_once_under_whichever_key() -> None:
    store = two_owners()
    store.do(sending())
    receive = ReceiveTransfer("t-1", "acc-2", "book-2", "PAPER", usdt("100"))
    store.do(receive)
    assert store.refused(receive)[0] == "fact_already_recorded"
    # the process manager comes under a key of its own, and finds the receipt booked: it settles
    assert manager(store).carry("t-1").status == "completed"
    assert store.owed(AVAILABLE, book_id="book-2") == "150 USDT"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (SendTransfer("t-1", "nobody", "book-1", "acc-2", "book-2", usdt("1")), "unknown_account"),
        (SendTransfer("t-1", "acc-1", "book-2", "acc-2", "book-2", usdt("1")), "unknown_book"),
        (SendTransfer("t-1", "acc-1", "book-9", "acc-2", "book-2", usdt("1")), "unknown_book"),
        (sending(to="acc-1", to_book="book-1"), "invalid_value"),
        (sending("0"), "invalid_value"),
        (sending("1000.01"), "insufficient_funds"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_changes_nothing(command: SendTransfer, code: str) -> None:
    assert two_owners().refused(command)[0] == code


def test_what_was_credited_by_hand_is_not_at_the_venue_and_is_not_sent() -> None:
    """Sent, it would leave both venue accounts behind the books for ever."""
    store, venue = two_owners(), PaperExchange(MemoryPaperStore())
    refund = (NewLeg("revenue:trading_fee", "USDT", Decimal(5)), NewLeg(AVAILABLE, "USDT", Decimal(-5)))
    entry = NewEntry(book_id="book-1", reason="charged twice", legs=refund)
    store.do(PostBatch(batch_id="b-1", entries=(entry,)))
    assert store.owed(AVAILABLE) == "1005 USDT"

    code, data = store.refused(sending("1005"))
    assert (code, data["available"]) == ("insufficient_funds", "1000 USDT")

    store.do(sending("600"))
    assert store.refused(sending("401", id="t-2"))[1]["available"] == "400 USDT"
    store.do(sending("400", id="t-2"))
    carrying = manager(store, venue)
    assert {carrying.carry(id).status for id in ("t-1", "t-2")} == {"completed"}
    assert venue.account("book-1").free.get("USDT", ZERO) == ZERO
    assert venue.account("book-2").free == {"USDT": Decimal(1050)}


def test_a_frozen_sender_sends_nothing() -> None:
    store = two_owners()
    store.do(FreezeAccount("acc-1", "lost phone", "op"))
    assert store.refused(sending())[0] == "account_frozen"


def test_nobody_takes_back_one_side_of_a_transfer() -> None:
    store = two_owners()
    store.do(sending())
    entry = posted_entry(store.log, "book-1", "transfer:t-1:sent")
    assert store.refused(ReverseEntry("book-1", entry, "a mistake"))[0] == "entry_not_reversible"


def test_a_transfer_is_its_senders_to_see() -> None:
    store = two_owners()
    store.do(sending())
    assert sent_by(store.log, "t-1", "acc-1").amount == usdt("100")
    for owner, transfer_id in (("acc-2", "t-1"), ("acc-1", "t-2")):
        with pytest.raises(UnknownTransfer):
            sent_by(store.log, transfer_id, owner)


def test_the_relay_carries_transfers_and_tells_the_rest() -> None:
    store, told = two_owners(), list[str]()

    class Next(Notifier):
        def notify(self, message: OutboxMessage) -> None:
            told.append(message.topic)

    store.do(sending())
    notifier = CarryingNotifier(manager(store), Next())
    notifier.notify(OutboxMessage("transfer:t-1", "transfer.sent", "acc-1", {"transfer_id": "t-1"}))
    notifier.notify(OutboxMessage("m-1", "account.registered", "acc-1", {}))
    assert (sent_by(store.log, "t-1", "acc-1").status, told) == ("completed", ["account.registered"])
