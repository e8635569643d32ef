"""In which mode a bot is, and what a pre-flight comes to."""

from __future__ import annotations

from datetime import timedelta

PAPER, OBSERVE, TESTNET, LIVE = "PAPER", "OBSERVE", "TESTNET", "LIVE"
ON_VENUES = (OBSERVE, TESTNET, LIVE)
SENDING = (PAPER, TESTNET, LIVE)
"""Modes whose orders are sent; those of PAPER go to the paper venue alone."""

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
GO, NO_GO = "GO", "NO-GO"
PREFLIGHT_VALID = timedelta(minutes=15)
"""How long what a pre-flight found may be acted on."""

OBSERVES = "the bot observes only: nothing was held and nothing sent"
