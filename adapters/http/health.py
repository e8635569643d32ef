"""For whatever watches the process: alive, and ready. Open to all, and says nothing about anyone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from adapters.http.access import public
from adapters.http.desk import Desk
from application.services import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """`ready`, or `not_ready` with the parts that failed; why is on the operators' health page."""

    status: str
    checks: Sequence[CheckView]


@get("/healthz", guards=[public], tags=["Health"], summary="The process is alive")
async def healthz() -> Alive:
    return Alive(status="alive")


@get(
    "/readyz",
    guards=[public],
    tags=["Health"],
    summary="The process can serve",
    responses={503: ResponseSpec(Ready, description="Not ready, or `busy`", generate_examples=False)},
)
async def readyz(desk: NamedDependency[Desk]) -> Response[Ready]:
    checks: Sequence[Check] = await desk.read(desk.services.health.ready)
    failed = any(check.status == "failed" for check in checks)
    body = Ready(
        status="not_ready" if failed else "ready",
        checks=[CheckView(name=check.name, status=check.status) for check in checks],
    )
    return Response(body, status_code=503 if failed else 200)
