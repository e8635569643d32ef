"""Passwords: Argon2id, with the parameters we mean."""

from __future__ import annotations

import secrets

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from pwdlib.hashers.argon2 import Argon2Hasher

from adapters.secrets.passwords import LANES, MEMORY_KIB, PASSES, Argon2Passwords, generated_password
from application.ports.identities import PasswordHasher


def hasher() -> PasswordHasher:
    return Argon2Passwords()


def test_a_password_verifies_against_its_own_hash_only() -> None:
    passwords = hasher()
    stored = passwords.hash("a sentence nobody else says")
    assert passwords.verify("a sentence nobody else says", stored)
    assert not passwords.verify("a sentence nobody else said", stored)
    assert stored != passwords.hash("a sentence nobody else says")


def test_the_hash_names_the_parameters_we_mean() -> None:
    parameters = extract_parameters(hasher().hash("a sentence nobody else says"))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        Type.ID,
        MEMORY_KIB,
        PASSES,
        LANES,
    )


def test_only_a_hash_with_other_parameters_needs_a_new_one() -> None:
    passwords = hasher()
    assert not passwords.needs_rehash(passwords.hash("a sentence nobody else says"))
    older = Argon2Hasher(memory_cost=8 * 1024, time_cost=1, parallelism=1)
    assert passwords.needs_rehash(older.hash("a sentence nobody else says"))


def test_what_is_no_hash_matches_nothing() -> None:
    assert not hasher().verify("a sentence nobody else says", "plain text")


def test_the_dummy_hash_costs_as_much_as_a_real_one_and_matches_nothing() -> None:
    passwords = hasher()
    assert extract_parameters(passwords.dummy_hash).memory_cost == MEMORY_KIB
    assert passwords.dummy_hash == passwords.dummy_hash
    assert not passwords.verify("", passwords.dummy_hash)


def test_a_generated_password_is_one_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance puts three letters into one of some fifteen hundred."""
    drawn = iter(["xkAnN90-tyuiop4567zxcv_B", "evenKeel0-tyuiop4567zxcv", "q7-tyuiop4567zxcv_B90-ty"])
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _size: next(drawn))
    assert generated_password("Ann@example.org") == "q7-tyuiop4567zxcv_B90-ty"
