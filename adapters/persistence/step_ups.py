"""Step-ups, in SQL and in memory."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import insert, select

from adapters.persistence.database import Database
from adapters.persistence.tables import step_ups
from application.ports.step_up import StepUpProof


class SqlStepUps:
    """Step-ups in the database, by session and act."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, proof: StepUpProof) -> None:
        with self._db.transaction() as connection:
            connection.execute(insert(step_ups).values(**asdict(proof)))

    def newest(self, session_sha256: str, act_sha256: str) -> StepUpProof | None:
        statement = (
            select(step_ups)
            .where(step_ups.c.session_sha256 == session_sha256, step_ups.c.act_sha256 == act_sha256)
            .order_by(step_ups.c.proved_at_utc.desc(), step_ups.c.step_up_id.desc())
            .limit(1)
        )
        with self._db.reading() as connection:
            row = connection.execute(statement).first()
        return None if row is None else StepUpProof(**row._mapping)


class MemoryStepUps:
    """Step-ups of a process."""

    def __init__(self) -> None:
        self._proofs: list[StepUpProof] = []

    def add(self, proof: StepUpProof) -> None:
        self._proofs.append(proof)

    def newest(self, session_sha256: str, act_sha256: str) -> StepUpProof | None:
        of_act = [
            one
            for one in self._proofs
            if (one.session_sha256, one.act_sha256) == (session_sha256, act_sha256)
        ]
        return max(of_act, key=lambda one: (one.proved_at_utc, one.step_up_id), default=None)
