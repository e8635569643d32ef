"""Every error as problem+json (RFC 9457): one table of refusal codes, one shape of body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from adapters.http.workers import Busy
from application.ports.commands import QueueFull
from application.ports.event_log import StoreUnavailable
from application.queries.asset_codes import shown_refusal
from domain.errors import DomainError

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[str, int] = {
    "malformed_request": 400,
    "idempotency_key_invalid": 400,
    "idempotency_key_missing": 400,
    "not_signed_in": 401,
    "bad_credentials": 401,
    "forbidden": 403,
    "kill_switch_held_by_operator": 403,
    "cross_site_request": 403,
    "account_frozen": 403,
    "not_yourself": 403,
    "second_person_needed": 403,
    "step_up_needed": 403,
    "not_found": 404,
    "liabilities_not_published": 404,
    "no_liability": 404,
    "no_such_kill_switch": 404,
    "unknown_account": 404,
    "unknown_book": 404,
    "unknown_entry": 404,
    "unknown_hold": 404,
    "unknown_event": 404,
    "unknown_bot": 404,
    "unknown_case": 404,
    "unknown_order": 404,
    "unknown_paper_account": 404,
    "unknown_reconciliation": 404,
    "unknown_series": 404,
    "unknown_session": 404,
    "unknown_transfer": 404,
    "unknown_venue_account": 404,
    "method_not_allowed": 405,
    "book_already_open": 409,
    "book_not_connected": 409,
    "book_not_open": 409,
    "bot_exists": 409,
    "bot_not_running": 409,
    "bot_wrong_state": 409,
    "candle_conflict": 409,
    "case_not_open": 409,
    "command_still_running": 409,
    "email_taken": 409,
    "entry_not_reversible": 409,
    "fact_already_recorded": 409,
    "hold_conflict": 409,
    "hold_expired": 409,
    "hold_not_open": 409,
    "insufficient_funds": 409,
    "kill_switch_engaged": 409,
    "nothing_allocated": 409,
    "daily_loss_reached": 409,
    "daily_orders_reached": 409,
    "drawdown_reached": 409,
    "equity_unknown": 409,
    "hourly_orders_reached": 409,
    "limit_reached": 409,
    "losses_in_a_row": 409,
    "open_orders_reached": 409,
    "open_positions_reached": 409,
    "order_notional_reached": 409,
    "position_notional_reached": 409,
    "position_share_reached": 409,
    "price_outside_collar": 409,
    "price_too_old": 409,
    "reward_too_small": 409,
    "risk_per_trade_reached": 409,
    "strategy_budget_reached": 409,
    "too_soon_after_last_order": 409,
    "nothing_to_post": 409,
    "not_flat": 409,
    "not_sealed": 409,
    "liabilities_published_since": 409,
    "nothing_to_recover": 409,
    "order_id_reused": 409,
    "order_still_open": 409,
    "paper_deposit_differs": 409,
    "paper_terms_differ": 409,
    "purse_differs": 409,
    "transfer_id_reused": 409,
    "no_venue_key": 409,
    "venue_account_closed": 409,
    "venue_account_exists": 409,
    "venue_key_in_use": 409,
    "venue_key_of_another_account": 409,
    "venue_key_present": 409,
    "live_trading_not_approved": 409,
    "live_trading_not_requested": 409,
    "bot_mode_not_possible": 409,
    "preflight_needed": 409,
    "preflight_failed": 409,
    "version_mismatch": 412,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "above_hard_bound": 422,
    "adjustment_not_allowed": 422,
    "amount_out_of_range": 422,
    "asset_mismatch": 422,
    "book_not_named": 422,
    "candle_file_refused": 422,
    "idempotency_key_reused": 422,
    "impossible_candle": 422,
    "impossible_sum": 422,
    "invalid_fields": 422,
    "invalid_fill": 422,
    "invalid_order": 422,
    "invalid_parameter": 422,
    "invalid_posting": 422,
    "invalid_value": 422,
    "malformed_note": 422,
    "no_candles": 422,
    "one_shard_only": 422,
    "order_too_small": 422,
    "proof_failed": 422,
    "purses_mixed": 422,
    "refused": 422,
    "stale_data": 422,
    "transfer_unfinished": 422,
    "statement_not_understood": 422,
    "statement_unreadable": 422,
    "unbalanced_entry": 422,
    "unknown_exchange": 422,
    "unknown_parameter": 422,
    "unknown_strategy": 422,
    "unknown_symbol": 422,
    "unsigned_note": 422,
    "venue_key_cannot_read": 422,
    "venue_key_may_withdraw": 422,
    "venue_key_rejected": 422,
    "venue_key_rights_unknown": 422,
    "venue_not_supported": 422,
    "too_many_sign_ins": 429,
    "too_many_streams": 429,
    "invalid_database_url": 500,
    "shards_need_postgresql": 500,
    "poison_event": 500,
    "unexpected_error": 500,
    "venue_key_unreadable": 500,
    "candle_source_unavailable": 502,
    "busy": 503,
    "database_in_use": 503,
    "database_unreachable": 503,
    "lease_lost": 503,
    "liability_salts_unusable": 503,
    "proof_being_made": 503,
    "log_contradicts_checkpoint": 503,
    "read_models_behind": 503,
    "read_only": 503,
    "rebuild_running": 503,
    "schema_out_of_date": 503,
    "schema_too_new": 503,
    "shards_differ": 503,
    "shards_incomplete": 503,
    "store_unavailable": 503,
    "totals_moved": 503,
    "unusable_signing_key": 503,
    "vault_unusable": 503,
    "venue_not_reachable": 503,
}
"""Refusal code → HTTP status; docs/api.md says what each means. 409 is a matter of state: the same request
may succeed later, under a new idempotency key."""

RETRY_AFTER_S: Mapping[str, int] = {
    "command_still_running": 1,
    "too_many_streams": 5,
    "candle_source_unavailable": 5,
    "busy": 1,
    "lease_lost": 1,
    "not_sealed": 1,
    "proof_being_made": 5,
    "read_models_behind": 1,
    "store_unavailable": 1,
    "totals_moved": 1,
    "venue_not_reachable": 5,
}

_BY_STATUS = {
    400: "malformed_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_DETAIL = {
    "forbidden": "your role does not allow this",
    "not_found": "there is nothing here; /schema lists what there is",
    "method_not_allowed": "this method is not served here; the Allow header lists those that are",
    "unsupported_media_type": "send JSON, with Content-Type: application/json",
    "unexpected_error": "something went wrong on our side; tell support the id in `instance`",
}


class Problem(Exception):
    """A refusal of the HTTP face itself; the code's status comes from the table."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.data, self.headers = dict(data or {}), dict(headers or {})


def status_of(code: str) -> int:
    return STATUS[code]  # a test holds the table complete


def problem_body(code: str, detail: str, instance: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a problem; `data` only where there is any."""
    body: dict[str, Any] = {
        "type": f"urn:evenkeel:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_of(code),
        "detail": detail,
        "instance": instance,
        "code": code,
    }
    if data:
        body["data"] = dict(data)
    return body


def problem_response(
    code: str,
    detail: str,
    *,
    instance: str,
    data: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    sent = dict(headers or {})
    if code in RETRY_AFTER_S:
        sent.setdefault("Retry-After", str(RETRY_AFTER_S[code]))
    if status_of(code) == 401:
        sent.setdefault("WWW-Authenticate", "Bearer")
    body = json.dumps(problem_body(code, detail, instance, data or {}), ensure_ascii=False)
    return Response(body.encode(), status_code=status_of(code), media_type=MEDIA_TYPE, headers=sent)


def request_id_of(request: Request[Any, Any, Any]) -> str:
    """The id that adapters.http.outer gave this request."""
    return str(request.scope.get("evenkeel_request_id", ""))


def instance_of(request: Request[Any, Any, Any]) -> str:
    return f"urn:evenkeel:request:{request_id_of(request)}"


_MISSING_PARAMETER = re.compile(r"[Mm]issing required \w+ parameter '(?P<name>[\w-]+)'")


# -- handlers: one for each kind of error --------------------------------------------------------------------


def _problem(request: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    return problem_response(
        error.code, error.detail, instance=instance_of(request), data=error.data, headers=error.headers
    )


def _refusal(request: Request[Any, Any, Any], error: DomainError) -> Response[bytes]:
    words, data = shown_refusal(error.code, str(error), error.data)
    return problem_response(error.code, words, instance=instance_of(request), data=data)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if isinstance(error, ValidationException):
        return _invalid(request, error.extra, error.detail)
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        code = "unexpected_error" if error.status_code >= 500 else "malformed_request"
    detail = _DETAIL.get(code) or error.detail
    allow = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    if error.status_code >= 500:
        _report(request, error)
    return problem_response(code, detail, instance=instance_of(request), headers=allow)


def _invalid(request: Request[Any, Any, Any], found: object, said: str = "") -> Response[bytes]:
    """Fields by name, each with its problem and the way out; never with what was sent."""
    entries: Sequence[Any] = found if isinstance(found, list) else []
    errors = [
        {"field": str(entry.get("key", "body")), "problem": _words(str(entry.get("message", "")))}
        for entry in entries
        if isinstance(entry, dict)
    ]
    if not errors and (missing := _MISSING_PARAMETER.search(said)):
        errors = [{"field": missing["name"], "problem": "is required"}]
    if [error["field"] for error in errors] == ["data"]:  # the framework's name for a body that is not there
        errors = [
            {"field": "body", "problem": "is required: send a JSON object, {} where nothing is to be said"}
        ]
    detail = "; ".join(f"{error['field']}: {error['problem']}" for error in errors) or "the body is not valid"
    return problem_response(
        "invalid_fields", detail, instance=instance_of(request), data={"errors": errors} if errors else {}
    )


def _words(message: str) -> str:
    message = message.removeprefix("Value error, ")
    known = {
        "Field required": "is required",
        "Extra inputs are not permitted": "is not a field here; leave it out",
        "Input should be a valid string": 'must be a string (money too: "1500.25", not 1500.25)',
    }
    return known.get(message, message[:1].lower() + message[1:] if message else "is not valid")


def _unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    code = "store_unavailable" if isinstance(error, StoreUnavailable) else "busy"
    return problem_response(
        code, "nothing was done as far as we know; ask again shortly", instance=instance_of(request)
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _report(request, error)
    return problem_response("unexpected_error", _DETAIL["unexpected_error"], instance=instance_of(request))


def _report(request: Request[Any, Any, Any], error: Exception) -> None:
    report = request.scope.get("evenkeel_report")
    if callable(report):
        report(error)


HANDLERS: ExceptionHandlersMap = {
    Problem: _problem,
    DomainError: _refusal,
    HTTPException: _http_error,
    Busy: _unavailable,
    QueueFull: _unavailable,
    StoreUnavailable: _unavailable,
    Exception: _unexpected,
}
