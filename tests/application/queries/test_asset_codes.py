"""Paper money never looks like money."""

from __future__ import annotations

import pytest

from application.queries.asset_codes import parse_paper_asset, parse_paper_money, shown_asset, shown_paper
from domain.errors import InvalidValue
from domain.ledger.book import CONNECTED, LIVE


def test_paper_assets_have_a_code_of_their_own_and_others_do_not() -> None:
    assert [shown_asset("USDT", purse) for purse in ("PAPER", LIVE, CONNECTED)] == [
        "USDT.PAPER",
        "USDT",
        "USDT",
    ]


@pytest.mark.parametrize("raw", ["USDT", "USDT.PAPER"])
def test_paper_routes_take_both(raw: str) -> None:
    assert parse_paper_asset(raw) == "USDT"
    assert shown_paper(str(parse_paper_money("1.50", raw))) == "1.5 USDT.PAPER"


@pytest.mark.parametrize("raw", ["", ".PAPER", "usdt", "USDT.LIVE", "USDT.PAPER.PAPER", None, 5])
def test_nothing_else_is_an_asset(raw: object) -> None:
    with pytest.raises(InvalidValue):
        parse_paper_asset(raw)
