"""Kill switches: stop, close all, resume; and how far each has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from pydantic import AfterValidator, Field

from adapters.http.access import principal_of, roles, security_log, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Edge, IdempotencyKey, Reason
from application.kill_switch.asked_for import ACTIONS, kill_switch_command, owner_of
from application.ports.commands import Caller, derived_id
from application.queries.kill_switches import KillSwitchStatus, kill_switch_statuses, switches_of
from domain.accounts.account import ADMIN, AUDITOR, OPERATOR
from domain.kill_switch.switches import ACCOUNT, BOT, PLATFORM, SCOPES


def _one_of(*allowed: str) -> AfterValidator:
    def check(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return raw

    return AfterValidator(check)


Action = Annotated[
    str,
    _one_of(*ACTIONS),
    Field(
        description="stop: cancel what is open; close_all: sell what is held, too; resume",
        examples=["stop"],
    ),
]


class OwnKillSwitch(Edge):
    """Of my account, or of one of my bots."""

    action: Action
    scope: Annotated[str, _one_of(ACCOUNT, BOT)] = ACCOUNT
    bot_id: Annotated[str, Field(max_length=80, description="For the scope bot")] = ""
    reason: Reason


class AnyKillSwitch(Edge):
    """Of the platform, a venue, any account or any bot."""

    action: Action
    scope: Annotated[str, _one_of(*SCOPES)] = PLATFORM
    target: Annotated[str, Field(max_length=80, description="The venue, account id or bot id")] = ""
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchAnswer:
    """A kill switch right after a command; how far it comes is told by the list."""

    engaged: bool
    scope: str
    target: str
    mode: str  # stop or close_all; empty when it is not engaged
    reason: str


@dataclass(frozen=True, slots=True)
class KillSwitchList:
    """The engaged ones, with what is still open."""

    items: Sequence[KillSwitchStatus]


class KillSwitchesController(Controller):
    """For owners."""

    path = "/v1/kill-switches"
    tags = ("Kill switch",)

    @get(guards=[signed_in], summary="What stops my trading now, and what of mine is still open")
    async def mine(self, request: AnyRequest, desk: NamedDependency[Desk]) -> KillSwitchList:
        return await desk.read(_mine, desk, principal_of(request).account_id)

    @post(
        guards=[signed_in],
        status_code=200,
        summary="Stop, close or resume my account or bot",
        refuses=["unknown_bot", "kill_switch_held_by_operator"],
    )
    async def turn(
        self,
        request: AnyRequest,
        data: JSONBody[OwnKillSwitch],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[KillSwitchAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        target = data.bot_id if data.scope == BOT else caller.actor
        return await _turned(
            desk, caller, data.action, data.scope, target, data.reason, owner_id=caller.actor
        )


class PlatformKillSwitchesController(Controller):
    """For operators."""

    path = "/v1/platform/kill-switches"
    tags = ("Kill switch",)

    @get(guards=[roles(OPERATOR, ADMIN, AUDITOR)], summary="Every engaged kill switch, and what is open")
    async def every(self, desk: NamedDependency[Desk]) -> KillSwitchList:
        return await desk.read(_every, desk)

    @post(
        guards=[roles(OPERATOR, ADMIN)],
        status_code=200,
        summary="Stop, close or resume a scope",
        refuses=["unknown_bot", "unknown_account", "kill_switch_held_by_operator"],
    )
    async def turn(
        self,
        request: AnyRequest,
        data: JSONBody[AnyKillSwitch],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[KillSwitchAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        owner_id = await desk.read(owner_of, desk.services.log, data.scope, data.target)
        return await _turned(
            desk, caller, data.action, data.scope, data.target, data.reason, owner_id=owner_id
        )


async def _turned(
    desk: Desk, caller: Caller, action: str, scope: str, target: str, reason: str, *, owner_id: str
) -> Response[KillSwitchAnswer]:
    command = kill_switch_command(
        action,
        scope=scope,
        target=target,
        owner_id=owner_id,
        reason=reason,
        by=caller.actor,
        by_operator=caller.actor != owner_id,  # of one's own account one is the owner, whatever one's roles
        switch_id=derived_id("switch", caller.scope, caller.command_id),
    )
    outcome = await desk.submit(command, caller)
    security_log.warning(
        "kill switch",
        extra={
            "account_id": caller.actor,
            "action": action,
            "scope": scope,
            "target": target,
            "reason": reason,
        },
    )
    return answer(outcome, caller, body=_answer)


def _answer(result: Mapping[str, Any]) -> KillSwitchAnswer:
    return KillSwitchAnswer(**result)


def _mine(desk: Desk, owner_id: str) -> KillSwitchList:
    services = desk.services
    engaged = switches_of(services.log, owner_id)
    return KillSwitchList(kill_switch_statuses(services.log, services.views, engaged, owner_id=owner_id))


def _every(desk: Desk) -> KillSwitchList:
    services = desk.services
    return KillSwitchList(kill_switch_statuses(services.log, services.views, desk.kill_switches()))
