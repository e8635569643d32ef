"""Holds of their own: placed, settled in parts, released, and ended by time once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adapters.persistence.read_models import MemoryReadModels
from application.ledger.expire_holds import ExpireHolds
from application.ledger.holds import ExpireHold, PlaceHold, ReleaseHold, SettleHold
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.paper.accounts import ResetPaperBook
from application.queries.holds import holds_page
from application.queries.moments import Moment
from application.queries.totals import totals_of
from application.rehearsal import rehearse
from domain.errors import InvalidValue
from domain.money import Money
from tests.application.harness import Store, signal, with_paper_account, with_running_bot
from tests.builders import START, at, usdt

HOUR = timedelta(hours=1)


def place(
    amount: str = "60", *, expires_at: datetime | None = START + HOUR, hold_id: str = "hold-1"
) -> PlaceHold:
    return PlaceHold(
        hold_id=hold_id,
        book_id="book-1",
        amount=usdt(amount),
        reason="a dispute",
        expires_at=expires_at,
        metadata={"case": "7"},
    )


def settle(
    amount: Money | None = None, *, to: str = "revenue:dispute", book_id: str = "book-1"
) -> SettleHold:
    return SettleHold(hold_id="hold-1", book_id=book_id, to=to, reason="lost", amount=amount)


def release(hold_id: str = "hold-1") -> ReleaseHold:
    return ReleaseHold(hold_id=hold_id, book_id="book-1", reason="won")


def with_hold(amount: str = "60", *, expires_at: datetime | None = START + HOUR) -> Store:
    store = with_paper_account(usdt("100"))
    store.do(place(amount, expires_at=expires_at))
    return store


def test_a_hold_is_settled_in_parts_and_the_rest_released() -> None:
    store = with_hold()
    assert (store.owed("owner:available"), store.owed("owner:held:hold-1")) == ("40 USDT", "60 USDT")

    part = store.do(settle(usdt("25")))
    assert (part["status"], part["left"]) == ("open", "35 USDT")
    assert part["entries"][0]["entry_id"] == "settlement:hold-1:1"
    store.do(settle(usdt("5"), to="custody:book-1"))
    done = store.do(release())

    assert (done["status"], done["left"], done["entries"][0]["kind"]) == ("released", "0 USDT", "release")
    assert store.owed("owner:available") == "70 USDT"
    assert store.owed("revenue:dispute") == "25 USDT"
    assert store.refused(settle()) == ("hold_not_open", {"hold_id": "hold-1", "status": "released"})
    assert store.refused(release())[0] == "hold_not_open"


def test_without_an_amount_all_that_is_left_is_settled() -> None:
    store = with_hold()
    store.do(settle(usdt("25")))
    assert store.do(settle())["status"] == "settled"
    assert store.owed("revenue:dispute") == "60 USDT"
    assert store.refused(release())[1]["status"] == "settled"


def test_a_hold_is_settled_until_its_time_and_not_at_it() -> None:
    store = with_hold()
    store.clock.move_to(START + HOUR - timedelta(microseconds=1))
    store.do(settle(usdt("1")))
    store.clock.move_to(START + HOUR)

    code, data = store.refused(settle(usdt("1")))

    assert (code, data["expired_at"]) == ("hold_expired", (START + HOUR).isoformat())
    assert store.do(release())["status"] == "released"  # what is left is the owner's, whoever is first


def test_what_is_left_when_the_time_is_over_goes_back_once() -> None:
    store = with_hold()
    store.do(settle(usdt("20")))
    store.do(place("10", expires_at=None, hold_id="hold-2"))
    look = ExpireHolds(MemoryReadModels(store.log), store.bus, store.clock)
    assert look() == 0
    store.clock.move_to(START + 2 * HOUR)

    assert (look(), look()) == (1, 0)

    assert store.owed("owner:available") == "70 USDT"
    assert store.owed("owner:held:hold-2") == "10 USDT"
    assert store.names("hold:hold-1")[-1] == "holds.hold_released"
    # another process that looked at the same moment, under an id of its own
    head = store.log.head()
    assert store.do(ExpireHold(hold_id="hold-1"))["entries"] == []
    assert store.log.head() == head


def test_a_look_that_came_too_early_is_not_the_last_one() -> None:
    """The clock of the one who looks may be ahead of the one who decides."""
    store = with_hold()
    ahead = type(store.clock)(START + 2 * HOUR)
    assert ExpireHolds(MemoryReadModels(store.log), store.bus, ahead)() == 0
    store.clock.move_to(START + 2 * HOUR)
    assert ExpireHolds(MemoryReadModels(store.log), store.bus, store.clock)() == 1


def test_an_orders_hold_never_ends_by_itself() -> None:
    store = with_running_bot()
    order_id = str(store.do(signal())["client_order_id"])
    held = store.owed(f"owner:held:{order_id}")
    store.clock.move_to(START + timedelta(days=1000))

    assert ExpireHolds(MemoryReadModels(store.log), store.bus, store.clock)() == 0
    assert store.do(ExpireHold(hold_id=order_id))["entries"] == []

    assert store.owed(f"owner:held:{order_id}") == held
    assert store.refused(release(order_id))[0] == "unknown_hold"
    assert store.refused(place("1", hold_id=order_id))[0] == "invalid_value"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (settle(book_id="book-9"), "unknown_book"),
        (release("hold-9"), "unknown_hold"),
        (settle(to="owner:available"), "invalid_value"),
        (settle(to="owner:bot:bot-1"), "invalid_value"),
        (settle(to="custody:other"), "invalid_value"),
        (settle(to="equity:adjustment"), "invalid_value"),
        (settle(usdt("0")), "invalid_value"),
        (settle(usdt("-1")), "invalid_value"),
        (settle(usdt("61")), "insufficient_funds"),
        (settle(Money(usdt("1").amount, "BTC")), "insufficient_funds"),
        (place("1"), "invalid_value"),  # the id is taken
        (place("41", hold_id="hold-2"), "insufficient_funds"),
        (place("0", hold_id="hold-2"), "invalid_value"),
        (place("1", hold_id="hold-2", expires_at=START), "invalid_value"),
    ],
)
def test_refusals(command: PlaceHold | SettleHold | ReleaseHold, code: str) -> None:
    assert with_hold().refused(command)[0] == code


def test_a_settlement_that_is_taken_back_stands_on_hold_again_while_the_hold_is_open() -> None:
    store = with_hold()
    store.do(settle(usdt("25")))
    entry = posted_entry(store.log, "book-1", "settlement:hold-1:1")

    store.do(ReverseEntry("book-1", entry, "the court changed its mind"))

    assert store.owed("owner:held:hold-1") == "60 USDT"
    assert store.do(settle())["entries"][0]["entry_id"] == "settlement:hold-1:2"


def test_a_settlement_that_is_taken_back_later_goes_to_its_owner() -> None:
    store = with_hold()
    store.do(settle())
    entry = posted_entry(store.log, "book-1", "settlement:hold-1:1")

    answer = store.do(ReverseEntry("book-1", entry, "the court changed its mind"))

    assert [one["kind"] for one in answer["entries"]] == ["reversal", "release"]
    assert (store.owed("owner:available"), store.owed("owner:held:hold-1")) == ("100 USDT", "0 USDT")


def test_a_hold_itself_is_not_reversed() -> None:
    store = with_hold()
    entry = posted_entry(store.log, "book-1", "hold:hold-1")
    assert store.refused(ReverseEntry("book-1", entry, "x"))[0] == "entry_not_reversible"


def test_in_a_closed_book_what_is_held_is_released_and_not_settled() -> None:
    store = with_hold()
    store.do(ResetPaperBook("book-1", "book-2", "acc-1", ()))
    assert store.refused(settle())[0] == "book_not_open"
    assert store.do(release())["status"] == "released"
    assert store.refused(place("1", hold_id="hold-2"))[0] == "book_not_open"


def test_dry_runs_append_nothing() -> None:
    store = with_hold()
    for command in (place("1", hold_id="hold-2"), settle(usdt("1")), release()):
        head = store.log.head()
        told = rehearse(store.log, store.clock, command)
        assert store.log.head() == head
        assert told == {**store.do(command), "dry_run": True}


def test_holds_are_listed_with_what_is_left() -> None:
    store = with_hold()
    store.do(place("10", expires_at=None, hold_id="hold-2"))
    store.do(settle(usdt("25")))
    views = MemoryReadModels(store.log)

    second, first = holds_page(views, book_id="book-1").rows
    assert (first.amount, first.left, first.asset, first.status) == ("60", "35", "USDT.PAPER", "open")
    assert (second.left, second.expires_at) == ("10", None)
    store.do(release("hold-2"))
    (open_one,) = holds_page(views, status="open").rows
    assert open_one.hold_id == "hold-1"
    assert holds_page(views, book_id="book-9").rows == []
    with pytest.raises(InvalidValue, match="status"):
        holds_page(views, status="odd")


def test_totals_say_what_is_owed_now_and_at_any_past_place() -> None:
    store = with_hold()
    views = MemoryReadModels(store.log)
    before = store.log.head()
    store.clock.move_to(at(60))
    store.do(settle(usdt("25")))

    now, then, never = (
        totals_of(store.log, views, moment) for moment in (None, Moment(before), Moment(type(before)(id=1)))
    )

    (line,) = now.totals
    assert (line.owed, line.available, line.held, line.revenue, line.custody) == (
        "75",
        "40",
        "35",
        "25",
        "100",
    )
    (line,) = then.totals
    assert (line.asset, line.owed, line.held, line.revenue, line.custody) == (
        "USDT.PAPER",
        "100",
        "60",
        "0",
        "100",
    )
    assert now.balanced
    assert (never.totals, never.balanced) == ([], True)
