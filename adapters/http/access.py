"""Who asks, and what they may do. Every route declares one of these guards: none is open by omission.

Adding a second way to prove who one is (an API key, a passkey) means one more branch in `resolve`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from adapters.http.problems import Problem
from adapters.http.workers import Workers
from application.accounts.sign_in import IDLE, token_hash
from application.ports.clock import Clock
from application.ports.identities import Session, Sessions
from application.services import Services
from application.streams import account_stream
from domain.accounts.account import Account

SECURE_COOKIE, PLAIN_COOKIE = "__Host-evenkeel", "evenkeel"
CSRF_HEADER = "x-evenkeel-csrf"
REMEMBERED = timedelta(seconds=1)
MOST_REMEMBERED = 10_000
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED_BY: dict[object, tuple[str, ...]] = {}
security_log = logging.getLogger("evenkeel.security")

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Principal:
    """An account that has proved who it is. For guards that ask for roles, they are those of this very
    request (safety §2.40)."""

    account_id: str
    roles: frozenset[str]
    session: Session


@dataclass(frozen=True, slots=True)
class Gate:
    """What guards need; they get no dependencies, so it hangs on the application's state."""

    services: Services
    readers: Workers
    cookie: str
    seen: Seen


class Seen:
    """Who was behind a token a moment ago, so that not every request looks a session up.

    Ended in this process, a session is forgotten at once; ended by another one, within `REMEMBERED`. For use
    on the event loop.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[datetime, Principal]] = OrderedDict()
        self._forgotten = 0

    def find(self, token: str, now: datetime) -> Principal | None:
        found = self._known.get(token_hash(token))
        if found is None:
            return None
        at, principal = found
        current = timedelta() <= now - at < REMEMBERED and now < principal.session.expires_at_utc
        return principal if current else None

    async def look_up(self, token: str, now: datetime, gate: Gate) -> Principal | None:
        forgotten = self._forgotten
        principal = await gate.readers.run(resolve, gate.services, token)
        if principal is not None and forgotten == self._forgotten:  # else it may have ended meanwhile
            self._known[principal.session.token_sha256] = (now, principal)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return principal

    def forget(self, session: Session) -> None:
        self._forgotten += 1
        self._known.pop(session.token_sha256, None)


def refuses(*codes: str) -> Callable[[Guard], Guard]:
    """Mark a guard as one that decides who gets in, and with which codes it turns the others away."""

    def marked(guard: Guard) -> Guard:
        _REFUSED_BY[guard] = codes
        return guard

    return marked


def refused_by(guard: object) -> tuple[str, ...]:
    """Raises KeyError for what is no guard of ours."""
    return _REFUSED_BY[guard]


@refuses("cross_site_request")
async def public(connection: Connection, _: BaseRouteHandler) -> None:
    """Open to everyone; another site's page may still not post here on a visitor's behalf."""
    _refuse_cross_site(connection, by_cookie=False)


@refuses("not_signed_in", "cross_site_request")
async def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """Any account with a session."""
    await _principal(connection)


def roles(*allowed: str) -> Guard:
    """Accounts that have at least one of these roles."""

    @refuses("not_signed_in", "cross_site_request", "forbidden")
    async def has_role(connection: Connection, _: BaseRouteHandler) -> None:
        principal = await _principal(connection, fresh=True)
        if principal.roles.isdisjoint(allowed):
            security_log.warning(
                "role missing",
                extra={"account_id": principal.account_id, "path": connection.scope.get("path_template")},
            )
            raise Problem("forbidden", f"this needs the role {' or '.join(allowed)}")

    return has_role


def principal_of(connection: Connection) -> Principal:
    """Whoever the guard let in."""
    found = connection.scope.get("evenkeel_principal")
    if not isinstance(found, Principal):
        raise Problem("not_signed_in", "sign in first")
    return found


def resolve(services: Services, token: str) -> Principal | None:
    """The one place where a token becomes a person; None for a token that is unknown or has ended. Blocks."""
    session = services.authenticate(token)
    if session is None:
        return None
    account: Account = services.log.load(account_stream(session.account_id)).state
    if not account.exists:
        return None
    return Principal(session.account_id, frozenset(account.roles), session)


def still_valid(sessions: Sessions, clock: Clock, session: Session) -> bool:
    """Whether a session still stands, without counting the question as activity. Blocks."""
    now, found = clock.now(), sessions.find(session.token_sha256)
    return found is not None and now < found.expires_at_utc and now - found.last_seen_at_utc < IDLE


def cookie_name(*, insecure: bool) -> str:
    return PLAIN_COOKIE if insecure else SECURE_COOKIE


async def _principal(connection: Connection, *, fresh: bool = False) -> Principal:
    gate: Gate = connection.app.state.gate
    token, by_cookie = _token(connection, gate.cookie)
    if not token:
        raise Problem(
            "not_signed_in", "sign in first: POST /v1/sessions, then send its cookie or Bearer token"
        )
    _refuse_cross_site(connection, by_cookie=by_cookie)
    now = gate.services.clock.now()
    principal = None if fresh else gate.seen.find(token, now)
    if principal is None:
        principal = await gate.seen.look_up(token, now, gate)
    if principal is None:
        security_log.info("session refused", extra={"session": token_hash(token)[:8]})
        raise Problem("not_signed_in", "the session is unknown or has ended; sign in again")
    connection.scope["evenkeel_principal"] = principal  # type: ignore[typeddict-unknown-key]
    return principal


def _token(connection: Connection, cookie: str) -> tuple[str, bool]:
    """The token and whether it came as a cookie. A header that is there decides alone."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return (token.strip(), False) if scheme.lower() == "bearer" else ("", False)
    return connection.cookies.get(cookie, ""), True


def _refuse_cross_site(connection: Connection, *, by_cookie: bool) -> None:
    """Refuse what another site's page may have sent (safety §2.34). Bearer tokens are never sent by pages."""
    if connection.scope.get("method") in _SAFE or "authorization" in connection.headers:
        return
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    own_host = connection.headers.get("host", "")
    foreign = (site is not None and site != "same-origin") or (
        origin is not None and origin.partition("://")[2] != own_host
    )
    unproven = by_cookie and site is None and origin is None and CSRF_HEADER not in connection.headers
    if foreign or unproven:
        security_log.warning("cross-site request", extra={"path": connection.scope.get("path_template")})
        raise Problem(
            "cross_site_request",
            "a change asked for with a cookie must come from our own pages; programs send the token as "
            "'Authorization: Bearer …' or add the header 'X-Evenkeel-Csrf: 1'",
        )
