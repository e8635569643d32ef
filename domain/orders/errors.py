"""Refusals of orders."""

from __future__ import annotations

from domain.errors import DomainError


class InvalidOrder(DomainError, code="invalid_order"):
    """The terms contradict each other or the market's filters."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class InvalidFill(DomainError, code="invalid_fill"):
    """A venue reported a fill that cannot be: nothing of it is booked, the order needs review."""

    def __init__(self, *, venue_trade_id: str, problem: str) -> None:
        super().__init__(f"fill {venue_trade_id}: {problem}")
        self.venue_trade_id, self.problem = venue_trade_id, problem


class UnknownOrder(DomainError, code="unknown_order"):
    """No order of that id."""

    def __init__(self, *, client_order_id: str) -> None:
        super().__init__(f"no order {client_order_id}")
        self.client_order_id = client_order_id


class OrderIdReused(DomainError, code="order_id_reused"):
    """An order of that id was intended before with other terms; an id is never reused."""

    def __init__(self, *, client_order_id: str) -> None:
        super().__init__(f"order {client_order_id} exists with other terms")
        self.client_order_id = client_order_id
