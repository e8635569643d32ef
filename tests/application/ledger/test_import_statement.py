"""Statements become entries: once, whole or not at all, and every difference is explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import count

import pytest

from adapters.venue_statements.files import open_statement
from application.ledger.connected_book import BookNotConnected, OpenConnectedBook
from application.ledger.import_report import Target
from application.ledger.import_statement import ImportStatement, PostStatement, target_of
from application.ledger.reverse_entry import ReverseEntry
from application.ledger.stated_entries import StatedEntry
from application.ports.commands import Refused
from application.queries.asset_codes import shown_refusal
from application.queries.books import UnknownBook
from domain.accounts.errors import UnknownAccount
from domain.errors import InvalidValue
from domain.ledger.book import CONNECTED, Book
from domain.ledger.errors import InsufficientFunds
from domain.ledger.events import BookEvent, EntryPosted
from domain.ledger.postings import moved
from tests.application.harness import Store, with_account, with_paper_account
from tests.application.ledger.statements import OPENING, Importer, binance, counts, row
from tests.builders import START, caller, usdt

DEPOSIT = row("1 10:00", "Deposit", "USDT", "1000")
TRADE = (
    row("1 11:00", "Fee", "BNB", "-0.001"),
    row("1 11:00", "Buy", "USDT", "-500.5"),
    row("1 11:00", "Buy", "BTC", "0.01"),
    row("1 11:00", "Fee", "BTC", "-1E-05"),
)
BNB = OPENING + "BNB,1,2024-01-01T00:00:00Z\n"


@pytest.fixture
def importer() -> Importer:
    return Importer(with_account())


def entries_of(importer: Importer) -> list[EntryPosted]:
    return [event for event in importer.store.events() if isinstance(event, EntryPosted)]


def test_a_statement_is_posted_in_a_book_that_mirrors_the_venue_account(importer: Importer) -> None:
    report = importer(BNB, binance(DEPOSIT, *TRADE))

    assert counts(report) == (6, 0, 0, 0)
    assert (importer.book.purse, importer.book.venue_account) == (CONNECTED, "binance")
    assert importer.balances() == {
        ("custody:binance", "BNB"): "0.999",
        ("custody:binance", "BTC"): "0.00999",
        ("custody:binance", "USDT"): "499.5",
        ("owner:available", "BNB"): "-0.999",
        ("owner:available", "BTC"): "-0.00999",
        ("owner:available", "USDT"): "-499.5",
    }
    opening, deposit, trade, fee = entries_of(importer)
    assert [leg.account for leg in opening.postings] == [
        "custody:binance", "equity:opening", "equity:opening", "owner:available",
    ]  # fmt: skip
    assert (deposit.kind, deposit.effective_at_utc.isoformat()) == ("deposit", "2024-03-01T10:00:00+00:00")
    assert (trade.kind, len(trade.postings), str(trade.venue_fee)) == ("trade", 6, "0.001 BNB")
    assert (fee.kind, str(fee.venue_fee)) == ("fee", "0.00001 BTC")


def test_totals_are_told_and_every_difference_is_explained(importer: Importer) -> None:
    report = importer(BNB, binance(DEPOSIT, *TRADE))
    bnb, btc, money = report["totals"]
    assert bnb["explained"] == {"opening": "1", "trade": "-0.001"}
    assert (btc["before"], btc["after"], btc["difference"]) == ("0", "0.00999", "0.00999")
    assert btc["explained"] == {"fee": "-0.00001", "trade": "0.01"}
    assert money["explained"] == {"deposit": "1000", "trade": "-500.5"}
    assert {one["unexplained"] for one in report["totals"]} == {"0"}


def test_the_same_again_posts_nothing(importer: Importer) -> None:
    """safety §3 #10, #23."""
    importer(BNB, binance(DEPOSIT, *TRADE))
    head = importer.store.log.head()
    assert counts(importer(BNB, binance(DEPOSIT, *TRADE))) == (0, 6, 0, 0)
    assert importer.store.log.head() == head


def test_overlapping_files_post_what_is_new(importer: Importer) -> None:
    importer(BNB, binance(DEPOSIT, *TRADE))
    later = row("2 10:00", "Withdraw", "BTC", "-0.005")
    assert counts(importer(binance(*TRADE, later))) == (1, 4, 0, 0)
    assert importer.has("BTC") == "0.00499 BTC"


def test_a_trade_that_a_file_cut_in_two_is_completed_by_the_next(importer: Importer) -> None:
    """Row by row: what was posted of a moment stays, what is new of it is an entry of its own."""
    second = (row("1 11:00", "Buy", "USDT", "-100"), row("1 11:00", "Buy", "BTC", "0.002"))
    importer(BNB, binance(DEPOSIT, *TRADE))
    assert counts(importer(binance(*TRADE, *second))) == (2, 4, 0, 0)
    assert (importer.has("USDT"), importer.has("BTC")) == ("399.5 USDT", "0.01199 BTC")


def test_equal_rows_are_as_many_facts_as_there_are(importer: Importer) -> None:
    reward = row("2 00:00", "Staking Rewards", "BNB", "0.1")
    assert counts(importer(binance(reward, reward))) == (2, 0, 0, 0)
    assert counts(importer(binance(reward, reward, reward))) == (1, 2, 0, 0)
    assert importer.has("BNB") == "0.3 BNB"


def test_a_dry_run_says_exactly_what_an_import_does(importer: Importer) -> None:
    head = importer.store.log.head()
    planned, entries = importer.plan(BNB, binance(DEPOSIT, *TRADE))
    assert importer.store.log.head() == head
    done = importer(BNB, binance(DEPOSIT, *TRADE))
    assert (planned.pop("dry_run"), done.pop("dry_run"), planned == done) == (True, False, True)
    assert [(one.entry_id, one.postings, one.venue_fee) for one in entries] == [
        (one.entry_id, one.postings, one.venue_fee) for one in entries_of(importer)
    ]


def test_one_row_that_is_not_understood_keeps_all_of_them_out(importer: Importer) -> None:
    head = importer.store.log.head()
    report = importer(binance(DEPOSIT, row("1 12:00", "ABC", "ETH", "-15")))
    assert importer.store.log.head() == head
    assert (report["refused"], report["posted"], report["not_understood"]) == (True, 0, 1)
    (problem,) = report["problems"]
    assert (problem["file"], problem["row"], problem["field"]) == ("file 0", 3, "Operation")
    assert "--partial" in problem["way_out"]
    assert report["totals"] == []


def test_the_others_are_posted_where_that_is_asked_for(importer: Importer) -> None:
    report = importer(binance(DEPOSIT, row("1 12:00", "ABC", "ETH", "-15")), partial=True)
    assert counts(report) == (1, 0, 0, 1)
    assert importer.has("USDT") == "1000 USDT"


def test_what_the_book_does_not_have_is_asked_for_as_an_opening_balance(importer: Importer) -> None:
    content = binance(
        DEPOSIT, row("1 12:00", "Withdraw", "BTC", "-2"), row("2 12:00", "Withdraw", "BTC", "-1.5"),
        row("3 12:00", "Deposit", "BTC", "9"), row("4 12:00", "Withdraw", "USDT", "-1000"),
    )  # fmt: skip
    report = importer(content)
    assert (report["refused"], report["opening_needed"]) == (True, {"BTC": "3.5"})
    assert [one["row"] for one in report["problems"]] == [3, 4]
    assert "takes 2 BTC where the book has 0 BTC" in report["problems"][0]["problem"]
    less = importer(OPENING + "BTC,3.499,2024-02-01T00:00:00Z\n", content)
    assert (less["refused"], less["opening_needed"]) == (True, {"BTC": "0.001"})
    assert counts(importer(OPENING + "BTC,3.5,2024-02-01T00:00:00Z\n", content)) == (6, 0, 0, 0)
    assert importer.has("BTC") == "9 BTC"


def test_within_one_moment_the_order_of_rows_means_nothing(importer: Importer) -> None:
    out, into = row("1 10:00", "Withdraw", "USDT", "-1000"), DEPOSIT
    assert counts(importer(binance(out, into))) == (2, 0, 0, 0)


def test_a_long_chain_within_one_moment_is_little_work_in_either_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each row spends what another one brings: in the wrong order a quarter of a MiB was minutes of work."""
    columns = "Type,Buy Quantity,Buy Asset,Sell Quantity,Sell Asset,Fee Quantity,Fee Asset,Wallet,Timestamp\n"
    chain = [f"Trade,1,A{n + 1},1,A{n},,,w,2024-03-01T10:00:00Z\n" for n in range(200)]
    first = OPENING + "A0,1,2024-01-01T00:00:00Z\n"
    tried = count()
    post = StatedEntry.post

    def counted(entry: StatedEntry, book: Book) -> Sequence[BookEvent]:
        next(tried)
        return post(entry, book)

    monkeypatch.setattr(StatedEntry, "post", counted)
    for rows in (chain, chain[::-1]):
        report, _ = Importer(with_account(), "records").plan(first, columns + "".join(rows))
        assert counts(report) == (201, 0, 0, 0)
    assert next(tried) < 1_000
    shuffled = [row for pair in zip(chain[100:], chain[:100], strict=True) for row in pair][::-1]
    report, _ = Importer(with_account(), "records").plan(first, columns + "".join(shuffled))
    assert report["posted"] + report["not_understood"] == 201
    assert next(tried) < 1_000 + 32 * 201


def test_one_side_of_a_trade_is_not_a_trade(importer: Importer) -> None:
    report = importer(binance(row("1 11:00", "Buy", "BTC", "0.01"), row("1 11:00", "Fee", "BTC", "-0.001")))
    assert [one["row"] for one in report["problems"]] == [2, 3]
    assert "whose other side is not in the file" in report["problems"][0]["problem"]
    assert report["problems"][1]["way_out"] == "see row 2"


def test_money_within_the_venue_account_stays_the_owner_s(importer: Importer) -> None:
    name = "Transfer Between Main and Funding Wallet"
    report = importer(
        binance(
            DEPOSIT,
            row("2 10:00", "Simple Earn Flexible Subscription", "USDT", "-100"),
            row("2 11:00", name, "USDT", "-50"),
            row("2 11:00", name, "USDT", "50", account="Funding"),
            row("2 12:00", name, "USDT", "-5"),
        )
    )
    assert counts(report) == (5, 0, 0, 0)
    assert importer.balances() == {
        ("custody:binance", "USDT"): "845",
        ("custody:binance:earn", "USDT"): "1E+2",
        ("custody:binance:funding", "USDT"): "5E+1",
        ("in_transit:binance", "USDT"): "5",  # the other side of it is not in the file
        ("owner:available", "USDT"): "-1E+3",
    }


def test_rows_that_cancel_each_other_out_are_counted_as_such(importer: Importer) -> None:
    name = "Transfer Between Main and Funding Wallet"
    rows = (row("2 11:00", name, "USDT", "-50"), row("2 11:00", name, "USDT", "50"))
    assert counts(importer(binance(DEPOSIT, *rows))) == (1, 0, 2, 0)


COINBASE = (
    "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Subtotal,"
    "Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n"
)


def received(id: str, amount: str, hour: int = 10) -> str:
    return f"{id},2024-03-01 {hour}:00:00 UTC,Receive,BTC,{amount},EUR,,,,\n"


def test_a_row_with_an_id_is_known_by_it() -> None:
    importer = Importer(with_account(), "coinbase")
    assert counts(importer(COINBASE + received("a", "1") + received("b", "1"))) == (2, 0, 0, 0)
    assert counts(importer(COINBASE + received("a", "1.0") + received("c", "1"))) == (1, 1, 0, 0)
    assert counts(importer(COINBASE + received("d", "1") + received("d", "1"))) == (1, 1, 0, 0)


def test_an_id_twice_among_rows_that_are_one_entry_is_one_row() -> None:
    importer = Importer(with_account(), "coinbase")
    row = "z,2024-03-01 10:00:00 UTC,Retail Staking Transfer,BTC,1,EUR,,,,\n"
    assert counts(importer(COINBASE + row + row)) == (1, 1, 0, 0)
    assert importer.has("BTC") == "1 BTC"


@pytest.mark.parametrize("hour", [10, 11])
def test_an_id_with_other_content_is_a_contradiction_not_a_repeat(hour: int) -> None:
    importer = Importer(with_account(), "coinbase")
    report = importer(COINBASE + received("a", "1") + received("a", "2", hour))
    (problem,) = report["problems"]
    assert (problem["row"], problem["field"], problem["value"]) == (3, "id", "a")
    importer(COINBASE + received("a", "1"))
    again = importer(COINBASE + received("a", "2", hour), partial=True)
    assert (counts(again), again["problems"][0]["field"]) == ((0, 0, 0, 1), "id")


PRO = "Portfolio,Type,Timestamp,Amount,Amount/balance unit,Transfer id,Trade id,Order id\n"
GEMINI = (
    "Date,Time (UTC),Type,Symbol,Specification,Liquidity Indicator,USD Amount USD,BTC Amount BTC,Trade ID\n"
)


def deposited(amount: str, transfer: str = "t1") -> str:
    return f"default,deposit,2024-03-01T10:00:00Z,{amount},BTC,{transfer},,\n"


@pytest.mark.parametrize(
    ("content", "row", "other"),
    [
        (PRO, deposited("2"), deposited("3")),
        (
            "asset,amount,timestamp\nUSD,9,2024-01-01T00:00:00Z\n",
            "BTC,2,2024-01-02T00:00:00Z\n",
            "BTC,3,2024-01-02T00:00:00Z\n",
        ),
        (
            GEMINI,
            "2024-03-01,10:00:00,Buy,BTCUSD,Limit,Maker,($1),2 BTC,77\n",
            "2024-03-01,10:00:00,Buy,BTCUSD,Limit,Maker,($1),3 BTC,77\n",
        ),
    ],
)
def test_what_can_be_there_once_is_not_doubled_by_files_put_together(
    content: str, row: str, other: str
) -> None:
    """safety §3 #10: two exports pasted into one, and a figure that was changed between two imports."""
    importer = Importer(with_account(), "real")
    dollars = OPENING + "USD,9,2023-01-01T00:00:00Z\n"
    report = importer(dollars, content + row + row, partial=True)
    assert (report["already_there"], report["not_understood"]) == (1, 0)
    assert importer.has("BTC") == "2 BTC"
    again = importer(dollars, content + other, partial=True)
    assert (again["posted"], [one["field"] for one in again["problems"]]) == (0, ["id"])
    assert importer.has("BTC") == "2 BTC"


@pytest.mark.parametrize("reference", ["a\0b", "a\x1b[2Jb", "x" * 201])
def test_what_no_database_or_terminal_should_meet_stays_out_of_the_log(reference: str) -> None:
    """One NUL in an entry would stop the read models on PostgreSQL for everybody, for ever."""
    importer = Importer(with_account(), "coinbase-pro")
    report = importer(PRO + deposited("1", reference) + deposited("2"), partial=True)
    assert (counts(report), importer.has("BTC")) == ((1, 0, 0, 1), "2 BTC")
    assert (report["problems"][0]["row"], report["problems"][0]["field"]) == (2, "reference")
    assert "printable" in report["problems"][0]["problem"]


def test_rows_that_cannot_be_one_entry_are_reported_not_raised() -> None:
    columns = (
        "Timestamp,Balance,Amount,Currency,To,Notes,Transfer Total,Transfer Total Currency,Transfer Fee,"
        "Transfer Fee Currency,Transfer Payment Method,Transfer ID\n"
    )
    rows = [f"2024-03-01 10:00:00 UTC,1,1,BTC,,,10,{fiat},1,{fiat},Visa,t1\n" for fiat in ("GBP", "USD")]
    report = Importer(with_account(), "coinbase")(columns + "".join(rows))
    assert (report["refused"], [one["row"] for one in report["problems"]]) == (True, [2, 3])


def test_what_lies_in_the_future_is_refused(importer: Importer) -> None:
    report = importer(binance("7,2999-01-01 00:00:00,Spot,Deposit,BTC,1,\n"))
    (problem,) = report["problems"]
    assert (problem["field"], "in the future" in problem["problem"]) == ("time", True)


def test_a_reversed_entry_stays_imported(importer: Importer) -> None:
    importer(binance(DEPOSIT))
    (posted,) = entries_of(importer)
    importer.store.do(ReverseEntry(importer.target.book_id, posted, "not ours"))
    assert counts(importer(binance(DEPOSIT))) == (0, 1, 0, 0)
    assert importer.has("USDT") == "0 USDT"


def test_long_files_are_committed_part_by_part_and_go_on_where_they_stopped(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.ledger.import_statement.BATCH_ROWS", 10)
    rows = [row(f"{1 + n // 24} {n % 24:02}:00", "Deposit", "USDT", "1") for n in range(95)]
    seen: list[int] = []

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 95
        seen.append(done)
        if done >= 40:
            raise Stop

    store = importer.store
    importing = ImportStatement(store.log, store.bus, store.clock)
    with pytest.raises(Stop):
        importing.post(
            [open_statement(text=binance(*rows))],
            importer.target,
            lambda step: caller(f"stopped:{step}", None),
            partial=False,
            progress=stop,
        )
    assert seen == [10, 20, 30, 40]
    assert importer.has("USDT") == "40 USDT"
    assert counts(importer(binance(*rows))) == (55, 40, 0, 0)
    assert importer.has("USDT") == "95 USDT"


def test_two_imports_at_once_post_each_row_once(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one commits between this one's look and its own commit."""
    other = Importer(importer.store)
    claimed, looks = importer.store.log.claimed, count(1)

    def look(natural_keys: Iterable[str]) -> AbstractSet[str]:
        found = claimed(natural_keys)
        if next(looks) == 2:
            other(binance(DEPOSIT))
        return found

    monkeypatch.setattr(importer.store.log, "claimed", look)
    report = importer(binance(DEPOSIT, row("2 10:00", "Deposit", "USDT", "1")))
    assert counts(report) == (1, 1, 0, 0)
    assert importer.has("USDT") == "1001 USDT"
    (total,) = report["totals"]
    assert (total["explained"], total["unexplained"]) == ({"deposit": "1"}, "1000")


def refused(store: Store, target: Target) -> str:
    with pytest.raises(Refused) as refusal:
        store.do(PostStatement(target, ()))
    return refusal.value.code


def test_refusals_in_their_order() -> None:
    store = with_paper_account(usdt("1"), book_id="paper-1")
    book = target_of(store.log, "acc-1", venue_account="kraken")
    store.do(OpenConnectedBook("acc-1", "kraken"))
    assert store.do(OpenConnectedBook("acc-1", "kraken"))["book_id"] == book.book_id
    assert refused(store, Target(book.book_id, "acc-9", "kraken")) == UnknownAccount.code
    assert refused(store, Target("paper-1", "acc-1", "paper-1")) == BookNotConnected.code
    with_account("acc-2", store=store)
    assert refused(store, Target(book.book_id, "acc-2", "kraken")) == UnknownBook.code
    with pytest.raises(UnknownBook):
        target_of(store.log, "acc-2", book_id=book.book_id)
    with pytest.raises(UnknownBook):
        target_of(store.log, "acc-1", book_id="nope")
    with pytest.raises(InvalidValue, match="venue_account"):
        target_of(store.log, "acc-1", venue_account="Kraken Inc.")
    importer = Importer(store)
    importer.target = Target("paper-1", "acc-1", "paper-1")
    with pytest.raises(BookNotConnected):
        importer.plan(binance(DEPOSIT))
    importer.target = Target(book.book_id, "acc-2", "kraken")
    with pytest.raises(UnknownBook):
        importer.plan(binance(DEPOSIT))


def test_a_shortage_in_a_connected_book_is_told_in_its_own_money(importer: Importer) -> None:
    importer(binance(DEPOSIT))
    legs = moved(usdt("2000"), "owner:available", "custody:binance")
    with pytest.raises(InsufficientFunds) as short:
        importer.book.post(entry_id="x", kind="withdrawal", postings=legs, at=START)
    shown = shown_refusal(short.value.code, str(short.value), short.value.data)
    assert shown == (
        "required 2000 USDT, available 1000 USDT",
        {"required": "2000 USDT", "available": "1000 USDT", "purse": "CONNECTED"},
    )
