"""What a venue tells of a key and of the connection to it: for imports of keys and for pre-flights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.exchanges.ccxt.clients import close_client
from adapters.exchanges.ccxt.connection import VenueConnection, take_markets
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.key_rights import rights_of
from adapters.exchanges.ccxt.market_data import CcxtMarketView
from adapters.exchanges.ccxt.orders import balances_of
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.verdicts import Verdict
from application.ports.exchange import VenueOutcomeUnknown, VenueRefused
from application.ports.key_inspector import KeyReport, VenueKeyRejected, VenueNotReachable
from application.ports.market_view import MarketDataUnavailable
from application.ports.vault import Credentials
from application.ports.venue_facts import VenueAddress
from domain.market import Market
from domain.venue_accounts.rights import KeyRights

DOLLARS = ("USD", "USDT", "USDC", "FDUSD", "DAI")
"""Worth a dollar each; what else is worth is its price in one of them."""

ConnectionOf = Callable[[str], VenueConnection]
"""By venue name. Errors: DomainError where there is none of that name."""


class CcxtKeyInspector:
    """A KeyInspector; see there. The key lives in a client of its own, which is closed again."""

    def __init__(self, connection_of: ConnectionOf) -> None:
        self._connection_of = connection_of

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        connection = self._connection_of(venue)
        try:
            return connection.run(_inspected(connection, credentials))
        except RequestFailed as failed:
            if failed.verdict is Verdict.REFUSED and failed.has_answer and failed.was_sent:
                raise VenueKeyRejected(venue=venue) from None
            raise VenueNotReachable(venue=venue) from None
        except (NonsenseAnswer, VenueOutcomeUnknown):
            raise VenueNotReachable(venue=venue) from None


class CcxtVenueFacts:
    """VenueFacts; see there."""

    def __init__(self, connection_of: ConnectionOf) -> None:
        self._connection_of = connection_of

    def rights(self, account: VenueAddress) -> KeyRights:
        connection = self._connection_of(account.venue)
        try:
            return connection.run(_rights(connection, account.venue_account_id))
        except RequestFailed as failed:
            if failed.verdict is Verdict.REFUSED and failed.has_answer:
                raise VenueRefused(failed.words) from None
            raise VenueOutcomeUnknown(failed.words) from None
        except NonsenseAnswer as nonsense:
            raise VenueOutcomeUnknown(str(nonsense)) from None

    def balances(self, account: VenueAddress) -> Mapping[str, Decimal]:
        held = CcxtExchange(self._connection_of(account.venue)).balances(account.venue_account_id)
        return {asset: balance.total for asset, balance in held.items() if balance.total}

    def market(self, account: VenueAddress, symbol: str) -> Market:
        return CcxtExchange(self._connection_of(account.venue)).market(account.venue_account_id, symbol)

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        clock = self._connection_of(venue).clock
        return None if clock.is_due else Decimal(round(clock.offset.ms))

    def rate_budget_left(self, venue: str) -> Decimal | None:
        connection = self._connection_of(venue)
        return connection.run(_budget_left(connection))

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        if asset in DOLLARS:
            return Decimal(1)
        view = CcxtMarketView(self._connection_of(venue))
        for dollar in DOLLARS:
            try:
                ticker = view.ticker(f"{asset}/{dollar}")
            except (VenueRefused, VenueOutcomeUnknown, MarketDataUnavailable):
                continue
            if (price := ticker.bid or ticker.last) is not None:
                return price
        return None


async def _inspected(connection: VenueConnection, credentials: Credentials) -> KeyReport:
    public = await connection.public()
    client = connection.client_with(credentials)
    try:
        take_markets(client, public)
        exchange = connection.address.exchange
        rights = await connection.read(lambda: rights_of(client, exchange))
        balances = balances_of(await connection.read(client.fetch_balance), connection.profile.balances_key)
    finally:
        await close_client(client)
    totals = {asset: balance.total for asset, balance in balances.items() if balance.total}
    return KeyReport(rights=rights, balances=totals)


async def _rights(connection: VenueConnection, account: str) -> KeyRights:
    client: Any = (await connection.account(account)).client
    return await connection.read(lambda: rights_of(client, connection.address.exchange))


async def _budget_left(connection: VenueConnection) -> Decimal | None:
    try:
        await connection.public()
    except RequestFailed:
        return None
    return Decimal(str(round(connection.asker.budget.left, 4)))
