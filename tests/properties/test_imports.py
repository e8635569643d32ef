"""However a statement is cut, shuffled, repeated or overlapped: every row is in the books exactly once."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.application.harness import with_account
from tests.application.ledger.statements import OPENING, Importer, binance, row

PLENTY = OPENING + "".join(f"{coin},1000,2024-01-01T00:00:00Z\n" for coin in ("BTC", "ETH", "BNB"))
AMOUNTS = ("1", "0.1", "1E-8", "0.000000000000000001", "2.50")

singles = st.builds(
    lambda hour, coin, amount, out: row(
        f"1 {hour:02}:00", "Withdraw" if out else "Deposit", coin, f"-{amount}" if out else amount
    ),
    st.integers(0, 3),
    st.sampled_from(["BTC", "ETH"]),
    st.sampled_from(AMOUNTS),
    st.booleans(),
)
trades = st.builds(
    lambda hour, sold, bought, fee: (
        row(f"2 {hour:02}:00", "Buy", "BTC", f"-{sold}")
        + row(f"2 {hour:02}:00", "Buy", "ETH", bought)
        + row(f"2 {hour:02}:00", "Fee", "BNB", f"-{fee}")
    ),
    st.integers(0, 3),
    st.sampled_from(AMOUNTS),
    st.sampled_from(AMOUNTS),
    st.sampled_from(AMOUNTS),
)
entries = st.lists(singles | trades, max_size=12)
statements = entries.map(lambda parts: "".join(parts).splitlines(keepends=True))


def sums(rows: list[str]) -> dict[str, Decimal]:
    """By the cells alone."""
    found = dict.fromkeys(("BTC", "ETH", "BNB"), Decimal(1000))
    for cells in (line.split(",") for line in rows):
        found[cells[4]] += Decimal(cells[5])
    return found


def owned(importer: Importer) -> dict[str, Decimal]:
    return {coin: importer.book.owed("owner:available", coin).amount for coin in ("BTC", "ETH", "BNB")}


@given(statements)
def test_a_repeat_changes_nothing(rows: list[str]) -> None:
    """safety §3 #10: what makes a row itself is never random."""
    importer = Importer(with_account())
    first = importer(PLENTY, binance(*rows))
    head = importer.store.log.head()
    again = importer(PLENTY, binance(*rows))
    assert owned(importer) == sums(rows)
    assert importer.store.log.head() == head
    assert again["already_there"] == first["posted"] == len(rows) + 3


@given(statements.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_rows_means_nothing(both: tuple[list[str], list[str]]) -> None:
    rows, shuffled = both
    one, other = Importer(with_account()), Importer(with_account())
    one(PLENTY, binance(*rows))
    other(PLENTY, binance(*shuffled))
    assert one.balances() == other.balances()
    assert one(PLENTY, binance(*shuffled))["posted"] == 0


@given(st.lists(singles, max_size=16), st.data())
def test_overlapping_files_come_to_their_union(rows: list[str], data: st.DataObject) -> None:
    """Exports of periods: each holds all rows of the moments that it covers."""
    rows = sorted(rows)
    cut = sorted(data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=2)))
    hours = [int(line.split(" ")[1][:2]) for line in rows]
    early = [line for line, hour in zip(rows, hours, strict=True) if hour < cut[1]]
    late = [line for line, hour in zip(rows, hours, strict=True) if hour >= cut[0]]
    files = data.draw(st.permutations([early, late, early]))
    importer = Importer(with_account())
    for file in files:
        importer(PLENTY, binance(*file))
    assert owned(importer) == sums(rows)


@given(statements, st.integers(1, 5))
def test_a_dry_run_foretells_the_import(rows: list[str], seed: int) -> None:
    importer = Importer(with_account())
    content = binance(*rows, row(f"{seed + 2} 00:00", "Withdraw", "BTC", "-1001"))
    planned, _ = importer.plan(PLENTY, content)
    done = importer(PLENTY, content, partial=True)
    for report in (planned, done):
        report.pop("dry_run")
        for problem in report["problems"]:
            problem.pop("file")
    assert planned == done
