"""Lists, single resources and past moments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from application.ports.candle_store import Series
from tests.adapters.http.stack import BOT, START, Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.adapters.http.trading import HOUR_MS, candle, trade

HOUR = int(START.timestamp()) // 3600


async def test_a_bot_needs_no_wallet(alice: Person) -> None:
    """No paper account, a currency never heard of: an empty account is opened with the bot."""
    bots = [await alice.bot(symbol="BTC/GBP", allocation="250", name=f"bot {number}") for number in (1, 2)]
    accounts = (await alice.get("/v1/paper-accounts")).json()["items"]
    assert len(accounts) == 1
    shown = [(await alice.get(f"/v1/bots/{bot}")).json() for bot in bots]
    assert {item["paper_account_id"] for item in shown} == {accounts[0]["paper_account_id"]}
    assert (shown[0]["allocation"], shown[0]["allocation_asset"]) == ("250", "GBP.PAPER")
    wallets = {item["asset"]: item["total"] for item in (await alice.get("/v1/wallets")).json()["items"]}
    assert wallets == {"BTC.PAPER": "0", "GBP.PAPER": "0"}
    path = f"/v1/paper-accounts/{accounts[0]['paper_account_id']}/deposits"
    assert (await alice.post(path, {"amount": "100", "asset": "GBP"})).status_code == 201
    started = await alice.post(f"/v1/bots/{bots[0]}/starts")
    assert started.json()["allocated"] == "100"


async def test_a_bot_goes_to_the_newest_open_account(alice: Person) -> None:
    await alice.paper_account("1 USDT")
    newest = await alice.paper_account("2 USDT")
    reset = (await alice.post(f"/v1/paper-accounts/{newest}/resets", {})).json()
    assert reset["previous_paper_account_id"] == newest
    bot = (await alice.get(f"/v1/bots/{await alice.bot()}")).json()
    assert bot["paper_account_id"] == reset["paper_account_id"]
    closed = await alice.post(f"/v1/paper-accounts/{newest}/deposits", {"amount": "1", "asset": "USDT"})
    assert is_problem(closed, 409, "book_not_open")


async def test_what_a_bot_may_not_be(alice: Person) -> None:
    for fields, status, code in (
        ({"strategy": "magic"}, 422, "unknown_strategy"),
        ({"parameters": {"fast": "0"}}, 422, "invalid_parameter"),
        ({"parameters": {"fast": 3}}, 422, "invalid_fields"),
        ({"symbol": "BTCUSDT"}, 422, "invalid_fields"),
        ({"symbol": "BTC/BTC"}, 422, "invalid_fields"),
        ({"interval": "7m"}, 422, "invalid_fields"),
        ({"allocation": 5}, 422, "invalid_fields"),
        ({"allocation_asset": "BTC"}, 422, "invalid_value"),
        ({"owner_id": "acct-x"}, 422, "invalid_fields"),
        ({"name": ""}, 422, "invalid_fields"),
    ):
        assert is_problem(await alice.post("/v1/bots", {**BOT, **fields}), status, code), fields


async def test_a_version_that_was_seen_guards_a_change(alice: Person) -> None:
    bot = await alice.bot()
    first = await alice.get(f"/v1/bots/{bot}")
    tag = first.headers["ETag"]
    assert tag == f'"{first.json()["version"]}"'
    unchanged = await alice.get(f"/v1/bots/{bot}", If_None_Match=tag)
    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
    stale = await alice.post(f"/v1/bots/{bot}/starts", If_Match='"99"')
    assert is_problem(stale, 412, "version_mismatch")
    assert stale.json()["data"] == {"expected": '"99"', "current": tag}
    started = await alice.post(f"/v1/bots/{bot}/starts", If_Match=tag)
    assert (started.status_code, started.headers["ETag"]) == (200, '"2"')
    assert (await alice.get(f"/v1/bots/{bot}", If_None_Match=tag)).status_code == 200
    assert (await alice.post(f"/v1/bots/{bot}/pauses", If_Match="*")).status_code == 200
    wrong = await alice.post(f"/v1/bots/{bot}/pauses", {"reason": "x"})
    assert wrong.status_code == 200  # paused already
    assert is_problem(await alice.post(f"/v1/bots/{bot}/starts"), 409, "bot_wrong_state")


async def test_pages_stay_put_while_new_rows_come(stack: Stack, alice: Person) -> None:
    bots = [await alice.bot(name=f"bot {number}") for number in range(5)]
    first = (await alice.get("/v1/bots?limit=2")).json()
    assert [item["bot_id"] for item in first["items"]] == bots[4:2:-1]
    await alice.bot(name="a late one")
    second = (await alice.get(f"/v1/bots?limit=2&cursor={first['next_cursor']}")).json()
    assert [item["bot_id"] for item in second["items"]] == bots[2:0:-1]
    third = (await alice.get(f"/v1/bots?limit=2&cursor={second['next_cursor']}")).json()
    assert [item["bot_id"] for item in third["items"]] == bots[:1]
    assert third["next_cursor"] is None


@pytest.mark.parametrize("path", ["/v1/bots", "/v1/orders", "/v1/fills"])
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=abc", "min_position=-1"])
async def test_a_page_has_bounds(alice: Person, path: str, query: str) -> None:
    assert (await alice.get(f"{path}?{query}")).status_code == 422


async def test_lists_wait_for_a_position_or_say_so(stack: Stack, alice: Person) -> None:
    created = await alice.post("/v1/bots", BOT)
    position = created.headers["Evenkeel-Position"]
    assert len((await alice.get(f"/v1/bots?min_position={position}")).json()["items"]) == 1
    stack.services.views.wait_for = lambda *_, **__: False  # type: ignore[method-assign]
    behind = await alice.get("/v1/bots?min_position=0-99999")
    assert is_problem(behind, 503, "read_models_behind")
    assert behind.headers["Retry-After"] == "1"


async def test_balances_at_a_past_moment(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("100 USDT")
    noon = stack.services.log.head()
    stack.clock.move_to(START + timedelta(minutes=20))
    await alice.post(f"/v1/paper-accounts/{account}/deposits", {"amount": "11", "asset": "USDT"})
    for at, total in (
        (str(noon), "100"),
        (str(noon.id), "100"),
        ("2026-03-01T12:10:00Z", "100"),
        ("2026-03-01T13:10:00+01:00", "100"),  # the plus sign arrives as a space
        ("2026-03-01T12:20:00Z", "111"),
        ("2026-03-01T12:21:00Z", "111"),  # a minute after now: clocks differ
    ):
        items = (await alice.get(f"/v1/wallets?at={at}")).json()["items"]
        assert [item["total"] for item in items] == [total], at
    assert (await alice.get("/v1/wallets?at=0-0")).json()["items"] == []
    before = (await alice.get(f"/v1/books/{account}/balances?at={noon}")).json()
    assert {line["account"]: line["amount"] for line in before["balances"]} == {
        "owner:available": "-100",
        f"custody:{account}": "100",
    }
    for at in ("yesterday", "2026-03-01T12:00:00", "0-", "-1", "0-999999"):
        assert is_problem(await alice.get(f"/v1/wallets?at={at}"), 422, "invalid_value")


async def test_what_has_not_happened_yet_is_refused_not_taken_for_now(alice: Person) -> None:
    account, bot = await alice.paper_account("100 USDT"), await alice.bot()
    for path in (
        "/v1/wallets",
        f"/v1/books/{account}/balances",
        f"/v1/books/{account}/trial-balance",
        f"/v1/bots/{bot}/performance",
    ):
        refused = await alice.get(f"{path}?at=2030-01-01T00:00:00Z")
        assert is_problem(refused, 422, "invalid_value"), path
        assert refused.json()["data"]["field"] == "at"
        assert "is in the future, it is 2026-03-01T12:00:00Z now" in refused.json()["detail"]


async def test_paper_accounts_have_the_wallets_that_the_list_of_wallets_has(alice: Person) -> None:
    account = await alice.paper_account("100 USDT")
    await alice.bot(paper_account_id=account)
    listed = (await alice.get("/v1/wallets")).json()["items"]
    assert [(wallet["asset"], wallet["total"]) for wallet in listed] == [
        ("BTC.PAPER", "0"),  # of a bot that has not bought yet
        ("USDT.PAPER", "100"),
    ]
    (one,) = (await alice.get("/v1/paper-accounts")).json()["items"]
    assert one["wallets"] == listed
    assert (await alice.get(f"/v1/paper-accounts/{account}")).json()["wallets"] == listed


async def test_a_round_trip_is_seen_to_the_last_cent(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("1000 USDT", base_scale="8", quote_scale="8")
    bot = await alice.bot(paper_account_id=account, allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    bought = trade(stack, bot, "buy", HOUR, "100")
    middle = str(stack.services.log.head())
    performance = (await alice.get(f"/v1/bots/{bot}/performance")).json()
    assert performance["mark_from"] == "candle"
    assert performance["mark_price"] == "100"
    assert (performance["buys"], performance["sells"]) == (1, 0)
    held, fees = Decimal(performance["position_base"]), Decimal(performance["fees"]["USDT.PAPER"])
    assert held > 0
    assert Decimal(performance["profit"]) == -fees

    sold = trade(stack, bot, "sell", HOUR + 4, "110")
    after = (await alice.get(f"/v1/bots/{bot}/performance")).json()
    assert (after["position_base"], after["sells"], after["unrealised"]) == ("0", 1, "0")
    assert Decimal(after["realised"]) == Decimal(after["profit"])
    assert Decimal(after["profit"]) == held * 10 - Decimal(after["fees"]["USDT.PAPER"])
    assert Decimal(after["equity"]) == 500 + Decimal(after["profit"])
    wallet = (await alice.get("/v1/wallets")).json()["items"]
    usdt = next(item for item in wallet if item["asset"] == "USDT.PAPER")
    assert Decimal(usdt["total"]) == 1000 + Decimal(after["profit"])
    then = (await alice.get(f"/v1/bots/{bot}/performance?at={middle}")).json()
    assert (then["buys"], then["sells"], then["position_base"]) == (1, 0, performance["position_base"])

    orders = (await alice.get(f"/v1/bots/{bot}/orders")).json()["items"]
    assert [item["client_order_id"] for item in orders] == [sold, bought]
    assert (await alice.get("/v1/orders")).json()["items"] == orders
    one = (await alice.get(f"/v1/orders/{bought}")).json()
    assert {name: one[name] for name in one if name != "updated_at"} == {
        name: orders[1][name] for name in one if name != "updated_at"
    }
    fills = (await alice.get(f"/v1/bots/{bot}/fills")).json()["items"]
    assert [item["side"] for item in fills] == ["sell", "buy"]
    assert (await alice.get("/v1/fills")).json()["items"] == fills
    signals = (await alice.get(f"/v1/bots/{bot}/signals")).json()["items"]
    assert [item["client_order_id"] for item in signals] == [sold, bought]
    entries = (await alice.get(f"/v1/books/{account}/entries?limit=200")).json()["items"]
    for entry in entries:
        sums: dict[str, Decimal] = {}
        for leg in entry["postings"]:
            sums[leg["asset"]] = sums.get(leg["asset"], Decimal(0)) + Decimal(leg["amount"])
        assert not any(sums.values()), entry
    operator = await stack.person("operator@example.org", "operator")
    trial = (await operator.get("/v1/platform/trial-balance")).json()
    assert trial["balanced"] is True
    assert (await operator.get("/v1/platform/totals")).json()["items"] == trial["lines"]
    assert (await operator.get("/v1/platform/health")).json() == {"checks": ["database"]}


async def test_an_order_has_what_the_venue_booked_in_the_list_and_by_itself(
    stack: Stack, alice: Person
) -> None:
    account = await alice.paper_account("1000 USDT", base_scale="8", quote_scale="2")
    bot = await alice.bot(paper_account_id=account, allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    bought = trade(stack, bot, "buy", HOUR, "97.31")
    (listed,) = (await alice.get("/v1/orders")).json()["items"]
    assert len(listed["filled_quote"].partition(".")[2]) <= 2
    assert (await alice.get(f"/v1/orders/{bought}")).json()["filled_quote"] == listed["filled_quote"]


async def test_candles_come_in_pages(stack: Stack, alice: Person) -> None:
    stack.candles.save(
        Series("binance", "BTC/USDT", "1h"), [candle(number, str(100 + number)) for number in range(5)]
    )
    assert (await alice.get("/v1/candles")).json()["items"][0]["candles"] == 5
    path = "/v1/candles/binance/BTC/USDT?interval=1h"
    first = (await alice.get(f"{path}&limit=3&from={HOUR_MS}")).json()
    assert [item["close"] for item in first["items"]] == ["101", "102", "103"]
    rest = (await alice.get(f"{path}&from={first['next_from']}&until=1970-01-01T04:00:00Z")).json()
    assert (rest["items"], rest["next_from"]) == ([], None)
    rest = (await alice.get(f"{path}&from={first['next_from']}")).json()
    assert [item["close"] for item in rest["items"]] == ["104"]
    missing = await alice.get("/v1/candles/binance/ETH/USDT?interval=1h")
    assert is_problem(missing, 404, "unknown_series")
    for query in ("", "?interval=7m", "?interval=1h&from=x", "?interval=1h&limit=1001"):
        assert (await alice.get(f"/v1/candles/binance/BTC/USDT{query}")).status_code == 422


async def test_the_log_is_paged_backwards_without_gaps(stack: Stack, operator: Person, alice: Person) -> None:
    await alice.paper_account("5 USDT")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await operator.get(f"/v1/log?limit=2{f'&cursor={cursor}' if cursor else ''}")).json()
        seen += [line["position"] for line in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(recorded.position) for recorded in stack.services.log.read()][::-1]


async def test_a_bot_on_candles_that_are_not_there_is_created_with_a_warning(
    stack: Stack, alice: Person
) -> None:
    key = new_key()
    made = await alice.post("/v1/bots", BOT, key=key)
    assert made.status_code == 201
    (warning,) = made.json()["warnings"]
    assert "no candles of binance BTC/USDT 1h" in warning
    assert "evenkeel data import" in warning
    path = made.headers["Location"]
    assert (await alice.get(path)).json()["warnings"] == [warning]
    live = await alice.post("/v1/bots", {**BOT, "source": "synthetic"})
    assert live.json()["warnings"] == []

    stack.candles.save(Series("binance", "BTC/USDT", "1h"), [candle(1, "100")])

    assert (await alice.get(path)).json()["warnings"] == []
    assert (await alice.post("/v1/bots", BOT)).json()["warnings"] == []
    assert (await alice.post("/v1/bots", BOT, key=key)).content == made.content
