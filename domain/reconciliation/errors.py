"""Refusals of reconciliation."""

from __future__ import annotations

from domain.errors import DomainError


class UnknownCase(DomainError, code="unknown_case"):
    """No case of that id."""

    def __init__(self, *, case_id: str) -> None:
        super().__init__(f"no case {case_id}")
        self.case_id = case_id


class CaseNotOpen(DomainError, code="case_not_open"):
    """The case was closed: by a comparison that found no break any more, or by an operator."""

    def __init__(self, *, case_id: str) -> None:
        super().__init__(f"case {case_id} is closed")
        self.case_id = case_id


class NothingToPost(DomainError, code="nothing_to_post"):
    """The case is about our own books alone: no entry against custody explains it."""

    def __init__(self, *, case_id: str) -> None:
        super().__init__(f"case {case_id} is no difference with a venue account; see what it suggests")
        self.case_id = case_id


class BookNotNamed(DomainError, code="book_not_named"):
    """Several books share the venue account, and the case does not say which of them it concerns."""

    def __init__(self, *, case_id: str) -> None:
        super().__init__(f"book: case {case_id} may concern several books; name the one to post in")
        self.case_id = case_id
