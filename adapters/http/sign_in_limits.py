"""Guessing passwords is slow: limits on failed sign-ins, kept in this process (safety §2.8)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from adapters.http.problems import Problem

WINDOW = timedelta(minutes=15)
_REMEMBERED = 20_000


class SignInLimits:
    """Failures by network address and by account.

    An address that signed in to an account before is not held up by strangers' guesses at it, so nobody can
    lock another person out. Accounts are remembered by a digest of the e-mail address.
    """

    def __init__(self, *, per_address: int, per_account: int) -> None:
        self._per_address, self._per_account = per_address, per_account
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, email: str, address: str, now: datetime) -> None:
        """Raises Problem 429 with the seconds to wait."""
        account = _digest(email)
        self._check(f"address:{address}", self._per_address, now)
        if (account, address) not in self._known:
            self._check(f"account:{account}", self._per_account, now)

    def failed(self, email: str, address: str, now: datetime) -> None:
        for key in (f"address:{address}", f"account:{_digest(email)}"):
            self._failures.setdefault(key, deque(maxlen=1_000)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, email: str, address: str) -> None:
        self._known[_digest(email), address] = None
        self._failures.pop(f"account:{_digest(email)}", None)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _check(self, key: str, most: int, now: datetime) -> None:
        failures = self._failures.get(key)
        while failures and now - failures[0] >= WINDOW:
            failures.popleft()
        if failures and len(failures) >= most:
            wait = int((failures[-most] + WINDOW - now).total_seconds()) + 1
            raise Problem(
                "too_many_sign_ins",
                "too many failed sign-ins from here; wait, then try again",
                data={"retry_after_s": wait},
                headers={"Retry-After": str(wait)},
            )


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()
