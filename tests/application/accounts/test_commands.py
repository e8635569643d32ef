"""Accounts and the kill switch as use cases."""

from __future__ import annotations

import pytest

from application.accounts.commands import FreezeAccount, GrantRole, RegisterAccount, UnfreezeAccount
from application.ports.commands import Command
from domain.accounts.account import Account
from tests.application.harness import Store, with_account


def account(store: Store) -> Account:
    state: Account = store.load("account:acc-1").state
    return state


def test_a_person_joins_once_and_is_welcomed_once() -> None:
    store = with_account()

    again = store.do(RegisterAccount("acc-1", ("trader",), "commitment"))

    assert again == {"account_id": "acc-1", "roles": ["trader"]}
    assert store.names("account:acc-1") == ["accounts.account_registered"]
    outbox = store.store.recorder.outbox  # type: ignore[union-attr]
    assert list(outbox) == ["welcome:acc-1"]


def test_no_personal_data_is_in_the_event() -> None:
    (event,) = with_account().events()
    assert (event.account_id, event.identity_commitment) == ("acc-1", "commitment")
    assert not hasattr(event, "email")


def test_a_role_is_granted_once() -> None:
    store = with_account()
    assert store.do(GrantRole("acc-1", "operator", "adm"))["roles"] == ["trader", "operator"]
    assert store.do(GrantRole("acc-1", "operator", "adm"))["roles"] == ["trader", "operator"]
    assert store.names("account:acc-1")[1:] == ["accounts.role_granted"]


def test_an_account_is_frozen_and_unfrozen() -> None:
    store = with_account()
    assert store.do(FreezeAccount("acc-1", "stolen phone", "op"))["status"] == "frozen"
    assert account(store).frozen_reason == "stolen phone"
    assert store.do(UnfreezeAccount("acc-1", "new phone", "op"))["status"] == "active"
    account(store).require_active()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RegisterAccount("acc-2", ("king",), "c"), "invalid_value"),
        (GrantRole("acc-9", "operator", "adm"), "unknown_account"),
        (GrantRole("acc-1", "king", "adm"), "invalid_value"),
        (FreezeAccount("acc-9", "x", "op"), "unknown_account"),
        (FreezeAccount("acc-1", " ", "op"), "invalid_value"),
        (UnfreezeAccount("acc-9", "x", "op"), "unknown_account"),
        (UnfreezeAccount("acc-1", "", "op"), "invalid_value"),
    ],
)
def test_a_wrong_step_is_refused(command: Command, code: str) -> None:
    refused, data = with_account().refused(command)
    assert refused == code
    assert data.get("account_id", "acc-9") == "acc-9"
