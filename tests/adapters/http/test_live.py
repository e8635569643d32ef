"""The LIVE gate over HTTP, and that paper never comes near a venue."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from application.accounts.sign_in import token_hash
from application.ports.step_up import mode_act
from tests.adapters.http.stack import BOT, PASSWORD, Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.adapters.http.test_venue_accounts import SENT, connected

WHY = "a month on paper went well"


async def venue_bot(person: Person, stack: Stack, **fields: Any) -> str:
    """A bot on a connected account that has 1,000 USDT."""
    stack.inspector.balances = {"USDT": Decimal(1_000)}
    stack.gate.facts.held = {"USDT": Decimal(1_000)}
    account = await connected(person)
    assert (await person.post(f"/v1/venue-accounts/{account}/keys", SENT)).status_code == 201
    return await person.bot(venue_account_id=account, stop_loss_bps=500, **fields)


async def approved(person: Person, operator: Person) -> None:
    asked = await person.post("/v1/accounts/me/live-trading-requests", {"reason": WHY})
    assert asked.json()["live_trading"] == "requested"
    path = f"/v1/accounts/{person.account_id}/live-trading-approvals"
    assert (await operator.post(path, {"reason": WHY})).json()["live_trading"] == "approved"


async def stepped_up(person: Person, bot: str, act: dict[str, str], password: str = PASSWORD) -> Any:
    body = {"password": password, "bot_id": bot, "act": act}
    return await person.post("/v1/sessions/current/step-ups", body)


async def test_a_bot_on_a_venue_account_observes_and_says_so(alice: Person, stack: Stack) -> None:
    bot = await venue_bot(alice, stack, allocation_asset="USDT")
    shown = (await alice.get(f"/v1/bots/{bot}")).json()
    assert (shown["mode"], shown["paper_account_id"], shown["venue"]) == ("OBSERVE", "", "binance")
    assert shown["venue_account_id"].startswith("binance.main.")
    assert shown["allocation_asset"] == "USDT"  # money, not paper money
    (listed,) = (await alice.get("/v1/bots")).json()["items"]
    assert {name: shown[name] for name in listed} == listed
    (mode,) = (await alice.get(f"/v1/bots/{bot}/modes")).json()["items"]
    assert (mode["from_mode"], mode["to_mode"], mode["changed_by"]) == ("", "OBSERVE", alice.account_id)


async def test_paper_codes_are_for_paper_and_only_there(alice: Person, stack: Stack) -> None:
    """Safety #43: the codes at the edges are those of the purse."""
    bot = await venue_bot(alice, stack)
    account = (await alice.get(f"/v1/bots/{bot}")).json()["venue_account_id"]
    path = f"/v1/bots/{bot}/deallocations"
    paper = {"amount": "1", "asset": "USDT.PAPER"}
    assert is_problem(await alice.post(path, paper), 422, "invalid_value")
    taken = await alice.post(path, {"amount": "1", "asset": "USDT"})
    assert (taken.json()["allocated"], taken.json()["allocation_asset"]) == ("499", "USDT")
    wrong = {**BOT, "venue_account_id": account, "allocation_asset": "USDT.PAPER"}
    assert is_problem(await alice.post("/v1/bots", wrong), 422, "invalid_value")
    both = {**BOT, "venue_account_id": account, "paper_account_id": "x"}
    assert is_problem(await alice.post("/v1/bots", both), 422, "invalid_value")


async def test_every_paper_route_makes_no_call_to_a_venue(alice: Person, bob: Person, stack: Stack) -> None:
    """Safety #43: what a paper owner can do asks no venue, whatever it is."""
    mine = await alice.paper_account("1000 USDT")
    theirs = await bob.paper_account("1 USDT")
    bot = await alice.bot(paper_account_id=mine)
    posts = {
        f"/v1/paper-accounts/{mine}/deposits": {"amount": "5", "asset": "USDT"},
        f"/v1/bots/{bot}/starts": {},
        f"/v1/bots/{bot}/pauses": {},
        f"/v1/bots/{bot}/resumes": {},
        f"/v1/bots/{bot}/stops": {},
        f"/v1/bots/{bot}/allocations": {"amount": "5", "asset": "USDT"},
        f"/v1/bots/{bot}/deallocations": {"amount": "5", "asset": "USDT.PAPER"},
        f"/v1/bots/{bot}/modes": {"to": "OBSERVE", "reason": "x"},
        "/v1/transfers": {
            "paper_account_id": mine,
            "to_account_id": bob.account_id,
            "to_paper_account_id": theirs,
            "amount": "1",
            "asset": "USDT",
        },
        f"/v1/paper-accounts/{mine}/resets": {},
    }
    stack.client.event_hooks = {}  # what a transfer answers is documented by its own tests
    statuses = {path: (await alice.post(path, body)).status_code for path, body in posts.items()}
    assert statuses.pop(f"/v1/bots/{bot}/modes") == 409
    assert all(status < 300 for status in statuses.values()), statuses
    for path in (
        "/v1/bots", f"/v1/bots/{bot}", f"/v1/bots/{bot}/performance", f"/v1/bots/{bot}/signals",
        "/v1/orders", "/v1/fills", "/v1/wallets", "/v1/paper-accounts", f"/v1/books/{mine}/balances",
    ):  # fmt: skip
        assert (await alice.get(path)).status_code == 200, path
    assert (stack.inspector.asked, stack.gate.facts.asked) == ([], [])
    assert (await alice.get(f"/v1/bots/{bot}")).json()["mode"] == "PAPER"


async def test_the_whole_way_to_live(alice: Person, stack: Stack) -> None:
    operator = await stack.person("op@example.org", "operator")
    bot = await venue_bot(alice, stack)
    await approved(alice, operator)
    (listed,) = (await operator.get("/v1/admin/live-trading")).json()["items"]
    assert listed == {"account_id": alice.account_id, "live_trading": "approved"}
    assert (await alice.get("/v1/accounts/me")).json()["live_trading"] == "approved"

    report = (await alice.post(f"/v1/bots/{bot}/preflights")).json()
    failed = [check["name"] for check in report["checks"] if check["verdict"] == "FAIL"]
    assert (report["verdict"], failed) == ("NO-GO", ["paper_validation"])
    act = {"to": "LIVE", "reason": WHY, "preflight_id": report["preflight_id"]}
    blocked = await alice.post(f"/v1/bots/{bot}/modes", act)
    assert is_problem(blocked, 409, "preflight_failed")
    assert blocked.json()["data"]["failed"] == "paper_validation"
    assert (await alice.get(f"/v1/bots/{bot}/preflights")).json()["items"] == [report]

    await alice.bot(paper_account_id=await alice.paper_account("1000 USDT"))  # its twin on paper
    again = (await alice.post(f"/v1/bots/{bot}/preflights")).json()
    assert again["verdict"] == "GO", again
    act = {"to": "LIVE", "reason": WHY, "preflight_id": again["preflight_id"]}
    path, key = f"/v1/bots/{bot}/modes", new_key()
    assert is_problem(await alice.post(path, act), 403, "step_up_needed")
    assert (await stepped_up(alice, bot, {**act, "reason": "another"})).status_code == 201
    assert is_problem(await alice.post(path, act), 403, "step_up_needed")
    assert (await stepped_up(alice, bot, act)).status_code == 201
    elsewhere = await stack.signed_in(alice.email, alice.account_id)
    assert is_problem(await elsewhere.post(path, act), 403, "step_up_needed")
    live = await alice.post(path, act, key=key)
    assert (live.status_code, live.json()["mode"]) == (200, "LIVE")
    stack.clock.move_to(stack.clock.now() + timedelta(minutes=6))
    replay = await alice.post(path, act, key=key)  # the step-up is too old by now: it is the first answer
    assert (replay.json(), replay.headers["Idempotent-Replayed"]) == (live.json(), "true")


async def test_a_test_venue_needs_a_preflight_and_nobodys_approval(alice: Person, stack: Stack) -> None:
    stack.inspector.balances = stack.gate.facts.held = {"USDT": Decimal(1_000)}
    made = await alice.post("/v1/venue-accounts", {"venue": "simulator"})
    account = made.json()["venue_account_id"]
    await alice.post(f"/v1/venue-accounts/{account}/keys", SENT)
    bot = await alice.bot(venue_account_id=account, stop_loss_bps=500)
    report = (await alice.post(f"/v1/bots/{bot}/preflights", {"for_mode": "TESTNET"})).json()
    assert report["verdict"] == "GO", report
    act = {"to": "TESTNET", "reason": WHY, "preflight_id": report["preflight_id"]}
    assert (await alice.post(f"/v1/bots/{bot}/modes", act)).json()["mode"] == "TESTNET"
    modes = (await alice.get(f"/v1/bots/{bot}/modes")).json()["items"]
    assert (modes[0]["to_mode"], modes[0]["reason"]) == ("TESTNET", WHY)
    assert modes[0]["asked_from"] == f"api {alice.session_id}"
    back = await alice.post(f"/v1/bots/{bot}/modes", {"to": "OBSERVE", "reason": "enough"})
    assert back.json()["mode"] == "OBSERVE"


async def test_nobody_approves_themselves_or_without_the_role(
    alice: Person, bob: Person, stack: Stack
) -> None:
    """Safety §1, four eyes; §2.38, 42."""
    operator = await stack.person("op@example.org", "operator")
    for person in (alice, operator):
        await person.post("/v1/accounts/me/live-trading-requests", {"reason": WHY})
    own = f"/v1/accounts/{operator.account_id}/live-trading-approvals"
    assert is_problem(await operator.post(own, {"reason": WHY}), 403, "second_person_needed")
    path = f"/v1/accounts/{alice.account_id}"
    for person in (alice, bob):
        for step in ("approvals", "revocations"):
            answer = await person.post(f"{path}/live-trading-{step}", {"reason": WHY})
            assert is_problem(answer, 403, "forbidden")
    assert is_problem(await alice.get("/v1/admin/live-trading"), 403, "forbidden")
    revoked = await operator.post(f"{path}/live-trading-revocations", {"reason": "declined"})
    assert revoked.json()["live_trading"] == "none"
    again = await operator.post(f"{path}/live-trading-approvals", {"reason": WHY})
    assert is_problem(again, 409, "live_trading_not_requested")


async def test_a_step_up_is_the_right_password_for_one_act_in_one_session(
    alice: Person, stack: Stack
) -> None:
    """Safety §2.32."""
    act = {"to": "LIVE", "reason": WHY, "preflight_id": "p"}
    assert is_problem(await stepped_up(alice, "b", act, "wrong"), 401, "bad_credentials")
    right = await stepped_up(alice, "b", act)
    assert right.status_code == 201
    proofs = stack.services.step_up
    other = await stack.signed_in(alice.email, alice.account_id)
    digest = mode_act("b", "LIVE", "p", WHY)
    found = proofs.proof(session_sha256=token_hash(alice.token), act_sha256=digest)
    assert found is not None
    assert found.step_up_id == right.json()["step_up_id"]
    assert found.address
    assert proofs.proof(session_sha256=token_hash(other.token), act_sha256=digest) is None
    another = mode_act("b", "LIVE", "another", WHY)
    assert proofs.proof(session_sha256=token_hash(alice.token), act_sha256=another) is None


async def test_guesses_at_the_password_are_limited(alice: Person, stack: Stack) -> None:
    """Safety §2.8."""
    act = {"to": "LIVE", "reason": WHY}
    answers = [(await stepped_up(alice, "b", act, f"wrong {n}")).status_code for n in range(12)]
    assert answers[0] == 401
    assert answers[-1] == 429
    stack.clock.move_to(stack.clock.now() + timedelta(minutes=20))
    assert (await stepped_up(alice, "b", act)).status_code == 201


@pytest.mark.parametrize("path", ["preflights", "modes"])
async def test_somebody_elses_bot_is_as_good_as_missing(
    alice: Person, bob: Person, stack: Stack, path: str
) -> None:
    """Safety §2.37."""
    bot = await venue_bot(alice, stack)
    body = {"to": "OBSERVE", "reason": "x"} if path == "modes" else {}
    for named in (bot, "bot-nobody"):
        assert is_problem(await bob.post(f"/v1/bots/{named}/{path}", body), 404, "unknown_bot")
        assert is_problem(await bob.get(f"/v1/bots/{named}/{path}"), 404, "unknown_bot")
    paper = {"amount": "1", "asset": "USDT.PAPER"}
    for named in (bot, "bot-nobody"):
        assert is_problem(await bob.post(f"/v1/bots/{named}/allocations", paper), 404, "unknown_bot")
    account = (await alice.get(f"/v1/bots/{bot}")).json()["venue_account_id"]
    answer = await bob.post("/v1/bots", {**BOT, "venue_account_id": account})
    assert is_problem(answer, 404, "unknown_venue_account")


async def test_no_password_is_logged_or_answered(
    alice: Person, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    """Safety §2.67."""
    caplog.set_level("DEBUG")
    act = {"to": "LIVE", "reason": WHY}
    answers = [await stepped_up(alice, "b", act), await stepped_up(alice, "b", act, "never to be seen")]
    seen = "".join(answer.text for answer in answers) + caplog.text
    seen += str([record.__dict__ for record in caplog.records])
    seen += str([recorded.event for recorded in stack.services.log.read()])
    for secret in (PASSWORD, "never to be seen"):
        assert secret not in seen
