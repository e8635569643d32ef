"""Liabilities as an operator publishes and an owner checks them: commands, a server, one file, one key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from application.ports.commands import Caller, CommandBus
from domain.ledger.book import LIVE
from domain.money import Money
from entrypoints.composition import Plan, opened
from entrypoints.settings import load_settings
from tests.builders import OpenBook, money
from tests.entrypoints.conftest import Cli, Running
from tests.entrypoints.test_serve import SERVE, banner

Start = Callable[..., Running]
FUNDS = {"ann@example.org": "1000.50 USDT", "bob@example.org": "0.25 BTC", "eve@example.org": "3 USDT"}


def live_books(cli: Cli, url: str) -> None:
    """People with pooled LIVE books, which no command of today opens, and paper money beside them."""
    owners: dict[str, str] = {}
    for email in FUNDS:
        made = cli("users", "create", email, "--database-url", url, "--json")
        owners[email] = made.json["account_id"]
    cli("paper", "open", "--user", "ann@example.org", "--balance", "777 USDT", "--database-url", url)
    with opened(load_settings(database_url=url), Plan(inline=True, observed=False)) as container:
        for email, funds in FUNDS.items():
            open_live(container.bus(), owners[email], money(funds))


def open_live(bus: CommandBus, owner_id: str, funds: Money) -> None:
    key = f"live-{owner_id}"
    caller = Caller(actor="system:test", command_id=key, correlation_id=key)
    bus.execute(OpenBook(key, funds, owner_id, LIVE), caller).unwrap()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, data_dir: Path) -> str:
    named: str = (
        f"sqlite:///{data_dir}/evenkeel.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    return named


def offline(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The exported verifier by itself, in a folder that holds nothing of ours."""
    command = [sys.executable, "-I", str(folder / "verify.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_what_is_owed_is_published_proven_and_checked_offline(cli: Cli, url: str, tmp_path: Path) -> None:
    live_books(cli, url)
    assert cli("log", "seal", "--database-url", url).code == 0
    where = ("--database-url", url)

    done = cli("liabilities", "publish", *where, "--json").json
    again = cli("liabilities", "publish", *where, "--json").json
    shown = cli("liabilities", "show", *where)
    by_id = cli("liabilities", "show", str(done["id"]), *where, "--json").json
    mine = tmp_path / "ann.json"
    mine.write_text(cli("liabilities", "prove", "--user", "ann@example.org", *where).out)
    assert cli("log", "seal", *where).code == 0
    assert cli("log", "export", "--output", str(tmp_path / "books"), *where).code == 0

    assert done == again == by_id
    assert (done["leaves"], done["owed"], done["due"]) == (4, {"BTC": "0.25", "USDT": "1003.5"}, {})
    assert done["statement"] in shown.out
    copied, key = tmp_path / "elsewhere", tmp_path / "got-once.pub"
    copied.mkdir()
    shutil.copy(tmp_path / "books" / "verify.py", copied)
    shutil.copy(tmp_path / "books" / "log.pub", key)
    alone = offline(copied, "--liability", mine, "--key", key)
    whole = offline(copied, tmp_path / "books", "--liability", mine, "--key", key)
    here = cli("liabilities", "verify", str(mine), "--key", str(key))
    assert (alone.returncode, whole.returncode, here.code) == (0, 0, 0), whole.stdout + alone.stdout
    assert alone.stdout.startswith("liability ok: 1000.5 USDT owed to ")
    assert here.out == alone.stdout
    assert f"liabilities of {done['log_size']} events, as published: 0.25 BTC, 1003.5 USDT" in whole.stdout

    changed = mine.read_text().replace('"1000.5"', '"1000"')
    mine.write_text(changed)
    assert offline(copied, "--liability", mine, "--key", key).returncode == 1
    refused = cli("liabilities", "verify", str(mine), "--key", str(key), "--json")
    assert (refused.code, refused.json["ok"]) == (1, False)


def test_an_empty_tree_is_said_to_be_one(cli: Cli, data_dir: Path) -> None:
    """The demo and every paper account: nothing LIVE."""
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    cli("log", "seal")

    done = cli("liabilities", "publish")

    assert done.code == 0
    assert "there was no LIVE book: the tree is empty" in done.out
    proof = cli("liabilities", "prove", "--json")
    assert (proof.code, proof.json["error"]["code"]) == (1, "no_liability")


def test_names_salts_and_the_secret_are_not_in_the_log(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    live_books(cli, f"sqlite:///{data_dir}/evenkeel.db")
    cli("log", "seal")
    cli("liabilities", "publish")
    cli("log", "export", "--output", str(tmp_path / "books"))
    secret = (data_dir / "evenkeel.db.salts").read_text().strip().rpartition("+")[2]
    salts = [json.loads(cli("liabilities", "prove", "--user", email).out)["salt"] for email in FUNDS]

    (event,) = (
        line
        for line in (tmp_path / "books" / "events.ndjson").read_text().splitlines()
        if '"name":"platform.liabilities_published"' in line
    )
    exported = "".join(file.read_text() for file in (tmp_path / "books").iterdir())
    assert "acc" not in json.loads(event)["data"]["note"]
    assert not any(hidden in exported for hidden in (secret, *salts))
    assert (data_dir / "evenkeel.db.salts").stat().st_mode & 0o777 == 0o600


def test_without_the_secret_no_proof_is_made_and_the_statement_stays(cli: Cli, data_dir: Path) -> None:
    live_books(cli, f"sqlite:///{data_dir}/evenkeel.db")
    cli("log", "seal")
    cli("liabilities", "publish")
    (data_dir / "evenkeel.db.salts").unlink()

    refused = cli("liabilities", "prove", "--user", "ann@example.org", "--json")

    assert (refused.code, refused.json["error"]["code"]) == (3, "liability_salts_unusable")
    assert cli("liabilities", "show").code == 0


def test_a_lost_secret_is_told_of_and_made_anew_only_when_that_is_asked_for(cli: Cli, data_dir: Path) -> None:
    live_books(cli, f"sqlite:///{data_dir}/evenkeel.db")
    cli("log", "seal")
    cli("liabilities", "publish")
    (data_dir / "evenkeel.db.salts").unlink()
    cli("users", "create", "dan@example.org", stdin="")
    cli("log", "seal")

    refused = cli("liabilities", "publish", "--json")

    assert (refused.code, refused.json["error"]["code"]) == (3, "liability_salts_unusable")
    assert "--new-salts" in refused.json["error"]["message"]
    assert not (data_dir / "evenkeel.db.salts").exists()

    first = cli("liabilities", "show", "--json").json["id"]
    assert cli("liabilities", "publish", "--new-salts").code == 0
    assert cli("liabilities", "prove", "--user", "ann@example.org").code == 0
    assert cli("liabilities", "prove", str(first), "--user", "ann@example.org").code == 3


def test_a_running_server_publishes_and_gives_each_owner_their_own(
    start: Start, cli: Cli, tmp_path: Path
) -> None:
    var = tmp_path / "data"
    live_books(cli, f"sqlite:///{var}/evenkeel.db")
    password = "a sentence that is long enough"
    made = cli("users", "create", "dan@example.org", "--password-stdin", "--json", stdin=password)
    with opened(load_settings(), Plan(inline=True, observed=False)) as container:
        open_live(container.bus(), made.json["account_id"], money("8 USDT"))
    cli("log", "seal")
    running = start(*SERVE, EVENKEEL_DATA_DIR=str(var))
    address = banner(running)["address"]

    done = cli("liabilities", "publish", "--json")  # through the server, which holds the file
    public = httpx.get(f"{address}/v1/audit/liabilities", trust_env=False).json()
    session = httpx.post(
        f"{address}/v1/sessions", json={"email": "dan@example.org", "password": password}, trust_env=False
    ).json()
    proof = httpx.get(
        f"{address}/v1/audit/liabilities/{public['id']}/proof",
        headers={"Authorization": f"Bearer {session['token']}"},
        trust_env=False,
    )
    assert running.stop() == 0

    assert done.code == 0, done.err
    assert done.json["statement"] == public["statement"]
    assert public["owed"] == {"BTC": "0.25", "USDT": "1011.5"}
    (tmp_path / "dan.json").write_bytes(proof.content)
    checked = cli(
        "liabilities", "verify", str(tmp_path / "dan.json"), "--key", str(var / "evenkeel.db.pub"), "--json"
    )
    assert checked.json["liability"]["owed_to_owner"] == {"USDT": "8"}
