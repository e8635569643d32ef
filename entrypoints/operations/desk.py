"""What every operation works with: the services, and who asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from application.liabilities.publish import PublishLiabilities
from application.market_data.download_candles import DownloadCandles
from application.market_data.import_candles import ImportCandles
from application.ports.commands import Caller, Command, Outcome
from application.ports.event_log import Position
from application.queries.asset_codes import parse_asset_of
from application.queries.books import newest_open_paper_book
from application.services import Services
from application.views.rows import AccountRow
from domain.errors import InvalidValue
from domain.ledger.book import PAPER
from domain.money import Money, parse_amount
from entrypoints.maintenance import DatabaseMaintenance
from entrypoints.problems import UnknownUser, UserNotNamed

ACTOR = "operator:cli"
Arguments = Mapping[str, Any]
Progress = Callable[[int, int], None]

_MONEY = re.compile(r"(?P<number>[^\sA-Z]+)(?:\s+|(?=[A-Z]))(?P<asset>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDesk:
    """Open services for one operation. `operation_id` names it in the log and makes a repeat harmless."""

    services: Services
    maintenance: DatabaseMaintenance
    import_candles: ImportCandles
    download_candles: Callable[[str], DownloadCandles]  # by venue
    liabilities: Callable[[bool], PublishLiabilities]  # asks for the log's key then; may make new salts
    operation_id: str
    progress: Progress = lambda _done, _total: None

    def caller(self, step: str = "") -> Caller:
        return Caller(
            actor=ACTOR,
            command_id=f"{self.operation_id}:{step}" if step else self.operation_id,
            correlation_id=self.operation_id,
            scope=ACTOR,
        )

    def run(self, command: Command) -> dict[str, Any]:
        """The command's answer, or its refusal raised."""
        return answered(self.services.bus.execute(command, self.caller()))

    def user(self, arguments: Arguments) -> str:
        """The account id of --user, or of the only user there is. Errors: UnknownUser, UserNotNamed."""
        named = arguments.get("user")
        if named:
            identity = self.services.identities.by_email(str(named).strip().lower())
            if identity is None:
                raise UnknownUser
            return identity.account_id
        accounts = self.services.views.where(AccountRow)
        if len(accounts) != 1:
            raise UserNotNamed(users=len(accounts))
        return accounts[0].account_id

    def paper_account(self, arguments: Arguments, owner_id: str) -> str:
        """--paper-account, or the owner's newest open one."""
        named = arguments.get("paper_account") or newest_open_paper_book(self.services.views, owner_id)
        if not named:
            raise InvalidValue("paper-account", "there is none open; `evenkeel paper open` opens one")
        return str(named)


Operation = Callable[[OperatorDesk, Arguments], dict[str, Any]]


def answered(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.unwrap(), "position": str(Position.of(outcome.position))}


def money(raw: str, field: str, purse: str = PAPER) -> Money:
    """Of "1000 USDT" or "1000USDT"; of paper money also as it is shown, "1000 USDT.PAPER". InvalidValue."""
    found = _MONEY.fullmatch(raw.strip())
    if found is None:
        raise InvalidValue(field, f"{raw!r} is no amount with its asset; write it as '1000 USDT'")
    return Money(parse_amount(found["number"], field), parse_asset_of(purse, found["asset"], field))
