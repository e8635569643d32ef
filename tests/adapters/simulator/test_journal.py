"""The journal of the simulated exchange: replayed exactly, or refused with the line that is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator.core import commands as c
from adapters.simulator.core.codec import COMMANDS, command_of, to_json
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.journal import JournalUnusable
from adapters.simulator.simulator import Options, opened
from domain.errors import InvalidValue
from tests.adapters.simulator.given import d, new_order
from tests.simulators import ANN

ORDER = c.PlaceOrder(account="ann", order=new_order("BUY", "0.10", "50000", client_order_id="mine"))
SAMPLES: list[c.Command] = [
    c.ListSymbol(symbol=replace(USUAL["BTCUSDT"][0], max_orders=7), price=d("60000")),
    c.OpenAccount(account="ann"),
    c.SetTerms(account="ann", maker_fee_rate=d("-0.0001"), fee_asset="BNB", can_trade=False),
    c.IssueKey(account="ann", key="k", secret="s", can_withdraw=True),
    c.RevokeKey(key="k"),
    c.MoveMoney(account="ann", asset="BTC", amount=d("-0.00000001"), transfer_id="x", network="BTC"),
    ORDER,
    c.PlaceOco(account="ann", above=ORDER.order, below=ORDER.order, list_client_id="pair"),
    c.CancelOrder(account="ann", symbol="BTCUSDT", order_id=3, only_status="NEW"),
    c.CancelOpenOrders(account="ann", symbol="BTCUSDT"),
    c.CancelList(account="ann", symbol="BTCUSDT", order_list_id=1),
    c.ReplaceOrder(
        cancel=c.CancelOrder(account="ann", symbol="BTCUSDT", client_order_id="a"),
        order=ORDER.order,
        even_if_not_canceled=True,
    ),
    c.MoveMarket(
        symbol="BTCUSDT", price=d("1"), half_spread=d("0.1"), gap=d("0.1"), levels=2, quantity=d("3"),
        takes=(c.Take(side="BUY", quantity=d("0.5")),),
    ),
    c.LoadCandles(
        symbol="BTCUSDT",
        minutes=(
            c.Minute(open_time_ms=9, open=d("1"), high=d("3"), low=d("1"), close=d("2"), volume=d("9")),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize("command", SAMPLES, ids=lambda command: type(command).__name__)
def test_a_command_reads_back_as_it_was(command: c.Command) -> None:
    written = json.loads(json.dumps(to_json(command)))
    assert command_of(type(command).__name__, written) == command


def test_every_command_has_a_sample() -> None:
    assert {type(sample).__name__ for sample in SAMPLES} == set(COMMANDS)


def begun(path: Path) -> list[int]:
    """A journal of a few lines; its ids at the end."""
    venue = opened(Options(journal=path, customers=[ANN]), lambda: 1_000)
    venue.execute(ORDER)
    venue.execute(c.CancelOrder(account="ann", symbol="BTCUSDT", client_order_id="mine"))
    venue.journal.close()
    return venue.exchange.ids()


def test_a_line_that_was_cut_short_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ids = begun(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"n": 99, "do": "Pla')
    venue = opened(Options(journal=path, customers=[ANN]), lambda: 2_000)
    assert venue.exchange.ids() == ids
    assert path.read_bytes() == whole
    venue.execute(ORDER)
    venue.journal.close()
    again = opened(Options(journal=path), lambda: 3_000)
    assert again.exchange.last_order_id == ids[0] + 1
    again.journal.close()


def test_time_goes_on_where_it_was_though_the_wall_clock_is_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    venue = opened(Options(journal=path, customers=[ANN]), lambda: 1_000)
    venue.clock.advanced_ms = 60_000
    venue.execute(ORDER)
    venue.journal.close()
    again = opened(Options(journal=path), lambda: 1_500)
    assert again.now_ms() == 61_000
    again.journal.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: [b"price,quantity\n"], "no simulator's journal"),
        (lambda lines: [lines[0], b"{}\n"], "line 2 cannot be replayed"),
        (lambda lines: [*lines, b"not json\n"], "cannot be replayed"),
        (lambda lines: lines[:-2] + lines[-1:], "cannot be replayed"),
        (lambda lines: lines[:3] + lines[2:], "line 4"),
        (lambda lines: [one.replace(b'"quantity":"0.1"', b'"quantity":"900"') for one in lines], "replayed"),
        (lambda lines: [*lines[:-1], lines[-1].replace(b'"ids":[', b'"ids":[9')], "other ids"),
    ],
)  # fmt: skip
def test_a_journal_that_was_changed_is_refused_by_line(
    tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    path = tmp_path / "journal"
    begun(path)
    spoiled = b"".join(spoil(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(spoiled)
    with pytest.raises(JournalUnusable, match=said):
        opened(Options(journal=path), lambda: 2_000)
    assert path.read_bytes() == spoiled


def test_where_the_journal_cannot_be_written_nobody_is_told_anything_any_more(tmp_path: Path) -> None:
    """Safety #6, #8: an answer that its journal does not hold would be forgotten at the next start."""
    venue = opened(Options(journal=tmp_path / "journal", customers=[ANN]), lambda: 1_000)
    told: list[Any] = []
    venue.listeners.append(told.append)
    os.close(venue.journal._file)
    for _ in range(2):
        with pytest.raises(Rejected, match="-1001"):
            venue.execute(ORDER)
    assert told == []
    assert isinstance(venue.broken, OSError)


def test_a_refused_command_leaves_no_line(tmp_path: Path) -> None:
    venue = opened(Options(journal=tmp_path / "journal", customers=[ANN]), lambda: 1_000)
    lines, at_ms = venue.journal.lines, venue.exchange.now_ms
    with pytest.raises(Rejected):
        venue.execute(c.PlaceOrder(account="ann", order=new_order("BUY", "1000", "60000")))
    with pytest.raises(InvalidValue):
        venue.execute(c.OpenAccount(account="ann"))
    assert (venue.journal.lines, venue.exchange.now_ms) == (lines, at_ms)
    venue.journal.close()


def test_customers_and_symbols_that_the_journal_knows_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    begun(path)
    richer = replace(ANN, secret="another", balances={"BTC": Decimal(99)})
    venue = opened(Options(journal=path, customers=[richer]), lambda: 2_000)
    assert venue.exchange.accounts["ann"].free("BTC") == 10
    assert venue.exchange.keys["ann-key"].secret == "ann-secret"
    venue.journal.close()
