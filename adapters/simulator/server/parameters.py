"""What a request was sent with, read as strictly as Binance reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from adapters.simulator.core.checks import check_client_id
from adapters.simulator.core.errors import Rejected, illegal, missing
from adapters.simulator.core.orders import NewOrder

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)


class Parameters:
    """By name, as text. Empty is malformed, except that it may be left out."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        if value == "":
            raise Rejected(-1105, f"Parameter '{name}' was empty.")
        return value

    def peek(self, name: str) -> str | None:
        """Whatever it is, without judging it."""
        return self._given.get(name)

    def required(self, name: str) -> str:
        value = self._given.get(name)
        if not value:
            raise missing(name)
        return value

    def amount(self, name: str) -> Decimal | None:
        value = self.text(name)
        if value is None:
            return None
        if not _DECIMAL.fullmatch(value):
            raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        return Decimal(value)

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise illegal(name, r"^[0-9]{1,20}$")
        return int(value)

    def limit(self, usual: int, most: int) -> int:
        value = self.integer("limit")
        if value is not None and not value >= 1:
            raise missing("limit")
        return min(usual if value is None else value, most)

    def flag(self, name: str) -> bool:
        return self.text(name) in ("true", "TRUE")

    def client_id(self, name: str) -> str | None:
        value = self.text(name)
        check_client_id(value, name)
        return value

    def new_order(self, prefix: str = "") -> NewOrder:
        """With a prefix (`above`, `below`): one leg of an OCO."""

        def name(plain: str) -> str:
            return prefix + plain[0].upper() + plain[1:] if prefix else plain

        return NewOrder(
            symbol=self.required("symbol"),
            side=self.required("side"),
            type=self.required(name("type")),
            quantity=self.amount("quantity"),
            quote_order_quantity=None if prefix else self.amount("quoteOrderQty"),
            price=self.amount(name("price")),
            stop_price=self.amount(name("stopPrice")),
            time_in_force=self.text(name("timeInForce")),
            client_order_id=self.text(name("clientOrderId") if prefix else "newClientOrderId"),
        )
