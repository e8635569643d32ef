"""Secrets come in through a port: nothing in the application makes its own randomness."""

from __future__ import annotations

from typing import Protocol


class Tokens(Protocol):
    """Unguessable text from the operating system's generator."""

    def token(self) -> str:
        """A bearer secret of 256 bits, URL-safe text."""
        ...

    def salt(self) -> str:
        """A salt of 128 bits, hexadecimal."""
        ...
