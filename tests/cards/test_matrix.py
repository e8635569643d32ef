"""docs/venues.md says what the code promises and what the exam shows."""

from __future__ import annotations

from tests.cards.benches import EXAMINED
from tests.cards.deck import DECK
from tests.cards.matrix import DOCUMENT, document, presumed
from tests.cards.runner import Result


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text() == document(presumed()), "run `make venues` and commit docs/venues.md"


def test_a_card_that_fails_stands_in_the_page() -> None:
    results = presumed()
    results["paper"] = [Result(DECK[0], "FAIL", "it said nothing"), *results["paper"][1:]]

    assert "**FAILS**: it said nothing" in document(results)


def test_every_adapter_has_a_column() -> None:
    head = next(line for line in DOCUMENT.read_text().splitlines() if line.startswith("| card |"))

    assert head == f"| card |  | {' | '.join(EXAMINED)} |"
