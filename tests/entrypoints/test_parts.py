"""Parts of the processes by themselves: generated candles, the outbox relay, health."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from adapters.http.app import create_app
from adapters.http.options import HttpOptions
from adapters.market_data.memory_candle_store import MemoryCandleStore
from adapters.observability.context import logged_as
from adapters.persistence import migrations
from adapters.persistence.identities import SqlIdentities
from application.bots.bot_worker import BotWorker
from application.connectors import CANDLES, Heard
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_store import Series
from application.ports.clock import ManualClock
from application.ports.commands import Fence
from application.ports.event_log import StoreUnavailable
from application.ports.notifier import NotifierUnavailable
from application.work import OutboxMessage
from domain.bots.bot import Bot
from domain.ledger.book import Book
from domain.ledger.postings import bot_account
from domain.money import Money
from entrypoints import running
from entrypoints.composition import Container, Plan, opened
from entrypoints.demo_account import ALLOCATION, ensure_demo
from entrypoints.outbox_relay import OutboxRelay
from entrypoints.private_files import read_private, write_private
from entrypoints.seal_status import SealingStatus
from entrypoints.settings import load_settings
from entrypoints.synthetic_feed import HISTORY_CANDLES, SyntheticFeed
from tests.e2e.processes import until

SERIES = Series("synthetic", "BTC/USDT", "1m")
NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def feed_on(store: MemoryCandleStore) -> SyntheticFeed:
    return SyntheticFeed(store, ManualClock(NOW), candles_per_s=1_000)


def test_a_generated_market_has_history_up_to_now_and_goes_on() -> None:
    store = MemoryCandleStore()
    history = list(feed_on(store).history(SERIES))
    assert len(history) == HISTORY_CANDLES
    assert history[-1].open_time_ms + 60_000 == int(NOW.timestamp() * 1000) // 60_000 * 60_000
    feed = feed_on(store)
    coming = feed.follow(SERIES, after_ms=history[-1].open_time_ms)
    following = [next(coming) for _ in range(3)]
    assert [candle.open_time_ms - history[-1].open_time_ms for candle in following] == [
        60_000,
        120_000,
        180_000,
    ]
    feed.close()
    assert list(coming) == []


def test_a_generated_market_that_was_stopped_has_the_candles_it_would_have_had() -> None:
    through, stopped = MemoryCandleStore(), MemoryCandleStore()
    without_stop = feed_on(through).follow(SERIES)
    all_at_once = [next(without_stop) for _ in range(HISTORY_CANDLES + 4)]
    before = feed_on(stopped).follow(SERIES)
    first = [next(before) for _ in range(HISTORY_CANDLES + 2)]
    after = feed_on(stopped).follow(SERIES, after_ms=first[-1].open_time_ms)
    assert [*first, next(after), next(after)] == all_at_once


class Waiting:
    """An outbox in memory."""

    def __init__(self, *messages: OutboxMessage) -> None:
        self.messages = list(messages)

    def pending(self, limit: int = 100) -> Sequence[OutboxMessage]:
        return self.messages[:limit]

    def mark_delivered(self, message_ids: Sequence[str]) -> int:
        self.messages = [one for one in self.messages if one.message_id not in message_ids]
        return len(message_ids)


class Told:
    """A notifier that is away for one recipient."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, message: OutboxMessage) -> None:
        if message.recipient == "away":
            raise NotifierUnavailable
        self.told.append(message.message_id)


class OneLease:
    """Leases that one holder has."""

    def __init__(self, holder: str) -> None:
        self.holder = holder

    def acquire(self, name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        return Fence(name, 1) if holder == self.holder else None

    def holders(self, prefix: str) -> Mapping[str, str]:
        return {}

    def release(self, fence: Fence) -> None: ...


def test_a_message_that_cannot_be_told_holds_nothing_up_and_stays() -> None:
    outbox, told = Waiting(message("1"), message("2", "away"), message("3")), Told()
    relay = OutboxRelay(outbox, told, OneLease("a"), holder="a")
    assert relay.relay() == 2
    assert told.told == ["1", "3"]
    assert [left.message_id for left in outbox.messages] == ["2"]


def test_only_the_process_with_the_lease_relays() -> None:
    outbox, told = Waiting(message("1")), Told()
    assert OutboxRelay(outbox, told, OneLease("a"), holder="b").relay() == 0
    assert told.told == []


def message(message_id: str, recipient: str = "acct-1") -> OutboxMessage:
    return OutboxMessage(message_id, "account.registered", recipient, {})


def test_health_tells_each_part_and_a_silent_worker(data_dir: Path) -> None:
    settings = load_settings()
    migrations.upgrade(settings.database)
    with opened(settings, Plan()) as container:
        health = container.health()
        assert {check.name: check.status for check in health.ready()} == {
            "database": "ok",
            "schema": "ok",
            "projections": "ok",
            "worker": "failed",
        }
        health.worker_age_s = lambda: 1.0
        assert {check.status for check in health.ready()} == {"ok"}
        details = health.details()
        assert details["memory"]["resident_bytes"] > 0
        assert details["uptime_s"] >= 0
        health.worker_problem = lambda: "the disk is away"
        worker = health.ready()[-1]
        assert (worker.status, worker.detail) == (
            "degraded",
            "seen 1.0 s ago; its last look at the bots failed: the disk is away",
        )
        health.worker_age_s = lambda: 3_600.0
        assert {check.name for check in health.ready() if check.status == "failed"} == {"worker"}


def test_health_shows_every_connector_its_own_and_those_of_other_processes(data_dir: Path) -> None:
    settings = load_settings()
    migrations.upgrade(settings.database)
    with opened(settings, Plan()) as container:
        container.leases().acquire("series:binance:BTC/USDT:1h", holder="w-1", lasts=timedelta(minutes=1))
        container.leases().acquire("series:kraken:BTC/EUR:1h", holder="w-2", lasts=timedelta(minutes=1))
        own = Heard(CANDLES, "binance BTC/USDT 1h", "w-1", ManualClock(NOW))
        own.failed(FeedUnavailable("no answer"))
        own.candle(NOW - timedelta(seconds=3))
        health = container.health()
        health.connectors = lambda: [own.now()]
        mine, other = health.details()["connectors"]
        assert mine == {
            "kind": "candles",
            "name": "binance BTC/USDT 1h",
            "worker": "w-1",
            "status": "ok",
            "detail": "",
            "last_candle_age_s": 3.0,
            "last_problem": "no answer",
            "last_problem_at": NOW.isoformat(),
        }
        assert (other["name"], other["worker"], other["status"]) == ("kraken BTC/EUR 1h", "w-2", "unknown")
        assert "known only to that worker's own process" in other["detail"]

        health.followers = away
        assert [shown["name"] for shown in health.details()["connectors"]] == ["binance BTC/USDT 1h"]


def away() -> Mapping[str, str]:
    raise StoreUnavailable("the database is away")


@pytest.fixture
def container(data_dir: Path) -> Iterator[Container]:
    settings = load_settings()
    migrations.upgrade(settings.database)
    with opened(settings, Plan(observed=False)) as opened_container:
        yield opened_container


def test_a_worker_gives_signs_of_life_only_while_it_looks_at_its_bots(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WORKER_LEASE_LASTS", timedelta(seconds=0.3))
    looked = threading.Semaphore(0)
    stuck = threading.Event()

    def tick(worker: BotWorker) -> None:
        if stuck.is_set():
            raise StoreUnavailable("away")
        worker.last_tick_at = datetime.now(UTC)
        looked.release()

    monkeypatch.setattr(BotWorker, "tick", tick)
    settings = load_settings(ready_heartbeat_s=0.6)

    def is_alive() -> bool:
        return running.a_worker_is_alive(container)

    with running.worker_running(container, settings, worker_id="w-1") as (worker,):

        def long_silent_and_never_alive() -> bool:
            assert not is_alive()
            assert worker.last_tick_at is not None
            return datetime.now(UTC) - worker.last_tick_at > timedelta(seconds=1.5)

        assert looked.acquire(timeout=10)
        until(is_alive, "a sign of life")
        stuck.set()
        until(lambda: not is_alive(), "the end of it")
        until(long_silent_and_never_alive, "silence beyond the limit")
        stuck.clear()
        until(is_alive, "a sign of life again")
    assert not running.a_worker_is_alive(container)


def sealing_check(container: Container, **status: Any) -> tuple[str, str]:
    health = container.health()
    health.sealing = SealingStatus(**status)
    health.sealing.sinks_are(status.get("sinks_behind", {}))
    (check,) = [check for check in health.ready() if check.name == "sealing"]
    return check.status, check.detail


def test_health_shows_how_old_the_newest_seal_is_and_fails_where_sealing_lags(container: Container) -> None:
    now = time.monotonic()
    limit = container.health().oldest_seal_s
    well: dict[str, Any] = {"size": 1234, "is_running": True, "sealed_at": now - 0.5}
    assert sealing_check(container, **well)[0] == "ok"
    assert (
        "1234 events under the newest checkpoint, last sealed to its end 0.5 s"
        in sealing_check(container, **well)[1]
    )
    trouble = sealing_check(container, **well, problem="the store does not answer")
    assert (trouble[0], "the store does not answer" in trouble[1]) == ("degraded", True)
    behind = sealing_check(container, **well, sinks=("far",), sinks_behind={"far": "refused"})
    assert (behind[0], "no checkpoint reaches far for 0 s: refused" in behind[1]) == ("degraded", True)

    for last in ({"sealed_at": now - limit - 1}, {"sealed_at": None, "_started_at": now - limit - 1}):
        for problem in ("", "the disk is full"):
            found = sealing_check(container, **well | last, problem=problem)
            assert (found[0], f"the limit is {limit:g} s" in found[1]) == ("failed", True)
            assert (problem or "does not say why") in found[1]
    without_key = sealing_check(container, problem="the key is missing", _started_at=now - limit - 1)
    assert (without_key[0], "never sealed so far: the key is missing" in without_key[1]) == ("degraded", True)


def test_where_another_process_seals_health_shows_how_long_events_wait(container: Container) -> None:
    health = container.health()

    def check() -> tuple[str, str]:
        (found,) = [check for check in health.ready() if check.name == "sealing"]
        return found.status, found.detail

    health.seal_lag = lambda: (7, 0.25)
    assert check() == (
        "ok",
        "7 events under the newest checkpoint, the oldest one that is not waits for 0.2 s",
    )
    health.seal_lag = lambda: (7, 41.0)
    assert check()[0] == "degraded"
    assert "the next one waits for 41 s, the limit is 30 s" in check()[1]

    def away() -> tuple[int, float]:
        raise StoreUnavailable("away")

    health.seal_lag = away
    assert check() == ("degraded", "StoreUnavailable")


def test_how_long_a_sink_has_been_behind_counts_from_when_it_fell_behind() -> None:
    status = SealingStatus(sinks=("a", "b"))
    status.sinks_are({"b": "refused"})
    first = status.lags_s()["b"]
    status.sinks_are({"b": "timed out"})
    second = status.lags_s()["b"]
    assert first is not None
    assert second is not None
    assert 0 <= first <= second
    assert status.lags_s()["a"] is None
    status.sinks_are({})
    assert status.lags_s() == {"a": None, "b": None}


def test_a_crash_of_a_handler_is_logged_and_counted_and_shows_no_secret(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings()
    migrations.upgrade(settings.database)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    with opened(settings, Plan()) as container:
        app = create_app(
            container.services(),
            options=HttpOptions(insecure_cookies=True),
            observer=container.http_observer(),
            request_context=lambda request_id: logged_as(request_id=request_id),
        )
        monkeypatch.setattr(SqlIdentities, "by_email", broken)
        with TestClient(app, raise_server_exceptions=False) as client:
            given = {"email": "ann@example.org", "password": "planted-" + "secret-0123"}
            crashed = client.post("/v1/sessions", json=given, headers={"X-Request-ID": "request-0001"})
        assert crashed.status_code == 500
        assert "a bug" not in crashed.text
        shown = {
            sample.name: sample.value
            for metric in container.metrics().registry.collect()
            for sample in metric.samples
            if sample.labels.get("error") == "RuntimeError"
        }
    assert shown["evenkeel_unexpected_errors_total"] == 1
    assert any("nobody foresaw" in record.getMessage() for record in caplog.records)
    assert "planted-secret" not in caplog.text


def test_each_demo_is_funded_in_what_its_pair_is_quoted_in_and_a_second_start_adds_nothing(
    data_dir: Path, candle_file: Path
) -> None:
    eth = candle_file.with_name("binance_ETHBTC_1h_test.csv")
    eth.write_bytes(candle_file.read_bytes())
    settings = load_settings()
    migrations.upgrade(settings.database)
    with opened(settings, Plan(observed=False)) as container:
        accounts = [ensure_demo(container, settings, candles=file) for file in (eth, candle_file)]
        head = container.log().head()
        for account, file, quote in zip(accounts, (eth, candle_file), ("BTC", "USDT"), strict=True):
            bot: Bot = container.log().load(f"bot:{account.bot_id}").state
            book: Book = container.log().load(f"book:{bot.book_id}").state
            assert book.owed(bot_account(account.bot_id), quote) == Money(ALLOCATION, quote)
            assert ensure_demo(container, settings, candles=file) == account
        assert container.log().head() == head


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    write_private(path, {"password": "p"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_private(path) == {"password": "p"}
    path.write_text("{")
    assert read_private(path) is None
