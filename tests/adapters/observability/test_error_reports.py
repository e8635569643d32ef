"""Error reports: nothing without a DSN, and with one nothing that is a secret."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from litestar import Litestar, post
from litestar.params import JSONBody
from litestar.testing import TestClient
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from adapters.observability.bot_log import BotLog
from adapters.observability.context import logged_as
from adapters.observability.error_reports import start_error_reports, stop_error_reports
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import VenueOutcomeUnknown
from domain.errors import InvalidValue

# made at run time: a report that carried source lines would show a literal
BODY, LOCAL, HEADER, COOKIE, MESSAGE = ("planted-" + uuid.uuid4().hex for _ in range(5))


class InMemory(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__({})
        self.items: list[tuple[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            self.items.append((str(item.type), item.payload.json))


@pytest.fixture
def reports() -> Iterator[InMemory]:
    transport = InMemory()
    assert start_error_reports(
        "http://public@127.0.0.1:9/1", environment="test", release="0", transport=transport
    )
    yield transport
    stop_error_reports()


@post("/keys")
async def upload(data: JSONBody[dict[str, str]]) -> None:
    exchange_key = LOCAL
    try:
        raise RuntimeError(f"refused key {data['api_secret']} {exchange_key} {MESSAGE}")
    except RuntimeError:
        logging.getLogger("web").exception("unhandled %s", data)
        raise


def crash() -> None:
    app = Litestar([upload], openapi_config=None, logging_config=None)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.cookies.set("__Host-session", COOKIE)
        body = {"api_secret": BODY, "memo": BODY}
        assert client.post("/keys", json=body, headers={"X-Exchange-Token": HEADER}).status_code == 500


def test_without_a_dsn_nothing_is_set_up() -> None:
    assert not start_error_reports("", environment="test", release="0")
    assert not sentry_sdk.get_client().is_active()


def test_a_crash_is_reported_once_with_its_place_and_its_ids(reports: InMemory) -> None:
    with logged_as(request_id="r-1", email="somebody"):
        crash_line()
    ((kind, event),) = reports.items
    assert kind == "event"
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("OSError", "OSError")
    assert exception["stacktrace"]["frames"][-1]["function"] == "crash_line"
    assert event["tags"] == {"request_id": "r-1"}


def crash_line() -> None:
    try:
        raise OSError(f"cannot write {MESSAGE}")
    except OSError:
        logging.getLogger("x").exception("broke")


def test_no_planted_secret_is_in_a_report(reports: InMemory) -> None:
    crash()
    assert reports.items
    sent = json.dumps(reports.items)
    assert "RuntimeError" in sent
    leaked = [
        name
        for name, value in {
            "body": BODY,
            "local variable": LOCAL,
            "header": HEADER,
            "cookie": COOKIE,
            "exception text": MESSAGE,
        }.items()
        if value in sent
    ]
    assert leaked == []


def test_what_nobody_foresaw_of_a_bot_or_the_worker_is_reported(reports: InMemory) -> None:
    for failed in (lambda error: BotLog().bot_failed("bot-1", error), BotLog().worker_failed):
        try:
            raise KeyError(MESSAGE)
        except KeyError as error:
            failed(error)
    for _, event in reports.items:
        (exception,) = event["exception"]["values"]
        assert exception["type"] == "KeyError"
        assert exception["stacktrace"]["frames"][-1]["function"].startswith("test_what_nobody_foresaw")
    assert len(reports.items) == 2
    assert MESSAGE not in json.dumps(reports.items)


def test_refusals_and_outages_of_a_bot_are_not_reported(reports: InMemory) -> None:
    for problem in (InvalidValue("fast", "below slow"), StoreUnavailable("away"), VenueOutcomeUnknown("o-1")):
        BotLog().bot_failed("bot-1", problem)
        BotLog().worker_failed(problem)
    assert reports.items == []


def test_a_refusal_is_not_reported(reports: InMemory) -> None:
    try:
        raise InvalidValue("amount", "must be above zero")
    except InvalidValue as refusal:
        logging.getLogger("x").exception("refused")
        sentry_sdk.capture_exception(refusal)
    assert reports.items == []
