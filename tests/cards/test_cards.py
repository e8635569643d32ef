"""Every card at every adapter of the exchange port. A skip says what the venue, or its bench, lacks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import stamina

from tests.cards.benches import EXAMINED
from tests.cards.card import Card
from tests.cards.deck import DECK, GROUPS
from tests.cards.runner import agrees, run


@pytest.mark.parametrize("card", DECK, ids=lambda card: card.id)
@pytest.mark.parametrize("venue", EXAMINED)
def test_card(venue: str, card: Card, tmp_path: Path) -> None:
    with stamina.set_testing(True, attempts=3), EXAMINED[venue](tmp_path) as bench:
        result = run(card, bench)

    if result.outcome == "skip":
        pytest.skip(f"{venue}: {result.why}")
    assert result.outcome == "pass", result.why


def test_every_card_has_an_id_of_its_own_and_every_group_has_cards() -> None:
    assert max(Counter(card.id for card in DECK).values()) == 1
    assert {card.group for card in DECK} == set(GROUPS)


@pytest.mark.parametrize(
    ("pattern", "line", "is_so"),
    [
        ("o-1 open", "o-1 open", True),
        ("o-1 open", "o-1 open 0.4", False),
        ("o-1 open|filled *", "o-1 filled 1", True),
        ("o-1 open|filled *", "o-1 canceled 1", False),
        ("open:", "open:", True),
        ("open:", "open: o-1", False),
    ],
)
def test_a_line_agrees_word_by_word(pattern: str, line: str, is_so: bool) -> None:
    assert agrees(pattern, line) is is_so
