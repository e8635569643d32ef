"""People: registered, given roles, frozen."""

from __future__ import annotations

from typing import Any

from application.accounts.commands import FreezeAccount, GrantRole, UnfreezeAccount
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


OPERATIONS: dict[str, Operation] = {
    "users.create": create,
    "users.grant-role": grant_role,
    "users.freeze": freeze,
    "users.unfreeze": unfreeze,
}
