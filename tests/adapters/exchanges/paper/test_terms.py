"""What a paper account may be opened with: every field has its limits and is named when they are crossed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from application.ports.paper_accounts import PaperTerms, VenueDeposit
from application.ports.paper_store import AccountTermsDiffer, DepositDiffers, UnknownVenueAccount
from domain.errors import InvalidValue
from domain.ledger.errors import InsufficientFunds
from domain.money import Money
from tests.adapters.exchanges.paper.venues import ACCOUNT, balances, funded


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fill_convention", "next_close"),
        ("fee_asset", "BNB"),
        ("maker_fee_rate", Decimal("-0.0101")),
        ("maker_fee_rate", Decimal(1)),
        ("taker_fee_rate", Decimal("-0.02")),
        ("taker_fee_rate", Decimal("NaN")),
        ("taker_fee_rate", 0.001),
        ("tick_size", Decimal(-1)),
        ("tick_size", Decimal("1E-19")),
        ("lot_size", Decimal("-0.1")),
        ("lot_size", Decimal("Infinity")),
        ("min_notional", Decimal(-5)),
        ("min_notional", Decimal("1E+18")),
        ("base_scale", -1),
        ("base_scale", 19),
        ("quote_scale", 19),
        ("quote_scale", True),
        ("volume_cap", Decimal(0)),
        ("volume_cap", Decimal("1.01")),
        ("slippage_bps", Decimal(-1)),
        ("slippage_bps", Decimal(10_000)),
        ("latency_ms", -1),
        ("latency_ms", 86_400_001),
        ("fill_probability", Decimal("-0.1")),
        ("fill_probability", Decimal("1.1")),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_a_term_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    """Safety #16-#18: no float, no exponent bomb, no sign where there is none."""
    with pytest.raises(InvalidValue) as refused:
        funded(replace(PaperTerms(), **{field: value}))  # type: ignore[arg-type]

    assert refused.value.field == field


def test_a_lot_finer_than_the_base_scale_is_refused() -> None:
    with pytest.raises(InvalidValue) as refused:
        funded(PaperTerms(base_scale=2, lot_size=Decimal("0.001")))

    assert refused.value.field == "lot_size"


def test_opening_again_with_the_same_terms_changes_nothing() -> None:
    venue = funded()

    venue.open_account(ACCOUNT, PaperTerms(maker_fee_rate=Decimal("0.0010")))

    assert balances(venue) == {"USDT": ("1000", "0")}


def test_opening_again_with_other_terms_says_which_differ() -> None:
    with pytest.raises(AccountTermsDiffer) as refused:
        funded().open_account(ACCOUNT, PaperTerms(seed=3, volume_cap=Decimal("0.1")))

    assert refused.value.code == "paper_terms_differ"
    assert refused.value.differing == "seed is 0, asked for 3, volume_cap is off, asked for 0.1"


def test_a_deposit_counts_once() -> None:
    venue = funded()

    venue.deposit([VenueDeposit(ACCOUNT, "deposit-USDT", Money(Decimal("1000.0"), "USDT"))])

    assert balances(venue) == {"USDT": ("1000", "0")}
    with pytest.raises(DepositDiffers):
        venue.deposit([VenueDeposit(ACCOUNT, "deposit-USDT", Money(Decimal(1001), "USDT"))])


def test_deposits_made_together_count_once_each_and_all_or_none() -> None:
    venue = funded()
    venue.open_account("other", PaperTerms())
    one, btc = Money(Decimal(1), "USDT"), Money(Decimal(2), "BTC")
    mine, its = VenueDeposit(ACCOUNT, "d-1", one), VenueDeposit("other", "d-1", btc)

    venue.deposit([mine, its, mine, VenueDeposit(ACCOUNT, "d-2", one), VenueDeposit(ACCOUNT, "d-3", btc)])
    venue.deposit([its, mine])
    with pytest.raises(UnknownVenueAccount):
        venue.deposit([VenueDeposit(ACCOUNT, "d-4", one), VenueDeposit("nobody", "d-4", one)])
    with pytest.raises(DepositDiffers):
        venue.deposit([VenueDeposit(ACCOUNT, "d-4", one), VenueDeposit(ACCOUNT, "d-4", btc)])

    assert balances(venue) == {"USDT": ("1002", "0"), "BTC": ("2", "0")}
    assert venue.account("other").free == {"BTC": Decimal(2)}


@pytest.mark.parametrize("amount", ["0", "-0.0", "1E-19", "-1E-19", "1E+18", "-1E+18", "NaN"])
def test_a_deposit_must_be_an_amount(amount: str) -> None:
    """Safety #17, #18."""
    with pytest.raises(InvalidValue):
        funded().deposit([VenueDeposit(ACCOUNT, "d-2", Money(Decimal(amount), "USDT"))])


def test_what_leaves_the_venue_was_free_there() -> None:
    """A transfer's way out (adr 0025): below zero, once, never more than there is."""
    venue = funded()
    has = venue.account(ACCOUNT).free["USDT"]
    with pytest.raises(InsufficientFunds):
        venue.deposit([VenueDeposit(ACCOUNT, "d-2", Money(-has - 1, "USDT"))])
    assert venue.account(ACCOUNT).free["USDT"] == has

    out = VenueDeposit(ACCOUNT, "d-2", Money(Decimal(-1), "USDT"))
    venue.deposit([out])
    venue.deposit([out])

    assert venue.account(ACCOUNT).free["USDT"] == has - 1


def test_an_account_that_was_never_opened_is_named() -> None:
    venue = funded()

    with pytest.raises(UnknownVenueAccount):
        venue.account("nobody")
    with pytest.raises(UnknownVenueAccount):
        venue.deposit([VenueDeposit("nobody", "d-1", Money(Decimal(1), "USDT"))])
    assert [account.venue_account for account in venue.accounts()] == [ACCOUNT]
