"""Which candles a run begins on: on the feed's clock, and the same for every face."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.market_data.memory_candle_store import MemoryCandleStore
from application.bots.manage_bots import CreateBot, PauseBot, StartBot
from application.ports.candle_store import Series
from application.queries.starting_points import BEGINNING, NOW, after_candle
from application.services import Services
from domain.errors import InvalidValue
from tests.application.harness import Store, signal, with_paper_account
from tests.builders import EPOCH, HOUR_MS, bot_terms, candle, usdt

WALL_MS = 100 * HOUR_MS + 7
WALL_NEWEST = 99 * HOUR_MS
"""The candle that closed last by the wall clock."""


@dataclass
class Place:
    """A bot on a series of that source, and what a face knows."""

    source: str
    candles: int = 5

    def __post_init__(self) -> None:
        self.store: Store = with_paper_account(usdt("1000"))
        self.store.do(
            CreateBot("bot-1", "acc-1", "book-1", book_is_new=False, terms=bot_terms(source=self.source))
        )
        stored = MemoryCandleStore()
        stored.save(
            Series(self.source, "BTC/USDT", "1h"),
            [candle(number, "100", "101") for number in range(self.candles)],
        )
        clock = SimpleNamespace(now=lambda: EPOCH + timedelta(milliseconds=WALL_MS))
        self.services = cast(
            Services,
            SimpleNamespace(
                log=self.store.log,
                candles=stored,
                clock=clock,
                live_sources=frozenset({"synthetic", "kraken"}),
                wall_clock_sources=frozenset({"kraken"}),
            ),
        )

    def after(self, start_from: str | None = None, *, resuming: bool = False) -> int | None:
        return after_candle(self.services, "bot-1", start_from, resuming=resuming)


@pytest.mark.parametrize(
    ("source", "start_from", "expected"),
    [
        ("synthetic", None, 4 * HOUR_MS),  # its candle time has its own pace, whatever the wall clock says
        ("synthetic", NOW, 4 * HOUR_MS),
        ("synthetic", BEGINNING, None),
        ("kraken", None, WALL_NEWEST),  # what closed while nobody followed it is the past
        ("kraken", NOW, WALL_NEWEST),
        ("kraken", BEGINNING, None),
        ("file", None, None),
        ("file", NOW, 4 * HOUR_MS),
        ("file", BEGINNING, None),
    ],
)
def test_a_start(source: str, start_from: str | None, expected: int | None) -> None:
    assert Place(source).after(start_from) == expected


@pytest.mark.parametrize(
    ("source", "expected"), [("synthetic", 4 * HOUR_MS), ("kraken", WALL_NEWEST), ("file", 2 * HOUR_MS)]
)
def test_resumed_it_trades_a_live_series_from_now_on_and_goes_on_with_a_stored_one(
    source: str, expected: int
) -> None:
    place = Place(source)
    place.store.do(StartBot("bot-1", "acc-1", after_candle_ms=HOUR_MS))
    place.store.do(signal(candle_ms=2 * HOUR_MS))
    place.store.do(PauseBot("bot-1", "acc-1", "lunch"))

    assert place.after(resuming=True) == expected


def test_a_stored_run_that_never_signalled_is_resumed_after_the_candle_it_began_after() -> None:
    place = Place("file")
    place.store.do(StartBot("bot-1", "acc-1", after_candle_ms=3 * HOUR_MS))
    place.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    assert place.after(resuming=True) == 3 * HOUR_MS


@pytest.mark.parametrize("source", ["synthetic", "kraken"])
def test_a_live_series_without_a_candle_begins_at_the_wall_clock(source: str) -> None:
    assert Place(source, candles=0).after() == WALL_NEWEST


def test_a_word_that_is_no_start_is_refused() -> None:
    with pytest.raises(InvalidValue, match="beginning or now"):
        Place("file").after("yesterday")


def test_a_bot_that_is_not_there_has_no_candles() -> None:
    services: Any = Place("file").services
    assert after_candle(services, "bot-9", None, resuming=False) is None
