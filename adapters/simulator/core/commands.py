"""What changes the exchange. The journal holds these, in order; state is what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.core.accounts import FeeAsset
from adapters.simulator.core.orders import NewOrder
from adapters.simulator.core.symbols import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSymbol:
    """Trade this from now on, the last price being `price`."""

    symbol: Symbol
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount:
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTerms:
    """Fees and rights of an account, all of them anew."""

    account: str
    maker_fee_rate: Decimal | None = None
    taker_fee_rate: Decimal | None = None
    fee_asset: FeeAsset = "received"
    can_trade: bool = True
    can_withdraw: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueKey:
    """Issue an API key, or change what one may do."""

    account: str
    key: str
    secret: str
    can_trade: bool = True
    can_withdraw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveMoney:
    """A deposit (positive) or a withdrawal (negative)."""

    account: str
    asset: str
    amount: Decimal
    transfer_id: str
    network: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    account: str
    order: NewOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOco:
    """Two orders of one side and quantity, one above the other; the first to trade ends its sibling."""

    account: str
    above: NewOrder
    below: NewOrder
    list_client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """By order id or client order id; both given must name the same order."""

    account: str
    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None
    cancel_id: str | None = None  # the client's own id of the cancellation
    only_status: str | None = None  # refuse to cancel an order of another status


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOpenOrders:
    account: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelList:
    account: str
    symbol: str
    order_list_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceOrder:
    """Cancel, then place. Where the cancellation is refused, place only if `even_if_not_canceled`."""

    cancel: CancelOrder
    order: NewOrder
    even_if_not_canceled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """The crowd buys or sells so much at market."""

    side: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveMarket:
    """The maker quotes anew around a price, then the crowd takes.

    Levels lie one `gap` apart on both sides, the first `half_spread` away from `price`, each with `quantity`.
    """

    symbol: str
    price: Decimal
    half_spread: Decimal
    gap: Decimal
    levels: int
    quantity: Decimal
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """A closed one-minute candle of before."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCandles:
    """History of before the first trade, oldest first, so that bots need not wait for their averages."""

    symbol: str
    minutes: tuple[Minute, ...]


Command = (
    ListSymbol
    | OpenAccount
    | SetTerms
    | IssueKey
    | RevokeKey
    | MoveMoney
    | PlaceOrder
    | PlaceOco
    | CancelOrder
    | CancelOpenOrders
    | CancelList
    | ReplaceOrder
    | MoveMarket
    | LoadCandles
)
