"""Binance, "generate all statements": one row a change of one coin in one account."""

from __future__ import annotations

from datetime import UTC

from adapters.venue_statements.cells import Options, Unclear, moment, money, plain
from adapters.venue_statements.formats.base import (
    UNKNOWN_KIND,
    Cells,
    TableFormat,
    content,
    place,
    signed,
)
from application.ports.venue_statements import (
    CUSTODY,
    DEPOSIT,
    FEE,
    FUNDING_FEE,
    REALISED_PNL,
    REWARD,
    TRADE,
    TRANSFER,
    TRANSIT,
    WITHDRAWAL,
    Move,
    StatedRow,
)

_TRADES = frozenset(
    {
        "Binance Convert",
        "Buy",
        "ETH 2.0 Staking",
        "Sell",
        "Small assets exchange BNB",
        "Transaction Buy",
        "Transaction Related",
        "Transaction Revenue",
        "Transaction Sold",
        "Transaction Spend",
    }
)
_FEES = frozenset({"Fee", "Transaction Fee"})
_INTO = {"Deposit": DEPOSIT, "Fiat Deposit": DEPOSIT, "Buy Crypto": DEPOSIT}
_OUT_OF = {"Withdraw": WITHDRAWAL}
_REWARDS = frozenset(
    {
        "BNB Vault Rewards",
        "Cash Voucher Distribution",
        "Commission Rebate",
        "Distribution",
        "ETH 2.0 Staking Rewards",
        "Launchpool Interest",
        "Mission Reward Distribution",
        "POS savings interest",
        "Simple Earn Flexible Interest",
        "Simple Earn Locked Rewards",
        "Staking Rewards",
    }
)
_EARN = frozenset(
    {
        "POS savings purchase",
        "POS savings redemption",
        "Simple Earn Flexible Redemption",
        "Simple Earn Flexible Subscription",
        "Simple Earn Locked Redemption",
        "Simple Earn Locked Subscription",
        "Staking Purchase",
        "Staking Redemption",
    }
)
_TRANSFERS = frozenset(
    {
        "Transfer Between Main and Funding Wallet",
        "Transfer Between Spot Account and CM Futures Account",
        "Transfer Between Spot Account and UM Futures Account",
    }
)
_EITHER_WAY = {"Funding Fee": FUNDING_FEE, "Realized Profit and Loss": REALISED_PNL}


def _read(row: int, cells: Cells, _options: Options) -> StatedRow:
    at = moment(cells["UTC_Time"], "UTC_Time", UTC)
    operation, raw = cells["Operation"].strip(), cells["Change"]
    change = money(raw, "Change", cells["Coin"], "Coin")
    account = CUSTODY if cells["Account"].strip() == "Spot" else place(cells["Account"], "Account")
    kind, moves, fee, group = "", (Move(money=change, into=account),), None, ""
    if operation in _TRADES:
        kind, group = TRADE, f"trade:{account}"
    elif operation in _FEES:
        kind, group, fee = FEE, f"trade:{account}", -change
    elif operation in _INTO:
        kind = _INTO[operation]
        signed(change.amount, "Change", raw, wants=1, of=kind)
    elif operation in _OUT_OF:
        kind = _OUT_OF[operation]
        signed(change.amount, "Change", raw, wants=-1, of=kind)
    elif operation in _REWARDS:
        kind = REWARD
        signed(change.amount, "Change", raw, wants=1, of=kind)
    elif operation in _EARN:
        kind, moves = TRANSFER, (Move(money=change, into=account, out_of=f"{CUSTODY}:earn"),)
    elif operation in _TRANSFERS:
        kind, group = TRANSFER, f"transfer:{operation}"
        moves = (Move(money=change, into=account, out_of=TRANSIT),)
    elif operation in _EITHER_WAY:
        kind = _EITHER_WAY[operation]
    else:
        raise Unclear("Operation", cells["Operation"], "is no operation that we know", UNKNOWN_KIND)
    parts = (cells["User_ID"], plain(at), cells["Account"], operation, change.asset, change.amount)
    return StatedRow(row=row, at=at, kind=kind, moves=moves, fee=fee, group=group, content=content(*parts))


FORMAT = TableFormat(
    "binance",
    "binance",
    frozenset({"User_ID", "UTC_Time", "Account", "Operation", "Coin", "Change"}),
    _read,
)
