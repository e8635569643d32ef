"""The file that checkpoints are appended to."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from adapters.checkpoints.file_sink import CheckpointFile
from application.ports.seals import SinkUnavailable

NOTES = [f"log\n{n}\nroot\n\n— log AAAAAQI=\n" for n in range(3)]


def test_the_last_note_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "checkpoints"
    assert CheckpointFile(path).newest() is None

    for note in NOTES:
        CheckpointFile(path).publish(note)

    assert CheckpointFile(path).newest() == NOTES[-1]
    assert path.read_text().split("\f\n") == [*NOTES, ""]


def test_the_same_note_again_is_harmless(tmp_path: Path) -> None:
    sink = CheckpointFile(tmp_path / "checkpoints")
    for _ in range(3):
        sink.publish(NOTES[0])
    assert (tmp_path / "checkpoints").read_text() == NOTES[0] + "\f\n"


@pytest.mark.parametrize("cut", range(1, len(NOTES[1].encode()) + 2))
def test_a_note_that_a_crash_cut_off_does_not_count(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "checkpoints"
    CheckpointFile(path).publish(NOTES[0])
    whole = len(path.read_bytes())
    CheckpointFile(path).publish(NOTES[1])
    os.truncate(path, whole + len(NOTES[1].encode()) + 2 - cut)

    assert CheckpointFile(path).newest() == NOTES[0]
    CheckpointFile(path).publish(NOTES[2])
    assert CheckpointFile(path).newest() == NOTES[2]


def note(size: int) -> str:
    root = base64.b64encode(size.to_bytes(32)).decode()
    return f"log\n{size}\n{root}\n\n— log AAAAAQI=\n"


@pytest.mark.parametrize("part", [1, 7, 64, 65_536])
def test_the_newest_that_covers_no_more_than_so_many_events_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr("adapters.checkpoints.file_sink._TAIL", part)
    path = tmp_path / "checkpoints"
    sink = CheckpointFile(path)
    assert sink.newest_within(9) is None
    for size in (3, 5, 8):
        sink.publish(note(size))
    path.write_bytes(path.read_bytes() + b"garbage\xff\f\n" + note(6).encode())  # and one that was cut off

    found = {size: sink.newest_within(size) for size in (2, 3, 4, 7, 8, 100)}

    assert found == {2: None, 3: note(3), 4: note(3), 7: note(5), 8: note(8), 100: note(8)}
    with pytest.raises(SinkUnavailable):
        CheckpointFile(tmp_path).newest_within(1)


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="file"):
        CheckpointFile(tmp_path / "file" / "checkpoints").publish(NOTES[0])
    with pytest.raises(SinkUnavailable):
        CheckpointFile(tmp_path).newest()
