"""One's own accounts at venues. Their keys go in and never come out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field, SecretStr

from adapters.http.access import principal_of, security_log, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Edge, IdempotencyKey, MinPosition, PageOf, Reason, checked
from adapters.http.preconditions import etag
from application.ports.commands import Caller, Outcome, fingerprint
from application.ports.vault import Credentials
from application.queries.reconciliations import DifferenceView, differences
from application.venue_accounts.commands import CloseVenueAccount, ConnectVenueAccount, RevokeVenueKey
from application.venue_accounts.shown import (
    VenueAccountAnswer,
    VenueAccountView,
    venue_account,
    venue_account_from_answer,
    venue_accounts_of,
)
from domain.venue_accounts.venue_account import parse_name, parse_venue

_TAKING = (
    "invalid_value",
    "venue_account_closed",
    "venue_key_rejected",
    "venue_key_may_withdraw",
    "venue_key_rights_unknown",
    "venue_key_cannot_read",
    "venue_key_in_use",
    "venue_key_of_another_account",
    "venue_key_present",
    "no_venue_key",
    "venue_not_supported",
    "venue_not_reachable",
    "vault_unusable",
    "book_not_open",
)


class NewVenueAccount(Edge):
    """An account of one's own at a venue, without a key yet. Its name stands in the log for ever."""

    venue: Annotated[str, checked(parse_venue), Field(examples=["binance"])]
    name: Annotated[str, checked(parse_name), Field(examples=["main"])] = "main"


class NewVenueKey(Edge):
    """A key that may read and trade, and nothing else. It is never answered, shown or logged."""

    api_key: Annotated[SecretStr, Field(max_length=4_000)]
    secret: Annotated[SecretStr, Field(max_length=4_000)]
    password: Annotated[
        SecretStr, Field(max_length=4_000, description="Some venues' third part, also called passphrase")
    ] = SecretStr("")

    def credentials(self) -> Credentials:
        return Credentials(
            self.api_key.get_secret_value(),
            self.secret.get_secret_value(),
            self.password.get_secret_value(),
        )


class Ended(Edge):
    reason: Reason


class VenueAccountsController(Controller):
    """Connect an account, give it a key, put another in its place, end it."""

    path = "/v1/venue-accounts"
    tags = ("Venue accounts",)

    @post(guards=[signed_in], summary="Connect my account at a venue", refuses=["venue_account_exists"])
    async def connect(
        self,
        request: AnyRequest,
        data: JSONBody[NewVenueAccount],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VenueAccountAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        outcome = await desk.submit(ConnectVenueAccount(caller.actor, data.venue, data.name), caller)
        return _answer(outcome, caller, 201)

    @get(guards=[signed_in], summary="My venue accounts, and those I have a LIVE book on")
    async def mine(
        self, request: AnyRequest, desk: NamedDependency[Desk], min_position: MinPosition = None
    ) -> PageOf[VenueAccountView]:
        await desk.fresh(min_position)
        owner_id = principal_of(request).account_id
        return PageOf(await desk.read(venue_accounts_of, desk.services.views, owner_id))

    @get("/{venue_account_id:str}", guards=[signed_in], summary="One venue account, always fresh")
    async def one(
        self, request: AnyRequest, venue_account_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> Response[VenueAccountView]:
        owner_id = principal_of(request).account_id
        view = await desk.read(venue_account, desk.services.log, venue_account_id, owner_id)
        return Response(view, headers={"ETag": etag(view.version)})

    @get(
        "/{venue_account_id:str}/differences",
        guards=[signed_in],
        summary="What differs between my book there and the venue: balances, trades, open orders",
    )
    async def differing(
        self,
        request: AnyRequest,
        venue_account_id: FromPath[str],
        desk: NamedDependency[Desk],
        min_position: MinPosition = None,
    ) -> PageOf[DifferenceView]:
        await desk.fresh(min_position)
        owner_id = principal_of(request).account_id
        view = await desk.read(venue_account, desk.services.log, venue_account_id, owner_id)
        return PageOf(await desk.read(differences, desk.services.views, view.book_id))

    @post(
        "/{venue_account_id:str}/keys", guards=[signed_in], summary="Import its first key", refuses=[*_TAKING]
    )
    async def add_key(
        self,
        request: AnyRequest,
        venue_account_id: FromPath[str],
        data: JSONBody[NewVenueKey],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VenueAccountAnswer]:
        return await _taken(request, desk, data, venue_account_id, idempotency_key, replacing=False)

    @post(
        "/{venue_account_id:str}/key-rotations",
        guards=[signed_in],
        summary="Put another key in its place",
        refuses=[*_TAKING],
    )
    async def rotate_key(
        self,
        request: AnyRequest,
        venue_account_id: FromPath[str],
        data: JSONBody[NewVenueKey],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VenueAccountAnswer]:
        return await _taken(request, desk, data, venue_account_id, idempotency_key, replacing=True)

    @post(
        "/{venue_account_id:str}/key-revocations",
        guards=[signed_in],
        status_code=200,
        summary="Stop using its key",
        refuses=["no_venue_key"],
    )
    async def revoke_key(
        self,
        request: AnyRequest,
        venue_account_id: FromPath[str],
        data: JSONBody[Ended],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VenueAccountAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        command = RevokeVenueKey(venue_account_id, caller.actor, data.reason, by=caller.actor)
        return await _ended(desk, command, caller)

    @post("/{venue_account_id:str}/closures", guards=[signed_in], status_code=200, summary="End it")
    async def close(
        self,
        request: AnyRequest,
        venue_account_id: FromPath[str],
        data: JSONBody[Ended],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VenueAccountAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        command = CloseVenueAccount(venue_account_id, caller.actor, data.reason, by=caller.actor)
        return await _ended(desk, command, caller)


async def _taken(
    request: AnyRequest,
    desk: Desk,
    data: NewVenueKey,
    venue_account_id: str,
    idempotency_key: str | None,
    *,
    replacing: bool,
) -> Response[Any]:
    """The body's digest is of what is not secret in it, that is of nothing; the key's own takes its place."""
    caller = desk.caller(request, data, idempotency_key)
    credentials = data.credentials()
    of_key = fingerprint(caller.fingerprint, credentials.api_key)
    caller = replace(caller, fingerprint=of_key)
    work = desk.venue_keys(
        desk.services.venue_keys.take,
        venue_account_id,
        caller.actor,
        credentials,
        caller,
        replacing=replacing,
    )
    outcome = await desk.answered(work, caller)
    if outcome.refusal is None:
        security_log.info(
            "venue key taken", extra={"account_id": caller.actor, "venue_account": venue_account_id}
        )
    return _answer(outcome, caller, 201)


async def _ended(desk: Desk, command: RevokeVenueKey | CloseVenueAccount, caller: Caller) -> Response[Any]:
    ended = desk.venue_keys(desk.services.venue_keys.end, command, command.venue_account_id, caller)
    outcome = await desk.answered(ended, caller)
    if outcome.refusal is None:
        security_log.info(
            "venue key ended",
            extra={"account_id": caller.actor, "venue_account": command.venue_account_id},
        )
    return _answer(outcome, caller, 200)


def _answer(outcome: Outcome, caller: Caller, status: int) -> Response[Any]:
    def headers(result: Mapping[str, Any]) -> dict[str, str]:
        tag = {"ETag": etag(int(result["version"]))}
        place = {"Location": f"/v1/venue-accounts/{result['venue_account_id']}"}
        return {**tag, **place} if status == 201 else tag

    return answer(outcome, caller, status=status, body=venue_account_from_answer, headers=headers)
