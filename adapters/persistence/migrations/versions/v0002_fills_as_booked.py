"""Fills with the quote amount that the venue booked; the trading read model is folded again from the log.

Revision ID: 0002
"""

from __future__ import annotations

from adapters.persistence.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(revision)
