"""Downloading candles: the real ccxt client against a venue on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no py.typed
import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from adapters.exchanges.ccxt.candles import CcxtCandles, require_candles_of
from adapters.exchanges.ccxt.clients import open_client
from adapters.market_data.memory_candle_store import MemoryCandleStore
from application.market_data.candle_rules import ImpossibleCandle
from application.market_data.download_candles import DownloadCandles
from application.ports.candle_source import CandleSourceUnavailable, UnknownExchange, UnknownSymbol
from application.ports.candle_store import CandleConflict, Series
from application.ports.clock import ManualClock
from domain.errors import InvalidValue
from domain.market import Candle
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS, clean
from tests.adapters.market_data.stub_venue import Fault, StubVenue, dropped, html, status, venue_at
from tests.loopback import keep_to_loopback

COUNT = 2_500  # three pages
SERIES = Series("binance", "BTC/USDT", "1h")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(hour: float) -> datetime:
    return EPOCH + timedelta(milliseconds=START_MS + int(hour * HOUR_MS))


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_to_loopback(monkeypatch)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(at(COUNT) + timedelta(minutes=10))


@pytest.fixture
def venue(clock: ManualClock) -> Iterator[StubVenue]:
    now_ms = (clock.now() - EPOCH) // timedelta(milliseconds=1)
    venue = StubVenue(clean(COUNT + 1), now_ms)  # the last one is still running
    yield venue
    venue.close()


@pytest.fixture
def source(venue: StubVenue, clock: ManualClock) -> Iterator[CcxtCandles]:
    source = CcxtCandles(venue_at("binance"), clock, client=venue.client(), attempts=3)
    with stamina.set_testing(True, attempts=3):  # the same attempts, without the pauses
        yield source
    source.close()


@pytest.fixture
def download(source: CcxtCandles, clock: ManualClock) -> DownloadCandles:
    return DownloadCandles(MemoryCandleStore(), source, clock, monotonic_s=lambda: 0.0)


def test_all_closed_candles_come_in_pages_to_the_last_digit(source: CcxtCandles, venue: StubVenue) -> None:
    pages = list(
        source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 9_999 * HOUR_MS)
    )

    assert [candle for page in pages for candle in page] == clean(COUNT)
    assert [len(page) for page in pages] == [1_000, 1_000, 500]


def test_the_running_candle_is_never_answered_even_when_our_clock_is_ahead(
    source: CcxtCandles, clock: ManualClock
) -> None:
    clock.move_to(at(COUNT + 2))

    pages = source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 9_999 * HOUR_MS)

    assert [candle for page in pages for candle in page] == clean(COUNT)


def test_a_download_saves_the_range_and_reports_progress(download: DownloadCandles) -> None:
    progress: list[tuple[int, int]] = []

    report = download("BTC/USDT", "1h", from_ms=START_MS, progress=lambda *done: progress.append(done))

    assert (report.added, report.already_stored, report.missing) == (COUNT, 0, 0)
    assert list(download.store.read(SERIES)) == clean(COUNT)
    assert progress == [(1_000, COUNT), (2_000, COUNT), (2_500, COUNT)]


def test_a_second_download_asks_only_for_what_is_new(
    download: DownloadCandles, venue: StubVenue, clock: ManualClock
) -> None:
    download("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 2_000 * HOUR_MS)
    venue.requests.clear()

    report = download("BTC/USDT", "1h", from_ms=START_MS)

    assert (report.added, report.already_stored, report.unchanged) == (500, 2_000, 0)
    assert [int(q["startTime"]) for q in venue.candle_requests] == [START_MS + 2_000 * HOUR_MS]
    assert download("BTC/USDT", "1h", from_ms=START_MS).added == 0


def test_a_stretch_that_was_never_downloaded_is_filled(download: DownloadCandles) -> None:
    hours = [START_MS + hour * HOUR_MS for hour in (0, 100, 2_000, 2_100)]
    download("BTC/USDT", "1h", from_ms=hours[0], until_ms=hours[1])
    download("BTC/USDT", "1h", from_ms=hours[2], until_ms=hours[3])

    report = download("BTC/USDT", "1h", from_ms=START_MS)

    assert (report.added, report.already_stored) == (COUNT - 200, 200)
    assert list(download.store.read(SERIES)) == clean(COUNT)


def test_a_halt_of_the_venue_is_reported_as_missing(download: DownloadCandles, venue: StubVenue) -> None:
    del venue.candles[500:520]

    assert download("BTC/USDT", "1h", from_ms=START_MS).missing == 20


def test_an_interrupted_download_keeps_its_pages_and_goes_on_there(
    download: DownloadCandles, venue: StubVenue
) -> None:
    def gone_from_now_on(*_: int) -> None:
        venue.faults.extend([dropped] * 3)

    with pytest.raises(CandleSourceUnavailable):
        download("BTC/USDT", "1h", from_ms=START_MS, progress=gone_from_now_on)

    assert list(download.store.read(SERIES)) == clean(1_000)
    venue.faults.clear()
    assert download("BTC/USDT", "1h", from_ms=START_MS).added == 1_500


INTERNAL_ERROR = '{"code": -1001, "msg": "Internal error; unable to process your request."}'


@pytest.mark.parametrize(
    "fault",
    [status(429), status(418), status(500, INTERNAL_ERROR), status(503, "<html>busy</html>"), dropped],
    ids=["429", "418", "500", "503", "dropped"],
)
def test_a_transient_failure_is_tried_again(fault: Fault, source: CcxtCandles, venue: StubVenue) -> None:
    venue.faults.extend([fault, fault])

    pages = source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 5 * HOUR_MS)

    assert [candle for page in pages for candle in page] == clean(5)


@pytest.mark.parametrize(
    "fault", [status(429), status(503), dropped, html, status(200, '{"code": 0}'), status(200, "[[1]]"),
              status(200, '[["x", "1", "1", "1", "1", "1"]]'), status(200, "")],
    ids=["429", "503", "dropped", "html", "object", "short row", "no time", "nothing"],
)  # fmt: skip
def test_a_lasting_failure_is_named_and_is_no_candles(
    fault: Fault, source: CcxtCandles, venue: StubVenue
) -> None:
    venue.faults.extend([fault] * 10)

    with pytest.raises(CandleSourceUnavailable) as refused:
        list(source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 5 * HOUR_MS))

    assert (refused.value.code, refused.value.source) == ("candle_source_unavailable", "binance")


def test_what_a_venue_refuses_is_not_tried_again(source: CcxtCandles, venue: StubVenue) -> None:
    venue.faults.append(status(400, '{"code": -1100, "msg": "Illegal characters"}'))

    with pytest.raises(CandleSourceUnavailable, match="Illegal characters"):
        list(source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 5 * HOUR_MS))

    assert len(venue.candle_requests) == 1


def test_the_pause_a_venue_asks_for_is_kept(venue: StubVenue, clock: ManualClock) -> None:
    venue.faults.append(status(429, Retry_After="1"))
    source = CcxtCandles(venue_at("binance"), clock, client=venue.client())
    pauses: list[float] = []

    def note(details: RetryDetails) -> None:
        pauses.append(details.wait_for)

    set_on_retry_hooks([note])
    try:
        list(source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 5 * HOUR_MS))
    finally:
        set_on_retry_hooks(None)
        source.close()

    assert pauses == [1.0]


def test_a_source_that_is_opened_again_loads_the_markets_no_second_time(
    venue: StubVenue, clock: ManualClock
) -> None:
    loaded: dict[str, Any] = {}
    for _ in range(2):
        with closing(CcxtCandles(venue_at("binance"), clock, loaded=loaded, client=venue.client())) as source:
            pages = list(
                source.closed_candles("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 5 * HOUR_MS)
            )
            assert [candle for page in pages for candle in page] == clean(5)
    assert [path for path, _ in venue.requests].count("/api/v3/exchangeInfo") == 1

    # a pair that was not among them may be new
    source = CcxtCandles(venue_at("binance"), clock, loaded=loaded, client=venue.client())
    with closing(source), pytest.raises(UnknownSymbol):
        next(source.closed_candles("BTC/MOON", "1h", from_ms=START_MS, until_ms=START_MS + HOUR_MS))
    assert [path for path, _ in venue.requests].count("/api/v3/exchangeInfo") == 2


def test_the_rate_limit_of_the_venue_is_on() -> None:
    client = open_client("binance")

    assert client.enableRateLimit
    assert client.rateLimit > 0


def test_an_unknown_exchange_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownExchange, match="did you mean binance") as refused:
        open_client("binnance")
    assert refused.value.code == "unknown_exchange"


def test_an_exchange_of_which_there_are_no_candles_is_refused() -> None:
    require_candles_of(venue_at("kraken"))
    with pytest.raises(UnknownExchange, match="did you mean kraken"):
        require_candles_of(venue_at("krakn"))
    without = next(name for name in ccxt.exchanges if not getattr(ccxt, name)().has.get("fetchOHLCV"))
    with pytest.raises(InvalidValue, match=f"{without} offers no candles"):
        require_candles_of(venue_at(without))


def test_an_unknown_pair_is_refused(source: CcxtCandles) -> None:
    with pytest.raises(UnknownSymbol) as refused:
        list(source.closed_candles("BTC/MOON", "1h", from_ms=START_MS, until_ms=START_MS + HOUR_MS))
    assert refused.value.code == "unknown_symbol"


def test_a_range_in_the_future_is_refused(download: DownloadCandles) -> None:
    with pytest.raises(InvalidValue, match="from_ms"):
        download("BTC/USDT", "1h", from_ms=START_MS + COUNT * HOUR_MS)


def test_a_venue_that_contradicts_itself_is_not_believed(download: DownloadCandles, venue: StubVenue) -> None:
    download("BTC/USDT", "1h", from_ms=START_MS, until_ms=START_MS + 10 * HOUR_MS)
    known = venue.candles[9]
    venue.candles[9] = Candle(known.open_time_ms, known.open, known.high, known.low, known.open, Decimal(1))
    venue.candles[12] = Candle(venue.candles[12].open_time_ms, *[Decimal(n) for n in (5, 4, 6, 5, 1)])

    with pytest.raises(ImpossibleCandle, match="high 4 is below low 6"):
        download("BTC/USDT", "1h", from_ms=START_MS)
    with pytest.raises(CandleConflict):
        download("BTC/USDT", "1h", from_ms=START_MS - 5 * HOUR_MS, until_ms=START_MS + 12 * HOUR_MS)

    assert list(download.store.read(SERIES)) == clean(10)
