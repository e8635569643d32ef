"""Rows of the safety catalogue that no part shows alone: writer, readers, sealer and auditor together."""

from __future__ import annotations

import ast
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.persistence.commits import TRIES_ALONE
from adapters.persistence.database import open_database
from adapters.persistence.envelope import NO_EVENT, Envelopes
from adapters.persistence.log_tables import APPENDS_IN_ORDER
from adapters.persistence.projector import Projector
from adapters.persistence.read_models import SqlReadModels
from adapters.persistence.rebuild import check, status
from adapters.persistence.seals import SqlSeals
from adapters.secrets.signing_key import FileSigner, create_key
from application.ports.clock import ManualClock
from application.ports.commands import Result
from application.ports.event_log import Metadata, StoreUnavailable
from application.sealing.errors import LogContradictsCheckpoint
from application.sealing.seal_log import SealLog
from application.streams import book_stream
from application.views.rows import BookRow
from application.work import Work
from domain.ledger.errors import UnbalancedEntry
from domain.sealing.merkle import leaf_hash, root_of
from entrypoints.auditor import verify as auditor
from tests.architecture.tree import PACKAGES, ROOT
from tests.builders import START, Allocate, Decide, OpenBook, book_opened, caller, posted, postings, usdt
from tests.entrypoints.auditor.exports import ORIGIN, export, sealed
from tests.entrypoints.auditor.exports import SIGNER as EXPORTER
from tests.log_stores import Engine, engine


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def postgres_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


@contextmanager
def at(directory: Path, clock: ManualClock) -> Iterator[Engine]:
    """The SQLite log that lies there already."""
    with ExitStack() as opened:
        yield Engine("sqlite", f"sqlite:///{directory / 'log.db'}", clock, opened)


def stored(log: Engine) -> list[bytes]:
    return [
        bytes(state) for (state,) in log.query("SELECT state FROM stored_events ORDER BY notification_id")
    ]


# -- Spending ------------------------------------------------------------------------------------------------


def test_money_is_spent_by_the_log_whatever_a_projection_shows(log: Engine) -> None:
    """Safety #5: no projector runs, and the balance that is shown is a thousand times too high."""
    store = log.open()
    Projector(log.database)
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    log.tamper("UPDATE balances SET amount = '-100000' WHERE account = 'owner:available'")

    first = store.bus.execute(Allocate("b", usdt("60"), "a1"), caller("c1"))
    log.tamper("UPDATE balances SET amount = '-100000' WHERE account = 'owner:available'")
    second = store.bus.execute(Allocate("b", usdt("60"), "a2"), caller("c2"))

    assert first.result == {"left": "40 USDT"}
    assert second.refusal is not None
    assert (second.refusal.code, second.refusal.data["available"]) == ("insufficient_funds", "40 USDT")
    assert {one.position for one in status(log.database) if one.name == "ledger"} == {0}, "it never followed"


def test_fifty_that_want_the_same_version_are_one_that_gets_it(log: Engine) -> None:
    """Safety §4 row 21, on both engines: a balance for one, fifty at once."""
    store = log.open(inline=False)
    store.bus.execute(OpenBook("b", usdt("1")), caller("open"))

    def ask(number: int) -> bool:
        return store.bus.execute(Allocate("b", usdt("1"), f"a{number}"), caller(f"c{number}")).refusal is None

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(ask, range(50))) == 1
    assert store.log.load(book_stream("b")).version == 3


# -- Locks and retries ---------------------------------------------------------------------------------------


APPENDS_LOCKS = """
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
 WHERE locktype = 'advisory' AND datname = current_database()"""


def waiting_backend(session: psycopg.Connection[Any], appending: Future[Any]) -> int | None:
    """The server process that waits for a lock; None when the append ended meanwhile."""
    statement = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not (found := session.execute(statement).fetchone()):
        if appending.done():
            return None
    return int(found[0])


def test_an_append_that_is_cancelled_in_the_middle_leaves_no_lock(postgres_log: Engine) -> None:
    """Safety #32: its locks are its transaction's, and the next one goes on at once."""
    here, there = postgres_log.open(), postgres_log.open()
    here.bus.execute(OpenBook("b", usdt("100")), caller("open-b"))
    here.bus.execute(OpenBook("other", usdt("100")), caller("open-other"))
    with (
        psycopg.connect(postgres_log.url) as rival,
        psycopg.connect(postgres_log.url, autocommit=True) as session,
        ThreadPoolExecutor(1) as pool,
    ):
        rival.execute("SELECT 1 FROM stream_heads WHERE stream = 'book:b' FOR UPDATE")
        appending = pool.submit(here.bus.execute, Allocate("b", usdt("60"), "a1"), caller("c1"))
        cancelled = 0
        while pid := waiting_backend(session, appending):  # it has the appends' lock and waits for its stream
            session.execute("SELECT pg_cancel_backend(%s)", (pid,))
            cancelled += 1
        with pytest.raises(StoreUnavailable):
            appending.result()

        assert cancelled
        assert session.execute(APPENDS_LOCKS).fetchall() == []
        assert there.bus.execute(Allocate("other", usdt("60"), "a1"), caller("c2")).unwrap()

    assert here.bus.execute(Allocate("b", usdt("60"), "a1"), caller("c1")).result == {"left": "40 USDT"}


def test_a_command_that_always_comes_too_late_gives_up_and_may_come_again(postgres_log: Engine) -> None:
    """Safety #32: retries have an end."""
    here, there = postgres_log.open(), postgres_log.open()
    here.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    tries = 0

    def late(work: Work) -> Result:
        nonlocal tries
        tries += 1
        read = work.book("b")
        there.bus.execute(Allocate("b", usdt("1"), f"rival-{tries}"), caller(f"rival-{tries}"))
        work.record("book:b", read.allocate(usdt("1"), bot_id="x", entry_id="late", at=work.now))
        return {}

    with pytest.raises(StoreUnavailable):
        here.bus.execute(Decide(late), caller("late"))

    assert tries == TRIES_ALONE
    assert here.bus.execute(Allocate("b", usdt("1"), "a"), caller("late")).unwrap(), "its id was not used up"


def test_what_commits_late_is_projected_all_the_same_and_once(postgres_log: Engine) -> None:
    """Safety #34: an id that is drawn and not committed keeps later ones waiting."""
    store, projector = postgres_log.open(), Projector(postgres_log.database)
    shown = SqlReadModels(postgres_log.database)
    told = Metadata(recorded_at_utc=START, actor="a", command_id="c", correlation_id="c", causation_id="c")
    name, state = Envelopes().write(book_opened("slow"), "book:slow", 1, NO_EVENT, told)
    with psycopg.connect(postgres_log.url) as slow:
        slow.execute(APPENDS_IN_ORDER)
        slow.execute("INSERT INTO stored_events VALUES (%s, 1, %s, %s)", ("book:slow", name, state))
        with pytest.raises(StoreUnavailable):
            store.bus.execute(OpenBook("fast", usdt("1")), caller("fast"))
        projector.catch_up()
        assert shown.where(BookRow) == []
    store.bus.execute(OpenBook("fast", usdt("1")), caller("fast"))
    projector.catch_up()

    assert [row.book_id for row in shown.where(BookRow)] == ["fast", "slow"]
    assert {one.lag for one in status(postgres_log.database)} == {0}
    assert check(postgres_log.database, ["ledger"]).identical


# -- Sealing -------------------------------------------------------------------------------------------------

DIES_AT_THE_COMMIT = """
import os, signal, sys
from contextlib import contextmanager
from adapters.persistence.database import open_database
from adapters.persistence.seals import SqlSeals
with open_database(sys.argv[1]) as db:
    transaction = db.transaction
    @contextmanager
    def dying():
        with transaction() as connection:
            yield connection
            os.kill(os.getpid(), signal.SIGKILL)
    db.transaction = dying
    SqlSeals(db).extend(1_000)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_sealer_that_is_killed_has_sealed_a_page_or_none_of_it(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Safety §4 row 5: all of a page was written and nothing was committed; the next sealer does it again."""
    with engine(kind, request, tmp_path) as log:
        store, url = log.open(), log.url
        store.bus.execute(OpenBook("a", usdt("1")), caller("a"))
        assert SqlSeals(log.database).extend(1_000) == 2
        store.bus.execute(OpenBook("b", usdt("1")), caller("b"))
    died = subprocess.run([sys.executable, "-c", DIES_AT_THE_COMMIT, url], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL

    with open_database(url) as db:
        seals = SqlSeals(db)
        assert seals.size() == 2
        assert seals.extend(1_000) == 2
        with db.reading() as connection:
            rows = connection.exec_driver_sql("SELECT state FROM stored_events ORDER BY notification_id")
            leaves = [leaf_hash(bytes(state)) for (state,) in rows]
        assert [seals.root(size) for size in (2, 4)] == [root_of(leaves[:2]), root_of(leaves)]


def test_two_copies_that_both_go_on_are_found_out_by_what_they_signed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Safety §4 row 20: one key, one beginning, two ends."""
    create_key(tmp_path / "log.key", ORIGIN)
    signer = FileSigner(tmp_path / "log.key")
    outside = CheckpointFile(tmp_path / "checkpoints")
    with engine("sqlite", request, tmp_path) as log:
        log.open().bus.execute(OpenBook("a", usdt("1")), caller("a"))
        SealLog(SqlSeals(log.database), signer, [outside], ORIGIN)()
        log.database.checkpoint()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "log.db", tmp_path / "copy" / "log.db")
    lines: dict[str, list[bytes]] = {}
    notes: list[str] = []
    for name, directory in (("b", tmp_path), ("c", tmp_path / "copy")):
        with at(directory, log.clock) as going_on:
            going_on.open().bus.execute(OpenBook(name, usdt("1")), caller(name))
            seal = SealLog(SqlSeals(going_on.database), signer, [outside], ORIGIN)
            if name == "b":
                seal()
            else:
                with pytest.raises(LogContradictsCheckpoint):
                    seal()  # where both have the same place outside, the second signs nothing
                seal.sinks = []
                seal()  # and where they don't, the two checkpoints are the proof
            lines[name] = stored(going_on)
            notes = list(SqlSeals(going_on.database).notes())

    theirs = outside.newest()
    assert theirs is not None
    assert [len(of) for of in lines.values()] == [4, 4]
    report = auditor.verify(
        export(tmp_path / "export", lines["c"], notes),
        [auditor.Key.parse(str(signer.key), "the key")],
        [auditor.Checkpoint.parse(theirs, "the other copy's")],
        progress=lambda *_: None,
    )
    assert (
        report["fault"]["reason"] == "fork: checkpoint 2 and the other copy's sign different logs of 4 events"
    )


# -- What is posted ------------------------------------------------------------------------------------------


def test_only_the_ledger_makes_journal_entries() -> None:
    """Safety #45: whoever posts, an import, a correction, an operator, goes through the book's own check."""
    makers = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "EntryPosted"
    }
    assert makers == {"domain/ledger/book.py"}


def test_money_from_nothing_is_refused_and_nothing_is_recorded(log: Engine) -> None:
    """Safety #45: one leg, or two on one side; no contra account, no entry."""
    store = log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def adjust(work: Work) -> Result:
        legs = postings("owner:available -50 USDT", "owner:bot:bot-1 -50 USDT")
        work.record(
            book_stream("b"), work.book("b").post(entry_id="x", kind="adjustment", postings=legs, at=START)
        )
        return {}

    refusal = store.bus.execute(Decide(adjust), caller("adjust")).refusal

    assert refusal is not None
    assert (refusal.code, refusal.data["left_over"]) == (UnbalancedEntry.code, "-100 USDT")
    assert store.log.load(book_stream("b")).version == 2


def test_money_from_nothing_that_was_forced_into_the_log_is_found_by_anyone(
    log: Engine, tmp_path: Path
) -> None:
    """Safety #45: past the book's check, the trial balance and the auditor's program still see it."""
    store = log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    forged = posted("owner:available -50 USDT", "owner:bot:bot-1 -50 USDT", entry_id="x", kind="adjustment")

    def force(work: Work) -> Result:
        work.record(book_stream("b"), [forged])
        return {}

    store.bus.execute(Decide(force), caller("force"))

    amounts = log.query("SELECT amount FROM balances")
    assert sum(Decimal(amount) for (amount,) in amounts) == -100
    lines = stored(log)
    report = auditor.verify(
        export(tmp_path / "export", lines, sealed(lines, len(lines))),
        [auditor.Key.parse(str(EXPORTER.key), "the key")],
        [],
        progress=lambda *_: None,
    )
    assert (report["fault"]["check"], report["fault"]["index"]) == ("meaning", 2)
    assert report["fault"]["reason"] == "entry x does not balance: it leaves -100 USDT over"
