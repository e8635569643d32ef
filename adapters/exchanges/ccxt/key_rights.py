"""What a venue says of a key, in each venue's own words. A venue that is not in this list tells nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.orders import balances_of
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.verdicts import Verdict
from application.ports.key_inspector import KeyReport, VenueKeyRejected, VenueNotReachable
from application.ports.vault import Credentials
from domain.venue_accounts.rights import KeyRights


@dataclass(frozen=True, slots=True)
class ToldKey:
    """What a venue says of a key itself, and of whose it is."""

    rights: KeyRights
    venue_uid: str = ""  # "" also at Kraken and Gemini: no answer of theirs is known to name it


NOTHING_TOLD = ToldKey(KeyRights(may_read=None, may_trade=None, may_take_out=None))


class CcxtKeyInspector:
    """A KeyInspector of one venue. Its requests are signed with the key that is asked about, and no other."""

    def __init__(self, connection: VenueConnection) -> None:
        self._venue = connection

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        """What was caught is never raised on: an error of the client's may quote what it signed."""
        try:
            return self._venue.run(self._inspect(credentials))
        except RequestFailed as failed:
            was_refused = failed.has_answer and failed.verdict is Verdict.REFUSED
        except NonsenseAnswer:
            was_refused = False
        if was_refused:
            raise VenueKeyRejected(venue=venue)
        raise VenueNotReachable(venue=venue)

    async def _inspect(self, credentials: Credentials) -> KeyReport:
        async with self._venue.trial_client(credentials) as client:
            ask = _RIGHTS.get(self._venue.address.exchange)
            key = NOTHING_TOLD if ask is None else await ask(self._venue, client)
            told = await self._venue.read(client.fetch_balance)
        balances = balances_of(told, self._venue.profile.balances_key)
        return KeyReport(
            rights=key.rights,
            balances={asset: held.total for asset, held in balances.items() if held.total},
            venue_uid=key.venue_uid,
        )


async def _of_binance(venue: VenueConnection, client: Any) -> ToldKey:
    """The key's own restrictions, and what the account as a whole may do: both must let it. The test network
    does not tell restrictions, and nothing can be taken out of it.
    """
    if venue.address.is_testnet:
        told = _mapping(await venue.read(client.privateGetAccount))
        rights = KeyRights(may_read=True, may_trade=_flag(told, "canTrade"), may_take_out=False)
        return ToldKey(rights, _uid(told, "uid"))
    key = _mapping(await venue.read(client.sapiGetAccountApiRestrictions))
    account = _mapping(await venue.read(client.privateGetAccount))
    takes_out = [_flag(key, name) for name in _TAKES_OUT]
    trades = (_flag(key, "enableSpotAndMarginTrading"), _flag(account, "canTrade"))
    rights = KeyRights(
        may_read=_flag(key, "enableReading"),
        may_trade=None if None in trades else all(trades),
        may_take_out=True if True in takes_out else (None if None in takes_out else False),
        is_ip_restricted=_flag(key, "ipRestrict"),
    )
    return ToldKey(rights, _uid(account, "uid"))


_TAKES_OUT = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")


async def _of_coinbase(venue: VenueConnection, client: Any) -> ToldKey:
    """A key is of one portfolio, and sees and trades what is in that alone."""
    key = _mapping(await venue.read(client.v3PrivateGetBrokerageKeyPermissions))
    rights = KeyRights(
        may_read=_flag(key, "can_view"),
        may_trade=_flag(key, "can_trade"),
        may_take_out=_flag(key, "can_transfer"),
    )
    return ToldKey(rights, _uid(key, "portfolio_uuid"))


async def _of_kraken(venue: VenueConnection, client: Any) -> ToldKey:
    """Kraken names everything that a key may do. A name that we have not heard of might take money out."""
    told = _mapping(await venue.read(client.privatePostGetApiKeyInfo)).get("result")
    names = told.get("permissions") if isinstance(told, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return NOTHING_TOLD
    takes_out = any("withdraw" in name or "transfer" in name for name in names)
    is_known = all(name.startswith(_HARMLESS) for name in names)
    addresses = told.get("ipAllowlist") if isinstance(told, dict) else None
    rights = KeyRights(
        may_read="query-funds" in names,
        may_trade="modify-trades" in names,
        may_take_out=True if takes_out else (False if is_known else None),
        is_ip_restricted=bool(addresses) if isinstance(addresses, list) else None,
    )
    return ToldKey(rights)


_HARMLESS = ("query-", "modify-trades", "close-trades", "add-funds", "earn-funds", "export-", "access-")


async def _of_gemini(venue: VenueConnection, client: Any) -> ToldKey:
    """Gemini's keys have roles: the fund manager's takes money out, the auditor's only reads."""
    key = _mapping(await venue.read(client.privatePostV1Roles))
    trader, auditor = _flag(key, "isTrader"), _flag(key, "isAuditor")
    rights = KeyRights(
        may_read=None if trader is None or auditor is None else trader or auditor,
        may_trade=trader,
        may_take_out=_flag(key, "isFundManager"),
    )
    return ToldKey(rights)


_RIGHTS: Mapping[str, Callable[[VenueConnection, Any], Awaitable[ToldKey]]] = {
    "binance": _of_binance,
    "coinbase": _of_coinbase,
    "gemini": _of_gemini,
    "kraken": _of_kraken,
}
"""By ccxt name. Of others nothing is told, so their keys are refused."""


def _mapping(told: Any) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise NonsenseAnswer("the answer says nothing of the key")
    return told


def _flag(told: Mapping[str, Any], name: str) -> bool | None:
    """Only what is plainly true or false is either."""
    value = told.get(name)
    return value if isinstance(value, bool) else None


def _uid(told: Mapping[str, Any], name: str) -> str:
    """A whole number or a short word; anything else names no account."""
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str) or not value:
        return ""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else ""


_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
