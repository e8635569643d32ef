"""Limits: a bot's, the account's, the platform's; and any order asked about beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import AfterValidator, Field

from adapters.http.access import principal_of, roles, security_log, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Amount, Edge, IdempotencyKey, PositiveAmount, Reason
from application.risk.limits_text import limits_from_text, limits_to_text
from application.risk.set_limits import SetAccountLimits, SetBotLimits, SetPlatformLimits
from application.risk_desk import (
    AccountLimitsView,
    BotLimitsView,
    CheckView,
    account_limits,
    bot_limits,
    check_order,
)
from application.streams import PLATFORM
from domain.accounts.account import ADMIN, AUDITOR, OPERATOR
from domain.money import parse_amount, parse_positive_amount
from domain.orders.order import BUY, SELL
from domain.platform.platform import Platform
from domain.risk.limits import HARD_BOUNDS, Limits

_MOST = 1_000_000
Bps = Annotated[int, Field(ge=0, le=10_000, description="Basis points: 100 is 1 %")]
Count = Annotated[int, Field(ge=0, le=_MOST)]


class NewLimits(Edge):
    """All limits at once: what is null or left out is no limit. They bind from the next order on."""

    risk_per_trade_bps: Bps | None = None
    reward_to_risk: Annotated[Amount | None, Field(description="At least, as a string: 1.5")] = None
    max_order_notional: Annotated[Amount | None, Field(description="In the order's quote asset")] = None
    max_position_notional: Annotated[Amount | None, Field(description="In the order's quote asset")] = None
    max_position_share_bps: Bps | None = None
    max_open_positions: Count | None = None
    max_open_orders: Count | None = None
    max_orders_per_hour: Count | None = None
    max_orders_per_day: Count | None = None
    max_daily_loss_bps: Bps | None = None
    max_drawdown_bps: Bps | None = None
    max_losses_in_a_row: Count | None = None
    price_collar_bps: Bps | None = None
    max_price_age_s: Count | None = None
    min_order_interval_s: Count | None = None
    strategy_budgets: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=40)], Amount],
        Field(max_length=50, description="By strategy, in the quote asset"),
    ] = {}  # noqa: RUF012 - pydantic copies it
    reason: Reason

    def limits(self) -> Limits:
        """Raises InvalidValue."""
        return limits_from_text(self.model_dump(mode="json", exclude={"reason", "hard_bounds_on_paper"}))


class NewAccountLimits(NewLimits):
    """The account's: all its bots together."""

    hard_bounds_on_paper: Annotated[
        bool, Field(description="Hard bounds and the platform's limits bind paper accounts, too")
    ] = False


def _known_side(raw: str) -> str:
    if raw not in (BUY, SELL):
        raise ValueError(f"must be {BUY} or {SELL}")
    return raw


class OrderToCheck(Edge):
    """An order that a bot might place now."""

    bot_id: Annotated[str, Field(min_length=1, max_length=80)]
    side: Annotated[str, AfterValidator(_known_side), Field(examples=[BUY])] = BUY
    price: Annotated[PositiveAmount | None, Field(description="The newest stored close")] = None
    amount: Annotated[PositiveAmount | None, Field(description="Quote; all that is allocated")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLimitsView:
    """What no account exceeds with real money, and the bounds that no setting exceeds."""

    limits: Mapping[str, Any]
    hard_bounds: Mapping[str, Any]


class RiskController(Controller):
    """What may be risked, and what would come of an order."""

    path = "/v1/risk"
    tags = ("Risk",)

    @get("/limits", guards=[signed_in], summary="My account's limits, always fresh")
    async def limits(self, request: AnyRequest, desk: NamedDependency[Desk]) -> AccountLimitsView:
        return await desk.read(account_limits, desk.services.log, principal_of(request).account_id)

    @put("/limits", guards=[signed_in], summary="Set my account's limits", refuses=["above_hard_bound"])
    async def set_limits(
        self,
        request: AnyRequest,
        data: JSONBody[NewAccountLimits],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[AccountLimitsView]:
        caller = desk.caller(request, data, idempotency_key)
        command = SetAccountLimits(
            caller.actor, data.limits(), data.hard_bounds_on_paper, data.reason, by=caller.actor
        )
        return answer(
            await desk.submit(command, caller), caller, body=lambda result: AccountLimitsView(**result)
        )

    @post(
        "/checks",
        guards=[signed_in],
        status_code=200,
        summary="Every rule's answer to an order; nothing is placed",
        refuses=["unknown_bot"],
    )
    async def check(
        self, request: AnyRequest, data: JSONBody[OrderToCheck], desk: NamedDependency[Desk]
    ) -> CheckView:
        return await desk.read(
            check_order,
            desk.services,
            data.bot_id,
            side=data.side,
            owner_id=principal_of(request).account_id,
            price=None if data.price is None else parse_positive_amount(data.price, "price"),
            amount=None if data.amount is None else parse_amount(data.amount, "amount"),
        )


class BotLimitsController(Controller):
    """One bot's."""

    path = "/v1/bots/{bot_id:str}/limits"
    tags = ("Risk",)

    @get(guards=[signed_in], summary="A bot's limits, always fresh")
    async def limits(
        self, request: AnyRequest, bot_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> BotLimitsView:
        return await desk.read(bot_limits, desk.services.log, bot_id, principal_of(request).account_id)

    @put(guards=[signed_in], summary="Set a bot's limits", refuses=["above_hard_bound"])
    async def set_limits(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[NewLimits],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[BotLimitsView]:
        caller = desk.caller(request, data, idempotency_key)
        command = SetBotLimits(caller.actor, bot_id, data.limits(), data.reason, by=caller.actor)
        outcome = await desk.submit(command, caller)
        return answer(outcome, caller, body=lambda result: BotLimitsView(**result))


class PlatformLimitsController(Controller):
    """For operators."""

    path = "/v1/platform/limits"
    tags = ("Platform",)

    @get(guards=[roles(OPERATOR, ADMIN, AUDITOR)], summary="The platform's limits and the hard bounds")
    async def limits(self, desk: NamedDependency[Desk]) -> PlatformLimitsView:
        return await desk.read(_platform_limits, desk.services.log.load)

    @put(
        guards=[roles(OPERATOR, ADMIN)],
        summary="Set what no account exceeds with real money",
        refuses=["above_hard_bound"],
    )
    async def set_limits(
        self,
        request: AnyRequest,
        data: JSONBody[NewLimits],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[PlatformLimitsView]:
        caller = desk.caller(request, data, idempotency_key)
        command = SetPlatformLimits(data.limits(), data.reason, by=caller.actor)
        outcome = await desk.submit(command, caller)
        security_log.warning("platform limits", extra={"account_id": caller.actor, "reason": data.reason})
        bounds = limits_to_text(HARD_BOUNDS)
        return answer(
            outcome,
            caller,
            body=lambda result: PlatformLimitsView(limits=result["limits"], hard_bounds=bounds),
        )


def _platform_limits(load: Any) -> PlatformLimitsView:
    platform: Platform = load(PLATFORM).state
    return PlatformLimitsView(limits=limits_to_text(platform.limits), hard_bounds=limits_to_text(HARD_BOUNDS))
