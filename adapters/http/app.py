"""The HTTP face, put together."""

from __future__ import annotations

from importlib.metadata import version

from litestar import Litestar
from litestar.di import Provide

from adapters.http.access import Gate, cookie_name
from adapters.http.accounts import AccountsController
from adapters.http.audit import AuditController
from adapters.http.books import BooksController, WalletsController
from adapters.http.bot_history import BotHistoryController, FillsController, OrdersController
from adapters.http.bots import BotsController
from adapters.http.candles import CandlesController
from adapters.http.desk import AnyRequest, Desk
from adapters.http.events import EventsController
from adapters.http.health import healthz, readyz
from adapters.http.holds import HoldsController
from adapters.http.imports import ImportsController
from adapters.http.kill_switches import KillSwitchesController, PlatformKillSwitchesController
from adapters.http.ledger import BatchesController, TotalsController
from adapters.http.live import BotModesController, LiveTradingController
from adapters.http.options import HttpOptions
from adapters.http.order_reviews import OrderReviewsController
from adapters.http.outer import Outer, RequestContext, no_request_context
from adapters.http.paper_accounts import PaperAccountsController
from adapters.http.parameters import Known, known_parameters, refuse_unknown
from adapters.http.platform import LogController, PlatformController
from adapters.http.problems import HANDLERS
from adapters.http.reconciliations import ReconciliationsController
from adapters.http.risk import BotLimitsController, PlatformLimitsController, RiskController
from adapters.http.schema_pages import openapi_config
from adapters.http.sessions import SessionsController
from adapters.http.strict_json import StrictRequest
from adapters.http.transfers import TransfersController
from adapters.http.venue_accounts import VenueAccountsController
from application.ports.http_observer import HttpObserver, SilentHttpObserver
from application.services import Services

CONTROLLERS = (
    AccountsController,
    SessionsController,
    PaperAccountsController,
    WalletsController,
    BooksController,
    HoldsController,
    BatchesController,
    TotalsController,
    ImportsController,
    TransfersController,
    VenueAccountsController,
    LiveTradingController,
    BotModesController,
    BotsController,
    BotHistoryController,
    BotLimitsController,
    RiskController,
    KillSwitchesController,
    OrdersController,
    FillsController,
    CandlesController,
    EventsController,
    PlatformController,
    PlatformKillSwitchesController,
    PlatformLimitsController,
    LogController,
    AuditController,
    OrderReviewsController,
    ReconciliationsController,
)


def create_app(
    services: Services,
    *,
    options: HttpOptions | None = None,
    observer: HttpObserver | None = None,
    request_context: RequestContext = no_request_context,
) -> Litestar:
    """The application over a composed set of services, which it neither opens nor closes.

    `request_context` is entered with the request id around every request, so that log lines carry it. Before
    the server is stopped, call `close_streams`: open event streams would hold the stop up otherwise.
    """
    options = options or HttpOptions()
    desk = Desk(services, options)

    async def stop() -> None:
        await desk.aclose()

    known: Known

    async def refuse_unknown_parameters(request: AnyRequest) -> None:  # once the routes are there
        refuse_unknown(request, known)

    app = Litestar(
        [*CONTROLLERS, healthz, readyz],
        dependencies={"desk": Provide(lambda: desk, sync_to_thread=False)},
        before_request=refuse_unknown_parameters,
        exception_handlers=HANDLERS,
        request_class=StrictRequest,
        request_max_body_size=options.max_body_bytes,
        openapi_config=openapi_config(version("evenkeel"), insecure_cookies=options.insecure_cookies),
        logging_config=None,
        on_shutdown=[stop],
        debug=False,
    )
    known = known_parameters(app.routes)
    app.state.desk = desk
    cookie = cookie_name(insecure=options.insecure_cookies)
    app.state.gate = Gate(services, desk.readers, cookie, desk.seen)
    # middleware is per route: only from here 404s and 405s are covered too
    app.asgi_handler = Outer(
        app.asgi_handler,
        observer=observer or SilentHttpObserver(),
        request_context=request_context,
        max_body_bytes=options.max_body_bytes,
        hsts=not options.insecure_cookies,
    )
    return app


def close_streams(app: Litestar) -> None:
    """End every open event stream and accept no more; safe from any thread or signal handler."""
    desk: Desk = app.state.desk
    desk.streams.close()
