"""What a paper account may be opened with, in words for those who ask for something else."""

from __future__ import annotations

from application.paper.terms import BPS as BPS
from application.paper.terms import require_valid as require_valid
from application.paper.terms import terms_to_text
from application.ports.paper_accounts import PaperTerms
from domain.money import fits as fits


def differing_terms(there: PaperTerms, asked: PaperTerms) -> str:
    """The terms that differ, in words; empty when they are equal."""
    old, new = terms_to_text(there), terms_to_text(asked)
    return ", ".join(
        f"{name} is {old.get(name, 'off')}, asked for {new.get(name, 'off')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )
