"""Broken pieces to put in place of whole ones: the simulation must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from application.orders import not_found
from application.orders.not_found import RecordNotFound
from application.orders.record_report import RecordReport, RecordVenueRefusal
from application.ports.commands import Caller, Command, Outcome, Result
from application.ports.exchange import (
    Exchange,
    Guarantees,
    OrderReport,
    OrderRequest,
    VenueOutcomeUnknown,
    VenueRefused,
)
from application.work import Work
from domain.orders.order import Order


def _same(part: Any) -> Any:
    return part


@dataclass(frozen=True, slots=True)
class Broken:
    """What is put together otherwise than in production.

    `exchange` and `bus` wrap a process's own; `patched` is around the whole run.
    """

    exchange: Callable[[Exchange], Exchange] = _same
    bus: Callable[[Any], Any] = _same
    patched: Callable[[], Any] = nullcontext


WHOLE = Broken()


# -- venues' clients ---------------------------------------------------------------------------------------


class _Wrapped(Exchange):
    """An exchange in which one method is another one."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.name = exchange.name

    def __getattribute__(self, name: str) -> Any:
        own = ("exchange", "name", "__dict__", "__class__", *type(self).__dict__)
        if name in own:
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "exchange"), name)


class _TimeoutIsRefusal(_Wrapped):
    """What freqtrade and others did: no answer, so there is no order (safety §3 #7)."""

    def submit(self, request: OrderRequest) -> OrderReport:
        try:
            return self.exchange.submit(request)
        except VenueOutcomeUnknown as unknown:
            raise VenueRefused(str(unknown)) from None


class _SendsAgain(_Wrapped):
    """An order whose create was not answered is sent once more (safety §3 #6)."""

    def submit(self, request: OrderRequest) -> OrderReport:
        try:
            return self.exchange.submit(request)
        except VenueOutcomeUnknown:
            return self.exchange.submit(request)


class _WithoutExpiry(_Wrapped):
    """Requests do not say until when they are good (safety §3 #31)."""

    def submit(self, request: OrderRequest) -> OrderReport:
        return self.exchange.submit(replace(request, expires_at_utc=None))


class _ShowsAtOnce(_Wrapped):
    """Promises what it does not keep: requests are over at once, and orders are seen at once."""

    def submit(self, request: OrderRequest) -> OrderReport:
        return self.exchange.submit(replace(request, expires_at_utc=None))

    @property
    def guarantees(self) -> Guarantees:
        return replace(self.exchange.guarantees, requests_expire=True, not_found_after=timedelta(seconds=-7))


# -- the bus -----------------------------------------------------------------------------------------------


class _Through:
    """A bus that changes commands or their callers on the way."""

    def __init__(self, bus: Any) -> None:
        self.bus = bus

    def execute(self, command: Command, caller: Caller) -> Outcome:
        outcome: Outcome = self.bus.execute(*self.changed(command, caller))
        return outcome

    def changed(self, command: Command, caller: Caller) -> tuple[Command, Caller]:
        return command, caller


class _ForgetsIds(_Through):
    """Command ids are made new at every attempt: nothing is idempotent (safety §3 #1)."""

    count = 0

    def changed(self, command: Command, caller: Caller) -> tuple[Command, Caller]:
        type(self).count += 1
        return command, replace(caller, command_id=f"{caller.command_id}#{self.count}")


class _OldReportIds(_Through):
    """Reports are the same that name the same trades: what the simulation found on its first day."""

    def changed(self, command: Command, caller: Caller) -> tuple[Command, Caller]:
        if isinstance(command, RecordReport):
            report = command.report
            said = (report.venue_order_id, report.status, *(fill.venue_trade_id for fill in report.fills))
            return command, replace(caller, command_id=f"report:{report.client_order_id}:{said}")
        return command, caller


class _NotFoundIsProof(_Through):
    """The first "not found" ends an order (safety §3 #7)."""

    def changed(self, command: Command, caller: Caller) -> tuple[Command, Caller]:
        if isinstance(command, RecordNotFound):
            return RecordVenueRefusal(command.client_order_id, "not found"), caller
        return command, caller


# -- pieces of use cases -----------------------------------------------------------------------------------


@contextmanager
def _replaced(owner: Any, name: str, by: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _without_early_end(self: RecordReport, order: Order) -> OrderReport:
    return self.report


def _fills_forgotten(self: Order, event: Any, status: str) -> Order:
    """Every fill is a new one."""
    from domain.money import add

    return replace(
        self,
        status=status,
        filled_base=add(self.filled_base, event.base_quantity),
        filled_quote=add(self.filled_quote, event.quote_amount),
        last_fill_at_utc=event.traded_at_utc,
    )


def _claims_nothing(self: Work, natural_key: str) -> None: ...


def _is_proof_at_once(*_: Any) -> bool:
    return True


def _decides_a_refusal(self: RecordVenueRefusal, work: Work) -> Result:
    """The order ends, and its hold is forgotten."""
    from application.streams import order_stream

    order = work.order(self.client_order_id)
    work.record(order_stream(self.client_order_id), order.refuse(reason=self.reason, at=work.now))
    return {"client_order_id": self.client_order_id, "status": work.order(self.client_order_id).status}


@contextmanager
def _fills_forgotten_and_unclaimed() -> Iterator[None]:
    with (
        _replaced(Order, "_after_fill", _fills_forgotten),
        _replaced(Work, "claim", _claims_nothing),
    ):
        yield


PLANTED: dict[str, Broken] = {
    "a timeout is a refusal": Broken(exchange=_TimeoutIsRefusal),
    "an unanswered create is sent again": Broken(exchange=_SendsAgain),
    "requests do not expire": Broken(exchange=_WithoutExpiry),
    "not found is proof at once": Broken(bus=_NotFoundIsProof),
    "a report is the same that names the same trades": Broken(bus=_OldReportIds),
    "command ids are not kept": Broken(bus=_ForgetsIds),
    "not found is proof before the request expired": Broken(
        patched=lambda: _replaced(not_found, "is_proof", _is_proof_at_once)
    ),
    "an end is believed while fills are missing": Broken(
        patched=lambda: _replaced(RecordReport, "_without_early_end", _without_early_end)
    ),
    "every fill is a new one": Broken(patched=_fills_forgotten_and_unclaimed),
    "a refused order keeps its hold": Broken(
        patched=lambda: _replaced(RecordVenueRefusal, "decide", _decides_a_refusal)
    ),
    "a venue shows every order at once": Broken(exchange=_ShowsAtOnce),
}
"""By what is wrong: each must be found."""
