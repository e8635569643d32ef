"""Several observers told as one."""

from __future__ import annotations

from collections.abc import Sequence

from application.ports.bot_observer import BotObserver
from application.ports.http_observer import HttpObserver


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

    def bot_failed(self, bot_id: str, problem: Exception) -> None:
        for observer in self._observers:
            observer.bot_failed(bot_id, problem)

    def worker_failed(self, problem: Exception) -> None:
        for observer in self._observers:
            observer.worker_failed(problem)


class HttpObservers:
    """An HttpObserver that tells each of its own, in order."""

    def __init__(self, observers: Sequence[HttpObserver]) -> None:
        self._observers = observers

    def request_finished(self, method: str, route_template: str, status: int, seconds: float | None) -> None:
        for observer in self._observers:
            observer.request_finished(method, route_template, status, seconds)

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        for observer in self._observers:
            observer.unexpected_error(error, request_id)
