"""Seeds that failed once."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parent / "corpus.txt"


def corpus() -> list[int]:
    """In the file's order: a number, then a word on what it found; `#` begins a remark."""
    lines = (line.partition("#")[0].split() for line in FILE.read_text(encoding="utf-8").splitlines())
    return [int(words[0]) for words in lines if words]
