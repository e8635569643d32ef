"""What each venue calls things, what it promises, and what its errors prove: one row a venue.

The promises are the venues' own documentation's, not measurements: docs/venues.md says which a test has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from adapters.exchanges.ccxt.verdicts import Verdict, Verdicts
from application.ports.exchange import FOREVER, NEVER, WHILE_OPEN, Guarantees
from domain.orders.order import (
    GTC,
    IOC,
    LIMIT,
    MARKET,
    ORDER_TYPES,
    POST_ONLY,
    STOP_LIMIT,
    TAKE_PROFIT_LIMIT,
    TIMES_IN_FORCE,
)

RECV_WINDOW, DEADLINE = "recv_window", "deadline"
BY_ID, IN_LISTS, BY_STATUS = "by_id", "in_lists", "by_status"
FORWARD, BY_UNTIL, BY_OFFSET, ONE_PAGE = "forward", "by_until", "by_offset", "one_page"

_REFUSED, _UNKNOWN, _BANNED = Verdict.REFUSED, Verdict.UNKNOWN, Verdict.BANNED


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueProfile:
    """How one venue wants to be spoken to.

    `client_id_param`: of the client order id in a new order. `lookup`: how an order is found by it: BY_ID
    asks for the one order, BY_STATUS Gemini's own way, IN_LISTS looks through open and closed orders;
    `list_param` names the filter of those lists, "" where they have none, and then an order that is not in
    them proves nothing. `expiry`: how a request says until when it may be taken.
    """

    guarantees: Guarantees
    client_id_param: str = "clientOrderId"
    stop_param: str = "stopLossPrice"  # ccxt's name of a stop's trigger price
    lookup: str = IN_LISTS
    list_param: str = ""
    expiry: str = ""
    longest_expiry_ms: int = 60_000
    shortest_expiry_ms: int = 1
    trades_paging: str = ONE_PAGE  # how an account's trades are gone through: see trade_history.py
    trades_a_page: int = 100
    balances_key: str = ""  # in the answer about balances; "" where it is a list of them, or has none
    buys_pay_fee_in_base: bool = False  # else a market buy's budget must leave room for its fee
    budget_per_s: float | None = None  # of ccxt's own weights; None: ccxt's rate limit
    orders_per_10s: int | None = None  # of one account
    ccxt_weight: float = 0.0  # how much of the venue's weight is one of ccxt's; 0: it tells no limits
    used_weight_header: str = ""
    weight_limit: int = 0  # that the header counts towards
    nonces_must_grow: bool = False
    streams_execution_reports: bool = False  # Binance's own: else a stream's news is looked up
    answers_with_fills: bool = False  # Binance's own, to a new order: else its trades are asked for
    verdicts: Verdicts = field(default_factory=dict)


BINANCE = VenueProfile(
    guarantees=Guarantees(
        requests_expire=True,
        client_ids_unique=WHILE_OPEN,
        not_found_after=timedelta(seconds=10),
        order_types=frozenset(ORDER_TYPES),
        times_in_force=frozenset(TIMES_IN_FORCE),
        has_oco=True,
        streams_orders=True,
    ),
    client_id_param="newClientOrderId",
    lookup=BY_ID,
    trades_paging=FORWARD,
    trades_a_page=500,
    balances_key="balances",
    expiry=RECV_WINDOW,
    buys_pay_fee_in_base=True,
    budget_per_s=18.0,  # nine tenths of 6,000 a minute, until the venue says what its limit is
    orders_per_10s=90,  # nine tenths of 100
    ccxt_weight=5.0,
    used_weight_header="X-MBX-USED-WEIGHT-1M",
    weight_limit=6_000,
    streams_execution_reports=True,
    answers_with_fills=True,
    verdicts={
        # nothing is known of the execution, by the venue's own words
        "-1000": _UNKNOWN,
        "-1001": _UNKNOWN,
        "-1006": _UNKNOWN,
        "-1007": _UNKNOWN,
        "-1016": _UNKNOWN,
        "-1008": Verdict.RETRYABLE,  # "Server is currently overloaded": not said to be before the engine
        # the sender's fault: it never reached the matching engine
        "-1002": _REFUSED,
        "-1013": _REFUSED,
        "-1014": _REFUSED,
        "-1020": _REFUSED,
        "-1022": _REFUSED,
        "-1033": _REFUSED,
        "-1034": _BANNED,
        "-1035": _REFUSED,
        "-11*": _REFUSED,
        "-1181": _BANNED,
        "-1191": _BANNED,
        "-1210": _REFUSED,
        "-1211": _REFUSED,
        "-122*": _REFUSED,
        "-1003": _BANNED,
        "-1015": _BANNED,
        "-1021": Verdict.CLOCK,
        "-2010 Duplicate order sent.": Verdict.DUPLICATE,
        "-2010": _REFUSED,
        "-2011 Unknown order sent.": Verdict.NOT_FOUND,
        "-2011": _REFUSED,
        "-2013": Verdict.NOT_FOUND,
        "-2014": _REFUSED,
        "-2015": _REFUSED,
        "-2016": _REFUSED,
        "-2026": _UNKNOWN,  # archived: it was there, and is told no more
        "-203*": _REFUSED,
        "-204*": _REFUSED,
    },
)

KRAKEN = VenueProfile(
    guarantees=Guarantees(
        requests_expire=True,
        client_ids_unique=WHILE_OPEN,
        not_found_after=timedelta(seconds=15),
        order_types=frozenset(ORDER_TYPES),
        times_in_force=frozenset({GTC, IOC, POST_ONLY}),
        streams_orders=True,
    ),
    lookup=IN_LISTS,
    list_param="clientOrderId",
    trades_paging=BY_OFFSET,
    balances_key="result",
    expiry=DEADLINE,
    shortest_expiry_ms=2_000,
    nonces_must_grow=True,
    verdicts={
        "EAPI:Rate limit exceeded": _BANNED,
        "EOrder:Rate limit exceeded": _BANNED,
        "EGeneral:Temporary lockout": _BANNED,
        "EGeneral:Too many requests": _BANNED,
        "EAPI:Invalid nonce": Verdict.CLOCK,
        "EOrder:Unknown order": Verdict.NOT_FOUND,
        "EOrder:Cancel pending": Verdict.RETRYABLE,
        "EOrder:*": _REFUSED,
        "EAPI:*": _REFUSED,
        "EGeneral:Invalid arguments*": _REFUSED,
        "EGeneral:Permission denied": _REFUSED,
        "EGeneral:Internal error": _UNKNOWN,
        "EService:Market in *": _REFUSED,  # cancel_only or post_only: it takes no such order
        "EService:Deadline elapsed": _REFUSED,
        "EService:*": _UNKNOWN,
        "EDatabase:*": _UNKNOWN,
        "EQuery:*": _REFUSED,
        "ESession:*": _REFUSED,
        "ETrade:*": _REFUSED,
        "EFunding:*": _REFUSED,
    },
)

COINBASE = VenueProfile(
    guarantees=Guarantees(
        requests_expire=False,
        client_ids_unique=FOREVER,
        not_found_after=timedelta(seconds=30),
        order_types=frozenset({MARKET, LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT}),
        times_in_force=frozenset(TIMES_IN_FORCE),
        streams_orders=True,
    ),
    client_id_param="client_order_id",
    lookup=IN_LISTS,
    trades_paging=BY_UNTIL,
    trades_a_page=250,
    balances_key="accounts",
    verdicts={
        "UNKNOWN_FAILURE_REASON": _UNKNOWN,  # the venue does not know either
        "PREVIEW_*": _REFUSED,
        "INSUFFICIENT_FUND": _REFUSED,
        "UNSUPPORTED_ORDER_CONFIGURATION": _REFUSED,
        "INVALID_*": _REFUSED,
        "PERMISSION_DENIED": _REFUSED,
        "ORDER_ENTRY_DISABLED": _REFUSED,
        "INELIGIBLE_PAIR": _REFUSED,
        "UNKNOWN_CANCEL_ORDER": Verdict.NOT_FOUND,
        "NOT_FOUND": Verdict.NOT_FOUND,
        "not_found": Verdict.NOT_FOUND,
        "rate_limit_exceeded": _BANNED,
        "resource_exhausted": _BANNED,
        "authentication_error": _REFUSED,
        "request timestamp expired": Verdict.CLOCK,
        "unauthorized": _REFUSED,
        "invalid_*": _REFUSED,
        "internal_server_error": _UNKNOWN,
    },
)

GEMINI = VenueProfile(
    guarantees=Guarantees(
        requests_expire=False,
        client_ids_unique=NEVER,
        not_found_after=timedelta(seconds=30),
        order_types=frozenset({LIMIT, STOP_LIMIT}),
        times_in_force=frozenset(TIMES_IN_FORCE),
        streams_orders=True,
    ),
    stop_param="triggerPrice",
    lookup=BY_STATUS,
    trades_a_page=500,
    nonces_must_grow=True,
    verdicts={
        "OrderNotFound": Verdict.NOT_FOUND,
        "RateLimit": _BANNED,
        "RateLimited": _BANNED,
        "InvalidNonce": Verdict.CLOCK,
        "InvalidTimestampInPayload": Verdict.CLOCK,
        "System": _UNKNOWN,
        "Maintenance": _REFUSED,
        "InsufficientFunds": _REFUSED,
        "MarketNotOpen": _REFUSED,
        "Invalid*": _REFUSED,
        "Missing*": _REFUSED,
        "ClientOrderId*": _REFUSED,
        "Conflicting*": _REFUSED,
        "Unsupported*": _REFUSED,
        "Endpoint*": _REFUSED,
        "OptionsMustBeArray": _REFUSED,
        "AuctionNotOpen": _REFUSED,
        "IneligibleTiming": _REFUSED,
        "NoSSL": _REFUSED,
    },
)

OTHER = VenueProfile(
    guarantees=Guarantees(
        requests_expire=False,
        client_ids_unique=NEVER,
        not_found_after=timedelta(seconds=60),
        order_types=frozenset({MARKET, LIMIT}),
        times_in_force=frozenset({GTC}),
    ),
)
"""Of a venue that nobody has looked at: nothing is promised, and an unknown create is never sent again."""

PROFILES = {"binance": BINANCE, "kraken": KRAKEN, "coinbase": COINBASE, "gemini": GEMINI}


def profile_of(exchange: str) -> VenueProfile:
    """By ccxt name; of Binance's other houses, which speak the same language, Binance's."""
    return PROFILES.get("binance" if exchange == "binanceus" else exchange, OTHER)
