"""Limits and kill switches over HTTP: set, refused by bound, asked about, engaged, resumed."""

from __future__ import annotations

from typing import Any

from domain.risk.limits import HARD_BOUNDS
from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem

LIMITS = "/v1/risk/limits"
SWITCHES = "/v1/kill-switches"


async def put(person: Person, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": key or new_key()}
    return await person.client.put(path, json=body, headers=headers)


async def running_bot(person: Person, **fields: Any) -> str:
    account = await person.paper_account("1000 USDT")
    bot = await person.bot(paper_account_id=account, **fields)
    assert (await person.post(f"/v1/bots/{bot}/starts")).status_code == 200
    return bot


async def test_an_account_sets_its_limits_and_reads_them_again(alice: Person, bob: Person) -> None:
    body = {"max_orders_per_day": 9, "max_order_notional": "250.5", "reason": "first week"}
    key = new_key()
    done = await put(alice, LIMITS, body, key)
    assert done.status_code == 200
    assert done.json()["limits"]["max_orders_per_day"] == 9
    shown = (await alice.get(LIMITS)).json()
    assert shown == done.json()
    assert (shown["limits"]["max_order_notional"], shown["limits"]["price_collar_bps"]) == ("250.5", None)
    assert shown["hard_bounds"]["max_orders_per_day"] == HARD_BOUNDS.max_orders_per_day
    assert (await bob.get(LIMITS)).json()["limits"]["max_orders_per_day"] is None

    again = await put(alice, LIMITS, body, key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (done.json(), "true")


async def test_no_setting_goes_beyond_a_hard_bound(alice: Person, operator: Person) -> None:
    bot = await alice.bot()
    for person, path in (
        (alice, LIMITS),
        (alice, f"/v1/bots/{bot}/limits"),
        (operator, "/v1/platform/limits"),
    ):
        answer = await put(person, path, {"max_orders_per_day": 21, "reason": "more"})
        assert is_problem(answer, 422, "above_hard_bound")
        assert answer.json()["data"] == {"limit": "max_orders_per_day", "asked": "21", "bound": "20"}


async def test_what_is_no_limit_is_refused_by_its_field(alice: Person) -> None:
    """Safety §2.44, §2.46."""
    for body, field in (
        ({"max_orders_per_day": -1, "reason": "x"}, "max_orders_per_day"),
        ({"max_orders_per_day": 1.5, "reason": "x"}, "max_orders_per_day"),
        ({"max_order_notional": 5, "reason": "x"}, "max_order_notional"),
        ({"max_order_notional": "1e3", "reason": "x"}, "max_order_notional"),
        ({"strategy_budgets": {"a": "-1"}, "reason": "x"}, "strategy_budgets"),
        ({"max_everything": 1, "reason": "x"}, "max_everything"),
        ({"max_orders_per_day": 1}, "reason"),
    ):
        answer = await put(alice, LIMITS, body)
        assert is_problem(answer, 422, "invalid_fields")
        assert field in answer.text


async def test_a_bots_limits_are_its_own(alice: Person) -> None:
    bot = await alice.bot()
    path = f"/v1/bots/{bot}/limits"
    done = await put(alice, path, {"strategy_budgets": {"ema_crossover": "400"}, "reason": "x"})
    assert done.json() == (await alice.get(path)).json()
    assert done.json()["limits"]["strategy_budgets"] == {"ema_crossover": "400"}
    answer = await put(alice, path, {"max_drawdown_bps": 100, "reason": "x"})
    assert is_problem(answer, 422, "invalid_value")


async def test_the_platforms_limits_are_operators_to_set(alice: Person, operator: Person) -> None:
    path = "/v1/platform/limits"
    assert is_problem(await put(alice, path, {"reason": "x"}), 403, "forbidden")
    assert is_problem(await alice.get(path), 403, "forbidden")
    done = await put(operator, path, {"max_order_notional": "1000", "reason": "new venue"})
    assert done.json() == (await operator.get(path)).json()
    assert (await alice.get(LIMITS)).json()["platform_limits"]["max_order_notional"] == "1000"


async def test_an_order_is_asked_about_with_every_rule_and_nothing_is_placed(
    stack: Stack, alice: Person
) -> None:
    bot = await running_bot(alice)
    head = stack.services.log.head()
    free = (await alice.post("/v1/risk/checks", {"bot_id": bot, "price": "100"})).json()
    assert (free["verdict"], free["notional"]) == ("ok", "500")
    assert [rule["rule"] for rule in free["rules"]] == [
        *("kill_switch", "may_send", "bot_running", "no_order_open", "something_to_spend")
    ]
    assert stack.services.log.head() == head

    await put(alice, LIMITS, {"max_order_notional": "200", "max_open_orders": 3, "reason": "x"})
    head = stack.services.log.head()
    sized = (await alice.post("/v1/risk/checks", {"bot_id": bot, "price": "100"})).json()
    assert (sized["verdict"], sized["notional"]) == ("sized", "200")
    by_rule = {rule["rule"]: rule for rule in sized["rules"]}
    assert by_rule["max_order_notional"] == {
        "rule": "max_order_notional",
        "layer": "account",
        "figure": "500",
        "limit": "200",
        "verdict": "sized",
        "detail": "may spend 200 of 500",
    }
    assert by_rule["max_open_orders"]["verdict"] == "ok"
    assert by_rule["max_daily_loss_bps"]["verdict"] == "no_limit"
    sell = (await alice.post("/v1/risk/checks", {"bot_id": bot, "side": "sell", "price": "100"})).json()
    assert (sell["verdict"], sell["base_quantity"]) == ("refused", "0")
    assert stack.services.log.head() == head


async def test_nobody_asks_about_anybody_elses_bot(alice: Person, bob: Person) -> None:
    bot = await alice.bot()
    answer = await bob.post("/v1/risk/checks", {"bot_id": bot, "price": "1"})
    assert is_problem(answer, 404, "unknown_bot")
    answer = await alice.post("/v1/risk/checks", {"bot_id": bot, "side": "short", "price": "1"})
    assert is_problem(answer, 422, "invalid_fields")


async def test_an_owner_stops_and_resumes_the_account(alice: Person, bob: Person) -> None:
    bot = await alice.bot()
    done = await alice.post(SWITCHES, {"action": "stop", "reason": "sleepless"})
    assert done.json() == {
        "engaged": True,
        "scope": "account",
        "target": alice.account_id,
        "mode": "stop",
        "reason": "sleepless",
    }
    assert is_problem(await alice.post(f"/v1/bots/{bot}/starts"), 409, "kill_switch_engaged")
    (shown,) = (await alice.get(SWITCHES)).json()["items"]
    assert (shown["scope"], shown["engaged_as"], shown["progress"]) == ("account", "owner", "stopped")
    assert (await bob.get(SWITCHES)).json()["items"] == []
    resumed = await alice.post(SWITCHES, {"action": "resume", "reason": "slept"})
    assert resumed.json()["engaged"] is False
    assert (await alice.post(f"/v1/bots/{bot}/starts")).status_code == 200


async def test_one_bot_is_stopped_and_no_other(alice: Person, bob: Person) -> None:
    one, other = await alice.bot(), await alice.bot(name="other")
    body = {"action": "close_all", "scope": "bot", "bot_id": one, "reason": "odd"}
    assert (await alice.post(SWITCHES, body)).json()["target"] == one
    assert is_problem(await alice.post(f"/v1/bots/{one}/starts"), 409, "kill_switch_engaged")
    assert (await alice.post(f"/v1/bots/{other}/starts")).status_code == 200
    assert is_problem(await bob.post(SWITCHES, body), 404, "unknown_bot")
    missing = await alice.post(SWITCHES, {"action": "stop", "scope": "bot", "reason": "x"})
    assert is_problem(missing, 422, "invalid_value")


async def test_operators_stop_any_scope_and_what_they_stopped_is_theirs_to_free(
    alice: Person, operator: Person
) -> None:
    every = "/v1/platform/kill-switches"
    bot = await alice.bot()
    for scope, target in (
        ("account", alice.account_id),
        ("bot", bot),
        ("venue", "paper"),
        ("platform", ""),
    ):
        body = {"action": "stop", "scope": scope, "target": target, "reason": "drill"}
        done = await operator.post(every, body)
        assert (done.status_code, done.json()["scope"]) == (200, scope), done.text
        assert is_problem(await alice.post(f"/v1/bots/{bot}/starts"), 409, "kill_switch_engaged")
        listed = (await operator.get(every)).json()["items"]
        assert [(each["scope"], each["target"]) for each in listed] == [(scope, target)]
        assert (await alice.get(SWITCHES)).json()["items"] == listed
        if scope == "account":
            refused = await alice.post(SWITCHES, {"action": "resume", "reason": "mine"})
            assert is_problem(refused, 403, "kill_switch_held_by_operator")
        await operator.post(every, {**body, "action": "resume"})
        assert (await operator.get(every)).json()["items"] == []
    assert is_problem(await alice.post(every, {"action": "stop", "reason": "x"}), 403, "forbidden")
    assert is_problem(await alice.get(every), 403, "forbidden")


async def test_a_target_that_is_none_is_refused(operator: Person) -> None:
    every = "/v1/platform/kill-switches"
    for body, code, status in (
        ({"scope": "venue"}, "invalid_value", 422),
        ({"scope": "platform", "target": "x"}, "invalid_value", 422),
        ({"scope": "bot", "target": "bot-nobody"}, "unknown_bot", 404),
        ({"scope": "account", "target": "acct-nobody"}, "unknown_account", 404),
        ({"scope": "world"}, "invalid_fields", 422),
    ):
        answer = await operator.post(every, {"action": "stop", "reason": "x", **body})
        assert is_problem(answer, status, code)


async def test_an_operator_is_an_owner_of_the_own_account(operator: Person) -> None:
    """Safety §2.42."""
    every = "/v1/platform/kill-switches"
    await operator.post(SWITCHES, {"action": "stop", "reason": "x"})
    (own,) = (await operator.get(SWITCHES)).json()["items"]
    assert own["engaged_as"] == "owner"
    body = {"action": "stop", "scope": "account", "target": operator.account_id, "reason": "x"}
    await operator.post(every, body)
    (own,) = (await operator.get(SWITCHES)).json()["items"]
    assert own["engaged_as"] == "owner"
