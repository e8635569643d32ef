"""What a venue says becomes facts, each once; what ends an order gives back what is left of its hold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from application.orders.record_report import (
    RecordReport,
    RecordUnknownOutcome,
    RecordVenueRefusal,
    has_news,
    report_id,
)
from application.orders.review_order import ReviewOrder
from application.ports.exchange import OrderReport
from domain.orders.order import Fill
from tests.application.harness import Store, held_order, with_second_order
from tests.builders import fill, usdt

PARTS = (
    fill("t-1", "0.004", "50000", fee="0.2 USDT"),
    fill("t-2", "0.003", "49000", fee="-0.05 USDT"),
    fill("t-3", "0.003", "50000", fee="0.00001 BTC"),
)


def report(
    status: str, fills: Sequence[Fill] = (), *, venue_order_id: str = "v-1", reason: str = ""
) -> OrderReport:
    return OrderReport(
        client_order_id="o-1", venue_order_id=venue_order_id, status=status, fills=fills, reason=reason
    )


def holding() -> Store:
    return held_order(usdt("501"))


def end_of(store: Store) -> tuple[str, str, str, str, str]:
    """The order's status, what is held, and what the bot has."""
    return (
        store.order("o-1").status,
        str(store.book().held_total("USDT")),
        store.owed("owner:held:o-1"),
        store.owed("owner:bot:bot-1"),
        store.owed("owner:bot:bot-1", "BTC"),
    )


def flags_of(store: Store) -> list[tuple[str, str]]:
    return sorted(store.order("o-1").flags)


FILLED = ("filled", "0 USDT", "0 USDT", "3.85 USDT", "0.00999 BTC")


def test_a_filled_order_settles_every_fill_and_releases_exactly_what_is_left() -> None:
    store = holding()
    result = store.tell(report("filled", PARTS))

    assert end_of(store) == FILLED
    assert result == {
        "client_order_id": "o-1",
        "status": "filled",
        "new_fills": 3,
        "fills_missing": False,
        "base_owed": "0.00999",
    }


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_fills_in_any_order_end_the_same(order: tuple[int, ...]) -> None:
    store = holding()
    store.tell(report("filled", [PARTS[number] for number in order]))
    assert end_of(store) == FILLED


@pytest.mark.parametrize("status", ["open", "filled", "canceled", "rejected"])
def test_the_same_report_twice_changes_nothing(status: str) -> None:
    store = holding()
    told = report(
        status, PARTS if status != "rejected" else (), venue_order_id="" if status == "rejected" else "v-1"
    )
    store.tell(told)
    before = store.log.head()

    again = store.tell(told)

    assert store.log.head() == before
    assert again["new_fills"] == 0


def test_one_fill_twice_in_a_report_is_booked_once() -> None:
    store = holding()
    store.tell(report("filled", [*PARTS, *PARTS]))
    assert end_of(store) == FILLED


def test_an_order_whose_fills_all_came_before_the_venue_called_it_filled_still_ends() -> None:
    store = holding()
    store.tell(report("open", PARTS))
    assert end_of(store)[0] == "partially_filled"

    store.tell(report("filled", PARTS))

    assert end_of(store) == FILLED


def test_the_last_fill_known_and_an_earlier_one_new_still_ends_the_order() -> None:
    store = holding()
    store.tell(report("open", PARTS[2:]))
    store.tell(report("filled", PARTS))
    assert end_of(store) == FILLED


def test_filled_without_a_fill_is_not_believed_and_stays_held() -> None:
    store = holding()
    store.tell(report("filled"))
    assert end_of(store)[:2] == ("open", "501 USDT")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_canceled_order_keeps_its_fills_and_releases_the_rest(count: int) -> None:
    store = holding()
    store.tell(report("canceled", PARTS[:count], reason="asked"))

    spent = [Decimal(0), Decimal("200.2"), Decimal("347.15")][count]
    assert end_of(store)[:4] == ("canceled", "0 USDT", "0 USDT", str(usdt("501") - usdt(str(spent))))


def test_a_late_fill_of_a_canceled_order_is_booked_from_the_bot() -> None:
    store = holding()
    store.tell(report("canceled"))

    store.tell(report("canceled", PARTS[:1]))

    assert end_of(store) == ("canceled", "0 USDT", "0 USDT", "300.8 USDT", "0.004 BTC")
    assert flags_of(store) == [("fill_after_end", "trade t-1 of 0.004 after it was canceled")]


@pytest.mark.parametrize("status", ["filled", "canceled", "rejected"])
def test_an_end_is_not_believed_while_fills_are_missing_of_what_the_venue_matched(status: str) -> None:
    store = holding()
    told = replace(report(status, PARTS[:2]), filled_base=Decimal("0.01"))

    assert store.tell(told)["fills_missing"] is True  # safety §3 #11
    assert end_of(store)[0] == "partially_filled"
    assert store.book().held_total("USDT").amount > 0

    assert store.tell(replace(told, fills=PARTS[2:]))["fills_missing"] is False
    ended = "canceled" if status == "rejected" else status  # of what was matched it took some
    assert end_of(store)[:3] == (ended, "0 USDT", "0 USDT")


def test_what_an_order_is_flagged_for_waits_for_a_person() -> None:
    store = holding()
    store.tell(report("canceled"))
    store.tell(report("canceled", PARTS[:1]))
    assert store.order("o-1").needs_review

    assert store.refused(ReviewOrder("o-1", " ", by="acc-2"))[0] == "invalid_value"
    store.do(ReviewOrder("o-1", "the venue confirmed it", by="acc-2"))

    assert not store.order("o-1").needs_review
    assert store.names("order:o-1")[-1] == "orders.order_reviewed"


def test_an_order_rejected_outright_gives_everything_back() -> None:
    store = holding()
    store.tell(report("rejected", venue_order_id="", reason="too small"))
    assert end_of(store) == ("refused", "0 USDT", "0 USDT", "501 USDT", "0 BTC")


def test_an_order_rejected_after_it_was_accepted_ends_and_strands_no_hold() -> None:
    store = holding()
    store.tell(report("open"))
    store.tell(report("rejected", PARTS[:1], reason="self-trade"))
    assert end_of(store) == ("canceled", "0 USDT", "0 USDT", "300.8 USDT", "0.004 BTC")


def test_an_overfill_is_booked_to_what_the_owner_owes_us() -> None:
    store = holding()
    store.tell(report("filled", [fill("t-1", "0.02", "50000")]))

    assert store.owed("owner:due") == "-499 USDT"
    assert store.owed("owner:bot:bot-1", "BTC") == "0.02 BTC"
    assert flags_of(store) == [("overfill", "with trade t-1: 0.01 more than was ordered")]


@pytest.mark.parametrize(
    "broken",
    [
        replace(PARTS[0], quote_amount=Decimal(-200)),
        replace(PARTS[0], base_quantity=Decimal("1e400")),
        replace(PARTS[0], price_quote_per_base=Decimal(-1)),
        replace(PARTS[0], venue_trade_id=""),
    ],
)
def test_a_hostile_fill_posts_nothing_of_its_whole_report(broken: Fill) -> None:
    store = holding()
    for _ in range(2):
        store.tell(report("filled", [PARTS[1], broken]))

    assert end_of(store) == ("intended", "501 USDT", "501 USDT", "0 USDT", "0 BTC")
    assert [kind for kind, _ in flags_of(store)] == ["impossible_fill"]
    assert store.order("o-1").needs_review


@pytest.mark.parametrize("matched", ["-1", "NaN", "1e400"])
def test_a_hostile_quantity_in_all_posts_nothing_of_its_report(matched: str) -> None:
    store = holding()
    store.tell(replace(report("filled", PARTS), filled_base=Decimal(matched)))
    assert end_of(store)[0] == "intended"
    assert [kind for kind, _ in flags_of(store)] == ["impossible_fill"]


def test_a_report_of_a_foreign_order_touches_no_balance() -> None:
    store = holding()
    foreign = replace(report("filled", PARTS), client_order_id="o-9")
    assert store.refused(RecordReport(foreign)) == ("unknown_order", {"client_order_id": "o-9"})


def test_a_trade_that_another_order_booked_is_not_booked_again() -> None:
    store = holding()
    store.tell(report("open", PARTS[:1]))
    twin = with_second_order(store)

    code, data = store.refused(RecordReport(replace(report("open", PARTS[:1]), client_order_id=twin)))

    assert (code, data) == ("fact_already_recorded", {"natural_key": "fill:paper:BTC/USDT:t-1"})


def test_while_the_outcome_is_unknown_the_funds_stay_held_and_an_open_report_ends_the_doubt() -> None:
    store = holding()
    store.do(RecordUnknownOutcome("o-1", "timeout"))
    store.do(RecordUnknownOutcome("o-1", "timeout again"))
    assert end_of(store)[:2] == ("unknown", "501 USDT")

    store.tell(report("open"))

    assert end_of(store)[:2] == ("open", "501 USDT")
    assert store.names("order:o-1") == [
        "orders.order_intended",
        "orders.outcome_unknown",
        "orders.outcome_resolved",
        "orders.order_accepted",
    ]


def test_proof_that_the_venue_never_had_it_ends_an_unknown_order() -> None:
    store = holding()
    store.do(RecordUnknownOutcome("o-1", "timeout"))
    store.do(RecordVenueRefusal("o-1", "never had it"))
    assert end_of(store) == ("refused", "0 USDT", "0 USDT", "501 USDT", "0 BTC")


def test_an_accepted_order_is_not_ended_by_a_venue_that_forgot_it() -> None:
    store = holding()
    store.tell(report("open"))
    assert store.do(RecordVenueRefusal("o-1", "not found"))["status"] == "open"
    assert end_of(store)[:2] == ("open", "501 USDT")


@pytest.mark.parametrize("command", [RecordUnknownOutcome("o-9", "x"), RecordVenueRefusal("o-9", "x")])
def test_an_order_that_does_not_exist_is_named(command: RecordUnknownOutcome | RecordVenueRefusal) -> None:
    assert holding().refused(command) == ("unknown_order", {"client_order_id": "o-9"})


def test_the_same_report_has_the_same_id_however_many_zeros_its_amounts_come_with() -> None:
    """One that was read back from a store is one that was told before the process died."""
    order = holding().order("o-1")
    told = replace(
        report("filled", [fill("t-1", "0.0100", "50000.00", fee="0.50 USDT")]), filled_base=Decimal("0.010")
    )
    again = replace(
        report("filled", [fill("t-1", "0.01", "5E+4", fee="0.5 USDT")]), filled_base=Decimal("0.01")
    )
    other = replace(again, fills=[replace(again.fills[0], base_quantity=Decimal("NaN"))])

    assert report_id(told, order) == report_id(again, order)
    assert report_id(other, order) != report_id(again, order)


@pytest.mark.parametrize(
    "ended", [report("filled", PARTS), report("canceled", PARTS[:1]), report("rejected")]
)
@pytest.mark.parametrize(
    "told",
    [
        report("open"),
        report("open", PARTS[:1]),
        report("filled", PARTS),
        report("canceled", reason="the venue says canceled"),
        report("rejected", reason="no money"),
        replace(report("open", PARTS[:1]), filled_base=Decimal("0.004")),
        replace(report("filled", PARTS), filled_base=Decimal("0.011")),
        replace(report("canceled"), filled_base=Decimal("NaN")),
        report("filled", [replace(PARTS[0], base_quantity=Decimal(-1))]),
        report("open", [fill("t-9", "0.001", "50000")]),
    ],
)
def test_what_is_no_news_changes_nothing_when_it_is_booked_all_the_same(
    ended: OrderReport, told: OrderReport
) -> None:
    store = holding()
    store.tell(ended)
    order, book = store.order("o-1"), store.book()
    assert order.has_ended

    is_news = has_news(told, order)
    missing = store.tell(told)["fills_missing"]

    assert is_news or (store.order("o-1"), store.book(), missing) == (order, book, False)


def test_only_of_an_ended_order_is_anything_no_news() -> None:
    store = holding()
    told = report("open", PARTS[:1])
    store.tell(told)
    assert has_news(told, store.order("o-1"))
    store.tell(report("filled", PARTS))
    assert not has_news(told, store.order("o-1"))
