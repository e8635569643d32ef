"""What the faces (HTTP, CLI, worker) work with, put together by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from application.accounts.sign_in import Authenticate, Registration, SignIn
from application.liabilities.publications import Publications
from application.paper.accounts import PaperAccountService
from application.ports.account_reports import Reconciler, StatementSource
from application.ports.candle_store import CandleStore
from application.ports.clock import Clock
from application.ports.commands import CommandBus
from application.ports.event_log import EventLog
from application.ports.identities import Identities, Sessions
from application.ports.paper_accounts import PaperAccounts
from application.ports.preflights import Preflights
from application.ports.read_models import ReadModels
from application.ports.seals import Seals
from application.ports.step_up import StepUp
from application.ports.venue_key_desk import VenueKeyDesk
from application.ports.venue_statements import OpenStatement
from application.transfers.send import Transfers


@dataclass(frozen=True, slots=True)
class Check:
    """One part's health: ok, degraded or failed, and in a few words why."""

    name: str
    status: str
    detail: str


class Health(Protocol):
    """What /readyz and the operators' health page ask. Never blocks longer than a second."""

    def ready(self) -> Sequence[Check]:
        """Database, migration head, projection lag, worker heartbeat."""
        ...

    def details(self) -> Mapping[str, Any]:
        """Each part, each connector, memory, uptime; JSON values only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a face may use. Faces hold no state of their own."""

    clock: Clock
    log: EventLog
    bus: CommandBus
    views: ReadModels
    seals: Seals
    liabilities: Publications
    candles: CandleStore
    identities: Identities
    sessions: Sessions
    register: Registration
    sign_in: SignIn
    authenticate: Authenticate
    paper_accounts: PaperAccountService
    paper_venue: PaperAccounts
    reconcile: Reconciler
    venue_statements: StatementSource  # of the venue that the books are held against when none is named
    transfers: Transfers
    venue_keys: VenueKeyDesk
    step_up: StepUp
    preflights: Preflights
    health: Health
    open_statement: OpenStatement
    live_sources: frozenset[str] = frozenset()  # candle sources that grow while we run: synthetic, venues
    wall_clock_sources: frozenset[str] = frozenset()  # of those: venues, whose time is the wall clock's
