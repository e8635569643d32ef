"""What outsiders check the log with: signed checkpoints, and proofs that lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk
from application.ports.event_log import Position
from application.sealing.proofs import (
    NotSealedYet,
    Proof,
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
        refuses=["not_sealed", "invalid_value"],
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


def _newest(desk: Desk) -> Mapping[str, Any]:
    note, checkpoint = newest_checkpoint(desk.services.seals)
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "note": note,
    }


def _inclusion(desk: Desk, at: Position, owner_id: str | None) -> tuple[Proof, bytes]:
    """Somebody else's event answers as one that is not there: it is under no checkpoint."""
    seals = desk.services.seals
    if owner_id is not None:
        entry = desk.services.views.get(EntryRow, at.number)
        if entry is None or entry.owner_id != owner_id:
            raise NotSealedYet(what=f"position {at}")
    proof = inclusion_proof(seals, at)
    return proof, seals.stored(proof.start)


def _view(proof: Proof) -> CheckpointView:
    checkpoint = proof.checkpoint
    return CheckpointView(
        origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root.hex(), note=proof.note
    )
