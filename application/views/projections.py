"""Every projection there is."""

from __future__ import annotations

from application.ports.read_models import Projection
from application.views.accounts import Accounts
from application.views.balances import Balances
from application.views.ledger import Ledger
from application.views.reconciliations import Reconciliations
from application.views.trading import Trading
from application.views.venue_accounts import VenueAccounts

BALANCES = Balances()
"""Written inline, in the append's own transaction; folded only to rebuild and to check."""

FOLLOWERS: tuple[Projection, ...] = (Accounts(), Ledger(), Trading(), Reconciliations(), VenueAccounts())
"""Folded by the projector, a moment after the append."""

PROJECTIONS: tuple[Projection, ...] = (BALANCES, *FOLLOWERS)
