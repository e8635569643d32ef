"""The key of a venue account, for as long as a client needs it."""

from __future__ import annotations

from collections.abc import Callable

from application.ports.vault import Credentials as Credentials


class NoCredentials(Exception):
    """There is no usable key for that account; nothing can be asked in its name."""


CredentialsOf = Callable[[str], Credentials]
"""By venue account; raises NoCredentials."""
