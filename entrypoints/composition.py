"""The one place that pairs ports with adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic, sleep
from typing import Any, Literal
from uuid import uuid4

from dependency_injector import containers, providers

from adapters.exchanges.paper.venue import PaperExchange
from adapters.market_data.feeds import LiveFeed, ReplayFeed, parse_speed
from adapters.market_data.synthetic import SOURCE as SYNTHETIC
from adapters.metrics.counted_bus import CountedBus
from adapters.metrics.prometheus import Metrics
from adapters.metrics.venues import VenueMetrics
from adapters.notifications.log_notifier import LogNotifier
from adapters.observability.bot_log import BotLog
from adapters.observability.command_log import LoggedBus
from adapters.observability.http_errors import HttpErrorLog
from adapters.persistence.candle_store import SqlCandleStore
from adapters.persistence.database import Database, open_database, sqlite_path
from adapters.persistence.envelopes import SqlEnvelopes
from adapters.persistence.event_log import EventStore, open_event_store
from adapters.persistence.identities import SqlIdentities
from adapters.persistence.leases import SqlLeases
from adapters.persistence.outbox import SqlOutbox
from adapters.persistence.paper_store import SqlPaperStore
from adapters.persistence.projector import Projector
from adapters.persistence.read_models import SqlReadModels
from adapters.persistence.seals import SqlSeals
from adapters.persistence.sessions import SqlSessions
from adapters.persistence.shard_layout import Shard, ShardsNeedPostgres
from adapters.persistence.shards.elsewhere import Elsewhere
from adapters.persistence.step_ups import SqlStepUps
from adapters.secrets.passwords import Argon2Passwords
from adapters.secrets.tokens import SystemTokens
from adapters.secrets.vault import EnvelopeVault
from adapters.venue_statements.files import open_statement
from application.accounts.sign_in import Authenticate, Registration, SignIn
from application.accounts.step_up import PasswordStepUp
from application.bots.followed_series import followers
from application.liabilities.publications import Publications
from application.live.account_facts import AccountFacts
from application.live.preflight import Preflight, PreflightService
from application.market_data.download_candles import DownloadCandles
from application.market_data.import_candles import ImportCandles
from application.paper.accounts import PaperAccountService
from application.ports.candle_feed import CandleFeed
from application.ports.candle_reader import CandleFile
from application.ports.candle_source import CandleSource
from application.ports.candle_store import CandleStore, Series
from application.ports.clock import Clock
from application.ports.commands import CommandBus
from application.ports.event_log import EventLog
from application.ports.identities import Identities
from application.ports.read_models import ReadModels
from application.ports.vault import VenueKeys
from application.ports.venue_credentials import CredentialsOf
from application.ports.venue_observer import VenueObserver
from application.reconciliation.reconcile import Reconcile
from application.reconciliation.sources import VenueStatements
from application.services import Services
from application.transfers.send import Transfers
from application.venue_accounts.keys import StoredVenueKeys, VenueKeyService, credentials_of
from application.venues.all_statements import AllStatements
from application.venues.check_account import CheckAccount
from application.venues.desk import Account
from application.venues.statements import AccountStatements
from domain.errors import DomainError
from entrypoints.backup_age import backup_watch
from entrypoints.checkpoints import contradiction, salts_of, vault_key_of
from entrypoints.clock import SystemClock
from entrypoints.health import PlatformHealth
from entrypoints.live_gate import daily_loss_limit, preflight_terms, secret_problems
from entrypoints.maintenance import DatabaseMaintenance
from entrypoints.observers import BotObservers, HttpObservers
from entrypoints.settings import PREFIX, InvalidSettings, Settings
from entrypoints.shards import opened_shards
from entrypoints.synthetic_feed import SyntheticFeed
from entrypoints.venue_log import VenueLog
from entrypoints.venues import Venues, address_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a process opens the platform."""

    role: Literal["writer", "reader"] = "writer"
    inline: bool = False  # commands run in their caller's thread, one commit each
    synchronous: Literal["FULL", "OFF"] = "FULL"  # OFF: a throwaway SQLite file
    observed: bool = True  # commands are counted and logged
    clock: Clock | None = None  # None: the wall clock
    unchecked: bool = False  # the log is not held against its checkpoints: to recover, and throwaway files
    own_paper_accounts: bool = False  # no other process trades on the accounts that this one trades on


def _paper_store(database: Database, plan: Plan) -> SqlPaperStore:
    """Accounts that are shared (PostgreSQL) are asked for with every candle; our own are not."""
    return SqlPaperStore(database, exclusive=True if plan.own_paper_accounts else None)


def _database(settings: Settings, plan: Plan, shard: Shard) -> Iterator[Database]:
    database = open_database(
        settings.database,
        role=plan.role,
        synchronous=plan.synchronous,
        lock_timeout_ms=settings.lock_timeout_ms,
        statement_timeout_ms=settings.statement_timeout_ms,
        pool_size=settings.database_pool_connections,
        shard=shard,
    )
    yield database
    database.close()


def _store(
    settings: Settings,
    database: Database,
    clock: Clock,
    metrics: Metrics,
    plan: Plan,
    elsewhere: Elsewhere | None,
) -> Iterator[EventStore]:
    observer = metrics if plan.observed else None
    shut = (
        contradiction(settings, database, deep=not plan.inline)
        if plan.role == "writer" and not plan.unchecked
        else ""
    )
    store = open_event_store(
        database, clock=clock, observer=observer, inline=plan.inline, shut=shut, elsewhere=elsewhere
    )
    yield store
    store.close()


def _log(store: EventStore) -> EventLog:
    return store.log


def _transfers(bus: CommandBus, log: EventLog, paper_accounts: PaperAccountService) -> Transfers:
    return Transfers(bus, log, paper_accounts.make_venue_follow)


def _bus(store: EventStore, metrics: Metrics, plan: Plan) -> CommandBus:
    return LoggedBus(CountedBus(store.bus, metrics)) if plan.observed else store.bus


def _projector(database: Database, plan: Plan) -> Projector | None:
    return Projector(database) if plan.role == "writer" else None


def _clock(plan: Plan) -> Clock:
    return plan.clock or SystemClock()


def _health(
    settings: Settings,
    database: Database,
    maintenance: DatabaseMaintenance,
    metrics: Metrics,
    leases: SqlLeases,
) -> PlatformHealth:
    return PlatformHealth(
        database,
        maintenance,
        most_lag_events=settings.ready_lag_events,
        oldest_heartbeat_s=settings.ready_heartbeat_s,
        oldest_seal_s=settings.ready_seal_age_s,
        bot_ages_s=metrics.bot_ages_seconds,
        followers=lambda: followers(leases),
        backups=backup_watch(settings),
    )


def _wall_clock_sources(settings: Settings) -> frozenset[str]:
    return settings.venues_followed_live


def _live_sources(settings: Settings) -> frozenset[str]:
    return settings.venues_followed_live | {SYNTHETIC}


def _open_feed(settings: Settings, candles: CandleStore, clock: Clock) -> Callable[[Series], CandleFeed]:
    live, speed = settings.venues_followed_live, parse_speed(settings.replay_speed)
    loaded: dict[str, Any] = {}

    def open_feed(series: Series) -> CandleFeed:
        if series.source == SYNTHETIC:
            return SyntheticFeed(candles, clock, candles_per_s=settings.synthetic_candles_per_s)
        if series.source in live:
            source = _venue_candles(settings, series.source, clock, loaded)
            return LiveFeed(source, candles, poll_s=settings.feed_poll_s, clock=clock)
        return ReplayFeed(candles, speed=speed)

    return open_feed


def _downloader(settings: Settings, candles: CandleStore, clock: Clock) -> Callable[[str], DownloadCandles]:
    loaded: dict[str, Any] = {}
    return lambda venue: DownloadCandles(
        candles, _venue_candles(settings, venue, clock, loaded), clock, monotonic
    )


def _read_candles(
    path: str, *, interval: str | None = None, from_ms: int | None = None, until_ms: int | None = None
) -> CandleFile:
    from adapters.market_data.files import read_candles  # parquet is a large library

    return read_candles(path, interval=interval, from_ms=from_ms, until_ms=until_ms)


def _venue_candles(
    settings: Settings, venue: str, clock: Clock, loaded: MutableMapping[str, Any]
) -> CandleSource:
    from adapters.exchanges.ccxt.candles import CcxtCandles  # takes a second: only who needs a venue waits

    return CcxtCandles(address_of(settings, venue), clock, loaded=loaded)


def require_live_venues(settings: Settings) -> None:
    """Raises InvalidSettings where one of them is none, before a bot waits for its candles in vain."""
    if not settings.venues_followed_live:
        return
    from adapters.exchanges.ccxt.candles import require_candles_of

    for venue in sorted(settings.venues_followed_live):
        try:
            require_candles_of(address_of(settings, venue))
        except DomainError as problem:
            raise InvalidSettings(f"{PREFIX}LIVE_VENUES: {problem}") from None


def _venues(settings: Settings, credentials_of: CredentialsOf, observer: VenueObserver) -> Iterator[Venues]:
    venues = Venues(settings, credentials_of, observer)
    yield venues
    venues.close()


def _account_statements(
    settings: Settings, venues: Venues, views: ReadModels, clock: Clock
) -> Callable[[Account], AccountStatements]:
    def statements(account: Account) -> AccountStatements:
        venue, venue_account = account
        return AccountStatements(
            venues.exchange(venue), lambda: [venue_account], views, clock, dust=settings.dust
        )

    return statements


def _account_check(
    log: EventLog, reconcile: Reconcile, statements: Callable[[Account], AccountStatements]
) -> CheckAccount:
    return CheckAccount(log, reconcile, statements, lambda: uuid4().hex)


def _preflight(
    settings: Settings,
    log: EventLog,
    views: ReadModels,
    venues: Venues,
    keys: VenueKeys,
    identities: Identities,
) -> Preflight:
    return Preflight(
        log,
        views,
        AccountFacts(venues, venues, keys),
        preflight_terms(settings),
        partial(secret_problems, settings, identities),
        partial(daily_loss_limit, log),
    )


def _venue_statements(exchange: PaperExchange) -> VenueStatements:
    return VenueStatements(exchange, lambda: [account.venue_account for account in exchange.accounts()])


class Container(containers.DeclarativeContainer):
    """Everything a process is made of. Resources are opened in order and closed in reverse.

    No wiring and no @inject anywhere: what is below takes constructor arguments.
    """

    settings = providers.Dependency(instance_of=Settings)
    plan = providers.Dependency(instance_of=Plan)
    shard = providers.Object(Shard())
    elsewhere: providers.Object[Elsewhere | None] = providers.Object(
        None
    )  # of one shard of several: what its commands may read of the others
    cells: providers.Object[tuple[Any, ...]] = providers.Object(())

    clock = providers.Singleton(_clock, plan)
    metrics = providers.Singleton(Metrics)
    tokens = providers.Singleton(SystemTokens)
    hasher = providers.Singleton(Argon2Passwords)
    notifier = providers.Singleton(LogNotifier)
    http_observer = providers.Singleton(
        HttpObservers, providers.List(metrics, providers.Singleton(HttpErrorLog))
    )
    bot_observer = providers.Singleton(BotObservers, providers.List(metrics, providers.Singleton(BotLog)))

    database = providers.Resource(_database, settings, plan, shard)
    store = providers.Resource(_store, settings, database, clock, metrics, plan, elsewhere)
    log = providers.Singleton(_log, store)
    bus = providers.Singleton(_bus, store, metrics, plan)

    views = providers.Singleton(SqlReadModels, database)
    seals = providers.Singleton(SqlSeals, database)
    candles = providers.Singleton(SqlCandleStore, database)
    identities = providers.Singleton(SqlIdentities, database)
    sessions = providers.Singleton(SqlSessions, database)
    leases = providers.Singleton(SqlLeases, database, clock)
    outbox = providers.Singleton(SqlOutbox, database, clock)
    exchange = providers.Singleton(PaperExchange, providers.Singleton(_paper_store, database, plan))
    open_feed = providers.Singleton(_open_feed, settings, candles, clock)
    projector = providers.Singleton(_projector, database, plan)
    maintenance = providers.Singleton(DatabaseMaintenance, database, projector)
    health = providers.Singleton(_health, settings, database, maintenance, metrics, leases)

    vault = providers.Singleton(
        EnvelopeVault,
        providers.Singleton(SqlEnvelopes, database),
        providers.Singleton(vault_key_of, settings),
        clock,
    )
    venue_keys = providers.Singleton(StoredVenueKeys, log, vault)
    credentials_of = providers.Singleton(credentials_of, venue_keys)  # what adapters of venues sign with
    venue_observer = providers.Singleton(
        VenueLog, providers.Singleton(VenueMetrics, metrics.provided.registry)
    )
    venues = providers.Resource(_venues, settings, credentials_of, venue_observer)

    paper_accounts = providers.Singleton(PaperAccountService, bus, log, exchange)
    reconcile = providers.Singleton(Reconcile, log, bus, clock, providers.Object(sleep))
    account_statements = providers.Singleton(_account_statements, settings, venues, views, clock)
    account_check = providers.Singleton(_account_check, log, reconcile, account_statements)
    venue_statements = providers.Singleton(
        AllStatements, providers.Singleton(_venue_statements, exchange), log, account_statements
    )
    transfers = providers.Singleton(_transfers, bus, log, paper_accounts)
    import_candles = providers.Singleton(ImportCandles, candles, providers.Object(_read_candles), monotonic)
    download_candles = providers.Singleton(_downloader, settings, candles, clock)
    live_sources = providers.Singleton(_live_sources, settings)
    wall_clock_sources = providers.Singleton(_wall_clock_sources, settings)

    liabilities = providers.Singleton(Publications, log, seals, providers.Singleton(salts_of, settings))

    step_up = providers.Singleton(
        PasswordStepUp, identities, hasher, providers.Singleton(SqlStepUps, database), tokens, clock
    )
    preflight = providers.Singleton(_preflight, settings, log, views, venues, venue_keys, identities)

    services = providers.Singleton(
        Services,
        clock=clock,
        log=log,
        bus=bus,
        views=views,
        seals=seals,
        liabilities=liabilities,
        candles=candles,
        identities=identities,
        sessions=sessions,
        register=providers.Singleton(Registration, bus, identities, hasher, tokens, clock),
        sign_in=providers.Singleton(SignIn, identities, sessions, hasher, tokens, clock),
        authenticate=providers.Singleton(Authenticate, sessions, clock),
        paper_accounts=paper_accounts,
        paper_venue=exchange,
        reconcile=reconcile,
        venue_statements=venue_statements,
        transfers=transfers,
        venue_keys=providers.Singleton(
            VenueKeyService, log, bus, clock, vault, venues, venues.provided.forget_key
        ),
        step_up=step_up,
        preflights=providers.Singleton(PreflightService, bus, clock, preflight),
        health=health,
        open_statement=providers.Object(open_statement),
        live_sources=live_sources,
        wall_clock_sources=wall_clock_sources,
    )


def cells(container: Container) -> Sequence[Container]:
    """One a shard: what runs beside the faces (projector, sealer, bots, outbox) runs once in each."""
    return container.cells() or (container,)


@contextmanager
def opened(settings: Settings, plan: Plan) -> Iterator[Container]:
    """The platform over one open database; closed, whatever happens, on the way out.

    Errors: those of open_database.
    """
    if settings.shards > 1 and sqlite_path(settings.database) is None:
        with opened_shards(Container, settings, plan) as front:
            yield front
        return
    if settings.shards > 1:
        raise ShardsNeedPostgres(asked=settings.shards)
    container = Container(settings=settings, plan=plan)
    container.metrics()  # before anything reports to it
    try:
        container.init_resources()
        yield container
    finally:
        container.shutdown_resources()
