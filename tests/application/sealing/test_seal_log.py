"""Sealing as it runs: real databases, a real key, a real file outside; and every way to be contradicted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.checkpoints.push_sink import CheckpointPush
from adapters.persistence.seals import SqlSeals
from adapters.secrets.signing_key import FileSigner, create_key, verify
from application.ports.seals import CheckpointSink, SinkUnavailable
from application.sealing.check_log import CheckLog
from application.sealing.errors import LogContradictsCheckpoint
from application.sealing.lag import SealLag
from application.sealing.seal_log import SealLog, parsed
from domain.sealing.notes import Checkpoint, SignedNote, UnsignedNote, signed
from tests.builders import OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together
from tests.loopback import free_port, taking

ORIGIN = "evenkeel.example/log"


@dataclass
class Sealing:
    """A log, its key, and the file that its checkpoints go to."""

    log: Engine
    directory: Path
    sinks: list[CheckpointSink] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.log.open()
        self.seals = SqlSeals(self.log.database)
        create_key(self.directory / "log.key", ORIGIN)
        self.signer = FileSigner(self.directory / "log.key")
        self.file = CheckpointFile(self.directory / "outside" / "checkpoints")
        self.sinks.append(self.file)
        self.seal = SealLog(self.seals, self.signer, self.sinks, ORIGIN)
        self.check = CheckLog(self.seals, self.signer.key, self.sinks, verify)

    def append(self, *names: str) -> None:
        """Two events each."""
        together(self.store, *((OpenBook(name, usdt("1")), caller(f"open-{name}")) for name in names))

    def outside(self) -> Checkpoint:
        note = SignedNote.parse((self.file.newest() or "").encode())
        note.require_signature(self.signer.key, verify)
        return Checkpoint.parse(note.text)


@pytest.fixture(params=["sqlite", "postgres"])
def sealing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sealing]:
    with engine(request.param, request, tmp_path) as log:
        yield Sealing(log, tmp_path / "keys")


def test_a_log_without_events_has_no_checkpoint(sealing: Sealing) -> None:
    assert sealing.seal() is None
    assert sealing.file.newest() is None
    sealing.check()


def test_what_was_appended_is_signed_and_leaves_the_database(sealing: Sealing) -> None:
    sealing.append("a", "b")

    made = sealing.seal()

    assert made == Checkpoint(ORIGIN, 4, sealing.seals.root(4)) == sealing.outside()
    sealing.check()


def test_without_news_nothing_is_signed(sealing: Sealing) -> None:
    sealing.append("a")
    first, again = sealing.seal(), sealing.seal()

    assert first == again
    assert len(sealing.seals.notes()) == 1


def test_each_checkpoint_continues_the_one_before(sealing: Sealing) -> None:
    for name in "abc":
        sealing.append(name)
        sealing.seal()

    assert [parsed(note).size for note in sealing.seals.notes()] == [2, 4, 6]
    assert sealing.outside().size == 6


def test_two_that_seal_at_once_sign_one_checkpoint_a_size(sealing: Sealing) -> None:
    other = SealLog(SqlSeals(sealing.log.database), sealing.signer, [], ORIGIN)
    for name in "abc":
        sealing.append(name)
        other()
        sealing.seal()

    assert [parsed(note).size for note in sealing.seals.notes()] == [2, 4, 6]


class Broken(CheckpointSink):
    """A place that cannot be reached until it is mended."""

    name = "elsewhere"

    def __init__(self) -> None:
        self.got: list[str] = []
        self.is_broken = True

    def publish(self, note: str) -> None:
        if self.is_broken:
            raise SinkUnavailable("no route")
        self.got.append(note)

    def newest(self) -> str | None:
        if self.is_broken:
            raise SinkUnavailable("no route")
        return self.got[-1] if self.got else None

    def close(self, timeout_s: float) -> None: ...


def test_a_place_that_could_not_be_reached_gets_the_newest_later(sealing: Sealing) -> None:
    broken = Broken()
    sealing.sinks.append(broken)
    sealing.append("a")
    sealing.seal()
    assert sealing.seal.behind == {"elsewhere": "no route"}
    assert sealing.outside().size == 2, "the others have it"

    broken.is_broken = False
    sealing.seal()

    assert [parsed(note).size for note in broken.got] == [2]
    assert sealing.seal.behind == {}


def test_an_address_that_was_away_gets_the_newest_and_is_behind_no_more(sealing: Sealing) -> None:
    """Nobody waits for it: what went wrong is told at the next round, and so is that it is well again."""
    port = free_port()
    push = CheckpointPush(f"http://127.0.0.1:{port}/", first_pause_s=0.01, longest_pause_s=0.02)
    sealing.sinks.append(push)
    sealing.append("a")
    rounds_until(sealing, lambda: push.name in sealing.seal.behind)
    sealing.append("b")
    assert sealing.seal() == sealing.outside(), "the file has it all the same"

    with taking(port=port) as taker:
        came = taker.next()
        rounds_until(sealing, lambda: not sealing.seal.behind)
        sealing.seal.close(10)

    assert parsed(came.body) == sealing.outside()


def rounds_until(sealing: Sealing, condition: Callable[[], bool]) -> None:
    limit = monotonic() + 20
    while not condition():
        assert monotonic() < limit
        sealing.seal()


def test_at_the_close_it_is_said_what_has_not_arrived_where(sealing: Sealing) -> None:
    sealing.sinks.append(CheckpointPush(f"http://127.0.0.1:{free_port()}/"))
    sealing.append("a")
    sealing.seal()

    sealing.seal.close(10)

    assert list(sealing.seal.behind) == [sealing.sinks[1].name]


class Far(Broken):
    """Tells when it is asked to close, and how long that may take."""

    def __init__(self, name: str, asked: list[tuple[str, float]]) -> None:
        super().__init__()
        self.name, self.asked = name, asked

    def close(self, timeout_s: float) -> None:
        self.asked.append((self.name, timeout_s))


def test_at_the_close_all_make_their_last_attempt_at_once(sealing: Sealing) -> None:
    """Waited for one after the other, a few that hang would keep a process from its end."""
    asked: list[tuple[str, float]] = []
    sealing.sinks += [Far("a", asked), Far("b", asked)]

    sealing.seal.close(10)

    assert asked == [("a", 0), ("b", 0), ("a", 10), ("b", 10)]


def test_a_place_that_cannot_be_asked_keeps_the_log_shut(sealing: Sealing) -> None:
    sealing.sinks.append(Broken())
    with pytest.raises(SinkUnavailable):
        sealing.check()


# -- what a log is contradicted by ---------------------------------------------------------------------------


def test_a_cut_tail_is_found_at_start(sealing: Sealing) -> None:
    """Safety §4 row 18, the seals cut with it."""
    sealing.append("a", "b", "c")
    sealing.seal()
    sealing.log.tamper(
        "DELETE FROM stored_events WHERE notification_id > 4",
        "DELETE FROM seal_tiles",
        "DELETE FROM seal_ids",
        "UPDATE seal_state SET size = 0, last_id = 0",
    )

    with pytest.raises(LogContradictsCheckpoint, match="covers 6 events, there are 4: the end of the log"):
        sealing.check()


def test_a_changed_event_is_found_at_start_when_it_is_sealed_again(sealing: Sealing) -> None:
    sealing.append("a", "b")
    sealing.seal()
    sealing.log.tamper(
        "UPDATE stored_events SET state = :state WHERE notification_id = 2",
        "DELETE FROM seal_tiles",
        "DELETE FROM seal_ids",
        "UPDATE seal_state SET size = 0, last_id = 0",
        state=b'{"something":"else"}',
    )

    with pytest.raises(LogContradictsCheckpoint, match="over the first 4 events"):
        sealing.check()


def test_nothing_is_signed_that_contradicts_the_last_checkpoint(sealing: Sealing) -> None:
    """Whoever has the database changes a sealed tree: the key signs no second history."""
    sealing.append("a")
    sealing.seal()
    sealing.log.tamper("UPDATE seal_tiles SET hashes = :hashes", hashes=bytes(64))
    sealing.append("b")

    with pytest.raises(LogContradictsCheckpoint):
        sealing.seal()
    assert [parsed(note).size for note in sealing.seals.notes()] == [2]


def test_yesterdays_backup_is_found_at_start(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Safety §4 row 19: database, seals and checkpoints, all of yesterday; the file outside is of today."""
    with engine("sqlite", request, tmp_path) as log:
        sealing = Sealing(log, tmp_path / "keys")
        sealing.append("a")
        sealing.seal()
        log.database.checkpoint()
        shutil.copy(tmp_path / "log.db", tmp_path / "yesterday.db")
        sealing.append("b")
        sealing.seal()
    (tmp_path / "log.db-wal").unlink(missing_ok=True)
    shutil.copy(tmp_path / "yesterday.db", tmp_path / "log.db")
    restored = Engine("sqlite", f"sqlite:///{tmp_path / 'log.db'}", log.clock, log._opened)

    check = CheckLog(SqlSeals(restored.database), sealing.signer.key, sealing.sinks, verify)
    with pytest.raises(LogContradictsCheckpoint, match="covers 4 events, there are 2"):
        check()


def test_a_checkpoint_that_is_not_of_our_key_is_not_believed(sealing: Sealing, tmp_path: Path) -> None:
    create_key(tmp_path / "other.key", ORIGIN)
    other = FileSigner(tmp_path / "other.key")
    sealing.file.publish(str(signed(Checkpoint(ORIGIN, 1, bytes(32)).text, (other.key, other.sign))))

    with pytest.raises(UnsignedNote):
        sealing.check()


def test_what_is_no_note_is_not_believed(sealing: Sealing) -> None:
    sealing.file.publish("garbage\n")
    with pytest.raises(SinkUnavailable, match="no checkpoint"):
        sealing.check()


def test_a_log_rewritten_whole_is_found_by_a_deep_check(sealing: Sealing) -> None:
    """Safety §6.4: every chain of the new bytes holds, and the kept tree is the old one's."""
    sealing.append("a", "b")
    sealing.seal()
    sealing.log.tamper("UPDATE stored_events SET state = :state WHERE notification_id = 2", state=b"{}")

    sealing.check()  # believes the kept tree
    with pytest.raises(LogContradictsCheckpoint, match="over the first 4 events"):
        CheckLog(sealing.seals, sealing.signer.key, sealing.sinks, verify, deep=True)()


def test_nothing_is_signed_that_contradicts_what_left_alone(sealing: Sealing, tmp_path: Path) -> None:
    """The database and its checkpoints are set back while the sealer runs, or before it comes up."""
    sealing.append("a", "b")
    sealing.seal()
    sealing.log.tamper(
        "DELETE FROM stored_events WHERE notification_id > 2",
        "DELETE FROM seal_tiles",
        "DELETE FROM seal_ids",
        "DELETE FROM checkpoints",
        "UPDATE seal_state SET size = 0, last_id = 0",
    )
    before = sealing.file.newest()

    for again in (sealing.seal, SealLog(sealing.seals, sealing.signer, sealing.sinks, ORIGIN)):
        with pytest.raises(LogContradictsCheckpoint):
            again()
    sealing.sinks.clear()
    with pytest.raises(LogContradictsCheckpoint, match="this process"):
        sealing.seal()
    assert (sealing.file.newest(), sealing.seals.newest()) == (before, None)


def test_every_process_sees_how_far_the_seal_is_behind(sealing: Sealing) -> None:
    lag = SealLag(sealing.seals, sealing.store.log, sealing.log.clock)
    assert lag() == (0, 0.0)
    sealing.append("a")
    start = sealing.log.clock.now()
    sealing.log.clock.move_to(start + timedelta(seconds=40))
    assert lag() == (0, 40.0), "there is no checkpoint yet"

    sealing.seal()
    assert lag() == (2, 0.0)
    sealing.append("b")
    sealing.log.clock.move_to(start + timedelta(seconds=45))
    assert lag() == (2, 5.0)
    sealing.seals.extend(10)  # sealed, and not signed
    assert lag() == (2, 5.0)


def test_a_file_that_came_later_gets_the_newest_without_news(sealing: Sealing, tmp_path: Path) -> None:
    sealing.append("a")
    sealing.seal()
    sealing.sinks.append(CheckpointFile(tmp_path / "late" / "checkpoints"))

    sealing.seal()

    assert sealing.sinks[1].newest() == sealing.file.newest()
