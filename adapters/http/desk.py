"""What every handler works with: the services, threads for what blocks, and commands with their answers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ParamSpec, TypeVar

from litestar import Request, Response
from pydantic import BaseModel

from adapters.http.access import Seen, principal_of
from adapters.http.options import HttpOptions
from adapters.http.problems import Problem, problem_response, request_id_of
from adapters.http.sign_in_limits import SignInLimits
from adapters.http.stream_hub import StreamHub
from adapters.http.together import Together
from adapters.http.workers import Busy, Workers
from application.kill_switch.engaged import EngagedSwitches
from application.ports.commands import Caller, Command, Outcome, StillRunning, fingerprint
from application.ports.event_log import Position, StoreUnavailable
from application.ports.exchange import VenueOutcomeUnknown
from application.queries.asset_codes import shown_refusal
from application.queries.bot_warnings import BotWarnings
from application.queries.moments import Moment, parse_moment
from application.rehearsal import rehearse
from application.services import Services

_log = logging.getLogger("evenkeel.http.transfers")
P = ParamSpec("P")
R = TypeVar("R")
AnyRequest = Request[Any, Any, Any]

_OUTAGES = (Busy, StoreUnavailable, VenueOutcomeUnknown)
"""Failures that say nothing about what was asked for."""

VENUE_THREADS = 4
"""That may wait for venues at a time."""

MOST_RECONCILIATIONS = 8
"""That wait while one is under way."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

_HOW_TO_KEY = (
    "with a new UUID for each new request, and the same one when you repeat a request because its answer "
    "was lost"
)


class Desk:
    """Holds no state of the platform's: threads, limits of sign-ins, open streams, who was here just now."""

    def __init__(self, services: Services, options: HttpOptions) -> None:
        self.services, self.options = services, options
        self.readers = Workers("evenkeel-read", threads=options.read_threads, backlog=options.read_backlog)
        self.passwords = Workers(
            "evenkeel-password", threads=options.password_threads, backlog=options.password_backlog
        )
        self.sign_in_limits = SignInLimits(
            per_address=options.sign_in_failures, per_account=options.account_sign_in_failures
        )
        self.seen = Seen()
        self.warnings = BotWarnings(services.candles, services.live_sources)
        self.kill_switches = EngagedSwitches(services.log)
        self.streams = StreamHub(services.log, self.readers, options)
        self._venue = Workers("evenkeel-venue", threads=1, backlog=options.read_backlog)
        self._venue_follows = Together(self._make_venue_follow, outages=_OUTAGES)
        self._venue_keys = Workers(
            "evenkeel-venue-keys", threads=VENUE_THREADS, backlog=options.password_backlog
        )
        self._reconciler = Workers("evenkeel-reconcile", threads=1, backlog=MOST_RECONCILIATIONS)

    async def aclose(self) -> None:
        """End the streams, then the threads; work that has begun is finished."""
        await self.streams.aclose()
        await asyncio.to_thread(self.readers.close)
        await asyncio.to_thread(self._venue.close)
        await asyncio.to_thread(self._venue_keys.close)
        await asyncio.to_thread(self._reconciler.close)
        await asyncio.to_thread(self.passwords.close)

    async def read(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """A blocking read, off the loop."""
        return await self.readers.run(work, *args, **kwargs)

    async def venue_keys(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What asks a venue about a key or an account. A client that goes away does not end it."""
        return await asyncio.shield(self._venue_keys.run(work, *args, **kwargs))

    async def venue_follows(self, book_id: str) -> None:
        """Have the paper venue stand where the book stands; books that ask meanwhile share its commit."""
        await self._venue_follows.do(book_id)

    async def _make_venue_follow(self, book_ids: list[str]) -> None:
        await self._venue.run(self.services.paper_accounts.make_venue_follow, *book_ids)  # no read in front

    async def reconcile(self, run_id: str, caller: Caller) -> Outcome:
        """Hold the books against the venue, one after the other. A client that goes away does not end it."""
        services = self.services
        run = partial(services.reconcile, services.venue_statements, run_id=run_id, caller=caller)
        return await self.answered(asyncio.shield(self._reconciler.run(run)), caller)

    async def carried(self, transfer_id: str) -> None:
        """Bring a transfer to its end now; what prevents that is no error: the outbox keeps it for later."""
        try:
            await self._venue.run(self.services.transfers.carry, transfer_id)
        except Exception as problem:  # noqa: BLE001 - sent it is, and says so
            _log.warning("transfer %s is carried later: %s", transfer_id, problem)

    async def moment(self, at: str | None, owner_id: str | None) -> Moment | None:
        """`at` of a query about one owner, or about all (None); None is now.

        InvalidValue, also for what has not happened yet.
        """
        if at is None:
            return None
        log = self.services.log if owner_id is None else self.services.log.of(owner_id)
        return await self.read(parse_moment, at, log, clock=self.services.clock)

    async def fresh(self, min_position: str | None) -> None:
        """Wait until the read models have folded the log that far, at most `fresh_wait_s`; then 503."""
        if min_position is None:
            return
        position = Position.parse(min_position, "min_position")
        wait = self.options.fresh_wait_s
        if not await self.read(self.services.views.wait_for, position.number, timeout_s=wait):
            raise Problem("read_models_behind", f"the lists have not reached {position} yet; ask again")

    async def submit(self, command: Command, caller: Caller) -> Outcome:
        """Run a command on the bus. A client that goes away does not cancel it, nor does StillRunning."""
        future = asyncio.wrap_future(self.services.bus.submit(command, caller))
        return await self.answered(asyncio.shield(future), caller)

    async def carry_out(
        self,
        command: Command,
        caller: Caller,
        *,
        body: Callable[[Mapping[str, Any]], Any],
        headers: Callable[[Mapping[str, Any]], Mapping[str, str]],
        dry_run: bool,
    ) -> Response[Any]:
        """The answer to a command that makes something (201), or to a dry run of it (200).

        A dry run's refusal is raised: it is the request's, there is no command.
        """
        if dry_run:
            services = self.services
            told = await self.read(rehearse, services.log, services.clock, command)
            return Response(body(told), status_code=200)
        return answer(await self.submit(command, caller), caller, status=201, body=body, headers=headers)

    async def answered(self, waiting: Awaitable[Outcome], caller: Caller) -> Outcome:
        """The outcome of a command that goes on by itself; StillRunning after `command_wait_s`."""
        limit = asyncio.timeout(self.options.command_wait_s)
        try:
            async with limit:
                return await waiting
        except TimeoutError:
            if not limit.expired():
                raise
            raise StillRunning(command_id=caller.command_id) from None

    def caller(
        self, request: AnyRequest, data: BaseModel | None, raw_key: str | None, *, dry_run: bool = False
    ) -> Caller:
        """Who asks, under the request's idempotency key (safety §1): scope is account and route. A dry run
        takes none; where one is given, what is derived from it is as it will be."""
        principal = principal_of(request)
        key = request_id_of(request) if dry_run and not raw_key else require_key(raw_key)
        body = {} if data is None else data.model_dump(mode="json")
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return Caller(
            actor=principal.account_id,
            command_id=key,
            correlation_id=request_id_of(request),
            scope=f"{principal.account_id}:{request.method} {request.scope['path_template']}",
            fingerprint=fingerprint(canonical, request.url.path),
        )


def require_key(raw_key: str | None) -> str:
    """The Idempotency-Key header, a UUID; Problem 400 without one, or for something else."""
    key = (raw_key or "").strip()
    if not key:
        raise Problem("idempotency_key_missing", f"send an Idempotency-Key header {_HOW_TO_KEY}")
    if not _UUID.fullmatch(key):
        raise Problem("idempotency_key_invalid", f"the Idempotency-Key is no UUID; send one {_HOW_TO_KEY}")
    return key.lower()


def answer(
    outcome: Outcome,
    caller: Caller,
    *,
    status: int = 200,
    body: Callable[[Mapping[str, Any]], Any] = dict,
    headers: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None,
) -> Response[Any]:
    """A command's answer, made of its outcome alone: so a replay has the same status and body.

    A refusal names the command as its instance, not the request, for the same reason. Its money has paper
    codes, unless it says whose it is.
    """
    sent: dict[str, str] = {}
    if outcome.position:
        sent["Evenkeel-Position"] = str(Position.of(outcome.position))
    if outcome.replayed:
        sent["Idempotent-Replayed"] = "true"
    if outcome.refusal is not None:
        refusal = outcome.refusal
        words, data = shown_refusal(refusal.code, str(refusal), refusal.data)
        return problem_response(
            refusal.code,
            words,
            instance=f"urn:evenkeel:command:{caller.command_id}",
            data=data,
            headers=sent,
        )
    result = outcome.result or {}
    if headers is not None:
        sent.update(headers(result))
    return Response(body(result), status_code=status, headers=sent)
