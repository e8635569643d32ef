"""Reconciliations and their cases: a read model of its own, folded from the log.

Revision ID: 0004
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(revision)
