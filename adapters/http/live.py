"""The way to LIVE: ask, be approved, pre-flight, the password again, and the switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field, SecretStr

from adapters.http.access import principal_of, roles, security_log, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Edge, IdempotencyKey, PageOf, Reason
from adapters.http.preconditions import etag
from adapters.http.sessions import session_id
from application.accounts.sign_in import BadCredentials
from application.live.approval import ApproveLiveTrading, RequestLiveTrading, RevokeLiveTrading
from application.live.modes import ChangeBotMode
from application.live.shown import (
    ModeView,
    PreflightView,
    modes_of,
    preflight_from_answer,
    preflights_of,
)
from application.ports.commands import Caller, Command
from application.ports.step_up import STEP_UP_VALID, mode_act
from application.queries.trading import BotAnswer, bot_from_answer
from application.views.rows import AccountRow
from domain.accounts.account import ADMIN, APPROVED, OPERATOR, REQUESTED
from domain.bots.modes import LIVE, OBSERVE, TESTNET

_MODE = Literal["OBSERVE", "TESTNET", "LIVE"]


class LiveReason(Edge):
    reason: Reason


class NewPreflight(Edge):
    for_mode: Literal["TESTNET", "LIVE"] = "LIVE"


class NewMode(Edge):
    """The mode, and what it rests on. A mode that sends orders names its pre-flight."""

    to: Annotated[_MODE, Field(examples=[OBSERVE, TESTNET, LIVE])]
    reason: Annotated[Reason, Field(description="Typed by whoever switches; it stands in the log")]
    preflight_id: Annotated[str, Field(max_length=80)] = ""


class NewStepUp(Edge):
    """The password, and the very act that it is entered for."""

    password: SecretStr
    bot_id: Annotated[str, Field(max_length=80)]
    act: NewMode


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTrading:
    account_id: str
    live_trading: str  # none, requested or approved


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedUp:
    """Good for one such act, in this session, until then."""

    step_up_id: str
    expires_at: datetime


class LiveTradingController(Controller):
    """Whether an account may trade with real money: asked for by its owner, approved by somebody else."""

    path = "/v1"
    tags = ("Live trading",)

    @post(
        "/accounts/me/live-trading-requests",
        guards=[signed_in],
        status_code=200,
        summary="Ask to trade with real money",
    )
    async def ask(
        self,
        request: AnyRequest,
        data: JSONBody[LiveReason],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[LiveTrading]:
        caller = desk.caller(request, data, idempotency_key)
        return await _decided(desk, RequestLiveTrading(caller.actor, data.reason), caller)

    @post(
        "/accounts/{account_id:str}/live-trading-approvals",
        guards=[roles(OPERATOR, ADMIN)],
        status_code=200,
        summary="Let somebody else trade with real money",
        refuses=["second_person_needed", "live_trading_not_requested"],
    )
    async def approve(
        self,
        request: AnyRequest,
        account_id: FromPath[str],
        data: JSONBody[LiveReason],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[LiveTrading]:
        caller = desk.caller(request, data, idempotency_key)
        return await _decided(desk, ApproveLiveTrading(account_id, data.reason, by=caller.actor), caller)

    @post(
        "/accounts/{account_id:str}/live-trading-revocations",
        guards=[roles(OPERATOR, ADMIN)],
        status_code=200,
        summary="Decline, or take the approval back",
    )
    async def revoke(
        self,
        request: AnyRequest,
        account_id: FromPath[str],
        data: JSONBody[LiveReason],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[LiveTrading]:
        caller = desk.caller(request, data, idempotency_key)
        return await _decided(desk, RevokeLiveTrading(account_id, data.reason, by=caller.actor), caller)

    @get("/admin/live-trading", guards=[roles(OPERATOR, ADMIN)], summary="Who asks for it, and who has it")
    async def listed(self, desk: NamedDependency[Desk]) -> PageOf[LiveTrading]:
        return PageOf(await desk.read(_asking, desk))

    @post(
        "/sessions/current/step-ups",
        guards=[signed_in],
        summary="Enter the password again, for one act",
        refuses=["bad_credentials", "too_many_sign_ins"],
    )
    async def step_up(
        self, request: AnyRequest, data: JSONBody[NewStepUp], desk: NamedDependency[Desk]
    ) -> Response[SteppedUp]:
        principal = principal_of(request)
        address = request.client.host if request.client else "unknown"
        limits, now = desk.sign_in_limits, desk.services.clock.now()
        limits.check(principal.account_id, address, now)
        try:
            proof = await desk.passwords.run(
                desk.services.step_up.prove,
                account_id=principal.account_id,
                session_sha256=principal.session.token_sha256,
                password=data.password.get_secret_value(),
                act_sha256=mode_act(data.bot_id, data.act.to, data.act.preflight_id, data.act.reason),
                address=address,
            )
        except BadCredentials:
            limits.failed(principal.account_id, address, now)
            security_log.warning("step-up failed", extra={"account_id": principal.account_id})
            raise
        limits.succeeded(principal.account_id, address)
        security_log.info(
            "stepped up",
            extra={
                "account_id": principal.account_id,
                "address": address,
                "step_up": proof.step_up_id,
                "bot_id": data.bot_id,
                "mode": data.act.to,
            },
        )
        body = SteppedUp(step_up_id=proof.step_up_id, expires_at=proof.proved_at_utc + STEP_UP_VALID)
        return Response(body, status_code=201, headers={"Location": "/v1/sessions"})


class BotModesController(Controller):
    """Pre-flights and modes of bots on venue accounts."""

    path = "/v1/bots"
    tags = ("Live trading",)

    @post(
        "/{bot_id:str}/preflights",
        guards=[signed_in],
        summary="Check everything before it may send orders",
        refuses=["bot_mode_not_possible"],
    )
    async def preflight(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[NewPreflight],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[PreflightView]:
        caller = desk.caller(request, data, idempotency_key)
        work = desk.venue_keys(desk.services.preflights, bot_id, caller.actor, data.for_mode, caller)
        outcome = await desk.answered(work, caller)
        return answer(
            outcome,
            caller,
            status=201,
            body=preflight_from_answer,
            headers=lambda _: {"Location": f"/v1/bots/{bot_id}/preflights"},
        )

    @get("/{bot_id:str}/preflights", guards=[signed_in], summary="Its pre-flights, newest first")
    async def preflights(
        self, request: AnyRequest, bot_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> PageOf[PreflightView]:
        owner_id = principal_of(request).account_id
        return PageOf(await desk.read(preflights_of, desk.services.log, bot_id, owner_id))

    @post(
        "/{bot_id:str}/modes",
        guards=[signed_in],
        status_code=200,
        summary="Observe, or send orders",
        refuses=[
            "bot_mode_not_possible",
            "bot_wrong_state",
            "preflight_needed",
            "preflight_failed",
            "kill_switch_engaged",
            "venue_account_closed",
            "no_venue_key",
            "live_trading_not_approved",
            "step_up_needed",
            "fact_already_recorded",
        ],
    )
    async def change(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[NewMode],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        session = principal_of(request).session
        proof = await desk.read(
            desk.services.step_up.proof,
            session_sha256=session.token_sha256,
            act_sha256=mode_act(bot_id, data.to, data.preflight_id, data.reason),
        )
        command = ChangeBotMode(
            bot_id=bot_id,
            owner_id=caller.actor,
            to_mode=data.to,
            reason=data.reason,
            by=caller.actor,
            asked_from=f"api {session_id(session)}",
            preflight_id=data.preflight_id,
            step_up=proof,
        )
        outcome = await desk.submit(command, caller)
        if outcome.refusal is None:
            security_log.info(
                "bot mode changed",
                extra={"account_id": caller.actor, "bot_id": bot_id, "mode": data.to},
            )
        return answer(
            outcome,
            caller,
            body=bot_from_answer,
            headers=lambda result: {"ETag": etag(int(result["version"]))},
        )

    @get("/{bot_id:str}/modes", guards=[signed_in], summary="Its changes of mode, newest first")
    async def modes(
        self, request: AnyRequest, bot_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> PageOf[ModeView]:
        owner_id = principal_of(request).account_id
        return PageOf(await desk.read(modes_of, desk.services.log, bot_id, owner_id))


async def _decided(desk: Desk, command: Command, caller: Caller) -> Response[LiveTrading]:
    outcome = await desk.submit(command, caller)
    if outcome.refusal is None:
        told = dict(outcome.result or {})
        security_log.info("live trading", extra={"by": caller.actor, **told})
    return answer(
        outcome,
        caller,
        body=lambda result: LiveTrading(account_id=result["account_id"], live_trading=result["live_trading"]),
    )


def _asking(desk: Desk) -> Sequence[LiveTrading]:
    return [
        LiveTrading(account_id=row.account_id, live_trading=row.live_trading)
        for state in (REQUESTED, APPROVED)
        for row in desk.services.views.where(AccountRow, live_trading=state)
    ]
