"""What a real venue says of an account, as our books are held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from adapters.persistence.read_models import MemoryReadModels
from application.ports.exchange import AccountTrade
from application.venues.statements import AccountStatements
from domain.ledger.book import LIVE
from tests.application.harness import held_order
from tests.application.venues.real_venue import ACCOUNT, SYMBOL, RealVenue
from tests.builders import fill, usdt


@dataclass
class Trading(RealVenue):
    trades: list[AccountTrade] = field(default_factory=list)

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        return self.trades


@pytest.mark.parametrize("by_hand", ["", "web_1"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_a_match_with_an_order_placed_by_hand_does_not_hide_ours(by_hand: str, ours_first: bool) -> None:
    """The venue tells both sides of it under one trade id."""
    store = held_order(usdt("501"))
    match = fill("t-1", "0.01")
    ours = AccountTrade(fill=match, symbol=SYMBOL, side="buy", venue_order_id="7", client_order_id="o-1")
    theirs = AccountTrade(
        fill=match, symbol=SYMBOL, side="sell", venue_order_id="99", client_order_id=by_hand
    )
    venue = Trading(store.clock, trades=[ours, theirs] if ours_first else [theirs, ours])
    source = AccountStatements(venue, lambda: [ACCOUNT], MemoryReadModels(store.log), store.clock)

    told = source.statement(ACCOUNT, LIVE)

    assert told is not None
    assert told.lines is not None
    assert {line.key: line.client_order_id for line in told.lines} == {
        f"trade:{SYMBOL}:t-1": "o-1",
        f"trade:{SYMBOL}:t-1:99": by_hand,
    }
