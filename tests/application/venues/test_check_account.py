"""Whether one account agrees with its venue, as whoever keeps it asks."""

from __future__ import annotations

import pytest

from application.reconciliation.reconcile import Reconcile
from application.venues.check_account import CheckAccount
from application.venues.desk import VenueSilent
from tests.application.reconciliation.desk import ACCOUNT, Silent, traded


def test_an_account_of_which_the_venue_says_nothing_does_not_differ_and_is_not_clean() -> None:
    books = traded()
    store = books.world.store
    reconcile = Reconcile(store.log, store.bus, store.clock, lambda _seconds: None)
    check = CheckAccount(store.log, reconcile, lambda _account: Silent(books.venue), lambda: "1")

    with pytest.raises(VenueSilent, match="did not answer"):
        check(("paper", ACCOUNT))
