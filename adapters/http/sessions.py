"""Sessions: sign in, see where one is signed in, sign out here or there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field, SecretStr

from adapters.http.access import cookie_name, principal_of, public, security_log, signed_in
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import Edge, PageOf
from adapters.http.problems import Problem
from application.accounts.sign_in import ABSOLUTE, BadCredentials
from application.ports.commands import derived_id
from application.ports.identities import Session


class Credentials(Edge):
    email: Annotated[str, Field(max_length=254, examples=["name@example.org"])]
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The token is shown this once: programs send it as `Authorization: Bearer`."""

    account_id: str
    session_id: str
    token: str
    token_type: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    session_id: str
    current: bool
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str


class SessionsController(Controller):
    """Opaque sessions that end at once when they are ended."""

    path = "/v1/sessions"
    tags = ("Sessions",)

    @post(
        guards=[public], summary="Sign in", refuses=["bad_credentials", "too_many_sign_ins"], sets_cookie=True
    )
    async def sign_in(
        self, request: AnyRequest, data: JSONBody[Credentials], desk: NamedDependency[Desk]
    ) -> Response[SignedIn]:
        address = request.client.host if request.client else "unknown"
        limits, now = desk.sign_in_limits, desk.services.clock.now()
        limits.check(data.email, address, now)
        try:
            token, session = await desk.passwords.run(
                desk.services.sign_in,
                email=data.email,
                password=data.password.get_secret_value(),
                user_agent=request.headers.get("user-agent", ""),
            )
        except BadCredentials:
            limits.failed(data.email, address, now)
            security_log.warning("sign-in failed", extra={"address": address})
            raise
        limits.succeeded(data.email, address)
        security_log.info("signed in", extra={"account_id": session.account_id, "address": address})
        body = SignedIn(
            account_id=session.account_id,
            session_id=session_id(session),
            token=token,
            token_type="Bearer",  # noqa: S106  the scheme's name, no secret
            expires_at=session.expires_at_utc,
        )
        cookie = _cookie(desk, token, int(ABSOLUTE.total_seconds()))
        return Response(
            body, status_code=201, cookies=[cookie], headers={"Location": f"/v1/sessions/{body.session_id}"}
        )

    @get(guards=[signed_in], summary="Where I am signed in")
    async def mine(self, request: AnyRequest, desk: NamedDependency[Desk]) -> PageOf[SessionView]:
        principal = principal_of(request)
        found = await desk.read(desk.services.sessions.of_account, principal.account_id)
        items = [
            SessionView(
                session_id=session_id(session),
                current=session.token_sha256 == principal.session.token_sha256,
                created_at=session.created_at_utc,
                last_seen_at=session.last_seen_at_utc,
                expires_at=session.expires_at_utc,
                user_agent=session.user_agent,
            )
            for session in found
        ]
        return PageOf(sorted(items, key=lambda item: item.created_at, reverse=True))

    @delete("/current", guards=[signed_in], status_code=204, summary="Sign out here", sets_cookie=True)
    async def sign_out(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[None]:
        session = principal_of(request).session
        await desk.read(desk.services.sessions.end, session.token_sha256)
        desk.seen.forget(session)
        return Response(None, status_code=204, cookies=[_cookie(desk, "", 0)])

    @delete("/{session_id:str}", guards=[signed_in], status_code=204, summary="Sign out there")
    async def revoke(
        self, request: AnyRequest, session_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> None:
        desk.seen.forget(await desk.read(_end, desk, principal_of(request).account_id, session_id))


def session_id(session: Session) -> str:
    """The name of a session, which says nothing of its token."""
    return derived_id("session", session.token_sha256)


def _end(desk: Desk, account_id: str, wanted: str) -> Session:
    for session in desk.services.sessions.of_account(account_id):
        if session_id(session) == wanted:
            desk.services.sessions.end(session.token_sha256)
            return session
    raise Problem("unknown_session", f"no session {wanted}")


def _cookie(desk: Desk, value: str, max_age: int) -> Cookie:
    insecure = desk.options.insecure_cookies
    return Cookie(
        key=cookie_name(insecure=insecure),
        value=value,
        path="/",
        max_age=max_age,
        secure=not insecure,
        httponly=True,
        samesite="strict",
    )
