"""Engaged kill switches and how far they have come: by the log, whichever process does the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.kill_switch.engaged import Engaged
from application.kill_switch.scope import covered, positions, unfinished
from application.ports.event_log import EventLog
from application.ports.read_models import ReadModels
from application.streams import PLATFORM, risk_stream
from application.views.rows import BotRow
from domain.kill_switch.switches import CLOSE_ALL, Switch
from domain.money import text
from domain.platform.platform import Platform
from domain.risk.risk import Risk

STOPPED, CANCELLING, CLOSING, FLAT = "stopped", "cancelling", "closing", "flat"
"""Nothing is open any more (positions stay); orders are open; positions are, too; proven that none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderView:
    """An order of the scope that has not ended. `unknown`: the venue does not answer for it."""

    client_order_id: str
    bot_id: str
    venue: str
    venue_account: str
    symbol: str
    side: str
    status: str
    cancel_asked_for: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """What a bot of the scope holds beyond what is on order; dust stays, as no order can sell it."""

    bot_id: str
    symbol: str
    asset: str
    quantity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedView:
    venue_account: str
    asset: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchStatus:
    """One engaged kill switch: who, why, and what is still open."""

    scope: str
    target: str
    mode: str
    reason: str
    engaged_as: str  # owner, limit or operator: who may resume
    engaged_at: datetime
    progress: str  # stopped, cancelling, closing or flat
    flat_at: datetime | None
    open_orders: Sequence[OpenOrderView]
    positions: Sequence[HeldView]
    compared: Sequence[ComparedView]  # what proved it flat: our books and the venue


def switches_of(log: EventLog, owner_id: str) -> Sequence[Engaged]:
    """Those that stop an owner's trading: the platform's, venues', their account's and their bots'."""
    platform: Platform = log.load(PLATFORM).state
    risk: Risk = log.load(risk_stream(owner_id)).state
    common = [Engaged(switch, "") for _, switch in sorted(platform.switches.engaged.items())]
    return [*common, *(Engaged(switch, owner_id) for _, switch in sorted(risk.switches.engaged.items()))]


def kill_switch_statuses(
    log: EventLog, views: ReadModels, engaged: Iterable[Engaged], *, owner_id: str = ""
) -> Sequence[KillSwitchStatus]:
    """How each stands; of the orders and positions only the owner's, where one is named."""
    return [_status(log, views, each.switch, owner_id) for each in engaged]


def _status(log: EventLog, views: ReadModels, switch: Switch, owner_id: str) -> KillSwitchStatus:
    bots = {bot.bot_id: bot for bot in covered(views, switch) if not owner_id or bot.owner_id == owner_id}
    orders = [
        OpenOrderView(
            client_order_id=order.client_order_id,
            bot_id=order.bot_id,
            venue=order.venue,
            venue_account=order.venue_account,
            symbol=bots[order.bot_id].symbol,
            side=order.terms.side if order.terms is not None else "",
            status=order.status,
            cancel_asked_for=order.is_to_cancel,
        )
        for order in unfinished(log, views, bots.values())
    ]
    held = _held(log, bots.values())
    return KillSwitchStatus(
        scope=switch.scope,
        target=switch.target,
        mode=switch.mode,
        reason=switch.reason,
        engaged_as=switch.rank,
        engaged_at=switch.engaged_at_utc,
        progress=_progress(switch, has_orders=bool(orders)),
        flat_at=switch.flat_at_utc,
        open_orders=orders,
        positions=held,
        compared=[
            ComparedView(
                venue_account=each.venue_account,
                asset=each.asset,
                ours=text(each.ours),
                theirs=text(each.theirs),
            )
            for each in (() if owner_id and not _is_theirs(switch, owner_id, bots) else switch.held)
        ],
    )


def _held(log: EventLog, bots: Iterable[BotRow]) -> list[HeldView]:
    return [
        HeldView(
            bot_id=each.bot.bot_id, symbol=each.bot.symbol, asset=each.base, quantity=text(each.quantity)
        )
        for each in positions(log, bots)
    ]


def _is_theirs(switch: Switch, owner_id: str, bots: Iterable[str]) -> bool:
    return switch.target == owner_id or switch.target in set(bots)


def _progress(switch: Switch, *, has_orders: bool) -> str:
    if switch.flat_at_utc is not None and not has_orders:
        return FLAT
    if switch.mode == CLOSE_ALL:
        return CLOSING
    return CANCELLING if has_orders else STOPPED
