"""Our client order ids as Kraken takes them: 32 hexadecimal digits, or at most 18 characters of any text."""

from __future__ import annotations

import re
from typing import Any

_LENGTH, _EPOCH_DIGITS = 32, 3
_KINDS = {"ek": "e", "kc": "c"}  # an order of a bot, and of a kill switch
_PREFIXES = {kind: prefix for prefix, kind in _KINDS.items()}
_OURS = re.compile(r"(ek|kc)(0|[1-9][0-9]{0,3})-([0-9a-f]+)", re.ASCII)
_THEIRS = re.compile(r"[ec][0-9a-f]{31}", re.ASCII)


def to_kraken(client_order_id: str) -> str:
    """Reversible: kind, epoch and digest in hexadecimal. An id that is none of ours is left as it is."""
    found = _OURS.fullmatch(client_order_id)
    if found is None or len(client_order_id) != _LENGTH or int(found[2]) >= 16**_EPOCH_DIGITS:
        return client_order_id
    return f"{_KINDS[found[1]]}{int(found[2]):0{_EPOCH_DIGITS}x}{found[3]}".ljust(_LENGTH, "0")


def from_kraken(told: str) -> str:
    """The other way round; of what somebody else placed, what was told."""
    digits = told.replace("-", "")
    if _THEIRS.fullmatch(digits) is None:
        return told
    prefix = f"{_PREFIXES[digits[0]]}{int(digits[1 : 1 + _EPOCH_DIGITS], 16)}-"
    ours = prefix + digits[1 + _EPOCH_DIGITS :][: _LENGTH - len(prefix)]
    return ours if to_kraken(ours) == digits else told


class KrakenIds:
    """Put before ccxt's class: ids are translated where it signs what is sent, and where it reads orders."""

    def sign(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any
    ) -> Any:
        params = dict(params or {})
        if isinstance(ours := params.get("cl_ord_id"), str):
            params["cl_ord_id"] = to_kraken(ours)
        return super().sign(path, api, method, params, *rest)  # type: ignore[misc]

    def parse_order(self, order: Any, market: Any = None) -> Any:
        parsed = super().parse_order(order, market)  # type: ignore[misc]
        if isinstance(told := parsed.get("clientOrderId"), str):
            parsed["clientOrderId"] = from_kraken(told)
        return parsed
