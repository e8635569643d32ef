"""Orders with what they wait for and are flagged for, positions with their age: folded again.

Revision ID: 0007
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(revision)
