"""What was published of the liabilities, and each owner's part in it.

The log holds what was signed, nothing else: the tree is built again from it, and shown only where its root is
the one that was published.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from application.liabilities.owed import liabilities_at
from application.ports.event_log import EventLog, Position
from application.ports.salts import Salts, SaltsUnusable
from application.ports.seals import Seals
from application.streams import PLATFORM
from domain.errors import DomainError
from domain.liabilities.statement import Statement
from domain.liabilities.sum_tree import Node, Sums, SumTree, sum_tree
from domain.money import text
from domain.platform.events import LiabilitiesPublished
from domain.sealing.notes import SignedNote

PROOF = "evenkeel/liability-proof@v1"


class LiabilitiesNotPublished(DomainError, code="liabilities_not_published"):
    """Nothing was published, or nothing of that id."""

    def __init__(self, *, id: str) -> None:
        of = f"of id {id}" if id else "so far; an operator does it with `evenkeel liabilities publish`"
        super().__init__(f"no liabilities were published {of}")
        self.id = id


class NoLiability(DomainError, code="no_liability"):
    """The owner has no pooled LIVE book at that point: there is nothing that could be owed to them."""

    def __init__(self, *, id: int) -> None:
        super().__init__(f"at publication {id} you had no LIVE book: nothing could be owed to you")
        self.id = id


class ProofBeingMade(DomainError, code="proof_being_made"):
    """The tree that proofs are taken from is being built; ask again shortly."""

    def __init__(self) -> None:
        super().__init__("the tree that proofs are taken from is being built; ask again shortly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One statement, as it was signed. Its id is the size of the log that it is of."""

    id: int
    published_at_utc: datetime
    checkpoint: str  # the signed note of the log at that size
    note: str  # the signed statement
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilityProof:
    """An owner's leaf with its salt, and the siblings on the way to the published root."""

    publication: Publication
    owner_id: str
    salt: bytes
    index: int
    leaf: Node
    path: Sequence[Node]

    def as_json(self) -> dict[str, Any]:
        """What `verify.py --liability` reads."""
        return {
            "format": PROOF,
            "owner": self.owner_id,
            "salt": self.salt.hex(),
            "index": self.index,
            "balances": told(self.leaf.sums),
            "leaf": self.leaf.hash.hex(),
            "path": [{"hash": node.hash.hex(), "sums": told(node.sums)} for node in self.path],
            "statement": self.publication.note,
            "checkpoint": self.publication.checkpoint,
        }


def told(sums: Sums) -> dict[str, str]:
    return {asset: text(sums[asset]) for asset in sorted(sums)}


@dataclass(slots=True)
class Publications:
    """Reads the log. Building a tree takes as long as folding the log up to it; the last one is kept."""

    log: EventLog
    seals: Seals
    salts: Salts
    patience_s: float = 1.0  # longest wait for a tree that is being built for somebody else
    _built: tuple[int, SumTree] | None = None
    _building: threading.Lock = field(default_factory=threading.Lock)

    def is_empty(self) -> bool:
        """Whether nothing was ever published."""
        published = (recorded.event for recorded in self.log.stream(PLATFORM))
        return not any(isinstance(event, LiabilitiesPublished) for event in published)

    def newest(self) -> Publication:
        """Raises LiabilitiesNotPublished."""
        return self.find("")

    def find(self, id: str) -> Publication:
        """The one of that id, or the newest for ""; raises LiabilitiesNotPublished."""
        for recorded in reversed(self.log.stream(PLATFORM)):
            event = recorded.event
            if isinstance(event, LiabilitiesPublished) and id in ("", str(event.log_size)):
                return _publication(event)
        raise LiabilitiesNotPublished(id=id)

    def proof(self, publication: Publication, owner_id: str) -> LiabilityProof:
        """Raises NoLiability, ProofBeingMade; SaltsUnusable where the tree is not the one published."""
        tree = self._tree(publication)
        index = tree.indices.get(owner_id)
        if index is None:
            raise NoLiability(id=publication.id)
        return LiabilityProof(
            publication=publication,
            owner_id=owner_id,
            salt=self._salt(publication.statement, owner_id),
            index=index,
            leaf=tree.rows[0][index],
            path=tree.path(index),
        )

    def build(self, log_size: int, log_root: bytes) -> tuple[SumTree, Sums]:
        """The tree over what is owed under that checkpoint, and what is due.

        Raises ImpossibleSum, AmountOutOfRange, SaltsUnusable.
        """
        found = liabilities_at(self.log, self._end_of(log_size))
        tree = sum_tree(found.owed, lambda owner_id: self._derived(log_size, log_root, owner_id))
        return tree, found.due

    def _end_of(self, log_size: int) -> Position:
        return self.seals.position_of(log_size - 1)

    def _tree(self, publication: Publication) -> SumTree:
        """Built once, however many ask at once. While it is, nobody waits for long: all reading shares a few
        threads."""
        if not self._building.acquire(timeout=self.patience_s):
            raise ProofBeingMade
        try:
            if self._built is not None and self._built[0] == publication.id:
                return self._built[1]
            statement = publication.statement
            tree, _ = self.build(statement.log_size, statement.log_root)
            if tree.root.hash != statement.root:
                raise SaltsUnusable(
                    problem=f"publication {publication.id} was made with another secret, or of another log: "
                    "its proofs cannot be made here"
                )
            self._built = publication.id, tree
            return tree
        finally:
            self._building.release()

    def _salt(self, statement: Statement, owner_id: str) -> bytes:
        return self._derived(statement.log_size, statement.log_root, owner_id)

    def _derived(self, log_size: int, log_root: bytes, owner_id: str) -> bytes:
        """Of one owner and one publication: who compares two publications finds nobody again."""
        return self.salts.salt(f"{log_size}\n{log_root.hex()}\n{owner_id}")


def _publication(event: LiabilitiesPublished) -> Publication:
    return Publication(
        id=event.log_size,
        published_at_utc=event.published_at_utc,
        checkpoint=event.checkpoint,
        note=event.note,
        statement=Statement.parse(SignedNote.parse(event.note.encode()).text),
    )


def as_json(publication: Publication) -> Mapping[str, Any]:
    """For machines: what was signed, and in words what it says."""
    statement = publication.statement
    return {
        "id": publication.id,
        "published_at": publication.published_at_utc,
        "origin": statement.origin,
        "log_size": statement.log_size,
        "log_root": statement.log_root.hex(),
        "leaves": statement.leaves,
        "root": statement.root.hex(),
        "owed": told(statement.owed),
        "due": told(statement.due),
        "statement": publication.note,
        "checkpoint": publication.checkpoint,
    }
