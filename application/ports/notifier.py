"""Telling people: what the outbox relay hands messages to."""

from __future__ import annotations

from typing import Protocol

from application.work import OutboxMessage


class NotifierUnavailable(Exception):
    """The message could not be handed over now; the relay tries again later."""


class Notifier(Protocol):
    """One way to reach people.

    Delivery is at least once: the relay may hand over a message again after a crash, with the same
    `message_id`, and whoever receives it may see it twice.
    Errors: NotifierUnavailable. Anything else that is raised counts as one failed attempt too.
    """

    def notify(self, message: OutboxMessage) -> None: ...
