"""A commit whose answer is lost on the way: the log knows, and the writer asks it (safety #2)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from adapters.persistence.database import open_database
from adapters.persistence.event_log import EventStore, open_event_store
from adapters.persistence.seals import SqlSeals
from adapters.persistence.writer import GroupCommitWriter
from tests.adapters.persistence.flights import codes, fly, overlapping
from tests.builders import Allocate, OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together


@pytest.fixture
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


class CuttingProxy:
    """Passes a client's bytes to PostgreSQL; when told, swallows the answer to COMMIT and hangs up.

    The server has committed by then and the client cannot know: safety #2.
    """

    def __init__(self, target: str, directory: Path) -> None:
        self._target, self.path = target, str(directory / ".s.PGSQL.5432")
        self.cut_next_commit = False
        self.cuts = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if answers and self.cut_next_commit and b"COMMIT\0" in data:
                    self.cut_next_commit = False
                    self.cuts += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxied(
    log: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CuttingProxy, EventStore]]:
    """A store whose connections go through the proxy."""
    given = conninfo_to_dict(log.url)
    if not str(given.get("host", "")).startswith("/"):
        pytest.skip("the proxy speaks to a Unix socket")
    directory = tmp_path_factory.mktemp("p")
    proxy = CuttingProxy(f"{given['host']}/.s.PGSQL.{given.get('port') or 5432}", directory)
    url = f"postgresql://{given['user']}@/{given['dbname']}?host={directory}"
    with (
        open_database(url) as db,
        open_event_store(db, clock=log.clock, inline=True) as store,
    ):
        yield proxy, store
    proxy.close()


def test_a_commit_whose_answer_was_lost_is_answered_from_the_log(
    proxied: tuple[CuttingProxy, EventStore],
) -> None:
    """Safety #2, §4 row 2: the money moved once, and whoever asked is told so."""
    proxy, store = proxied
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    proxy.cut_next_commit = True

    outcome = store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))

    assert proxy.cuts == 1
    assert outcome.unwrap() == {"left": "70 USDT"}
    assert outcome.position == store.log.head().id
    assert store.log.load("book:b").version == 3
    assert store.bus.execute(Allocate("b", usdt("30"), "a2"), caller("c2")).unwrap() == {"left": "40 USDT"}


def test_a_batch_whose_answer_was_lost_is_answered_whole(proxied: tuple[CuttingProxy, EventStore]) -> None:
    proxy, store = proxied
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    proxy.cut_next_commit = True

    answers = together(
        store,
        *((Allocate("b", usdt("30"), f"a{i}"), caller(f"c{i}", None if i == 2 else "")) for i in range(5)),
    )

    assert [answer.refusal is None for answer in answers] == [True, True, True, False, False]
    assert store.log.load("book:b").version == 5


def test_a_commit_whose_answer_was_lost_is_sealed_in_its_place(
    log: Engine, proxied: tuple[CuttingProxy, EventStore]
) -> None:
    """The writer has no ids to hand to the sealer: those are read from the log."""
    proxy, store = proxied
    assert isinstance(store.bus, GroupCommitWriter)
    seals = SqlSeals(log.database, store.bus.fresh_leaves())
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    proxy.cut_next_commit = True
    store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1")).unwrap()
    store.bus.execute(Allocate("b", usdt("30"), "a2"), caller("c2")).unwrap()

    while seals.extend(1):
        pass

    assert (proxy.cuts, seals.size()) == (1, 4)
    assert seals.root(4) == seals.recomputed_root(4)


def test_what_was_decided_on_a_commit_whose_answer_was_lost_is_decided_anew(
    proxied: tuple[CuttingProxy, EventStore],
) -> None:
    proxy, store = proxied
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def cut() -> None:
        proxy.cut_next_commit = True

    with overlapping(store) as bus:
        answers = fly(
            bus,
            Allocate("b", usdt("30"), "a"),
            cut,
            Allocate("b", usdt("60"), "x"),
            Allocate("b", usdt("20"), "y"),
        )

    assert proxy.cuts == 1
    assert codes(answers) == ["done", "done", "insufficient_funds"]
    assert store.log.load("book:b").version == 4
