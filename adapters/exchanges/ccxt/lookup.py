"""An order, by its client order id: each venue's own way."""

from __future__ import annotations

from typing import Any

from adapters.exchanges.ccxt.budget import Priority
from adapters.exchanges.ccxt.connection import VenueAccount, VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.orders import Parsed
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.profiles import BY_ID, BY_STATUS
from adapters.exchanges.ccxt.verdicts import Verdict

_NEWEST = 100


async def find_order(
    venue: VenueConnection,
    account: VenueAccount,
    symbol: str,
    client_order_id: str,
    priority: Priority = Priority.QUERY,
) -> Parsed:
    """As the venue tells it. Raises RequestFailed: NOT_FOUND only where the venue proves it."""
    client, profile = account.client, venue.profile
    if profile.lookup == BY_ID:
        ask = lambda: client.fetch_order(None, symbol, {"origClientOrderId": client_order_id})  # noqa: E731
        return _order(await venue.read(ask, priority))
    if profile.lookup == BY_STATUS:
        return await _by_status(venue, client, symbol, client_order_id, priority)
    known = account.sent.get(client_order_id)
    if known is not None and known.venue_order_id:
        venue_id = known.venue_order_id
        return _order(await venue.read(lambda: client.fetch_order(venue_id, symbol), priority))
    return await _in_lists(venue, client, symbol, client_order_id, priority)


async def _by_status(
    venue: VenueConnection, client: Any, symbol: str, client_order_id: str, priority: Priority
) -> Parsed:
    """Gemini: the status of an order may be asked for by its client id; one id may name several orders."""
    asked = {"client_order_id": client_order_id, "include_trades": False}
    raw = await venue.read(lambda: client.privatePostV1OrderStatus(asked), priority)
    found = raw if isinstance(raw, list) else [raw]
    if len(found) != 1:
        raise RequestFailed(
            Verdict.UNKNOWN, f"the venue has {len(found)} orders of client id {client_order_id}"
        )
    return _order(client.parse_order(found[0], client.market(symbol)))


async def _in_lists(
    venue: VenueConnection, client: Any, symbol: str, client_order_id: str, priority: Priority
) -> Parsed:
    """Open ones first: an order that ends meanwhile is then among those that have ended."""
    param = venue.profile.list_param
    params = {param: client_order_id} if param else {}
    limit = None if param else _NEWEST
    lists = [client.fetch_open_orders, client.fetch_closed_orders]
    if not param and client.has.get("fetchCanceledOrders"):
        lists.append(client.fetch_canceled_orders)
    for ask in lists:
        orders = await venue.read(_listing(ask, symbol, limit, params), priority)
        for order in orders if isinstance(orders, list) else ():
            if isinstance(order, dict) and order.get("clientOrderId") == client_order_id:
                return order
    if param:
        raise RequestFailed(Verdict.NOT_FOUND, "neither among open orders nor among those that have ended")
    raise RequestFailed(
        Verdict.UNKNOWN, f"not among the newest {_NEWEST} orders, which at this venue proves nothing"
    )


def _listing(ask: Any, symbol: str, limit: int | None, params: dict[str, str]) -> Any:
    return lambda: ask(symbol, None, limit, dict(params))


def _order(found: object) -> Parsed:
    if not isinstance(found, dict):
        raise NonsenseAnswer("the answer is no order")
    return found
