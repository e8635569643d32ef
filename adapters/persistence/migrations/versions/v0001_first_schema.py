"""The first schema: log, read models, people, candles, paper venue.

Revision ID: 0001
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(revision)
