"""What every Identities promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from adapters.persistence.identities import MemoryIdentities, SqlIdentities
from application.ports.identities import Identities, Identity
from tests.contracts.stores import STORES, database_of


@pytest.fixture(params=STORES)
def identities(request: pytest.FixtureRequest) -> Iterator[Identities]:
    with database_of(request) as db:
        yield MemoryIdentities() if db is None else SqlIdentities(db)


def ann(account_id: str = "ann", email: str = "ann@example.com") -> Identity:
    return Identity(
        account_id=account_id,
        email=email,
        password_hash="$argon2id$one",
        commitment_salt="salt",
        created_at_utc=datetime(2026, 1, 1, 12, 0, 0, 123456, UTC),
    )


def test_an_identity_is_found_by_address_and_by_account(identities: Identities) -> None:
    assert identities.add(ann())
    assert identities.by_email("ann@example.com") == identities.by_account("ann") == ann()


def test_nobody_is_found_who_was_not_added(identities: Identities) -> None:
    assert identities.by_email("ann@example.com") is None
    assert identities.by_account("ann") is None


def test_an_address_and_an_account_are_taken_once(identities: Identities) -> None:
    assert identities.add(ann())
    assert not identities.add(ann(account_id="bob"))
    assert not identities.add(ann(email="bob@example.com"))
    assert identities.by_account("bob") is None
    assert identities.by_email("bob@example.com") is None


def test_of_many_who_want_an_address_one_gets_it(identities: Identities) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda n: identities.add(ann(account_id=f"a{n}")), range(8)))
    assert sum(added) == 1


def test_a_password_is_replaced_for_its_account_only(identities: Identities) -> None:
    identities.add(ann())
    identities.add(ann("bob", "bob@example.com"))
    identities.replace_password_hash("ann", "$argon2id$two")
    identities.replace_password_hash("nobody", "$argon2id$three")
    hashes = [one and one.password_hash for one in map(identities.by_account, ("ann", "bob", "nobody"))]
    assert hashes == ["$argon2id$two", "$argon2id$one", None]


def test_what_is_taken_back_frees_its_address(identities: Identities) -> None:
    identities.add(ann())
    identities.add(ann("bob", "bob@example.com"))
    identities.remove("ann")
    identities.remove("nobody")
    assert identities.by_email("ann@example.com") is identities.by_account("ann") is None
    assert identities.by_account("bob") is not None
    assert identities.add(ann("cleo"))
