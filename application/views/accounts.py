"""Who there is, what they may do, and whether they may act."""

from __future__ import annotations

from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import AccountRow
from domain.accounts.account import APPROVED, NOT_LIVE, REQUESTED
from domain.accounts.events import (
    AccountEvent,
    AccountFrozen,
    AccountRegistered,
    AccountUnfrozen,
    LiveTradingApproved,
    LiveTradingRequested,
    LiveTradingRevoked,
    RoleGranted,
)

ACTIVE, FROZEN = "active", "frozen"


class Accounts:
    """One row a person. No personal data: events hold none."""

    name = "accounts"
    rows: tuple[type, ...] = (AccountRow,)
    names: tuple[str, ...] = (
        "accounts.account_registered",
        "accounts.role_granted",
        "accounts.account_frozen",
        "accounts.account_unfrozen",
        "accounts.live_trading_requested",
        "accounts.live_trading_approved",
        "accounts.live_trading_revoked",
    )

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        event: AccountEvent = recorded.event
        if isinstance(event, AccountRegistered):
            rows.put(
                AccountRow(
                    account_id=event.account_id,
                    position=recorded.position.number,
                    version=recorded.version,
                    roles=",".join(event.roles),
                    status=ACTIVE,
                    registered_at_utc=event.registered_at_utc,
                    live_trading=NOT_LIVE,
                )
            )
            return
        row = the(rows, AccountRow, recorded.stream.removeprefix("account:"))
        version = recorded.version
        match event:
            case RoleGranted():
                roles = ",".join([*filter(None, row.roles.split(",")), event.role])
                rows.put(changed(row, version=version, roles=roles))
            case AccountFrozen():
                rows.put(changed(row, version=version, status=FROZEN))
            case AccountUnfrozen():
                rows.put(changed(row, version=version, status=ACTIVE))
            case LiveTradingRequested():
                rows.put(changed(row, version=version, live_trading=REQUESTED))
            case LiveTradingApproved():
                rows.put(changed(row, version=version, live_trading=APPROVED))
            case LiveTradingRevoked():
                rows.put(changed(row, version=version, live_trading=NOT_LIVE))
            case _:
                assert_never(event)
