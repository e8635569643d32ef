"""Accounts at the paper venue: terms that a real venue's account would have too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from domain.money import DEFAULT_SCALE, ZERO, Money

NEXT_OPEN, CLOSE = "next_open", "close"
FEE_IN_QUOTE, FEE_IN_RECEIVED = "quote", "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTerms:
    """How a paper account fills and charges; printed on every result that rests on it.

    A filter of zero is off. The volume cap is the share of a candle's volume that one order may take;
    None is no cap. `latency_ms` delays when an order may first match. `fill_probability` decides per order
    and candle, from the seed. Fee rates are shares of the notional; a maker rate may be negative (a rebate).
    """

    fill_convention: str = NEXT_OPEN  # market orders fill at the next candle's open, or at this one's close
    maker_fee_rate: Decimal = Decimal("0.001")
    taker_fee_rate: Decimal = Decimal("0.001")
    fee_asset: str = FEE_IN_QUOTE  # quote, or received (base on a buy, quote on a sell)
    tick_size: Decimal = ZERO
    lot_size: Decimal = ZERO
    min_notional: Decimal = ZERO
    base_scale: int = DEFAULT_SCALE
    quote_scale: int = DEFAULT_SCALE
    volume_cap: Decimal | None = None
    slippage_bps: Decimal = ZERO
    latency_ms: int = 0
    fill_probability: Decimal = Decimal(1)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """A paper account as the venue has it; balances by asset, free and locked in open orders."""

    venue_account: str
    terms: PaperTerms
    free: Mapping[str, Decimal] = field(default_factory=dict)
    locked: Mapping[str, Decimal] = field(default_factory=dict)


class VenueDeposit(NamedTuple):
    """Paper money for one account at the venue, or, below zero, from it. Account and id name it for ever."""

    venue_account: str
    deposit_id: str
    amount: Money


class PaperAccounts(Protocol):
    """Opening and funding accounts at the paper venue. Idempotent by venue_account and deposit_id.

    Errors: InvalidValue for terms out of range; AccountTermsDiffer when it is open with other terms.
    """

    def open_account(self, venue_account: str, terms: PaperTerms) -> None: ...

    def deposit(self, deposits: Sequence[VenueDeposit]) -> None:
        """Make them, in one commit; those that were made before are not made again.

        Errors, and then none is made: InvalidValue, UnknownVenueAccount, DepositDiffers, InsufficientFunds
        (more is taken out than is free).
        """
        ...

    def account(self, venue_account: str) -> PaperAccount: ...

    def accounts(self) -> Sequence[PaperAccount]: ...
