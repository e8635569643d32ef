"""Several observers told as one."""

from __future__ import annotations

from collections.abc import Sequence

from application.ports.bot_observer import BotObserver


class BotObservers:
    """A BotObserver that tells each of its own, in order."""

    def __init__(self, observers: Sequence[BotObserver]) -> None:
        self._observers = observers

    def candle_seen(self, bot_id: str) -> None:
        for observer in self._observers:
            observer.candle_seen(bot_id)

    def signal_raised(self, bot_id: str, side: str) -> None:
        for observer in self._observers:
            observer.signal_raised(bot_id, side)

    def guardrail_tripped(self, bot_id: str, code: str) -> None:
        for observer in self._observers:
            observer.guardrail_tripped(bot_id, code)

    def order_placed(self, bot_id: str, client_order_id: str) -> None:
        for observer in self._observers:
            observer.order_placed(bot_id, client_order_id)

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None:
        for observer in self._observers:
            observer.order_reported(bot_id, client_order_id, status, new_fills)

    def bot_failed(self, bot_id: str, problem: str) -> None:
        for observer in self._observers:
            observer.bot_failed(bot_id, problem)
