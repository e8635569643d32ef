"""Files of balances and lines: read in one way, or refused with the place."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.account_reports.report_file import COLUMNS, StatementRefused, read_statements
from application.ports.exchange import VenueOrderNotFound
from domain.reconciliation.statement import TRADE, TRANSFER, AccountLine, AccountStatement
from tests.builders import START, at

HEAD = ",".join(COLUMNS)
TRADE_LINE = AccountLine(
    kind=TRADE,
    line_id="t-1",
    symbol="BTC/USDT",
    client_order_id="ek0-1",
    moved={"BTC": Decimal("0.01"), "USDT": Decimal("-500.5")},
    at_utc=START,
)
DEPOSIT = AccountLine(kind=TRANSFER, line_id="d-1", moved={"USDT": Decimal(1000)}, at_utc=None)
STATEMENT = AccountStatement(
    venue_account="paper-1",
    balances={"USDT": Decimal("499.5"), "BTC": Decimal("0.01")},
    lines=[TRADE_LINE, DEPOSIT],
)


def csv_file(tmp_path: Path, *rows: str, head: str = HEAD) -> str:
    path = tmp_path / "statement.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return str(path)


def json_file(tmp_path: Path, value: Any) -> str:
    path = tmp_path / "statement.JSON"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_a_table_has_a_row_a_balance_and_a_row_a_line_and_asset(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "paper-1,balance,,,,,USDT.PAPER,499.5",
        "paper-1,balance,,,,,BTC,0.01",
        "paper-1,trade,t-1,BTC/USDT,ek0-1,2024-05-01T12:00:00Z,BTC,0.01",
        "paper-1,trade,t-1,BTC/USDT,ek0-1,2024-05-01T12:00:00Z,USDT,-500",
        "",
        "paper-1,trade,t-1,BTC/USDT,ek0-1,2024-05-01T12:00:00Z,USDT,-0.5",
        'paper-1,transfer,"d-1",,,,USDT,1000',
        "paper-2,balance,,,,,USDT,0",
    )
    read = read_statements(path)

    assert (read.name, list(read.accounts())) == ("statement.csv", ["paper-1", "paper-2"])
    assert read.statement("paper-1", "PAPER") == STATEMENT
    assert read.statement("paper-2", "LIVE") == AccountStatement(
        venue_account="paper-2", balances={"USDT": Decimal(0)}, lines=None
    )
    assert read.statement("paper-3", "PAPER") is None
    assert (read.is_complete, read.names_orders) == (False, False)
    with pytest.raises(VenueOrderNotFound):
        read.report("paper-1", "BTC/USDT", "ek0-1")


def test_json_says_the_same_and_its_period(tmp_path: Path) -> None:
    path = json_file(
        tmp_path,
        {
            "accounts": [
                {
                    "venue_account": "paper-1",
                    "balances": {"USDT": "499.5", "BTC": "0.01"},
                    "lines": [
                        {
                            "kind": "trade",
                            "id": "t-1",
                            "symbol": "BTC/USDT",
                            "client_order_id": "ek0-1",
                            "at": "2024-05-01T12:00:00Z",
                            "moved": {"BTC": "0.01", "USDT": "-500.5", "BNB": "0"},
                        },
                        {"kind": "transfer", "id": "d-1", "moved": {"USDT": "1000"}},
                    ],
                },
                {
                    "venue_account": "paper-2",
                    "from": "2024-05-01T12:00:00Z",
                    "until": "2024-05-01T12:01:00Z",
                    "lines": [],
                },
            ]
        },
    )
    read = read_statements(path, since=at(-5), until=at(5))

    first = read.of["paper-1"]
    assert (first.balances, first.lines) == (STATEMENT.balances, STATEMENT.lines)
    assert (first.since_utc, first.until_utc) == (at(-5), at(5))
    assert read.of["paper-2"] == AccountStatement(
        venue_account="paper-2", balances=None, lines=[], since_utc=at(0), until_utc=at(60)
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("paper-1,balance,,,,,usdt,1", "line 2: asset"),
        ("paper-1,balance,,,,,USDT,1e3", "line 2: amount"),
        ("paper-1,balance,,,,,USDT,--1", "line 2: amount"),
        ("paper-1,balance,,,,,USDT,", "line 2: amount"),
        ("paper-1,balance,x,,,,USDT,1", "line 2: id: a balance has none"),
        (",balance,,,,,USDT,1", "line 2: venue_account"),
        ("paper-1,gift,x,,,,USDT,1", "line 2: kind: 'gift' is not one of trade, transfer, balance"),
        ("paper-1,trade,x,,,,USDT,1", "line 2: symbol"),
        ("paper-1,trade,,BTC/USDT,,,USDT,1", "line 2: id"),
        ("paper-1,transfer,x,BTC/USDT,,,USDT,1", "line 2: symbol: a transfer has none"),
        ("paper-1,transfer,x,,,yesterday,USDT,1", "line 2: at"),
        ("paper-1,transfer,x,,,2024-05-01 12:00,USDT,1", "line 2: at"),
        ("paper-1,transfer,x", "line 2: has 3 cells, not 8"),
        ('paper-1,"transfer,x,,,,USDT,1', "is no CSV"),
    ],
)
def test_a_row_that_does_not_read_in_one_way_is_refused_with_its_place(
    tmp_path: Path, row: str, said: str
) -> None:
    with pytest.raises(StatementRefused, match=said):
        read_statements(csv_file(tmp_path, row))


def test_rows_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    balance = "paper-1,balance,,,,,USDT,1"
    with pytest.raises(StatementRefused, match="line 3: asset: USDT has a balance already"):
        read_statements(csv_file(tmp_path, balance, balance))
    one, other = "paper-1,transfer,x,,,,USDT,1", "paper-1,transfer,x,,,2024-05-01T12:00:00Z,BTC,1"
    with pytest.raises(StatementRefused, match="line 3: id: x stands in another row"):
        read_statements(csv_file(tmp_path, one, other))


@pytest.mark.parametrize("head", ["", "a,b", HEAD.upper()])
def test_other_columns_are_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(StatementRefused, match="the columns must be venue_account,kind,id"):
        read_statements(csv_file(tmp_path, head=head))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"accounts": [{"venue_account": "a", "venue_account": "b"}]}', "a name stands twice"),
        ([], "must be one object"),
        ({"accounts": {}}, "must be one object"),
        ({"accounts": []}, "has no account in it"),
        ({"accounts": [1]}, "account 1: must be an object"),
        ({"accounts": [{"venue_account": "a", "note": 1}]}, "'note' is not a field here"),
        ({"accounts": [{"venue_account": 7}]}, "account 1: venue_account"),
        ({"accounts": [{"venue_account": "a", "balances": {"USDT": 1.5}}]}, "account 1: balances"),
        ({"accounts": [{"venue_account": "a", "balances": ["USDT"]}]}, "account 1: balances"),
        ({"accounts": [{"venue_account": "a", "from": "soon"}]}, "account 1: from"),
        ({"accounts": [{"venue_account": "a", "lines": {}}]}, "account 1: lines must be a list"),
        ({"accounts": [{"venue_account": "a", "lines": [3]}]}, "account 1, line 1: must be an object"),
        ({"accounts": [{"venue_account": "a", "lines": [{"kind": "trade"}]}]}, "account 1, line 1"),
        ({"accounts": [{"venue_account": "a"}, {"venue_account": "a"}]}, "account 2: a stands there twice"),
    ],
)
def test_json_of_another_shape_is_refused_with_its_place(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(StatementRefused, match=said):
        read_statements(json_file(tmp_path, value))


def test_what_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StatementRefused, match="byte 0: is no UTF-8 text"):
        read_statements(str(tmp_path / "a.csv"))
    with pytest.raises(StatementRefused, match="No such file"):
        read_statements(str(tmp_path / "b.csv"))


def test_progress_is_told_of_long_files(tmp_path: Path) -> None:
    rows = [f"paper-1,transfer,d-{number},,,,USDT,1" for number in range(20_001)]
    told: list[tuple[int, int]] = []

    read_statements(csv_file(tmp_path, *rows), progress=lambda done, total: told.append((done, total)))

    assert told == [(10_000, 0), (20_000, 0)]
