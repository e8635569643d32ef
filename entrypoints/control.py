"""How the command line works through the running server: the process that holds the SQLite file.

`serve` leaves its address and a token, new at every start, in a 0600 file beside the database. Whoever can
read that file can read the database as well, so the token grants nothing that its reader has not got.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.persistence.database_url import sqlite_path
from entrypoints.operations import OPERATIONS
from entrypoints.operations.desk import OperatorDesk, Progress
from entrypoints.plain import plain
from entrypoints.private_files import read_private, write_private
from entrypoints.problems import USAGE, Problem, RemoteRefusal, ServerUnreachable, problem_of

if TYPE_CHECKING:
    from entrypoints.composition import Container

PATH = "/internal/operations/"
_LARGEST_BODY = 1024 * 1024
_PATIENCE_S = 3_600.0  # a rebuild or a download may take its time

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]


def address_file(database_url: str) -> Path | None:
    """Where a server's address stands; None for PostgreSQL, which every process may write to itself."""
    path = sqlite_path(database_url)
    return None if path is None else path.with_name(path.name + ".server.json")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The recorded address of a running server, gone again when it stops."""

    path: Path
    token: str

    @classmethod
    def record(cls, path: Path, *, host: str, port: int) -> ServerAddress:
        token = secrets.token_urlsafe(32)
        write_private(path, {"address": f"http://{host}:{port}", "token": token})
        return cls(path, token)

    def forget(self) -> None:
        """Take it back, unless another server has recorded its own since."""
        recorded = read_private(self.path, "token")
        if recorded is not None and recorded["token"] == self.token:
            self.path.unlink(missing_ok=True)


class OperatorDoor:
    """In front of the API: /internal/operations/{name} for whoever holds the token, the API for all else."""

    def __init__(self, app: Asgi, *, token: str, desk: Callable[[str], OperatorDesk]) -> None:
        self._app, self._token, self._desk = app, token, desk

    async def __call__(
        self, scope: Scope, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
    ) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        status, body = await self._answer(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(plain(body)).encode()})

    async def _answer(
        self, scope: Scope, receive: Callable[..., Awaitable[Any]]
    ) -> tuple[int, dict[str, Any]]:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._token.encode()):
            return 401, Problem(
                "not_signed_in", "the operator's token is missing or of another run", 1
            ).as_json()
        operation = OPERATIONS.get(scope["path"].removeprefix(PATH))
        if operation is None or scope["method"] != "POST":
            return 404, Problem("not_found", "there is no such operation", USAGE).as_json()
        raw = await _body(receive)
        if raw is None:
            return 413, Problem("too_large", "the request is too large", USAGE).as_json()
        try:
            request = json.loads(raw)
            desk = self._desk(str(request["operation_id"]))
            return 200, {"result": await asyncio.to_thread(operation, desk, request["arguments"])}
        except Exception as error:  # noqa: BLE001  # told to whoever asked, as their own command would tell it
            return 200, problem_of(error).as_json()


def operator_desk(
    container: Container, operation_id: str, progress: Progress = lambda _done, _total: None
) -> OperatorDesk:
    from entrypoints.liabilities import publisher  # the composition root: not for who only asks a server

    return OperatorDesk(
        services=container.services(),
        maintenance=container.maintenance(),
        import_candles=container.import_candles(),
        download_candles=container.download_candles(),
        liabilities=lambda new_salts: publisher(container, new_salts=new_salts),
        operation_id=operation_id,
        progress=progress,
    )


def ask_server(database_url: str, name: str, operation_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run an operation in the server that holds the database.

    Errors: ServerUnreachable, and the operation's refusal as a RemoteRefusal.
    """
    import httpx  # only who goes through a server waits for it

    path = address_file(database_url)
    recorded = read_private(path, "address", "token") if path else None
    if recorded is None:
        raise ServerUnreachable(
            problem="another process holds the database and is no server that takes commands; "
            "wait until it is done, or stop it"
        )
    try:
        answer = httpx.post(
            recorded["address"] + PATH + name,
            json={"operation_id": operation_id, "arguments": arguments},
            headers={"Authorization": f"Bearer {recorded['token']}"},
            timeout=httpx.Timeout(_PATIENCE_S, connect=2.0),
            trust_env=False,
        )
        body = answer.json()
        if answer.status_code == 200 and "error" in body:
            error = body["error"]
            raise RemoteRefusal(error["code"], error["message"], error["data"])
        answer.raise_for_status()
        result: dict[str, Any] = body["result"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as e:  # or somebody else's
        raise ServerUnreachable(
            problem=f"the server at {recorded['address']} holds the database and does not answer "
            f"({type(e).__name__})"
        ) from e
    return result


async def _body(receive: Callable[..., Awaitable[Any]]) -> bytes | None:
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST_BODY:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)
