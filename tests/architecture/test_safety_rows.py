"""Every row of the safety catalogue that the ledger answers for has a test that says so.

A test cites a row in its docstring or its module's: "Safety #13-#16" (a row of §3), "safety §3.40",
"Safety §4 rows 18 and 19". The numbers are those of the catalogue that the project was begun with.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

Row = tuple[int, int]
"""Section, row: (3, 1) is money posted twice because somebody asked twice."""

LEDGER: tuple[Row, ...] = (
    *((3, row) for row in (1, 2, 5, *range(13, 19), *range(32, 42), 44, 45)),
    *((4, row) for row in (5, 13, 14, *range(17, 23), 26)),
)

WAITING: dict[Row, str] = {}
"""Rows whose test is still to come, and with what. Whoever brings it takes the row out of here."""

_CITED = re.compile(r"safety((?:[\s,;(]|and|rows?|to|§|#|\d|\.(?=\d)|[-–])+)", re.IGNORECASE)
_WORD = re.compile(r"§\s?(\d)(?:\.(\d+))?|(#)?(\d+)|(-|–|to)")


def rows_in(text: str) -> set[Row]:
    """The rows that a docstring cites."""
    return {row for tail in _CITED.findall(text) for row in _rows_of(tail)}


def _rows_of(tail: str) -> Iterator[Row]:
    section, last, is_range = 0, 0, False
    for in_section, row_of_it, hash_sign, number, dash in _WORD.findall(tail):
        if dash:
            is_range = True
            continue
        if in_section:
            section = int(in_section)
        if hash_sign:
            section = 3
        if row := int(row_of_it or number or 0):
            yield from ((section, between) for between in range(last + 1 if is_range else row, row + 1))
            last, is_range = row, False


def cited_by(file: Path) -> set[Row]:
    """What the tests of one module cite. Comments and helpers don't count."""
    tree = ast.parse(file.read_text())
    tests = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
    return {row for node in (tree, *tests) for row in rows_in(ast.get_docstring(node) or "")}


@pytest.fixture(scope="module")
def cited() -> set[Row]:
    files = [file for file in ROOT.joinpath("tests").rglob("test_*.py") if file != Path(__file__)]
    return {row for file in files for row in cited_by(file)}


@pytest.mark.parametrize("row", LEDGER, ids=lambda row: "§{}.{}".format(*row))
def test_a_row_about_the_ledger_is_cited_by_a_test(row: Row, cited: set[Row]) -> None:
    assert (row in cited) != (row in WAITING), WAITING.get(row, "no test cites it")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Safety #44. No candle is waited for.", {(3, 44)}),
        ("It is asked about again (safety #3, #6, #7, #44).", {(3, 3), (3, 6), (3, 7), (3, 44)}),
        ("Safety §3.13: what cutting leaves.", {(3, 13)}),
        ("Safety #13-#16: whatever the filters.", {(3, 13), (3, 14), (3, 15), (3, 16)}),
        ("Safety §4 row 22: 2 × 60 requests for 1.", {(4, 22)}),
        ("Safety §4 rows 18 and 19: an older copy.", {(4, 18), (4, 19)}),
        ("(safety §4 rows 1-3, §3 #20)", {(4, 1), (4, 2), (4, 3), (3, 20)}),
        ("Safety #2, §4 row 2: the money moved once.", {(3, 2), (4, 2)}),
        ("Safety §4, the SQLite note: 3 retries.", set()),
        ("Safety §6.4 and nothing else; 14 rows.", {(6, 4)}),
        ("(safety O3, O5)", set()),
        ("Row 14 is not a citation, nor is #15.", set()),
    ],
)
def test_citations_are_read_as_people_write_them(text: str, rows: set[Row]) -> None:
    assert rows_in(text) == rows
