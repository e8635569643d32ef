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
    assert trial == {"books": 1, "balanced": True, "trial_balance": {"USDT.PAPER": "0"}, "in_transit": []}
    refused = cli("ledger", "balances", "--effective-at", "0-1")
    assert (refused.code, "effective-at: '0-1' is no time" in refused.err) == (2, True)


EVER = ("--from", "2020-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z")


def test_a_statement_for_people_and_for_machines(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    book = cli("paper", "open", "--balance", "100 USDT", "--json").json["paper_account_id"]
    cli("paper", "fund", "50 USDT")

    made = cli("ledger", "statement", "--book", book, *EVER, "--json").json
    assert (made["adds_up"], made["venue_fees"], len(made["entries"])) == (True, {}, 2)
    assert [entry["legs"][1]["balance"] for entry in made["entries"]] == ["-100", "-150"]
    of_one = ("--account", "owner:available", "--by", "effective")
    (line,) = cli("ledger", "statement", "--book", book, *EVER, *of_one, "--json").json["lines"]
    assert (line["opening"], line["movement"], line["closing"]) == ("0", "-150", "-150")
    shown = cli("ledger", "statement", "--book", book, *EVER).out
    assert "paper_funding" in shown
    assert shown.splitlines()[-1].split() == ["owner:available", "USDT.PAPER", "0", "-150", "-150"]
    nothing = cli("ledger", "statement", "--book", book, "--from", EVER[1], "--to", EVER[1])
    assert (nothing.code, "nothing stood there" in nothing.out) == (0, True)
    none = cli("ledger", "statement", "--book", book, "--from", EVER[1], "--to", EVER[1], "--json")
    assert none.json["entries"] == []


def test_entries_by_filter(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT", "--balance", "2 BTC")
    bot = cli("bots", "create", "BTC/USDT", "--allocation", "40 USDT", "--json").json["bot_id"]
    cli("bots", "start", bot)

    def kinds(*words: str) -> list[str]:
        return [entry["kind"] for entry in cli("ledger", "entries", *words, "--json").json]

    assert kinds() == ["allocation", "paper_funding", "paper_funding"]
    assert kinds("--bot", bot) == kinds("--reference", bot) == ["allocation"]
    assert kinds("--asset", "BTC.PAPER") == ["paper_funding"]
    assert kinds("--kind", "fill") == []
    assert kinds("--account", "owner:available", "--kind", "allocation") == ["allocation"]
    assert kinds("--recorded-to", "2020-01-01T00:00:00Z") == []
    assert len(kinds("--effective-from", "2020-01-01T00:00:00Z")) == 3
    refused = cli("ledger", "entries", "--effective-from", "soon")
    assert (refused.code, "effective-from: 'soon' is no time" in refused.err) == (2, True)


def test_an_entry_is_taken_back_after_a_dry_run(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    book = cli("paper", "open", "--balance", "100 USDT", "--json").json["paper_account_id"]
    entry = cli("paper", "fund", "50 USDT", "--json").json["deposit_id"]
    words = ("ledger", "reverse", entry, "--book", book, "--reason", "booked twice")
    head = cli("log", "tail", "-n", "1", "--json").json[-1]["position"]

    dry = cli(*words, "--dry-run", "--json").json
    assert cli("log", "tail", "-n", "1", "--json").json[-1]["position"] == head
    assert "nothing was posted" in cli(*words, "--dry-run").out
    made = cli(*words, "--json").json
    assert made.pop("position") == cli("log", "tail", "-n", "1", "--json").json[-1]["position"]
    assert (dry.pop("dry_run"), made.pop("dry_run"), made == dry) == (True, False, True)
    (told,) = made["entries"]
    assert told["postings"][1] == {"account": "owner:available", "asset": "USDT.PAPER", "amount": "50"}
    for again in (words, (*words, "--dry-run")):
        refused = cli(*again, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (1, "fact_already_recorded")
    (seen,) = cli("ledger", "entries", "--kind", "reversal", "--json").json
    assert (seen["reverses"], seen["reason"]) == (entry, "booked twice")
    assert cli("ledger", "trial-balance", "--json").json["balanced"] is True
    assert cli("projections", "rebuild", "--json").json["identical"] is True
    assert cli("ledger", "reverse", entry, "--book", book, "--reason", " ").code == 2
    assert cli("ledger", "reverse", "0-1", "--book", book, "--reason", "x").code == 1
