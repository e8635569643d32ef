"""The rows of the read models, one dataclass a table. Field order is column order; keys come first.

Amounts are exact Decimals; times are aware UTC datetimes; positions are Position.number: where a
database has one shard, the log id.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from application.records import record


@record
class BalanceRow:
    """One ledger balance (debit +, credit −); an account at zero has no row.

    Written in the append's own transaction, so a reader sees its writer's last entry.
    """

    KEY: ClassVar = ("book_id", "account", "asset")

    book_id: str
    account: str
    asset: str
    amount: Decimal


@record
class AccountRow:
    KEY: ClassVar = ("account_id",)

    account_id: str
    position: int  # of its registration
    version: int
    roles: str  # comma-separated
    status: str  # active or frozen
    registered_at_utc: datetime
    live_trading: str  # none, requested or approved


@record
class BookRow:
    KEY: ClassVar = ("book_id",)

    book_id: str
    position: int
    version: int
    owner_id: str
    purse: str
    venue_account: str
    status: str  # open or closed
    opened_at_utc: datetime
    closed_at_utc: datetime | None


@record
class EntryRow:
    """One journal entry; its postings are one PostingRow each."""

    KEY: ClassVar = ("position",)

    position: int
    book_id: str
    owner_id: str
    entry_id: str
    kind: str
    reference: str
    fee_asset: str
    fee_amount: Decimal
    effective_at_utc: datetime
    recorded_at_utc: datetime


@record
class PostingRow:
    KEY: ClassVar = ("position", "leg")

    position: int
    leg: int  # from 0, as posted
    book_id: str
    account: str
    asset: str
    amount: Decimal


@record
class EntryTagRow:
    """One pair of an entry's metadata, to find the entry by."""

    KEY: ClassVar = ("position", "name")

    position: int  # of the entry
    name: str
    book_id: str
    value: str


@record
class ReversalRow:
    """That an entry was taken back, under what the reversal names of it."""

    KEY: ClassVar = ("book_id", "entry_id", "reference")

    book_id: str
    entry_id: str  # of the entry that was taken back
    reference: str
    position: int  # of the reversal
    reversal_id: str  # its entry id


@record
class HoldRow:
    """One hold of its own; how much is left of it is a balance of its book's."""

    KEY: ClassVar = ("hold_id",)

    hold_id: str
    position: int
    version: int
    owner_id: str
    book_id: str
    asset: str
    amount: Decimal  # as it was placed
    status: str  # open, settled, released or expired
    reason: str
    placed_at_utc: datetime
    expires_at_utc: datetime | None
    ended_at_utc: datetime | None


@record
class TotalRow:
    """The sum over all books of a purse, by class of account: owner:held for every owner:held:{id}, …"""

    KEY: ClassVar = ("purse", "account_class", "asset")

    purse: str
    account_class: str
    asset: str
    amount: Decimal


@record
class BotRow:
    KEY: ClassVar = ("bot_id",)

    bot_id: str
    position: int  # of its creation
    version: int
    owner_id: str
    book_id: str
    venue_account: str
    name: str
    strategy: str
    parameters: str  # JSON object, keys sorted
    venue: str
    symbol: str
    interval: str
    source: str
    allocation_asset: str
    allocation_amount: Decimal
    max_order_notional: Decimal | None
    status: str
    status_reason: str
    run: int
    signals: int
    guardrails_tripped: int
    last_signal_at_utc: datetime | None
    created_at_utc: datetime
    mode: str  # PAPER, OBSERVE, TESTNET or LIVE


@record
class SignalRow:
    KEY: ClassVar = ("signal_id",)

    signal_id: str
    position: int
    bot_id: str
    owner_id: str
    side: str
    candle_open_time_ms: int
    price: Decimal
    why: str
    client_order_id: str  # "" when a guardrail tripped
    guardrail: str
    guardrail_detail: str
    raised_at_utc: datetime


@record
class OrderRow:
    KEY: ClassVar = ("client_order_id",)
    INDEXES: ClassVar = (("venue_account", "status"), ("venue_account", "venue_order_id"))

    client_order_id: str
    position: int  # of its intent
    version: int
    owner_id: str
    book_id: str
    bot_id: str
    venue: str
    venue_account: str
    venue_order_id: str
    symbol: str
    side: str
    order_type: str
    base_quantity: Decimal | None
    quote_budget: Decimal | None
    limit_price: Decimal | None
    trigger_price: Decimal | None
    time_in_force: str
    decision_price: Decimal
    status: str
    status_reason: str
    needs_review: int  # 1 until a person has looked at what it is flagged for
    flagged_for: str  # kind and detail of the newest flag
    filled_base: Decimal
    filled_quote: Decimal  # Σ quote_amount of its fills
    fills: int
    intended_at_utc: datetime
    updated_at_utc: datetime


@record
class FillRow:
    KEY: ClassVar = ("venue_account", "symbol", "venue_trade_id")

    venue_account: str
    symbol: str
    venue_trade_id: str
    position: int
    owner_id: str
    book_id: str
    bot_id: str
    client_order_id: str
    side: str
    base_quantity: Decimal
    price_quote_per_base: Decimal
    quote_amount: Decimal  # as the venue booked it
    fee_asset: str
    fee_amount: Decimal
    slippage_bps: Decimal
    traded_at_utc: datetime


@record
class PositionRow:
    """What a bot holds of its base asset, at average cost; profit in quote, fees included where in quote."""

    KEY: ClassVar = ("bot_id", "symbol")

    bot_id: str
    symbol: str
    owner_id: str
    base_quantity: Decimal
    cost_quote: Decimal  # of what is held now
    realised_quote: Decimal
    fees_quote: Decimal  # charged in quote, or in base at the fill's price
    buys: int
    sells: int
    opened_at_utc: datetime | None  # since when there is something; None where there is nothing
    updated_at_utc: datetime


@record
class CaseRow:
    """One break between our books and what others report, open or closed; as it was opened last."""

    KEY: ClassVar = ("case_id",)

    case_id: str
    position: int  # of its opening
    venue_account: str
    purse: str
    book_id: str
    owner_id: str
    subject: str  # what it is about
    kind: str
    here: str  # "100 USDT, -0.1 BTC"
    there: str
    difference: str
    entry_id: str
    client_order_id: str
    status: str  # open or closed
    outcome: str  # of a closed one: agrees, accepted or posted
    reason: str
    closed_by: str
    run_id: str
    occurred_at_utc: datetime | None
    opened_at_utc: datetime
    closed_at_utc: datetime | None


@record
class ReconciliationRow:
    """One run over all venue accounts of a source."""

    KEY: ClassVar = ("run_id",)

    run_id: str
    position: int
    source: str
    run_by: str
    accounts: int
    unanswered: int
    lines_matched: int
    fills_booked: int
    open_cases: int
    cases_opened: int
    cases_closed: int
    is_clean: int  # 1 or 0
    started_at_utc: datetime
    ended_at_utc: datetime


@record
class VenueAccountRow:
    """One account at a venue, connected or pooled, and what may be known of its key."""

    KEY: ClassVar = ("venue_account_id",)

    venue_account_id: str
    position: int  # of its opening
    version: int
    owner_id: str  # "" of a pooled one
    kind: str
    venue: str
    name: str
    book_id: str
    status: str  # open or closed
    key_id: str  # "" without a key, and so are the next two
    fingerprint: str
    rights: str  # comma-separated
    is_ip_restricted: int  # 1 or 0
    key_since_utc: datetime | None
    opened_at_utc: datetime


ROWS = (
    BalanceRow,
    AccountRow,
    BookRow,
    EntryRow,
    PostingRow,
    EntryTagRow,
    ReversalRow,
    HoldRow,
    TotalRow,
    BotRow,
    SignalRow,
    OrderRow,
    FillRow,
    PositionRow,
    CaseRow,
    ReconciliationRow,
    VenueAccountRow,
)
