"""What hides the owners in a proof of liabilities from each other."""

from __future__ import annotations

from typing import Protocol

from domain.errors import DomainError


class SaltsUnusable(DomainError, code="liability_salts_unusable"):
    """The secret that salts are derived from is not there, not readable, or another one than was used."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Salts(Protocol):
    """Derives salts from a secret that no event, backup or proof holds. Errors: SaltsUnusable."""

    def salt(self, context: str) -> bytes:
        """32 bytes: the same for the same context, and nobody without the secret can tell it from chance."""
        ...
