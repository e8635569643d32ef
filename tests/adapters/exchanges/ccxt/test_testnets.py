"""A venue's own test network: asked there, and never at the venue itself."""

from __future__ import annotations

import pytest

from adapters.exchanges.ccxt.candles import open_candle_client
from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from application.ports.candle_source import UnknownExchange
from entrypoints.settings import Settings
from entrypoints.venues import NoRealMoney, address_of


@pytest.mark.parametrize(("exchange", "host"), [("binance", "testnet.binance.vision"), ("gemini", "sandbox")])
def test_every_request_for_spot_goes_to_the_test_network(exchange: str, host: str) -> None:
    address = address_of(Settings(), f"{exchange}-testnet")
    assert address == VenueAddress(name=f"{exchange}-testnet", exchange=exchange, is_testnet=True)
    client = open_candle_client(address)
    try:
        assert host in str(client.urls["api"]["public"])
        assert host in str(client.urls["api"]["private"])
    finally:
        client.session.close()


def test_a_venue_without_a_test_network_is_no_venue() -> None:
    address = address_of(Settings(), "kraken-testnet")
    with pytest.raises(UnknownExchange):
        open_candle_client(address)
    connection = VenueConnection(address)
    try:
        with pytest.raises(UnknownExchange):
            connection.run(connection.public())
    finally:
        connection.close()


def test_no_money_is_real_at_simulators_and_test_networks() -> None:
    settings = Settings(simulators="rehearsal=http://127.0.0.1:8700")
    venues = NoRealMoney(settings.simulator_urls)
    assert ["rehearsal" in venues, "binance-testnet" in venues, "binance" in venues] == [True, True, False]
