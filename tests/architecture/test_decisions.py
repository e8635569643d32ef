"""Every decision record has the parts that a reader looks for, and its promises point at something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PARTS = ("Context.", "Decision.", "Consequences.", "Alternatives.", "Revisit when")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_is_complete(record: Path) -> None:
    text = record.read_text()
    number = int(record.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.match(r"(Accepted|Proposed|Superseded) ", text.splitlines()[1])
    assert [part for part in PARTS if f"**{part}" not in text] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_the_tests_that_a_record_names_exist(record: Path) -> None:
    named = re.findall(r"\btests/[\w/]+(?:\.py)?", record.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_number_is_used_twice() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert len(numbers) == len(set(numbers))
