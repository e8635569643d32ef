"""Holds, entries by their metadata, and what was taken back; the ledger's read model is folded again.

Revision ID: 0005
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(revision)
