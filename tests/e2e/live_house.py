"""`evenkeel serve` trading at `evenkeel simulator` through the real ccxt client: processes, sockets, keys.

Whoever trades goes the user's way: an account, a connected venue account with a key, a bot with a stop, a
limit for the day, a pre-flight, mode TESTNET or LIVE. The market stands still until the test moves it.
"""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e import books
from tests.e2e.processes import Evenkeel, Process, Server, in_the_end, until
from tests.simulators import Simulator

PRICES = {"BTC/USDT": "60000", "ETH/USDT": "3000", "BNB/USDT": "600", "SOL/USDT": "150"}
KEY, SECRET = "ann-key", "ann-secret"
FUNDS = "USDT=1000000,BTC=10,ETH=100,BNB=1000,SOL=5000"
ALLOCATION = "2000"
WHY = "a rehearsal"
REST_S = 30.0
"""How long the last orders and the read models may take, on a machine that has other things to do."""


class Venue:
    """`evenkeel simulator` as a process: killed and started again it has the same address and journal."""

    def __init__(self, evenkeel: Evenkeel, journal: Path, name: str) -> None:
        self.evenkeel, self.journal, self.name = evenkeel, journal, name
        self.port = 0
        self.client = httpx.Client(trust_env=False, timeout=10)
        self._prices = {symbol: Decimal(price) for symbol, price in PRICES.items()}
        self.start()
        for symbol in PRICES:
            self.move(symbol)

    def start(self) -> None:
        words = ("simulator", "--still", "--symbols", ",".join(map(_joined, PRICES)))
        where = ("--journal", str(self.journal), "--port", str(self.port))
        ann = ("--account", f"{KEY}:{SECRET}:{FUNDS}")
        self.process = self.evenkeel.start(*words, *where, *ann, "--json")
        shown = json.loads(self.process.until(lambda: self.process.out.strip(), "the simulator's address"))
        self.control = Simulator(shown["address"], client=self.client)
        self.port = int(shown["address"].rpartition(":")[2])

    @property
    def setting(self) -> str:
        return f"{self.name}={self.control.url}"

    def truth(self) -> Any:
        """Balances, orders and trades, whatever anybody was made to believe."""
        return self.control.account(KEY)

    def sent(self) -> list[str]:
        """The client order ids of all orders that the venue ever took."""
        return sorted(str(order["clientOrderId"]) for order in self.truth()["orders"])

    def move(self, symbol: str, factor: str = "1", **more: str) -> None:
        """The market steps to its price times so much; ten of the base are on each level there."""
        price = (self._prices[symbol] * Decimal(factor)).quantize(Decimal("0.1"))
        self._prices[symbol] = price
        self.control.price(_joined(symbol), str(price), **more)

    def swing(self, symbol: str) -> None:
        """Every two seconds the market stands a tenth higher, or again where it stood: bots buy and sell."""
        before = self._prices[symbol]
        self.move(symbol, "1.1" if time.time() % 4 < 2 else "1")
        self._prices[symbol] = before

    def quote(self, symbol: str, **more: Any) -> None:
        """As `move`, with a book as told and no trade."""
        self.control.post("market", symbol=_joined(symbol), price=str(self._prices[symbol]), **more)


@dataclass
class Trader:
    """Somebody who is signed in, with a venue account and bots on it."""

    email: str
    password: str
    client: httpx.Client = field(init=False)
    venue: str = ""
    account: str = ""  # at the venue
    bots: dict[str, str] = field(default_factory=dict)  # by symbol

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.client.post(path, json=body or {}, headers={"Idempotency-Key": str(uuid4())})
        assert answer.is_success, f"{path} -> {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.is_success, f"{path} -> {answer.status_code} {answer.text}"
        return answer.json()

    def connects(self, venue: str = "simulator") -> None:
        """An account there, its key, and a limit for the day, which pre-flight wants."""
        self.venue = venue
        self.account = self.post("/v1/venue-accounts", {"venue": venue})["venue_account_id"]
        given = {"api_key": KEY, "secret": SECRET}
        self.post(f"/v1/venue-accounts/{self.account}/keys", given)
        limits = {"max_daily_loss_bps": 500, "reason": WHY}
        put = self.client.put("/v1/risk/limits", json=limits, headers={"Idempotency-Key": str(uuid4())})
        assert put.is_success, put.text

    def trades(self, *symbols: str) -> None:
        """A bot for each pair, in mode TESTNET."""
        for symbol in symbols:
            bot = self.bot(symbol)
            act = self._passed(bot, "TESTNET")
            assert self.post(f"/v1/bots/{bot}/modes", act)["mode"] == "TESTNET"
            self.post(f"/v1/bots/{bot}/starts")

    def trades_live(self, *symbols: str, approver: Trader) -> None:
        """The same in mode LIVE, with its owner's approval, its twin on paper, and the password."""
        self.post("/v1/accounts/me/live-trading-requests", {"reason": WHY})
        account = self.get("/v1/accounts/me")["account_id"]
        approver.post(f"/v1/accounts/{account}/live-trading-approvals", {"reason": WHY})
        for symbol in symbols:
            self.post("/v1/bots", self._terms(symbol))
            bot = self.bot(symbol)
            act = self._passed(bot, "LIVE")
            entered = {"password": self.password, "bot_id": bot, "act": act}
            self.post("/v1/sessions/current/step-ups", entered)
            assert self.post(f"/v1/bots/{bot}/modes", act)["mode"] == "LIVE"
            self.post(f"/v1/bots/{bot}/starts")

    def bot(self, symbol: str) -> str:
        """One that buys when the price rises and sells when it falls, from its second candle on."""
        made = self.post("/v1/bots", {**self._terms(symbol), "venue_account_id": self.account})
        self.bots[symbol] = str(made["bot_id"])
        return self.bots[symbol]

    def _terms(self, symbol: str) -> dict[str, Any]:
        return {
            "name": f"rehearsal of {symbol}",
            "strategy": "ema_crossover",
            "parameters": {"fast": "1", "slow": "2", "warm_up": "1"},
            "symbol": symbol,
            "interval": "1s",
            "source": self.venue,
            "allocation": ALLOCATION,
            "stop_loss_bps": 5_000,
        }

    def _passed(self, bot: str, mode: str) -> dict[str, str]:
        """The change of mode that a pre-flight says GO to, once it sees the twin on paper: the read models
        come after the log.
        """
        reports: list[Any] = []

        def says_go() -> bool:
            reports.append(self.post(f"/v1/bots/{bot}/preflights", {"for_mode": mode}))
            return bool(reports[-1]["verdict"] == "GO")

        try:
            until(says_go, "a pre-flight to say GO", patience_s=REST_S)
        except AssertionError as failure:
            failure.add_note(str(reports[-1]))
            raise
        return {"to": mode, "reason": WHY, "preflight_id": reports[-1]["preflight_id"]}


class LiveHouse:
    """The platform on one database, and the venues that it knows, ann's account at each of them."""

    def __init__(
        self,
        evenkeel: Evenkeel,
        folder: Path,
        *,
        venues: Iterable[str] = ("simulator",),
        database_url: str = "",
        of: LiveHouse | None = None,
    ) -> None:
        """`of`: another house, of which this one is a copy, venues and all; nothing of it runs meanwhile."""
        self.evenkeel, self.folder = evenkeel, folder
        self._resources = ExitStack()
        if of is not None:
            copytree(of.folder / "var", folder / "var")
            venues = of.venues
        self.venues: dict[str, Venue] = {name: self._venue(name) for name in venues}
        self.database_url = database_url or f"sqlite:///{folder}/var/evenkeel.db"
        self.variables = {
            "EVENKEEL_DATA_DIR": str(folder / "var"),
            "EVENKEEL_SIMULATORS": ",".join(venue.setting for venue in self.venues.values()),
            "EVENKEEL_LIVE_VENUES": ",".join(self.venues),
            "EVENKEEL_FEED_POLL_S": "0.2",
            "EVENKEEL_FEED_STALE_S": "3600",  # an outage is the test's to end
            "EVENKEEL_VENUE_TIMEOUT_MS": "1500",
            "EVENKEEL_RECONCILE_EVERY_MINUTES": "0",
            "EVENKEEL_LIVE_PAPER_DAYS": "0",
            "EVENKEEL_LIVE_PAPER_TRADES": "0",
            "EVENKEEL_LIVE_PAPER_LEAST_PROFIT_FACTOR": "0",
        }
        self.server: Server

    def _venue(self, name: str) -> Venue:
        venue = Venue(self.evenkeel, self.folder / "var" / f"{name}.journal", name)
        self._resources.callback(venue.client.close)
        return venue

    @property
    def venue(self) -> Venue:
        """Of a house with one."""
        (only,) = self.venues.values()
        return only

    def close(self) -> None:
        self._resources.close()

    def stop(self) -> None:
        """The platform and its venues, in order."""
        for process in (self.server.process, *(venue.process for venue in self.venues.values())):
            assert process.signal(signal.SIGTERM) == 0

    def roles(self, *roles: str) -> list[Process]:
        """Those of production, each a process, on PostgreSQL."""
        where = ("--database-url", self.database_url, "--metrics-port", "0")
        return [self.evenkeel.start(role, *where, **self.variables) for role in roles]

    def serve(self, **more: str) -> Server:
        self.server = self.evenkeel.serve(self.database_url, **self.variables, **more)
        return self.server

    def cli(self, *words: str) -> Any:
        return self.run(*words).json

    def run(self, *words: str) -> Process:
        """A command, to its end, which may be a refusal."""
        return self.evenkeel.run(*words, "--json", "--database-url", self.database_url, **self.variables)

    def trader(self, email: str = "ann@example.org", role: str = "trader") -> Trader:
        password = self.cli("users", "create", email, "--role", role)["password"]
        return self.signed_in(Trader(email, password))

    def signed_in(self, trader: Trader) -> Trader:
        """Also after a restart: the address is another one then."""
        with self.server.client() as client:
            given = {"email": trader.email, "password": trader.password}
            answer = client.post("/v1/sessions", json=given)
        assert answer.status_code == 201, answer.text
        trader.client = self._resources.enter_context(self.server.client(answer.json()["token"]))
        return trader

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """As of the server's process; a failure shows the orders and what the server warned of."""
        try:
            return self.server.process.until(condition, what)
        except AssertionError as failure:
            for order in self.orders():
                failure.add_note(str(order))
            failure.add_note("\n".join(self.warnings()[-20:]))
            raise

    def warnings(self) -> list[str]:
        return [line for line in self.server.process.err.splitlines() if '"level": "info"' not in line]

    # -- what is looked at ---------------------------------------------------------------------------------

    def orders(self, symbol: str = "") -> list[dict[str, Any]]:
        """Of the read model, oldest first."""
        names = ("client_order_id", "venue_account", "symbol", "side", "status", "needs_review")
        found = books.rows(self.database_url, f"SELECT {', '.join(names)} FROM orders ORDER BY position")
        every = [dict(zip(names, row, strict=True)) for row in found]
        return [order for order in every if symbol in ("", order["symbol"])]

    def statuses(self, account: str = "") -> dict[str, str]:
        """Of the newest order of each pair."""
        every = self.orders()
        return {one["symbol"]: one["status"] for one in every if account in ("", one["venue_account"])}

    def see_a_candle(self) -> None:
        """Wait until every bot that runs has seen one: then it can tell a rise from a fall."""
        wanted = time.time() * 1000
        query = "SELECT max(open_time_ms) FROM candles GROUP BY source"

        def have_seen() -> bool:
            newest = books.rows(self.database_url, query)
            return len(newest) >= len(self.venues) and all(at > wanted for (at,) in newest)

        self.until(have_seen, "every bot to see a candle")

    def stored(self, streams: str = "%") -> list[str]:
        """The names of the events in those streams, past the read models, which may be behind."""
        query = (
            f"SELECT state FROM stored_events WHERE originator_id LIKE '{streams}' ORDER BY notification_id"
        )
        return [json.loads(bytes(state))["name"] for (state,) in books.rows(self.database_url, query)]

    def is_open(self) -> bool:
        """Whether bots may send: recovered, and the books agree with the venue."""
        return "is open" in self.server.process.err

    def sound(self, *traders: Trader) -> None:
        """Everything agrees with the venues' own journals to the last unit: safety O3, O4, O6, O8.

        In the end, that is: an order may be on its way while the market already stands still, and the read
        models come after the log. Balances come with it: they are whole at every look.
        """
        until(lambda: self.run("ledger", "reconcile").code == 0, "the books to agree", patience_s=REST_S)
        assert self.cli("log", "verify")["intact"] is True
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for asset, amount in books.rows(self.database_url, "SELECT asset, amount FROM balances"):
            sums[asset] += Decimal(amount)
        assert not any(sums.values()), "O3"
        in_the_end(lambda: self._all_agree(traders), patience_s=REST_S)

    def _all_agree(self, traders: Iterable[Trader]) -> None:
        for trader in traders:
            self.agrees(trader.account, self.venues[trader.venue].truth())

    def agrees(self, account: str, truth: Any) -> None:
        """One account: orders, fills and balances."""
        intents = dict(self._rows("client_order_id, status", "orders", account))
        sent = [order["clientOrderId"] for order in truth["orders"]]
        assert len(sent) == len(set(sent)), "an order was sent twice"
        assert set(sent) <= intents.keys(), "the venue has orders that nobody intended (O8)"
        unsent = {order: intents[order] for order in intents.keys() - set(sent)}
        assert set(unsent.values()) <= {"refused"}, unsent
        booked = self._rows("symbol, venue_trade_id, base_quantity, price_quote_per_base", "fills", account)
        ours = sorted((symbol.replace("/", ""), trade, qty, price) for symbol, trade, qty, price in booked)
        theirs = [(one["symbol"], str(one["id"]), one["qty"], one["price"]) for one in truth["trades"]]
        assert [_exact(fill) for fill in ours] == sorted(_exact(fill) for fill in theirs), "O6"
        assert self.custody(account) == _totals(truth["balances"]), "O4"

    def custody(self, account: str) -> dict[str, Decimal]:
        found = self._rows("asset, amount", "balances", account, column="account", prefix="custody:")
        return {asset: Decimal(amount) for asset, amount in found if Decimal(amount)}

    def owed(self) -> list[tuple[Any, ...]]:
        """Every owner's accounts."""
        query = "SELECT book_id, account, asset, amount FROM balances WHERE account LIKE 'owner:%'"
        return sorted(books.rows(self.database_url, query))

    def _rows(
        self, names: str, table: str, account: str, *, column: str = "venue_account", prefix: str = ""
    ) -> list[tuple[Any, ...]]:
        query = f"SELECT {names} FROM {table} WHERE {column} = '{prefix}{account}'"
        return books.rows(self.database_url, query)


def _joined(symbol: str) -> str:
    """As the venue writes it."""
    return symbol.replace("/", "")


def _exact(fill: tuple[str, str, Any, Any]) -> tuple[str, str, Decimal, Decimal]:
    symbol, trade, quantity, price = fill
    return symbol, trade, Decimal(quantity), Decimal(price)


def _totals(balances: Mapping[str, Mapping[str, str]]) -> dict[str, Decimal]:
    totals = {asset: Decimal(held["free"]) + Decimal(held["locked"]) for asset, held in balances.items()}
    return {asset: total for asset, total in totals.items() if total}
