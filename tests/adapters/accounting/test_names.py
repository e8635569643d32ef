"""Every name becomes one that hledger and beancount accept, and is found again in it."""

from __future__ import annotations

import re

import pytest
from beancount.core.account import is_valid
from hypothesis import given
from hypothesis import strategies as st

from adapters.accounting.names import (
    Chart,
    asset_of,
    commodity_of,
    name_of,
    part_of,
    text_of,
    value_of,
)
from application.queries.asset_codes import shown_asset

PART = re.compile(r"[A-Z0-9][A-Za-z0-9-]*")
COMMODITY = re.compile(r"[A-Z]([A-Z0-9._-]*[A-Z0-9])?")
CODES = st.from_regex(re.compile(r"[A-Z0-9]{1,16}", re.ASCII), fullmatch=True)
TRICKY = st.text(alphabet=st.sampled_from("-_u0e9aBé: X."), max_size=12)
NAMES = TRICKY | st.text(max_size=300)


@given(NAMES)
def test_a_name_is_legal_as_a_part_and_found_again(name: str) -> None:
    part = part_of(name)
    assert PART.fullmatch(part)
    assert is_valid(f"Assets:{part}")
    assert name_of(part) == name


@given(
    CODES | NAMES | st.sampled_from(["TRUE", "FALSE", "NULL", "", ".", "X-1"]),
    st.sampled_from(["PAPER", "LIVE"]),
)
def test_an_asset_is_legal_as_a_commodity_and_found_again(asset: str, purse: str) -> None:
    shown = shown_asset(asset, purse)
    commodity = commodity_of(shown)
    assert COMMODITY.fullmatch(commodity)
    assert commodity not in ("TRUE", "FALSE", "NULL")
    assert asset_of(commodity) == shown


@given(CODES)
def test_a_code_stays_readable_and_within_twenty_four_letters(asset: str) -> None:
    commodity = commodity_of(shown_asset(asset))
    assert asset in commodity
    assert len(commodity) <= 24


@given(NAMES)
def test_any_text_is_a_tag_and_found_again(text: str) -> None:
    value = value_of(text)
    assert not set(value) & set(',;[]"\\\n\r\t ')
    assert value.isascii()
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bot-1", "Bot-1"),
        ("trading_fee", "Trading--fee"),
        ("5f0c", "5f0c"),
        ("Bot-1", "0-Bot-1"),
        ("my books", "My-u20-books"),
        ("", "0-"),
    ],
)
def test_usual_names_stay_readable(name: str, part: str) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("owner:available", "Liabilities:Paper:B1:Available"),
        ("owner:bot:bot-1", "Liabilities:Paper:B1:Bot:Bot-1"),
        ("owner:held:o-1", "Liabilities:Paper:B1:Held"),
        ("owner:due", "Assets:Due:Paper:B1"),
        ("owner:saved", "Liabilities:Paper:B1:Other:Saved"),
        ("custody:paper-b1", "Assets:Custody:Paper-b1"),
        ("revenue:trading_fee", "Income:Trading--fee"),
        ("expense:network", "Expenses:Network"),
        ("equity:opening", "Equity:Opening"),
        ("in_transit:t-1", "Assets:InTransit"),
        ("suspense", "Assets:Suspense"),
        ("rounding", "Assets:Rounding"),
        ("petty:cash", "Equity:Other:Petty-u3a-cash"),
    ],
)
def test_the_chart_of_accounts(account: str, name: str) -> None:
    assert Chart().account("PAPER", "b1", account).name == name


def test_holds_share_an_account_and_are_told_apart_by_their_tag() -> None:
    chart = Chart()
    for hold in ("o-1", "o-2"):
        mapped = chart.account("PAPER", "b1", f"owner:held:{hold}")
        assert (mapped.tag, mapped.value) == ("hold", hold)
    assert list(chart.mapping()) == [
        ("Liabilities:Paper:B1:Held", {"purse": "PAPER", "book": "b1", "account": "owner:held:*"})
    ]


ACCOUNTS = st.tuples(
    st.sampled_from(["PAPER", "LIVE", "CONNECTED"]),
    st.sampled_from(["b", "B", "b-", "bot", "held"]) | TRICKY,
    st.sampled_from(["owner:available", "owner:due", "suspense", "rounding"])
    | st.builds(
        str.__add__,
        st.sampled_from(["owner:bot:", "owner:", "custody:", "revenue:", "equity:", "expense:", ""]),
        TRICKY,
    ),
)


@given(st.lists(ACCOUNTS, unique=True))
def test_no_two_accounts_become_one(accounts: list[tuple[str, str, str]]) -> None:
    chart = Chart()
    for one in accounts:
        chart.account(*one)
    names = [name for name, _ in chart.mapping()]
    assert len(names) == len(set(names))
    assert all(is_valid(name) for name in names)
