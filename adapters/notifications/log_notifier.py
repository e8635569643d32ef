"""Notifications as log lines: what is told where no mail or messenger is configured."""

from __future__ import annotations

import logging

from application.work import OutboxMessage

_log = logging.getLogger("evenkeel.notifications")


class LogNotifier:
    """A Notifier that writes one line a message. It never fails."""

    def notify(self, message: OutboxMessage) -> None:
        _log.info(
            message.topic,
            extra={"message_id": message.message_id, "recipient": message.recipient, "body": message.body},
        )
