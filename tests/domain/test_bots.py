"""A bot's life, its one signal a candle, and what a guardrail leaves as it was."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.bots.bot import NEWEST_GRACE_MS, STALE_GRACE_MS, Bot
from domain.bots.errors import NothingAllocated
from domain.bots.events import BotEvent, BotTerms, SignalRaised
from domain.errors import DomainError
from domain.orders.order import client_order_id
from tests.builders import HOUR_MS, at, bot_terms, folded, money

Step = Callable[[Bot], Sequence[BotEvent]]
STEPS: dict[str, Step] = {
    "create": lambda b: create(b),
    "start": lambda b: b.start(after_candle_ms=None, at=at()),
    "pause": lambda b: b.pause(reason="lunch", at=at()),
    "resume": lambda b: b.resume(after_candle_ms=5, at=at()),
    "stop": lambda b: b.stop(reason="done", at=at()),
    "signal": lambda b: signal(b, 100),
}


def create(bot: Bot, terms: BotTerms | None = None, *, owner_id: str = "acc-1") -> Sequence[BotEvent]:
    return bot.create(
        bot_id="bot-1",
        owner_id=owner_id,
        book_id="book-1",
        venue_account="paper",
        terms=terms or bot_terms(),
        at=at(),
    )


def signal(bot: Bot, candle_ms: int, side: str = "buy") -> Sequence[BotEvent]:
    return bot.raise_signal(side=side, candle_open_time_ms=candle_ms, price=Decimal(1), why="x", at=at())


def after(*steps: str) -> Bot:
    bot = Bot(bot_id="bot-1")
    for step in steps:
        bot = folded(bot, STEPS[step](bot))
    return bot


RUNNING = after("create", "start")
# state: command -> the status after, or the refusal's code
MATRIX: dict[str, tuple[Bot, dict[str, str]]] = {
    "nothing": (
        Bot(bot_id="bot-1"),
        {
            "create": "created",
            "start": "unknown_bot",
            "pause": "unknown_bot",
            "resume": "unknown_bot",
            "stop": "unknown_bot",
            "signal": "unknown_bot",
        },
    ),
    "created": (
        after("create"),
        {
            "create": "same",
            "start": "running",
            "pause": "bot_wrong_state",
            "resume": "bot_wrong_state",
            "stop": "stopped",
            "signal": "bot_not_running",
        },
    ),
    "running": (
        RUNNING,
        {
            "create": "same",
            "start": "same",
            "pause": "paused",
            "resume": "same",
            "stop": "stopped",
            "signal": "running",
        },
    ),
    "paused": (
        after("create", "start", "pause"),
        {
            "create": "same",
            "start": "bot_wrong_state",
            "pause": "same",
            "resume": "running",
            "stop": "stopped",
            "signal": "bot_not_running",
        },
    ),
    "stopped": (
        after("create", "start", "stop"),
        {
            "create": "same",
            "start": "running",
            "pause": "bot_wrong_state",
            "resume": "bot_wrong_state",
            "stop": "same",
            "signal": "bot_not_running",
        },
    ),
}


@pytest.mark.parametrize(("state", "command"), list(itertools.product(MATRIX, STEPS)))
def test_in_every_state_every_command_leads_here(state: str, command: str) -> None:
    bot, expected = MATRIX[state]
    if "_" in expected[command]:
        with pytest.raises(DomainError) as refusal:
            STEPS[command](bot)
        assert refusal.value.code == expected[command]
        assert refusal.value.data["bot_id"] == "bot-1"
    elif expected[command] == "same":
        assert STEPS[command](bot) == []
    else:
        (event,) = STEPS[command](bot)
        assert folded(bot, [event]).status == expected[command]


def test_a_wrong_step_says_from_where_it_is_possible() -> None:
    with pytest.raises(DomainError) as refusal:
        STEPS["start"](MATRIX["paused"][0])

    assert refusal.value.data == {
        "bot_id": "bot-1",
        "status": "paused",
        "step": "start",
        "allowed_from": "created or stopped",
    }


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (bot_terms(name=" "), "name"),
        (bot_terms(name="x" * 81), "name"),
        (bot_terms(symbol="BTCUSDT"), "symbol"),
        (bot_terms(symbol="BTC/BTC"), "symbol"),
        (bot_terms(symbol="BTC/"), "symbol"),
        (bot_terms(interval="7m"), "interval"),
        (bot_terms(allocation="-1 USDT"), "allocation"),
        (bot_terms(allocation="1e18 USDT"), "allocation"),
        (bot_terms(allocation="NaN USDT"), "allocation"),
        (bot_terms(allocation="1 BTC"), "allocation"),
        (bot_terms(allocation="1 EUR"), "allocation"),
        (bot_terms(most="0"), "max_order_notional"),
        (bot_terms(most="-5"), "max_order_notional"),
        (bot_terms(most="NaN"), "max_order_notional"),
    ],
)
def test_terms_out_of_range_are_refused_by_field(terms: BotTerms, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        create(Bot(bot_id="bot-1"), terms)

    assert (refusal.value.code, refusal.value.data["field"]) == ("invalid_value", field)


def test_a_bad_value_is_named_before_the_bot_that_exists() -> None:
    with pytest.raises(DomainError) as refusal:
        create(RUNNING, bot_terms(name=""))
    assert refusal.value.code == "invalid_value"


@pytest.mark.parametrize(
    "change", [lambda: create(RUNNING, bot_terms(name="other")), lambda: create(RUNNING, owner_id="acc-2")]
)
def test_a_bot_id_is_not_used_for_another_bot(change: Callable[[], object]) -> None:
    with pytest.raises(DomainError) as refusal:
        change()
    assert (refusal.value.code, refusal.value.data) == ("bot_exists", {"bot_id": "bot-1"})


def test_a_bot_may_be_given_nothing_yet() -> None:
    assert len(create(Bot(), bot_terms(allocation="0 USDT"))) == 1


def test_a_stopped_bot_starts_a_new_run_with_new_order_ids_for_the_same_candle() -> None:
    first = folded(RUNNING, signal(RUNNING, 100))
    second = folded(first, STEPS["stop"](first))
    second = folded(second, STEPS["start"](second))

    (raised,) = signal(second, 100)

    assert second.run == 2
    assert isinstance(raised, SignalRaised)
    assert raised.signal_id == "bot-1:2:100"
    assert raised.client_order_id == client_order_id("bot-1", 2, 100) != first.last_order_id


def test_a_candle_raises_at_most_one_signal_and_none_after_a_later_one() -> None:
    bot = folded(RUNNING, signal(RUNNING, 100))

    assert signal(bot, 100) == []
    assert signal(bot, 100, "sell") == []
    assert signal(bot, 99) == []
    assert len(signal(bot, 101)) == 1


def test_a_signal_that_was_raised_is_answered_also_after_the_bot_was_stopped() -> None:
    bot = folded(RUNNING, signal(RUNNING, 100))
    assert signal(folded(bot, STEPS["stop"](bot)), 100) == []


def test_a_pause_does_not_forget_which_candle_has_signalled() -> None:
    bot = folded(RUNNING, signal(RUNNING, 100))
    bot = folded(bot, STEPS["pause"](bot))
    bot = folded(bot, STEPS["resume"](bot))

    assert (bot.after_candle_ms, signal(bot, 100)) == (5, [])


def test_a_side_that_is_neither_buy_nor_sell_is_refused() -> None:
    with pytest.raises(DomainError) as refusal:
        signal(RUNNING, 1, "hold")
    assert (refusal.value.code, refusal.value.data["field"]) == ("invalid_value", "side")


def test_a_tripped_guardrail_keeps_the_order_before_it_as_the_last_one() -> None:
    bot = folded(RUNNING, signal(RUNNING, 100))
    traded = bot.last_order_id
    for candle_ms in (101, 102):
        bot = folded(bot, signal(bot, candle_ms))
        refusal = NothingAllocated(asset="USDT")
        tripped = bot.trip(refusal, candle_open_time_ms=candle_ms, at=at())
        bot = folded(bot, tripped)
        assert tripped[0].guardrail == "nothing_allocated"  # type: ignore[union-attr]
        assert tripped[0].detail == str(refusal)  # type: ignore[union-attr]

        assert (bot.last_order_id, bot.last_signal_candle_ms) == (traded, candle_ms)
    bot = folded(bot, signal(bot, 103))
    assert bot.last_order_id == client_order_id("bot-1", 1, 103)


@pytest.mark.parametrize(
    ("age_ms", "is_stale"),
    [(0, False), (-HOUR_MS, False), (HOUR_MS + STALE_GRACE_MS, False), (HOUR_MS + STALE_GRACE_MS + 1, True)],
)
def test_a_candle_is_traded_on_until_one_interval_and_the_grace_after_its_close(
    age_ms: int, is_stale: bool
) -> None:
    now = 10 * HOUR_MS + HOUR_MS + age_ms
    if not is_stale:
        RUNNING.require_fresh(candle_open_time_ms=10 * HOUR_MS, feed_now_ms=now)
        return
    with pytest.raises(DomainError) as refusal:
        RUNNING.require_fresh(candle_open_time_ms=10 * HOUR_MS, feed_now_ms=now)
    assert refusal.value.code == "stale_data"
    assert refusal.value.data == {"age_ms": str(age_ms), "limit_ms": str(HOUR_MS + STALE_GRACE_MS)}


@pytest.mark.parametrize(("late_ms", "is_stale"), [(0, False), (1, True)])
def test_at_a_real_venue_only_the_newest_candle_is_traded_on(late_ms: int, is_stale: bool) -> None:
    """A run that works through what it missed must not trade it all at once, at prices of before."""
    live = replace(RUNNING, mode="LIVE")
    now = 11 * HOUR_MS + HOUR_MS + NEWEST_GRACE_MS + late_ms
    if not is_stale:
        live.require_fresh(candle_open_time_ms=10 * HOUR_MS, feed_now_ms=now)
        return
    with pytest.raises(DomainError) as refusal:
        live.require_fresh(candle_open_time_ms=10 * HOUR_MS, feed_now_ms=now)
    assert refusal.value.data["limit_ms"] == str(HOUR_MS + NEWEST_GRACE_MS)


def test_history_that_todays_rules_would_refuse_still_loads() -> None:
    (created,) = create(Bot())
    old = replace(created, terms=replace(bot_terms(), allocation=money("-5 EUR"), name=""))  # type: ignore[arg-type]
    assert folded(Bot(), [old]).status == "created"
