"""Passwords as Argon2id hashes."""

from __future__ import annotations

import secrets
from functools import cached_property
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from application.accounts.sign_in import require_acceptable_password
from domain.errors import InvalidValue

MEMORY_KIB, PASSES, LANES = 46 * 1024, 1, 1
"""OWASP's first choice for Argon2id: 46 MiB, one pass, one lane."""


def generated_password(email: str) -> str:
    """One that whoever has that address may use."""
    while True:
        password = secrets.token_urlsafe(18)
        try:
            require_acceptable_password(password, email.lower())
        except InvalidValue:
            continue  # by chance it holds the address's name, or ours
        return password


class Argon2Passwords:
    """A PasswordHasher. At most `at_once` hashes are worked on at a time: each takes 46 MiB and a core."""

    def __init__(self, *, at_once: int = 2) -> None:
        self._argon2 = Argon2Hasher(memory_cost=MEMORY_KIB, time_cost=PASSES, parallelism=LANES)
        self._passwords = PasswordHash((self._argon2,))
        self._turn = BoundedSemaphore(at_once)

    def hash(self, password: str) -> str:
        with self._turn:
            return self._passwords.hash(password)

    def verify(self, password: str, password_hash: str) -> bool:
        """False for a hash that is none as well."""
        with self._turn:
            try:
                return self._passwords.verify(password, password_hash)
            except UnknownHashError:
                return False

    def needs_rehash(self, password_hash: str) -> bool:
        return self._argon2.check_needs_rehash(password_hash)

    @cached_property
    def dummy_hash(self) -> str:
        return self.hash(secrets.token_urlsafe(32))
