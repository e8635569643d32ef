"""SIGKILL and SIGTERM of a served platform: what was acknowledged stays, bots go on, books balance."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from application import failpoints
from tests.e2e import books
from tests.e2e.processes import PATIENCE_S, Evenkeel, Server
from tests.e2e.test_kill import sound

CLIENTS = 4


def fills(database_url: str) -> int:
    return books.count(database_url, "fills")


def served(tmp_path: Path) -> dict[str, str]:
    return {"EVENKEEL_DATA_DIR": str(tmp_path / "var"), "EVENKEEL_SYNTHETIC_CANDLES_PER_S": "200"}


def test_a_served_bot_goes_on_where_it_was_killed(
    evenkeel: Evenkeel, tmp_path: Path, database_url: str
) -> None:
    ports = ("--port", "0", "--metrics-port", "0", "--json", "--database-url", database_url)
    failing = {failpoints.VARIABLE: "after_venue_fill:3"}
    dying = evenkeel.start("serve", "--demo", *ports, **served(tmp_path), **failing)
    assert dying.code == -signal.SIGKILL
    at_the_venue = len(books.trades_of_the_venue(database_url))
    assert at_the_venue > fills(database_url)  # one that the log did not hear of

    goes_on(evenkeel, tmp_path, database_url, at_the_venue)


def test_a_served_bot_goes_on_when_it_was_killed_from_outside(evenkeel: Evenkeel, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    killed = evenkeel.serve(url, "--demo", **served(tmp_path))
    killed.process.until(lambda: fills(url) >= 2, "the bot to trade")
    assert killed.process.kill() == -signal.SIGKILL

    goes_on(evenkeel, tmp_path, url, fills(url))


def goes_on(evenkeel: Evenkeel, tmp_path: Path, database_url: str, fills_before: int) -> None:
    """Started again it is ready, the bot trades (once the dead worker's lease has run out), all is sound."""
    again = evenkeel.serve(database_url, "--demo", **served(tmp_path))
    again.ready()
    again.process.until(lambda: fills(database_url) >= fills_before + 2, "the bot to go on")
    assert again.process.signal(signal.SIGTERM) == 0
    sound(evenkeel, database_url)


class Depositor:
    """A client that deposits one by one and remembers which deposits were acknowledged."""

    def __init__(self, evenkeel: Evenkeel, database_url: str) -> None:
        where = ("--database-url", database_url)
        self._email = "ann@example.org"
        self._password = evenkeel.json("users", "create", self._email, *where)["password"]
        self.account = evenkeel.json("paper", "open", "--balance", "1 USDT", *where)["paper_account_id"]
        self.asked: dict[str, bool] = {}

    def signed_in(self, server: Server) -> httpx.Client:
        with server.client() as client:
            given = {"email": self._email, "password": self._password}
            answer = client.post("/v1/sessions", json=given)
        assert answer.status_code == 201, answer.text
        return server.client(answer.json()["token"])

    def deposit(self, client: httpx.Client, key: str) -> httpx.Response:
        path = f"/v1/paper-accounts/{self.account}/deposits"
        body = {"amount": "1", "asset": "USDT"}
        return client.post(path, json=body, headers={"Idempotency-Key": key})

    def until_it_dies(self, client: httpx.Client, number: int) -> None:
        """Deposits, until there is no server any more, or it takes none."""
        for nth in count():
            key = str(UUID(int=number * 10**9 + nth))
            self.asked[key] = False
            try:
                answer = self.deposit(client, key)
            except httpx.TransportError:
                return
            if answer.status_code == 503:
                return
            assert answer.status_code == 201, answer.text
            self.asked[key] = True


@pytest.mark.parametrize("ending", ["before_append:25", "after_append:25", "SIGTERM"])
def test_what_was_acknowledged_is_there_once_and_repeating_is_harmless(
    evenkeel: Evenkeel, database_url: str, ending: str
) -> None:
    ann = Depositor(evenkeel, database_url)
    failing = {} if ending == "SIGTERM" else {failpoints.VARIABLE: ending}
    server = evenkeel.serve(database_url, **failing)
    with ann.signed_in(server) as client, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ann.until_it_dies, client, number) for number in range(1, CLIENTS + 1)]
        if ending == "SIGTERM":
            server.process.until(lambda: sum(ann.asked.values()) >= 25, "some deposits")
            assert server.process.signal(signal.SIGTERM) == 0
        else:
            assert server.process.code == -signal.SIGKILL
        for one in clients:
            one.result(timeout=PATIENCE_S)
    acknowledged = [key for key, done in ann.asked.items() if done]
    assert acknowledged

    again = evenkeel.serve(database_url)
    with ann.signed_in(again) as client:
        for key, done in ann.asked.items():
            answer = ann.deposit(client, key)
            assert answer.status_code == 201, answer.text
            if done:
                assert answer.headers["Idempotent-Replayed"] == "true"
        wallets = client.get(f"/v1/paper-accounts/{ann.account}").json()["wallets"]
    assert [Decimal(wallet["total"]) for wallet in wallets] == [1 + len(ann.asked)]
    assert again.process.signal(signal.SIGTERM) == 0
    sound(evenkeel, database_url)


@pytest.mark.parametrize("name", ["balances", "ledger"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_rebuild_of_one_projection_may_be_killed_while_everything_is_served(
    evenkeel: Evenkeel, tmp_path: Path, database_url: str, name: str, nth: int
) -> None:
    """Safety §4 rows 1-4: before its tables are swapped, and in the last transaction, before the commit."""
    dies = {failpoints.VARIABLE: f"mid_rebuild:{nth}"}
    rebuild = ("projections", "rebuild", name, "--database-url", database_url)
    in_the_server = database_url.startswith("sqlite")  # which alone writes its file
    server = evenkeel.serve(database_url, "--demo", **served(tmp_path), **(dies if in_the_server else {}))
    server.process.until(lambda: fills(database_url) >= 2, "the bot to trade")

    dying = evenkeel.run(*rebuild, **({} if in_the_server else dies))

    if in_the_server:
        assert server.process.code == -signal.SIGKILL
        assert dying.code == 3
        server = evenkeel.serve(database_url, "--demo", **served(tmp_path))
    else:
        assert dying.code == -signal.SIGKILL
    server.ready()
    assert evenkeel.json(*rebuild)["identical"] is True
    served_on = fills(database_url)
    server.process.until(lambda: fills(database_url) > served_on, "the bot to go on")
    assert evenkeel.json(*rebuild)["identical"] is True
    assert server.process.signal(signal.SIGTERM) == 0
    sound(evenkeel, database_url)


def test_a_file_has_one_writing_process_and_a_dead_one_holds_nothing(
    evenkeel: Evenkeel, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    first = evenkeel.serve(url)
    second = evenkeel.run("serve", "--port", "0", "--metrics-port", "0", "--database-url", url)
    assert second.code == 3
    assert str(first.process.pid) in second.err
    assert first.process.kill() == -signal.SIGKILL

    third = evenkeel.serve(url)
    assert third.ready()["status"] == "ready"
    assert evenkeel.json("kill-switch", "status", "--database-url", url)["engaged"] is False
    assert third.process.signal(signal.SIGTERM) == 0
