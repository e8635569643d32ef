"""Venue accounts, their sealed keys, step-ups; bots and accounts with their modes, folded again.

Revision ID: 0006
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(revision)
