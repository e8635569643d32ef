"""What an operator does from the command line: run here, or by the server that holds the database."""

from __future__ import annotations

from collections.abc import Mapping

from entrypoints.operations import (
    bots,
    data,
    ledger,
    liabilities,
    orders,
    paper,
    platform,
    risk,
    statements,
    transfers,
    users,
    venue_accounts,
)
from entrypoints.operations.desk import Operation

OPERATIONS: Mapping[str, Operation] = {
    **users.OPERATIONS,
    **paper.OPERATIONS,
    **bots.OPERATIONS,
    **orders.OPERATIONS,
    **platform.OPERATIONS,
    **risk.OPERATIONS,
    **data.OPERATIONS,
    **ledger.OPERATIONS,
    **statements.OPERATIONS,
    **transfers.OPERATIONS,
    **liabilities.OPERATIONS,
    **venue_accounts.OPERATIONS,
}
"""By the name that travels to a running server."""
