"""One JSON stream: ids on every line, no secrets, no forged lines, no locals."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import structlog

from adapters.observability.bot_log import BotLog
from adapters.observability.command_log import LoggedBus
from adapters.observability.context import logged_as
from adapters.observability.logs import configure_logging, log_what_nobody_caught
from application.accounts.commands import FreezeAccount
from application.ports.commands import Caller, Command, Outcome, Refused
from application.ports.event_log import Position, StoreUnavailable
from domain.errors import InvalidValue


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    output = io.StringIO()
    configure_logging(level="debug", stream=output)
    yield output
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_the_libraries_share_one_stream_and_the_ids(stream: io.StringIO) -> None:
    with logged_as(request_id="r-1", correlation_id="c-1", causation_id=""):
        structlog.stdlib.get_logger("ours").info("placed", order="o-1")
        logging.getLogger("uvicorn.error").warning("theirs: %s", "slow", extra={"port": 8000})
    structlog.stdlib.get_logger("ours").info("outside")
    ours, theirs, outside = lines(stream)
    assert (ours["message"], ours["logger"], ours["level"], ours["order"]) == (
        "placed",
        "ours",
        "info",
        "o-1",
    )
    assert (theirs["message"], theirs["port"]) == ("theirs: slow", 8000)
    for line in (ours, theirs):
        assert (line["request_id"], line["correlation_id"]) == ("r-1", "c-1")
        assert line["at"].endswith("Z")
        assert "causation_id" not in line
    assert "request_id" not in outside


def test_secrets_are_redacted_by_key_at_any_depth_and_in_addresses(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("x").info(
        "opened",
        api_secret="S1",
        nested={"keys": [{"X-Exchange-Token": "S2"}], "Cookie": "S3"},
        url="postgresql://evenkeel:S4@db/evenkeel",
        header="Bearer S5",
        password="S6",
        email="S7@example.org",
    )
    logging.getLogger("y").info("from a library", extra={"authorization": "S8"})
    for number in range(1, 9):
        assert f"S{number}" not in stream.getvalue()
    assert lines(stream)[0]["url"] == "postgresql://evenkeel:***@db/evenkeel"


def test_a_line_break_in_a_value_cannot_forge_a_line(stream: io.StringIO) -> None:
    logging.getLogger("x").info("agent %s", 'curl\r\n{"level": "critical"}\u2028\x1b[2J')
    assert len(lines(stream)) == 1
    for character in ("\r", "\u2028", "\x1b"):
        assert character not in stream.getvalue()


def test_a_traceback_shows_no_local_variable(stream: io.StringIO) -> None:
    def fails() -> None:
        exchange_key = "PLANTED" + "-LOCAL"
        raise RuntimeError(f"refused, {len(exchange_key)} characters")

    try:
        fails()
    except RuntimeError:
        structlog.stdlib.get_logger("x").exception("broke")
        logging.getLogger("y").exception("broke too")
    ours, theirs = lines(stream)
    for line in (ours, theirs):
        assert line["exception"][0]["exc_type"] == "RuntimeError"
        assert line["exception"][0]["frames"][-1]["name"] == "fails"
    assert "PLANTED-LOCAL" not in stream.getvalue()


def test_a_bots_unforeseen_failure_has_its_traceback_and_a_refusal_has_none(stream: io.StringIO) -> None:
    def fails() -> None:
        exchange_key = "PLANTED" + "-LOCAL"
        raise RuntimeError(f"cannot open postgresql://evenkeel:S4@db, {len(exchange_key)} characters")

    try:
        fails()
    except RuntimeError as error:
        BotLog().bot_failed("bot-1", error)
        BotLog().worker_failed(error)
    BotLog().bot_failed("bot-1", InvalidValue("fast", "below slow"))
    BotLog().worker_failed(StoreUnavailable("away"))
    *unforeseen, refused, away = lines(stream)
    for line in unforeseen:
        assert line["level"] == "error"
        assert line["exception"][0]["frames"][-1]["name"] == "fails"
        assert line["problem"].startswith("RuntimeError: cannot open postgresql://evenkeel:***@db")
    assert refused["problem"].startswith("InvalidValue: ")
    assert away["problem"] == "StoreUnavailable: away"
    assert "exception" not in refused | away
    assert "S4" not in stream.getvalue()
    assert "PLANTED-LOCAL" not in stream.getvalue()


def test_console_rendering_needs_a_terminal_and_forges_no_lines_either(stream: io.StringIO) -> None:
    redirected, terminal = io.StringIO(), Terminal()
    configure_logging(level="info", log_format="console", stream=redirected)
    logging.getLogger("x").info("hello")
    assert json.loads(redirected.getvalue())["message"] == "hello"
    configure_logging(level="info", log_format="console", stream=terminal)
    logging.getLogger("x").info("agent %s", "curl\n2030-01-01 forged", extra={"password": "S1"})
    assert len(terminal.getvalue().splitlines()) == 1
    assert "S1" not in terminal.getvalue()


def test_what_ends_a_thread_is_a_line(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_what_nobody_caught()

    def fails() -> None:
        raise OSError("no space")

    thread = threading.Thread(target=fails, name="worker-1")
    thread.start()
    thread.join()
    (line,) = lines(stream)
    assert (line["level"], line["exception"][0]["exc_type"]) == ("critical", "OSError")
    assert "worker-1" in line["message"]


def test_what_is_awaited_in_a_thread_carries_the_ids_too(stream: io.StringIO) -> None:
    async def handled() -> None:
        with logged_as(request_id="r-1"):
            await asyncio.to_thread(logging.getLogger("app").info, "handled")

    asyncio.run(handled())
    assert [line["request_id"] for line in lines(stream) if line["logger"] == "app"] == ["r-1"]


class RefusingBus:
    """A bus for whoever is refused always."""

    refusal = Refused("account_frozen", "the account is frozen", {})

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(self.execute(command, caller))
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        return Outcome(None, self.refusal, 0)


def test_a_refused_command_leaves_a_line_with_the_ids_of_its_events(stream: io.StringIO) -> None:
    caller = Caller(actor="acct-1", command_id="k-1", correlation_id="c-1", causation_id="e-1")
    bus = LoggedBus(RefusingBus())
    bus.execute(FreezeAccount("acct-2", "a reason", "acct-1"), caller)
    bus.submit(FreezeAccount("acct-2", "a reason", "acct-1"), caller)
    for line in lines(stream):
        assert (line["command"], line["outcome"], line["code"]) == (
            "FreezeAccount",
            "refused",
            "account_frozen",
        )
        assert (line["actor"], line["command_id"]) == ("acct-1", "k-1")
        assert (line["correlation_id"], line["causation_id"]) == ("c-1", "e-1")
    assert len(lines(stream)) == 2


def test_an_accepted_command_says_where_its_last_event_stands_on_whichever_shard(stream: io.StringIO) -> None:
    class OnTheSecondShard(RefusingBus):
        def execute(self, command: Command, caller: Caller) -> Outcome:
            return Outcome({}, None, Position(1, 42).number)

    caller = Caller(actor="acct-1", command_id="k-1", correlation_id="c-1")
    LoggedBus(OnTheSecondShard()).execute(FreezeAccount("acct-2", "a reason", "acct-1"), caller)
    (line,) = lines(stream)
    assert (line["outcome"], line["position"]) == ("accepted", "1-42")
