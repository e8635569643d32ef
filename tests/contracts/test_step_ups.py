"""What every StepUps promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from adapters.persistence.step_ups import MemoryStepUps, SqlStepUps
from application.ports.step_up import StepUpProof, StepUps
from tests.builders import START, at
from tests.contracts.stores import STORES, database_of

PROOF = StepUpProof(
    step_up_id="s-1",
    session_sha256="session",
    account_id="ann",
    act_sha256="act",
    address="127.0.0.1",
    proved_at_utc=START,
)


@pytest.fixture(params=STORES)
def step_ups(request: pytest.FixtureRequest) -> Iterator[StepUps]:
    with database_of(request) as db:
        yield MemoryStepUps() if db is None else SqlStepUps(db)


def test_the_newest_of_a_session_and_act_is_found(step_ups: StepUps) -> None:
    newer = replace(PROOF, step_up_id="s-2", proved_at_utc=at(9))
    for proof in (newer, PROOF):
        step_ups.add(proof)
    assert step_ups.newest("session", "act") == newer


def test_another_sessions_and_another_acts_are_not(step_ups: StepUps) -> None:
    step_ups.add(PROOF)
    assert step_ups.newest("another", "act") is None
    assert step_ups.newest("session", "another") is None
