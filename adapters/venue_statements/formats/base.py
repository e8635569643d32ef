"""What the formats have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from adapters.venue_statements.cells import Options, Unclear
from application.ports.venue_statements import CUSTODY, OUTSIDE, TRADED, Move, StatedRow
from domain.money import Money, text

Cells = Mapping[str, str]
FIAT = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "JPY", "KRW", "MXN"),
        *("NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR"),
    }
)
"""Currencies of states: whether one of them was paid from a wallet or from outside, a report may not say."""

WALLET, FROM_OUTSIDE = "wallet", "outside"
WHERE_FROM = "say with --fiat wallet or --fiat outside where purchases were paid from and sales paid out to"
UNKNOWN_KIND = "leave it out with --partial and book it by hand, or ask for the kind to be added"


@dataclass(frozen=True, slots=True)
class TableFormat:
    """One layout of a table: known by its columns."""

    name: str
    venue: str
    columns: frozenset[str]
    read: Callable[[int, Cells, Options], StatedRow]  # raises Unclear


def content(*parts: str | Decimal) -> str:
    """A row's parts as one text; equal amounts are equal however they were written."""
    return "\x1f".join(text(part) if isinstance(part, Decimal) else part.strip() for part in parts)


def place(name: str, field: str) -> str:
    """A part of the venue account as an account's name: "USD-MFutures" is "custody:usd-mfutures"."""
    slug = re.sub(r"\s+", "_", name.strip().lower())
    if not re.fullmatch(r"[a-z0-9_.&+-]{1,40}", slug):
        raise Unclear(field, name, "is no name of an account that we can keep")
    return f"{CUSTODY}:{slug}"


def signed(amount: Decimal, field: str, raw: str, *, wants: int, of: str) -> Decimal:
    """The amount, where its sign is what its kind wants."""
    if (amount > 0) != (wants > 0) or not amount:
        raise Unclear(field, raw, f"a {of} is {'above' if wants > 0 else 'below'} zero")
    return amount


def paid(money: Money, source: str) -> tuple[Move, ...]:
    """The price's side of a trade, signed as the account sees it: from its wallet, or from outside of it."""
    if source == WALLET:
        return (Move(money=money),)
    return (Move(money=-money, into=TRADED, out_of=OUTSIDE),)
