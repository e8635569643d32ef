"""Refusals of bots."""

from __future__ import annotations

from domain.errors import DomainError
from domain.money import Money


class UnknownBot(DomainError, code="unknown_bot"):
    """No bot of that id."""

    def __init__(self, *, bot_id: str) -> None:
        super().__init__(f"no bot {bot_id}")
        self.bot_id = bot_id


class BotNotRunning(DomainError, code="bot_not_running"):
    """The bot is not running; start or resume it first."""

    def __init__(self, *, bot_id: str, status: str) -> None:
        super().__init__(f"bot {bot_id} is {status}")
        self.bot_id, self.status = bot_id, status


class BotCannotDoThat(DomainError, code="bot_wrong_state"):
    """The step is not possible from the bot's state; `allowed_from` says from which it is."""

    def __init__(self, *, bot_id: str, status: str, step: str, allowed_from: str) -> None:
        super().__init__(f"bot {bot_id} is {status}; {step} is possible when it is {allowed_from}")
        self.bot_id, self.status, self.step, self.allowed_from = bot_id, status, step, allowed_from


class StaleData(DomainError, code="stale_data"):
    """The signal's candle closed too long ago on the feed's clock to be traded on."""

    def __init__(self, *, age_ms: int, limit_ms: int) -> None:
        super().__init__(f"the candle closed {age_ms} ms ago, the limit is {limit_ms} ms")
        self.age_ms, self.limit_ms = age_ms, limit_ms


class OrderStillOpen(DomainError, code="order_still_open"):
    """The bot's last order has not ended; a bot has one order at a time."""

    def __init__(self, *, client_order_id: str) -> None:
        super().__init__(f"order {client_order_id} has not ended")
        self.client_order_id = client_order_id


class NothingAllocated(DomainError, code="nothing_allocated"):
    """The bot has no funds of the asset the order would spend; allocate some to it."""

    def __init__(self, *, asset: str) -> None:
        super().__init__(f"the bot has no {asset}; fund the wallet and allocate some to the bot")
        self.asset = asset


class OrderTooSmall(DomainError, code="order_too_small"):
    """What the bot could order is below the market's least notional or less than one lot."""

    def __init__(self, *, notional: Money, least: Money) -> None:
        super().__init__(f"the order is worth {notional}, the market's least is {least}")
        self.notional, self.least = notional, least


class BotExists(DomainError, code="bot_exists"):
    """A bot of that id exists with other terms."""

    def __init__(self, *, bot_id: str) -> None:
        super().__init__(f"bot {bot_id} exists with other terms")
        self.bot_id = bot_id


class ModeNotPossible(DomainError, code="bot_mode_not_possible"):
    """The bot's account has no such mode: paper bots stay paper, test networks are never LIVE money."""

    def __init__(self, *, bot_id: str, mode: str, wanted: str, problem: str) -> None:
        super().__init__(f"bot {bot_id} is in mode {mode} and cannot be in {wanted}: {problem}")
        self.bot_id, self.mode, self.wanted, self.problem = bot_id, mode, wanted, problem


class PreflightNeeded(DomainError, code="preflight_needed"):
    """The mode wants a pre-flight of its own, run in the last minutes; run one and name it."""

    def __init__(self, *, bot_id: str, problem: str) -> None:
        super().__init__(f"bot {bot_id}: {problem}; run a pre-flight and switch within 15 minutes")
        self.bot_id, self.problem = bot_id, problem


class PreflightFailed(DomainError, code="preflight_failed"):
    """The pre-flight says NO-GO; mend what failed and run it again."""

    def __init__(self, *, bot_id: str, preflight_id: str, failed: str) -> None:
        super().__init__(f"bot {bot_id}: the pre-flight {preflight_id} is NO-GO: {failed}")
        self.bot_id, self.preflight_id, self.failed = bot_id, preflight_id, failed
