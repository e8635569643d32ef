"""`evenkeel ledger`: the books on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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


# -- By hand -------------------------------------------------------------------------------------------------


def funded(cli: Cli) -> str:
    cli("users", "create", "ann@example.org")
    return str(cli("paper", "open", "--balance", "100 USDT", "--json").json["paper_account_id"])


CSV = """entry,book_id,reason,account,asset,amount,reference,meta.ticket
1,{book},charged twice,equity:adjustment,USDT.PAPER,5,case-1,OPS-7
1,{book},charged twice,owner:available,USDT.PAPER,-5,case-1,OPS-7
2,{book},found,suspense,USDT,3,,
2,{book},found,owner:available,USDT,-3,,
"""


def test_a_file_of_entries_is_posted_once(cli: Cli, tmp_path: Path) -> None:
    book = funded(cli)
    file = tmp_path / "fix.csv"
    file.write_text(CSV.format(book=book))

    dry = cli("ledger", "post", str(file), "--dry-run", "--json").json
    assert (dry["dry_run"], len(dry["entries"])) == (True, 2)
    assert "nothing was posted" in cli("ledger", "post", str(file), "--dry-run").out
    posted = cli("ledger", "post", str(file), "--json").json
    assert {**posted, "dry_run": True, "position": 0} == {**dry, "position": 0}
    again = cli("ledger", "post", str(file))
    assert (again.code, "was recorded before" in again.err) == (1, True)

    (found,) = cli("ledger", "entries", "--metadata", "ticket=OPS-7", "--json").json
    assert (found["reason"], found["reference"], found["metadata"]) == (
        "charged twice",
        "case-1",
        {"ticket": "OPS-7"},
    )
    assert "ticket=OPS-7" in cli("ledger", "entries", "--kind", "adjustment").out
    (line,) = cli("ledger", "totals", "--json").json["totals"]
    assert (line["owed"], line["equity"], line["suspense"], line["custody"]) == ("108", "-5", "3", "100")
    assert cli("ledger", "trial-balance").code == 0
    assert cli("projections", "check").code == 0


def test_the_first_entry_that_is_refused_is_named(cli: Cli, tmp_path: Path) -> None:
    book = funded(cli)
    file = tmp_path / "fix.json"
    leg = {"asset": "USDT", "account": "suspense", "amount": "-500"}
    take = {
        "book_id": book,
        "reason": "x",
        "postings": [leg, {**leg, "account": "owner:available", "amount": "500"}],
    }
    give = {
        "book_id": book,
        "reason": "x",
        "postings": [leg, {**leg, "account": "expense:x", "amount": "500"}],
    }
    file.write_text(json.dumps({"batch_id": "b-1", "entries": [give, take]}))
    for dry in ((), ("--dry-run",)):
        ran = cli("ledger", "post", str(file), *dry, "--json")
        assert (ran.code, ran.json["error"]["data"]["index"]) == (1, "1")
        assert "entry 1: required 500 USDT.PAPER, available 100 USDT.PAPER" in ran.json["error"]["message"]
    assert len(cli("ledger", "entries", "--json").json) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "", "neither .json nor .csv"),
        ("a.json", "{", "is no JSON"),
        ("a.json", '{"entries": [], "x": 1}', "must be a list of entries"),
        ("a.json", '[{"a": 1, "a": 2}]', "a key stands twice"),
        ("a.json", "[]", "entries: has 0"),
        ("a.json", '[{"reason": "x"}]', "entries[0].book_id: is required"),
        ("a.json", b"\xff", "not UTF-8"),
        ("a.csv", "entry,book_id\n", "has no column reason"),
        ("a.csv", CSV.replace("meta.ticket", "ticket"), "has a column 'ticket' that is not known"),
        ("a.csv", CSV.replace("meta.ticket", "reason"), "has a column twice"),
        ("a.csv", CSV + "1,b,x,suspense,USDT,1,,\n", "row 6: entry 1 began before"),
        ("a.csv", CSV + "2,other,found,suspense,USDT,1,,\n", "row 6 says otherwise of entry 2"),
        ("a.csv", CSV + "3,b\n", "row 6 does not have as many fields"),
        ("a.csv", CSV.replace("-5", "-5.0.0"), "entries[0].postings[1].amount"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_its_place(
    cli: Cli, tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    funded(cli)
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = cli("ledger", "post", str(file))
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_money_is_held_settled_in_part_and_released(cli: Cli) -> None:
    book = funded(cli)
    words = ("ledger", "hold", "place", "60 USDT", "--book", book, "--reason", "a dispute", "-m", "case=7")
    assert cli(*words, "--dry-run", "--json").json["left"] == "60 USDT.PAPER"
    assert cli("ledger", "hold", "list", "--json").json == []
    hold = cli(*words, "--expires-at", "2999-01-01T00:00:00Z", "--json").json["hold_id"]
    (listed,) = cli("ledger", "hold", "list", "--status", "open", "--json").json
    assert (listed["hold_id"], listed["left"], listed["reason"]) == (hold, "60", "a dispute")

    of = ("--book", book, "--reason", "lost")
    settled = cli("ledger", "hold", "settle", hold, *of, "--to", "revenue:dispute", "--amount", "25 USDT")
    assert f"hold {hold} is open, 35 USDT.PAPER left" in settled.out
    refused = cli("ledger", "hold", "settle", hold, *of, "--to", "owner:available")
    assert (refused.code, "is not paid from a hold" in refused.err) == (2, True)
    released = cli("ledger", "hold", "release", hold, *of, "--json").json
    assert (released["status"], released["left"]) == ("released", "0 USDT.PAPER")
    again = cli("ledger", "hold", "release", hold, *of)
    assert (again.code, "it is released" in again.err) == (1, True)

    back = cli("ledger", "reverse", f"settlement:{hold}:1", *of, "--json").json
    assert [entry["kind"] for entry in back["entries"]] == ["reversal", "release"]
    shown = cli("ledger", "entries", "--kind", "settlement").out
    assert f"taken back by reversal:settlement:{hold}:1" in shown
    assert cli("projections", "check").code == 0
