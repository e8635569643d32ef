"""Notifications without a messenger are log lines."""

from __future__ import annotations

import logging

import pytest

from adapters.notifications.log_notifier import LogNotifier
from application.ports.notifier import Notifier
from application.work import OutboxMessage


def test_a_message_becomes_a_line_with_its_id_and_recipient(caplog: pytest.LogCaptureFixture) -> None:
    notifier: Notifier = LogNotifier()
    with caplog.at_level(logging.INFO, "evenkeel.notifications"):
        notifier.notify(OutboxMessage("welcome:acct-1", "account.registered", "acct-1", {"a": "b"}))
    (line,) = caplog.records
    assert line.getMessage() == "account.registered"
    assert (line.message_id, line.recipient, line.body) == ("welcome:acct-1", "acct-1", {"a": "b"})  # type: ignore[attr-defined]
