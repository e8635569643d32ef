"""Two shards on one PostgreSQL, through the composition that every process uses (adr 0025)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.persistence import migrations
from adapters.persistence.database import open_database
from adapters.persistence.shard_layout import Shard, ShardsDiffer, ShardsIncomplete, ShardsNeedPostgres
from application.accounts.commands import FreezeAccount, RegisterAccount
from application.ledger.post_batch import PostBatch
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.paper.accounts import FundPaperBook, OpenPaperBook
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.ports.commands import Caller, Command, Outcome, Result, fingerprint
from application.ports.event_log import OneShardOnly, Position
from application.ports.paper_accounts import PaperTerms
from application.queries.activity import log_page
from application.queries.moments import parse_moment
from application.sharding import shard_of
from application.streams import account_stream, book_stream
from application.transfers.send import CarryingNotifier, SendTransfer
from application.views.rows import BalanceRow, BookRow, EntryRow, PostingRow, TotalRow
from application.work import OutboxMessage, Work
from domain.errors import InvalidValue
from domain.kill_switch.errors import KillSwitchIsEngaged
from domain.ledger.book import PAPER, Book
from domain.ledger.postings import AVAILABLE
from domain.money import ZERO, add
from entrypoints.composition import Container, Plan, cells, opened
from entrypoints.outbox_relay import OutboxRelay
from entrypoints.sealing import recover, rotate_key, seal_once
from entrypoints.settings import Settings
from tests.builders import Decide, usdt
from tests.entrypoints.conftest import Cli

OWNERS = [f"acc-{number}" for number in range(1, 9)]
ANN = next(owner for owner in OWNERS if shard_of(owner, 2) == 0)
BOB = next(owner for owner in OWNERS if shard_of(owner, 2) == 1)


@dataclass
class House:
    """The platform over two shards, and people on both."""

    container: Container
    settings: Settings
    numbers: Iterator[int]

    def ask(self, command: Command, key: str = "") -> Outcome:
        key = key or f"c-{next(self.numbers)}"
        caller = Caller(
            actor="test", command_id=key, correlation_id=key, fingerprint=fingerprint(repr(command))
        )
        return self.container.bus().execute(command, caller)

    def do(self, command: Command) -> Result:
        return self.ask(command).unwrap()

    def owner(self, account_id: str, amount: str = "1000") -> str:
        """Registered, with a paper book of that much."""
        self.do(RegisterAccount(account_id, ("trader",), "commitment"))
        book_id = f"book-{account_id}"
        self.do(OpenPaperBook(book_id, account_id, (usdt(amount),), PaperTerms()))
        return book_id

    def book(self, book_id: str) -> Book:
        found: Book = self.container.log().load(book_stream(book_id)).state
        return found

    def available(self, owner: str) -> str:
        return str(self.book(f"book-{owner}").owed(AVAILABLE, "USDT"))

    def catch_up(self) -> None:
        self.container.maintenance().catch_up()

    def trial_balance(self) -> dict[str, Any]:
        """Over all shards, of the balance rows that the appends themselves wrote."""
        sums: dict[str, Any] = {}
        for row in self.container.views().where(BalanceRow):
            sums[row.asset] = add(sums.get(row.asset, ZERO), row.amount)
        return sums


def settings_of(url: str, folder: Path, **given: Any) -> Settings:
    return Settings(**{"database_url": url, "data_dir": folder, "shards": 2, **given})


@pytest.fixture
def url(empty_postgres_url: str) -> str:
    """A database that was created with two shards."""
    migrations.upgrade(empty_postgres_url, 2)
    return empty_postgres_url


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    settings = settings_of(url, tmp_path)
    with opened(settings, Plan(inline=True, observed=False)) as container:
        yield House(container, settings, count(1))


@pytest.fixture
def people(house: House) -> House:
    house.owner(ANN)
    house.owner(BOB)
    return house


# -- created once --------------------------------------------------------------------------------------------


def test_where_an_owner_is_never_changes() -> None:
    """On disks for ever; computed with sha256sum, not with this program."""
    assert [shard_of(owner, 2) for owner in ("acc-1", "acc-2", "acc-3", "")] == [1, 1, 0, 0]
    assert [shard_of(f"acct-{n}", 7) for n in range(8)] == [0, 6, 4, 0, 0, 6, 1, 4]
    assert {shard_of(f"acct-{n}", 1) for n in range(100)} == {0}
    spread = [shard_of(f"acct-{n}", 4) for n in range(4_000)]
    assert all(900 < spread.count(shard) < 1_100 for shard in range(4))


@pytest.mark.parametrize("asked", [1, 3])
def test_a_database_keeps_the_number_of_shards_it_was_created_with(
    url: str, tmp_path: Path, asked: int
) -> None:
    settings = settings_of(url, tmp_path, shards=asked)
    with pytest.raises(ShardsDiffer, match=r"created with 2 shards.*EVENKEEL_SHARDS=2"):
        migrations.upgrade(url, asked)
    with pytest.raises(ShardsDiffer), opened(settings, Plan()):
        pass
    with pytest.raises(ShardsDiffer), open_database(url, shard=Shard(0, asked)):
        pass
    assert migrations.upgrade(url, 2) == migrations.head()


def test_a_database_of_one_shard_does_not_become_one_of_two(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(ShardsDiffer, match="created with 1 shard and"):
        migrations.upgrade(postgres_url, 2)
    with pytest.raises(ShardsDiffer), opened(settings_of(postgres_url, tmp_path), Plan()):
        pass
    with psycopg.connect(postgres_url) as session:
        found = session.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'evenkeel%'").fetchall()
    assert found == []


def test_a_lost_shard_is_missed(url: str, tmp_path: Path) -> None:
    migrations.upgrade(url, 2)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER SCHEMA evenkeel_shard_1_of_2 RENAME TO evenkeel_shard_1_of_3")
    with pytest.raises(ShardsIncomplete, match="evenkeel_shard_1_of_3"):
        migrations.upgrade(url, 2)
    with pytest.raises(ShardsIncomplete), opened(settings_of(url, tmp_path), Plan()):
        pass


def test_a_sqlite_file_has_one_shard(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    with pytest.raises(ShardsNeedPostgres, match="EVENKEEL_SHARDS=2"):
        migrations.upgrade(url, 2)
    with pytest.raises(ShardsNeedPostgres), opened(settings_of(url, tmp_path), Plan()):
        pass
    assert not (tmp_path / "books.db").exists()


def test_every_shard_has_the_tables_of_a_whole_database(url: str) -> None:
    of_schema = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
    with psycopg.connect(url) as session:
        public, other = (
            {name for (name,) in session.execute(of_schema, (schema,))}
            for schema in ("public", "evenkeel_shard_1_of_2")
        )
        locks = session.execute(
            "SELECT nspname, prosrc FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE proname = 'evenkeel_order_appends' ORDER BY nspname DESC"
        ).fetchall()
    assert public == other
    assert "stored_events" in public
    assert [("(1801807212, 0)" in body, "(1801807212, 1)" in body) for _, body in locks] == [
        (True, False),
        (False, True),
    ]


# -- one owner, one shard ------------------------------------------------------------------------------------


def test_all_streams_of_an_owner_are_on_their_shard(people: House) -> None:
    first, second = people.container.log().parts()
    for owner, here, there in ((ANN, first, second), (BOB, second, first)):
        for stream in (account_stream(owner), book_stream(f"book-{owner}")):
            assert here.stream(stream)
            assert not there.stream(stream)
            assert people.container.log().stream(stream) == here.stream(stream)
        assert people.container.log().of(owner) is here
    assert {event.position.shard for event in second.read()} == {1}
    assert [event.position.shard for event in people.container.log().read()] == [0] * 3 + [1] * 3


def test_a_command_is_answered_again_as_the_first_time_on_its_shard(people: House) -> None:
    deposit = FundPaperBook(f"book-{BOB}", BOB, usdt("5"), "d-1")
    first, again = people.ask(deposit, "k-1"), people.ask(deposit, "k-1")
    assert (first.replayed, again.replayed, first.position) == (False, True, again.position)
    assert Position.of(first.position).shard == 1
    assert people.available(BOB) == "1005 USDT"


def test_the_shards_do_not_wait_for_each_other(people: House) -> None:
    """No lock, no NOTIFY across: while one is being appended to, the other commits."""
    with psycopg.connect(people.settings.database) as session:
        session.execute("SELECT pg_advisory_xact_lock(1801807212, 0)")
        assert people.do(FundPaperBook(f"book-{BOB}", BOB, usdt("1"), "d-1"))["available"] == "1001 USDT"


def test_the_platform_on_the_first_shard_binds_the_others_within_200_ms(people: House) -> None:
    now = [1_000.0]
    second = cells(people.container)[1]
    second.elsewhere()._now = lambda: now[0]  # type: ignore[union-attr]

    def trade(work: Work) -> Result:
        assert work.account(BOB).exists
        work.platform().require_trading()
        return {}

    def may_trade() -> bool:
        caller = Caller(actor="bot", command_id=f"t-{next(people.numbers)}", correlation_id="t")
        refusal = second.bus().execute(Decide(trade), caller).refusal
        return refusal is None or refusal.code != KillSwitchIsEngaged.code

    assert may_trade()
    people.do(EngageKillSwitch("exchange down", "op"))
    now[0] += 0.2
    assert not may_trade()
    people.do(ReleaseKillSwitch("back", "op"))
    now[0] += 0.2
    assert may_trade()


def test_an_operator_of_another_shard_is_known_where_he_acts(people: House) -> None:
    people.do(FundPaperBook(f"book-{BOB}", BOB, usdt("5"), "d-1"))
    entry = posted_entry(people.container.log(), f"book-{BOB}", "d-1")
    people.do(ReverseEntry(f"book-{BOB}", entry, "twice", asked_by=ANN))
    assert people.available(BOB) == "1000 USDT"
    people.do(FreezeAccount(ANN, "left", "op"))
    cells(people.container)[1].elsewhere()._known.clear()  # type: ignore[union-attr]  # 200 ms later
    refused = people.ask(ReverseEntry(f"book-{BOB}", entry, "again", asked_by=ANN)).refusal
    assert refused is not None
    assert refused.code == "account_frozen"


def test_every_command_says_to_which_shard_it_belongs() -> None:
    """A new command that does not is found here, not by a customer whose money is elsewhere."""
    import importlib
    import inspect
    import pkgutil

    import application
    from adapters.persistence.shards.routing import _ABOUT_CASES, _ABOUT_THE_PLATFORM, _BY_OWNER, _BY_STREAM

    known = {*_BY_OWNER, *(name for name, _ in _BY_STREAM), "report"}
    found = 0
    for module in pkgutil.walk_packages(application.__path__, "application."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or not hasattr(kind, "decide") or kind.__name__ == "Command":
                continue
            found += 1
            names = {*getattr(kind, "__dataclass_fields__", ()), *vars(kind)}
            assert issubclass(kind, (*_ABOUT_THE_PLATFORM, *_ABOUT_CASES, PostBatch)) or names & known, kind
    assert found > 20


# -- read models, rebuild, verify ----------------------------------------------------------------------------


def test_read_models_follow_their_own_shard_and_are_read_as_one(people: House) -> None:
    people.catch_up()
    views = people.container.views()
    assert [row.owner_id for row in views.where(BookRow)] == sorted([ANN, BOB])
    assert [row.owner_id for row in views.where(BookRow, owner_id=BOB)] == [BOB]
    (total,) = [row for row in views.where(TotalRow, purse=PAPER) if row.account_class == AVAILABLE]
    assert str(total.amount) == "-2000"
    assert views.get(TotalRow, PAPER, AVAILABLE, "USDT") == total
    (entry,) = views.page(EntryRow, equal={"owner_id": BOB}).rows
    position = Position.of(entry.position)
    assert position.shard == 1
    assert [leg.book_id for leg in views.where(PostingRow, position=entry.position)] == [f"book-{BOB}"] * 2
    assert views.wait_for(entry.position, timeout_s=0)
    assert not views.wait_for(Position(1, 10**6).number, timeout_s=0)
    assert not views.wait_for(Position(2, 1).number, timeout_s=0)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_page_over_all_owners_leaves_nothing_out_and_tells_nothing_twice(people: House, limit: int) -> None:
    for owner in (ANN, BOB, ANN):
        people.do(FundPaperBook(f"book-{owner}", owner, usdt("1"), f"d-{next(people.numbers)}"))
    people.catch_up()
    seen: list[int] = []
    cursor = None
    while True:
        page = people.container.views().page(EntryRow, equal={}, before=cursor, limit=limit)
        seen += [row.position for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 5


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_the_page_of_the_log_goes_through_every_shard(people: House, limit: int) -> None:
    log, seen, cursor = people.container.log(), list[str](), None
    while True:
        lines, cursor = log_page(log, before=cursor, limit=limit)
        seen += [line.position for line in lines]
        if cursor is None:
            break
    assert seen == [str(event.position) for event in log.read()][::-1]


def test_rebuild_and_check_of_every_shard(people: House) -> None:
    maintenance = people.container.maintenance()
    assert maintenance.rebuild().is_identical
    assert maintenance.check() == {"events": 6, "identical": True, "difference": ""}
    with psycopg.connect(people.settings.database, autocommit=True) as session:
        session.execute("UPDATE evenkeel_shard_1_of_2.books SET status = 'lost'")
    assert maintenance.check()["difference"].startswith("shard 1: books ")
    found = maintenance.rebuild()
    assert (found.is_identical, found.difference[:8]) == (False, "shard 1:")
    assert maintenance.rebuild().is_identical
    assert {row["name"] for row in maintenance.status()} >= {"ledger/0", "ledger/1"}


def test_verify_names_the_shard_of_a_changed_byte(people: House) -> None:
    maintenance = people.container.maintenance()
    verdict = maintenance.verify()
    assert (verdict.events, verdict.is_intact) == (6, True)
    with psycopg.connect(people.settings.database, autocommit=True) as session:
        session.execute("SET session_replication_role = replica")
        session.execute(
            "UPDATE evenkeel_shard_1_of_2.stored_events"
            " SET state = set_byte(state, 300, get_byte(state, 300) # 1) WHERE notification_id = 2"
        )
    assert maintenance.verify().problem.startswith("shard 1: event ")


def test_a_moment_is_of_the_owners_shard(people: House) -> None:
    log, clock = people.container.log(), people.container.clock()
    moment = parse_moment("1-1", log.of(BOB), clock=clock)
    assert moment is not None
    assert moment.position == Position(1, 1)
    with pytest.raises(InvalidValue, match="on another shard"):
        parse_moment("0-1", log.of(BOB), clock=clock)
    with pytest.raises(OneShardOnly):
        log.position_at(clock.now())


# -- sealing -------------------------------------------------------------------------------------------------


def test_each_shard_is_sealed_and_exported_as_a_log_of_its_own(
    people: House, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_SHARDS", "2")
    where = ("--database-url", people.settings.database)
    first, second = seal_once(people.settings)
    assert (first.origin, second.origin) == ("evenkeel.local/log", "evenkeel.local/log/1")
    assert (first.size, second.size) == (3, 3)

    assert cli("log", "export", "--output", str(tmp_path / "books"), *where).code == 0
    for shard in (0, 1):
        folder = tmp_path / "books" / f"shard-{shard}"
        verify = [sys.executable, "-I", "verify.py", ".", "--key", "log.pub", "--complete", "--json"]
        ran = subprocess.run(verify, cwd=folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (line, *_) = (folder / "positions.ndjson").read_text().splitlines()
        assert json.loads(line)["position"] == f"{shard}-1"

    assert cli("log", "prove", "1-2", *where).out.splitlines()[0].startswith("c2sp.org/tlog-proof")
    assert cli("log", "checkpoint", "--shard", "1", *where).out.startswith("evenkeel.local/log/1\n3\n")
    assert cli("log", "checkpoint", *where).code == 2
    assert cli("log", "checkpoint", "--shard", "2", *where).code == 2


def test_what_is_of_one_shard_only_is_refused_rather_than_answered_for_one(
    people: House, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_SHARDS", "2")
    where = ("--database-url", people.settings.database)
    for refused in (rotate_key, lambda settings: recover(settings, reason="x")):
        with pytest.raises(OneShardOnly):
            refused(people.settings)
    with pytest.raises(OneShardOnly):
        people.container.seals().newest()
    for words in (
        ("backup", "create", "--output", str(tmp_path / "kept")),
        ("log", "rotate-key"),
        ("liabilities", "publish"),
        ("liabilities", "show"),
        ("ledger", "totals"),
        ("ledger", "trial-balance", "--at", "0-1"),
        ("ledger", "export", "--format", "csv", "--output", str(tmp_path / "b.csv"), "--at", "0-1"),
    ):
        ran = cli(*words, *where)
        assert ran.code == 2, f"{words}: {ran.out}{ran.err}"
    monkeypatch.delenv("EVENKEEL_SHARDS")
    for words in (("log", "tail"), ("ledger", "trial-balance"), ("db", "upgrade"), ("log", "verify")):
        ran = cli(*words, *where)
        assert (ran.code, "EVENKEEL_SHARDS=2" in ran.err) == (3, True), f"{words}: {ran.out}{ran.err}"
    assert cli("backup", "create", "--output", str(tmp_path / "kept"), *where).code == 3


# -- transfers -----------------------------------------------------------------------------------------------


def sending(sender: str, receiver: str, amount: str = "100", id: str = "t-1") -> SendTransfer:
    return SendTransfer(id, sender, f"book-{sender}", receiver, f"book-{receiver}", usdt(amount))


@pytest.mark.parametrize(("sender", "receiver"), [(ANN, BOB), (BOB, ANN)])
def test_money_crosses_from_one_shard_to_another(people: House, sender: str, receiver: str) -> None:
    people.do(sending(sender, receiver))
    assert people.trial_balance() == {"USDT": ZERO}
    assert (people.available(sender), people.available(receiver)) == ("900 USDT", "1000 USDT")

    people.container.transfers().carry("t-1")

    assert people.trial_balance() == {"USDT": ZERO}
    assert (people.available(sender), people.available(receiver)) == ("900 USDT", "1100 USDT")
    assert not [
        row for row in people.container.views().where(BalanceRow) if row.account.startswith("in_transit:")
    ]
    venue = people.container.exchange()
    assert [str(venue.account(f"book-{owner}").free["USDT"]) for owner in (sender, receiver)] == [
        "900",
        "1100",
    ]
    people.catch_up()
    totals = {row.account_class: row.amount for row in people.container.views().where(TotalRow, purse=PAPER)}
    assert totals == {AVAILABLE: -2000, "custody": 2000}
    assert people.container.maintenance().check()["identical"]


def test_a_frozen_receiver_on_another_shard_sends_the_money_back(people: House) -> None:
    people.do(FreezeAccount(BOB, "lost phone", "op"))
    people.do(sending(ANN, BOB))
    ended = people.container.transfers().carry("t-1")
    assert (ended.status, ended.code, people.available(ANN)) == ("returned", "account_frozen", "1000 USDT")
    assert people.trial_balance() == {"USDT": ZERO}


def test_what_a_crash_left_in_the_outbox_is_carried_by_the_next_relay(people: House) -> None:
    people.do(sending(BOB, ANN))
    told: list[str] = []

    class Told:
        def notify(self, message: OutboxMessage) -> None:
            told.append(message.topic)

    notifier = CarryingNotifier(people.container.transfers(), Told())
    relays: list[Callable[[], int]] = [
        OutboxRelay(cell.outbox(), notifier, cell.leases(), holder="w").relay
        for cell in cells(people.container)
    ]
    assert sum(relay() for relay in relays) == 3  # two welcomes, one transfer
    assert (people.available(BOB), people.available(ANN)) == ("900 USDT", "1100 USDT")
    assert sum(relay() for relay in relays) == 0
    assert told == ["account.registered"] * 2


def test_the_command_line_over_two_shards(
    url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_SHARDS", "2")
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", url)
    for port in ("EVENKEEL_HTTP_PORT", "EVENKEEL_METRICS_PORT"):
        monkeypatch.setenv(port, "0")
    people = [f"{name}@example.org" for name in ("ann", "bob", "cat", "dan")]
    for email in people:
        assert cli("users", "create", email, stdin="").code == 0
        assert cli("paper", "open", "--balance", "100 USDT", "--user", email).code == 0
    accounts = [row["account_id"] for row in cli("users", "list", "--json").json]
    shards = {account_id: shard_of(account_id, 2) for account_id in accounts}
    assert len(shards) == 4
    for sender, receiver in zip(people, people[1:] + people[:1], strict=True):
        words = ("ledger", "transfer", "10 USDT", "--user", sender, "--to-user", receiver, "--json")
        ran = cli(*words)
        assert (ran.code, ran.json["status"]) == (0, "completed"), ran.err
    ran = cli("ledger", "trial-balance", "--json")
    assert ran.json == {
        "books": 4,
        "balanced": True,
        "trial_balance": {"USDT.PAPER": "0"},
        "in_transit": [],
    }
    assert len(cli("ledger", "transfers", "--all", "--json").json) == 4
    assert cli("ledger", "transfers", "--json").json == []
    later = cli("ledger", "trial-balance", "--at", "2999-01-01T00:00:00Z")
    assert later.code == 2
    tail = cli("log", "tail", "-n", "1000", "--json").json
    assert [row["recorded_at"] for row in tail] == sorted(row["recorded_at"] for row in tail)
    assert {row["position"][:2] for row in tail} == {f"{shard}-" for shard in set(shards.values())}
    shown = cli("log", "show", tail[-1]["position"], "--json")
    assert (shown.code, shown.json["stream"]) == (0, tail[-1]["stream"])
    for line in ("log verify", "projections check", "projections status", "doctor"):
        assert cli(*line.split()).code == 0, line
    books = tmp_path / "books.csv"
    assert cli("ledger", "export", "--format", "csv", "--output", str(books)).code == 0
    assert cli("ledger", "balances", "--user", people[0]).code == 0
    assert cli("kill-switch", "engage", "--reason", "x").code == 0
