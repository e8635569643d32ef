"""Every command obeys the exit codes of docs/cli.md, and answers with one JSON value where that is asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from typer.testing import CliRunner

from entrypoints.cli import main
from entrypoints.cli.commands import app
from entrypoints.private_files import write_private
from entrypoints.problems import (
    INTERRUPTED,
    NOBODY_READS,
    OK,
    OUR_FAULT,
    REFUSED,
    UNAVAILABLE,
    USAGE,
    exit_code_of,
)
from tests.architecture.tree import ROOT, program
from tests.entrypoints.conftest import Cli
from tests.entrypoints.test_cli import EVERY

NEVER_END = {"serve", "api", "worker", "projector", "sealer", "simulator"}
LATER = "2999-01-01T00:00:00Z"

TABLE: list[tuple[str, int]] = [
    ("log tail", OK),
    ("log tail -n 0", USAGE),
    ("log tail --stream nope", REFUSED),
    ("log tail --at 0-999999", USAGE),
    (f"log tail --at {LATER}", USAGE),
    ("log tail --at 0-0", OK),
    ("log show", USAGE),
    ("log show 0-1", OK),
    ("log show nope", USAGE),
    ("log show 0-999", USAGE),
    ("log show 7-1", USAGE),
    ("log show 99999999999999999999999999999999", USAGE),
    ("log verify", OK),
    ("log prove", USAGE),
    ("log prove nope", USAGE),
    ("log prove 0-1 --since 1", USAGE),
    ("log prove --since 0", USAGE),
    ("log checkpoint", REFUSED),
    ("log prove 0-1", REFUSED),
    ("log prove 0-999", REFUSED),
    ("liabilities show", REFUSED),
    ("liabilities show x", REFUSED),
    ("liabilities prove", REFUSED),
    ("liabilities publish", REFUSED),
    ("liabilities verify", USAGE),
    ("liabilities verify empty.csv", USAGE),
    ("liabilities verify empty.csv --key empty.csv", USAGE),
    ("liabilities verify nope --key nope", USAGE),
    ("log create-key", OK),
    ("log seal", OK),
    ("liabilities publish", OK),
    ("liabilities publish --new-salts", OK),
    ("liabilities show", OK),
    ("liabilities prove --user nobody@example.org", REFUSED),
    ("log rotate-key", OK),
    ("log recover", USAGE),
    ("log recover --accept-loss", REFUSED),
    ("log export", USAGE),
    ("log export --output empty.csv", USAGE),
    ("log export --output .", REFUSED),
    ("log export --output books", OK),
    ("backup create", USAGE),
    ("backup create --output empty.csv", USAGE),
    ("backup create --output .", REFUSED),
    ("backup create --output nope --database-url sqlite:///none.db", UNAVAILABLE),
    ("backup create --output kept --pg-bin nope", USAGE),
    ("backup create --output kept", OK),
    ("backup restore", USAGE),
    ("backup restore --from nope --to sqlite:///new.db", USAGE),
    ("backup restore --from . --to sqlite:///new.db", REFUSED),
    ("backup restore --from kept --to sqlite:///restored.db", OK),
    ("backup drill", OK),
    ("backup drill --from kept", OK),
    ("backup drill --from nope", USAGE),
    ("backup drill --key nope", USAGE),
    ("projections status", OK),
    ("projections check", OK),
    ("projections rebuild", OK),
    ("projections rebuild ledger", OK),
    ("projections rebuild nope", USAGE),
    ("projections check balances trading", OK),
    ("projections check nope", USAGE),
    ("ledger balances", OK),
    ("ledger balances --at 0-999999", USAGE),
    (f"ledger balances --at {LATER}", USAGE),
    ("ledger balances --at 0001-01-01T00:00:00+14:00", USAGE),
    ("ledger balances --user nobody@example.org", REFUSED),
    ("ledger balances --effective-at 2024-01-01T00:00:00Z", OK),
    ("ledger balances --effective-at 0-1", USAGE),
    ("ledger trial-balance", OK),
    ("ledger trial-balance --effective-at soon", USAGE),
    ("ledger trial-balance --at 0-999999", USAGE),
    ("ledger entries", OK),
    ("ledger entries --book nope", REFUSED),
    ("ledger export", USAGE),
    ("ledger export --output books.csv", USAGE),
    ("ledger export --output books.csv --format ods", USAGE),
    ("ledger export --output . --format csv", USAGE),
    ("ledger export --output none/books.csv --format csv", USAGE),
    ("ledger export --output books.csv --format csv --at 0-999999", USAGE),
    ("ledger export --output books.csv --format csv --book nope", REFUSED),
    ("ledger export --output books.journal --format hledger", OK),
    ("ledger export --output books.beancount --format beancount --at 0-3", OK),
    ("ledger export --output books.csv --format csv", OK),
    ("ledger export --output books.parquet --format parquet", OK),
    ("ledger entries --kind fill --asset BTC --account owner:due --bot b --reference o", OK),
    ("ledger entries --account Owner", USAGE),
    ("ledger entries --asset btc", USAGE),
    ("ledger entries --kind=", USAGE),
    ("ledger entries --effective-from soon", USAGE),
    ("ledger entries --recorded-to 0-1", USAGE),
    ("ledger reverse", USAGE),
    ("ledger reverse 0-1 --book nope", USAGE),
    ("ledger reverse 0-1 --book nope --reason x", REFUSED),
    ("ledger reverse 0-1 --book nope --reason x --dry-run", REFUSED),
    ("ledger reconcile", OK),
    ("ledger reconcile --statement nope.csv", USAGE),
    ("ledger reconcile --statement .", USAGE),
    ("ledger reconcile --statement empty.csv", REFUSED),
    ("ledger reconcile --from 2024-01-01T00:00:00Z", USAGE),
    ("ledger reconcile --statement empty.csv --until soon", USAGE),
    ("orders in-review", OK),
    ("orders review", USAGE),
    ("orders review nope", USAGE),
    ("orders review nope --reason x", REFUSED),
    ("orders review nope --reason x --never-opened", REFUSED),
    ("ledger cases list", OK),
    ("ledger cases list --status lost", USAGE),
    ("ledger cases list --kind lost", USAGE),
    ("ledger cases show", USAGE),
    ("ledger cases show nope", REFUSED),
    ("ledger cases resolve nope", USAGE),
    ("ledger cases resolve nope --reason x", REFUSED),
    ("ledger cases post nope", USAGE),
    ("ledger cases post nope --reason x", REFUSED),
    ("ledger cases post nope --reason=", USAGE),
    ("ledger cases resolve nope --reason=", USAGE),
    ("ledger reverse nope --book nope --reason=", USAGE),
    ("ledger entries --metadata ticket=OPS-7", OK),
    ("ledger entries --metadata ticket", USAGE),
    ("ledger totals", OK),
    ("ledger totals --at 0-2", OK),
    ("ledger totals --at 0-999999", USAGE),
    ("ledger post", USAGE),
    ("ledger post nope.json", USAGE),
    ("ledger post empty.csv", USAGE),
    ("ledger post empty.csv --dry-run", USAGE),
    ("ledger hold place", USAGE),
    ("ledger hold place 1USDT --book nope --reason x", REFUSED),
    ("ledger hold place 1USDT --book nope --reason x --dry-run", REFUSED),
    ("ledger hold place 1USDT --book nope --reason x --expires-at soon", USAGE),
    ("ledger hold place 1USDT --book nope --reason x -m A=b", USAGE),
    ("ledger hold place 1USDT --book nope --reason x -m ticket", USAGE),
    ("ledger hold settle nope --book nope --to suspense --reason x", REFUSED),
    ("ledger hold release nope --book nope --reason x", REFUSED),
    ("ledger hold release nope --book nope --reason=", USAGE),
    ("ledger hold list", OK),
    ("ledger hold list --status odd", USAGE),
    ("ledger import", USAGE),
    ("ledger import nope.csv", USAGE),
    ("ledger import empty.csv", REFUSED),
    ("ledger import empty.csv --dry-run", REFUSED),
    ("ledger import empty.csv --zone CET", USAGE),
    ("ledger import empty.csv --format nope", USAGE),
    ("ledger import empty.csv --fiat nope", USAGE),
    ("ledger import opening.csv", USAGE),
    ("ledger import opening.csv --book nope", REFUSED),
    ("ledger import opening.csv --venue-account Upper", USAGE),
    ("ledger import opening.csv --venue-account kraken --user nobody@example.org", REFUSED),
    ("ledger import opening.csv --venue-account kraken --dry-run", OK),
    ("ledger import opening.csv --venue-account kraken", OK),
    ("ledger transfer", USAGE),
    ("ledger transfer 1USDT --to-user nobody@example.org", REFUSED),
    ("ledger transfer 1 --to-user ann@example.org", USAGE),
    ("ledger transfers", OK),
    ("ledger transfers --all", OK),
    ("log checkpoint --shard 1", USAGE),
    ("ledger statement", USAGE),
    (f"ledger statement --book nope --from {LATER} --to {LATER}", REFUSED),
    (f"ledger statement --book nope --from soon --to {LATER}", USAGE),
    (f"ledger statement --book nope --from {LATER} --to 2024-01-01T00:00:00Z", USAGE),
    (f"ledger statement --book nope --from {LATER} --to {LATER} --by position", USAGE),
    ("users create", USAGE),
    ("users create nope", USAGE),
    ("users create ann@example.org", REFUSED),
    ("users create bob@example.org --role king", USAGE),
    ("users list", OK),
    ("users show", OK),
    ("users show --user nobody@example.org", REFUSED),
    ("users grant-role king", USAGE),
    ("users freeze", USAGE),
    ("users freeze --reason=", USAGE),
    ("users unfreeze --reason calm", OK),
    ("users request-live --reason=", USAGE),
    ("users request-live --reason why", OK),
    ("users approve-live --reason why", USAGE),
    ("users approve-live --by nobody@example.org --reason why", REFUSED),
    ("users approve-live --by ann@example.org --reason why", REFUSED),
    ("users revoke-live --reason=", USAGE),
    ("users revoke-live --reason why", OK),
    ("paper open --balance nonsense", USAGE),
    ("paper open --fee 2", USAGE),
    ("paper open --fill never", USAGE),
    ("paper open --latency-ms -1", USAGE),
    ("paper fund 1", USAGE),
    ("paper fund 0USDT", USAGE),
    ("paper fund 1USDT --paper-account nope", REFUSED),
    ("paper reset --paper-account nope", REFUSED),
    ("paper show", OK),
    ("venue-accounts list", OK),
    ("venue-accounts list --user nobody@example.org", REFUSED),
    ("venue-accounts connect", USAGE),
    ("venue-accounts connect Binance", USAGE),
    ("venue-accounts connect paper", USAGE),
    ("venue-accounts connect binance --name A.B", USAGE),
    ("venue-accounts connect binance", OK),
    ("venue-accounts open-pooled", USAGE),
    ("venue-accounts open-pooled pooled", USAGE),
    ("venue-accounts open-pooled binance", OK),
    ("venue-accounts open-book nope", REFUSED),
    ("venue-accounts open-book pooled.binance.main", OK),
    ("venue-accounts add-key nope", REFUSED),
    ("venue-accounts rotate-key nope", REFUSED),
    ("venue-accounts revoke-key nope", USAGE),
    ("venue-accounts revoke-key nope --reason lost", REFUSED),
    ("venue-accounts revoke-key pooled.binance.main --reason lost", REFUSED),
    ("venue-accounts close nope --reason moved", REFUSED),
    ("venue-accounts close pooled.binance.main --reason moved", OK),
    ("vault rotate", UNAVAILABLE),
    ("bots create", USAGE),
    ("bots create BTCUSDT", USAGE),
    ("bots create BTC/USDT --interval 7x", USAGE),
    ("bots create BTC/USDT --strategy nope", USAGE),
    ("bots create BTC/USDT -p fast=zero", USAGE),
    ("bots create BTC/USDT -p fast", USAGE),
    ("bots create BTC/USDT --paper-account nope", REFUSED),
    ("bots list", OK),
    ("bots show nope", REFUSED),
    ("bots start nope", REFUSED),
    ("bots pause nope", REFUSED),
    ("bots resume nope", REFUSED),
    ("bots stop nope", REFUSED),
    ("bots allocate nope 1USDT", REFUSED),
    ("bots create BTC/USDT --venue-account nope", REFUSED),
    ("bots create BTC/USDT --venue-account nope --paper-account nope", USAGE),
    ("bots create BTC/USDT --venue-account nope --allocation 1USDT.PAPER", USAGE),
    ("bots preflight nope", REFUSED),
    ("bots preflight nope --mode PAPER", USAGE),
    ("bots mode nope", USAGE),
    ("bots mode nope OBSERVE --reason why", REFUSED),
    ("bots mode nope LIVE --reason why", REFUSED),
    ("bots mode nope PAPER --reason why", USAGE),
    ("bots performance nope", REFUSED),
    ("bots orders nope", REFUSED),
    ("bots fills nope", REFUSED),
    ("kill-switch status", OK),
    ("kill-switch engage", USAGE),
    ("kill-switch engage --reason=", USAGE),
    ("kill-switch release --reason calm", OK),
    ("kill-switch stop", USAGE),
    ("kill-switch stop --reason x --scope world", USAGE),
    ("kill-switch stop --reason x --scope venue", USAGE),
    ("kill-switch stop --reason x --scope bot --target nope", REFUSED),
    ("kill-switch close-all --reason x", USAGE),
    ("kill-switch close-all --reason x --scope account --target nope", REFUSED),
    ("kill-switch resume --reason x --scope venue --target paper", OK),
    ("risk check", USAGE),
    ("risk check nope", REFUSED),
    ("risk check nope --price -1", USAGE),
    ("risk limits", OK),
    ("risk limits --platform", OK),
    ("risk limits --bot nope", REFUSED),
    ("risk set-limits", USAGE),
    ("risk set-limits --reason x -l nope", USAGE),
    ("risk set-limits --reason x -l nope=1", USAGE),
    ("risk set-limits --reason x -l max_open_orders=-1", USAGE),
    ("risk set-limits --reason x -l max_orders_per_day=21", REFUSED),
    ("risk set-limits --reason x --bot nope", REFUSED),
    ("risk set-limits --reason x -l max_open_orders=3", OK),
    ("data list", OK),
    ("data import", USAGE),
    ("data import nope.csv", USAGE),
    ("data import .", USAGE),
    ("data import empty.csv", REFUSED),
    ("data import empty.csv --since soon", USAGE),
    ("data import empty.csv --since 2024-01-02 --until 2024-01-01", USAGE),
    ("data download nope BTC/USDT 1h --since 2024-01-01", USAGE),
    ("data download kraken BTCUSDT 1h --since 2024-01-01", USAGE),
    (f"data download kraken BTC/USDT 1h --since {LATER}", USAGE),
    ("db current", OK),
    ("db upgrade", OK),
    ("db current --database-url foo:bar", USAGE),
    ("db upgrade --database-url=", USAGE),
    ("db upgrade --database-url sqlite:///.", USAGE),
    ("demo", USAGE),
    ("demo --candles nope.csv", USAGE),
    ("demo --candles .", USAGE),
    ("demo --candles empty.csv", REFUSED),
    ("demo --candles empty.csv --cash 0", USAGE),
    ("doctor --settings", OK),
    ("serve --port 99999", USAGE),
    ("serve --log-level loud", USAGE),
    ("serve --candles nope.csv", USAGE),
    ("serve --database-url sqlite:///.", USAGE),
    ("simulator --port 99999", USAGE),
    ("simulator --host 0.0.0.0", USAGE),
    ("simulator --symbols DOGEUSDT", USAGE),
    ("simulator --account nonsense", USAGE),
    ("simulator --account k:s:BTC=0", USAGE),
    ("simulator --account k:s:BTC=0.000000001", USAGE),
    ("simulator --fault nonsense", USAGE),
    ("simulator --fault slow:ms=soon", USAGE),
    ("simulator --fault slow:probability=2", USAGE),
    ("simulator --speed 0", USAGE),
    ("simulator --still --candles empty.csv", USAGE),
    ("simulator --candles empty.csv", REFUSED),
    ("simulator --candles nope.csv", UNAVAILABLE),
    ("simulator --journal .", USAGE),
    ("simulator --journal opening.csv", UNAVAILABLE),
    ("bogus", USAGE),
    ("--bogus", USAGE),
    ("log bogus", USAGE),
]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a person with paper money, to be copied."""
    folder = tmp_path_factory.mktemp("furnished") / "data"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("EVENKEEL_DATA_DIR", str(folder))
        for words in (("users", "create", "ann@example.org"), ("paper", "open", "--balance", "100 USDT")):
            assert CliRunner().invoke(app, words).exit_code == OK
    return folder


@pytest.fixture
def house(cli: Cli, furnished: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A person with paper money; the folder is the test's own, with two files in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "opening.csv").write_text("asset,amount,timestamp\nBTC,1,2024-01-01T00:00:00Z\n")
    copytree(furnished, data_dir)
    return cli


def test_a_command_ends_with_the_code_that_is_documented(house: Cli) -> None:
    for line, code in TABLE:
        words = line.split(" ")
        ran = house(*words)
        assert ran.code == code, f"{line} -> {ran.code}\n{ran.out}{ran.err}"
        assert "Traceback" not in ran.err
        if code != OK:
            assert (ran.out, ran.err.startswith("evenkeel: ")) == ("", True), line


@pytest.mark.parametrize(("line", "code"), [row for row in TABLE if row[1] != OK])
def test_a_machine_is_told_the_same(house: Cli, line: str, code: int) -> None:
    ran = house(*line.split(" "), "--json")
    assert ran.code == code, ran.err
    assert set(ran.json["error"]) == {"code", "message", "data"}


def test_every_command_is_in_the_table() -> None:
    tested = {line.partition(" -")[0] for line, _ in TABLE}
    for words, _ in EVERY:
        assert words[0] in NEVER_END or any(one.startswith(" ".join(words)) for one in tested), words


def looking() -> list[tuple[str, ...]]:
    return [tuple(line.split(" ")) for line, code in TABLE if code == OK]


def test_everything_that_succeeds_prints_one_json_value(house: Cli) -> None:
    for words in looking():
        assert json.loads(house(*words, "--json").out) is not None, words


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("sqlite:///none.db", UNAVAILABLE, "there is no database at none.db"),
        ("sqlite:///garbage.db", UNAVAILABLE, "file is not a database"),
        ("sqlite:///empty.csv", UNAVAILABLE, "evenkeel db upgrade"),
        ("postgresql://nobody@127.0.0.1:1/none", UNAVAILABLE, "cannot open"),
    ],
)
def test_a_database_that_is_none_is_not_available(
    house: Cli, tmp_path: Path, url: str, code: int, said: str
) -> None:
    (tmp_path / "garbage.db").write_bytes(b"no database at all" * 100)
    for words in (("log", "tail"), ("log", "verify"), ("users", "list"), ("paper", "show")):
        ran = house(*words, "--database-url", url)
        assert (ran.code, said in ran.err) == (code, True), ran.err
    if "none.db" not in url and "empty" not in url:
        assert house("kill-switch", "engage", "--reason", "x", "--database-url", url).code == code
        checked = house("doctor", "--database-url", url, "--json")
        (found,) = [one for one in checked.json["findings"] if one["name"] == "database"]
        assert (checked.code, found["status"], said in found["detail"]) == (REFUSED, "FAILED", True)


@pytest.mark.parametrize("left", ['{"address": "http://127.0.0.1:1", "token": "x"}', "half", "{}", "[]"])
def test_a_database_that_is_held_by_nobody_who_answers(house: Cli, data_dir: Path, left: str) -> None:
    code = (
        "import sys; from adapters.persistence.database import open_database\n"
        "with open_database(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    path = data_dir / "evenkeel.db"
    (data_dir / "evenkeel.db.server.json").write_text(left)
    command = [sys.executable, "-c", code, f"sqlite:///{path}"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            for words in (("kill-switch", "engage", "--reason", "x"), ("projections", "rebuild")):
                ran = house(*words)
                assert (ran.code, "holds the database" in ran.err) == (UNAVAILABLE, True), ran.err
            assert house("log", "tail").code == OK
            assert house("db", "upgrade").code in (OK, UNAVAILABLE)
        finally:
            holder.kill()


def test_the_doctor_believes_no_address_that_a_killed_server_left(house: Cli, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write_private(data_dir / "evenkeel.db.server.json", {"address": f"http://127.0.0.1:{port}", "token": "x"})
    names = {one["name"] for one in house("doctor", "--json").json["findings"]}
    assert "server" not in names
    assert "http port" in names


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("queue_full", UNAVAILABLE),
        ("store_unavailable", UNAVAILABLE),
        ("os_error", UNAVAILABLE),
        ("log_too_new", UNAVAILABLE),
        ("invalid_settings", USAGE),
        ("insufficient_funds", REFUSED),
        ("log_damaged", REFUSED),
        ("internal_error", OUR_FAULT),
    ],
)
def test_what_a_server_says_has_the_same_code_as_what_is_said_here(code: str, exit_code: int) -> None:
    assert exit_code_of(code) == exit_code


def test_what_nobody_foresaw_is_told_without_a_traceback(house: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("entrypoints.composition.opened", broken)
    ran = house("log", "tail", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (OUR_FAULT, "internal_error")
    assert "Traceback" not in ran.err


def test_ctrl_c_is_told(house: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("entrypoints.composition.opened", interrupted)
    for words in (("log", "verify"), ("projections", "rebuild"), ("data", "import", "empty.csv")):
        ran = house(*words)
        assert (ran.code, "interrupted; what was committed stays" in ran.err) == (INTERRUPTED, True)
    monkeypatch.setattr("entrypoints.cli.commands.app", interrupted)
    with pytest.raises(SystemExit) as ended:  # while it is still being imported
        main()
    assert ended.value.code == INTERRUPTED


def piped(shell: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(program('evenkeel')).parent}:/usr/bin:/bin",
        "EVENKEEL_DATA_DIR": str(data_dir),
    }
    command = ["bash", "-c", f"set -o pipefail; {shell}"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**environment, **variables}
    )


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("form", ["", "--json"])
def test_output_that_nobody_takes_ends_a_command_quietly(data_dir: Path, form: str) -> None:
    gone = piped(f"evenkeel doctor --settings {form} | true", data_dir)
    assert (gone.returncode, gone.stderr) == (NOBODY_READS, "")
    assert piped(f"evenkeel log tail {form} | head -c 1", data_dir).stderr == ""
    full = piped(f"evenkeel log tail {form} > /dev/full", data_dir)
    assert (full.returncode, full.stderr) == (UNAVAILABLE, "evenkeel: No space left on device\n")
    assert piped(f"evenkeel log tail {form} >&-", data_dir).stderr == ""


@pytest.mark.usefixtures("house")
def test_letters_that_a_terminal_does_not_know_do_no_harm(data_dir: Path) -> None:
    ran = piped("evenkeel projections status", data_dir, PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (OK, "")
    assert "\\u2013" in ran.stdout
