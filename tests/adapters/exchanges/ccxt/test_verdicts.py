"""What each venue's errors prove: tables, held against the venues' own lists."""

from __future__ import annotations

import json

import pytest

from adapters.exchanges.ccxt.profiles import BINANCE, COINBASE, GEMINI, KRAKEN
from adapters.exchanges.ccxt.verdicts import Verdict, verdict_of, what_it_says
from tests.shared_data import shared

REFUSED, UNKNOWN, BANNED = Verdict.REFUSED, Verdict.UNKNOWN, Verdict.BANNED


def test_every_error_code_of_binance_has_a_verdict() -> None:
    codes = json.loads(shared("http/binance_error_codes.json").read_text())["codes"]

    missing = [one["code"] for one in codes if verdict_of([f"{one['code']}"], BINANCE.verdicts) is None]

    assert len(codes) > 90
    assert missing == []


def test_no_code_whose_own_text_says_that_the_execution_is_unknown_is_a_refusal() -> None:
    """Safety §3 #6: -1006 and -1007, and whatever else Binance may word so."""
    codes = json.loads(shared("http/binance_error_codes.json").read_text())["codes"]

    unsure = {
        str(one["code"])
        for one in codes
        if any("status unknown" in text or "unknown error" in text for text in one["text"])
    }

    assert unsure >= {"-1000", "-1006", "-1007"}
    assert {verdict_of([code], BINANCE.verdicts) for code in unsure} == {UNKNOWN}


def test_every_reason_for_which_binance_rejects_an_order_is_told_apart() -> None:
    messages = [
        one["error_message"]
        for one in json.loads(shared("http/binance_error_codes.json").read_text())["order_rejected_messages"]
    ]

    found = {
        message: verdict_of(what_it_says({"code": -2010, "msg": message}), BINANCE.verdicts)
        for message in messages
    }

    assert found.pop("Duplicate order sent.") is Verdict.DUPLICATE
    assert set(found.values()) == {REFUSED}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"code": -2011, "msg": "Unknown order sent."}, Verdict.NOT_FOUND),
        ({"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}, REFUSED),
        ({"code": -2013, "msg": "Order does not exist."}, Verdict.NOT_FOUND),
        ({"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, Verdict.CLOCK),
        ({"code": -1003, "msg": "Too much request weight used."}, BANNED),
        ({"code": -1015, "msg": "Too many new orders."}, BANNED),
        ({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, REFUSED),
        ({"code": -2026, "msg": "Order was archived."}, UNKNOWN),
        ({"code": 0, "msg": "fine"}, None),
        ({"orderId": 1}, None),
    ],
)
def test_binance(answer: object, verdict: Verdict | None) -> None:
    assert verdict_of(what_it_says(answer), BINANCE.verdicts) is verdict


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("EOrder:Insufficient funds", REFUSED),
        ("EOrder:Order minimum not met", REFUSED),
        ("EOrder:Unknown order", Verdict.NOT_FOUND),
        ("EOrder:Rate limit exceeded", BANNED),
        ("EGeneral:Temporary lockout", BANNED),
        ("EAPI:Invalid nonce", Verdict.CLOCK),
        ("EAPI:Invalid key", REFUSED),
        ("EService:Market in cancel_only mode", REFUSED),
        ("EService:Unavailable", UNKNOWN),
        ("EService:Busy", UNKNOWN),
        ("EGeneral:Internal error", UNKNOWN),
        ("EGeneral:Invalid arguments:price", REFUSED),
        ("ESomething:New", None),
    ],
)
def test_kraken(error: str, verdict: Verdict | None) -> None:
    assert verdict_of(what_it_says({"error": [error]}), KRAKEN.verdicts) is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"success": False, "error_response": {"error": "INSUFFICIENT_FUND", "message": "no"}}, REFUSED),
        (
            {
                "success": False,
                "failure_reason": "UNKNOWN_FAILURE_REASON",
                "error_response": {
                    "error": "UNKNOWN_FAILURE_REASON",
                    "preview_failure_reason": "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
                },
            },
            UNKNOWN,
        ),
        ({"success": False, "error_response": {"error": "UNKNOWN_FAILURE_REASON", "message": ""}}, UNKNOWN),
        ({"errors": [{"id": "rate_limit_exceeded", "message": "slow down"}]}, BANNED),
        ({"errors": [{"id": "not_found", "message": "Not found"}]}, Verdict.NOT_FOUND),
        ({"error": "unauthorized", "error_description": "no"}, REFUSED),
        ({"success": True, "success_response": {"order_id": "1"}}, None),
    ],
)
def test_coinbase(answer: object, verdict: Verdict | None) -> None:
    """Where a venue gives two reasons of which one is doubt, the doubt stands."""
    assert verdict_of(what_it_says(answer), COINBASE.verdicts) is verdict


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        ("InsufficientFunds", REFUSED),
        ("InvalidPrice", REFUSED),
        ("InvalidSignature", REFUSED),
        ("InvalidNonce", Verdict.CLOCK),
        ("OrderNotFound", Verdict.NOT_FOUND),
        ("RateLimit", BANNED),
        ("System", UNKNOWN),
        ("NewReason", None),
    ],
)
def test_gemini(reason: str, verdict: Verdict | None) -> None:
    answer = {"result": "error", "reason": reason, "message": "words"}

    assert verdict_of(what_it_says(answer), GEMINI.verdicts) is verdict


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        5,
        {"code": True},
        {"error": 5},
        {"errors": [5, None, {"id": 7}]},
        {"error_response": []},
    ],
)
def test_what_is_no_error_says_nothing(answer: object) -> None:
    assert what_it_says(answer) == []
