"""What outsiders check the log with: signed checkpoints, and proofs that lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from adapters.http.access import principal_of, public, signed_in
from adapters.http.desk import AnyRequest, Desk
from application.liabilities.publications import as_json
from application.ports.event_log import Position
from application.sealing.proofs import (
    Proof,
    UnknownEvent,
    consistency_proof,
    inclusion_proof,
    newest_checkpoint,
)
from application.views.rows import EntryRow

SEES_ALL = frozenset({"auditor", "operator", "admin"})
Since = Annotated[int, QueryParameter(ge=1, le=2**62, description="Size of an earlier checkpoint")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """A signed note (C2SP tlog-checkpoint), and in words what it says. Keep the note."""

    origin: str
    size: int
    root: str  # hexadecimal
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionView:
    """That leaf `index`, the SHA-256 of a zero byte and `stored`, is in the tree under the checkpoint."""

    position: str
    index: int
    stored: str  # the event's exact bytes, as text
    hashes: list[str]  # hexadecimal, from the leaf to the root
    checkpoint: CheckpointView


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyView:
    """That the log of the earlier size is the beginning of what the checkpoint covers."""

    since: int
    hashes: list[str]
    checkpoint: CheckpointView


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilitiesView:
    """What was owed in pooled LIVE books at a signed checkpoint.

    `statement` is the signed note that says all of it, `checkpoint` the log's signed note of that size.
    """

    id: int
    published_at: datetime
    origin: str
    log_size: int
    log_root: str  # hexadecimal
    leaves: int  # padding included; 0 where there was no LIVE book
    root: str  # hexadecimal
    owed: dict[str, str]  # by asset
    due: dict[str, str]  # what owners owed us, by asset; taken off nobody's share
    statement: str
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingView:
    """A subtree beside the way up: whose it is stays hidden, what is owed in it does not."""

    hash: str
    sums: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilityProofView:
    """One's own leaf, its salt, and the siblings up to the published root. Keep it to yourself."""

    format: str
    owner: str
    salt: str  # hexadecimal
    index: int
    balances: dict[str, str]  # by asset
    leaf: str  # hexadecimal
    path: list[SiblingView]
    statement: str
    checkpoint: str


class AuditController(Controller):
    """The sealed log, as it can be proven."""

    path = "/v1/audit"
    tags = ("Audit",)

    @get("/checkpoint", guards=[signed_in], summary="The newest signed checkpoint", refuses=["not_sealed"])
    async def checkpoint(self, desk: NamedDependency[Desk]) -> CheckpointView:
        return CheckpointView(**await desk.read(_newest, desk))

    @get(
        "/inclusion/{position:str}",
        guards=[signed_in],
        summary="Proof that an event is sealed: one's own entries, for auditors and operators any event",
        refuses=["not_sealed", "unknown_event", "invalid_value"],
    )
    async def inclusion(
        self, request: AnyRequest, position: FromPath[str], desk: NamedDependency[Desk]
    ) -> InclusionView:
        principal, at = principal_of(request), Position.parse(position)
        owner_id = None if principal.roles & SEES_ALL else principal.account_id
        proof, stored = await desk.read(_inclusion, desk, at, owner_id)
        return InclusionView(
            position=str(at),
            index=proof.start,
            stored=stored.decode(),
            hashes=[one.hex() for one in proof.hashes],
            checkpoint=_view(proof),
        )

    @get(
        "/consistency",
        guards=[signed_in],
        summary="Proof that an earlier checkpoint's log is the beginning of today's",
        refuses=["not_sealed"],
    )
    async def consistency(self, desk: NamedDependency[Desk], since: Since) -> ConsistencyView:
        proof = await desk.read(consistency_proof, desk.services.seals, since)
        return ConsistencyView(
            since=since, hashes=[one.hex() for one in proof.hashes], checkpoint=_view(proof)
        )

    @get(
        "/liabilities",
        guards=[public],
        summary="What is owed to all owners of LIVE books, as it was last published: root and totals, signed",
        refuses=["liabilities_not_published"],
    )
    async def liabilities(self, desk: NamedDependency[Desk]) -> LiabilitiesView:
        return LiabilitiesView(**as_json(await desk.read(desk.services.liabilities.newest)))

    @get(
        "/liabilities/{publication_id:str}",
        guards=[public],
        summary="An earlier publication, by the size of the log that it is of",
        refuses=["liabilities_not_published"],
    )
    async def published(self, publication_id: FromPath[str], desk: NamedDependency[Desk]) -> LiabilitiesView:
        return LiabilitiesView(**as_json(await desk.read(desk.services.liabilities.find, publication_id)))

    @get(
        "/liabilities/{publication_id:str}/proof",
        guards=[signed_in],
        summary="Proof of what one is owed oneself: for `verify.py --liability`, as it stands",
        refuses=["liabilities_not_published", "no_liability", "liability_salts_unusable", "proof_being_made"],
    )
    async def liability_proof(
        self, request: AnyRequest, publication_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> LiabilityProofView:
        return await desk.read(_liability, desk, publication_id, principal_of(request).account_id)


def _liability(desk: Desk, publication_id: str, owner_id: str) -> LiabilityProofView:
    liabilities = desk.services.liabilities
    told = liabilities.proof(liabilities.find(publication_id), owner_id).as_json()
    return LiabilityProofView(**told | {"path": [SiblingView(**one) for one in told["path"]]})


def _newest(desk: Desk) -> Mapping[str, Any]:
    note, checkpoint = newest_checkpoint(desk.services.seals)
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "note": note,
    }


def _inclusion(desk: Desk, at: Position, owner_id: str | None) -> tuple[Proof, bytes]:
    """Somebody else's event answers as one that is not there."""
    seals, log = desk.services.seals, desk.services.log
    if owner_id is not None:
        entry = desk.services.views.get(EntryRow, at.number)
        if entry is None or entry.owner_id != owner_id:
            raise UnknownEvent(position=at)
    proof = inclusion_proof(seals, log, at)
    return proof, seals.stored(proof.start)


def _view(proof: Proof) -> CheckpointView:
    checkpoint = proof.checkpoint
    return CheckpointView(
        origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root.hex(), note=proof.note
    )
