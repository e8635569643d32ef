"""Pre-flights and changes of mode as people see them: a bot's own history, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.ports.event_log import EventLog
from application.streams import bot_stream
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotModeChanged, PreflightRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    name: str
    verdict: str  # PASS, WARN or FAIL
    message: str
    figures: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightView:
    """One FAIL makes it NO-GO. It may be acted on for 15 minutes."""

    preflight_id: str
    bot_id: str
    for_mode: str
    verdict: str  # GO or NO-GO
    checks: Sequence[CheckView]
    run_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeView:
    """Who changed it, why, from where, and what the pre-flight warned of."""

    from_mode: str
    to_mode: str
    reason: str
    changed_by: str
    asked_from: str
    preflight_id: str
    warnings: Sequence[str]
    changed_at: datetime


def preflight_from_answer(result: Mapping[str, Any]) -> PreflightView:
    checks = [CheckView(**check) for check in result["checks"]]
    return PreflightView(**{**result, "checks": checks, "run_at": datetime.fromisoformat(result["run_at"])})


def preflights_of(log: EventLog, bot_id: str, owner_id: str) -> list[PreflightView]:
    """Newest first. Errors: UnknownBot, foreign ones included."""
    return [
        PreflightView(
            preflight_id=event.preflight_id,
            bot_id=bot_id,
            for_mode=event.for_mode,
            verdict=event.verdict,
            checks=[
                CheckView(
                    name=check.name, verdict=check.verdict, message=check.message, figures=check.figures
                )
                for check in event.checks
            ],
            run_at=event.run_at_utc,
        )
        for event in _history(log, bot_id, owner_id)
        if isinstance(event, PreflightRecorded)
    ]


def modes_of(log: EventLog, bot_id: str, owner_id: str) -> list[ModeView]:
    """Newest first. Errors: UnknownBot, foreign ones included."""
    return [
        ModeView(
            from_mode=event.from_mode,
            to_mode=event.to_mode,
            reason=event.reason,
            changed_by=event.changed_by,
            asked_from=event.asked_from,
            preflight_id=event.preflight_id,
            warnings=event.warnings,
            changed_at=event.changed_at_utc,
        )
        for event in _history(log, bot_id, owner_id)
        if isinstance(event, BotModeChanged)
    ]


def _history(log: EventLog, bot_id: str, owner_id: str) -> list[Any]:
    bot: Bot = log.load(bot_stream(bot_id)).state
    if not bot.exists or bot.owner_id != owner_id:
        raise UnknownBot(bot_id=bot_id)
    return [recorded.event for recorded in log.stream(bot_stream(bot_id))][::-1]
