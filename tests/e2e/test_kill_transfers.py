"""SIGKILL in the middle of a transfer between two shards: the outbox has it carried to its end, once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from adapters.persistence import migrations
from application import failpoints
from application.transfers.send import CarryingNotifier
from entrypoints.composition import Plan, cells, opened
from entrypoints.outbox_relay import OutboxRelay
from entrypoints.settings import Settings
from tests.e2e.processes import Evenkeel


@pytest.mark.parametrize("point", [*failpoints.OF_A_TRANSFER, "after_append:1", "after_append:2"])
def test_a_transfer_that_was_killed_is_ended_by_the_next_relay(
    evenkeel: Evenkeel, empty_postgres_url: str, tmp_path: Path, point: str
) -> None:
    migrations.upgrade(empty_postgres_url, 2)
    where = {"EVENKEEL_SHARDS": "2", "EVENKEEL_DATABASE_URL": empty_postgres_url}
    for name in ("ann", "bob"):
        evenkeel.json("users", "create", f"{name}@example.org", **where)
        evenkeel.json("paper", "open", "--balance", "100 USDT", "--user", f"{name}@example.org", **where)
    words = ("--user", "ann@example.org", "--to-user", "bob@example.org")
    died = evenkeel.run("ledger", "transfer", "10 USDT", *words, **where, **{failpoints.VARIABLE: point})
    assert died.code == -signal.SIGKILL
    before = evenkeel.json("ledger", "trial-balance", **where)
    assert before["balanced"]
    assert bool(before["in_transit"]) == (point != "transfer_ended")

    settings = Settings(database_url=empty_postgres_url, data_dir=tmp_path / "var", shards=2)
    with opened(settings, Plan(inline=True, observed=False)) as container:
        notifier = CarryingNotifier(container.transfers(), container.notifier())
        for cell in cells(container):
            OutboxRelay(cell.outbox(), notifier, cell.leases(), holder="next").relay()

    assert evenkeel.json("ledger", "transfers", **where) == []
    (only,) = evenkeel.json("ledger", "transfers", "--all", **where)
    assert only["status"] == "completed"
    rows = evenkeel.json("ledger", "balances", **where)["balances"]
    assert sorted(row["amount"] for row in rows if row["account"] == "owner:available") == ["-110", "-90"]
    assert evenkeel.json("ledger", "trial-balance", **where)["in_transit"] == []
