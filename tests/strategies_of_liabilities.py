"""Owners and what they are owed, made up by Hypothesis; salts that anybody can work out."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from hypothesis import strategies as st

ASSETS = ("BTC", "ETH", "USDT")
AMOUNTS = st.integers(0, 10**30).map(lambda units: Decimal(f"{units}e-18"))  # to the smallest unit


def salt_of(owner_id: str) -> bytes:
    return hashlib.sha256(owner_id.encode()).digest()


def owed_to_owners() -> st.SearchStrategy[dict[str, dict[str, Decimal]]]:
    """By owner, by asset; zeros and owners without anything among them."""
    owners = st.integers(0, 10**6).map(lambda number: f"acc-{number}")
    return st.dictionaries(owners, st.dictionaries(st.sampled_from(ASSETS), AMOUNTS), max_size=20)
