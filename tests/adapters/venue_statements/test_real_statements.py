"""Real exports, imported whole: what the books come to is what a sum over the raw cells comes to."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from application.ports.clock import ManualClock
from domain.ledger.events import EntryPosted
from domain.money import text
from tests.application.harness import Store, with_account
from tests.application.ledger.statements import OPENING, Importer, counts
from tests.shared_data import shared

Sums = dict[str, Decimal]
EARLY = "2000-01-01T00:00:00Z"


def raw_rows(path: Path, header: str) -> Iterator[dict[str, str]]:
    """By the standard library alone: the rows after the line that begins with the header's first cell."""
    with path.open(newline="") as file:
        for line in file:
            if line.startswith(header):
                yield from csv.DictReader(file, fieldnames=next(csv.reader([line])))


def summed(changes: Iterator[tuple[str, str | Decimal]]) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for asset, change in changes:
        sums[asset] += Decimal(change)
    return {asset: amount for asset, amount in sums.items() if amount}


def fees_of(importer: Importer) -> Sums:
    posted = (event for event in importer.store.events() if isinstance(event, EntryPosted))
    return summed((one.venue_fee.asset, one.venue_fee.amount) for one in posted if one.venue_fee)


def imported_whole(path: Path, *, left_out: int = 0, **options: str) -> tuple[Importer, Sums, Sums]:
    """With the opening balances that the report asks for: the importer, what they are, what is there then."""
    importer = real()
    content = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    planned, _ = importer.plan(content, **options)
    needed: dict[str, str] = planned["opening_needed"]
    opening = OPENING + "".join(f"{asset},{amount},{EARLY}\n" for asset, amount in needed.items())
    texts = (opening, content) if needed else (content,)
    report = importer(*texts, partial=bool(left_out), **options)
    assert (report["not_understood"], report["opening_needed"]) == (left_out, {}), report["problems"]
    assert {one["unexplained"] for one in report["totals"]} == {"0"}
    head = importer.store.log.head()
    assert counts(importer(*texts, partial=bool(left_out), **options))[0] == 0
    assert importer.store.log.head() == head
    opened = {asset: Decimal(amount) for asset, amount in needed.items()}
    there = {one["asset"]: Decimal(one["after"]) for one in report["totals"] if one["after"] != "0"}
    return importer, opened, there


def real(venue_account: str = "real") -> Importer:
    """Of somebody whose clock is later than every statement's last row."""
    return Importer(with_account(store=Store(ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))), venue_account)


def plus(left: Sums, right: Sums) -> Sums:
    return summed(iter([*left.items(), *right.items()]))


def test_binance_account_statement() -> None:
    path = shared("statements/binance_account_statement.csv")
    within = re.compile(r"savings (purchase|redemption)|Subscription|Redemption|Purchase$|^Transfer")
    wrong = {("", "Withdraw"), ("2020-10-28 22:21:44", "Deposit"), ("2020-12-01 20:06:45", "ABC")}

    _, opened, there = imported_whole(path, left_out=3)

    rows = list(raw_rows(path, "User_ID"))
    counted = [
        (row["Coin"], row["Change"])
        for row in rows
        if (row["UTC_Time"], row["Operation"]) not in wrong and not within.search(row["Operation"])
    ]
    assert len(rows) == 230
    assert there == plus(opened, summed(iter(counted)))


def test_binance_trades() -> None:
    path = shared("statements/binance_BTCUSDT_my_trades_2019-10_2020-02.json.gz")
    trades: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)

    importer, opened, there = imported_whole(path)

    sides = {"BUY": (1, -1), "SELL": (-1, 1)}
    base = ((("BTC"), sides[one["side"]][0] * Decimal(one["quantity"])) for one in trades)
    quote = ((("USDT"), sides[one["side"]][1] * Decimal(one["quoteQuantity"])) for one in trades)
    fees = summed((one["feeCurrency"], Decimal(one["fee"])) for one in trades)
    moved = plus(summed(base), summed(quote))
    assert there == plus(plus(opened, moved), {asset: -fee for asset, fee in fees.items()})
    assert fees_of(importer) == fees
    assert len([event for event in importer.store.events() if getattr(event, "kind", "") == "trade"]) == 867


def test_coinbase_pro_comes_to_the_balances_that_it_states() -> None:
    path = shared("statements/coinbasepro_account_statement.csv")
    importer, opened, there = imported_whole(path)
    rows = list(raw_rows(path, "Portfolio"))
    assert opened == {}
    assert there == {row["Amount/balance unit"]: Decimal(row["Balance"]) for row in rows}
    fees = [row for row in rows if row["Type"] == "fee"]
    assert fees_of(importer) == summed(
        (row["Amount/balance unit"], row["Amount"].lstrip("-")) for row in fees
    )


@pytest.mark.parametrize(
    ("name", "rows", "zone", "fiat"),
    [
        ("coinbase_btc_wallet_2013_format.csv", 28, "UTC", "outside"),
        ("coinbase_report_2017_gbp.csv", 6, "UTC", "wallet"),
    ],
)
def test_coinbase_wallets_come_to_the_balance_that_they_state(
    name: str, rows: int, zone: str, fiat: str
) -> None:
    path = shared(f"statements/{name}")
    importer, opened, there = imported_whole(path, zone=zone, fiat=fiat)
    raw = list(raw_rows(path, "Timestamp"))
    (last,) = [row["Balance"] for row in raw if row["Balance"]][-1:]
    assert (len(raw), opened, there) == (rows, {}, {"BTC": Decimal(last)})
    assert fees_of(importer) == summed(
        (row["Transfer Fee Currency"], row["Transfer Fee"]) for row in raw if row["Transfer Fee"]
    )
    assert importer.book.balances["equity:outside", raw[0]["Transfer Total Currency"]] < 0


def test_gemini() -> None:
    path = shared("statements/gemini_transaction_history.csv")
    importer, opened, there = imported_whole(path)

    def changes() -> Iterator[tuple[str, Decimal]]:
        for row in raw_rows(path, "Date"):
            for name, cell in row.items():
                digits = re.sub(r"[^0-9.]", "", cell)
                if digits and (" Amount " in name or name.startswith("Fee")):
                    yield name.split()[-1], Decimal(digits) * (-1 if "(" in cell else 1)

    assert there == plus(opened, summed(changes()))
    assert fees_of(importer) == {"USD": Decimal("4.05")}


def test_bittytax_records() -> None:
    path = shared("statements/bittytax_example_records.csv")
    importer, opened, there = imported_whole(path, zone="UTC")

    def changes() -> Iterator[tuple[str, Decimal]]:
        for row in raw_rows(path, "Type"):
            for side, sign in (("Buy", 1), ("Sell", -1), ("Fee", -1)):
                if row[f"{side} Quantity"]:
                    yield row[f"{side} Asset"], sign * Decimal(row[f"{side} Quantity"])

    assert (opened, there) == ({}, summed(changes()))
    wallets = {account for account, _ in importer.book.balances if account.startswith("custody:")}
    assert wallets == {"custody:real:desktop_wallet", "custody:real:poloniex"}


def test_coinbase_2025_says_one_thing_twice_under_one_id() -> None:
    path = shared("statements/coinbase_export_2025_format.csv")
    importer, opened, there = imported_whole(path, left_out=1, fiat="outside")
    assert {asset: text(amount) for asset, amount in opened.items()} == {
        "BTC": "0.00196346",
        "ETH": "0.17305191",
        "ETH2": "0.007862899326",
    }
    assert {asset: text(amount) for asset, amount in there.items()} == {
        "ETH": "0.180975297238",
        "XRP": "156.145683",
    }
    (problem,) = importer(path.read_text(), fiat="outside")["problems"]
    assert (problem["row"], problem["field"], problem["value"]) == (9, "id", "623d6507925c200001fcbXXX")


SINGLE: dict[str, tuple[str, str] | None] = {
    "BuyOrders/single_advance_trade_buy.csv": None,  # its notes tell another trade
    "BuyOrders/single_buy.csv": ("ETH", "0.00213232"),
    "BuyOrders/single_buy_alt.csv": ("ETH", "0.00213232"),
    "BuyOrders/single_convert.csv": ("USDC", "1.629352"),
    "CashTransactions/single_deposit.csv": ("EUR", "10"),
    "CashTransactions/single_withdrawal.csv": ("EUR", "0"),
    "Invalid/invalid_type.csv": None,
    "Receive/single_receive.csv": ("ETH", "0.00000001"),
    "SellOrders/single_sell.csv": ("USDC", "0"),
    "Send/single_send.csv": ("BTC", "0"),
    "Specials/retail_eth2_deprecation.csv": ("ETH", "0.000001113544"),
    "Specials/retail_staking_transfer.csv": ("ATOM", "0"),
    "Specials/retail_unstake_transfer.csv": ("ETH", "0.00000061"),
    "Specials/single_buyfiatfromfiat_bugCoinbase.csv": None,
    "Specials/single_learningreward.csv": ("GRT", "6.40204865"),
    "Specials/single_learningreward_2025.csv": ("ZETACHAIN", "2.8530670470756063"),
    "Specials/single_stakereward.csv": ("ETH2", "0.00002103"),
    "Specials/single_stakereward_2025.csv": ("USDC", "0.002727"),
    "Specials/single_stakereward_alt.csv": ("ETH2", "0.00002103"),
    "Specials/single_stakereward_alt_2025.csv": ("ATOM", "0.001588522705"),
}
"""What is there in the end, opened with what a row needs; None: not understood, and rightly so."""


def test_coinbase_row_by_row() -> None:
    cases: dict[str, str] = json.loads(shared("statements/coinbase_single_row_cases.json").read_text())
    assert set(cases) == set(SINGLE)
    for name, content in cases.items():
        importer, expected = real("coinbase"), SINGLE[name]
        needed = importer.plan(content, fiat="outside")[0]["opening_needed"]
        opening = OPENING + "".join(f"{asset},{amount},{EARLY}\n" for asset, amount in needed.items())
        report = importer(*([opening] if needed else []), content, fiat="outside")
        assert report["not_understood"] == (expected is None), (name, report["problems"])
        if expected is not None:
            assert importer.has(expected[0]) == f"{expected[1]} {expected[0]}", name
