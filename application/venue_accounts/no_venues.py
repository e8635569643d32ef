"""What an installation says that speaks to no venue of that name."""

from __future__ import annotations

from application.ports.key_inspector import KeyReport, VenueNotSupported
from application.ports.vault import Credentials


class NoInspector:
    """Refuses every key: what cannot be asked about is not taken."""

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:  # noqa: ARG002
        raise VenueNotSupported(venue=venue)
