"""The books: corrected."""

from __future__ import annotations

from typing import Any

from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.queries.asset_codes import shown_entries
from entrypoints.operations.desk import Arguments, Operation, OperatorDesk


def reverse(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    book_id = str(arguments["book_id"])
    entry = posted_entry(desk.services.log, book_id, str(arguments["entry"]))
    return shown_entries(desk.run(ReverseEntry(book_id, entry, str(arguments["reason"]))))


OPERATIONS: dict[str, Operation] = {"ledger.reverse": reverse}
