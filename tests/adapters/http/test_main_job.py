"""The whole main job over HTTP: join, fund, run a bot, see every cent."""

from __future__ import annotations

from tests.adapters.http.stack import Person, Stack


async def test_from_joining_to_a_running_bot(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("1000 USDT", "2 BTC.PAPER", taker_fee_rate="0.002", base_scale="8")
    shown = (await alice.get(f"/v1/paper-accounts/{account}")).json()
    assert shown["terms"]["taker_fee_rate"] == "0.002"
    assert {wallet["asset"]: wallet["available"] for wallet in shown["wallets"]} == {
        "USDT.PAPER": "1000",
        "BTC.PAPER": "2",
    }
    more = await alice.post(f"/v1/paper-accounts/{account}/deposits", {"amount": "0.5", "asset": "USDT"})
    assert more.status_code == 201
    assert more.json()["available"] == "1000.5 USDT.PAPER"

    created = await alice.post(
        "/v1/bots",
        {
            "name": "b",
            "strategy": "ema_crossover",
            "symbol": "BTC/USDT",
            "interval": "1h",
            "allocation": "400",
        },
    )
    assert created.status_code == 201, created.text
    bot_id = created.json()["bot_id"]
    assert created.headers["Location"] == f"/v1/bots/{bot_id}"
    assert created.json()["allocated"] == "400"

    started = await alice.post(f"/v1/bots/{bot_id}/starts")
    assert (started.status_code, started.json()["status"], started.json()["run"]) == (200, "running", 1)
    for step, status in (("pauses", "paused"), ("resumes", "running"), ("stops", "stopped")):
        answer = await alice.post(f"/v1/bots/{bot_id}/{step}")
        assert answer.json()["status"] == status, answer.text

    back = await alice.post(f"/v1/bots/{bot_id}/deallocations", {"amount": "150", "asset": "USDT.PAPER"})
    assert back.json()["allocated"] == "250"
    wallets = (await alice.get(f"/v1/wallets?min_position={back.headers['Evenkeel-Position']}")).json()[
        "items"
    ]
    usdt = next(wallet for wallet in wallets if wallet["asset"] == "USDT.PAPER")
    assert (usdt["available"], usdt["allocated"], usdt["total"]) == ("750.5", "250", "1000.5")
    trial = (await alice.get(f"/v1/books/{account}/trial-balance")).json()
    assert trial["balanced"] is True
    assert set(trial["sums"].values()) == {"0"}
