"""Refusals of transfers."""

from __future__ import annotations

from domain.errors import DomainError


class UnknownTransfer(DomainError, code="unknown_transfer"):
    """No transfer of that id, or not yours."""

    def __init__(self, *, transfer_id: str) -> None:
        super().__init__(f"no transfer {transfer_id}")
        self.transfer_id = transfer_id


class TransferIdReused(DomainError, code="transfer_id_reused"):
    """A transfer of that id was sent before, with other content."""

    def __init__(self, *, transfer_id: str) -> None:
        super().__init__(f"transfer {transfer_id} was sent before, with other content; choose a new id")
        self.transfer_id = transfer_id


class PurseDiffers(DomainError, code="purse_differs"):
    """The two books are of different purses; no entry and no transfer touches two."""

    def __init__(self, *, book_id: str, purse: str, sent_from: str) -> None:
        super().__init__(f"book {book_id} is {purse}, the money comes from a {sent_from} book")
        self.book_id, self.purse, self.sent_from = book_id, purse, sent_from
