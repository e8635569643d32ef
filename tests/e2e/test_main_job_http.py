"""The main job over real HTTP, against a served process: join, fund, run a bot, see every cent."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.market_data.synthetic import generate
from domain.orders.order import BUY
from domain.strategies import make_strategy
from tests.e2e import candles
from tests.e2e.processes import PATIENCE_S, Evenkeel, Server, until

PASSWORD = "a calm sea and a steady hand"
COUNT = 240
PARAMETERS = {"fast": "3", "slow": "8"}


@dataclass
class Person:
    """Somebody who joined and signed in, over HTTP."""

    client: httpx.Client
    account_id: str

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> httpx.Response:
        answer = self.client.post(path, json=body or {}, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code in (200, 201), answer.text
        return answer


@contextmanager
def joined(server: Server, email: str) -> Iterator[Person]:
    with server.client() as client:
        given = {"email": email, "password": PASSWORD}
        answer = client.post("/v1/accounts", json=given, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 201, answer.text
        session = client.post("/v1/sessions", json=given)
        assert session.status_code == 201, session.text
    with server.client(session.json()["token"]) as client:
        person = Person(client, answer.json()["account_id"])
        assert person.get("/v1/accounts/me")["email"] == email
        yield person


@dataclass
class Frame:
    event: str
    id: str
    data: Any


def frames(lines: Iterator[str]) -> Iterator[Frame]:
    """Server-sent events, as a browser would read them; patience ends although heartbeats go on."""
    fields: dict[str, str] = {}
    deadline = time.monotonic() + PATIENCE_S
    for line in lines:
        assert time.monotonic() < deadline, "waited in vain for an event"
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif "data" in fields:
            yield Frame(fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def signals_ms(symbol: str, *, funded: bool) -> list[int]:
    """Open times of the candles that the strategy has a signal for; without money it never has a position."""
    strategy, found, in_position = make_strategy("ema_crossover", PARAMETERS), [], False
    for candle in generate(symbol, "1h", candles.START_MS, COUNT, candles.SEED):
        signal = strategy.on_candle(candle, in_position=in_position)
        if signal is not None:
            in_position = funded and signal.side == BUY
            found.append(candle.open_time_ms)
    return found


def position(text: str) -> int:
    return int(text.partition("-")[2])


@pytest.fixture
def server(evenkeel: Evenkeel, tmp_path: Path, database_url: str) -> Server:
    """Serving, with candles that the command line has imported before."""
    for symbol in ("BTC/USDT", "BTC/GBP"):
        file = candles.synthetic_file(tmp_path, COUNT, symbol=symbol)
        imported = evenkeel.json(
            "data",
            "import",
            str(file),
            "--symbol",
            symbol,
            "--source",
            "file",
            "--database-url",
            database_url,
        )
        assert imported["added"] == COUNT
    started = evenkeel.serve(database_url)
    started.ready()
    return started


def bot_on(symbol: str, **more: str) -> dict[str, Any]:
    return {
        "name": "steady",
        "strategy": "ema_crossover",
        "parameters": PARAMETERS,
        "symbol": symbol,
        "interval": "1h",
        "source": "file",
        **more,
    }


def test_from_joining_to_every_cent_accounted_for(
    evenkeel: Evenkeel, server: Server, database_url: str
) -> None:
    with joined(server, "ann@example.org") as ann, joined(server, "bob@example.org") as bob:
        opened = ann.post("/v1/paper-accounts", {"balances": [{"amount": "10000", "asset": "USDT"}]})
        account = opened.json()["paper_account_id"]
        before = opened.headers["Evenkeel-Position"]
        created = ann.post("/v1/bots", bot_on("BTC/USDT", allocation="5000"))
        bot_id = created.json()["bot_id"]
        bot = f"/v1/bots/{bot_id}"

        with ann.client.stream("GET", "/v1/events") as stream:
            watched = frames(stream.iter_lines())
            first = next(watched)
            assert first.event == "state"
            assert [shown["bot_id"] for shown in first.data["bots"]] == [bot_id]
            started = ann.post(f"{bot}/starts")
            assert started.json()["status"] == "running"
            seen = [next(frame for frame in watched if frame.event == "change")]
            while not any(event["name"] == "orders.order_filled" for event in seen[-1].data["events"]):
                seen.append(next(frame for frame in watched if frame.event == "change"))
        assert [position(frame.id) for frame in seen] == sorted({position(frame.id) for frame in seen})
        assert position(seen[0].id) > position(first.id)

        last_candle_ms = candles.START_MS + (COUNT - 1) * candles.HOUR_MS
        fills = _settled(ann, bot)
        resumed_without_a_gap(ann, first.id)

        signals, orders = ann.get(f"{bot}/signals", limit="200"), ann.get(f"{bot}/orders", limit="200")
        assert len(signals["items"]) == len(orders["items"])
        assert len(signals["items"]) == len(signals_ms("BTC/USDT", funded=True))
        assert {order["status"] for order in orders["items"]} <= {"filled", "open"}
        for fill in fills:
            assert fill["client_order_id"] in {order["client_order_id"] for order in orders["items"]}
            assert Decimal(fill["fee"]) > 0

        now = ann.get(f"{bot}/performance")
        assert (now["buys"] + now["sells"], now["allocated"]) == (len(fills), "5000")
        assert now["mark_candle_open_time_ms"] == last_candle_ms
        assert Decimal(now["profit"]) == Decimal(now["equity"]) - 5000 != 0
        then = ann.get(f"{bot}/performance", at=fills[-1]["position"])  # right after its first trade
        assert (then["buys"], then["sells"]) == (1, 0)
        assert then["position_base"] == fills[-1]["base_quantity"]

        assert _usdt(ann.get("/v1/wallets", at=before))["total"] == "10000"
        free = _usdt(ann.get("/v1/wallets"))
        assert free["available"] == "5000"
        trial = ann.get(f"/v1/books/{account}/trial-balance")
        assert trial["balanced"] is True
        assert set(trial["sums"].values()) == {"0"}

        order_id = orders["items"][0]["client_order_id"]
        for path in (
            bot,
            f"{bot}/performance",
            f"/v1/orders/{order_id}",
            f"/v1/paper-accounts/{account}",
            f"/v1/books/{account}/balances",
            f"/v1/books/{account}/entries",
        ):
            ann.get(path)
            hidden = bob.client.get(path)
            assert hidden.status_code == 404, (path, hidden.text)
            assert hidden.headers["Content-Type"].startswith("application/problem+json")
        for path in (
            f"{bot}/orders",
            f"{bot}/fills",
            f"{bot}/signals",
            "/v1/orders",
            "/v1/fills",
            "/v1/bots",
        ):
            nothing = bob.client.get(path)
            assert nothing.status_code == 404 or nothing.json()["items"] == [], path
        refused = bob.client.post(f"{bot}/stops", json={}, headers={"Idempotency-Key": str(uuid4())})
        assert refused.status_code == 404

    counted(server.metrics(), len(fills))
    assert server.process.signal(signal.SIGTERM) == 0
    _correlated(evenkeel, server, started.headers, database_url)


def test_a_bot_on_pounds_needs_no_wallet_over_http(server: Server) -> None:
    with joined(server, "ann@example.org") as ann:
        answered = ann.post("/v1/bots", bot_on("BTC/GBP", allocation="0"))
        created, position_then = answered.json(), answered.headers["Evenkeel-Position"]
        bot = f"/v1/bots/{created['bot_id']}"
        assert (created["allocated"], created["allocation_asset"]) == ("0", "GBP.PAPER")
        assert ann.post(f"{bot}/starts").json()["status"] == "running"
        found = ann.get("/v1/wallets", min_position=position_then)["items"]
        wallets = {wallet["asset"]: wallet["total"] for wallet in found}
        assert wallets == {"BTC.PAPER": "0", "GBP.PAPER": "0"}
        last_signal_ms = signals_ms("BTC/GBP", funded=False)[-1]
        until(lambda: newest_signal_ms(ann, bot) == last_signal_ms, "signals without money")
        assert ann.get(f"{bot}/orders")["items"] == []

        ann.post(f"{bot}/stops")
        account = created["paper_account_id"]
        ann.post(f"/v1/paper-accounts/{account}/deposits", {"amount": "1000", "asset": "GBP"})
        given = ann.post(f"{bot}/allocations", {"amount": "400", "asset": "GBP"}).json()
        assert given["allocated"] == "400"
        ann.post(f"{bot}/starts")
        until(lambda: ann.get(f"{bot}/fills")["items"], "fills")
        assert ann.get(f"/v1/books/{account}/trial-balance")["balanced"] is True
    assert server.process.signal(signal.SIGTERM) == 0


def resumed_without_a_gap(person: Person, seen: str) -> None:
    """A client that comes back is told what happened after the frame it saw last, and no state again."""
    headers = {"Last-Event-ID": seen}
    with person.client.stream("GET", "/v1/events", headers=headers) as stream:
        missed = next(frames(stream.iter_lines()))
    assert missed.event == "change"
    assert missed.data["events"]
    assert all(position(event["position"]) > position(seen) for event in missed.data["events"])
    assert position(missed.id) > position(seen)


def _settled(person: Person, bot: str) -> list[Any]:
    """All fills, newest first, once the last candle that the strategy has a signal for is worked through."""
    last_signal_ms = signals_ms("BTC/USDT", funded=True)[-1]

    def worked_through() -> list[Any] | None:
        if newest_signal_ms(person, bot) != last_signal_ms:
            return None
        signals: list[Any] = person.get(f"{bot}/signals", limit="200")["items"]
        fills: list[Any] = person.get(f"{bot}/fills", limit="200")["items"]
        return fills if len(fills) == len(signals) else None

    found: list[Any] = until(worked_through, "the last signal's fill")
    return found


def newest_signal_ms(person: Person, bot: str) -> int:
    found = person.get(f"{bot}/signals", limit="1")["items"]
    return int(found[0]["candle_open_time_ms"]) if found else 0


def _usdt(wallets: Any) -> Any:
    return next(wallet for wallet in wallets["items"] if wallet["asset"].startswith("USDT"))


def counted(metrics: str, fills: int) -> None:
    """The counters that the bot's run moved, by their names."""
    values: dict[str, float] = {}
    for line in metrics.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            bare = name.partition("{")[0]
            values[bare] = values.get(bare, 0) + float(value)
    assert values["evenkeel_fills_total"] == fills
    for name in (
        "evenkeel_http_requests_total",
        "evenkeel_commands_total",
        "evenkeel_signals_total",
        "evenkeel_orders_total",
        "evenkeel_commit_seconds_count",
        "evenkeel_commit_batch_commands_count",
    ):
        assert values[name] > 0, name


def _correlated(evenkeel: Evenkeel, server: Server, started: httpx.Headers, database_url: str) -> None:
    """The log is JSON lines; its correlation ids are those in the events' metadata."""
    lines = server.process.lines
    logged = {line["correlation_id"] for line in lines if line.get("correlation_id")}
    events = evenkeel.json("log", "tail", "--limit", "10000", "--database-url", database_url)
    stored = {event["correlation_id"] for event in events}
    assert stored <= logged
    request_id = started["X-Request-ID"]
    assert request_id in stored
    assert request_id in {line.get("correlation_id") for line in lines if line.get("command") == "StartBot"}
    assert PASSWORD not in server.process.err
    assert "ann@example.org" not in server.process.err
