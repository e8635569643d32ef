"""What people and machines get to see."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from rich.console import Console

from entrypoints.cli.output import Output
from tests.entrypoints.conftest import Cli

PYTHON = re.compile(r"[{}\[\]]|\bNone\b|Decimal|datetime")
NO_EVENT = "0" * 64


def a_funded_bot(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    cli("bots", "create", "BTC/USDT", "--allocation", "40 USDT", "-p", "fast=5")


def damage(data_dir: Path, position: int, state: bytes) -> None:
    with sqlite3.connect(data_dir / "evenkeel.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE stored_events SET state = ? WHERE notification_id = ?", (state, position))
    database.close()


def test_an_event_is_shown_in_words(cli: Cli) -> None:
    a_funded_bot(cli)
    events = cli("log", "tail", "--json").json
    for event in events:
        shown = cli("log", "show", event["position"])
        assert not PYTHON.search(shown.out), shown.out
        for label in ("position", "stream", "version", "name", "recorded at", "actor", "command id"):
            assert re.search(rf"^{label} ", shown.out, re.MULTILINE), label
        assert re.search(
            r"^recorded at +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z *$", shown.out, re.MULTILINE
        )
        assert re.search(r"^(correlation|causation) id ", shown.out, re.MULTILINE)
        assert re.search(r"^chain +holds *$", shown.out, re.MULTILINE)
    (created,) = [event for event in events if event["name"] == "bots.bot_created"]
    assert "  allocation          40 USDT" in cli("log", "show", created["position"]).out
    posted = [event for event in events if event["name"] == "ledger.entry_posted"]
    assert (
        "  - account owner:available, asset USDT, amount -100"
        in cli("log", "show", posted[0]["position"]).out
    )
    assert not PYTHON.search(cli("log", "tail").out)


def test_the_links_of_a_stream_follow_one_another(cli: Cli) -> None:
    a_funded_bot(cli)
    events = [
        cli("log", "show", event["position"], "--json").json for event in cli("log", "tail", "--json").json
    ]
    for stream in {event["stream"] for event in events}:
        previous = NO_EVENT
        for event in (event for event in events if event["stream"] == stream):
            assert (event["previous_hash"], event["chain"]) == (previous, "holds")
            previous = event["hash"]


def test_a_damaged_event_is_named_by_every_command_that_meets_it(cli: Cli, data_dir: Path) -> None:
    a_funded_bot(cli)
    damage(data_dir, 3, b'{"half')
    shown = cli("log", "show", "3", "--json")
    assert (shown.code, shown.json["position"], shown.json["data"]) == (1, "0-3", None)
    assert "its bytes are no event" in shown.json["chain"]
    assert cli("log", "show", "2").code == 0, "its own link to what follows cannot be judged"
    for words in (("log", "tail"), ("ledger", "balances"), ("ledger", "trial-balance"), ("paper", "show")):
        ran = cli(*words)
        assert (ran.code, "`evenkeel log verify` names it" in ran.err) == (1, True), words


def test_a_changed_event_is_seen_beside_it_and_at_the_head(cli: Cli, data_dir: Path) -> None:
    a_funded_bot(cli)
    with sqlite3.connect(data_dir / "evenkeel.db") as database:
        rows = dict(database.execute("SELECT notification_id, state FROM stored_events").fetchall())
    database.close()
    damage(data_dir, 3, rows[3].replace(b"100", b"900"))
    assert "the event after it was made from another one" in cli("log", "show", "3", "--json").json["chain"]
    assert "the event before it was changed" in cli("log", "show", "5", "--json").json["chain"]
    damage(data_dir, 4, rows[4].replace(b"synthetic", b"synthesis"))
    assert "not the event its head was made from" in cli("log", "show", "4", "--json").json["chain"]


def test_no_word_is_broken_on_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    row = {"bot_id": "bot-eebb19ac3915081f70af6a34", "status": "running", "reason": "three words here"}
    seen = {}
    for width in (80, 47, 30):
        output.console.width = width
        output.table([row], tuple(row), empty="")
        seen[width] = capsys.readouterr().out
        assert all(word in seen[width] for word in (row["bot_id"], "running", "three"))
    assert len(seen[80].splitlines()) == 2
    assert seen[30].splitlines() == [
        "bot-eebb19ac3915081f70af6a34",
        "  status running",
        "  reason three words here",
    ]
    assert isinstance(output.console, Console)


def test_no_word_becomes_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"account": "in_transit:x:USDT"}
    output = Output(as_json=False)
    output.table([row], ("account",), empty="")
    output.tree(row)
    output.facts(row)
    output.say(row["account"])
    assert capsys.readouterr().out.count("in_transit:x:USDT") == 4


def test_wallets_are_those_that_the_api_shows(cli: Cli) -> None:
    a_funded_bot(cli)
    (account,) = cli("paper", "show", "--json").json
    assert {wallet["asset"]: wallet["total"] for wallet in account["wallets"]} == {
        "BTC.PAPER": "0",
        "USDT.PAPER": "100",
    }
