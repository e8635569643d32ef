"""Venue accounts and the LIVE gate as an operator has them, against a simulated exchange."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.persistence.identities import MemoryIdentities
from adapters.secrets.vault import MasterKeyFile
from application.ports.commands import Caller
from application.ports.identities import Identity
from application.ports.vault import PLATFORM
from application.venue_accounts.commands import ConnectVenueAccount, OpenLiveBook, OpenPooledAccount
from application.venue_accounts.keys import VenueKeyService
from entrypoints.checkpoints import key_file, vault_key_file
from entrypoints.composition import cells
from entrypoints.live_gate import DEMO_EMAIL, secret_problems
from entrypoints.settings import Settings
from tests.builders import START
from tests.entrypoints.conftest import Cli, Running
from tests.entrypoints.test_shards import ANN as ON_FIRST
from tests.entrypoints.test_shards import BOB as ON_SECOND
from tests.entrypoints.test_shards import House, house, people, url
from tests.simulators import ANN, BOB, Simulator, simulator
from tests.venue_fakes import FakeInspector, another

__all__ = ["house", "people", "url"]

RICH = replace(BOB, name="rich", key="rich-key", secret="rich-secret", can_withdraw=True)
KEY, SECRET = ANN.key, ANN.secret


@pytest.fixture
def venue(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with simulator(tmp_path / "journal", customers=(ANN, BOB, RICH)) as running:
        monkeypatch.setenv("EVENKEEL_SIMULATORS", f"simulator={running.url}")
        made = cli("users", "create", "ann@example.org", "--password-stdin", stdin="a calm sea and a hand\n")
        assert made.code == 0, made.err
        yield running


def connected(cli: Cli) -> str:
    return str(cli("venue-accounts", "connect", "simulator", "--json").json["venue_account_id"])


def given_key(cli: Cli, account: str, key: str = KEY, secret: str = SECRET, how: str = "add-key") -> Any:
    return cli("venue-accounts", how, account, "--json", stdin=f"{key}\n{secret}\n")


@pytest.mark.usefixtures("venue")
def test_a_key_comes_from_standard_input_and_opens_the_books(cli: Cli) -> None:
    account = connected(cli)
    taken = given_key(cli, account)
    assert taken.code == 0, taken.err
    assert sorted(taken.json["opening"]) == ["10 BTC", "100 ETH", "1000000 USDT", "50 BNB"]
    assert taken.json["key"]["rights"] == ["read", "trade"]
    assert cli("ledger", "trial-balance").code == 0
    (listed,) = cli("venue-accounts", "list", "--json").json
    assert listed["key"] == taken.json["key"]
    for refused in (given_key(cli, account), given_key(cli, account, "nobody's")):
        assert refused.code == 1
    revoked = cli("venue-accounts", "revoke-key", account, "--reason", "lost", "--json")
    assert revoked.json["key"] is None
    again = given_key(cli, account)
    assert (again.code, again.json["opening"]) == (0, [])


@pytest.mark.usefixtures("venue")
def test_a_key_of_another_account_at_the_venue_is_refused(cli: Cli) -> None:
    account = connected(cli)
    taken = given_key(cli, account)
    refused = given_key(cli, account, BOB.key, BOB.secret, how="rotate-key")
    assert (refused.code, refused.json["error"]["code"]) == (1, "venue_key_of_another_account")
    (listed,) = cli("venue-accounts", "list", "--json").json
    assert listed["key"] == taken.json["key"]


@pytest.mark.usefixtures("venue")
def test_a_key_that_may_withdraw_is_refused_at_import(cli: Cli, data_dir: Path) -> None:
    """Safety §1, users' exchange keys."""
    refused = given_key(cli, connected(cli), RICH.key, RICH.secret)
    assert (refused.code, refused.json["error"]["code"]) == (1, "venue_key_may_withdraw")
    with sqlite3.connect(data_dir / "evenkeel.db") as database:
        assert database.execute("SELECT count(*) FROM venue_keys").fetchone() == (0,)


@pytest.mark.usefixtures("venue")
def test_no_part_of_a_key_is_on_disk_or_on_the_screen(
    cli: Cli, data_dir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safety §2.58, 67: files, output, logs, with everything logged that can be."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("EVENKEEL_LOG_LEVEL", "debug")
    account = connected(cli)
    ran = [
        given_key(cli, account, KEY, "not its secret"),
        given_key(cli, account),
        given_key(cli, account, how="rotate-key"),
        cli("vault", "rotate"),
        cli("venue-accounts", "list"),
        cli("log", "tail", "--json"),
    ]
    assert [one.code for one in ran] == [1, 0, 1, 0, 0, 0]
    seen = "".join(one.out + one.err for one in ran) + caplog.text
    files = b"".join(path.read_bytes() for path in data_dir.iterdir() if path.is_file())
    for part in (KEY, SECRET, "not its secret"):
        assert part not in seen
        assert part.encode() not in files


@pytest.mark.usefixtures("venue")
def test_the_vault_rotates_and_says_when_its_key_is_lost(cli: Cli, data_dir: Path) -> None:
    account = connected(cli)
    assert given_key(cli, account).code == 0
    rotated = cli("vault", "rotate", "--json").json
    assert (rotated["rewrapped"], rotated["old_master_id"] != rotated["new_master_id"]) == (1, True)
    (data_dir / "evenkeel.db.vault").unlink()
    lost = cli("vault", "rotate", "--json")
    assert (lost.code, lost.json["error"]["code"]) == (3, "vault_unusable")
    assert not (data_dir / "evenkeel.db.vault").exists()


@pytest.mark.usefixtures("venue")
def test_a_preflight_asks_the_real_client_and_blocks(cli: Cli) -> None:
    account = connected(cli)
    assert given_key(cli, account).code == 0
    bot = cli(
        *("bots", "create", "BTC/USDT", "--venue-account", account, "--allocation", "1000 USDT"),
        *("--stop-loss-bps", "300", "--json"),
    ).json
    assert (bot["mode"], bot["allocated"], bot["allocation_asset"]) == ("OBSERVE", "1000", "USDT")
    report = cli("bots", "preflight", bot["bot_id"], "--json")
    verdicts = {check["name"]: check["verdict"] for check in report.json["checks"]}
    assert (report.code, report.json["verdict"]) == (1, "NO-GO")
    assert {name for name, verdict in verdicts.items() if verdict == "FAIL"} == {
        "daily_loss_limit",
        "paper_validation",
    }
    words = ("--preflight", report.json["preflight_id"], "--reason", "go", "--password-stdin", "--json")
    blocked = cli("bots", "mode", bot["bot_id"], "LIVE", *words, stdin="a calm sea and a hand\n")
    assert (blocked.code, blocked.json["error"]["code"]) == (1, "preflight_failed")
    wrong = cli("bots", "mode", bot["bot_id"], "LIVE", *words, stdin="a guess\n")
    assert (wrong.code, wrong.json["error"]["code"]) == (1, "bad_credentials")


@pytest.mark.usefixtures("venue")
def test_live_trading_is_approved_by_a_second_persons_password(cli: Cli) -> None:
    """Safety §1, four eyes."""
    cli(
        "users",
        "create",
        "bob@example.org",
        "--role",
        "operator",
        "--password-stdin",
        stdin="one more steady hand\n",
    )
    ann = ("--user", "ann@example.org", "--reason", "seen it", "--json")
    assert cli("users", "request-live", *ann).json["live_trading"] == "requested"
    approve = ("users", "approve-live", *ann, "--password-stdin", "--by")
    assert cli(*approve, "bob@example.org", stdin="a guess\n").code == 1
    assert cli(*approve, "ann@example.org", stdin="a calm sea and a hand\n").code == 2  # no operator
    assert cli("users", "grant-role", "admin", "--user", "ann@example.org").code == 0
    own = cli(*approve, "ann@example.org", stdin="a calm sea and a hand\n")
    assert own.json["error"]["code"] == "second_person_needed"
    done = cli(*approve, "bob@example.org", stdin="one more steady hand\n")
    assert done.json["live_trading"] == "approved", done.err
    assert cli("users", "revoke-live", *ann).json["live_trading"] == "none"


def test_a_server_takes_keys_and_runs_preflights_for_the_command_line(
    cli: Cli, venue: Simulator, data_dir: Path, tmp_path: Path
) -> None:
    """Safety §2.67: nor is any part of a key in what the server logs, at its most talkative, or counts."""
    served = Running(
        *("serve", "--port", "0", "--metrics-port", "0"),
        cwd=tmp_path,
        EVENKEEL_DATA_DIR=str(data_dir),
        EVENKEEL_SIMULATORS=f"simulator={venue.url}",
        EVENKEEL_LOG_LEVEL="debug",
    )
    try:
        metrics = served.line("/metrics").split()[-1]
        served.line("Ctrl-C stops")
        account = connected(cli)
        refused, taken = given_key(cli, account, KEY, "not its secret"), given_key(cli, account)
        assert (refused.code, taken.code) == (1, 0), taken.err
        made = cli("bots", "create", "BTC/USDT", "--venue-account", account, "--json").json
        report = cli("bots", "preflight", made["bot_id"], "--json")
        assert (report.code, report.json["verdict"]) == (1, "NO-GO")
        assert cli("vault", "rotate", "--json").json["rewrapped"] == 1
        counted = httpx.get(metrics, trust_env=False).text
        assert 'venue="simulator"' in counted
        assert served.stop() == 0
    finally:
        served.close()
    logged = "".join(served.log)
    assert logged
    for part in (KEY, SECRET, "not its secret"):
        assert part not in logged + counted


# -- weak secrets ------------------------------------------------------------------------------------------


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(**{"data_dir": folder, **given})


def demo() -> MemoryIdentities:
    identities = MemoryIdentities()
    identities.add(
        Identity(
            account_id="demo",
            email=DEMO_EMAIL,
            password_hash="x",
            commitment_salt="x",
            created_at_utc=START,
        )
    )
    return identities


def test_an_installation_whose_secrets_are_well_has_no_problems(tmp_path: Path) -> None:
    given = settings(tmp_path, database_url="postgresql://evenkeel:7hD93kfn2LsQ@db/evenkeel")
    MasterKeyFile(vault_key_file(given)).sealing(may_make=True)
    assert secret_problems(given, MemoryIdentities()) == []
    assert secret_problems(settings(tmp_path), demo()) == []  # a laptop


@pytest.mark.parametrize("password", ["postgres", "CHANGEME", "short-one"])
def test_a_default_or_short_database_password_is_found_and_not_shown(tmp_path: Path, password: str) -> None:
    given = settings(tmp_path, database_url=f"postgresql://evenkeel:{password}@db/evenkeel")
    (problem,) = secret_problems(given, MemoryIdentities())
    assert "password" in problem
    assert password not in problem


def test_keys_that_others_may_read_are_found(tmp_path: Path) -> None:
    given = settings(tmp_path)
    for path in (key_file(given), vault_key_file(given)):
        path.write_text("x")
        path.chmod(0o644)
    assert [problem.partition(" (")[0] for problem in secret_problems(given, MemoryIdentities())] == [
        "others may read the log's signing key",
        "others may read the vault's key",
    ]


def test_a_demo_account_has_no_place_beside_real_money(tmp_path: Path) -> None:
    given = settings(tmp_path, environment="production")
    (problem,) = secret_problems(given, demo())
    assert DEMO_EMAIL in problem


# -- several shards ----------------------------------------------------------------------------------------


def test_pooled_accounts_are_on_the_first_shard_and_their_books_with_their_owners(people: House) -> None:
    """adr 0025: what is an owner's is on the owner's shard; the pooled account is read where it is."""
    people.do(OpenPooledAccount("binance", "main", by="operator:cli"))
    for owner in (ON_FIRST, ON_SECOND):
        book_id = str(people.do(OpenLiveBook(owner, "pooled.binance.main"))["book_id"])
        own = people.do(ConnectVenueAccount(owner, "binance", "main"))
        assert people.book(book_id).purse == "LIVE"
        assert people.book(str(own["book_id"])).purse == "CONNECTED"
    assert people.ask(OpenLiveBook(ON_SECOND, "pooled.binance.nope")).refusal is not None


def test_every_shard_signs_with_every_key_that_its_bots_need(people: House) -> None:
    """A pooled account's key is on no shard in particular, and its account on the first."""
    people.do(OpenPooledAccount("binance", "main", by="operator:cli"))
    services = people.container.services()
    desk = VenueKeyService(
        services.log, services.bus, services.clock, services.venue_keys.vault, FakeInspector()
    )
    accounts = {"pooled.binance.main": PLATFORM}
    for owner in (ON_FIRST, ON_SECOND):
        connected_to = people.do(ConnectVenueAccount(owner, "binance", "main"))
        accounts[str(connected_to["venue_account_id"])] = owner
    for number, (account, owner) in enumerate(accounts.items()):
        who = Caller(actor=owner, command_id=f"key-{number}", correlation_id="x")
        desk.take(account, owner, another(number), who).unwrap()
    for container in (people.container, *cells(people.container)):
        found = [container.venue_keys().credentials(account).api_key for account in accounts]
        assert found == ["api-key-0", "api-key-1", "api-key-2"]
