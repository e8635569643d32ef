"""Who runs what: one holder at a time, with a token that only grows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from application.ports.commands import Fence


class Leases(Protocol):
    """Leases by name, kept where the log is, on that store's clock.

    A lease that ran out can be taken by another holder, with a higher token; what the former holder writes
    under its old token is then refused in the append itself (LeaseLost).
    """

    def acquire(self, name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        """Take or renew a lease; None while another holder has it."""
        ...

    def holders(self, prefix: str) -> Mapping[str, str]:
        """Who holds each of the leases whose name begins so; those that nobody holds are left out."""
        ...

    def release(self, fence: Fence) -> None:
        """Give a lease back early; giving back one that was lost changes nothing."""
        ...
