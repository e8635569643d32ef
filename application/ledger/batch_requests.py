"""A batch as people and programs write it: JSON values, checked one by one, told by where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from application.ledger.post_batch import MOST_ENTRIES, MOST_LEGS, NewEntry, NewLeg
from application.queries.asset_codes import parse_paper_asset
from application.queries.entries import parse_account, parse_id
from application.queries.moments import parse_time
from domain.errors import InvalidValue
from domain.ledger.metadata import parse_metadata
from domain.money import negate, parse_positive_amount

T = TypeVar("T")
LONGEST_REASON = 500
_BATCH_ID = re.compile(r"[A-Za-z0-9._-]{1,80}")
_ENTRY = frozenset({"book_id", "reason", "postings", "reference", "effective_at", "metadata"})
_LEG = frozenset({"account", "asset", "amount"})


def parse_batch_id(raw: object, field: str = "batch_id") -> str:
    """1 to 80 letters, digits, '.', '_' or '-'; raises InvalidValue."""
    if not isinstance(raw, str) or not _BATCH_ID.fullmatch(raw):
        raise InvalidValue(field, f"{raw!r} is no id: write 1 to 80 letters, digits, '.', '_' or '-'")
    return raw


def parse_entries(raw: object) -> tuple[NewEntry, ...]:
    """The entries of a batch; raises InvalidValue, which names the place: entries[2].postings[0].amount."""
    entries = _sequence(raw, "entries", MOST_ENTRIES)
    return tuple(_entry(one, f"entries[{index}]") for index, one in enumerate(entries))


def parse_signed_amount(raw: object, field: str) -> Decimal:
    """An amount that is not zero, with a minus before a credit; raises InvalidValue."""
    if isinstance(raw, str) and raw.startswith("-"):
        return negate(parse_positive_amount(raw[1:], field))
    return parse_positive_amount(raw, field)


def _entry(raw: object, at: str) -> NewEntry:
    fields = _object(raw, at, _ENTRY, needed=("book_id", "reason", "postings"))
    postings = _sequence(fields["postings"], f"{at}.postings", MOST_LEGS)
    return NewEntry(
        book_id=_text(fields["book_id"], f"{at}.book_id", parse_id),
        reason=_text(fields["reason"], f"{at}.reason", parse_reason),
        legs=tuple(_leg(leg, f"{at}.postings[{index}]") for index, leg in enumerate(postings)),
        reference=_optional(fields, "reference", at, parse_id) or "",
        effective_at=_optional(fields, "effective_at", at, parse_time),
        metadata=parse_metadata(fields.get("metadata") or {}, f"{at}.metadata"),
    )


def _leg(raw: object, at: str) -> NewLeg:
    fields = _object(raw, at, _LEG, needed=("account", "asset", "amount"))
    asset = _text(fields["asset"], f"{at}.asset", lambda code, _: code)
    parse_paper_asset(asset, f"{at}.asset")  # a code of either kind of money; the book says which
    return NewLeg(
        account=_text(fields["account"], f"{at}.account", parse_account),
        asset=asset,
        amount=parse_signed_amount(fields["amount"], f"{at}.amount"),
    )


def parse_reason(raw: str, field: str = "reason") -> str:
    """Words; raises InvalidValue."""
    if not raw.strip() or len(raw) > LONGEST_REASON or not raw.isprintable():
        raise InvalidValue(field, f"say why, in 1 to {LONGEST_REASON} printable characters")
    return raw


def _object(raw: object, at: str, known: frozenset[str], *, needed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise InvalidValue(at, "must be an object")
    for name in raw:
        if name not in known:
            raise InvalidValue(f"{at}.{name}", f"is not known here; there are {', '.join(sorted(known))}")
    for name in needed:
        if name not in raw:
            raise InvalidValue(f"{at}.{name}", "is required")
    return raw


def _sequence(raw: object, at: str, most: int) -> Sequence[Any]:
    if not isinstance(raw, list | tuple):
        raise InvalidValue(at, "must be a list")
    if not 1 <= len(raw) <= most:
        raise InvalidValue(at, f"has {len(raw)}; 1 to {most} are taken at once")
    return raw


def _text(raw: object, at: str, parse: Callable[[str, str], T]) -> T:
    if not isinstance(raw, str):
        raise InvalidValue(at, "must be text")
    return parse(raw, at)


def _optional(fields: Mapping[str, Any], name: str, at: str, parse: Callable[[str, str], T]) -> T | None:
    raw = fields.get(name)
    return None if raw is None or raw == "" else _text(raw, f"{at}.{name}", parse)
