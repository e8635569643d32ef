"""Accounts at venues, the platform's and owners', and the vault that their keys are in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from application.ports.commands import Outcome
from application.ports.event_log import Position
from application.ports.vault import PLATFORM, Credentials
from application.streams import venue_account_stream
from application.venue_accounts.commands import (
    CloseVenueAccount,
    ConnectVenueAccount,
    OpenLiveBook,
    OpenPooledAccount,
    RevokeVenueKey,
)
from application.venue_accounts.shown import venue_account_from_answer
from domain.venue_accounts.errors import UnknownVenueAccount
from domain.venue_accounts.venue_account import POOLED, VenueAccount
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk


def connect(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    command = ConnectVenueAccount(desk.user(arguments), arguments["venue"], arguments["name"])
    return _told(desk.services.bus.execute(command, desk.caller()))


def open_pooled(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    command = OpenPooledAccount(arguments["venue"], arguments["name"], by=ACTOR)
    return _told(desk.services.bus.execute(command, desk.caller()))


def open_book(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(OpenLiveBook(desk.user(arguments), arguments["venue_account_id"]))


def take_key(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    account = _account(desk, arguments)
    outcome = desk.services.venue_keys.take(
        account.venue_account_id,
        _owner(account),
        Credentials(arguments["api_key"], arguments["secret"], arguments["password"]),
        desk.caller(),
        replacing=bool(arguments["replacing"]),
    )
    return _told(outcome)


def revoke_key(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    account = _account(desk, arguments)
    command = RevokeVenueKey(account.venue_account_id, _owner(account), arguments["reason"], by=ACTOR)
    return _told(desk.services.venue_keys.end(command, account.venue_account_id, desk.caller()))


def close(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    account = _account(desk, arguments)
    command = CloseVenueAccount(account.venue_account_id, _owner(account), arguments["reason"], by=ACTOR)
    return _told(desk.services.venue_keys.end(command, account.venue_account_id, desk.caller()))


def rotate_vault(desk: OperatorDesk, _arguments: Arguments) -> dict[str, Any]:
    return asdict(desk.services.venue_keys.vault.rotate_master(desk.progress))


def _account(desk: OperatorDesk, arguments: Arguments) -> VenueAccount:
    """Any owner's or a pooled one, for an operator; of the named user's only where one is named."""
    account_id = arguments["venue_account_id"]
    account: VenueAccount = desk.services.log.load(venue_account_stream(account_id)).state
    if not account.exists or (arguments.get("user") and account.owner_id != desk.user(arguments)):
        raise UnknownVenueAccount(venue_account_id=account_id)
    return account


def _owner(account: VenueAccount) -> str:
    return PLATFORM if account.kind == POOLED else account.owner_id


def _told(outcome: Outcome) -> dict[str, Any]:
    answer = asdict(venue_account_from_answer(outcome.unwrap()))
    return {**answer, "position": str(Position.of(outcome.position))}


OPERATIONS: dict[str, Operation] = {
    "venue-accounts.connect": connect,
    "venue-accounts.open-pooled": open_pooled,
    "venue-accounts.open-book": open_book,
    "venue-accounts.take-key": take_key,
    "venue-accounts.revoke-key": revoke_key,
    "venue-accounts.close": close,
    "vault.rotate": rotate_vault,
}
