"""Why a log is not sealed, or not opened for writing."""

from __future__ import annotations

from domain.errors import DomainError


class LogContradictsCheckpoint(DomainError, code="log_contradicts_checkpoint"):
    """The log is not the one that was signed before: an older backup, a cut tail, or a changed event.

    Nothing is written until an operator has found out why, and accepts the loss (`evenkeel log recover`).
    """

    def __init__(self, *, sink: str, problem: str, note: str = "") -> None:
        super().__init__(
            f"{sink} has a signed checkpoint that this log contradicts: {problem}. Where a new database took "
            "the old one's place on purpose, move that file away; else see docs/audit.md"
        )
        self.sink, self.problem, self.note = sink, problem, note


class NothingToRecover(DomainError, code="nothing_to_recover"):
    """The log is the one that was signed; there is no loss to accept."""

    def __init__(self) -> None:
        super().__init__("the log contradicts no checkpoint: there is no loss to accept")
