"""What bots do, as log lines."""

from __future__ import annotations

import structlog

_log = structlog.stdlib.get_logger("evenkeel.bots")


class BotLog:
    """A BotObserver that writes a line for whatever a trader or an operator would want to find later."""

    def candle_seen(self, bot_id: str) -> None:
        _log.debug("candle seen", bot_id=bot_id)

    def signal_raised(self, bot_id: str, side: str) -> None:
        _log.info("signal raised", bot_id=bot_id, side=side)

    def guardrail_tripped(self, bot_id: str, code: str) -> None:
        _log.warning("guardrail tripped", bot_id=bot_id, code=code)

    def order_placed(self, bot_id: str, client_order_id: str) -> None:
        _log.info("order placed", bot_id=bot_id, correlation_id=client_order_id)

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None:
        _log.info(
            "order reported", bot_id=bot_id, correlation_id=client_order_id, status=status, fills=new_fills
        )

    def bot_failed(self, bot_id: str, problem: str) -> None:
        _log.error("bot failed, to be taken up again from the log", bot_id=bot_id, problem=problem)
