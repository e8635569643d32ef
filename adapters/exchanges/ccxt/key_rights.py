"""What a key may do, as each venue tells it about itself. A venue that tells nothing is told of as None."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.exchanges.ccxt.exact import NonsenseAnswer
from domain.venue_accounts.rights import KeyRights

NOTHING_TOLD = KeyRights(may_read=None, may_trade=None, may_take_out=None)

Asked = Callable[[Any], Awaitable[Any]]
Told = Callable[[Mapping[str, Any]], KeyRights]


async def rights_of(client: Any, exchange: str) -> KeyRights:
    """Asks with the client's own key. Raises what the client raises, and NonsenseAnswer."""
    known = _VENUES.get("binance" if exchange == "binanceus" else exchange)
    if known is None:
        return NOTHING_TOLD
    ask, read = known
    answer = await ask(client)
    if not isinstance(answer, Mapping):
        raise NonsenseAnswer("the rights of a key are no object")
    return read(answer)


def _binance(told: Mapping[str, Any]) -> KeyRights:
    """GET /sapi/v1/account/apiRestrictions."""
    ways_out = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
    return KeyRights(
        may_read=_flag(told.get("enableReading")),
        may_trade=_flag(told.get("enableSpotAndMarginTrading")),
        may_take_out=_any(_flag(told.get(way)) for way in ways_out),
        is_ip_restricted=_flag(told.get("ipRestrict")),
    )


def _coinbase(told: Mapping[str, Any]) -> KeyRights:
    """GET /api/v3/brokerage/key_permissions."""
    return KeyRights(
        may_read=_flag(told.get("can_view")),
        may_trade=_flag(told.get("can_trade")),
        may_take_out=_flag(told.get("can_transfer")),
    )


def _kraken(told: Mapping[str, Any]) -> KeyRights:
    """POST /0/private/GetApiKeyInfo: the names of everything that the key may do."""
    result = told.get("result")
    names = result.get("permissions") if isinstance(result, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return NOTHING_TOLD
    has = {name.lower().replace("_", "-") for name in names}
    addresses = result.get("ip_allowlist") if isinstance(result, Mapping) else None
    return KeyRights(
        may_read="query-funds" in has,
        may_trade=bool(has & {"modify-trades", "modify-orders", "create-orders"}),
        may_take_out=any(name.startswith(("withdraw", "add-withdraw", "transfer")) for name in has),
        is_ip_restricted=bool(addresses) if isinstance(addresses, list) else None,
    )


def _gemini(told: Mapping[str, Any]) -> KeyRights:
    """POST /v1/roles. A fund manager's key may withdraw; an auditor's may read only."""
    trader, manager = _flag(told.get("isTrader")), _flag(told.get("isFundManager"))
    return KeyRights(
        may_read=_any([_flag(told.get("isAuditor")), trader, manager]),
        may_trade=trader,
        may_take_out=manager,
    )


_VENUES: dict[str, tuple[Asked, Told]] = {
    "binance": (lambda client: client.sapiGetAccountApiRestrictions(), _binance),
    "coinbase": (lambda client: client.v3PrivateGetBrokerageKeyPermissions(), _coinbase),
    "kraken": (lambda client: client.privatePostGetApiKeyInfo(), _kraken),
    "gemini": (lambda client: client.privatePostV1Roles(), _gemini),
}


def _flag(told: object) -> bool | None:
    """Only what is plainly yes or no; anything else is not told."""
    if isinstance(told, bool):
        return told
    return {"true": True, "false": False}.get(told) if isinstance(told, str) else None


def _any(flags: Any) -> bool | None:
    """Yes if one is; no if all are known to be no; else not known."""
    known = list(flags)
    if True in known:
        return True
    return None if None in known else False
