"""What the exchange says no with: a code and a message as Binance words them, and an HTTP status."""

from __future__ import annotations


class Rejected(Exception):
    """The request changed nothing."""

    def __init__(self, code: int, message: str, status: int = 400, data: object = None) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message, self.status, self.data = code, message, status, data

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"code": self.code, "msg": self.message}
        return body if self.data is None else {**body, "data": self.data}


def filter_failure(name: str) -> Rejected:
    return Rejected(-1013, f"Filter failure: {name}")


def missing(parameter: str) -> Rejected:
    return Rejected(-1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.")


def not_required(parameter: str) -> Rejected:
    return Rejected(-1106, f"Parameter '{parameter}' sent when not required.")


def illegal(parameter: str, legal: str) -> Rejected:
    return Rejected(-1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal}'.")


def insufficient_balance() -> Rejected:
    return Rejected(-2010, "Account has insufficient balance for requested action.")


def duplicate_order() -> Rejected:
    return Rejected(-2010, "Duplicate order sent.")


def would_take() -> Rejected:
    return Rejected(-2010, "Order would immediately match and take.")


def would_trigger() -> Rejected:
    return Rejected(-2010, "Stop price would trigger immediately.")


def may_not_trade() -> Rejected:
    return Rejected(-2010, "This account may not place or cancel orders.")


def unknown_to_cancel() -> Rejected:
    return Rejected(-2011, "Unknown order sent.")


def cancel_restricted() -> Rejected:
    return Rejected(-2011, "Order was not canceled due to cancel restrictions.")


def no_such_order() -> Rejected:
    return Rejected(-2013, "Order does not exist.")


def internal_error() -> Rejected:
    """With a 5xx, whoever asked knows that they do not know."""
    return Rejected(-1001, "Internal error; unable to process your request. Please try again.", 503)


def no_service() -> Rejected:
    return Rejected(-1016, "This service is no longer available.", 503)


def bad_symbol() -> Rejected:
    return Rejected(-1121, "Invalid symbol.")


def bad_key() -> Rejected:
    return Rejected(-2015, "Invalid API-key, IP, or permissions for action.", 401)
