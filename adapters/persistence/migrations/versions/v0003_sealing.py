"""The tree over the log and its signed checkpoints.

Revision ID: 0003
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(revision)
