"""What an operator may post by hand, and what not: accounts that follow something else, and customers' money
that would come from nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from domain.ledger.errors import AdjustmentNotAllowed
from domain.ledger.postings import (
    AVAILABLE,
    CUSTODY_PREFIX,
    DUE,
    EQUITY_ADJUSTMENT,
    IN_TRANSIT_PREFIX,
    OWNER_PREFIX,
    SUSPENSE,
    Posting,
)

ADJUSTMENT = "adjustment"
_BY_KIND = re.compile(r"(revenue|expense):[a-z_]{1,40}")
_TRANSFER = re.compile(r"in_transit:[\x21-\x7e]{1,80}")
_SINGLE = frozenset({AVAILABLE, DUE, EQUITY_ADJUSTMENT, SUSPENSE})
_WHICH = (
    f"{AVAILABLE}, {DUE}, the book's own custody, revenue:…, expense:…, {EQUITY_ADJUSTMENT}, {SUSPENSE} "
    "and in_transit:…"
)


def require_allowed(postings: Sequence[Posting], *, custody: str) -> None:
    """Raises AdjustmentNotAllowed; `custody` is the book's own.

    - What is set apart for a bot or held follows the bot, the order or the hold.
    - In no asset do an owner's account and custody stand in one entry: a customer's money comes and goes by
      deposits, withdrawals and fills. What was found at a venue goes to suspense first, and from there to
      its owner by an entry of its own, so that nobody is credited with one stroke.
    """
    for leg in postings:
        if not _is_open(leg.account, custody):
            raise AdjustmentNotAllowed(account=leg.account, problem=f"only these are adjusted: {_WHICH}")
    owners = {leg.asset for leg in postings if leg.account.startswith(OWNER_PREFIX)}
    for leg in postings:
        if leg.account.startswith(CUSTODY_PREFIX) and leg.asset in owners:
            raise AdjustmentNotAllowed(
                account=leg.account,
                problem=f"an owner's {leg.asset} and custody never stand in one entry; take it through "
                f"{SUSPENSE}, in two",
            )


def may_be_paid(account: str, *, custody: str) -> bool:
    """Whether a hold may be settled to that account: what leaves, what we earn, what is not yet explained."""
    return account in (custody, SUSPENSE) or _BY_KIND.fullmatch(account) is not None


def transfer_of(account: str) -> str | None:
    """The transfer that an account in transit is of."""
    return account.removeprefix(IN_TRANSIT_PREFIX) if account.startswith(IN_TRANSIT_PREFIX) else None


def _is_open(account: str, custody: str) -> bool:
    if account in _SINGLE or account == custody:
        return True
    return bool(_BY_KIND.fullmatch(account) or _TRANSFER.fullmatch(account))
