"""The key of a venue account, for as long as a client needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An exchange's API key. Nothing of it shows in a log, a traceback or a repr."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)  # where a venue wants a third word


class NoCredentials(Exception):
    """There is no usable key for that account; nothing can be asked in its name."""


CredentialsOf = Callable[[str], Credentials]
"""By venue account; raises NoCredentials."""
