"""What is owed to all owners: published."""

from __future__ import annotations

from typing import Any

from application.liabilities.publications import as_json
from application.queries.moments import iso_utc
from entrypoints.operations.desk import Arguments, Operation, OperatorDesk


def publish(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    published = as_json(desk.liabilities(bool(arguments.get("new_salts")))(desk.caller()))
    return {**published, "published_at": iso_utc(published["published_at"])}


OPERATIONS: dict[str, Operation] = {"liabilities.publish": publish}
