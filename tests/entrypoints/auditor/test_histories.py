"""No false alarm: whatever the product itself recorded, wrong commands and odd reports included, holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.accounts.commands import RegisterAccount
from entrypoints.auditor import verify as auditor
from tests.builders import caller
from tests.entrypoints.auditor.exports import SIGNER, export, sealed
from tests.log_stores import engine
from tests.properties.test_histories import Audit, History


@pytest.mark.parametrize("seed", [10, 21])
def test_a_history_of_right_and_wrong_commands_holds(
    seed: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with engine("sqlite", request, tmp_path) as log:
        store = log.open()
        history, audit = History(seed, "r"), Audit(store)
        store.bus.execute(RegisterAccount("r-acc-0", ("trader",), "c"), caller("r-0"))
        for step in range(500):
            audit.look(history)
            command = history.next()
            store.bus.execute(command, caller(f"r-{step + 1}", content=repr(command)))
        rows = log.query("SELECT notification_id, state FROM stored_events ORDER BY notification_id")

    lines = [bytes(state) for _, state in rows]
    positions = [f"0-{id}" for id, _ in rows]
    report = auditor.verify(
        export(tmp_path / "export", lines, sealed(lines, 1, 100, len(lines)), positions=positions),
        [auditor.Key.parse(str(SIGNER.key), "the key")],
        [],
        progress=lambda *_: None,
    )

    assert report["ok"], report
    assert report["fills"] > 10
    assert not report["unknown_events"]
