"""What every place that checkpoints go to promises; over HTTP on real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.checkpoints.push_sink import CheckpointPush
from application.ports.seals import CheckpointSink, SinkUnavailable
from tests.loopback import free_port, taking

NOTES = [f"log\n{n}\nroot\n\n— log AAAAAQI=\n" for n in range(4)]
SOON_S = 10.0


@dataclass
class Bench:
    """A kind of sink, and what can be seen at its other end."""

    open: Callable[[], CheckpointSink]
    newest_there: Callable[[], str]  # waits until something came


@contextmanager
def file(folder: Path) -> Iterator[Bench]:
    path = folder / "checkpoints"
    yield Bench(lambda: CheckpointFile(path), lambda: path.read_text().split("\f\n")[-2])


@contextmanager
def push(_: Path) -> Iterator[Bench]:
    with taking() as taker:
        yield Bench(lambda: CheckpointPush(taker.url), lambda: taker.next().body)


@pytest.fixture(params=[file, push], ids=lambda kind: kind.__name__)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    kind: Callable[[Path], AbstractContextManager[Bench]] = request.param
    with kind(tmp_path) as opened:
        yield opened


def test_what_was_published_has_arrived_at_the_close(bench: Bench) -> None:
    sink = bench.open()
    assert sink.newest() is None

    sink.publish(NOTES[0])
    sink.close(SOON_S)

    assert bench.newest_there() == sink.newest() == NOTES[0]


def test_the_newest_arrives_last(bench: Bench) -> None:
    sink = bench.open()
    for note in NOTES:
        sink.publish(note)
    sink.close(SOON_S)

    assert sink.newest() == NOTES[-1]
    while bench.newest_there() != NOTES[-1]:  # of those before it some, or none
        pass


def test_the_same_note_again_is_harmless(bench: Bench) -> None:
    for _ in range(2):
        sink = bench.open()
        for _ in range(3):
            sink.publish(NOTES[0])
        sink.close(SOON_S)
        assert sink.newest() == NOTES[0]
        assert bench.newest_there() == NOTES[0]


def test_a_sink_that_was_never_used_is_closed_at_once(bench: Bench) -> None:
    bench.open().close(0.0)


def test_a_sink_has_a_name_to_tell_it_by(bench: Bench) -> None:
    assert bench.open().name == bench.open().name != ""


def arrive(sink: CheckpointSink) -> None:
    sink.publish(NOTES[0])
    sink.close(SOON_S)


@pytest.mark.parametrize("kind", ["file", "push"])
def test_what_does_not_arrive_is_said_at_the_close_at_the_latest(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    sinks: dict[str, Callable[[], CheckpointSink]] = {
        "file": lambda: CheckpointFile(tmp_path / "file" / "checkpoints"),
        "push": lambda: CheckpointPush(f"http://127.0.0.1:{free_port()}/"),
    }
    sink = sinks[kind]()

    with pytest.raises(SinkUnavailable, match=r"refused|File exists"):
        arrive(sink)
