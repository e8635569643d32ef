"""For operators and auditors: the kill switch, health, totals, the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from pydantic import AfterValidator

from adapters.http.access import principal_of, roles, security_log
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Cursor, Edge, IdempotencyKey, Limit, MinPosition, PageOf, Reason, parse_cursor
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.queries.activity import LogLine, log_page
from application.queries.asset_codes import shown_asset
from application.queries.live import KillSwitchView, kill_switch
from application.services import Services
from application.views.rows import TotalRow
from domain.accounts.account import ADMIN, AUDITOR, OPERATOR
from domain.ledger.book import PURSES
from domain.money import ZERO, add, text


def _known_action(raw: str) -> str:
    if raw not in ("engage", "release"):
        raise ValueError("must be engage or release")
    return raw


class KillSwitchChange(Edge):
    """`engage` stops every bot's orders, `release` lets them go on."""

    action: Annotated[str, AfterValidator(_known_action)]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalView:
    """The sum over all books of a purse, by class of account; debit positive, credit negative."""

    purse: str
    account_class: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """Per purse and asset, the sum of all accounts of all books: always zero."""

    lines: Sequence[TotalView]
    sums: Mapping[str, Mapping[str, str]]
    balanced: bool


class PlatformController(Controller):
    """The whole."""

    path = "/v1/platform"
    tags = ("Platform",)

    @get("/kill-switch", guards=[roles(OPERATOR, ADMIN, AUDITOR)], summary="Whether trading is stopped")
    async def switch(self, desk: NamedDependency[Desk]) -> KillSwitchView:
        return await desk.read(kill_switch, desk.services.log)

    @post(
        "/kill-switch", guards=[roles(OPERATOR, ADMIN)], status_code=200, summary="Stop or free all trading"
    )
    async def turn(
        self,
        request: AnyRequest,
        data: JSONBody[KillSwitchChange],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[KillSwitchView]:
        caller = desk.caller(request, data, idempotency_key)
        command = EngageKillSwitch if data.action == "engage" else ReleaseKillSwitch
        outcome = await desk.submit(command(data.reason, principal_of(request).account_id), caller)
        security_log.warning(
            "kill switch", extra={"account_id": caller.actor, "action": data.action, "reason": data.reason}
        )
        return answer(
            outcome,
            caller,
            body=lambda result: KillSwitchView(engaged=result["engaged"], reason=result["reason"]),
        )

    @get("/health", guards=[roles(OPERATOR, ADMIN)], summary="Every part, in detail")
    async def health(self, desk: NamedDependency[Desk]) -> dict[str, Any]:
        return dict(await desk.read(desk.services.health.details))

    @get("/totals", guards=[roles(OPERATOR, AUDITOR, ADMIN)], summary="Sums over all books")
    async def totals(
        self, desk: NamedDependency[Desk], min_position: MinPosition = None
    ) -> PageOf[TotalView]:
        await desk.fresh(min_position)
        return PageOf([_total(row) for row in await desk.read(_totals, desk.services)])

    @get("/trial-balance", guards=[roles(OPERATOR, AUDITOR, ADMIN)], summary="That all books sum to zero")
    async def trial_balance(
        self, desk: NamedDependency[Desk], min_position: MinPosition = None
    ) -> TrialBalance:
        await desk.fresh(min_position)
        return await desk.read(_trial_balance, desk.services)


class LogController(Controller):
    """The one log."""

    path = "/v1/log"
    tags = ("Platform",)

    @get(guards=[roles(AUDITOR, OPERATOR, ADMIN)], summary="The newest events, without personal data")
    async def tail(
        self, desk: NamedDependency[Desk], cursor: Cursor = None, limit: Limit = 50
    ) -> PageOf[LogLine]:
        before = parse_cursor(cursor)
        lines, more = await desk.read(log_page, desk.services.log, before=before, limit=limit)
        return PageOf(lines, str(more) if more else None)


def _totals(services: Services) -> list[TotalRow]:
    return [row for purse in PURSES for row in services.views.where(TotalRow, purse=purse)]


def _trial_balance(services: Services) -> TrialBalance:
    rows = _totals(services)
    sums: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        of_purse = sums.setdefault(row.purse, {})
        of_purse[row.asset] = add(of_purse.get(row.asset, ZERO), row.amount)
    return TrialBalance(
        lines=[_total(row) for row in rows],
        sums={
            purse: {shown_asset(asset, purse): text(amount) for asset, amount in sorted(of.items())}
            for purse, of in sums.items()
        },
        balanced=not any(amount for of in sums.values() for amount in of.values()),
    )


def _total(row: TotalRow) -> TotalView:
    return TotalView(
        purse=row.purse,
        account_class=row.account_class,
        asset=shown_asset(row.asset, row.purse),
        amount=text(row.amount),
    )
