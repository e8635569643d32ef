"""Who trades here: balances, fees, keys, money in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from adapters.simulator.core.errors import insufficient_balance
from adapters.simulator.core.orders import Order
from domain.money import ZERO

FeeAsset = Literal["received", "quote", "BNB"]
"""received: base of a purchase, quote of a sale. BNB: 25 % less while it lasts, else as received."""

HOUSE = "house"
"""Takes the fees and pays the rebates."""
MAKER, CROWD = "maker", "crowd"
"""The market's own: who quotes, and who takes. They may be overdrawn; what they owe is what users own."""
INTERNAL = frozenset({HOUSE, MAKER, CROWD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key and what it may do."""

    key: str
    secret: str
    account: str
    can_trade: bool = True
    can_withdraw: bool = False
    created_at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Money that came in (positive) or went out (negative), with the chain's reference."""

    transfer_id: str
    account: str
    asset: str
    amount: Decimal
    network: str
    address: str
    at_ms: int


@dataclass(slots=True)
class Balance:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Account:
    """One customer. `maker_fee_rate` of None: the symbol's own."""

    name: str
    uid: int
    maker_fee_rate: Decimal | None = None
    taker_fee_rate: Decimal | None = None
    fee_asset: FeeAsset = "received"
    can_trade: bool = True
    can_withdraw: bool = True
    updated_at_ms: int = 0
    balances: dict[str, Balance] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)  # the newest order of each id
    open_orders: dict[int, Order] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)

    @property
    def is_internal(self) -> bool:
        return self.name in INTERNAL

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())

    def free(self, asset: str) -> Decimal:
        return self.balances[asset].free if asset in self.balances else ZERO

    def require(self, asset: str, amount: Decimal) -> None:
        if not self.is_internal and self.free(asset) < amount:
            raise insufficient_balance()

    def lock(self, asset: str, amount: Decimal) -> None:
        """Free → locked; a negative amount gives back."""
        balance = self.balance(asset)
        balance.free -= amount
        balance.locked += amount
