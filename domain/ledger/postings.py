"""Postings and the names of the accounts they go to. Debit is positive, credit is negative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.money import ZERO, Money, add, negate

AVAILABLE = "owner:available"
DUE = "owner:due"
OWNER_PREFIX = "owner:"
HELD_PREFIX = "owner:held:"
BOT_PREFIX = "owner:bot:"
CUSTODY_PREFIX = "custody:"
IN_TRANSIT_PREFIX = "in_transit:"
EQUITY_ADJUSTMENT = "equity:adjustment"
SUSPENSE = "suspense"


def bot_account(bot_id: str) -> str:
    """What is allocated to one bot."""
    return BOT_PREFIX + bot_id


def held_account(hold_id: str) -> str:
    """What is set aside for one open order, or by a hold of its own."""
    return HELD_PREFIX + hold_id


def custody_account(venue_account: str) -> str:
    """What one venue account holds for us."""
    return CUSTODY_PREFIX + venue_account


def in_transit_account(transfer_id: str) -> str:
    """What has left one book and is not in another yet, of one transfer."""
    return IN_TRANSIT_PREFIX + transfer_id


def revenue_account(kind: str) -> str:
    """What the platform earned, by kind of fee."""
    return f"revenue:{kind}"


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of a journal entry; never zero."""

    account: str
    asset: str
    amount: Decimal


Balances = Mapping[tuple[str, str], Decimal]
"""Ledger amounts by (account, asset); an account at zero is absent."""


def moved(amount: Money, source: str, target: str) -> tuple[Posting, Posting]:
    """The two legs that take an owed amount from one account to another (both in credit)."""
    return (
        Posting(source, amount.asset, amount.amount),
        Posting(target, amount.asset, negate(amount.amount)),
    )


def negated(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The same legs the other way round."""
    return tuple(Posting(leg.account, leg.asset, negate(leg.amount)) for leg in postings)


def added(balances: Balances, postings: Iterable[Posting]) -> dict[tuple[str, str], Decimal]:
    """The balances after an entry; accounts that reach zero are dropped."""
    after = dict(balances)
    for posting in postings:
        key = (posting.account, posting.asset)
        amount = add(after.get(key, ZERO), posting.amount)
        if amount:
            after[key] = amount
        else:
            after.pop(key, None)
    return after


def imbalance(postings: Sequence[Posting]) -> dict[str, Decimal]:
    """What an entry's legs leave over per asset; empty when it balances."""
    sums: dict[str, Decimal] = {}
    for posting in postings:
        sums[posting.asset] = add(sums.get(posting.asset, ZERO), posting.amount)
    return {asset: amount for asset, amount in sums.items() if amount}
