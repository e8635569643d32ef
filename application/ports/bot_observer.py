"""What is counted of running bots."""

from __future__ import annotations

from typing import Protocol


class BotObserver(Protocol):
    """Told what a bot does, for metrics and logs. Must not raise and must not block."""

    def candle_seen(self, bot_id: str) -> None:
        """The bot worked through a closed candle: its heartbeat."""
        ...

    def signal_raised(self, bot_id: str, side: str) -> None: ...

    def guardrail_tripped(self, bot_id: str, code: str) -> None: ...

    def order_placed(self, bot_id: str, client_order_id: str) -> None: ...

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None: ...

    def bot_failed(self, bot_id: str, problem: Exception) -> None:
        """The bot's run broke off; its supervisor takes it up again from the log."""
        ...

    def worker_failed(self, problem: Exception) -> None:
        """What a worker does for all its bots broke off, such as its look at them; it is tried again."""
        ...


class SilentObserver:
    """Counts nothing."""

    def candle_seen(self, bot_id: str) -> None: ...

    def signal_raised(self, bot_id: str, side: str) -> None: ...

    def guardrail_tripped(self, bot_id: str, code: str) -> None: ...

    def order_placed(self, bot_id: str, client_order_id: str) -> None: ...

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None: ...

    def bot_failed(self, bot_id: str, problem: Exception) -> None: ...

    def worker_failed(self, problem: Exception) -> None: ...
