"""A person's account, the kill switch, and what is accepted of a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from domain.accounts.account import ROLES, Account
from domain.accounts.events import AccountEvent
from domain.errors import DomainError, InvalidValue
from domain.platform.events import PlatformEvent
from domain.platform.platform import Platform
from tests.builders import at, folded


def register(account: Account, *roles: str) -> Sequence[AccountEvent]:
    return account.register(account_id="acc-1", roles=roles, identity_commitment="c", at=at())


NOBODY = Account(account_id="acc-1")
ANN = folded(NOBODY, register(NOBODY, "trader"))
FROZEN = folded(ANN, ANN.freeze(reason="stolen phone", by="op", at=at()))


@pytest.mark.parametrize(
    ("step", "code", "data"),
    [
        (lambda: register(NOBODY, "trader", "king"), "invalid_value", {"field": "role"}),
        (lambda: register(ANN, "king"), "invalid_value", {"field": "role"}),
        (lambda: NOBODY.grant_role("king", by="op", at=at()), "unknown_account", {"account_id": "acc-1"}),
        (lambda: ANN.grant_role("king", by="op", at=at()), "invalid_value", {"field": "role"}),
        (lambda: NOBODY.freeze(reason="", by="op", at=at()), "unknown_account", {"account_id": "acc-1"}),
        (lambda: FROZEN.freeze(reason=" ", by="op", at=at()), "invalid_value", {"field": "reason"}),
        (lambda: NOBODY.unfreeze(reason="x", by="op", at=at()), "unknown_account", {"account_id": "acc-1"}),
        (lambda: ANN.unfreeze(reason="", by="op", at=at()), "invalid_value", {"field": "reason"}),
        (NOBODY.require_active, "unknown_account", {"account_id": "acc-1"}),
        (FROZEN.require_active, "account_frozen", {"reason": "stolen phone"}),
    ],
)
def test_an_account_refuses(step: Callable[[], object], code: str, data: dict[str, str]) -> None:
    with pytest.raises(DomainError) as refusal:
        step()
    assert refusal.value.code == code
    assert data.items() <= refusal.value.data.items()


def test_what_was_done_to_an_account_is_not_done_twice() -> None:
    assert register(ANN, "trader") == []
    assert ANN.grant_role("trader", by="op", at=at()) == []
    assert ANN.unfreeze(reason="x", by="op", at=at()) == []
    assert FROZEN.freeze(reason="other", by="op", at=at()) == []


def test_roles_add_up_and_a_frozen_account_keeps_them() -> None:
    account = FROZEN
    for role in ROLES:
        account = folded(account, account.grant_role(role, by="op", at=at()))

    assert account.roles == ("trader", "operator", "auditor", "admin")
    assert account.frozen_reason == "stolen phone"


def test_an_unfrozen_account_may_act_again() -> None:
    account = folded(FROZEN, FROZEN.unfreeze(reason="new phone", by="op", at=at()))
    account.require_active()
    assert account == ANN


def test_the_first_reason_for_stopping_all_trading_stands_until_it_is_released() -> None:
    stopped = folded(Platform(), Platform().engage_kill_switch(reason="leak", by="op", at=at()))

    assert stopped.engage_kill_switch(reason="other", by="op", at=at()) == []
    with pytest.raises(DomainError) as refusal:
        stopped.require_trading()
    assert (refusal.value.code, refusal.value.data) == (
        "kill_switch_engaged",
        {"reason": "leak", "scope": "platform", "target": ""},
    )
    released = folded(stopped, stopped.release_kill_switch(reason="mended", by="op", at=at()))
    released.require_trading()
    assert released.release_kill_switch(reason="again", by="op", at=at()) == []


def test_liabilities_are_published_once_a_size_and_never_of_an_earlier_one() -> None:
    def published(platform: Platform, log_size: int, note: str) -> Sequence[PlatformEvent]:
        return platform.publish_liabilities(
            log_size=log_size, checkpoint="signed", note=note, by="op", at=at()
        )

    events = published(Platform(), 5, "owed")

    assert [type(event).__name__ for event in events] == ["LiabilitiesPublished"]
    platform = folded(Platform(), events)
    assert published(platform, 5, "owed") == []
    assert len(published(platform, 6, "owed")) == 1
    for size, note in ((5, "less"), (4, "owed")):
        with pytest.raises(DomainError) as refusal:
            published(platform, size, note)
        assert refusal.value.code == "liabilities_published_since"
        assert refusal.value.data == {"log_size": str(size), "newest": "5"}


@pytest.mark.parametrize("reason", ["", " ", "\n"])
def test_the_kill_switch_wants_a_reason_in_either_direction(reason: str) -> None:
    for command in (Platform().engage_kill_switch, Platform().release_kill_switch):
        with pytest.raises(DomainError) as refusal:
            command(reason=reason, by="op", at=at())
        assert (refusal.value.code, refusal.value.data["field"]) == ("invalid_value", "reason")


def test_a_loss_is_accepted_once_and_with_a_reason() -> None:
    def accepted(platform: Platform, reason: str) -> Sequence[PlatformEvent]:
        return platform.accept_loss(checkpoint="note", problem="shorter", reason=reason, by="op", at=at())

    events = accepted(Platform(), "disk lost")

    assert [type(event).__name__ for event in events] == ["LossAccepted"]
    assert accepted(folded(Platform(), events), "again") == []
    for reason in ("", "  ", "two\nlines"):
        with pytest.raises(InvalidValue):
            accepted(Platform(), reason)


def test_a_key_rotation_is_recorded_once() -> None:
    events = Platform().rotate_signing_key(note="note", by="op", at=at())

    assert [type(event).__name__ for event in events] == ["SigningKeyRotated"]
    rotated = folded(Platform(), events)
    assert rotated.rotate_signing_key(note="note", by="op", at=at()) == []
    assert len(rotated.rotate_signing_key(note="another", by="op", at=at())) == 1
