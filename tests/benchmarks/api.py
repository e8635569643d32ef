"""Requests a second and their p95 at 50 concurrent users, over sockets to `evenkeel serve`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.bench import CHECKOUT, ENGINES, Bench
from tests.benchmarks.http_load import Answered, Supply, UnexpectedAnswer, ask, load, request
from tests.benchmarks.report import Case, Section, ratio

CLIENTS = 50
SECONDS = 3.0
PEOPLE, QUICK_PEOPLE = 25, 5
MUST_REQUESTS, MUST_P95_MS = 1_500.0, 50.0
ALIVE = "/healthz"
PASSWORD = "a sentence that is long enough"
_keys = count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone signed in, with a paper account and a bot."""

    token: str
    paper_account_id: str


def measure(bench: Bench) -> Section:
    section = Section("api", f"HTTP at {CLIENTS} concurrent users, served by `evenkeel serve`, one process")
    people = QUICK_PEOPLE if bench.quick else PEOPLE
    section.conditions = [
        f"{CLIENTS} keep-alive connections of {people} people, each asks again when answered;",
        "the load generator runs on the same cores",
        "mix of ten: 3 GET /v1/bots, 3 GET /v1/wallets, 2 GET /v1/orders, 2 POST paper deposits, keys new",
        f"baseline: GET {ALIVE} on the same server, same connections, same round",
    ]
    for engine in ENGINES[1:] if bench.quick else ENGINES:
        with bench.database(engine) as url, _served(bench, url) as (host, port):
            section.cases += asyncio.run(_measure(bench, engine, host, port, people))
    return section


async def _measure(bench: Bench, engine: str, host: str, port: int, people: int) -> list[Case]:
    who = [await _join(host, port, number) for number in range(people)]
    found: dict[str, list[Answered]] = defaultdict(list)
    cases: dict[str, Supply] = {
        ALIVE: lambda _: request("GET", ALIVE),
        "reads and writes": _mix(who),
        "reads only": _reads(who),
        "writes only": lambda n: _deposit(who[n % len(who)]),
    }
    for supply in cases.values():
        await load(host, port, supply, clients=CLIENTS, seconds=bench.seconds(1))
    for _ in bench.turns(50):
        for name, supply in cases.items():
            found[name].append(
                await load(host, port, supply, clients=CLIENTS, seconds=bench.seconds(SECONDS))
            )
    label = "PG" if engine == "postgresql" else "SQLite"
    alive = [answered.rate for answered in found[ALIVE]]
    made = []
    for name, all_answered in found.items():
        rates = [answered.rate for answered in all_answered]
        notes = {
            f"p{q}": f"{median(a.quantile_ms(q / 100) for a in all_answered):.1f} ms" for q in (50, 95, 99)
        }
        ratios = () if name == ALIVE else (ratio(ALIVE, rates, alive),)
        judged = name == "reads and writes"
        must = MUST_REQUESTS if judged else None
        made.append(Case(f"{label}, {name}", tuple(rates), "req/s", ratios, must=must, notes=notes))
        if judged:
            p95 = tuple(answered.quantile_ms(0.95) for answered in all_answered)
            made.append(Case(f"{label}, {name}: p95", p95, "ms", must=MUST_P95_MS, at_most=True))
    return made


def _mix(who: list[Person]) -> Supply:
    reads, turns = _reads(who), count()

    def following(client: int) -> bytes:
        return _deposit(who[client % len(who)]) if next(turns) % 5 == 0 else reads(client)

    return following


def _reads(who: list[Person]) -> Supply:
    paths = (
        "/v1/bots",
        "/v1/wallets",
        "/v1/orders",
        "/v1/bots",
        "/v1/wallets",
        "/v1/orders",
        "/v1/bots",
        "/v1/wallets",
    )
    prepared = [[request("GET", path, token=person.token) for path in paths] for person in who]
    turns = count()
    return lambda client: prepared[client % len(who)][next(turns) % len(paths)]


def _deposit(person: Person) -> bytes:
    path = f"/v1/paper-accounts/{person.paper_account_id}/deposits"
    return request("POST", path, token=person.token, key=_new_key(), body={"amount": "1", "asset": "USDT"})


def _new_key() -> str:
    return f"00000000-0000-4000-8000-{next(_keys):012x}"


async def _join(host: str, port: int, number: int) -> Person:
    """Register, sign in, open a funded paper account, create a bot."""
    credentials = {"email": f"bench-{number}@example.org", "password": PASSWORD}
    await _made(host, port, request("POST", "/v1/accounts", key=_new_key(), body=credentials))
    session = await _made(host, port, request("POST", "/v1/sessions", body=credentials))
    token = session["token"]
    funds = {"balances": [{"amount": "1000", "asset": "USDT"}]}
    opened = await _made(
        host, port, request("POST", "/v1/paper-accounts", token=token, key=_new_key(), body=funds)
    )
    bot = {
        "name": "bench",
        "strategy": "ema_crossover",
        "parameters": {"fast": "12", "slow": "26"},
        "symbol": "BTC/USDT",
        "interval": "1h",
        "allocation": "100",
        "paper_account_id": opened["paper_account_id"],
    }
    await _made(host, port, request("POST", "/v1/bots", token=token, key=_new_key(), body=bot))
    return Person(token, opened["paper_account_id"])


async def _made(host: str, port: int, sent: bytes) -> Any:
    status, answer = await ask(host, port, sent)
    if status != 201:
        raise UnexpectedAnswer(f"{status}: {answer}")
    return answer


@contextmanager
def _served(bench: Bench, url: str) -> Iterator[tuple[str, int]]:
    """`evenkeel serve` as a process of its own on free ports; its log goes to a file."""
    program = "from entrypoints.cli import main; main()"
    options = ["serve", "--port", "0", "--metrics-port", "0", "--json", "--database-url", url]
    own = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_")}
    log_path = bench.data_dir / "serve.log"
    with (
        log_path.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", program, *options],
            cwd=CHECKOUT,
            env=own | {"EVENKEEL_DATA_DIR": str(bench.data_dir)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield _address(process)
        except UnexpectedAnswer as e:
            e.add_note(log_path.read_text()[-2_000:])
            raise
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Reads the JSON that serve prints when it answers requests."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        try:
            parts = urlsplit(json.loads(printed)["address"])
        except ValueError:
            continue
        return parts.hostname or "127.0.0.1", parts.port or 80
    raise UnexpectedAnswer(f"serve ended before it served: {printed}")
