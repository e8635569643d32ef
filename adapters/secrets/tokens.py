"""Unguessable text."""

from __future__ import annotations

import secrets


class SystemTokens:
    """Tokens from the operating system's generator."""

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def salt(self) -> str:
        return secrets.token_hex(16)
