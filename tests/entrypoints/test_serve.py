"""`evenkeel serve` as a real process: its banner is true, and it stops in order."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from entrypoints.control import PATH
from entrypoints.problems import UNAVAILABLE
from tests.architecture.tree import program
from tests.entrypoints.conftest import Cli, Running

Start = Callable[..., Running]
SERVE = ("serve", "--port", "0", "--metrics-port", "0", "--json")


def banner(running: Running) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(running.line("{"))
    return shown


def evenkeel(cwd: Path, *words: str) -> Any:
    """A command in a second terminal, beside the server."""
    command = [program("evenkeel"), *words, "--json"]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def sign_in(shown: dict[str, Any]) -> httpx.Client:
    demo = shown["demo"]
    given = {"email": demo["email"], "password": demo["password"]}
    session = httpx.post(f"{shown['address']}/v1/sessions", json=given, timeout=20, trust_env=False)
    assert session.status_code in (200, 201), session.text
    headers = {"Authorization": f"Bearer {session.json()['token']}"}
    return httpx.Client(base_url=shown["address"], headers=headers, timeout=20, trust_env=False)


def test_a_server_whose_disk_fails_acknowledges_nothing_and_ends(start: Start) -> None:
    """Safety §4 row 14."""
    running = start(*SERVE)
    registration = httpx.Request(
        "POST",
        f"{banner(running)['address']}/v1/accounts",
        json={"email": "ann@example.org", "password": "correct horse battery"},
        headers={"Idempotency-Key": str(uuid4())},
    )
    no_file_grows = (0, resource.RLIM_INFINITY)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, no_file_grows)

    with httpx.Client(timeout=20, trust_env=False) as client:
        assert client.send(registration).status_code == 503

    assert running.wait() == UNAVAILABLE
    running.logged("the disk failed")


def test_a_command_answers_the_same_through_the_server_as_by_itself(
    start: Start, cli: Cli, data_dir: Path
) -> None:
    def answers() -> list[dict[str, Any]]:
        """Of an account's and a bot's life, without ids and positions."""
        opened = cli("paper", "open", "--balance", "100 USDT", "--user", "ann@example.org", "--json").json
        bot = cli("bots", "create", "BTC/USDT", "--allocation", "40 USDT", "--source", "file", "--json").json
        found = [
            opened,
            bot,
            cli("paper", "fund", "5 USDT", "--json").json,
            cli("bots", "start", bot["bot_id"], "--json").json,
            cli("bots", "allocate", bot["bot_id"], "5 USDT", "--json").json,
            cli("bots", "allocate", bot["bot_id"], "500 USDT", "--json").json,
            cli("bots", "stop", bot["bot_id"], "--json").json,
            cli("paper", "reset", "--balance", "7 USDT", "--json").json,
        ]
        assert [list(answer) for answer in found if "error" in answer] == [["error"]]
        return [
            {name: value for name, value in answer.items() if not name.endswith(("_id", "position"))}
            for answer in found
        ]

    cli("users", "create", "ann@example.org")
    by_itself = answers()
    running = start(*SERVE, EVENKEEL_DATA_DIR=str(data_dir))
    banner(running)
    assert answers() == by_itself
    assert running.stop() == 0


@pytest.mark.slow
def test_the_demo_is_served_traded_and_resumed(start: Start, tmp_path: Path) -> None:
    first = start(*SERVE, "--demo", EVENKEEL_SYNTHETIC_CANDLES_PER_S="200")
    shown = banner(first)
    bot_id = shown["demo"]["bot_id"]
    with sign_in(shown) as client:
        assert client.get("/readyz").json()["status"] == "ready"
        assert client.get(f"/v1/bots/{bot_id}").json()["status"] == "running"
        assert client.get("/schema").status_code == 200
    filled = json.loads(first.logged('"fills": 1'))
    assert (filled["bot_id"], filled["status"]) == (bot_id, "filled")
    assert filled["correlation_id"]

    # in a second terminal: what reads opens the file itself, what writes goes through the server
    assert evenkeel(tmp_path, "kill-switch", "engage", "--reason", "a test")["engaged"] is True
    assert evenkeel(tmp_path, "kill-switch", "status")["reason"] == "a test"
    assert evenkeel(tmp_path, "bots", "create", "BTC/GBP")["allocation_asset"] == "GBP.PAPER"
    assert evenkeel(tmp_path, "projections", "check")["identical"] is True
    assert evenkeel(tmp_path, "ledger", "trial-balance")["balanced"] is True
    metrics = httpx.get(shown["metrics"], timeout=20, trust_env=False).text
    assert f'evenkeel_bot_heartbeat_age_seconds{{bot_id="{bot_id}"}}' in metrics
    assert 'evenkeel_projection_lag_events{projection="trading"}' in metrics
    assert "evenkeel_fills_total" in metrics

    assert first.stop() == 0
    whole_log = "".join(first.log)
    for line in first.log:
        json.loads(line)
    assert shown["demo"]["password"] not in whole_log
    assert shown["demo"]["email"] not in whole_log
    assert not (tmp_path / "var" / "evenkeel.db.server.json").exists()
    assert (tmp_path / "var" / "demo-sign-in.json").stat().st_mode & 0o777 == 0o600
    assert evenkeel(tmp_path, "log", "verify")["intact"] is True

    second = start(*SERVE, "--demo")
    again = banner(second)
    assert again["demo"] == shown["demo"]
    with sign_in(again) as client:
        assert client.get(f"/v1/bots/{bot_id}").json()["status"] == "running"
    assert second.stop() == 0


def test_the_banner_for_people_says_what_to_try(start: Start, candle_file: Path) -> None:
    running = start("serve", "--demo", "--port", "0", "--metrics-port", "0", "--candles", str(candle_file))
    running.line("API in Swagger UI")
    running.line("password")
    assert "binance BTC/USDT 1h" in running.line("candles")
    running.line("log verify")
    assert running.stop() == 0
    running.line("nothing is lost")


def test_the_demo_trades_a_pair_that_is_not_quoted_in_usdt(start: Start, candle_file: Path) -> None:
    series = candle_file.rename(candle_file.with_name("binance_ETHBTC_1h_test.csv"))
    running = start(*SERVE, "--demo", "--candles", str(series), EVENKEEL_REPLAY_SPEED="max")
    running.logged('"fills": 1')
    with sign_in(banner(running)) as client:
        assets = {wallet["asset"] for wallet in client.get("/v1/wallets").json()["items"]}
    assert "BTC.PAPER" in assets
    assert "USDT.PAPER" not in assets
    assert running.stop() == 0


def test_the_operators_door_needs_the_token_of_this_run(start: Start, tmp_path: Path) -> None:
    running = start(*SERVE)
    address = banner(running)["address"]
    recorded = tmp_path / "var" / "evenkeel.db.server.json"
    assert recorded.stat().st_mode & 0o777 == 0o600
    token = json.loads(recorded.read_text())["token"]
    turn = {"action": "stop", "scope": "platform"}
    ask = {"operation_id": "x", "arguments": {**turn, "reason": "x"}}
    url = f"{address}{PATH}kill-switch.turn"
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": token}):
        assert httpx.post(url, json=ask, headers=given, timeout=20, trust_env=False).status_code == 401
    right = {"Authorization": f"Bearer {token}"}
    bogus = httpx.post(f"{address}{PATH}bogus", json=ask, headers=right, timeout=20, trust_env=False)
    assert bogus.status_code == 404
    refused = httpx.post(
        url,
        json={"operation_id": "x", "arguments": {**turn, "reason": " "}},
        headers=right,
        timeout=20,
        trust_env=False,
    )
    assert refused.json()["error"]["code"] == "invalid_value"
    assert running.stop() == 0


@pytest.mark.parametrize(
    "sent", [b"SOMETHING /v1/bots HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01 no HTTP\r\n\r\n"]
)
def test_what_is_no_request_is_refused_with_a_problem(start: Start, sent: bytes) -> None:
    address = httpx.URL(banner(start(*SERVE))["address"])
    with socket.create_connection((address.host, address.port or 80), timeout=20) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["code"] == "malformed_request"


def test_a_second_server_on_the_same_file_is_refused(start: Start) -> None:
    first = start(*SERVE)
    banner(first)
    second = start(*SERVE)
    assert second.wait() == 3
    assert "has one writing process" in "".join(second.log)
    assert first.stop() == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"EVENKEEL_FAILPOINT": "before_append", "EVENKEEL_ENVIRONMENT": "production"},
            "refused in production",
        ),
        ({"EVENKEEL_FAILPOINT": "nowhere"}, "EVENKEEL_FAILPOINT=nowhere"),
        ({"EVENKEEL_ENVIRONMENT": "production", "EVENKEEL_INSECURE_COOKIES": "true"}, "INSECURE_COOKIES"),
        ({"EVENKEEL_HTTP_HOST": "192.0.2.1"}, "EVENKEEL_HTTP_PORT"),
    ],
)
def test_what_cannot_be_started_says_why(start: Start, variables: dict[str, str], said: str) -> None:
    running = start(*SERVE, **variables)
    assert running.wait() == 2
    assert said in "".join(running.log)
    assert "Traceback" not in "".join(running.log)


def test_the_demo_is_refused_in_production(start: Start) -> None:
    running = start(*SERVE, "--demo", EVENKEEL_ENVIRONMENT="production")
    assert running.wait() == 2
    assert "demo: refused in production" in "".join(running.log)
