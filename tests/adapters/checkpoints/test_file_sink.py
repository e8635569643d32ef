"""The file that checkpoints are appended to."""

from __future__ import annotations

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


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="file"):
        CheckpointFile(tmp_path / "file" / "checkpoints").publish(NOTES[0])
    with pytest.raises(SinkUnavailable):
        CheckpointFile(tmp_path).newest()
