"""The command line without a server: it opens the database itself."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main
from alembic import command as alembic
from sqlalchemy import text

from adapters.persistence import migrations
from adapters.persistence.database import open_database
from application.queries.trading import BotAnswer, BotDetails
from entrypoints.cli.commands import app
from tests.entrypoints.conftest import Cli


def commands(command: Any, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(words, command)]
    return [found for name, sub in inner.items() for found in commands(sub, (*words, name))]


SAMPLES = Path(__file__).parents[1] / "samples"
EVERY = commands(typer.main.get_command(app))
OFFLINE = [("liabilities", "verify"), ("simulator",)]
"""What has no use for a database."""


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) for words, _ in EVERY])
def test_every_command_has_help_with_an_example(words: tuple[str, ...], command: Any) -> None:
    assert "Example" in command.help
    assert f"evenkeel {words[0]}" in command.help
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options or words[0] in ("api", "worker", "projector", "sealer")
    assert "--database-url" in options or words in OFFLINE


def test_a_person_is_registered_funded_and_gets_a_bot(cli: Cli) -> None:
    made = cli("users", "create", "ann@example.org", "--role", "trader", "--json").json
    assert len(made["password"]) >= 15
    assert cli("users", "list", "--json").json[0]["email"] == "ann@example.org"
    opened = cli("paper", "open", "--balance", "10000 USDT", "--fee", "0.002", "--json").json
    assert opened["balances"] == ["10000 USDT.PAPER"]
    funded = cli("paper", "fund", "500.5 USDT.PAPER", "--json").json  # as it is shown
    assert funded["paper_account_id"] == opened["paper_account_id"]
    assert (funded["amount"], funded["available"]) == ("500.5 USDT.PAPER", "10500.5 USDT.PAPER")
    bot = cli("bots", "create", "BTC/USDT", "--allocation", "1000 USDT", "-p", "fast=5", "--json").json
    assert (bot["status"], bot["allocated"], bot["allocation_asset"]) == ("created", "1000", "USDT.PAPER")
    assert cli("bots", "start", bot["bot_id"], "--json").json["status"] == "running"
    assert cli("bots", "pause", bot["bot_id"], "--reason", "news", "--json").json["status"] == "paused"
    assert cli("bots", "resume", bot["bot_id"], "--json").json["status"] == "running"
    given = cli("bots", "allocate", bot["bot_id"], "10 USDT", "--json").json
    assert given["allocated"] == "1010"
    back = cli("bots", "allocate", bot["bot_id"], "10 USDT", "--take-back", "--json").json
    assert back["allocated"] == "1000"
    assert cli("bots", "stop", bot["bot_id"], "--json").json["status"] == "stopped"
    (shown,) = cli("bots", "list", "--json").json
    assert (shown["status"], shown["parameters"]) == ("stopped", {"fast": "5"})
    assert cli("bots", "performance", bot["bot_id"], "--json").json["profit"] == "0"
    assert cli("bots", "orders", bot["bot_id"], "--json").json == []
    assert cli("bots", "fills", bot["bot_id"], "--json").json == []
    (account,) = cli("paper", "show", "--json").json
    assert account["terms"]["taker_fee_rate"] == "0.002"
    assert [(wallet["asset"], wallet["total"]) for wallet in account["wallets"]] == [
        ("BTC.PAPER", "0"),  # of a bot that has not bought yet
        ("USDT.PAPER", "10500.5"),
    ]
    reset = cli("paper", "reset", "--balance", "7 USDT", "--json").json
    assert reset["previous_paper_account_id"] == opened["paper_account_id"]


def test_a_start_says_which_candles_a_bot_trades_on(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    bot = cli("bots", "create", "BTC/USDT", "--json").json["bot_id"]

    def begins_after(start_from: str) -> int | None:
        assert cli("bots", "start", bot, "--start-from", start_from).code == 0
        position = cli("log", "tail", "-n", "1", "--json").json[-1]["position"]
        started = cli("log", "show", position, "--json").json
        assert started["name"] == "bots.bot_started"
        assert cli("bots", "stop", bot).code == 0
        after: int | None = started["data"]["after_candle_ms"]
        return after

    assert begins_after("beginning") is None
    assert begins_after("now")
    assert "beginning or now" in cli("bots", "start", bot, "--start-from", "then").err


def test_a_bot_on_a_pair_nobody_has_money_for_is_created(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    bot = cli("bots", "create", "BTC/GBP", "--json")
    assert bot.code == 0, bot.err
    assert (bot.json["allocated"], bot.json["allocation_asset"]) == ("0", "GBP.PAPER")


def test_a_bot_is_what_the_api_calls_one(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    made = cli("bots", "create", "BTC/USDT", "--source", "binance", "-p", "fast=5", "--json").json
    assert set(made) == {field.name for field in fields(BotAnswer)} | {"position"}
    (warning,) = made["warnings"]
    assert "there are no candles of binance BTC/USDT 1h" in warning
    shown = cli("bots", "show", made["bot_id"], "--json").json
    assert set(shown) == {field.name for field in fields(BotDetails)} | {"reason"}
    assert (shown["allocation"], shown["allocation_asset"]) == ("0", "USDT.PAPER")
    assert (shown["parameters"], shown["warnings"]) == ({"fast": "5"}, [warning])
    (listed,) = cli("bots", "list", "--json").json
    assert listed == {name: value for name, value in shown.items() if name != "warnings"}
    cli("bots", "start", made["bot_id"])
    cli("bots", "pause", made["bot_id"], "--reason", "news")
    assert cli("bots", "show", made["bot_id"], "--json").json["reason"] == "news"


def test_people_see_amounts_with_their_paper_code(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    made = cli("bots", "create", "BTC/USDT", "--allocation", "40 USDT", "--max-order-notional", "30")
    assert re.search(r"^allocated +40 USDT\.PAPER *$", made.out, re.MULTILINE), made.out
    assert "warnings" not in made.out
    assert "40 USDT.PAPER" in cli("bots", "list").out
    bot = cli("bots", "list", "--json").json[0]["bot_id"]
    shown = cli("bots", "show", bot).out
    for words in (r"allocation +40 USDT\.PAPER", r"max order notional +30 USDT\.PAPER"):
        assert re.search(rf"^{words} *$", shown, re.MULTILINE), shown


def test_a_refusal_names_paper_money_as_such(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    bot = cli("bots", "create", "BTC/USDT", "--json").json["bot_id"]
    refused = cli("bots", "allocate", bot, "5 USDT", "--json")
    assert refused.code == 1
    assert refused.json["error"]["message"] == "required 5 USDT.PAPER, available 0 USDT.PAPER"
    assert refused.json["error"]["data"] == {"required": "5 USDT.PAPER", "available": "0 USDT.PAPER"}


@pytest.mark.parametrize(
    ("written", "made"), [("5 USDT", "5 USDT"), ("5USDT", "5 USDT"), (" 0.5  1INCH.PAPER", "0.5 1INCH")]
)
def test_an_amount_is_written_with_its_asset(cli: Cli, written: str, made: str) -> None:
    cli("users", "create", "ann@example.org")
    assert cli("paper", "open", "--balance", written, "--json").json["balances"] == [f"{made}.PAPER"]


@pytest.mark.parametrize("written", ["5", "USDT", "", "5 usdt", "1E3 USDT", "5 USDT.LIVE", "-5 USDT"])
def test_what_is_no_amount_with_its_asset_is_refused(cli: Cli, written: str) -> None:
    cli("users", "create", "ann@example.org")
    assert cli("paper", "open", "--balance", written).code == 2


def test_balances_as_of_a_past_position(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    head = cli("log", "tail", "-n", "1", "--json").json[-1]["position"]
    cli("paper", "fund", "50 USDT")

    def available(*at: str) -> str:
        rows = cli("ledger", "balances", "--json", *at).json["balances"]
        (amount,) = [row["amount"] for row in rows if row["account"] == "owner:available"]
        return str(amount)

    assert (available(), available("--at", head)) == ("-150", "-100")
    first_time = cli("log", "show", head, "--json").json["recorded_at"]
    assert available("--at", first_time) == "-100"
    trial = cli("ledger", "trial-balance", "--json").json
    assert trial == {"books": 1, "balanced": True, "trial_balance": {"USDT.PAPER": "0"}, "in_transit": []}
    entries = cli("ledger", "entries", "--json").json
    assert [len(entry["postings"]) for entry in entries] == [2, 2]


def test_the_kill_switch_stops_and_releases(cli: Cli) -> None:
    assert cli("kill-switch", "engage", "--reason", "test", "--json").json["engaged"] is True
    status = cli("kill-switch", "status", "--json").json
    assert (status["engaged"], status["reason"]) == (True, "test")
    assert [(each["scope"], each["progress"]) for each in status["switches"]] == [("platform", "stopped")]
    assert cli("kill-switch", "release", "--reason", "done", "--json").json["engaged"] is False
    assert cli("kill-switch", "status", "--json").json["switches"] == []


def test_the_kill_switch_of_one_account_is_turned_by_its_scope(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    closing = cli("kill-switch", "close-all", "--scope", "account", "--reason", "asked to", "--json").json
    assert (closing["scope"], closing["mode"], closing["engaged"]) == ("account", "close_all", True)
    shown = cli("kill-switch", "status").out
    assert "trading is on" in shown
    assert f"account {closing['target']}: close_all, closing (asked to)" in shown
    resumed = ("kill-switch", "resume", "--scope", "account", "--reason", "done")
    assert f"trading of account {closing['target']} may go on" in cli(*resumed).out


def test_limits_are_set_by_name_and_the_others_stay(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    setting = ("risk", "set-limits", "--reason", "first week", "--json")
    first = cli(*setting, "-l", "max_orders_per_day=9", "-l", "strategy_budget:ema_crossover=500.5").json
    assert first["limits"]["max_orders_per_day"] == 9
    cli(*setting, "-l", "max_orders_per_day=none", "-l", "max_open_orders=2", "--hard-bounds-on-paper")
    shown = cli("risk", "limits", "--json").json
    assert shown["limits"]["max_orders_per_day"] is None
    assert shown["limits"]["max_open_orders"] == 2
    assert shown["limits"]["strategy_budgets"] == {"ema_crossover": "500.5"}
    assert shown["hard_bounds_on_paper"] is True
    cli(*setting, "--platform", "-l", "max_order_notional=1000")
    platform = cli("risk", "limits", "--platform", "--json").json
    assert platform["limits"]["max_order_notional"] == "1000"
    beyond = cli(*setting, "-l", "max_orders_per_day=21")
    assert beyond.json["error"]["code"] == "above_hard_bound"


def test_an_order_is_asked_about(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "1000 USDT")
    bot = cli("bots", "create", "BTC/USDT", "--allocation", "1000 USDT", "--json").json["bot_id"]
    cli("risk", "set-limits", "--bot", bot, "-l", "max_order_notional=250", "--reason", "x")
    refused = cli("risk", "check", bot, "--price", "100", "--json").json
    assert refused["verdict"] == "refused"
    assert [rule["rule"] for rule in refused["rules"] if rule["verdict"] == "refused"] == ["bot_running"]
    cli("bots", "start", bot)
    shown = cli("risk", "check", bot, "--price", "100").out
    assert "may spend 250 of 1000" in shown
    assert "sized: it would spend 250" in shown


def test_projections_are_rebuilt_and_checked(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    whole = cli("projections", "rebuild", "--json").json
    assert whole["identical"] is True
    one = cli("projections", "rebuild", "accounts", "accounts", "--json").json
    assert one["identical"] is True
    assert 0 < one["events"] < whole["events"], "that of one projection folds what it looks at"
    assert cli("projections", "check", "balances", "--json").json["identical"] is True
    assert cli("projections", "check", "--json").json["identical"] is True
    assert {row["lag"] for row in cli("projections", "status", "--json").json} == {0}


def test_what_acts_is_named_in_the_log(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("users", "freeze", "--reason", "lost laptop")
    cli("users", "unfreeze", "--reason", "found it")
    cli("users", "grant-role", "auditor")
    rows = cli("log", "tail", "--json").json
    assert {row["actor"] for row in rows} == {"operator:cli"}
    assert all(row["command_id"].startswith("cli-") for row in rows)
    assert cli("users", "show", "--json").json["roles"] == ["trader", "auditor"]


def test_a_password_is_read_from_standard_input_and_never_shown(cli: Cli) -> None:
    made = cli("users", "create", "ann@example.org", "--password-stdin", stdin="a sentence for the test\n")
    assert made.code == 0, made.err
    assert "sentence" not in made.out + made.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("bots", "start", "nope"), 1, "no bot nope"),
        (("ledger", "balances", "--at", "yesterday"), 2, "at: 'yesterday' is neither"),
        (("paper", "fund", "12", "--user", "ann@example.org"), 2, "amount: '12' is no amount with its asset"),
        (("users", "freeze", "--reason", "x", "--user", "bob@example.org"), 1, "nobody signs in"),
        (("log", "show", "0-99999"), 2, "there is no event at 0-99999"),
        (("bots", "create", "BTC/USDT", "-p", "fast"), 2, "parameter: 'fast' is not NAME=VALUE"),
        (("bots", "create", "BTCUSDT"), 2, "BTCUSDT"),
        (("data", "import", "missing.csv"), 2, "missing.csv"),
        (("db", "current", "--database-url", "foo:bar"), 2, "is not a database address"),
        (("bots", "list", "--database-url", "sqlite:///none.db"), 3, "evenkeel db upgrade"),
        (("log", "verify", "--database-url", "postgresql://nobody@127.0.0.1:1/none"), 3, "cannot open"),
    ],
)
def test_an_error_is_one_line_that_says_the_way_out(
    cli: Cli, words: tuple[str, ...], code: int, said: str
) -> None:
    cli("users", "create", "ann@example.org")
    ran = cli(*words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "Traceback" not in ran.err
    asked_by_machine = cli(*words, "--json")
    assert asked_by_machine.code == code
    assert set(asked_by_machine.json["error"]) == {"code", "message", "data"}


def test_wrong_usage_is_exit_code_two(cli: Cli) -> None:
    assert cli("bogus").code == 2
    assert cli("log", "show").code == 2


def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HTTP_PORT", "eighty")
    ran = cli("db", "current")
    assert ran.code == 2
    assert ran.err.startswith("evenkeel: EVENKEEL_HTTP_PORT: ")


def test_with_two_users_one_must_be_named(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    cli("users", "create", "bob@example.org")
    ran = cli("paper", "open")
    assert (ran.code, "--user EMAIL" in ran.err) == (2, True)
    assert cli("paper", "open", "--user", "bob@example.org").code == 0


def test_a_changed_byte_is_found_and_named(cli: Cli, data_dir: Path) -> None:
    cli("users", "create", "ann@example.org")
    assert cli("log", "verify", "--json").json["intact"] is True
    with sqlite3.connect(data_dir / "evenkeel.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        (state,) = database.execute("SELECT state FROM stored_events").fetchone()
        changed = bytes(state).replace(b"trader", b"traxer")
        assert changed != state
        database.execute("UPDATE stored_events SET state = ?", (changed,))
    database.close()
    damaged = cli("log", "verify")
    assert damaged.code == 1
    assert "account:" in damaged.out


def test_candles_are_imported_listed_and_refused(cli: Cli, candle_file: Path) -> None:
    imported = cli("data", "import", str(candle_file), "--json").json
    assert (imported["added"], imported["series"]["symbol"]) == (600, "BTC/USDT")
    assert cli("data", "import", str(candle_file), "--json").json["unchanged"] == 600
    (series,) = cli("data", "list", "--json").json
    assert (series["source"], series["candles"], series["missing"]) == ("binance", 600, 0)
    lines = candle_file.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[2], "0.01")
    candle_file.write_text("\n".join(lines))
    refused = cli("data", "import", str(candle_file), "--source", "dirty")
    assert refused.code == 1
    assert "row 4" in refused.err


def test_the_doctor_looks_at_everything(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HTTP_PORT", "0")
    monkeypatch.setenv("EVENKEEL_METRICS_PORT", "0")
    monkeypatch.setenv("EVENKEEL_HTP_PORT", "1")
    cli("db", "upgrade")
    found = cli("doctor", "--json").json
    names = {finding["name"]: finding for finding in found["findings"]}
    assert {"python", "sqlite", "database", "schema", "http port", "metrics port", "disk", "clock"} <= set(
        names
    )
    assert "EVENKEEL_HTP_PORT" in names["setting"]["detail"]
    listed = cli("doctor", "--settings", "--json").json
    assert {"variable", "default", "meaning"} == set(listed[0])


def test_the_schema_is_shown_before_and_after_an_upgrade(cli: Cli) -> None:
    before = cli("db", "current", "--json")
    assert (before.code, before.json["schema"]) == (1, "")
    assert cli("db", "upgrade", "--json").code == 0
    after = cli("db", "current", "--json")
    assert (after.code, after.json["up_to_date"]) == (0, True)


def test_what_a_migration_begins_anew_is_folded_when_the_upgrade_ends(cli: Cli, data_dir: Path) -> None:
    """Else the lists would say that there is nothing, until somebody writes."""
    data_dir.mkdir()
    a_database_of_the_third_schema(f"sqlite:///{data_dir / 'evenkeel.db'}")

    assert cli("db", "upgrade").code == 0

    (entry,) = cli("ledger", "entries", "--json").json
    assert entry["entry_id"] == "fill:t-1"


def a_database_of_the_third_schema(url: str) -> None:
    """A book and one entry of the first version in it."""
    with open_database(url, check_schema=False) as db, db.transaction() as connection:
        alembic.upgrade(migrations._config(connection), "0003")
        for version, name in enumerate(("ledger.book_opened", "ledger.entry_posted"), 1):
            state = (SAMPLES / f"{name}.v1.json").read_bytes().removesuffix(b"\n")
            statement = text(
                "INSERT INTO stored_events (originator_id, originator_version, topic, state) "
                "VALUES (:stream, :version, :name, :state)"
            )
            stream = json.loads(state)["stream"]
            connection.execute(
                statement, {"stream": stream, "version": version, "name": name, "state": state}
            )


def test_json_output_is_nothing_but_json(cli: Cli) -> None:
    cli("users", "create", "ann@example.org")
    for words in (("users", "list"), ("paper", "show"), ("ledger", "balances"), ("data", "list")):
        assert json.loads(cli(*words, "--json").out) is not None
        assert cli(*words).out.strip()
