"""What must be true (safety §1), held against the venue's own truth after every commit and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from adapters.persistence.event_log import StoredEventLog
from adapters.persistence.memory_seals import MemorySeals
from adapters.persistence.read_models import MemoryReadModels
from adapters.persistence.recorders.base import Append
from application.ports.event_log import RecordedEvent
from application.ports.exchange import OrderRequest
from application.streams import book_stream, empty_state, order_stream
from domain.ledger.book import PAPER, Book
from domain.ledger.events import EntryPosted
from domain.ledger.postings import DUE, HELD_PREFIX, OWNER_PREFIX, custody_account
from domain.money import EXACT, ZERO
from domain.orders.events import OrderFilled, OrderPartiallyFilled
from domain.orders.order import INTENDED, NO_PROOF, UNKNOWN, Order
from domain.sealing.merkle import verify_consistency
from tests.simulation.scheduler import Violation
from tests.simulation.store import ENVELOPES
from tests.simulation.venue import OTHERS, VENUE, TradeKey, as_fill, code, effect

if TYPE_CHECKING:
    from tests.simulation.sim import Sim


PROOF_TAKES = timedelta(seconds=45)
"""Until an order of which nothing is known has ended, in a world in which nothing fails."""


@dataclass(eq=False)
class Oracles:
    """O1 to O9. `committed` runs within each commit, on what it changed; `at_the_end` on everything."""

    sim: Sim
    booked: dict[TradeKey, str] = field(default_factory=dict)  # trade -> our order
    acked: dict[tuple[str, str], str] = field(default_factory=dict)  # O1: the client's own journal
    roots: list[tuple[int, bytes]] = field(default_factory=list)
    checks: int = 0

    def __post_init__(self) -> None:
        self.seals = MemorySeals(self.sim.store)

    # -- after each commit ---------------------------------------------------------------------------------

    def committed(self, new: Sequence[RecordedEvent], append: Append) -> None:
        self.checks += 1
        books: dict[str, None] = {}
        orders: dict[str, None] = {}
        for recorded in new:
            self._has_a_cause(recorded)
            kind, _, id = recorded.stream.partition(":")
            event = recorded.event
            if isinstance(event, EntryPosted):
                _balances(event, recorded.stream)
                self._moves_what_the_venue_moved(event, id)
            if isinstance(event, OrderFilled | OrderPartiallyFilled):
                self._is_a_fill_of_the_venue(event)
            if kind == "book":
                books[id] = None
            if kind == "order":
                orders[id] = None
        for order_id in orders:
            order: Order = self.sim.store.state(order_stream(order_id))
            self._order_stands_as_at_the_venue(order)
            books[order.book_id] = None
        for book_id in books:
            self._book_is_whole(self.sim.store.state(book_stream(book_id)))

    def _has_a_cause(self, recorded: RecordedEvent) -> None:
        metadata = recorded.metadata
        if not metadata.command_id or not metadata.actor:
            raise Violation("O2", f"{recorded.name} of {recorded.stream} names no cause")

    def _is_a_fill_of_the_venue(self, event: OrderFilled | OrderPartiallyFilled) -> None:
        order: Order = self.sim.store.state(order_stream(event.client_order_id))
        if order.venue != VENUE or order.terms is None:
            return
        key = (order.venue_account, code(order.terms.symbol), event.venue_trade_id, order.terms.side)
        if key in self.booked:
            raise Violation("O6", f"trade {key} is booked for {self.booked[key]} and {order.client_order_id}")
        self.booked[key] = order.client_order_id
        known = self.sim.venue.fills.get(key)
        if known is None:
            raise Violation(
                "O2", f"the venue has no trade {key}, which {order.client_order_id} was filled with"
            )
        at_venue, fill = known
        if at_venue.client_order_id != order.client_order_id:
            raise Violation("O6", f"trade {key} is of {at_venue.client_order_id}")
        true = as_fill(fill)
        said = (event.base_quantity, event.price_quote_per_base, event.quote_amount, event.fee)
        if said != (true.base_quantity, true.price_quote_per_base, true.quote_amount, true.fee):
            raise Violation("O4", f"trade {key} is booked as {said}, and is {true}")
        placed = self.sim.venue.ours(order.client_order_id)
        if placed is None or order.filled_base > placed.quantity:
            raise Violation("O6", f"{order.client_order_id} has fills of {order.filled_base}")

    def _moves_what_the_venue_moved(self, entry: EntryPosted, book_id: str) -> None:
        """An entry of a fill moves in custody what the match moved at the venue, fee and all."""
        if entry.kind != "fill":
            return
        order: Order = self.sim.store.state(order_stream(entry.reference))
        if order.venue != VENUE or order.terms is None:
            return
        trade_id, custody = entry.entry_id.removeprefix("fill:"), custody_account(order.venue_account)
        key = (order.venue_account, code(order.terms.symbol), trade_id, order.terms.side)
        if key not in self.sim.venue.fills:
            raise Violation("O2", f"entry {entry.entry_id} of {book_id}: the venue has no trade {key}")
        true = effect(*self.sim.venue.fills[key], self.sim.venue.core)
        moved: dict[str, Decimal] = {}
        for leg in entry.postings:
            if leg.account == custody:
                moved[leg.asset] = EXACT.add(moved.get(leg.asset, ZERO), leg.amount)
        if moved != {asset: amount for asset, amount in true.items() if amount}:
            raise Violation(
                "O4", f"entry {entry.entry_id} of {book_id} moves {moved}; the venue moved {true}"
            )

    def _order_stands_as_at_the_venue(self, order: Order) -> None:
        if order.venue != VENUE or not order.has_ended:
            return
        placed = self.sim.venue.ours(order.client_order_id)
        if placed is None:
            if order.status != "refused":
                raise Violation("O8", f"{order.client_order_id} is {order.status}; the venue never had it")
            return
        if order.status == "refused":
            raise Violation(
                "O8", f"{order.client_order_id} ended as refused; the venue has it: {placed.status}"
            )
        if placed.is_open:
            raise Violation("O8", f"{order.client_order_id} is {order.status}; at the venue it is open")
        if order.filled_base != placed.executed:
            words = (
                f"{order.client_order_id} ended with {order.filled_base}; the venue filled {placed.executed}"
            )
            raise Violation("O4", words)

    def _book_is_whole(self, book: Book) -> None:
        for (account, asset), amount in book.balances.items():
            if not account.startswith(OWNER_PREFIX):
                continue
            if amount > 0 and account != DUE:
                raise Violation("O3", f"{account} of {book.book_id} stands {amount} {asset} in debit")
            if account.startswith(HELD_PREFIX) and amount:
                order: Order = self.sim.store.state(order_stream(account.removeprefix(HELD_PREFIX)))
                if not order.exists or order.has_ended:
                    words = f"{book.book_id} holds {amount} {asset} for {account}, which is {order.status}"
                    raise Violation("O3", words)

    # -- at the venue's door -------------------------------------------------------------------------------

    def before_place(self, request: OrderRequest) -> None:
        """An order is about to be opened: it was intended, has its hold, and was never here before."""
        id = request.client_order_id
        order: Order = self.sim.store.state(order_stream(id))
        if not order.exists:
            raise Violation("O8", f"order {id} reaches the venue without an intent in the log")
        if id in self.sim.venue.placed:
            raise Violation("O8", f"order {id} reaches the venue a second time, after {self._was(id)}")
        if order.has_ended:
            raise Violation("O8", f"order {id} opens at the venue after it ended as {order.status}")
        if (order.venue, order.venue_account) != (VENUE, request.venue_account):
            raise Violation("O8", f"order {id} of {order.venue_account} is sent to {request.venue_account}")
        book: Book = self.sim.store.state(book_stream(order.book_id))
        if book.purse == PAPER:
            raise Violation("O8", f"paper order {id} reaches a real venue")
        if not any(account == f"{HELD_PREFIX}{id}" for account, _ in book.balances):
            raise Violation("O8", f"order {id} reaches the venue without a hold")

    def _was(self, id: str) -> str:
        placed = self.sim.venue.ours(id)
        return placed.status if placed is not None else ""

    # -- people --------------------------------------------------------------------------------------------

    def acknowledged(self, scope: str, command_id: str, answer: str) -> None:
        """A client got an answer: it gets no other one, ever."""
        before = self.acked.setdefault((scope, command_id), answer)
        if before != answer:
            raise Violation("O1", f"{command_id} was answered {before}, and then {answer}")

    def seal(self) -> None:
        """A checkpoint now: what was sealed stays what it was (O7)."""
        while self.seals.extend(1_000):
            pass
        size = self.seals.size()
        if not size or (self.roots and self.roots[-1][0] == size):
            return
        root = self.seals.root(size)
        if self.roots:
            old, was = self.roots[-1]
            verify_consistency(old, size, self.seals.consistency(old, size), was, root)
        self.roots.append((size, root))

    # -- at the end ----------------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        self._every_answer_is_in_the_log()
        self._books_sum_to_zero()
        self._custody_is_what_the_venue_has()
        self._every_fill_is_booked()
        self._folding_again_gives_the_same()
        self._the_tree_is_the_log()
        self._all_is_at_rest()

    def _every_answer_is_in_the_log(self) -> None:
        keys = self.sim.store.keys()
        for key in self.acked:
            if key not in keys:
                raise Violation("O1", f"{key} was answered and is not in the log")

    def _books(self) -> list[Book]:
        streams = sorted(name for name in self.sim.store.streams() if name.startswith("book:"))
        return [self.sim.store.state(name) for name in streams]

    def _books_sum_to_zero(self) -> None:
        for book in self._books():
            total: dict[str, Decimal] = {}
            for (_, asset), amount in book.balances.items():
                total[asset] = EXACT.add(total.get(asset, ZERO), amount)
            if any(total.values()):
                raise Violation("O3", f"{book.book_id} sums to {total}")

    def _custody_is_what_the_venue_has(self) -> None:
        """To the last unit: what our books have in custody, what others did on the account, and the truth."""
        custody: dict[tuple[str, str], Decimal] = {}
        for book in self._books():
            if book.purse == PAPER:
                continue
            for (account, asset), amount in book.balances.items():
                if account == book.custody:
                    key = (book.venue_account, asset)
                    custody[key] = EXACT.add(custody.get(key, ZERO), amount)
        for account in self.sim.accounts:
            for asset, balance in self.sim.venue.core.accounts[account].balances.items():
                ours = custody.get((account, asset), ZERO)
                foreign = self.sim.venue.foreign.get((account, asset), ZERO)
                true = EXACT.add(balance.free, balance.locked)
                if EXACT.add(ours, foreign) != true:
                    words = f"{account} has {true} {asset}; our books {ours}, others {foreign}"
                    raise Violation("O4", words)

    def _every_fill_is_booked(self) -> None:
        for key, (order, fill) in self.sim.venue.fills.items():
            if not order.client_order_id.startswith(OTHERS) and key not in self.booked:
                what = effect(order, fill, self.sim.venue.core)
                raise Violation("O4", f"trade {key} of {order.client_order_id} is not booked: {what}")

    def _folding_again_gives_the_same(self) -> None:
        """O5: states and rows as they were built up, and as the stored bytes give them anew."""
        log = StoredEventLog(self.sim.store, ENVELOPES)
        for stream, known in self.sim.store.states.items():
            fresh = empty_state(stream)
            for recorded in log.stream(stream):
                fresh = fresh.evolve(recorded.event)
            if fresh != known.state:
                raise Violation("O5", f"{stream} folds to another state")
        rebuilt = MemoryReadModels(log)
        rebuilt.catch_up()
        self.sim.views.catch_up()
        if _rows(self.sim.views) != _rows(rebuilt):
            raise Violation("O5", "the read models differ from a rebuild")

    def _the_tree_is_the_log(self) -> None:
        self.seal()
        size, root = self.roots[-1]
        if self.seals.recomputed_root(size) != root:
            raise Violation("O7", "the tree's root is not that of the stored events")
        for old, was in self.roots:
            verify_consistency(old, size, self.seals.consistency(old, size), was, root)

    def _all_is_at_rest(self) -> None:
        """O9: every order has ended or waits for a person; every account is open again, every bot hosted."""
        for stream in sorted(self.sim.store.streams()):
            if not stream.startswith("order:"):
                continue
            order: Order = self.sim.store.state(stream)
            if self._is_under_way(order):
                continue
            if not order.has_ended and not self._is_with_a_person(order) and not self._rests(order):
                words = f"{order.client_order_id} of {order.bot_id} is still {order.status}"
                raise Violation("O9", words)
        for words in self.sim.not_at_rest():
            raise Violation("O9", words)

    def _is_under_way(self, order: Order) -> bool:
        """Intended so late that its proof is still to come: healed worlds trade to their last second."""
        now, at = self.sim.scheduler.now(), order.intended_at_utc
        return order.status in (INTENDED, UNKNOWN) and at is not None and now - at < PROOF_TAKES

    def _is_with_a_person(self, order: Order) -> bool:
        """Nothing proves what became of it: a person was asked to look."""
        return order.needs_review or any(kind == NO_PROOF for kind, _ in order.flags)

    def _rests(self, order: Order) -> bool:
        """An order that the venue works on still is no loose end, as long as both say so."""
        if order.venue != VENUE:
            return order.status != INTENDED
        placed = self.sim.venue.ours(order.client_order_id)
        is_known = order.status in ("open", "partially_filled")
        return placed is not None and placed.is_open and is_known and not order.is_to_cancel


def _balances(entry: EntryPosted, stream: str) -> None:
    total: dict[str, Decimal] = {}
    for leg in entry.postings:
        total[leg.asset] = EXACT.add(total.get(leg.asset, ZERO), leg.amount)
    if any(total.values()):
        raise Violation("O3", f"entry {entry.entry_id} of {stream} sums to {total}")


def _rows(views: MemoryReadModels) -> dict[type, object]:
    """Row by row, of every kind that there is one of."""
    return {kind: rows for kind, rows in views._tables.items() if rows}
