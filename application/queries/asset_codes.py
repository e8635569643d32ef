"""Asset codes at the edges: paper money never looks like money."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from domain.bots.modes import PAPER as PAPER_MODE
from domain.errors import InvalidValue
from domain.ledger.book import LIVE, PAPER
from domain.money import Money, parse_asset, parse_positive_amount

PAPER_SUFFIX = ".PAPER"


def shown_asset(asset: str, purse: str = PAPER) -> str:
    """An asset's code as people see it: "USDT.PAPER" in a paper book, "USDT" elsewhere."""
    return asset + PAPER_SUFFIX if purse == PAPER else asset


def purse_of(mode: str) -> str:
    """Whose codes a bot's money has: paper money's in mode PAPER, money's in all others."""
    return PAPER if mode == PAPER_MODE else LIVE


def parse_asset_of(purse: str, raw: object, field: str = "asset") -> str:
    """As parse_paper_asset in a paper book; elsewhere paper money's own codes are refused."""
    if purse != PAPER and isinstance(raw, str) and raw.endswith(PAPER_SUFFIX):
        raise InvalidValue(
            field, f"{raw} is paper money, and this is not; write {raw.removesuffix(PAPER_SUFFIX)}"
        )
    return parse_paper_asset(raw, field) if purse == PAPER else parse_asset(raw, field)


def parse_paper_asset(raw: object, field: str = "asset") -> str:
    """ "USDT.PAPER" or "USDT", where only paper money is meant; raises InvalidValue."""
    return parse_asset(raw.removesuffix(PAPER_SUFFIX) if isinstance(raw, str) else raw, field)


def parse_paper_money(amount: object, asset: object) -> Money:
    """An amount above zero of a paper asset; raises InvalidValue."""
    return Money(parse_positive_amount(amount), parse_paper_asset(asset))


MONEY_IN_REFUSALS = {
    "insufficient_funds": ("required", "available"),
    "hold_conflict": ("held", "requested"),
    "order_too_small": ("notional", "least"),
    "paper_deposit_differs": ("made", "requested"),
    "transfer_unfinished": ("left_over",),
    "unbalanced_entry": ("left_over",),
}
"""Refusal code → which of its data are amounts of money; a test holds it complete."""


def shown_refusal(code: str, message: str, data: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A refusal as people see it: its words and data, with paper codes on all money of a paper book."""
    shown = dict(data)
    if data.get("purse", PAPER) != PAPER:
        return message, shown
    for name in MONEY_IN_REFUSALS.get(code, ()):
        if name in data:
            shown[name] = data[name] + PAPER_SUFFIX
            message = re.sub(rf"(?<![\d.]){re.escape(data[name])}(?!\w|\.PAPER)", shown[name], message)
    return message, shown


def shown_paper(amount: str) -> str:
    """ "100 USDT" of a command's answer, on paper money alone, as people see it: "100 USDT.PAPER"."""
    return amount + PAPER_SUFFIX


def shown_money(amount: str, purse: str) -> str:
    """ "100 USDT" of a command's answer, as people see it in that purse."""
    return shown_paper(amount) if purse == PAPER else amount


def shown_entries(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A command's answer with journal entries in it, as people see it: the legs' assets by the purse."""
    purse = answer["purse"]
    entries = [
        {
            **entry,
            "postings": [{**leg, "asset": shown_asset(leg["asset"], purse)} for leg in entry["postings"]],
        }
        for entry in answer["entries"]
    ]
    return {**answer, "entries": entries}
