"""Totals: the same wherever they are folded from."""

from __future__ import annotations

from adapters.persistence.read_models import MemoryReadModels
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.queries.moments import Moment
from application.queries.totals import totals_of
from tests.application.harness import with_paper_account
from tests.builders import usdt


def test_an_asset_of_which_all_is_gone_is_in_no_totals_wherever_they_are_folded_from() -> None:
    store = with_paper_account(usdt("100"))
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", "opening:USDT"), "a mistake"))

    kept = totals_of(store.log, MemoryReadModels(store.log))
    afresh = totals_of(store.log, MemoryReadModels(), Moment(store.log.head()))

    assert (kept.totals, afresh.totals) == ([], [])
