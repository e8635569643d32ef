"""People: registered, given roles, frozen."""

from __future__ import annotations

from typing import Any

from application.accounts.commands import FreezeAccount, GrantRole, UnfreezeAccount
from application.live.approval import ApproveLiveTrading, RequestLiveTrading, RevokeLiveTrading
from application.ports.commands import fingerprint
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk, answered


def create(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    outcome = desk.services.register(
        email=arguments["email"],
        password=arguments["password"],
        roles=tuple(arguments["roles"]),
        caller=desk.caller(),
    )
    return answered(outcome)


def grant_role(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(GrantRole(desk.user(arguments), arguments["role"], by=ACTOR))


def freeze(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(FreezeAccount(desk.user(arguments), arguments["reason"], by=ACTOR))


def unfreeze(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(UnfreezeAccount(desk.user(arguments), arguments["reason"], by=ACTOR))


def request_live(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(RequestLiveTrading(desk.user(arguments), arguments["reason"]))


def approve_live(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    """By whoever's password it is: a second person, who has the role. BadCredentials."""
    owner_id, by = desk.user(arguments), desk.user({"user": arguments["by"]})
    desk.services.step_up.prove(
        account_id=by,
        session_sha256=desk.operation_id,
        password=arguments["password"],
        act_sha256=fingerprint("approve-live", owner_id, arguments["reason"]),
        address="cli",
    )
    return desk.run(ApproveLiveTrading(owner_id, arguments["reason"], by=by))


def revoke_live(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(RevokeLiveTrading(desk.user(arguments), arguments["reason"], by=ACTOR))


OPERATIONS: dict[str, Operation] = {
    "users.create": create,
    "users.grant-role": grant_role,
    "users.freeze": freeze,
    "users.unfreeze": unfreeze,
    "users.request-live": request_live,
    "users.approve-live": approve_live,
    "users.revoke-live": revoke_live,
}
