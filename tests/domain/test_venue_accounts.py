"""An account at a venue: given what happened, when it is asked for something, then this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import DomainError, InvalidValue
from domain.venue_accounts.errors import (
    NoVenueKey,
    UnknownVenueAccount,
    VenueAccountExists,
    VenueAccountIsClosed,
    VenueKeyCannotRead,
    VenueKeyMayWithdraw,
    VenueKeyOfAnotherAccount,
    VenueKeyPresent,
    VenueKeyRightsUnknown,
)
from domain.venue_accounts.events import (
    PooledAccountOpened,
    VenueAccountClosed,
    VenueAccountConnected,
    VenueKeyImported,
    VenueKeyRevoked,
    VenueKeyRotated,
)
from domain.venue_accounts.rights import KeyRights
from domain.venue_accounts.venue_account import VenueAccount, parse_name, parse_venue, pooled_account_id
from tests.builders import START, folded

ID = "binance.main.0a1b2c3d"
RIGHTS = KeyRights(may_read=True, may_trade=True, may_take_out=False, is_ip_restricted=True)
CONNECTED = VenueAccountConnected(
    venue_account_id=ID,
    owner_id="ann",
    venue="binance",
    name="main",
    book_id="book-1",
    connected_at_utc=START,
)
IMPORTED = VenueKeyImported(
    key_id="k-1",
    fingerprint="f-1",
    rights=("read", "trade"),
    is_ip_restricted=True,
    imported_by="ann",
    imported_at_utc=START,
    venue_uid="u-1",
)
ROTATED = VenueKeyRotated(
    key_id="k-2",
    replaced_key_id="k-1",
    fingerprint="f-2",
    rights=("read", "trade"),
    is_ip_restricted=True,
    rotated_by="ann",
    rotated_at_utc=START,
    venue_uid="u-1",
)
CLOSED = VenueAccountClosed(reason="moved", closed_by="ann", closed_at_utc=START)
REVOKED = VenueKeyRevoked(key_id="k-1", reason="lost", revoked_by="ann", revoked_at_utc=START)


def given(*events: object) -> VenueAccount:
    return folded(VenueAccount(venue_account_id=ID), events)


def connect(
    account: VenueAccount, owner_id: str = "ann", venue: str = "binance", name: str = "main"
) -> object:
    return account.connect(
        venue_account_id=ID, owner_id=owner_id, venue=venue, name=name, book_id="book-1", at=START
    )


def take(
    account: VenueAccount,
    *,
    key_id: str = "k-1",
    rights: KeyRights = RIGHTS,
    venue_uid: str = "u-1",
    replacing: bool = False,
) -> list[Any]:
    return list(
        account.take_key(
            key_id=key_id,
            fingerprint=f"f-{key_id[-1]}",
            rights=rights,
            venue_uid=venue_uid,
            replacing=replacing,
            by="ann",
            at=START,
        )
    )


def test_it_is_connected_once() -> None:
    assert connect(given()) == [CONNECTED]
    assert connect(given(CONNECTED)) == []


def test_a_pooled_one_is_opened_once_and_has_no_owner() -> None:
    opened = given().open_pooled(venue_account_id=ID, venue="binance", name="main", by="root", at=START)
    assert opened == [
        PooledAccountOpened(
            venue_account_id=ID, venue="binance", name="main", opened_by="root", opened_at_utc=START
        )
    ]
    account = folded(VenueAccount(), opened)
    assert (account.kind, account.owner_id, account.is_open) == ("pooled", "", True)
    assert account.open_pooled(venue_account_id=ID, venue="binance", name="main", by="x", at=START) == []
    with pytest.raises(VenueAccountExists):
        connect(account)


@pytest.mark.parametrize("account", [given(CONNECTED, CLOSED), given(replace(CONNECTED, owner_id="bob"))])
def test_a_closed_or_another_ones_name_is_not_used_again(account: VenueAccount) -> None:
    with pytest.raises(VenueAccountExists):
        connect(account)


def test_its_first_key_is_imported_and_the_same_again_changes_nothing() -> None:
    assert take(given(CONNECTED)) == [IMPORTED]
    assert take(given(CONNECTED, IMPORTED)) == []
    assert given(CONNECTED, IMPORTED).require_key().fingerprint == "f-1"


def test_a_key_takes_anothers_place_only_by_rotation() -> None:
    with pytest.raises(VenueKeyPresent):
        take(given(CONNECTED, IMPORTED), key_id="k-2")
    rotated = take(given(CONNECTED, IMPORTED), key_id="k-2", replacing=True)
    assert rotated == [ROTATED]
    account = given(CONNECTED, IMPORTED, *rotated)
    assert (account.require_key().key_id, account.keys_taken) == ("k-2", 2)


def test_a_key_of_another_account_at_the_venue_is_refused() -> None:
    """Of a doubtful order that account would say "not found", and the hold would be freed."""
    for account in (given(CONNECTED, IMPORTED), given(CONNECTED, replace(IMPORTED, venue_uid=""), ROTATED)):
        with pytest.raises(VenueKeyOfAnotherAccount):
            take(account, key_id="k-3", venue_uid="u-2", replacing=True)
    with pytest.raises(VenueKeyOfAnotherAccount):
        take(given(CONNECTED, IMPORTED, REVOKED), key_id="k-2", venue_uid="u-2")


@pytest.mark.parametrize(("known", "told"), [("", "u-1"), ("u-1", ""), ("", "")])
def test_where_the_venue_does_not_say_whose_a_key_is_it_is_taken_as_before(known: str, told: str) -> None:
    account = given(CONNECTED, replace(IMPORTED, venue_uid=known))
    (event,) = take(account, key_id="k-2", venue_uid=told, replacing=True)
    assert isinstance(event, VenueKeyRotated)
    assert event.venue_uid == told
    assert folded(account, [event]).venue_uid == (told or known)


def test_there_is_nothing_to_rotate_or_revoke_without_a_key() -> None:
    for account in (given(CONNECTED), given(CONNECTED, IMPORTED, REVOKED)):
        with pytest.raises(NoVenueKey):
            take(account, key_id="k-2", replacing=True)
        with pytest.raises(NoVenueKey):
            account.revoke_key(reason="lost", by="ann", at=START)


@pytest.mark.parametrize(
    ("rights", "refusal"),
    [
        (replace(RIGHTS, may_take_out=True), VenueKeyMayWithdraw),
        (replace(RIGHTS, may_take_out=None), VenueKeyRightsUnknown),
        (replace(RIGHTS, may_trade=None), VenueKeyRightsUnknown),
        (replace(RIGHTS, may_read=None), VenueKeyRightsUnknown),
        (replace(RIGHTS, may_read=False), VenueKeyCannotRead),
        (replace(RIGHTS, may_read=False, may_take_out=True), VenueKeyMayWithdraw),
    ],
)
@pytest.mark.parametrize("replacing", [False, True])
def test_a_key_that_may_withdraw_or_might_is_refused(
    rights: KeyRights, refusal: type[DomainError], replacing: bool
) -> None:
    """Safety §1, API keys: refuse keys that can withdraw, and what is unknown is not taken."""
    account = given(CONNECTED, IMPORTED) if replacing else given(CONNECTED)
    with pytest.raises(refusal):
        take(account, key_id="k-2", rights=rights, replacing=replacing)


def test_a_key_that_may_only_read_is_taken_and_said_to_be_one() -> None:
    (event,) = take(given(CONNECTED), rights=replace(RIGHTS, may_trade=False, is_ip_restricted=None))
    assert isinstance(event, VenueKeyImported)
    assert (event.rights, event.is_ip_restricted) == (("read",), False)


def test_a_revoked_key_is_gone_and_another_may_be_imported() -> None:
    assert given(CONNECTED, IMPORTED).revoke_key(reason="lost", by="ann", at=START) == [REVOKED]
    account = given(CONNECTED, IMPORTED, REVOKED)
    assert account.key is None
    (event,) = take(account, key_id="k-2")
    assert isinstance(event, VenueKeyImported)
    assert account.keys_taken == 1


def test_closing_takes_the_key_along() -> None:
    closing = given(CONNECTED, IMPORTED).close(reason="moved", by="ann", at=START)
    assert closing == [replace(REVOKED, reason="moved"), CLOSED]
    account = given(CONNECTED, IMPORTED, *closing)
    assert (account.key, account.is_open) == (None, False)
    assert account.close(reason="again", by="ann", at=START) == []
    with pytest.raises(VenueAccountIsClosed):
        take(account)


def test_one_that_is_not_there_can_do_nothing() -> None:
    acts: tuple[Callable[[], Any], ...] = (
        lambda: take(given()),
        lambda: given().revoke_key(reason="x", by="ann", at=START),
        lambda: given().close(reason="x", by="ann", at=START),
    )
    for act in acts:
        with pytest.raises(UnknownVenueAccount):
            act()


def test_a_reason_is_typed() -> None:
    acts: tuple[Callable[[], Any], ...] = (
        lambda: given(CONNECTED, IMPORTED).revoke_key(reason=" ", by="ann", at=START),
        lambda: given(CONNECTED).close(reason="", by="ann", at=START),
    )
    for act in acts:
        with pytest.raises(InvalidValue) as refused:
            act()
        assert refused.value.field == "reason"


@pytest.mark.parametrize("raw", ["", "Binance", "a.b", "a b", "x" * 25, "paper", "pooled", "ä", "1x"])
def test_a_venue_is_a_plain_name(raw: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_venue(raw)
    assert refused.value.field == "venue"


@pytest.mark.parametrize("raw", ["", "Main", "a.b", "a@b.c", "x" * 25, "ä", "-a"])
def test_a_name_is_plain_too(raw: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_name(raw)
    assert refused.value.field == "name"


def test_a_pooled_accounts_id_is_its_venue_and_name() -> None:
    assert pooled_account_id("binance", "main") == "pooled.binance.main"
