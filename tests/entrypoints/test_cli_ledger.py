"""`evenkeel ledger`: the books on the command line."""

from __future__ import annotations

from typing import Any

from tests.entrypoints.conftest import Cli


def test_balances_as_of_when_entries_took_effect(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    took_effect = cli("ledger", "entries", "--json").json[0]["effective_at"]
    cli("paper", "fund", "50 USDT")

    def shown(*words: str) -> dict[str, str]:
        rows: list[dict[str, Any]] = cli("ledger", "balances", "--json", *words).json["balances"]
        return {row["account"]: row["amount"] for row in rows if row["account"].startswith("owner:")}

    assert shown() == {"owner:available": "-150"}
    assert shown("--effective-at", took_effect) == {"owner:available": "-100"}
    assert shown("--effective-at", "2020-01-01T00:00:00Z") == {}
    trial = cli("ledger", "trial-balance", "--effective-at", took_effect, "--json").json
    assert trial == {"books": 1, "balanced": True, "trial_balance": {"USDT.PAPER": "0"}}
    refused = cli("ledger", "balances", "--effective-at", "0-1")
    assert (refused.code, "effective-at: '0-1' is no time" in refused.err) == (2, True)
