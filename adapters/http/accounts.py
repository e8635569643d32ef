"""Accounts: join, see oneself; operators freeze and unfreeze."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field, SecretStr

from adapters.http.access import principal_of, public, roles, signed_in
from adapters.http.desk import AnyRequest, Desk, answer, require_key
from adapters.http.edge import Edge, IdempotencyKey, Reason
from adapters.http.problems import Problem, request_id_of
from application.accounts.commands import FreezeAccount, UnfreezeAccount
from application.ports.commands import Caller, Outcome, derived_id, fingerprint
from application.services import Services
from application.streams import account_stream
from domain.accounts.account import ADMIN, OPERATOR, TRADER, Account


class NewAccount(Edge):
    """The address is only for signing in; it never enters the log."""

    email: Annotated[str, Field(max_length=254, examples=["name@example.org"])]
    password: Annotated[SecretStr, Field(description="15 to 200 characters; a sentence is good")]


class Because(Edge):
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCreated:
    account_id: str
    roles: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    account_id: str
    status: str  # active or frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    account_id: str
    email: str
    roles: Sequence[str]
    status: str
    status_reason: str
    live_trading: str  # none, requested or approved
    session_expires_at: datetime


class AccountsController(Controller):
    """People."""

    path = "/v1/accounts"
    tags = ("Accounts",)

    @post(guards=[public], summary="Register", refuses=["email_taken"])
    async def register(
        self,
        request: AnyRequest,
        data: JSONBody[NewAccount],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[AccountCreated]:
        caller = registration_caller(request, idempotency_key)
        registered = desk.passwords.run(_register, desk.services, data, caller)
        outcome = await desk.answered(registered, caller)
        return answer(
            outcome,
            caller,
            status=201,
            body=lambda result: AccountCreated(account_id=result["account_id"], roles=result["roles"]),
            headers=lambda _: {"Location": "/v1/accounts/me"},
        )

    @get("/me", guards=[signed_in], summary="My account")
    async def me(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Me:
        principal = principal_of(request)

        def look() -> Me:
            account: Account = desk.services.log.load(account_stream(principal.account_id)).state
            identity = desk.services.identities.by_account(principal.account_id)
            return Me(
                account_id=principal.account_id,
                email=identity.email if identity else "",
                roles=account.roles,
                status="frozen" if account.frozen_reason else "active",
                status_reason=account.frozen_reason,
                live_trading=account.live_trading,
                session_expires_at=principal.session.expires_at_utc,
            )

        return await desk.read(look)

    @post(
        "/{account_id:str}/freezes",
        status_code=200,
        guards=[roles(OPERATOR, ADMIN)],
        refuses=["not_yourself"],
        summary="Freeze an account",
    )
    async def freeze(
        self,
        request: AnyRequest,
        account_id: FromPath[str],
        data: JSONBody[Because],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[AccountStatus]:
        return await _change(request, desk, data, idempotency_key, account_id, FreezeAccount)

    @post(
        "/{account_id:str}/unfreezes",
        status_code=200,
        guards=[roles(OPERATOR, ADMIN)],
        refuses=["not_yourself"],
        summary="Unfreeze an account",
    )
    async def unfreeze(
        self,
        request: AnyRequest,
        account_id: FromPath[str],
        data: JSONBody[Because],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[AccountStatus]:
        return await _change(request, desk, data, idempotency_key, account_id, UnfreezeAccount)


def registration_caller(request: AnyRequest, raw_key: str | None) -> Caller:
    """Nobody is signed in, so the scope is the route alone.

    The fingerprint holds nothing of the body: an unsalted digest of address and password, kept for ever,
    could be guessed from. Registration compares with the stored identity instead.
    """
    key = require_key(raw_key)
    scope = f"anonymous:{request.method} {request.scope['path_template']}"
    return Caller(
        actor=derived_id("acct", scope, key),
        command_id=key,
        correlation_id=request_id_of(request),
        scope=scope,
        fingerprint=fingerprint("registration", key),
    )


def _register(services: Services, data: NewAccount, caller: Caller) -> Outcome:
    password = data.password.get_secret_value()
    return services.register(email=data.email, password=password, roles=(TRADER,), caller=caller)


async def _change(
    request: AnyRequest,
    desk: Desk,
    data: Because,
    idempotency_key: str | None,
    account_id: str,
    command: type[FreezeAccount] | type[UnfreezeAccount],
) -> Response[Any]:
    principal = principal_of(request)
    if principal.account_id == account_id:
        raise Problem("not_yourself", "nobody acts on their own account; ask a colleague")
    caller = desk.caller(request, data, idempotency_key)
    outcome = await desk.submit(command(account_id, data.reason, principal.account_id), caller)
    return answer(
        outcome,
        caller,
        body=lambda result: AccountStatus(account_id=result["account_id"], status=result["status"]),
    )
