"""The application over a real stack on any engine: log, bus, read models, paper venue, candles."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from httpx import ASGITransport, AsyncClient
from litestar import Litestar

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from adapters.http.app import create_app
from adapters.http.options import HttpOptions
from adapters.market_data.memory_candle_store import MemoryCandleStore
from adapters.persistence.candle_store import SqlCandleStore
from adapters.persistence.database import Database, open_database
from adapters.persistence.envelopes import MemoryEnvelopes, SqlEnvelopes
from adapters.persistence.event_log import EventStore, memory_event_store, open_event_store
from adapters.persistence.identities import MemoryIdentities, SqlIdentities
from adapters.persistence.memory_seals import MemorySeals
from adapters.persistence.paper_store import SqlPaperStore
from adapters.persistence.projector import Projector
from adapters.persistence.read_models import MemoryReadModels, SqlReadModels
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.seals import SqlSeals
from adapters.persistence.sessions import MemorySessions, SqlSessions
from adapters.persistence.step_ups import MemoryStepUps, SqlStepUps
from adapters.secrets.tokens import SystemTokens
from adapters.secrets.vault import EnvelopeVault, MasterKeyFile
from adapters.venue_statements.files import open_statement
from application.accounts.commands import GrantRole
from application.accounts.sign_in import Authenticate, Registration, SignIn
from application.accounts.step_up import PasswordStepUp
from application.liabilities.publications import Publications
from application.live.preflight import Preflight, PreflightService, PreflightTerms
from application.live.validation import Criteria
from application.paper.accounts import PaperAccountService
from application.ports.candle_store import CandleStore
from application.ports.clock import ManualClock
from application.ports.commands import Caller, Command, Outcome
from application.ports.event_log import Position
from application.ports.identities import Identities, Sessions
from application.ports.paper_store import PaperStore
from application.ports.read_models import EVERYTHING, Narrowed, Page, ReadModels
from application.ports.seals import Seals
from application.ports.step_up import StepUps
from application.ports.vault import Envelopes
from application.reconciliation.reconcile import Reconcile
from application.reconciliation.sources import VenueStatements
from application.services import Check, Services
from application.transfers.send import Transfers
from application.venue_accounts.keys import VenueKeyService
from tests.adapters.http.documented import documented
from tests.venue_fakes import FakeFacts, FakeInspector

BASE_URL = "https://evenkeel.test"
PASSWORD = "a calm sea and a steady hand"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Response = Any
R = TypeVar("R")


class PlainPasswords:
    """Fast on purpose: Argon2id has its own tests."""

    dummy_hash = "plain:nothing"

    def hash(self, password: str) -> str:
        return f"plain:{password[::-1]}"

    def verify(self, password: str, password_hash: str) -> bool:
        return self.hash(password) == password_hash

    def needs_rehash(self, password_hash: str) -> bool:
        return False


class PlainSalts:
    """The same in every run."""

    def salt(self, context: str) -> bytes:
        return hashlib.sha256(context.encode()).digest()


@dataclass
class Health:
    checks: list[Check] = field(default_factory=lambda: [Check("database", "ok", "")])

    def ready(self) -> Sequence[Check]:
        return self.checks

    def details(self) -> Mapping[str, Any]:
        return {"checks": [check.name for check in self.checks]}


@dataclass
class Observer:
    finished: list[tuple[str, str, int]] = field(default_factory=list)
    timed: list[bool] = field(default_factory=list)
    errors: list[tuple[BaseException, str]] = field(default_factory=list)

    def request_finished(self, method: str, route_template: str, status: int, seconds: float | None) -> None:
        self.finished.append((method, route_template, status))
        self.timed.append(seconds is not None)

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        self.errors.append((error, request_id))


@dataclass
class Gate:
    """What a pre-flight hears of venue and installation."""

    facts: FakeFacts = field(default_factory=FakeFacts)
    secrets: list[str] = field(default_factory=list)
    daily_loss_limit: int | None = 300


@dataclass
class Stack:
    """A running application and what lies under it."""

    services: Services
    app: Litestar
    client: AsyncClient
    clock: ManualClock
    venue: PaperExchange
    candles: CandleStore
    health: Health
    observer: Observer
    sessions: Sessions
    hasher: PlainPasswords
    inspector: FakeInspector
    gate: Gate

    def command(self, command: Command, *, name: str | None = None) -> Outcome:
        """What the worker would do, past HTTP."""
        caller = Caller(actor="system:test", command_id=name or new_key(), correlation_id="test")
        return self.services.bus.execute(command, caller)

    async def person(self, email: str, *roles: str) -> Person:
        answer = await self.client.post(
            "/v1/accounts",
            json={"email": email, "password": PASSWORD},
            headers={"Idempotency-Key": new_key()},
        )
        assert answer.status_code == 201, answer.text
        account_id = answer.json()["account_id"]
        for role in roles:
            self.command(GrantRole(account_id, role, "system:test")).unwrap()
        return await self.signed_in(email, account_id)

    async def signed_in(self, email: str, account_id: str) -> Person:
        answer = await self.client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.client.cookies.clear()
        return Person(self.client, account_id, email, answer.json()["token"], answer.json()["session_id"])


@dataclass
class Person:
    """Somebody signed in, as a program: with a Bearer token."""

    client: AsyncClient
    account_id: str
    email: str
    token: str
    session_id: str

    async def get(self, path: str, **headers: str) -> Response:
        return await self.client.get(path, headers=self._headers(headers))

    async def delete(self, path: str) -> Response:
        return await self.client.delete(path, headers=self._headers({}))

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Response:
        sent = {"Idempotency-Key": key or new_key(), **headers}
        return await self.client.post(path, json={} if body is None else body, headers=self._headers(sent))

    async def paper_account(self, *balances: str, **terms: str) -> str:
        """A paper account with balances such as "1000 USDT"."""
        money = [dict(zip(("amount", "asset"), text.split(), strict=True)) for text in balances]
        answer = await self.post("/v1/paper-accounts", {"balances": money, "terms": terms})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["paper_account_id"])

    async def bot(self, **fields: Any) -> str:
        answer = await self.post("/v1/bots", {**BOT, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["bot_id"])

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token}", **named}


BOT = {
    "name": "steady",
    "strategy": "ema_crossover",
    "parameters": {"fast": "3", "slow": "8"},
    "symbol": "BTC/USDT",
    "interval": "1h",
    "source": "binance",
    "allocation": "500",
}


def new_key() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Parts:
    """What differs between engines."""

    store: EventStore
    views: ReadModels
    candles: CandleStore
    identities: Identities
    sessions: Sessions
    paper: PaperStore
    seals: Seals
    envelopes: Envelopes
    step_ups: StepUps


@asynccontextmanager
async def open_stack(
    options: HttpOptions | None = None, *, base_url: str = BASE_URL, url: str = ""
) -> AsyncIterator[Stack]:
    """In memory, or on the database of that URL, whose tables are there."""
    clock = ManualClock(START)
    with (
        _stored(url, clock) if url else _in_memory(clock) as parts,
        tempfile.TemporaryDirectory(prefix="evenkeel-vault-") as folder,
    ):
        async with _serving(clock, parts, options, base_url, Path(folder)) as stack:
            yield stack


@contextmanager
def _in_memory(clock: ManualClock) -> Iterator[Parts]:
    with memory_event_store(clock, inline=False) as store:
        assert isinstance(store.recorder, MemoryRecorder)
        yield Parts(
            store,
            MemoryReadModels(store.log),
            MemoryCandleStore(),
            MemoryIdentities(),
            MemorySessions(),
            MemoryPaperStore(),
            MemorySeals(store.recorder),
            MemoryEnvelopes(),
            MemoryStepUps(),
        )


@contextmanager
def _stored(url: str, clock: ManualClock) -> Iterator[Parts]:
    with open_database(url, synchronous="OFF") as db, open_event_store(db, clock=clock) as store:
        projector = Projector(db)
        yield Parts(
            store,
            Folded(db, projector),
            SqlCandleStore(db),
            SqlIdentities(db),
            SqlSessions(db),
            SqlPaperStore(db),
            SqlSeals(db),
            SqlEnvelopes(db),
            SqlStepUps(db),
        )


class Folded(SqlReadModels):
    """Read models that are brought up to date whenever they are asked, so that no test has to wait."""

    def __init__(self, db: Database, projector: Projector) -> None:
        super().__init__(db)
        self._projector = projector

    def get(self, kind: type[R], *key: Any) -> R | None:
        self._projector.catch_up()
        return super().get(kind, *key)

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        self._projector.catch_up()
        return super().where(kind, **equal)

    def page(
        self,
        kind: type[R],
        *,
        equal: Mapping[str, Any],
        narrowed: Narrowed = EVERYTHING,
        before: Position | None = None,
        limit: int = 50,
    ) -> Page[R]:
        self._projector.catch_up()
        return super().page(kind, equal=equal, narrowed=narrowed, before=before, limit=limit)

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        self._projector.catch_up()
        return super().wait_for(position, timeout_s=timeout_s)


@asynccontextmanager
async def _serving(
    clock: ManualClock, parts: Parts, options: HttpOptions | None, base_url: str, folder: Path
) -> AsyncIterator[Stack]:
    store, identities, sessions = parts.store, parts.identities, parts.sessions
    venue, health, observer = PaperExchange(parts.paper), Health(), Observer()
    hasher, tokens = PlainPasswords(), SystemTokens()
    paper_accounts = PaperAccountService(store.bus, store.log, venue)
    inspector, gate = FakeInspector(), Gate()
    preflight = Preflight(
        store.log,
        parts.views,
        gate.facts,
        PreflightTerms(
            criteria=Criteria(least_days=0, least_trades=0, least_profit_factor=Decimal(0)),
            test_venues=frozenset({"simulator"}),
            live_sources=frozenset({"binance"}),
        ),
        lambda: gate.secrets,
        lambda _bot: gate.daily_loss_limit,
    )
    master = MasterKeyFile(folder / "test.vault")
    vault = EnvelopeVault(parts.envelopes, master, clock)
    services = Services(
        clock=clock,
        log=store.log,
        bus=store.bus,
        views=parts.views,
        seals=parts.seals,
        liabilities=Publications(store.log, parts.seals, PlainSalts()),
        candles=parts.candles,
        identities=identities,
        sessions=sessions,
        register=Registration(store.bus, identities, hasher, tokens, clock),
        sign_in=SignIn(identities, sessions, hasher, tokens, clock),
        authenticate=Authenticate(sessions, clock),
        paper_accounts=paper_accounts,
        paper_venue=venue,
        reconcile=Reconcile(store.log, store.bus, clock, lambda _seconds: None),
        venue_statements=VenueStatements(venue, lambda: [one.venue_account for one in venue.accounts()]),
        transfers=Transfers(store.bus, store.log, paper_accounts.make_venue_follow),
        venue_keys=VenueKeyService(store.log, store.bus, clock, vault, inspector),
        step_up=PasswordStepUp(identities, hasher, parts.step_ups, tokens, clock),
        preflights=PreflightService(store.bus, clock, preflight),
        health=health,
        open_statement=open_statement,
        live_sources=frozenset({"synthetic"}),
    )
    fast = options or HttpOptions(password_backlog=200, stream_poll_s=0.01, stream_coalesce_s=0.05)
    app = create_app(services, options=fast, observer=observer)
    # not Litestar's test client: it runs the application in another loop, and streams live in one
    transport = ASGITransport(app)  # type: ignore[arg-type]

    async def is_documented(response: Response) -> None:
        await response.aread()
        (await documented(transport, base_url)).check(response)

    hooks = {"response": [is_documented]}
    async with (
        _running(app),
        AsyncClient(transport=transport, base_url=base_url, event_hooks=hooks) as client,
    ):
        yield Stack(
            services,
            app,
            client,
            clock,
            venue,
            parts.candles,
            health,
            observer,
            sessions,
            hasher,
            inspector,
            gate,
        )


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """Started, and stopped in the same task: a fixture is set up in one and torn down in another."""
    started, stopping = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with app.lifespan():
            started.set()
            await stopping.wait()

    task = asyncio.create_task(run())
    await started.wait()
    try:
        yield
    finally:
        stopping.set()
        await task
