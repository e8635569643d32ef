"""What is owed to each owner at a position of the log: folded from its events, which are what is sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from application.ports.event_log import EventLog, Position
from domain.ledger.book import LIVE
from domain.ledger.events import BookOpened, EntryPosted
from domain.ledger.postings import DUE, IN_TRANSIT_PREFIX, OWNER_PREFIX, Posting
from domain.liabilities.sum_tree import ImpossibleSum, Sums
from domain.money import ZERO, add, subtract

_NAMES = ("ledger.book_opened", "ledger.entry_posted")


@dataclass(frozen=True, slots=True)
class Liabilities:
    """Of pooled LIVE books: PAPER is no money, and what is CONNECTED stands in the owners' own accounts."""

    owed: Mapping[str, Sums]
    """By owner: available, allocated to bots, held, and what they sent that is not settled yet. Whoever has a
    book is there, if at zero."""
    due: Sums
    """What owners owe us, together. Taken off nobody's share: it is no smaller for it."""


def liabilities_at(log: EventLog, until: Position) -> Liabilities:
    """Raises AmountOutOfRange; ImpossibleSum where an owner is overdrawn, or owner:due stands in credit."""
    owed: dict[str, dict[str, Decimal]] = {}
    due: dict[str, Decimal] = {}
    in_transit: dict[tuple[str, str], dict[str, Decimal]] = {}
    for owner_id, leg in _live_postings(log, until, owed):
        if leg.account == DUE:
            due[leg.asset] = add(due.get(leg.asset, ZERO), leg.amount)
            continue
        sums, key = owed[owner_id], leg.asset
        if leg.account.startswith(IN_TRANSIT_PREFIX):
            sums, key = in_transit.setdefault((leg.account, leg.asset), {}), owner_id
        sums[key] = subtract(sums.get(key, ZERO), leg.amount)
    for (_, asset), sent in in_transit.items():
        _count_for_senders(owed, asset, sent)
    for owner_id, sums in [*owed.items(), (DUE, due)]:
        for asset, amount in sums.items():
            if amount < ZERO:
                raise ImpossibleSum(whose=owner_id, asset=asset, amount=amount)
    return Liabilities({owner_id: _without_zero(sums) for owner_id, sums in owed.items()}, _without_zero(due))


def _count_for_senders(owed: dict[str, dict[str, Decimal]], asset: str, sent: Mapping[str, Decimal]) -> None:
    """What is on its way, over all books, is owed to who sent it until it is settled: it stands on no
    account of an owner's, and would be owed to nobody."""
    left = ZERO
    for amount in sent.values():
        left = add(left, amount)
    for owner_id, amount in sent.items():
        share = min(amount, left)
        if share > ZERO:
            owed[owner_id][asset] = add(owed[owner_id].get(asset, ZERO), share)
            left = subtract(left, share)


def _live_postings(
    log: EventLog, until: Position, owners: dict[str, dict[str, Decimal]]
) -> Iterator[tuple[str, Posting]]:
    """The legs that count, each with its owner; whoever has a LIVE book gets a place among `owners`."""
    live: dict[str, str] = {}
    for recorded in log.read(until=until, names=_NAMES):
        match recorded.event:
            case BookOpened(purse=purse, owner_id=owner_id) if purse == LIVE:
                live[recorded.stream] = owner_id
                owners.setdefault(owner_id, {})
            case EntryPosted(postings=postings) if recorded.stream in live:
                for leg in postings:
                    if leg.account.startswith((OWNER_PREFIX, IN_TRANSIT_PREFIX)):
                        yield live[recorded.stream], leg


def _without_zero(sums: Mapping[str, Decimal]) -> Sums:
    return {asset: amount for asset, amount in sums.items() if amount}
