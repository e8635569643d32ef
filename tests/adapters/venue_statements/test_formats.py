"""Every format's small sample: what each row comes to, and what nobody may guess."""

from __future__ import annotations

import gzip
import os
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.venue_statements.files import NAMES, open_statement
from adapters.venue_statements.sources import LONGEST_LINE
from application.ports.venue_statements import RowProblem, StatedRow, StatementUnreadable
from domain.errors import InvalidValue

SAMPLES = Path(__file__).parent / "samples"
BINANCE = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"


def said(name: str, **options: str) -> list[StatedRow | RowProblem]:
    return read(SAMPLES / name, **options)


def read(path: Path, **options: str) -> list[StatedRow | RowProblem]:
    with closing(open_statement(path=str(path), **options)) as statement:
        rows = list(statement.rows())
        assert len(rows) == len(statement)
    return rows


def told(rows: list[StatedRow | RowProblem]) -> list[str]:
    """kind, moves with where they went if not from the owner to custody, and the fee."""
    lines = []
    for row in rows:
        assert isinstance(row, StatedRow), row
        moves = ", ".join(
            f"{move.money}" + ("" if move.into == "custody" else f" in {move.into}")
            + ("" if move.out_of == "owner:available" else f" from {move.out_of}")
            for move in row.moves
        )  # fmt: skip
        lines.append(f"{row.row} {row.kind}: {moves}" + (f"; fee {row.fee}" if row.fee else ""))
    return lines


def problem(content: str, **options: str) -> RowProblem:
    (row,) = open_statement(text=content, **options).rows()
    assert isinstance(row, RowProblem), row
    return row


def test_every_format_has_a_sample_and_is_recognised() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(NAMES)
    for path in SAMPLES.iterdir():
        for named in (None, path.stem):
            with closing(open_statement(path=str(path), file_format=named)) as statement:
                assert statement.format == path.stem


def test_binance() -> None:
    assert told(said("binance.csv")) == [
        "2 deposit: 1000 USDT",
        "3 fee: -0.001 BNB; fee 0.001 BNB",
        "4 trade: -500.5 USDT",
        "5 trade: 0.01 BTC",
        "6 trade: 0.5 BNB",
        "7 fee: -0.00001 BTC; fee 0.00001 BTC",
        "8 reward: 0.25 USDT",
        "9 reward: 0.25 USDT",
        "10 transfer: -100 USDT from custody:earn",
        "11 transfer: -50 USDT from in_transit",
        "12 transfer: 50 USDT in custody:funding from in_transit",
        "13 withdrawal: -0.004 BTC",
    ]


def test_binance_trades_come_in_order_of_time() -> None:
    assert told(said("binance-trades.json")) == [
        "2 trade: 0.1 ETH, -0.005 BTC, -0.00001 BNB; fee 0.00001 BNB",
        "1 trade: -0.002 BTC, 120 USDT, -0.12 USDT; fee 0.12 USDT",
    ]


def test_coinbase() -> None:
    assert told(said("coinbase.csv", fiat="outside")) == [
        "10 trade: 0.01 BTC, 606 EUR in equity:traded from equity:outside; fee 6 EUR",
        "9 deposit: 2000 EUR",
        "8 trade: 0.5 ETH, -1503 EUR; fee 3 EUR",
        "7 reward: 0.0001 ETH",
        "6 trade: -0.1 ETH, 0.0049 BTC; fee 1 EUR",
        "5 withdrawal: -0.001 BTC",
    ]
    assert told(said("coinbase.csv", fiat="wallet"))[0] == "10 trade: 0.01 BTC, -606 EUR; fee 6 EUR"


def test_coinbase_does_not_say_who_paid() -> None:
    (unclear,) = [row for row in said("coinbase.csv") if isinstance(row, RowProblem)]
    assert (unclear.row, unclear.field, unclear.value) == (10, "Transaction Type", "Buy")
    assert "--fiat wallet or --fiat outside" in unclear.way_out


def test_coinbase_wallet() -> None:
    rows = said("coinbase-wallet.csv")
    assert told(rows) == [
        "5 trade: 0.003 BTC, 10 GBP in equity:traded from equity:outside; fee 0.99 GBP",
        "6 fee: 0.99 GBP in equity:traded from equity:outside",
        "7 trade: -0.001 BTC, 4.5 GBP; fee 0.1 GBP",
        "8 deposit: 0.0005 BTC",
    ]
    first = rows[0]
    assert isinstance(first, StatedRow)
    assert first.at.isoformat() == "2017-09-29T22:40:00+00:00"
    assert (first.group, first.reference) == ("transfer:t1", "t1")


def test_coinbase_pro() -> None:
    """safety §3 #15: a rebate is a fee below zero."""
    assert told(said("coinbase-pro.csv")) == [
        "2 deposit: 1 BTC",
        "3 trade: 20 ETH",
        "4 trade: -0.5 BTC",
        "5 fee: 0.0001 BTC; fee -0.0001 BTC",
        "6 deposit: 3 ETH in custody:savings",
    ]


def test_gemini() -> None:
    assert told(said("gemini.csv")) == [
        "2 deposit: 1000 USD",
        "3 trade: -489.45 USD, 0.03447186 BTC, -1.22 USD; fee 1.22 USD",
        "4 withdrawal: -0.03 BTC",
    ]


def test_bittytax() -> None:
    assert told(said("bittytax.csv")) == [
        "2 deposit: 1000 GBP in custody:kraken",
        "3 trade: 0.1 BTC in custody:kraken, -900 GBP in custody:kraken, -3 GBP in custody:kraken; fee 3 GBP",
        "4 withdrawal: -0.05 BTC in custody:kraken, -0.0001 BTC in custody:kraken; fee 0.0001 BTC",
        "5 deposit: 0.05 BTC in custody:desktop_wallet",
        "6 payment: -0.01 BTC in custody:desktop_wallet",
        "7 reward: 0.001 BTC in custody:desktop_wallet",
    ]


def test_opening_balances() -> None:
    assert told(said("opening.csv")) == [
        "2 opening: 250.5 USDT from equity:opening, 250.5 USDT in equity:opening",
        "3 opening: 1 BTC from equity:opening",
        "4 opening: 1 BTC in equity:opening",
    ]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("7,,Spot,Deposit,BTC,1,", "UTC_Time", "is empty"),
        ("7,2024-02-30 10:00:00,Spot,Deposit,BTC,1,", "UTC_Time", "no time that there is"),
        ("7,01-03-24 10:00,Spot,Deposit,BTC,1,", "UTC_Time", "no time that we know"),
        ("7,2024-03-01 10:00,Spot,Deposit,BTC,1,", "UTC_Time", "has no seconds"),
        ("7,3/1/24 10:00,Spot,Deposit,BTC,1,", "UTC_Time", "no time that we know"),
        ("7,2024-03-01 10:00:00 BST,Spot,Deposit,BTC,1,", "UTC_Time", "a zone that is not known, BST"),
        ("7,2024-03-01 10:00:00.1234567,Spot,Deposit,BTC,1,", "UTC_Time", "a zone that is not known"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,,1,", "Coin", "is empty"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,btc,1,", "Coin", "no asset code"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,,", "Change", "is empty"),
        ('7,2024-03-01 10:00:00,Spot,Deposit,BTC,"1,5",', "Change", "no number"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,NaN,", "Change", "no number"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,１,", "Change", "no number"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,1E-19,", "Change", "more than 18 digits"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,1E+999,", "Change", "more than 18 digits"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,-1,", "Change", "a deposit is above zero"),
        ("7,2024-03-01 10:00:00,Spot,Withdraw,BTC,1,", "Change", "a withdrawal is below zero"),
        ("7,2024-03-01 10:00:00,Spot,ABC,BTC,1,", "Operation", "no operation that we know"),
        ("7,2024-03-01 10:00:00,Sp/ot,Deposit,BTC,1,", "Account", "no name of an account"),
        ("7,2024-03-01 10:00:00,Spot,Deposit,BTC,1,,,more", "row", "more cells than the header's 7"),
    ],
)
def test_what_is_wrong_is_named_by_field_and_never_guessed(row: str, field: str, words: str) -> None:
    """safety §3 #17, #18."""
    found = problem(BINANCE + row + "\n")
    assert (found.row, found.field) == (2, field)
    assert words in found.problem
    assert found.way_out


COINBASE = (
    "Timestamp,Transaction Type,Asset,Quantity Transacted,Spot Price Currency,Spot Price at Transaction,"
    "Subtotal,Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n2023-04-20T04:05:40Z,"
)


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("Unknown,ETH,1,EUR,1,1,1,0,", "Transaction Type", "no type that we know"),
        ("Receive,ETH,-1,EUR,1,,,,", "Quantity Transacted", "contradicts that it is a Receive"),
        ("Send,ETH,0,EUR,1,,,,", "Quantity Transacted", "contradicts that it is a Send"),
        ("Convert,ETH,1,EUR,1,1,1,0,into something", "Notes", "do not say what was received"),
        ("Convert,ETH,1,EUR,1,1,1,0,Converted 2 ETH to 3 BTC", "Notes", "tell another amount"),
        ("Convert,ETH,1,EUR,1,1,1,0,Converted 1 ETH to 0 BTC", "Notes", "nothing was received"),
        ("Buy,EUR,10,EUR,1,10,10,0,Bought 10 EUR for 10 EUR", "Asset", "for itself"),
        ("Buy,ETH,1,EUR,1,1,1,0,Bought 2 ETH for 1 EUR", "Notes", "tell another amount"),
        ("Buy,ETH,1,EUR,1,1,1,0,Bought 1 ETH for 2 EUR", "Notes", "tell another price"),
        ("Buy,ETH,1,EUR,1,1,1,0,a gift", "Notes", "are not understood"),
        ("Buy,ETH,1,EUR,1,1,0,0,", "Total (inclusive of fees and/or spread)", "has a price"),
        ("Buy,ETH,1,EUR,1,1,$1,0,", "Total (inclusive of fees and/or spread)", "another currency than EUR"),
        ("Buy,ETH,1,EUR,1,1,£1,0,", "Total (inclusive of fees and/or spread)", "another currency than EUR"),
    ],
)
def test_coinbase_rows_that_contradict_themselves(row: str, field: str, words: str) -> None:
    found = problem(COINBASE + row + "\n", fiat="outside")
    assert (found.field, words in found.problem) == (field, True), found


def test_times_without_a_zone_are_refused_until_somebody_says_it() -> None:
    header = "asset,amount,timestamp\n"
    found = problem(header + "BTC,1,2024-01-01 12:00:00\n")
    assert (found.field, found.problem) == ("timestamp", "has no zone")
    assert "--zone" in found.way_out
    (row,) = open_statement(text=header + "BTC,1,2024-01-01 12:00:00\n", zone="+02:00").rows()
    assert isinstance(row, StatedRow)
    assert row.at.isoformat() == "2024-01-01T10:00:00+00:00"
    for zone in ("CET", "+25:00", "2", ""):
        with pytest.raises(InvalidValue, match="zone"):
            open_statement(text=header, zone=zone)


def test_american_dates_are_of_one_format_and_need_a_zone() -> None:
    sample = (SAMPLES / "coinbase-wallet.csv").read_text().splitlines(keepends=True)[:4]
    row = "5/19/07 1:12,0.5,0.5,BTC,,x,,,,,,,,,c9\n"
    assert problem("".join(sample) + row).problem == "has no zone"
    (dated,) = open_statement(text="".join(sample) + row, zone="UTC").rows()
    assert isinstance(dated, StatedRow)
    assert dated.at.isoformat() == "2007-05-19T01:12:00+00:00"
    assert problem("".join(sample) + row.replace("5/19", "19/5"), zone="UTC").field == "Timestamp"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ('"symbol": "ABCDEF"', "symbol"),
        ('"side": "HOLD"', "side"),
        ('"isBuyer": false', "isBuyer"),
        ('"quantity": 0', "quantity"),
        ('"quantity": "1"', "quantity"),
        ('"fee": null', "fee"),
        ('"fee": 1e-30', "fee"),
    ],
)
def test_a_trade_that_is_none(change: str, field: str) -> None:
    trade = (
        '{"id": 10, "symbol": "ETHBTC", "side": "BUY", "isBuyer": true, "quantity": 1, "quoteQuantity": 1,'
        f' "fee": 0, "feeCurrency": "BNB", "tradedAt": "2024-03-01T10:00:00Z", {change}}}'
    )
    assert problem(f"[{trade}]").field == field


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is the header"),
        (b"a,b\n1,2\n", "is the header"),
        (b"\x1f\x8bnothing", "the archive is damaged"),
        (BINANCE.encode() + b"7,\xff\n", "line 2 is not UTF-8"),
        (BINANCE.encode() + b'7,"open\n', "is not CSV"),
        (BINANCE.encode() + b"7," + b"x" * LONGEST_LINE, "is longer than"),
        (b"[1]", "is no list of trades"),
        (b"[{]", "is not JSON"),
        (b"User_ID,UTC_Time,Account,Operation,Coin,Change,Change\n", "stands twice"),
    ],
)
def test_a_file_that_is_no_statement(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(StatementUnreadable) as refused:
        open_statement(path=str(path))
    assert words in str(refused.value)


def test_a_pipe_is_not_read_half() -> None:
    """What is read twice, and by offset, has to be a file."""
    reader, writer = os.pipe()
    os.close(writer)
    with pytest.raises(StatementUnreadable, match="is a pipe"):
        open_statement(path=f"/dev/fd/{reader}")
    os.close(reader)


def test_a_header_without_end_is_no_work_for_every_row() -> None:
    """A quarter of a MiB over HTTP was minutes of work: rows times columns."""
    with pytest.raises(StatementUnreadable, match="more than 1,000 columns"):
        open_statement(text=BINANCE.rstrip() + "," * 1_000 + "\n1\n")


def test_a_format_is_not_believed_against_the_header() -> None:
    with pytest.raises(InvalidValue, match="has the columns of binance"):
        open_statement(path=str(SAMPLES / "binance.csv"), file_format="gemini")
    with pytest.raises(InvalidValue, match="is not one of"):
        open_statement(path=str(SAMPLES / "binance.csv"), file_format="kraken")
    with pytest.raises(InvalidValue, match="is JSON"):
        open_statement(path=str(SAMPLES / "binance-trades.json"), file_format="binance")
    with pytest.raises(InvalidValue, match="is no JSON"):
        open_statement(path=str(SAMPLES / "binance.csv"), file_format="binance-trades")
    with pytest.raises(InvalidValue, match="neither wallet nor outside"):
        open_statement(path=str(SAMPLES / "coinbase.csv"), fiat="card")


def test_packed_files_and_what_spreadsheets_do_to_them_read_the_same(tmp_path: Path) -> None:
    plain = (SAMPLES / "binance.csv").read_bytes()
    wanted = told(said("binance.csv"))
    for number, content in enumerate(
        (gzip.compress(plain), b"\xef\xbb\xbf" + plain, plain.replace(b"\n", b"\r\n"))
    ):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content)
        assert told(read(path)) == wanted


def test_rows_come_oldest_first_and_keep_the_file_s_order_within_a_moment() -> None:
    rows = (SAMPLES / "binance.csv").read_text().splitlines()[1:]
    turned = open_statement(text=BINANCE + "\n".join(reversed(rows)) + "\n")
    ordered = [row for row in turned.rows() if isinstance(row, StatedRow)]
    assert [row.at for row in ordered] == sorted(row.at for row in ordered)
    assert [row.row for row in ordered[1:6]] == [8, 9, 10, 11, 12]
    assert [row.row for row in turned.rows()] == [row.row for row in ordered]


def test_cells_that_span_lines_are_counted_by_their_first() -> None:
    content = (
        BINANCE
        + '7,2024-03-02 10:00:00,Spot,Deposit,BTC,1,"two\nlines"\n7,2024-03-01 10:00:00,Spot,ABC,BTC,1,\n'
    )
    first, second = open_statement(text=content).rows()
    assert (first.row, second.row) == (4, 2)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes((SAMPLES / "binance.csv").read_bytes())
    with closing(open_statement(path=str(path))) as statement:
        with path.open("a") as more:
            more.write("7,2024-03-05 10:00:00,Spot,Deposit,BTC,1,\n")
        with pytest.raises(StatementUnreadable, match="it changed"):
            list(statement.rows())


def contents(text: str, **options: str) -> set[str]:
    rows = list(open_statement(text=text, **options).rows())
    return {row.content for row in rows if isinstance(row, StatedRow)}


def test_what_a_row_is_depends_on_no_option() -> None:
    """Else the same file, imported with another one, would be posted twice."""
    opening = "asset,amount,timestamp\nBTC,1,2024-01-01 12:00:00\n"
    assert contents(opening, zone="UTC") == contents(opening, zone="+02:00") != set()
    coinbase = (SAMPLES / "coinbase.csv").read_text()
    assert contents(coinbase, fiat="wallet") == contents(coinbase, fiat="outside")
    assert contents(coinbase.replace("€", "\ufffd"), fiat="wallet") == contents(coinbase, fiat="wallet")
    bittytax = (SAMPLES / "bittytax.csv").read_text().replace(" UTC", "")
    assert contents(bittytax, zone="UTC") == contents(bittytax, zone="-05:00") != set()


def test_how_a_row_was_saved_does_not_change_what_it_is() -> None:
    saved = [
        "7,2024-03-01 10:00:00,Spot,Deposit,BTC,0.10,",
        "7,2024-03-01 10:00:00, Spot, Deposit ,BTC,1E-1,note",
    ]
    contents = set()
    for row in saved:
        (same,) = open_statement(text=BINANCE + row + "\n").rows()
        assert isinstance(same, StatedRow)
        assert (same.moves[0].money.amount, same.moves[0].into) == (Decimal("0.1"), "custody")
        contents.add(same.content)
    assert len(contents) == 1


TRADE = (
    '[{"id": 10, "symbol": "ETHBTC", "side": "BUY", "quantity": 1, "quoteQuantity": 1, "fee": 0,'
    ' "feeCurrency": "BNB", "tradedAt": "2024-03-01T10:00:00Z"}]'
)


def test_an_id_that_became_a_fraction_is_the_same_id() -> None:
    ids = set()
    for id in ("10", '"10"', "10.0", "1e1"):
        (row,) = open_statement(text=TRADE.replace('"id": 10', f'"id": {id}')).rows()
        assert isinstance(row, StatedRow)
        ids.add((row.venue_id, row.reference, row.content))
    assert len(ids) == 1


LONGEST = "123456789012345678.123456789012345678"


@pytest.mark.parametrize(
    ("content", "signs"),
    [
        (TRADE.replace('uantity": 1', f'uantity": {LONGEST}'), ["", "-"]),
        (TRADE.replace('uantity": 1', f'uantity": {LONGEST}').replace("BUY", "SELL"), ["-", ""]),
        (COINBASE + f"Sell,ETH,{LONGEST},EUR,1,1,-€{LONGEST},0,\n", ["-", ""]),
    ],
)
def test_no_digit_of_an_amount_is_rounded(content: str, signs: list[str]) -> None:
    """safety §3 #17: Python's own arithmetic, a minus included, keeps 28."""
    (row,) = open_statement(text=content, fiat="wallet").rows()
    assert isinstance(row, StatedRow)
    assert [str(move.money.amount) for move in row.moves] == [sign + LONGEST for sign in signs]
